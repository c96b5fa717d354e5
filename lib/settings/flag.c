#include "settings/flag.h"

#include <string.h>

long settings_row_find(const struct settings_program *p, struct slice name)
{
    for (size_t i = 0; i < p->count; i++)
        if (slice_eq(slice_of(p->table[i].name), name))
            return (long)i;
    return -1;
}

const char *settings_word_next(struct settings_words *w)
{
    return w->at < w->argc ? w->argv[w->at++] : NULL;
}

/* A switch needs no value, but may have one: "--tls false". */
static bool said_outright(const struct settings_words *w)
{
    struct slice next = slice_of(w->at < w->argc ? w->argv[w->at] : "");
    return slice_eq_nocase(next, SLICE("true")) || slice_eq_nocase(next, SLICE("false"));
}

static void look_up_flag(const struct settings_program *p, struct settings_flag *f)
{
    f->setting = strncmp(f->word, "--", 2) == 0 ? settings_row_find(p, f->name) : -1;
    if (f->setting < 0 && slice_starts(f->name, SLICE("no-"))) {
        f->setting = settings_row_find(p, slice_skip(f->name, 3));
        f->no = f->setting >= 0 && p->table[f->setting].type == SETTING_BOOL;
        f->setting = f->no ? f->setting : -1;
    }
    if (f->setting < 0 && p->dialect)
        f->option = settings_option_find(p->dialect, f->name);
}

static void take_value(const struct settings_program *p, struct settings_words *w,
                       struct settings_flag *f)
{
    bool is_switch = f->setting >= 0 && p->table[f->setting].type == SETTING_BOOL;
    const char *alone = f->option ? f->option->alone : is_switch ? "true" : NULL;
    if (f->no)
        f->value = "false";
    if (f->value || (f->setting < 0 && f->option == NULL))
        return;
    if (alone && !said_outright(w))
        f->value = alone;
    else
        f->value = settings_word_next(w);
}

struct settings_flag settings_flag_read(const struct settings_program *p, struct settings_words *w,
                                        const char *word)
{
    struct settings_flag f = {.word = word, .setting = -1};
    const char *name = word + (word[1] == '-' ? 2 : 1);
    f.value = p->dialect ? strpbrk(name, "=:") : strchr(name, '=');
    f.name = f.value ? slice_from(name, (size_t)(f.value++ - name)) : slice_of(name);
    look_up_flag(p, &f);
    take_value(p, w, &f);
    return f;
}
