#include "configurations/effect.h"

#include "json/merge.h"
#include "json/write.h"

/* ---- which settings hold ---- */

/* The same path, or one is above the other. */
static bool overlap(const struct configuration_setting *a, const struct configuration_setting *b)
{
    struct slice shorter = a->path.len < b->path.len ? a->path : b->path;
    struct slice longer = a->path.len < b->path.len ? b->path : a->path;
    if (!slice_eq(a->module, b->module) || !slice_starts(longer, shorter))
        return false;
    return shorter.len == 0 || longer.len == shorter.len || longer.at[shorter.len] == '.';
}

static bool is_free(const struct configuration_effect *e, size_t until,
                    const struct configuration_setting *s)
{
    for (size_t n = 0; n < until; n++)
        if (overlap(e->settings[n], s))
            return false;
    return true;
}

static void claim(struct configuration_effect *e, const struct configuration *const *ranked,
                  size_t count)
{
    for (size_t n = 0; n < count; n++) {
        size_t before = e->count; /* a configuration may set one path below another of its own */
        e->applied[n] = true;
        for (size_t i = 0; i < ranked[n]->setting_count; i++) {
            const struct configuration_setting *s = &ranked[n]->settings[i];
            if (is_free(e, before, s))
                e->settings[e->count++] = s;
            else
                e->applied[n] = false;
        }
    }
}

static void lay(struct configuration_effect *e, const struct configuration *const *ranked,
                size_t count)
{
    size_t base = 0;
    while (base < count && ranked[base]->layered)
        base++;
    if (base == count)
        return; /* layers without anything to lay them on */
    for (size_t n = base + 1; n-- > 0;) {
        e->applied[n] = true;
        for (size_t i = 0; i < ranked[n]->setting_count; i++)
            e->settings[e->count++] = &ranked[n]->settings[i];
    }
}

struct configuration_effect
configuration_effect(struct arena *a, const struct configuration *const *ranked, size_t count)
{
    struct configuration_effect e = {0};
    size_t settings = 0;
    for (size_t n = 0; n < count; n++)
        settings += ranked[n]->setting_count;
    e.settings = arena_take(a, (settings + 1) * sizeof(*e.settings));
    e.applied = arena_take(a, (count + 1) * sizeof(*e.applied));
    if (count && ranked[0]->kind == CONFIGURATION_EDGE)
        lay(&e, ranked, count);
    else
        claim(&e, ranked, count);
    return e;
}

/* ---- what becomes of the desired properties ---- */

/* {"a":{"b":value}}; NULL is null. */
static void put_at(struct json_writer *w, struct slice path, const struct json *value)
{
    struct slice rest = path, name;
    size_t depth = 0;
    while (slice_split(&rest, '.', &name)) {
        json_object(w);
        json_name_slice(w, name);
        depth++;
    }
    if (value)
        json_put_value(w, value);
    else
        json_put_null(w);
    while (depth--)
        json_end_object(w);
}

static enum status merge_at(struct buffer *text, struct slice path, const struct json *value)
{
    struct buffer patch = {0}, merged = {0};
    struct json_writer w = json_writer(&patch);
    put_at(&w, path, value);
    enum status s = json_merge_text(buffer_slice(text), buffer_slice(&patch), &merged);
    buffer_clear(&patch);
    if (s == OK) {
        buffer_clear(text);
        *text = merged;
    } else {
        buffer_clear(&merged);
    }
    return s;
}

/* Sets it whole: an object does not merge with what was there. */
static enum status set_at(struct buffer *text, struct slice path, const struct json *value)
{
    if (path.len == 0) {
        buffer_reset(text);
        struct json_writer w = json_writer(text);
        json_merge(NULL, value, &w); /* which drops its nulls */
        return OK;
    }
    enum status s = merge_at(text, path, NULL);
    return s == OK ? merge_at(text, path, value) : s;
}

/* All of desired that was a deployment's stays when it goes: what runs on an edge goes on. */
static enum status forget(struct buffer *text, const struct json *before)
{
    enum status s = OK;
    for (struct json_walk m = json_walk(before); json_next(&m) && s == OK;)
        if (json_string(m.value).len)
            s = merge_at(text, json_string(m.value), NULL);
    return s;
}

enum status configuration_apply(const struct configuration_effect *e, struct slice module,
                                struct slice now, struct slice before, struct buffer *out,
                                struct buffer *paths)
{
    struct json_doc *doc = NULL;
    struct buffer text = {0};
    buffer_put(&text, now);
    enum status s = before.len ? json_parse(before, JSON_STRICT, &doc, NULL) : OK;
    if (s == OK)
        s = forget(&text, json_root(doc));
    struct json_writer w = json_writer(paths);
    json_array(&w);
    for (size_t n = 0; n < e->count && s == OK; n++) {
        if (!slice_eq(e->settings[n]->module, module))
            continue;
        s = set_at(&text, e->settings[n]->path, e->settings[n]->value);
        json_put_string(&w, e->settings[n]->path);
    }
    json_end_array(&w);
    buffer_put(out, buffer_slice(&text));
    buffer_clear(&text);
    json_free(&doc);
    return s;
}
