#include "query/document.h"

#include "json/json.h"

struct query_document query_document(struct store_table *t, struct arena *a, struct iot_id id)
{
    return (struct query_document){.table = t, .arena = a, .id = id};
}

void query_document_clear(struct query_document *d)
{
    json_free(&d->identity);
    json_free(&d->tags);
    json_free(&d->desired);
    json_free(&d->reported);
    json_free(&d->whole);
    json_free(&d->configurations);
}

/* ---- reading ---- */

static bool need_row(struct query_document *d)
{
    if (!d->has_row && d->why == OK) {
        d->why = registry_row_get(d->table, d->id, &d->row);
        if (d->why != OK)
            return false;
        registry_row_keep(d->arena, &d->row);
        store_reset(d->table, SQL_IDENTITY_GET);
        d->has_row = true;
    }
    return d->has_row;
}

static bool need_twin(struct query_document *d)
{
    if (!d->has_twin && d->why == OK) {
        d->why = registry_twin_load(d->table, d->arena, d->id, &d->twin);
        d->has_twin = d->why == OK;
    }
    return d->has_twin;
}

static const struct json *parsed(struct json_doc **doc, struct slice text)
{
    if (*doc == NULL && json_parse(text, JSON_STRICT, doc, NULL) != OK)
        *doc = NULL;
    return json_root(*doc);
}

/* What comes from the identity alone. */
static const struct json *identity_of(struct query_document *d)
{
    struct buffer text = {0};
    if (d->identity == NULL && need_row(d)) {
        struct json_writer w = json_writer(&text);
        json_object(&w);
        registry_twin_print_identity(&d->row, &w);
        json_end_object(&w);
        parsed(&d->identity, buffer_slice(&text));
        buffer_clear(&text);
    }
    return json_root(d->identity);
}

/* {"id":{"status":"Applied"}}: the configurations that are for it. */
static void put_configurations(struct query_document *d, struct json_writer *w)
{
    store_bind(d->table, SQL_CONFIGURATIONS_OF, 1, d->id.device);
    store_bind(d->table, SQL_CONFIGURATIONS_OF, 2, d->id.module);
    json_object(w);
    while (store_step(d->table, SQL_CONFIGURATIONS_OF) == OK) {
        json_name_slice(w, store_column(d->table, SQL_CONFIGURATIONS_OF, 0)), json_object(w);
        json_name(w, "status");
        json_put_text(w, store_column_i64(d->table, SQL_CONFIGURATIONS_OF, 1) ? "Applied" : "Targeted");
        json_end_object(w);
    }
    json_end_object(w);
}

static const struct json *configurations_of(struct query_document *d)
{
    struct buffer text = {0};
    if (d->configurations == NULL) {
        struct json_writer w = json_writer(&text);
        put_configurations(d, &w);
        parsed(&d->configurations, buffer_slice(&text));
        buffer_clear(&text);
    }
    return json_root(d->configurations);
}

/* Tags and properties with their metadata. */
static const struct json *whole_of(struct query_document *d)
{
    struct buffer text = {0};
    if (d->whole == NULL && need_twin(d)) {
        struct json_writer w = json_writer(&text);
        json_object(&w);
        iot_twin_put_service(&d->twin, &w);
        json_end_object(&w);
        parsed(&d->whole, buffer_slice(&text));
        buffer_clear(&text);
    }
    return json_root(d->whole);
}

/* ---- values ---- */

static bool is(const struct iot_query_step *step, const char *name)
{
    return slice_eq_nocase(step->name, slice_of(name));
}

static struct iot_value property_at(struct query_document *d, const struct iot_query_path *path)
{
    const struct iot_query_step *steps = path->steps;
    if (path->count == 1)
        return iot_value_json(json_get(whole_of(d), "properties"));
    bool desired = is(&steps[1], "desired");
    if (!desired && !is(&steps[1], "reported"))
        return iot_value_undefined();
    if (path->count == 2 || (steps[2].name.len && steps[2].name.at[0] == '$'))
        return iot_query_walk(
            json_get(json_get(whole_of(d), "properties"), desired ? "desired" : "reported"), path,
            2);
    if (!need_twin(d))
        return iot_value_undefined();
    return iot_query_walk(desired ? parsed(&d->desired, d->twin.desired.values)
                                  : parsed(&d->reported, d->twin.reported.values),
                          path, 2);
}

static struct iot_value etag_of(struct query_document *d)
{
    char etag[IOT_TWIN_ETAG_LEN + 1];
    if (!need_twin(d))
        return iot_value_undefined();
    iot_twin_etag(d->twin.version, etag);
    return iot_value_string(arena_copy(d->arena, slice_of(etag)));
}

static struct iot_value identity_at(struct query_document *d, const struct iot_query_path *path)
{
    const struct json *v = identity_of(d);
    for (size_t i = 0; v && i < path->count; i++) {
        const struct iot_query_step *step = &path->steps[i];
        v = step->name.len ? json_get_nocase(v, arena_text(d->arena, step->name))
                           : json_at(v, step->index);
    }
    return iot_value_json(v);
}

struct iot_value query_document_at(void *arg, const struct iot_query_path *path)
{
    struct query_document *d = arg;
    const struct iot_query_step *first = &path->steps[0];
    if (is(first, "tags"))
        return need_twin(d) ? iot_query_walk(parsed(&d->tags, d->twin.tags.values), path, 1)
                            : iot_value_undefined();
    if (is(first, "properties"))
        return property_at(d, path);
    if (is(first, "configurations"))
        return iot_query_walk(configurations_of(d), path, 1);
    if (path->count == 1 && is(first, "etag"))
        return etag_of(d);
    if (path->count == 1 && is(first, "version"))
        return need_twin(d) ? iot_value_number((double)d->twin.version) : iot_value_undefined();
    if (path->count == 1 && is(first, "deviceId"))
        return iot_value_string(d->id.device);
    if (path->count == 1 && is(first, "moduleId"))
        return d->id.module.len ? iot_value_string(d->id.module) : iot_value_undefined();
    return identity_at(d, path);
}

enum status query_document_print(struct query_document *d, struct json_writer *w)
{
    if (!need_row(d) || !need_twin(d))
        return d->why;
    json_object(w);
    registry_twin_print(&d->row, &d->twin, w);
    json_name(w, "configurations"), put_configurations(d, w);
    json_end_object(w);
    return d->why;
}

/* ---- checking ---- */

static const char *check_path(struct arena *a, const struct iot_query_path *path)
{
    static const char *const names[] = {
        "deviceId",
        "moduleId",
        "etag",
        "deviceEtag",
        "version",
        "status",
        "statusReason",
        "statusUpdateTime",
        "connectionState",
        "lastActivityTime",
        "cloudToDeviceMessageCount",
        "authenticationType",
        "x509Thumbprint",
        "capabilities",
        "deviceScope",
        "parentScopes",
        "modelId",
        "connectionStateUpdatedTime",
        "configurations",
        "tags",
        "properties",
    };
    if (path->count == 0)
        return NULL; /* COUNT() */
    if (path->count > 1 && is(&path->steps[0], "properties") && !is(&path->steps[1], "desired") &&
        !is(&path->steps[1], "reported"))
        return arena_printf(a,
                            "position %zu: properties are properties.desired or "
                            "properties.reported, found %s",
                            path->at, iot_query_path_text(a, path));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is(&path->steps[0], names[i]))
            return NULL;
    return arena_printf(a,
                        "position %zu: a twin has no %s: expected tags…, properties.desired…, "
                        "properties.reported… or one of its own names, such as deviceId or status",
                        path->at, iot_query_path_text(a, path));
}

static const char *check_expr(struct arena *a, const struct iot_query_expr *e)
{
    const char *why = e && e->kind == IOT_QUERY_PATH ? check_path(a, &e->path) : NULL;
    for (size_t i = 0; e && i < e->arg_count && !why; i++)
        why = check_expr(a, e->args[i]);
    return why;
}

enum status query_document_check(const struct iot_query *q, struct arena *a, const char **why)
{
    *why = check_expr(a, q->where);
    for (size_t i = 0; i < q->item_count && !*why; i++)
        *why = check_path(a, &q->items[i].path);
    for (size_t i = 0; i < q->group_count && !*why; i++)
        *why = check_path(a, &q->groups[i]);
    return *why ? BAD_ARGUMENT : OK;
}
