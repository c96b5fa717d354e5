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

static void join(const struct json *first, const struct json *second, struct json_writer *w)
{
    if (!json_is(first, JSON_OBJECT) || !json_is(second, JSON_OBJECT)) {
        json_put_value(w, second);
        return;
    }
    struct json_index firsts = json_index(first), seconds = json_index(second);
    json_object(w);
    for (struct json_walk m = json_walk(first); json_next(&m);) {
        const struct json *over = json_index_get(&seconds, m.name);
        json_name_slice(w, m.name);
        if (over)
            join(m.value, over, w);
        else
            json_put_value(w, m.value);
    }
    for (struct json_walk m = json_walk(second); json_next(&m);) {
        if (json_index_get(&firsts, m.name))
            continue;
        json_name_slice(w, m.name);
        json_put_value(w, m.value);
    }
    json_end_object(w);
    json_index_clear(&firsts);
    json_index_clear(&seconds);
}

static enum status on_texts(struct slice first, struct slice second,
                            void (*run)(const struct json *, const struct json *,
                                        struct json_writer *),
                            struct buffer *out)
{
    struct json_doc *a = NULL, *b = NULL;
    enum status s = first.len ? json_parse(first, JSON_STRICT, &a, NULL) : OK;
    if (s == OK)
        s = json_parse(second, JSON_STRICT, &b, NULL);
    if (s == OK) {
        struct json_writer w = json_writer(out);
        run(json_root(a), json_root(b), &w);
    }
    json_free(&a);
    json_free(&b);
    return s;
}

enum status json_merge_text(struct slice target, struct slice patch, struct buffer *out)
{
    return on_texts(target, patch, json_merge, out);
}

enum status json_merge_patches(struct slice first, struct slice second, struct buffer *out)
{
    return on_texts(first, second, join, out);
}

void json_difference(const struct json *from, const struct json *to, struct json_writer *w)
{
    json_object(w);
    for (struct json_walk m = json_walk(from); json_next(&m);)
        if (json_get_slice(to, m.name) == NULL)
            json_name_slice(w, m.name), json_put_null(w);
    for (struct json_walk m = json_walk(to); json_next(&m);) {
        const struct json *old = json_get_slice(from, m.name);
        if (json_equal(old, m.value) || (old == NULL && json_is(m.value, JSON_NULL)))
            continue;
        json_name_slice(w, m.name);
        if (json_is(old, JSON_OBJECT) && json_is(m.value, JSON_OBJECT))
            json_difference(old, m.value, w);
        else
            json_put_value(w, m.value);
    }
    json_end_object(w);
}
