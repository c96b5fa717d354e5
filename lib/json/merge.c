#include "json/merge.h"

#include "json/index.h"

/* What the target had, changed or kept, in its own order. */
static void put_old(const struct json *target, const struct json *patch, struct json_writer *w)
{
    struct json_index changes = json_index(patch);
    for (struct json_walk m = json_walk(target); json_next(&m);) {
        const struct json *change = json_index_get(&changes, m.name);
        if (json_is(change, JSON_NULL))
            continue;
        json_name_slice(w, m.name);
        if (change)
            json_merge(m.value, change, w);
        else
            json_put_value(w, m.value);
    }
    json_index_clear(&changes);
}

static void put_new(const struct json *target, const struct json *patch, struct json_writer *w)
{
    struct json_index olds = json_index(target);
    for (struct json_walk m = json_walk(patch); json_next(&m);) {
        if (json_is(m.value, JSON_NULL) || json_index_get(&olds, m.name))
            continue;
        json_name_slice(w, m.name);
        json_merge(NULL, m.value, w); /* an object in it still loses its nulls */
    }
    json_index_clear(&olds);
}

void json_merge(const struct json *target, const struct json *patch, struct json_writer *w)
{
    if (!json_is(patch, JSON_OBJECT)) {
        json_put_value(w, patch);
        return;
    }
    if (!json_is(target, JSON_OBJECT))
        target = NULL;
    json_object(w);
    put_old(target, patch, w);
    put_new(target, patch, w);
    json_end_object(w);
}

enum status json_merge_text(struct slice target, struct slice patch, struct buffer *out)
{
    struct json_doc *old = NULL, *change = NULL;
    enum status s = target.len ? json_parse(target, JSON_STRICT, &old, NULL) : OK;
    if (s == OK)
        s = json_parse(patch, JSON_STRICT, &change, NULL);
    if (s == OK) {
        struct json_writer w = json_writer(out);
        json_merge(json_root(old), json_root(change), &w);
    }
    json_free(&old);
    json_free(&change);
    return s;
}
