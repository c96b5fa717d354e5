#include "iot/twin_rules.h"

#include "iot/twin.h"

bool iot_twin_name_is_own(struct slice name)
{
    return slice_eq(name, SLICE("$metadata")) || slice_eq(name, SLICE("$version"));
}

/* U+0000 to U+001F, U+007F, and C1, U+0080 to U+009F, which UTF-8 writes as C2 80 to C2 9F. */
static size_t control_length(struct slice s)
{
    if (s.at[0] < 0x20 || s.at[0] == 0x7f)
        return 1;
    return s.at[0] == 0xc2 && s.len > 1 && s.at[1] < 0xa0 ? 2 : 0;
}

static bool name_ok(struct slice name)
{
    for (struct slice s = name; s.len; s = slice_skip(s, 1))
        if (*s.at == '.' || *s.at == '$' || *s.at == ' ' || control_length(s))
            return false;
    return true;
}

static bool number_ok(const struct json *v)
{
    double d = json_double(v, 0);
    return !json_number_is_integer(v) ||
           (d >= -(double)IOT_TWIN_INTEGER_MAX && d <= (double)IOT_TWIN_INTEGER_MAX);
}

/* A walk through a patch. */
struct check {
    const struct iot_twin_limits *limits;
    struct arena *arena;
};

/* Where the walk is; its text is made for who is refused, and for nobody else. */
struct place {
    const struct place *above; /* NULL: the section */
    struct slice name;
};

static const char *text_of(const struct check *c, const struct place *at)
{
    return at->above ? arena_printf(c->arena, "%s.%.*s", text_of(c, at->above), SLICE_FMT(at->name))
                     : arena_text(c->arena, at->name);
}

static const char *check_value(const struct check *c, const struct place *at, const struct json *v,
                               unsigned depth);

static const char *check_name(const struct check *c, const struct place *at, struct slice name)
{
    if (name.len > c->limits->name_bytes)
        return arena_printf(c->arena, "a name in %s is longer than %llu bytes",
                            text_of(c, at),
                            (unsigned long long)c->limits->name_bytes);
    if (!name_ok(name))
        return arena_printf(
            c->arena, "%s.%.*s: a name must not contain '.', '$', blanks or control characters",
            text_of(c, at), SLICE_FMT(name));
    return NULL;
}

static const char *too_deep(const struct check *c, const struct place *at, const char *what)
{
    return arena_printf(c->arena, "%s: %s are nested deeper than %llu", text_of(c, at), what,
                        (unsigned long long)c->limits->depth);
}

static const char *check_members(const struct check *c, const struct place *at, const struct json *object,
                                 unsigned depth)
{
    if (depth > c->limits->depth)
        return too_deep(c, at, "objects");
    const char *why = NULL;
    for (struct json_walk w = json_walk(object); !why && json_next(&w);) {
        if (depth == 0 && iot_twin_name_is_own(w.name))
            continue;
        why = check_name(c, at, w.name);
        if (!why)
            why = check_value(c, &(struct place){at, w.name}, w.value, depth + 1);
    }
    return why;
}

static const char *check_elements(const struct check *c, const struct place *at, const struct json *array,
                                  unsigned depth)
{
    if (depth > c->limits->depth)
        return too_deep(c, at, "arrays");
    const char *why = NULL;
    for (struct json_walk w = json_walk(array); !why && json_next(&w);)
        why = check_value(c, at, w.value, depth + 1);
    return why;
}

static const char *check_value(const struct check *c, const struct place *at, const struct json *v,
                               unsigned depth)
{
    switch (json_type(v)) {
    case JSON_OBJECT:
        return check_members(c, at, v, depth);
    case JSON_ARRAY:
        return check_elements(c, at, v, depth);
    case JSON_STRING:
        return json_string(v).len <= c->limits->string_bytes
                   ? NULL
                   : arena_printf(c->arena, "%s: a string is longer than %llu bytes", text_of(c, at),
                                  (unsigned long long)c->limits->string_bytes);
    case JSON_NUMBER:
        return number_ok(v) ? NULL
                            : arena_printf(c->arena, "%s: a whole number is beyond %lld", text_of(c, at),
                                           (long long)IOT_TWIN_INTEGER_MAX);
    default:
        return NULL;
    }
}

const char *iot_twin_check(const struct iot_twin_limits *limits, struct arena *a, const char *path,
                           const struct json *patch)
{
    if (!json_is(patch, JSON_OBJECT))
        return arena_printf(a, "%s must be an object", path);
    return check_members(&(struct check){limits, a}, &(struct place){.name = slice_of(path)}, patch, 0);
}

static size_t text_size(struct slice s)
{
    size_t n = 0;
    while (s.len) {
        size_t control = control_length(s);
        n += control ? 0 : 1;
        s = slice_skip(s, control ? control : 1);
    }
    return n;
}

size_t iot_twin_size(const struct json *v)
{
    size_t n = 0;
    switch (json_type(v)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        for (struct json_walk w = json_walk(v); json_next(&w);)
            n += text_size(w.name) + iot_twin_size(w.value);
        return n;
    case JSON_STRING:
        return text_size(json_string(v));
    case JSON_NUMBER:
        return 8;
    case JSON_BOOL:
        return 4;
    default:
        return 0;
    }
}
