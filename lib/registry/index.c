#include "registry/index.h"

#include "json/index.h"
#include "json/json.h"

/* The path grows and shrinks with the walk. */
struct walk {
    struct store_table *table;
    int64_t number;
    struct buffer path;
};

/* ---- one row ---- */

static void bind_value(struct store_table *t, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_STRING:
        store_bind(t, SQL_LEAF_PUT, 3, json_string(v));
        break;
    case JSON_NUMBER:
        store_bind_double(t, SQL_LEAF_PUT, 3, json_double(v, 0));
        break;
    case JSON_BOOL:
        store_bind_blob(t, SQL_LEAF_PUT, 3,
                        json_bool(v, false) ? REGISTRY_INDEX_TRUE : REGISTRY_INDEX_FALSE);
        break;
    case JSON_ARRAY:
        store_bind_blob(t, SQL_LEAF_PUT, 3, SLICE("a"));
        break;
    case JSON_OBJECT:
        store_bind_blob(t, SQL_LEAF_PUT, 3, SLICE("o"));
        break;
    default:
        store_bind_blob(t, SQL_LEAF_PUT, 3, REGISTRY_INDEX_NULL);
    }
}

static enum status put_row(struct walk *w, const struct json *v)
{
    store_bind_i64(w->table, SQL_LEAF_PUT, 1, w->number);
    store_bind(w->table, SQL_LEAF_PUT, 2, buffer_slice(&w->path));
    bind_value(w->table, v);
    return store_run(w->table, SQL_LEAF_PUT);
}

static enum status delete_row(struct walk *w)
{
    store_bind_i64(w->table, SQL_LEAF_DELETE, 1, w->number);
    store_bind(w->table, SQL_LEAF_DELETE, 2, buffer_slice(&w->path));
    return store_run(w->table, SQL_LEAF_DELETE);
}

/* ---- what differs ---- */

static enum status put_difference(struct walk *w, const struct json *old, const struct json *new);

static enum status step(struct walk *w, struct slice name, const struct json *old,
                        const struct json *new)
{
    size_t len = w->path.len;
    buffer_u8(&w->path, '.');
    buffer_put(&w->path, name);
    enum status s = put_difference(w, old, new);
    w->path.len = len;
    return s;
}

/* Values of other types have no members here. */
static enum status put_members(struct walk *w, const struct json *old, const struct json *new)
{
    enum status s = OK;
    old = json_is(old, JSON_OBJECT) ? old : NULL;
    new = json_is(new, JSON_OBJECT) ? new : NULL;
    struct json_index olds = json_index(old), news = json_index(new);
    for (struct json_walk m = json_walk(old); s == OK && json_next(&m);)
        if (!json_index_get(&news, m.name))
            s = step(w, m.name, m.value, NULL);
    for (struct json_walk m = json_walk(new); s == OK && json_next(&m);)
        s = step(w, m.name, json_index_get(&olds, m.name), m.value);
    json_index_clear(&olds);
    json_index_clear(&news);
    return s;
}

static bool same_row(const struct json *old, const struct json *new)
{
    bool containers = json_is(new, JSON_OBJECT) || json_is(new, JSON_ARRAY);
    return json_type(old) == json_type(new) && (containers || json_equal(old, new));
}

static enum status put_difference(struct walk *w, const struct json *old, const struct json *new)
{
    enum status s = OK;
    if (new == NULL)
        s = delete_row(w);
    else if (!same_row(old, new))
        s = put_row(w, new);
    return s == OK ? put_members(w, old, new) : s;
}

static const struct json *parse(struct slice text, struct json_doc **doc)
{
    return text.len && json_parse(text, JSON_STRICT, doc, NULL) == OK ? json_root(*doc) : NULL;
}

static enum status put_section(struct walk *w, const char *name, struct slice old, struct slice new)
{
    struct json_doc *old_doc = NULL, *new_doc = NULL;
    if (slice_eq(old, new))
        return OK;
    buffer_reset(&w->path);
    buffer_text(&w->path, name);
    const struct json *before = parse(old, &old_doc), *after = parse(new, &new_doc);
    enum status s = put_members(w, before, after);
    json_free(&old_doc);
    json_free(&new_doc);
    return s;
}

/* ---- what the header promised ---- */

static enum status find_number(struct store_table *t, struct iot_id id, int64_t *number)
{
    store_bind(t, SQL_DOCUMENT_NUMBER, 1, id.device);
    store_bind(t, SQL_DOCUMENT_NUMBER, 2, id.module);
    enum status s = store_step(t, SQL_DOCUMENT_NUMBER);
    if (s != OK)
        return s;
    *number = store_column_i64(t, SQL_DOCUMENT_NUMBER, 0);
    store_reset(t, SQL_DOCUMENT_NUMBER);
    return OK;
}

enum status registry_index_put(struct store_table *t, struct iot_id id,
                               const struct iot_twin *before, const struct iot_twin *twin)
{
    static const struct iot_twin nothing;
    const struct iot_twin *old = before ? before : &nothing;
    struct walk w = {.table = t};
    enum status s = find_number(t, id, &w.number);
    if (s == OK)
        s = put_section(&w, "tags", old->tags.values, twin->tags.values);
    if (s == OK)
        s = put_section(&w, "desired", old->desired.values, twin->desired.values);
    if (s == OK)
        s = put_section(&w, "reported", old->reported.values, twin->reported.values);
    buffer_clear(&w.path);
    return s;
}

bool registry_index_path(struct arena *a, const struct iot_query_path *path, struct slice *out)
{
    const struct iot_query_step *steps = path->steps;
    bool tags = path->count > 0 && slice_eq_nocase(steps[0].name, SLICE("tags"));
    bool properties = path->count > 1 && slice_eq_nocase(steps[0].name, SLICE("properties"));
    bool desired = properties && slice_eq_nocase(steps[1].name, SLICE("desired"));
    bool reported = properties && slice_eq_nocase(steps[1].name, SLICE("reported"));
    size_t first = tags ? 1 : 2;
    if ((!tags && !desired && !reported) || path->count <= first)
        return false;
    const char *text = tags ? "tags" : desired ? "desired" : "reported";
    for (size_t i = first; i < path->count; i++) {
        struct slice name = steps[i].name;
        if (name.len == 0 || slice_find(name, '$') < name.len || slice_find(name, '.') < name.len)
            return false;
        text = arena_printf(a, "%s.%.*s", text, SLICE_FMT(name));
    }
    *out = slice_of(text);
    return true;
}
