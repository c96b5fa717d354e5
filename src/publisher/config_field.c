#include "publisher/config_field.h"

#include <stdio.h>

#include "base/clock.h"

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

static bool is_word(const struct json *v, const struct word *words, int *out)
{
    int64_t number;
    for (const struct word *w = words; w->name; w++)
        if (slice_eq_nocase(json_string(v), slice_of(w->name)) ||
            (json_is(v, JSON_NUMBER) && json_i64(v, &number) && number == w->value)) {
            *out = w->value;
            return true;
        }
    return false;
}

static void list_words(const struct word *words, struct buffer *out)
{
    for (const struct word *w = words; w->name; w++)
        buffer_printf(out, "%s%s", w == words ? "" : ", ", w->name);
}

static bool refuse(struct config *c, const struct json *v, struct slice name, const char *wanted)
{
    config_find(c, v, name, true, "must be %s", wanted);
    return false;
}

static bool refuse_word(struct config *c, const struct json *v, const struct field *f,
                        struct slice name)
{
    struct buffer known = {0};
    list_words(f->words, &known);
    config_find(c, v, name, true, "'%.*s' is not known or not built; use one of %s",
                SLICE_FMT(json_string(v)), buffer_cstr(&known));
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

static bool read_field(struct config *c, const struct field *f, const struct json *v,
                       struct slice name, void *into)
{
    void *at = (char *)into + f->offset;
    if (json_is(v, JSON_NULL))
        return true;
    switch (f->kind) {
    case FIELD_TEXT:
        *(struct slice *)at = json_string(v);
        return json_is(v, JSON_STRING) || refuse(c, v, name, "a text");
    case FIELD_FLAG:
        return is_flag(v, at) || refuse(c, v, name, "true or false");
    case FIELD_NUMBER:
        return is_whole(v, at) || refuse(c, v, name, "a whole number, 0 or more");
    case FIELD_DECIMAL:
        *(double *)at = json_double(v, 0);
        return json_is(v, JSON_NUMBER) || refuse(c, v, name, "a number");
    case FIELD_MS:
        return read_interval(c, v, name, 1, at);
    case FIELD_SECONDS:
        return read_interval(c, v, name, 1000, at);
    case FIELD_SPAN:
        return json_string(v).len == 0 || read_span(c, v, name, at);
    case FIELD_WORD:
        return (json_is(v, JSON_STRING) && json_string(v).len == 0) || is_word(v, f->words, at) ||
               refuse_word(c, v, f, name);
    case FIELD_VALUE:
    case FIELD_NODES:
        *(const struct json **)at = v;
        return true;
    case FIELD_NOT_BUILT:
        if (!json_is(v, JSON_BOOL) || json_bool(v, false))
            config_find(c, v, name, false, "is not built; what it says is ignored");
        return true;
    case FIELD_KNOWN:
        break;
    }
    return true;
}

static const struct field *find_field(const struct field *fields, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(slice_of(fields[i].name), name))
            return &fields[i];
    return NULL;
}

static bool read_pass(struct config *c, const struct json *object, struct fields fields, bool spans,
                      bool *more, void *into)
{
    bool good = true;
    struct json_walk w = json_walk(object);
    while (json_next(&w)) {
        const struct field *f = find_field(fields.at, fields.count, w.name);
        if (f && (f->kind == FIELD_SPAN) == spans)
            good = read_field(c, f, w.value, w.name, into) && good;
        else if (f)
            *more = true;
        else if (!spans)
            config_find(c, w.value, w.name, false, "is not a known name; it is ignored");
    }
    return good;
}

/* Time spans come last, whatever the order in the file: they beat the numbers. */
bool config_fields_read(struct config *c, const struct json *object, struct fields fields,
                        void *into)
{
    bool more = false;
    bool good = read_pass(c, object, fields, false, &more, into);
    return (!more || read_pass(c, object, fields, true, &more, into)) && good;
}
