#include "published/config_field.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"

#define FIELDS_MAX 128 /* of one table */

/* ---- findings ---- */

void config_find_at(struct config *c, unsigned line, unsigned column, struct slice field,
                    bool refused, const char *format, va_list args)
{
    if (c->finding_count == CONFIG_FINDINGS_MAX)
        return;
    struct config_finding *f = &c->findings[c->finding_count++];
    char text[512];
    int len = vsnprintf(text, sizeof text, format, args);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    char *copy = arena_take(&c->arena, kept + 1);
    memcpy(copy, text, kept);
    *f = (struct config_finding){.line = line,
                                 .column = column,
                                 .field = field,
                                 .refused = refused,
                                 .text = slice_from(copy, kept)};
}

void config_find(struct config *c, const struct json *at, struct slice field, bool refused,
                 const char *format, ...)
{
    unsigned line = 0, column = 0;
    if (at && c->places_left > 0) { /* each place is looked for from the beginning of the text */
        c->places_left--;
        if (!json_where(c->doc, at, &line, &column))
            line = column = 0;
    }
    va_list args;
    va_start(args, format);
    config_find_at(c, line, column, field, refused, format, args);
    va_end(args);
}

void config_finding_print(const struct config_finding *f, const char *path, struct buffer *out)
{
    buffer_printf(out, "%s:%u:%u: ", path, f->line, f->column);
    if (f->field.len)
        buffer_printf(out, "%.*s: ", SLICE_FMT(f->field));
    buffer_put(out, f->text);
}

/* ---- one field ---- */

static bool is_whole(const struct json *v, int64_t *out)
{
    uint64_t text;
    if (json_is(v, JSON_STRING) && slice_to_u64(slice_trim(json_string(v)), &text) &&
        text <= INT64_MAX) {
        *out = (int64_t)text;
        return true;
    }
    return json_is(v, JSON_NUMBER) && json_i64(v, out) && *out >= 0;
}

/* "true" in quotes is what templates give. */
static bool is_flag(const struct json *v, int *out)
{
    struct slice text = json_string(v);
    bool yes = slice_eq_nocase(text, SLICE("true")), no = slice_eq_nocase(text, SLICE("false"));
    if (!json_is(v, JSON_BOOL) && !yes && !no)
        return false;
    *out = yes || json_bool(v, false) ? SAID_YES : SAID_NO;
    return true;
}

static const struct word *find_word(const struct json *v, const struct word *words)
{
    int64_t number;
    for (const struct word *w = words; w->name; w++)
        if (slice_eq_nocase(json_string(v), slice_of(w->name)) ||
            (!w->why && json_is(v, JSON_NUMBER) && json_i64(v, &number) && number == w->value))
            return w;
    return NULL;
}

static void list_words(const struct word *words, struct buffer *out)
{
    for (const struct word *w = words; w->name; w++)
        if (!w->why)
            buffer_printf(out, "%s%s", w == words ? "" : ", ", w->name);
}

static bool refuse(struct config *c, const struct json *v, struct slice name, const char *wanted)
{
    config_find(c, v, name, true, "must be %s", wanted);
    return false;
}

static bool read_word(struct config *c, const struct json *v, const struct field *f,
                      struct slice name, int *out)
{
    if (json_is(v, JSON_STRING) && json_string(v).len == 0)
        return true;
    const struct word *w = find_word(v, f->words);
    if (w && !w->why) {
        *out = w->value;
        return true;
    }
    if (w) {
        config_find(c, v, name, true, "'%s' %s", w->name, w->why);
        return false;
    }
    struct buffer known = {0};
    list_words(f->words, &known);
    config_find(c, v, name, true, "'%.*s' is not known; use one of %s",
                SLICE_FMT(slice_first(json_string(v), 64)), buffer_cstr(&known));
    buffer_clear(&known);
    return false;
}

#define INTERVAL_MS_MAX (1000LL * 3600 * 24 * 365)

static bool read_interval(struct config *c, const struct json *v, struct slice name, int64_t unit,
                          int64_t *out)
{
    int64_t n;
    if (!is_whole(v, &n) || n > INTERVAL_MS_MAX / unit)
        return refuse(c, v, name, unit == 1 ? "milliseconds, 0 or more" : "seconds, 0 or more");
    *out = n * unit;
    return true;
}

static bool read_span(struct config *c, const struct json *v, struct slice name, int64_t *out)
{
    uint64_t ms;
    if (!clock_parse_timespan(json_string(v), &ms) || ms > INTERVAL_MS_MAX)
        return refuse(c, v, name, "a time span such as \"00:00:01.500\"");
    *out = (int64_t)ms;
    return true;
}

static bool read_number(struct config *c, const struct json *v, const struct field *f,
                        struct slice name, int64_t *out)
{
    int64_t n;
    if (!is_whole(v, &n))
        return refuse(c, v, name, "a whole number, 0 or more");
    if (n > f->max) {
        config_find(c, v, name, true, "must be %lld at most", (long long)f->max);
        return false;
    }
    *out = n;
    return true;
}

/* "{8-4-4-4-12}" in hex, with or without braces. */
static bool read_guid(struct config *c, const struct json *v, struct slice name, struct slice *out)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    struct slice s = slice_trim(json_string(v));
    if (json_is(v, JSON_STRING) && s.len == 0)
        return true;
    if (s.len == sizeof shape + 1 && s.at[0] == '{' && s.at[s.len - 1] == '}')
        s = slice_first(slice_skip(s, 1), s.len - 2);
    bool good = s.len == sizeof shape - 1, zeros = true;
    for (size_t i = 0; good && i < s.len; i++) {
        good = shape[i] == '-' ? s.at[i] == '-' : isxdigit(s.at[i]) != 0;
        zeros = zeros && (s.at[i] == '-' || s.at[i] == '0');
    }
    if (!good)
        return refuse(c, v, name, "a GUID such as \"7d1a4b2c-0000-4000-8000-00805f9b34fb\"");
    *out = zeros ? (struct slice){0} : s;
    return true;
}

static bool read_decimal(struct config *c, const struct json *v, struct slice name, double *out)
{
    *out = json_double(v, 0);
    return (json_is(v, JSON_NUMBER) && *out >= 0) || refuse(c, v, name, "a number, 0 or more");
}

static bool read_array(struct config *c, const struct field *f, const struct json *v,
                       struct slice name, void *into)
{
    if (!json_is(v, JSON_ARRAY))
        return refuse(c, v, name, "an array");
    bool good = true;
    struct json_walk w = json_walk(v);
    while (json_next(&w)) {
        if (f->kind == FIELD_TEXTS && !json_is(w.value, JSON_STRING))
            good = refuse(c, w.value, name, "an array of texts");
        else if (f->kind == FIELD_SHAPES && !json_is(w.value, JSON_OBJECT))
            good = refuse(c, w.value, name, "an array of objects");
        else if (f->kind == FIELD_SHAPES)
            good = config_fields_read(c, w.value, f->inside, into) && good;
    }
    return good;
}

static bool read_object(struct config *c, const struct field *f, const struct json *v,
                        struct slice name, void *into)
{
    if (!json_is(v, JSON_OBJECT))
        return refuse(c, v, name, "an object");
    return !f->inside || config_fields_read(c, v, f->inside, into);
}

/* What stands in it is copied as it is, or read by others. */
static bool holds_a_name_twice(struct config *c, const struct json *v, struct slice name)
{
    const struct json *twice = json_twice(v);
    if (twice)
        config_find(c, twice, name, true, "holds the same name twice; take one of them out");
    return twice != NULL;
}

static bool read_field(struct config *c, const struct field *f, const struct json *v,
                       struct slice name, void *into)
{
    void *at = (char *)into + f->offset;
    if (json_is(v, JSON_NULL))
        return true;
    if (f->kind >= FIELD_OBJECT && f->kind != FIELD_TEXTS && f->kind != FIELD_NODES &&
        holds_a_name_twice(c, v, name))
        return false;
    switch (f->kind) {
    case FIELD_TEXT:
        *(struct slice *)at = json_string(v);
        return json_is(v, JSON_STRING) || refuse(c, v, name, "a text");
    case FIELD_GUID:
        return read_guid(c, v, name, at);
    case FIELD_FLAG:
        return is_flag(v, at) || refuse(c, v, name, "true or false");
    case FIELD_NUMBER:
        return read_number(c, v, f, name, at);
    case FIELD_DECIMAL:
        return read_decimal(c, v, name, at);
    case FIELD_MS:
        return read_interval(c, v, name, 1, at);
    case FIELD_SECONDS:
        return read_interval(c, v, name, 1000, at);
    case FIELD_SPAN:
        return (json_is(v, JSON_STRING) && json_string(v).len == 0) || read_span(c, v, name, at);
    case FIELD_WORD:
        return read_word(c, v, f, name, at);
    case FIELD_TEXTS:
    case FIELD_OBJECT:
    case FIELD_FILTER:
    case FIELD_NODES:
    case FIELD_VALUE:
        *(const struct json **)at = v;
        break;
    case FIELD_SHAPE:
    case FIELD_SHAPES:
    case FIELD_ANY:
        break;
    }
    if (f->kind == FIELD_TEXTS || f->kind == FIELD_NODES || f->kind == FIELD_SHAPES)
        return read_array(c, f, v, name, into);
    if (f->kind == FIELD_FILTER && json_is(v, JSON_STRING))
        return true;
    if (f->kind == FIELD_OBJECT || f->kind == FIELD_FILTER || f->kind == FIELD_SHAPE)
        return read_object(c, f, v, name, into);
    return true;
}

const struct field *config_field(const struct fields *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (slice_eq_nocase(slice_of(fields->at[i].name), name))
            return &fields->at[i];
    return NULL;
}

/* A null says nothing, as if it were not there; beside a list it does: who edits it takes the first of that name. */
static bool says_something(const struct field *f, const struct json *v)
{
    return !json_is(v, JSON_NULL) || f->kind >= FIELD_OBJECT;
}

/* OPC Publisher takes the last one; of lists nobody knows what it takes. False: refused. */
static bool say_twice(struct config *c, const struct field *f, const struct json *v, struct slice name)
{
    bool list = f->kind >= FIELD_OBJECT;
    config_find(c, v, name, list,
                list ? "stands here twice; make one of them" : "stands here twice; the last one counts");
    return !list;
}

static bool read_pass(struct config *c, const struct json *object, const struct fields *fields,
                      bool spans, bool *more, void *into)
{
    bool good = true, seen[FIELDS_MAX] = {false};
    assert(fields->count <= FIELDS_MAX);
    struct json_walk w = json_walk(object);
    while (json_next(&w)) {
        const struct field *f = config_field(fields, w.name);
        if (f && (f->kind == FIELD_SPAN) == spans) {
            bool *before = &seen[f - fields->at];
            bool says = says_something(f, w.value);
            good = (!*before || !says || say_twice(c, f, w.value, w.name)) && good;
            *before = *before || says;
            good = read_field(c, f, w.value, w.name, into) && good;
        } else if (f) {
            *more = true;
        } else if (!spans) {
            config_find(c, w.value, w.name, false, "is not a known name; it is ignored");
        }
    }
    return good;
}

/* Time spans come last, whatever the order in the file: they beat the numbers. */
bool config_fields_read(struct config *c, const struct json *object, const struct fields *fields,
                        void *into)
{
    bool more = false;
    bool good = read_pass(c, object, fields, false, &more, into);
    return (!more || read_pass(c, object, fields, true, &more, into)) && good;
}
