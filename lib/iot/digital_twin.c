#include "iot/digital_twin.h"

#include "iot/twin_rules.h"
#include "json/merge.h"

#define SEGMENTS_MAX 12 /* of a path; twins are not deeper */

static bool is_component(const struct json *v)
{
    return slice_eq(json_string(json_get(v, "__t")), SLICE("c"));
}

static bool is_mark(struct slice name)
{
    return slice_eq(name, SLICE("__t")) || iot_twin_name_is_own(name);
}

/* ---- the document ---- */

/* One level of a twin: both sections and their metadata, any of them NULL. */
struct level {
    const struct json *desired, *reported, *desired_metadata, *reported_metadata;
};

static struct level below(const struct level *l, struct slice name)
{
    return (struct level){
        json_get_slice(l->desired, name),
        json_get_slice(l->reported, name),
        json_get_slice(l->desired_metadata, name),
        json_get_slice(l->reported_metadata, name),
    };
}

/* A writable property's report: {"value":…,"ac":200,"av":3,"ad":"…"}. */
static bool is_acknowledgement(const struct json *reported)
{
    return json_get(reported, "value") && json_is(json_get(reported, "ac"), JSON_NUMBER) &&
           json_is(json_get(reported, "av"), JSON_NUMBER);
}

static void put_member(struct json_writer *w, const char *name, const struct json *v)
{
    if (v)
        json_name(w, name), json_put_value(w, v);
}

static void put_property_metadata(const struct level *p, struct json_writer *w)
{
    const struct json *reported = json_get(p->reported_metadata, "$lastUpdated");
    json_object(w);
    put_member(w, "desiredValue", p->desired);
    put_member(w, "desiredVersion", json_get(p->desired_metadata, "$lastUpdatedVersion"));
    if (is_acknowledgement(p->reported)) {
        put_member(w, "ackVersion", json_get(p->reported, "av"));
        put_member(w, "ackCode", json_get(p->reported, "ac"));
        put_member(w, "ackDescription", json_get(p->reported, "ad"));
    }
    put_member(w, "lastUpdateTime",
               reported ? reported : json_get(p->desired_metadata, "$lastUpdated"));
    json_end_object(w);
}

static void put_level(const struct level *l, const char *model, struct slice model_id,
                      struct json_writer *w);

/* A property's value is what the device says of it; a component is a level of its own. */
static void put_named(const struct level *l, struct slice name, struct json_writer *w)
{
    struct level p = below(l, name);
    if (is_component(p.reported) || is_component(p.desired)) {
        json_name_slice(w, name), json_object(w);
        put_level(&p, NULL, (struct slice){0}, w);
        json_end_object(w);
    } else if (p.reported) {
        json_name_slice(w, name);
        json_put_value(w,
                       is_acknowledgement(p.reported) ? json_get(p.reported, "value") : p.reported);
    }
}

static void put_named_metadata(const struct level *l, struct slice name, struct json_writer *w)
{
    struct level p = below(l, name);
    if (is_component(p.reported) || is_component(p.desired))
        return;
    json_name_slice(w, name);
    put_property_metadata(&p, w);
}

/* Calls fn for every name in either section, once. */
static void each_name(const struct level *l, struct json_writer *w,
                      void (*fn)(const struct level *l, struct slice name, struct json_writer *w))
{
    for (struct json_walk m = json_walk(l->reported); json_next(&m);)
        if (!is_mark(m.name))
            fn(l, m.name, w);
    for (struct json_walk m = json_walk(l->desired); json_next(&m);)
        if (!is_mark(m.name) && !json_get_slice(l->reported, m.name))
            fn(l, m.name, w);
}

static void put_level(const struct level *l, const char *model, struct slice model_id,
                      struct json_writer *w)
{
    each_name(l, w, put_named);
    json_name(w, "$metadata"), json_object(w);
    if (model)
        json_name(w, model), json_put_string(w, model_id);
    each_name(l, w, put_named_metadata);
    json_end_object(w);
}

static struct json_doc *parse(struct slice text)
{
    struct json_doc *doc = NULL;
    return text.len && json_parse(text, JSON_STRICT, &doc, NULL) == OK ? doc : NULL;
}

void iot_digital_twin_put(const struct iot_twin *t, struct slice id, struct slice model,
                          struct json_writer *w)
{
    struct json_doc *docs[] = {parse(t->desired.values), parse(t->reported.values),
                               parse(t->desired.metadata), parse(t->reported.metadata)};
    struct level root = {json_root(docs[0]), json_root(docs[1]), json_root(docs[2]),
                         json_root(docs[3])};
    json_object(w);
    json_name(w, "$dtId"), json_put_string(w, id);
    put_level(&root, "$model", model, w);
    json_end_object(w);
    for (int i = 0; i < 4; i++)
        json_free(&docs[i]);
}

/* ---- a patch: every operation becomes a merge patch of the desired properties, and all of them
 * one ---- */

struct patch {
    struct arena *arena;
    const struct json *desired, *reported;
    struct buffer merged;
    const char *why;
};

static bool refuse(struct patch *p, struct slice path, const char *reason)
{
    p->why = arena_printf(p->arena, "%.*s: %s", SLICE_FMT(path), reason);
    return false;
}

/* RFC 6901: ~1 is a slash, ~0 a tilde. */
static struct slice unescape(struct arena *a, struct slice s)
{
    struct buffer out = {0};
    for (size_t i = 0; i < s.len; i++) {
        bool escape = s.at[i] == '~' && i + 1 < s.len && (s.at[i + 1] == '0' || s.at[i + 1] == '1');
        buffer_u8(&out, escape ? (s.at[i + 1] == '0' ? '~' : '/') : s.at[i]);
        i += escape;
    }
    struct slice copy = arena_copy(a, buffer_slice(&out));
    buffer_clear(&out);
    return copy;
}

/* 0: it is no path, or too long a one. */
static size_t split(struct patch *p, struct slice path, struct slice segments[SEGMENTS_MAX])
{
    size_t n = 0;
    struct slice rest = slice_skip(path, 1), part;
    if (path.len < 2 || path.at[0] != '/')
        return 0;
    while (n < SEGMENTS_MAX && slice_split(&rest, '/', &part))
        segments[n++] = unescape(p->arena, part);
    return rest.len ? 0 : n;
}

/* Below a name that is no plain object yet there is a component. */
static bool goes_into_component(const struct patch *p, struct slice name)
{
    const struct json *desired = json_get_slice(p->desired, name),
                      *reported = json_get_slice(p->reported, name);
    if (is_component(desired) || is_component(reported))
        return true;
    return !json_is(desired, JSON_OBJECT) && !json_is(reported, JSON_OBJECT);
}

/* A whole component; "$metadata", which marks it in a patch, is the twin's "__t". */
static void put_component(struct json_writer *w, const struct json *value)
{
    json_object(w);
    json_name(w, "__t"), json_put_text(w, "c");
    for (struct json_walk m = json_walk(value); json_next(&m);)
        if (!is_mark(m.name))
            json_name_slice(w, m.name), json_put_value(w, m.value);
    json_end_object(w);
}

/* {"a":{"b":value}}; `value` is NULL to remove. */
static void put_operation(struct patch *p, const struct slice *segments, size_t n,
                          const struct json *value, struct json_writer *w)
{
    const struct json *old = p->desired;
    bool inside = n > 1 && value && goes_into_component(p, segments[0]);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        if (i == 1 && inside)
            json_name(w, "__t"), json_put_text(w, "c");
        json_name_slice(w, segments[i]);
        old = json_get_slice(old, segments[i]);
    }
    if (value == NULL)
        json_put_null(w);
    else if (n == 1 && json_is(json_get(value, "$metadata"), JSON_OBJECT))
        put_component(w, value);
    else
        iot_twin_put_replacement(w, old, value);
    for (size_t i = 0; i < n; i++)
        json_end_object(w);
}

static bool is_there(const struct patch *p, const struct slice *segments, size_t n)
{
    const struct json *v = p->desired;
    for (size_t i = 0; i < n; i++)
        v = json_get_slice(v, segments[i]);
    return v != NULL;
}

static bool add(struct patch *p, const struct json *operation)
{
    struct slice op = json_string(json_get(operation, "op")),
                 path = json_string(json_get(operation, "path")), segments[SEGMENTS_MAX];
    const struct json *value = json_get(operation, "value");
    bool removes = slice_eq(op, SLICE("remove"));
    size_t n = split(p, path, segments);
    if (!removes && !slice_eq(op, SLICE("add")) && !slice_eq(op, SLICE("replace")))
        return refuse(p, path, "op must be add, replace or remove");
    if (n == 0)
        return refuse(p, path, "a path begins with / and names a property or a component");
    if (!removes && value == NULL)
        return refuse(p, path, "add and replace need a value");
    if (removes && !is_there(p, segments, n))
        return refuse(p, path, "there is no such desired property to remove");
    struct buffer one = {0}, both = {0};
    struct json_writer w = json_writer(&one);
    put_operation(p, segments, n, removes ? NULL : value, &w);
    bool merged = json_merge_patches(buffer_slice(&p->merged), buffer_slice(&one), &both) == OK;
    buffer_clear(&p->merged);
    buffer_clear(&one);
    p->merged = both;
    return merged || refuse(p, path, "the value cannot be put there");
}

enum status iot_digital_twin_patch(const struct iot_twin *t, struct arena *a,
                                   const struct json *operations, struct slice *body,
                                   const char **why)
{
    struct json_doc *desired = parse(t->desired.values), *reported = parse(t->reported.values);
    struct patch p = {.arena = a, .desired = json_root(desired), .reported = json_root(reported)};
    bool good = json_is(operations, JSON_ARRAY);
    if (!good)
        p.why = "a patch of a digital twin is an array of operations (JSON Patch)";
    for (struct json_walk w = json_walk(operations); good && json_next(&w);)
        good = add(&p, w.value);
    if (good)
        *body = slice_of(arena_printf(a, "{\"properties\":{\"desired\":%s}}",
                                      p.merged.len ? buffer_cstr(&p.merged) : "{}"));
    buffer_clear(&p.merged);
    json_free(&desired);
    json_free(&reported);
    *why = p.why;
    return good ? OK : BAD_ARGUMENT;
}
