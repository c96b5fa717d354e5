/* Rows of identities: out of the table, and into JSON; and what the work on them shares. */
#include "base/encoding.h"
#include "crypto/random.h"
#include "registry/tables.h"

/* ---- what the work shares ---- */

enum status registry_refuse(struct registry_errand *e, enum status why, const char *text)
{
    e->answer.text = text;
    return why;
}

/* Random decimal digits, as base64. */
struct slice registry_new_etag(struct arena *a)
{
    uint32_t n;
    crypto_random(&n, sizeof(n));
    struct buffer text = {0}, digits = {0};
    buffer_printf(&digits, "%010u", n);
    base64_encode(buffer_slice(&digits), &text);
    struct slice etag = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    buffer_clear(&digits);
    return etag;
}

bool registry_etag_matches(const struct registry_errand *e, struct slice etag)
{
    return slice_eq(e->ask.if_match, SLICE("*")) || slice_eq(e->ask.if_match, etag);
}

/* ---- rows ---- */

void registry_row_read(struct store_table *t, size_t n, struct registry_row *out)
{
    *out = (struct registry_row){
        .i =
            {
                .id = {store_column(t, n, 0), store_column(t, n, 1)},
                .generation_id = store_column(t, n, 2),
                .etag = store_column(t, n, 3),
                .enabled = store_column_i64(t, n, 4) && store_column_i64(t, n, 19),
                .auth = (enum heads_auth)store_column_i64(t, n, 7),
                .primary_key = store_column(t, n, 8),
                .secondary_key = store_column(t, n, 9),
                .primary_thumbprint = store_column(t, n, 10),
                .secondary_thumbprint = store_column(t, n, 11),
                .edge = store_column_i64(t, n, 12) != 0,
                .device_scope = store_column(t, n, 13),
                .parent_scope = store_column(t, n, 20),
                .kept = (unsigned)store_column_i64(t, n, 21),
                .message_count = (unsigned)store_column_i64(t, n, 22),
            },
        .status_reason = store_column(t, n, 5),
        .status_ms = store_column_i64(t, n, 6),
        .parent_scopes = store_column(t, n, 14),
        .managed_by = store_column(t, n, 15),
        .model_id = store_column(t, n, 23),
        .connected = store_column_i64(t, n, 16),
        .connection_ms = store_column_i64(t, n, 17),
        .activity_ms = store_column_i64(t, n, 18),
    };
}

enum status registry_row_get(struct store_table *t, struct iot_id id, struct registry_row *out)
{
    store_bind(t, SQL_IDENTITY_GET, 1, id.device);
    store_bind(t, SQL_IDENTITY_GET, 2, id.module);
    enum status s = store_step(t, SQL_IDENTITY_GET);
    if (s == OK)
        registry_row_read(t, SQL_IDENTITY_GET, out);
    return s;
}

static void put_time(struct json_writer *w, const char *name, int64_t ms)
{
    json_name(w, name);
    if (ms > 0)
        json_put_time(w, (uint64_t)ms);
    else
        json_put_text(w, "0001-01-01T00:00:00Z"); /* .NET's way to say never */
}

static void put_text_or_null(struct json_writer *w, const char *name, struct slice v)
{
    json_name(w, name);
    if (v.len)
        json_put_string(w, v);
    else
        json_put_null(w);
}

static void print_authentication(const struct heads_identity *i, struct json_writer *w)
{
    static const char *const types[] = {"sas", "selfSigned", "certificateAuthority", "none"};
    json_name(w, "authentication"), json_object(w);
    json_name(w, "symmetricKey"), json_object(w);
    put_text_or_null(w, "primaryKey", i->primary_key);
    put_text_or_null(w, "secondaryKey", i->secondary_key);
    json_end_object(w);
    json_name(w, "x509Thumbprint"), json_object(w);
    put_text_or_null(w, "primaryThumbprint", i->primary_thumbprint);
    put_text_or_null(w, "secondaryThumbprint", i->secondary_thumbprint);
    json_end_object(w);
    json_name(w, "type"), json_put_text(w, types[i->auth]);
    json_end_object(w);
}

static void print_device_part(const struct registry_row *row, struct json_writer *w)
{
    json_name(w, "status"), json_put_text(w, row->i.enabled ? "enabled" : "disabled");
    put_text_or_null(w, "statusReason", row->status_reason);
    put_time(w, "statusUpdatedTime", row->status_ms);
    json_name(w, "capabilities"), json_object(w);
    json_name(w, "iotEdge"), json_put_bool(w, row->i.edge);
    json_end_object(w);
    registry_scopes_print(row, w);
}

void registry_row_print(const struct registry_row *row, struct json_writer *w)
{
    json_object(w);
    json_member(w, "deviceId", row->i.id.device);
    json_member(w, "moduleId", row->i.id.module);
    if (row->i.id.module.len)
        put_text_or_null(w, "managedBy", row->managed_by);
    json_member(w, "generationId", row->i.generation_id);
    json_member(w, "etag", row->i.etag);
    json_name(w, "connectionState"),
        json_put_text(w, row->connected ? "Connected" : "Disconnected");
    put_time(w, "connectionStateUpdatedTime", row->connection_ms);
    put_time(w, "lastActivityTime", row->activity_ms);
    json_name(w, "cloudToDeviceMessageCount"), json_put_i64(w, row->i.message_count);
    if (row->i.id.module.len == 0)
        print_device_part(row, w);
    print_authentication(&row->i, w);
    json_end_object(w);
}

void registry_export_print(const struct registry_row *row, bool keys, struct json_writer *w)
{
    struct heads_identity i = row->i;
    if (!keys)
        i.primary_key = i.secondary_key = (struct slice){0};
    if (row->i.id.module.len) {
        json_member(w, "managedBy", row->managed_by);
    } else {
        json_name(w, "status"), json_put_text(w, row->i.enabled ? "enabled" : "disabled");
        json_member(w, "statusReason", row->status_reason);
        json_name(w, "capabilities"), json_object(w);
        json_name(w, "iotEdge"), json_put_bool(w, row->i.edge);
        json_end_object(w);
        registry_scopes_print(row, w);
    }
    print_authentication(&i, w);
}

void registry_row_keep(struct arena *a, struct registry_row *row)
{
    struct slice *all[] = {&row->i.id.device,
                           &row->i.id.module,
                           &row->i.generation_id,
                           &row->i.etag,
                           &row->i.primary_key,
                           &row->i.secondary_key,
                           &row->i.primary_thumbprint,
                           &row->i.secondary_thumbprint,
                           &row->i.device_scope,
                           &row->i.parent_scope,
                           &row->status_reason,
                           &row->parent_scopes,
                           &row->managed_by,
                           &row->model_id};
    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        *all[n] = arena_copy(a, *all[n]);
}

enum status registry_rows_print(struct store_table *t, size_t n, struct json_writer *w)
{
    enum status s;
    while ((s = store_step(t, n)) == OK) {
        struct registry_row row;
        registry_row_read(t, n, &row);
        registry_row_print(&row, w);
    }
    return s == NOT_FOUND ? OK : s;
}
