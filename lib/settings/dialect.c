#include "settings/dialect.h"

static bool has_name(const char *names, struct slice name)
{
    struct slice rest = slice_of(names), one;
    while (rest.len && slice_split(&rest, ' ', &one))
        if (slice_eq(one, name))
            return true;
    return false;
}

const struct settings_option *settings_option_of_variable(const struct settings_dialect *d,
                                                          struct slice name)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->options[i].variable && slice_eq_nocase(slice_of(d->options[i].variable), name))
            return &d->options[i];
    return NULL;
}

const struct settings_option *settings_option_find(const struct settings_dialect *d,
                                                   struct slice name)
{
    for (size_t i = 0; i < d->count; i++)
        if (has_name(d->options[i].names, name))
            return &d->options[i];
    return settings_option_of_variable(d, name);
}

/* "true" for "True": the other program reads them in any case. */
static void put_word(const char *words, struct slice value, struct buffer *out)
{
    struct slice rest = slice_of(words), word;
    while (rest.len && slice_split(&rest, '|', &word))
        if (slice_eq_nocase(word, value)) {
            buffer_put(out, word);
            return;
        }
    buffer_put(out, value);
}

bool settings_option_value(const struct settings_option *o, const struct setting *row,
                           struct slice value, struct buffer *out)
{
    if (o->convert)
        return o->convert(value, out);
    put_word(row->type == SETTING_BOOL ? "true|false" : row->words ? row->words : "", value, out);
    return true;
}

static struct slice without_quotes(struct slice s)
{
    bool quoted = s.len >= 2 && (s.at[0] == '"' || s.at[0] == '\'') && s.at[s.len - 1] == s.at[0];
    return quoted ? slice_from(s.at + 1, s.len - 2) : s;
}

bool settings_env_next(struct slice *left, struct slice *name, struct slice *value)
{
    struct slice line;
    while (left->len && slice_split(left, '\n', &line)) {
        line = slice_trim(line);
        if (slice_starts(line, SLICE("export ")))
            line = slice_trim(slice_skip(line, 7));
        size_t at = slice_find(line, '=');
        if (at == line.len || line.at[0] == '#')
            continue;
        *name = slice_trim(slice_first(line, at));
        *value = without_quotes(slice_trim(slice_skip(line, at + 1)));
        return true;
    }
    return false;
}
