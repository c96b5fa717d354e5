#include "registry/index.h"
#include "registry/tables.h"

#include "iot/digital_twin.h"

static struct slice keep(struct arena *a, struct store_table *t, int column)
{
    return arena_copy(a, store_column(t, SQL_TWIN_GET, column));
}

enum status registry_twin_load(struct store_table *t, struct arena *a, struct iot_id id,
                               struct iot_twin *out)
{
    store_bind(t, SQL_TWIN_GET, 1, id.device);
    store_bind(t, SQL_TWIN_GET, 2, id.module);
    enum status s = store_step(t, SQL_TWIN_GET);
    if (s != OK)
        return s;
    *out = (struct iot_twin){
        .version = (uint64_t)store_column_i64(t, SQL_TWIN_GET, 0),
        .tags = {.values = keep(a, t, 1),
                 .version = (uint64_t)store_column_i64(t, SQL_TWIN_GET, 2)},
        .desired = {keep(a, t, 3), keep(a, t, 4), (uint64_t)store_column_i64(t, SQL_TWIN_GET, 5)},
        .reported = {keep(a, t, 6), keep(a, t, 7), (uint64_t)store_column_i64(t, SQL_TWIN_GET, 8)},
    };
    store_reset(t, SQL_TWIN_GET);
    return OK;
}

enum status registry_twin_store(struct store_table *t, struct iot_id id,
                                const struct iot_twin *before, const struct iot_twin *twin)
{
    size_t n = before ? SQL_TWIN_UPDATE : SQL_TWIN_INSERT;
    store_bind(t, n, 1, id.device);
    store_bind(t, n, 2, id.module);
    store_bind_i64(t, n, 3, (int64_t)twin->version);
    store_bind(t, n, 4, twin->tags.values);
    store_bind_i64(t, n, 5, (int64_t)twin->tags.version);
    store_bind(t, n, 6, twin->desired.values);
    store_bind(t, n, 7, twin->desired.metadata);
    store_bind_i64(t, n, 8, (int64_t)twin->desired.version);
    store_bind(t, n, 9, twin->reported.values);
    store_bind(t, n, 10, twin->reported.metadata);
    store_bind_i64(t, n, 11, (int64_t)twin->reported.version);
    enum status s = store_run(t, n);
    return s == OK ? registry_index_put(t, id, before, twin) : s;
}

/* ---- the service's view: the twin with what is known of its identity around it ---- */

static void print_time(struct json_writer *w, const char *name, int64_t ms)
{
    json_name(w, name);
    if (ms > 0)
        json_put_time(w, (uint64_t)ms);
    else
        json_put_text(w, "0001-01-01T00:00:00Z");
}

void registry_twin_print_identity(const struct registry_row *row, struct json_writer *w)
{
    static const char *const types[] = {"sas", "selfSigned", "certificateAuthority", "none"};
    json_member(w, "deviceId", row->i.id.device);
    json_member(w, "moduleId", row->i.id.module);
    json_member(w, "deviceEtag", row->i.etag);
    json_name(w, "status"), json_put_text(w, row->i.enabled ? "enabled" : "disabled");
    if (row->status_reason.len)
        json_member(w, "statusReason", row->status_reason);
    print_time(w, "statusUpdateTime", row->status_ms);
    json_name(w, "connectionState"),
        json_put_text(w, row->connected ? "Connected" : "Disconnected");
    print_time(w, "lastActivityTime", row->activity_ms);
    json_name(w, "cloudToDeviceMessageCount"), json_put_i64(w, row->i.message_count);
    json_name(w, "authenticationType"), json_put_text(w, types[row->i.auth]);
    json_name(w, "x509Thumbprint"), json_object(w);
    json_name(w, "primaryThumbprint");
    row->i.primary_thumbprint.len ? json_put_string(w, row->i.primary_thumbprint)
                                  : json_put_null(w);
    json_name(w, "secondaryThumbprint");
    row->i.secondary_thumbprint.len ? json_put_string(w, row->i.secondary_thumbprint)
                                    : json_put_null(w);
    json_end_object(w);
    json_name(w, "modelId"), json_put_string(w, row->model_id);
    if (row->i.id.module.len == 0) {
        json_name(w, "capabilities"), json_object(w);
        json_name(w, "iotEdge"), json_put_bool(w, row->i.edge);
        json_end_object(w);
        registry_scopes_print(row, w);
    }
}

void registry_twin_print(const struct registry_row *row, const struct iot_twin *twin,
                         struct json_writer *w)
{
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(twin->version, etag);
    registry_twin_print_identity(row, w);
    json_member(w, "etag", slice_of(etag));
    json_name(w, "version"), json_put_u64(w, twin->version);
    iot_twin_put_service(twin, w);
}

static void print_twin(struct registry_errand *e, const struct registry_row *row,
                       const struct iot_twin *twin)
{
    struct json_writer w = json_writer(&e->json);
    iot_twin_etag(twin->version, e->etag);
    e->answer.etag = slice_of(e->etag);
    json_object(&w);
    registry_twin_print(row, twin, &w);
    json_end_object(&w);
}

static enum status load_both(struct store_table *t, struct registry_errand *e,
                             struct registry_row *row, struct iot_twin *twin)
{
    enum status s = registry_twin_load(t, &e->arena, e->ask.id, twin);
    return s == OK ? registry_row_get(t, e->ask.id, row) : s;
}

static enum status run_twin_get(struct store_table *t, struct registry_errand *e)
{
    struct registry_row row;
    struct iot_twin twin;
    enum status s = load_both(t, e, &row, &twin);
    if (s == OK) {
        print_twin(e, &row, &twin);
        store_reset(t, SQL_IDENTITY_GET);
    }
    return s;
}

/* ---- the digital twin ---- */

static enum status run_digital_twin_get(struct store_table *t, struct registry_errand *e)
{
    struct registry_row row;
    struct iot_twin twin;
    enum status s = load_both(t, e, &row, &twin);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&e->json);
    iot_digital_twin_put(&twin, e->ask.id.device, row.model_id, &w);
    iot_twin_etag(twin.version, e->etag);
    e->answer.etag = slice_of(e->etag);
    store_reset(t, SQL_IDENTITY_GET);
    return OK;
}

/* ---- changes ---- */

static enum status change(struct store_table *t, struct registry_errand *e, const struct json *body,
                          struct iot_twin *twin)
{
    struct iot_twin_change made = {0};
    const struct iot_twin before = *twin;
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(twin->version, etag);
    if (e->ask.if_match.len && !slice_eq(e->ask.if_match, SLICE("*")) &&
        !slice_eq(e->ask.if_match, slice_of(etag))) {
        e->answer.text = "the twin has changed since it was read: its etag is another one";
        return CONFLICT;
    }
    enum iot_twin_how how = e->ask.what == &registry_twin_put ? IOT_TWIN_REPLACE : IOT_TWIN_MERGE;
    enum status s = iot_twin_update(twin, &e->registry->limits->twin, &e->arena, body, how,
                                    e->now_ms, &made, &e->answer.text);
    if (s == OK && (made.tags || made.desired))
        s = registry_twin_store(t, e->ask.id, &before, twin);
    if (s == OK)
        registry_announce_update(&e->announcements, e->registry, &e->arena, e->ask.id, twin, body,
                                 &made, how, e->now_ms);
    e->tell_desired = s == OK && made.desired;
    e->desired_patch = made.desired_patch;
    e->desired_version = twin->desired.version;
    return s;
}

static enum status run_twin_change(struct store_table *t, struct registry_errand *e)
{
    struct registry_row row;
    struct iot_twin twin;
    struct json_doc *doc = NULL;
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_OBJECT)) {
        json_free(&doc);
        e->answer.text = "the body must be a JSON object";
        return BAD_FORMAT;
    }
    enum status s = load_both(t, e, &row, &twin);
    if (s == OK) {
        s = change(t, e, json_root(doc), &twin);
        if (s == OK)
            print_twin(e, &row, &twin);
        store_reset(t, SQL_IDENTITY_GET);
    }
    json_free(&doc);
    return s;
}

static enum status patch(struct store_table *t, struct registry_errand *e,
                         const struct json *operations)
{
    struct iot_twin twin;
    struct slice text = {0};
    struct json_doc *body = NULL;
    enum status s = registry_twin_load(t, &e->arena, e->ask.id, &twin);
    if (s == OK)
        s = iot_digital_twin_patch(&twin, &e->arena, operations, &text, &e->answer.text);
    if (s == OK)
        s = json_parse(text, JSON_STRICT, &body, NULL);
    if (s == OK)
        s = change(t, e, json_root(body), &twin);
    json_free(&body);
    if (s == OK) {
        iot_twin_etag(twin.version, e->etag);
        e->answer.etag = slice_of(e->etag);
    }
    return s;
}

static enum status run_digital_twin_patch(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK)
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON array");
    enum status s = patch(t, e, json_root(doc));
    json_free(&doc);
    return s;
}

/* ---- what can be asked ---- */

const struct registry_work registry_twin_get = {run_twin_get, IOT_DEVICE};
const struct registry_work registry_twin_patch = {run_twin_change, IOT_DEVICE, .changes = true};
const struct registry_work registry_twin_put = {run_twin_change, IOT_DEVICE, .changes = true};
const struct registry_work registry_digital_twin_get = {run_digital_twin_get, IOT_DEVICE};
const struct registry_work registry_digital_twin_patch = {run_digital_twin_patch, IOT_DEVICE,
                                                          .changes = true};
