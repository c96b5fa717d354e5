#include <stdio.h>

#include "base/clock.h"
#include "registry/tables.h"

/* .NET's ticks since 1970, as IoT Hub has it; a device that is made again is never the same
 * generation. */
static struct slice new_generation(struct registry_errand *e)
{
    uint64_t ticks = e->now_ms * 10000, *last = &e->registry->last_generation;
    *last = ticks > *last ? ticks : *last + 1;
    return slice_of(arena_printf(&e->arena, "%llu", (unsigned long long)*last));
}

/* ---- reading ---- */

static void answer_row(struct registry_errand *e, const struct registry_row *row)
{
    struct json_writer w = json_writer(&e->json);
    registry_row_print(row, &w);
    e->answer.etag = arena_copy(&e->arena, row->i.etag);
}

static enum status run_identity_get(struct store_table *t, struct registry_errand *e)
{
    struct registry_row row;
    enum status s = registry_row_get(t, e->ask.id, &row);
    if (s == OK) {
        answer_row(e, &row);
        store_reset(t, SQL_IDENTITY_GET);
    }
    return s;
}

static enum status must_exist(struct store_table *t, struct iot_id id)
{
    struct registry_row row;
    enum status s = registry_row_get(t, id, &row);
    if (s == OK)
        store_reset(t, SQL_IDENTITY_GET);
    return s;
}

static enum status run_identity_list(struct store_table *t, struct registry_errand *e)
{
    struct json_writer w = json_writer(&e->json);
    size_t most = e->registry->limits->list_items;
    size_t top = e->ask.top && e->ask.top < most ? e->ask.top : most;
    bool modules = e->ask.id.device.len > 0;
    size_t n = modules ? SQL_MODULES_LIST : SQL_DEVICES_LIST;
    if (modules) {
        enum status s = must_exist(t, e->ask.id);
        if (s != OK)
            return s;
        store_bind(t, n, 1, e->ask.id.device);
    }
    store_bind_i64(t, n, modules ? 2 : 1, (int64_t)top);
    json_array(&w);
    enum status s = registry_rows_print(t, n, &w);
    json_end_array(&w);
    return s;
}

/* ---- writing ---- */

static void bind_optional(struct store_table *t, size_t n, int at, struct slice v)
{
    if (v.len)
        store_bind(t, n, at, v);
    else
        store_bind_null(t, n, at);
}

static enum status write_row(struct store_table *t, size_t n, const struct registry_row *row)
{
    store_bind(t, n, 1, row->i.id.device);
    store_bind(t, n, 2, row->i.id.module);
    store_bind(t, n, 3, row->i.generation_id);
    store_bind(t, n, 4, row->i.etag);
    store_bind_i64(t, n, 5, row->i.id.module.len ? 1 : row->i.enabled); /* a module's is its device's */
    bind_optional(t, n, 6, row->status_reason);
    store_bind_i64(t, n, 7, row->status_ms);
    store_bind_i64(t, n, 8, row->i.auth);
    bind_optional(t, n, 9, row->i.primary_key);
    bind_optional(t, n, 10, row->i.secondary_key);
    bind_optional(t, n, 11, row->i.primary_thumbprint);
    bind_optional(t, n, 12, row->i.secondary_thumbprint);
    store_bind_i64(t, n, 13, row->i.edge);
    bind_optional(t, n, 14, row->i.device_scope);
    bind_optional(t, n, 15, row->parent_scopes);
    bind_optional(t, n, 16, row->managed_by);
    return store_run(t, n);
}

static enum status insert(struct store_table *t, struct registry_errand *e,
                          const struct registry_row *row)
{
    struct iot_twin twin = iot_twin_new(&e->arena, e->now_ms);
    enum status s = write_row(t, SQL_IDENTITY_INSERT, row);
    if (s == OK)
        s = registry_twin_store(t, row->i.id, NULL, &twin);
    if (s == OK)
        registry_announce_lifecycle(&e->announcements, e->registry, &e->arena, row->i.id, true,
                                    &twin, e->now_ms);
    return s;
}

static enum status add_system_module(struct store_table *t, struct registry_errand *e,
                                     struct iot_id device, const char *name)
{
    struct registry_row row = {
        .i =
            {
                .id = {device.device, slice_of(name)},
                .enabled = true,
                .generation_id = new_generation(e),
                .etag = registry_new_etag(&e->arena),
                .primary_key = registry_new_key(&e->arena),
                .secondary_key = registry_new_key(&e->arena),
            },
        .managed_by = SLICE("iotEdge"),
    };
    enum status s = insert(t, e, &row);
    return s == EXISTS ? OK : s;
}

static enum status add_system_modules(struct store_table *t, struct registry_errand *e,
                                      const struct registry_row *row)
{
    if (row->i.id.module.len || !row->i.edge)
        return OK;
    enum status s = add_system_module(t, e, row->i.id, "$edgeAgent");
    return s == OK ? add_system_module(t, e, row->i.id, "$edgeHub") : s;
}

static enum status check_new_module(struct store_table *t, struct registry_errand *e)
{
    struct registry_row device;
    enum status s = registry_row_get(t, (struct iot_id){.device = e->ask.id.device}, &device);
    e->no_device = s == NOT_FOUND;
    if (s != OK)
        return s == NOT_FOUND ? registry_refuse(e, NOT_FOUND, "there is no such device") : s;
    store_reset(t, SQL_IDENTITY_GET);
    store_bind(t, SQL_MODULES_COUNT, 1, e->ask.id.device);
    s = store_step(t, SQL_MODULES_COUNT);
    if (s != OK)
        return s;
    int64_t count = store_column_i64(t, SQL_MODULES_COUNT, 0);
    store_reset(t, SQL_MODULES_COUNT);
    return count < (int64_t)e->registry->limits->modules
               ? OK
               : registry_refuse(e, FULL,
                                 "the device has as many modules as limits.modules allows");
}

static enum status check_new_device(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_STATISTICS_DEVICES);
    if (s != OK)
        return s;
    int64_t count = store_column_i64(t, SQL_STATISTICS_DEVICES, 0);
    store_reset(t, SQL_STATISTICS_DEVICES);
    return count < (int64_t)e->registry->limits->devices
               ? OK
               : registry_refuse(e, FULL, "there are as many devices as limits.devices allows");
}

enum status registry_identity_create(struct store_table *t, struct registry_errand *e,
                                     const struct json *body)
{
    struct registry_row row = {
        .i = {.id = e->ask.id, .enabled = true, .generation_id = new_generation(e)}};
    row.i.etag = registry_new_etag(&e->arena);
    if (e->ask.id.module.len && e->ask.id.module.at[0] == '$')
        return registry_refuse(e, FORBIDDEN, "system modules come with their edge device");
    enum status s = e->ask.id.module.len ? check_new_module(t, e) : check_new_device(t, e);
    if (s == OK)
        s = registry_want(t, e, body, &row);
    if (s == OK)
        s = insert(t, e, &row);
    if (s == OK)
        s = add_system_modules(t, e, &row);
    if (s == OK)
        answer_row(e, &row);
    return s;
}

/* The names of a device's modules, which may be connected and look again with it. */
static enum status collect_modules(struct store_table *t, struct registry_errand *e)
{
    enum status s = OK;
    if (e->ask.id.module.len)
        return OK;
    size_t most = e->registry->limits->modules + 2; /* an edge's own may be two more */
    e->modules = ARENA_TAKE_N(&e->arena, struct slice, most);
    store_bind(t, SQL_MODULE_NAMES, 1, e->ask.id.device);
    while (e->module_count < most && (s = store_step(t, SQL_MODULE_NAMES)) == OK)
        e->modules[e->module_count++] = arena_copy(&e->arena, store_column(t, SQL_MODULE_NAMES, 0));
    if (s == OK)
        store_reset(t, SQL_MODULE_NAMES);
    return s == NOT_FOUND ? OK : s;
}

enum status registry_identity_update(struct store_table *t, struct registry_errand *e,
                                     const struct json *body, struct registry_row *row)
{
    if (!registry_etag_matches(e, row->i.etag))
        return registry_refuse(
            e, CONFLICT, "the identity has changed since it was read: its etag is another one");
    row->i.etag = registry_new_etag(&e->arena);
    enum status s = registry_want(t, e, body, row);
    if (s == OK)
        s = write_row(t, SQL_IDENTITY_UPDATE, row);
    if (s == OK)
        s = add_system_modules(t, e, row);
    if (s == OK)
        s = collect_modules(t, e);
    if (s == OK)
        answer_row(e, row);
    e->tell_identity = s == OK;
    return s;
}

static enum status create_or_update(struct store_table *t, struct registry_errand *e,
                                    const struct json *body)
{
    struct registry_row row;
    enum status s = registry_row_get(t, e->ask.id, &row);
    if (s == NOT_FOUND)
        return e->ask.if_match.len
                   ? NOT_FOUND
                   : registry_identity_create(t, e, body); /* If-Match says that it must be there */
    if (s != OK)
        return s;
    registry_row_keep(&e->arena, &row);
    store_reset(t, SQL_IDENTITY_GET);
    if (e->ask.if_match.len == 0)
        return registry_refuse(e, EXISTS, "it exists already; send If-Match to change it");
    return registry_identity_update(t, e, body, &row);
}

static enum status run_identity_put(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (!iot_id_name_ok(e->ask.id.device) ||
        (e->ask.id.module.len && !iot_id_name_ok(e->ask.id.module)))
        return registry_refuse(
            e, BAD_ARGUMENT,
            "ids have up to 128 letters, digits and - . + % _ # * ? ! ( ) , = @ $ ' : ;");
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_OBJECT)) {
        json_free(&doc);
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON object");
    }
    enum status s = create_or_update(t, e, json_root(doc));
    json_free(&doc);
    return s;
}

/* ---- deleting ---- */

/* Its twin goes with it, and is told of for the last time. */
static enum status tell_deleted(struct store_table *t, struct registry_errand *e)
{
    struct iot_twin twin;
    enum status s = registry_twin_load(t, &e->arena, e->ask.id, &twin);
    if (s == OK)
        registry_announce_lifecycle(&e->announcements, e->registry, &e->arena, e->ask.id, false,
                                    &twin, e->now_ms);
    return s;
}

static enum status delete_rows(struct store_table *t, struct iot_id id)
{
    bool module = id.module.len > 0;
    size_t identities = module ? SQL_IDENTITY_DELETE : SQL_MODULES_DELETE;
    size_t twins = module ? SQL_TWIN_DELETE : SQL_TWINS_DELETE;
    store_bind(t, identities, 1, id.device);
    store_bind(t, twins, 1, id.device);
    if (module) {
        store_bind(t, identities, 2, id.module);
        store_bind(t, twins, 2, id.module);
    }
    enum status s = store_run(t, identities);
    return s == OK ? store_run(t, twins) : s;
}

static enum status run_identity_delete(struct store_table *t, struct registry_errand *e)
{
    struct registry_row row;
    enum status s = registry_row_get(t, e->ask.id, &row);
    if (s != OK)
        return s;
    bool same = e->ask.if_match.len == 0 || registry_etag_matches(e, row.i.etag);
    e->messages_gone = e->ask.id.module.len ? 0 : row.i.message_count;
    store_reset(t, SQL_IDENTITY_GET);
    if (!same)
        return registry_refuse(
            e, CONFLICT, "the identity has changed since it was read: its etag is another one");
    if (e->ask.id.module.len && e->ask.id.module.at[0] == '$')
        return registry_refuse(e, FORBIDDEN, "system modules go with their edge device");
    s = collect_modules(t, e);
    if (s == OK)
        s = tell_deleted(t, e);
    if (s == OK)
        s = delete_rows(t, e->ask.id);
    e->tell_identity = s == OK;
    return s;
}

/* ---- statistics ---- */

static enum status run_statistics_devices(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_STATISTICS_DEVICES);
    if (s != OK)
        return s;
    int64_t total = store_column_i64(t, SQL_STATISTICS_DEVICES, 0);
    int64_t enabled = store_column_i64(t, SQL_STATISTICS_DEVICES, 1);
    store_reset(t, SQL_STATISTICS_DEVICES);
    buffer_printf(
        &e->json,
        "{\"totalDeviceCount\":%lld,\"enabledDeviceCount\":%lld,\"disabledDeviceCount\":%lld}",
        (long long)total, (long long)enabled, (long long)(total - enabled));
    return OK;
}

static enum status run_statistics_service(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_STATISTICS_SERVICE);
    if (s != OK)
        return s;
    buffer_printf(&e->json, "{\"connectedDeviceCount\":%lld}",
                  (long long)store_column_i64(t, SQL_STATISTICS_SERVICE, 0));
    store_reset(t, SQL_STATISTICS_SERVICE);
    return OK;
}

/* ---- what can be asked ---- */

const struct registry_work registry_identity_get = {run_identity_get, IOT_DEVICE};
const struct registry_work registry_identity_put = {run_identity_put, IOT_DEVICE, .changes = true};
const struct registry_work registry_identity_delete = {run_identity_delete, IOT_DEVICE,
                                                       .changes = true};
const struct registry_work registry_identity_list = {run_identity_list, IOT_DEVICE};
const struct registry_work registry_statistics_devices = {run_statistics_devices, IOT_DEVICE};
const struct registry_work registry_statistics_service = {run_statistics_service, IOT_DEVICE};
