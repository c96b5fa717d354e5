/*
 * Which edge a device belongs to. An edge has a scope of its own,
 * "ms-azure-iot-edge://{device}-{generation}"; a leaf device stores the scope of its edge, an edge
 * below another one has that one's in parentScopes.
 */
#include "base/encoding.h"
#include "registry/tables.h"

/* ---- what a body wants ---- */

static enum status must_be_an_edge(struct store_table *t, struct registry_errand *e,
                                   struct slice scope)
{
    if (scope.len == 0)
        return OK;
    store_bind(t, SQL_SCOPE_EXISTS, 1, scope);
    enum status s = store_step(t, SQL_SCOPE_EXISTS);
    if (s == OK)
        store_reset(t, SQL_SCOPE_EXISTS);
    return s == NOT_FOUND
               ? registry_refuse(
                     e, BAD_ARGUMENT,
                     "deviceScope and parentScopes must name the scope of an edge device")
               : s;
}

static struct slice print(struct arena *a, const struct json *v)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, v);
    struct slice copy = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

/* The one scope that parentScopes may have; empty when it has none or is not said. */
static enum status read_parent(struct registry_errand *e, const struct json *parents,
                               struct slice *out)
{
    const struct json *first = json_at(parents, 0);
    *out = (struct slice){0};
    if (json_count(parents) > 1)
        return registry_refuse(e, BAD_ARGUMENT, "parentScopes has one scope at most");
    if (first && !json_is(first, JSON_STRING))
        return registry_refuse(e, BAD_ARGUMENT, "parentScopes holds texts");
    *out = arena_copy(&e->arena, json_string(first));
    return OK;
}

static struct slice own_scope(struct arena *a, const struct heads_identity *edge)
{
    return slice_of(arena_printf(a, "ms-azure-iot-edge://%.*s-%.*s", SLICE_FMT(edge->id.device),
                                 SLICE_FMT(edge->generation_id)));
}

/* An edge has a scope of its own, whatever was sent, and may have another edge's as its parent. */
static enum status want_edge(struct store_table *t, struct registry_errand *e,
                             const struct json *parents, struct registry_row *row)
{
    struct slice was = row->i.parent_scope;
    row->i.device_scope = own_scope(&e->arena, &row->i);
    if (!json_is(parents, JSON_ARRAY))
        return OK; /* not said: it stays */
    enum status s = read_parent(e, parents, &row->i.parent_scope);
    if (s != OK)
        return s;
    if (slice_eq(row->i.parent_scope, row->i.device_scope))
        return registry_refuse(e, BAD_ARGUMENT, "an edge cannot be its own parent");
    row->parent_scopes = row->i.parent_scope.len ? print(&e->arena, parents) : (struct slice){0};
    return slice_eq(row->i.parent_scope, was) ? OK : must_be_an_edge(t, e, row->i.parent_scope);
}

/* A leaf stores its edge's scope once, and may be told of it either way; of two that differ, the one
 * that is new. */
static enum status want_leaf(struct store_table *t, struct registry_errand *e,
                             const struct json *scope, const struct json *parents,
                             struct registry_row *row)
{
    struct slice was = row->i.device_scope, by_scope = was, by_parent = was;
    row->i.parent_scope = row->parent_scopes = (struct slice){0};
    if (slice_eq(was, own_scope(&e->arena, &row->i)))
        was = by_scope = by_parent = (struct slice){0}; /* it was an edge */
    if (json_is(scope, JSON_STRING))
        by_scope = arena_copy(&e->arena, json_string(scope));
    if (json_is(parents, JSON_ARRAY)) {
        enum status s = read_parent(e, parents, &by_parent);
        if (s != OK)
            return s;
    }
    bool scope_new = !slice_eq(by_scope, was), parent_new = !slice_eq(by_parent, was);
    if (scope_new && parent_new && !slice_eq(by_scope, by_parent))
        return registry_refuse(e, BAD_ARGUMENT,
                               "deviceScope and parentScopes name different edges");
    row->i.device_scope = scope_new ? by_scope : by_parent;
    return scope_new || parent_new ? must_be_an_edge(t, e, row->i.device_scope) : OK;
}

enum status registry_scope_want(struct store_table *t, struct registry_errand *e,
                                const struct json *body, struct registry_row *row)
{
    const struct json *scope = json_get(body, "deviceScope"),
                      *parents = json_get(body, "parentScopes");
    return row->i.edge ? want_edge(t, e, parents, row) : want_leaf(t, e, scope, parents, row);
}

void registry_scopes_print(const struct registry_row *row, struct json_writer *w)
{
    json_member(w, "deviceScope", row->i.device_scope);
    if (row->parent_scopes.len) {
        json_name(w, "parentScopes"), json_put_raw(w, row->parent_scopes);
    } else if (!row->i.edge && row->i.device_scope.len) {
        json_name(w, "parentScopes"), json_array(w);
        json_put_string(w, row->i.device_scope);
        json_end_array(w);
    }
}

/* ---- what belongs to an edge ---- */

/* OK, and a copy of its row. */
static enum status load_edge(struct store_table *t, struct registry_errand *e,
                             struct registry_row *edge)
{
    enum status s = registry_row_get(t, (struct iot_id){.device = e->ask.id.device}, edge);
    if (s != OK)
        return s;
    registry_row_keep(&e->arena, edge);
    store_reset(t, SQL_IDENTITY_GET);
    return edge->i.edge ? OK : registry_refuse(e, NOT_FOUND, "the device is no edge");
}

struct page {
    struct slice names[REGISTRY_SCOPE_PAGE_MAX];
    size_t count, most;
};

static enum status print_devices(struct store_table *t, struct registry_errand *e,
                                 const struct registry_row *edge, struct page *p,
                                 struct json_writer *w)
{
    enum status s = OK;
    store_bind(t, SQL_SCOPE_DEVICES, 1, edge->i.device_scope);
    store_bind(t, SQL_SCOPE_DEVICES, 2, edge->i.id.device);
    store_bind(t, SQL_SCOPE_DEVICES, 3, e->ask.target.device);
    store_bind_i64(t, SQL_SCOPE_DEVICES, 4, (int64_t)p->most);
    while (p->count < p->most && (s = store_step(t, SQL_SCOPE_DEVICES)) == OK) {
        struct registry_row row;
        registry_row_read(t, SQL_SCOPE_DEVICES, &row);
        registry_row_print(&row, w);
        p->names[p->count++] = arena_copy(&e->arena, row.i.id.device);
    }
    if (s == OK)
        store_reset(t, SQL_SCOPE_DEVICES);
    return s == NOT_FOUND ? OK : s;
}

static enum status print_modules(struct store_table *t, const struct registry_errand *e,
                                 const struct page *p, struct json_writer *w)
{
    enum status s = OK;
    for (size_t n = 0; s == OK && n < p->count; n++) {
        store_bind(t, SQL_MODULES_LIST, 1, p->names[n]);
        store_bind_i64(t, SQL_MODULES_LIST, 2, (int64_t)e->registry->limits->modules + 2);
        s = registry_rows_print(t, SQL_MODULES_LIST, w);
    }
    return s;
}

/* Where the next page is; the edge asks for it as it stands here. */
static void put_continuation(const struct registry_errand *e, const struct page *p,
                             struct json_writer *w)
{
    struct buffer link = {0};
    json_name(w, "continuationLink");
    if (p->count < p->most) {
        json_put_null(w);
        return;
    }
    buffer_text(&link, "/devices/");
    percent_encode(e->ask.id.device, &link);
    buffer_printf(
        &link,
        "/modules/$edgeHub/devicesAndModulesInDeviceScope?deviceCount=%zu&continuationToken=",
        p->most);
    percent_encode(p->names[p->count - 1], &link);
    buffer_text(&link, "&api-version=2018-08-30-preview");
    json_put_string(w, buffer_slice(&link));
    buffer_clear(&link);
}

static enum status run_scope_list(struct store_table *t, struct registry_errand *e)
{
    struct registry_row edge;
    struct page p = {.most = e->ask.top && e->ask.top < REGISTRY_SCOPE_PAGE_MAX
                                 ? e->ask.top
                                 : REGISTRY_SCOPE_PAGE_MAX};
    enum status s = load_edge(t, e, &edge);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&e->json);
    json_object(&w);
    json_name(&w, "devices"), json_array(&w);
    s = print_devices(t, e, &edge, &p, &w);
    json_end_array(&w);
    json_name(&w, "modules"), json_array(&w);
    if (s == OK)
        s = print_modules(t, e, &p, &w);
    json_end_array(&w);
    put_continuation(e, &p, &w);
    json_end_object(&w);
    return s;
}

static bool belongs(const struct registry_row *device, const struct registry_row *edge)
{
    return slice_eq(device->i.id.device, edge->i.id.device) ||
           slice_eq(device->i.device_scope, edge->i.device_scope) ||
           slice_eq(device->i.parent_scope, edge->i.device_scope);
}

static enum status print_module(struct store_table *t, struct registry_errand *e,
                                struct json_writer *w)
{
    struct registry_row row;
    if (e->ask.target.module.len == 0)
        return OK;
    enum status s = registry_row_get(t, e->ask.target, &row);
    if (s == OK) {
        registry_row_print(&row, w);
        store_reset(t, SQL_IDENTITY_GET);
    }
    return s;
}

static enum status run_scope_one(struct store_table *t, struct registry_errand *e)
{
    struct registry_row edge, device;
    enum status s = load_edge(t, e, &edge);
    if (s == OK)
        s = registry_row_get(t, (struct iot_id){.device = e->ask.target.device}, &device);
    if (s != OK)
        return s;
    registry_row_keep(&e->arena, &device);
    store_reset(t, SQL_IDENTITY_GET);
    if (!belongs(&device, &edge))
        return registry_refuse(e, NOT_FOUND, "it does not belong to this edge");
    struct json_writer w = json_writer(&e->json);
    json_object(&w);
    json_name(&w, "devices"), json_array(&w);
    registry_row_print(&device, &w);
    json_end_array(&w);
    json_name(&w, "modules"), json_array(&w);
    s = print_module(t, e, &w);
    json_end_array(&w);
    json_name(&w, "continuationLink"), json_put_null(&w);
    json_end_object(&w);
    return s;
}

/* ---- what can be asked ---- */

const struct registry_work registry_scope_list = {run_scope_list, IOT_DEVICE};
const struct registry_work registry_scope_one = {run_scope_one, IOT_DEVICE};
