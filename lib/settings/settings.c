#include "settings/settings.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "settings/dialect.h"
#include "settings/flag.h"
#include "settings/value.h"
#include "json/json.h"

#define FILE_MAX (4u << 20)
#define DEFAULT "default"

extern char **environ;

struct settings {
    const struct settings_program *program;
    struct setting_value *values; /* one a row of the table */
    char **origins;               /* DEFAULT, "hub.json:3:12", "MILLRACE_HUB_…", "--name" */
    char **arguments;
    size_t argument_count;
    const char *config; /* of --config; NULL */
    bool check, show_origin, help;
    unsigned errors, passed_over; /* passed over: words that a dialect lets be unknown */
};

static void complain(struct settings *s, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void warn(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const char *where, const char *format, va_list args)
{
    struct buffer line = {0};
    buffer_vprintf(&line, format, args);
    fprintf(stderr, "%s: %.*s\n", where, SLICE_FMT(buffer_slice(&line)));
    buffer_clear(&line);
}

static void complain(struct settings *s, const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(where, format, args);
    va_end(args);
    s->errors++;
}

static void warn(const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(where, format, args);
    va_end(args);
}

/* ---- names, and which one was meant ---- */

size_t settings_distance(const char *a, struct slice b)
{
    size_t row[64], len = strlen(a);
    if (len >= 63 || b.len >= 63)
        return 99;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; i <= b.len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t change = corner + (a[j - 1] != (char)b.at[i - 1]);
            corner = row[j];
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[len];
}

static long find(const struct settings *s, struct slice name)
{
    return settings_row_find(s->program, name);
}

static void unknown(struct settings *s, const char *where, struct slice name)
{
    const char *best = NULL;
    size_t least = name.len < 6 ? name.len / 2 + 1 : 4; /* from there on it is no typo */
    for (size_t i = 0; i < s->program->count; i++) {
        size_t d = settings_distance(s->program->table[i].name, name);
        if (d < least) {
            least = d;
            best = s->program->table[i].name;
        }
    }
    if (best)
        complain(s, where, "unknown setting '%.*s'; did you mean '%s'?", SLICE_FMT(name), best);
    else
        complain(s, where, "unknown setting '%.*s'; 'millrace %s --help' lists them",
                 SLICE_FMT(name), s->program->name);
}

/* A flag of a dialect that is newer than its table must not stop a program that ran before. */
static void unknown_flag(struct settings *s, const char *where, struct slice name)
{
    unknown(s, where, name);
    if (s->program->dialect) {
        s->errors--;
        s->passed_over++;
        warn(where, "passed over");
    }
}

static void give(struct settings *s, size_t i, struct slice text, const char *where)
{
    struct buffer why = {0};
    if (setting_parse(&s->program->table[i], text, &s->values[i], &why) != OK) {
        bool secret = s->program->table[i].secret;
        complain(s, where, "'%s' %s, not '%.*s'", s->program->table[i].name, buffer_cstr(&why),
                 secret ? 3 : (int)text.len, secret ? "***" : (const char *)text.at);
    } else {
        free(s->origins[i]);
        s->origins[i] = memory_text(where);
    }
    buffer_clear(&why);
}

/* ---- the file ---- */

static void text_of(const struct json *v, struct buffer *out)
{
    int64_t n;
    switch (json_type(v)) {
    case JSON_STRING:
        buffer_put(out, json_string(v));
        break;
    case JSON_BOOL:
        buffer_text(out, json_bool(v, false) ? "true" : "false");
        break;
    case JSON_NUMBER:
        if (json_i64(v, &n))
            buffer_printf(out, "%lld", (long long)n);
        else
            buffer_printf(out, "%g", json_double(v, 0));
        break;
    case JSON_ARRAY:
        for (struct json_walk w = json_walk(v); json_next(&w);) {
            if (out->len)
                buffer_u8(out, ',');
            text_of(w.value, out);
        }
        break;
    default:
        break;
    }
}

struct file {
    const char *path;
    const struct json_doc *doc;
};

static void walk(struct settings *s, const struct file *f, const struct json *object,
                 struct slice prefix)
{
    for (struct json_walk w = json_walk(object); json_next(&w);) {
        struct buffer name = {0}, where = {0}, text = {0};
        unsigned line = 0, column = 0;
        buffer_put(&name, prefix);
        if (prefix.len)
            buffer_u8(&name, '.');
        buffer_put(&name, w.name);
        json_where(f->doc, w.value, &line, &column);
        buffer_printf(&where, "%s:%u:%u", f->path, line, column);
        long i = find(s, buffer_slice(&name));
        if (i >= 0) {
            text_of(w.value, &text);
            give(s, (size_t)i, buffer_slice(&text), buffer_cstr(&where));
        } else if (json_is(w.value, JSON_OBJECT)) {
            walk(s, f, w.value, buffer_slice(&name));
        } else if (!slice_starts(w.name, SLICE("$"))) { /* "$schema" is the editor's */
            unknown(s, buffer_cstr(&where), buffer_slice(&name));
        }
        buffer_clear(&name);
        buffer_clear(&where);
        buffer_clear(&text);
    }
}

static bool read_file(const char *path, struct buffer *out)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return false;
    size_t n;
    while ((n = fread(buffer_reserve(out, 65536), 1, 65536, f)) > 0 && out->len < FILE_MAX)
        buffer_added(out, n);
    bool ok = !ferror(f);
    fclose(f);
    return ok;
}

static void from_file(struct settings *s)
{
    if (s->config == NULL)
        return;
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    struct json_error error = {0};
    if (!read_file(s->config, &text)) {
        complain(s, s->config, "cannot be read");
    } else if (json_parse(buffer_slice(&text), JSON_CONFIG, &doc, &error) != OK) {
        struct buffer where = {0};
        buffer_printf(&where, "%s:%u:%u", s->config, error.line, error.column);
        complain(s, buffer_cstr(&where), "%s", error.what ? error.what : "is not JSON");
        buffer_clear(&where);
    } else if (!json_is(json_root(doc), JSON_OBJECT)) {
        complain(s, s->config, "must be a JSON object");
    } else {
        walk(s, &(struct file){s->config, doc}, json_root(doc), (struct slice){0});
    }
    json_free(&doc);
    buffer_clear(&text);
}

/* ---- the environment ---- */

static void variable_name(const struct settings *s, const char *setting, struct buffer *out)
{
    buffer_printf(out, "MILLRACE_%s_%s", s->program->name, setting);
    for (size_t i = 0; i < out->len; i++)
        out->at[i] = isalnum(out->at[i]) ? (uint8_t)toupper(out->at[i]) : '_';
}

/* The same thing in the dialect's words. */
static void give_option(struct settings *s, const struct settings_option *o, struct slice value,
                        const char *where)
{
    if (o->setting == NULL) {
        warn(where, "has no effect here: %s", o->note);
        return;
    }
    struct buffer text = {0};
    long i = find(s, slice_of(o->setting));
    assert(i >= 0);
    if (settings_option_value(o, &s->program->table[i], value, &text))
        give(s, (size_t)i, buffer_slice(&text), where);
    else
        complain(s, where, "cannot be '%.*s': %s", SLICE_FMT(value),
                 o->note ? o->note : s->program->table[i].help);
    buffer_clear(&text);
}

static void from_secrets_file(struct settings *s, const struct settings_dialect *d)
{
    const char *given = d->secrets_variable ? getenv(d->secrets_variable) : NULL;
    const char *path = given ? given : d->secrets_file;
    struct buffer text = {0};
    struct slice name, value;
    if (path && !read_file(path, &text) && given)
        complain(s, d->secrets_variable, "'%s' cannot be read", path);
    struct slice left = buffer_slice(&text);
    while (settings_env_next(&left, &name, &value)) {
        const struct settings_option *o = settings_option_of_variable(d, name);
        if (o && value.len)
            give_option(s, o, value, path);
    }
    if (text.len)
        explicit_bzero(text.at, text.len);
    buffer_clear(&text);
}

static void from_dialect(struct settings *s)
{
    const struct settings_dialect *d = s->program->dialect;
    if (d == NULL)
        return;
    from_secrets_file(s, d);
    for (char **at = environ; *at; at++) {
        struct slice pair = slice_of(*at);
        struct slice name = slice_first(pair, slice_find(pair, '='));
        struct slice value = slice_skip(pair, name.len + 1);
        const struct settings_option *o = settings_option_of_variable(d, name);
        if (o && value.len)
            give_option(s, o, value, o->variable);
    }
}

static void from_environment(struct settings *s)
{
    for (size_t i = 0; i < s->program->count; i++) {
        struct buffer name = {0};
        variable_name(s, s->program->table[i].name, &name);
        const char *value = getenv(buffer_cstr(&name));
        if (value)
            give(s, i, slice_of(value), buffer_cstr(&name));
        buffer_clear(&name);
    }
}

/* ---- the command line ---- */

static void add_argument(struct settings *s, char *word)
{
    if (s->program->commands) {
        s->arguments = memory_resize(s->arguments, (s->argument_count + 1) * sizeof(char *));
        s->arguments[s->argument_count++] = word;
    } else if (s->program->dialect) {
        warn(word, "belongs to no setting, passed over");
        s->passed_over++;
    } else {
        complain(s, word, "belongs to no setting; 'millrace %s --help' lists them", s->program->name);
    }
}

static bool own_flag(struct settings *s, struct slice name)
{
    bool *own = slice_eq(name, SLICE("help"))          ? &s->help
                : slice_eq(name, SLICE("check"))       ? &s->check
                : slice_eq(name, SLICE("show-origin")) ? &s->show_origin
                                                       : NULL;
    if (own)
        *own = true;
    return own != NULL;
}

static void give_flag(struct settings *s, const struct settings_flag *f)
{
    struct slice where = slice_first(slice_of(f->word), slice_find(slice_of(f->word), '='));
    char *origin = slice_dup(where);
    if (f->setting < 0 && f->option == NULL)
        unknown_flag(s, origin, f->name);
    else if (f->value == NULL)
        complain(s, origin, "needs a value: %s",
                 f->setting >= 0 ? s->program->table[f->setting].help
                 : f->option->setting
                     ? s->program->table[find(s, slice_of(f->option->setting))].help
                     : f->option->note);
    else if (f->setting >= 0)
        give(s, (size_t)f->setting, slice_of(f->value), origin);
    else
        give_option(s, f->option, slice_of(f->value), origin);
    free(origin);
}

static bool is_flag(const struct settings *s, const char *word)
{
    return strncmp(word, "--", 2) == 0 || (s->program->dialect && word[0] == '-' && word[1]);
}

/* What stands behind a flag that is not known is most likely its value: one complaint is enough. */
static void pass_value(const struct settings *s, struct settings_words *w)
{
    if (!s->program->commands && w->at < w->argc && w->argv[w->at][0] != '-')
        (void)settings_word_next(w);
}

/* Twice: first for --config alone, so that the file comes before the flags that override it. */
static void from_words(struct settings *s, int argc, char **argv, bool config_only)
{
    struct settings_words w = {argc, 1, argv};
    for (const char *word; (word = settings_word_next(&w));) {
        if (strcmp(word, "-h") == 0) {
            s->help = true;
            continue;
        }
        if (!is_flag(s, word)) {
            if (!config_only)
                add_argument(s, (char *)word);
            continue;
        }
        struct settings_flag f = settings_flag_read(s->program, &w, word);
        if (slice_eq(f.name, SLICE("config"))) {
            const char *path = f.value ? f.value : settings_word_next(&w);
            if (config_only && path == NULL)
                complain(s, word, "needs a file's name");
            s->config = path;
        } else if (!own_flag(s, f.name)) {
            if (f.setting < 0 && f.option == NULL && f.value == NULL)
                pass_value(s, &w);
            if (!config_only)
                give_flag(s, &f);
        }
    }
}

/* ---- what is printed ---- */

/* So that all names fit in front of their words. */
static int name_width(const struct settings *s)
{
    size_t width = strlen("config FILE");
    for (size_t i = 0; i < s->program->count; i++) {
        size_t len = strlen(s->program->table[i].name);
        width = len > width ? len : width;
    }
    return (int)width;
}

static void print_help(const struct settings *s)
{
    int width = name_width(s);
    printf("usage: millrace %s [--config FILE] [--NAME VALUE ...]\n\n%s\n\n", s->program->name,
           s->program->usage);
    for (size_t i = 0; i < s->program->count; i++) {
        const struct setting *row = &s->program->table[i];
        printf("  --%-*s %s", width, row->name, row->help);
        if (row->words)
            printf("; %s", row->words);
        if (row->otherwise)
            printf(" (%s)", row->otherwise);
        printf("\n");
    }
    struct buffer example = {0};
    variable_name(s, s->program->table[0].name, &example);
    printf("\n  --%-*s %s\n  --%-*s %s\n  --%-*s %s\n\n", width, "config FILE",
           "JSON with comments; names as above, nested or dotted", width, "check",
           "looks at all settings and ends: 0 when they are good, 2 when not", width, "show-origin",
           "prints every value and where it comes from");
    printf("Each can also be an environment variable, such as %s; flags win over "
           "variables,\nvariables "
           "over the file.\n",
           buffer_cstr(&example));
    buffer_clear(&example);
}

static void print_origins(const struct settings *s)
{
    for (size_t i = 0; i < s->program->count; i++) {
        const struct setting *row = &s->program->table[i];
        const char *text = s->values[i].text;
        printf("%-*s %-30s %s\n", name_width(s), row->name,
               text == NULL  ? "-"
               : row->secret ? "***"
                             : text,
               s->origins[i] ? s->origins[i] : "-");
    }
}

int settings_load(const struct settings_program *program, int argc, char **argv,
                  struct settings **out)
{
    struct settings *s = MEMORY_NEW(struct settings);
    s->program = program;
    s->values = memory_new(program->count * sizeof(*s->values));
    s->origins = memory_new(program->count * sizeof(*s->origins));
    for (size_t i = 0; i < program->count; i++)
        if (program->table[i].otherwise)
            give(s, i, slice_of(program->table[i].otherwise), DEFAULT);
    assert(s->errors == 0); /* the table's own defaults */
    from_words(s, argc, argv, true);
    if (s->help) {
        print_help(s);
        settings_free(&s);
        return 0;
    }
    from_file(s);
    from_dialect(s);
    from_environment(s);
    from_words(s, argc, argv, false);
    int code = s->errors || (s->check && s->passed_over) ? 2 : s->check || s->show_origin ? 0 : -1;
    if (s->show_origin)
        print_origins(s);
    if (code < 0)
        *out = s;
    else
        settings_free(&s);
    return code;
}

void settings_free(struct settings **settings)
{
    struct settings *s = *settings;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->program->count; i++) {
        setting_value_clear(&s->values[i]);
        free(s->origins[i]);
    }
    free(s->values);
    free(s->origins);
    free(s->arguments);
    free(s);
    *settings = NULL;
}

/* ---- the values ---- */

static const struct setting_value *value_of(const struct settings *s, const char *name)
{
    long i = find(s, slice_of(name));
    assert(i >= 0);
    return &s->values[i];
}

bool settings_given(const struct settings *s, const char *name)
{
    long i = find(s, slice_of(name));
    assert(i >= 0);
    return s->origins[i] && strcmp(s->origins[i], DEFAULT) != 0;
}

const char *settings_text(const struct settings *s, const char *name)
{
    return value_of(s, name)->text;
}

int64_t settings_integer(const struct settings *s, const char *name)
{
    return value_of(s, name)->number;
}

uint64_t settings_size(const struct settings *s, const char *name)
{
    return (uint64_t)value_of(s, name)->number;
}

uint64_t settings_ms(const struct settings *s, const char *name)
{
    return (uint64_t)value_of(s, name)->number;
}

bool settings_bool(const struct settings *s, const char *name)
{
    return value_of(s, name)->number != 0;
}

size_t settings_list(const struct settings *s, const char *name, const char *const **out)
{
    const struct setting_value *v = value_of(s, name);
    *out = (const char *const *)v->list;
    return v->list_count;
}

const char *settings_argument(const struct settings *s, size_t i)
{
    return i < s->argument_count ? s->arguments[i] : NULL;
}

void settings_start_log(const struct settings *s)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_LEVEL_INFO;
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(settings_text(s, "log.level"), levels[i]) == 0)
            level = (enum log_level)i;
    log_setup(s->program->name, level, strcmp(settings_text(s, "log.format"), "json") == 0);
}
