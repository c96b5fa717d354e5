#include "dps/tables.h"

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"

/* Keys are ids in lower case. `by_key` is 1 for a group whose devices have derived keys. */
const char *const dps_migrations[] = {
    "CREATE TABLE enrollments ("
    " kind INTEGER NOT NULL, key TEXT NOT NULL, by_key INTEGER NOT NULL, body TEXT NOT NULL,"
    " etag TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID;"
    "CREATE INDEX enrollments_by_key ON enrollments (kind, by_key, key);"
    "CREATE TABLE registrations ("
    " key TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, group_id TEXT NOT NULL,"
    " group_key TEXT NOT NULL, x509 INTEGER NOT NULL, state INTEGER NOT NULL,"
    " substatus TEXT NOT NULL, hub TEXT NOT NULL, device TEXT NOT NULL,"
    " error_code INTEGER NOT NULL, error_message TEXT NOT NULL, payload TEXT NOT NULL,"
    " etag TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX registrations_group ON registrations (group_key, key);",
};
const size_t dps_migration_count = sizeof dps_migrations / sizeof *dps_migrations;

#define ENROLLMENT "body, etag, created_ms, updated_ms"
#define REGISTRATION                                                                               \
    "id, group_id, x509, state, substatus, hub, device, error_code, error_message, payload, etag," \
    " created_ms, updated_ms, key"

const char *const dps_statements[SQL_COUNT] = {
    [SQL_ENROLLMENT_GET] =
        "SELECT " ENROLLMENT ", key FROM enrollments WHERE kind = ?1 AND key = ?2",
    [SQL_ENROLLMENT_PUT] =
        "INSERT OR REPLACE INTO enrollments (kind, key, by_key, body, etag, created_ms, updated_ms)"
        " VALUES (?1,?2,?3,?4,?5,?6,?7)",
    [SQL_ENROLLMENT_DELETE] = "DELETE FROM enrollments WHERE kind = ?1 AND key = ?2",
    [SQL_ENROLLMENTS_LIST] = "SELECT " ENROLLMENT ", key FROM enrollments"
                             " WHERE kind = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
    [SQL_GROUPS_COUNT] = "SELECT COUNT(*) FROM enrollments WHERE kind = ?1 AND by_key = ?2",
    [SQL_GROUPS_OF] = "SELECT " ENROLLMENT ", key FROM enrollments"
                      " WHERE kind = ?1 AND by_key = ?2 ORDER BY key",
    [SQL_REGISTRATION_GET] = "SELECT " REGISTRATION " FROM registrations WHERE key = ?1",
    [SQL_REGISTRATION_PUT] =
        "INSERT OR REPLACE INTO registrations (key, id, group_id, group_key, x509, state,"
        " substatus, hub, device, error_code, error_message, payload, etag, created_ms, updated_ms)"
        " VALUES (?1,?2,?3,lower(?3),?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [SQL_REGISTRATION_DELETE] = "DELETE FROM registrations WHERE key = ?1",
    [SQL_REGISTRATIONS_OF_GROUP_DELETE] = "DELETE FROM registrations WHERE group_key = ?1",
    [SQL_REGISTRATIONS_LIST] = "SELECT " REGISTRATION " FROM registrations"
                               " WHERE group_key = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
    [SQL_INTERRUPTED] = "UPDATE registrations SET state = 3, error_code = 500001,"
                        " error_message = 'The service ended meanwhile: register again.'"
                        " WHERE state = 1",
};

/* ---- etags ---- */

void dps_etag_new(char out[DPS_ETAG_LEN + 1])
{
    uint8_t bytes[DPS_ETAG_LEN / 2];
    struct buffer hex = {0};
    crypto_random(bytes, sizeof bytes);
    hex_encode(slice_from(bytes, sizeof bytes), &hex);
    memcpy(out, buffer_cstr(&hex), DPS_ETAG_LEN + 1);
    buffer_clear(&hex);
}

bool dps_etag_matches(struct slice if_match, struct slice etag)
{
    struct slice v = slice_trim(if_match);
    if (v.len >= 2 && v.at[0] == '"' && v.at[v.len - 1] == '"')
        v = slice_from(v.at + 1, v.len - 2);
    return slice_eq(v, SLICE("*")) || slice_eq(v, etag);
}

/* ---- enrolments ---- */

enum status dps_enrollment_row(struct store_table *t, size_t n, enum dps_kind kind, struct arena *a,
                               struct dps_enrollment *out)
{
    struct json_doc *doc = NULL;
    const char *why = NULL;
    struct slice body = store_column(t, n, 0);
    enum status s = json_parse(body, JSON_STRICT, &doc, NULL);
    if (s == OK)
        s = dps_enrollment_read(kind, json_root(doc), NULL, a, out, &why);
    if (s != OK) {
        log_error("an enrollment in the database cannot be read key=%.*s reason=\"%s\"",
                  SLICE_FMT(store_column(t, n, 4)), why ? why : "no JSON");
        json_free(&doc);
        return IO_FAILED;
    }
    struct slice *texts[] = {&out->id,
                             &out->device_id,
                             &out->keys.primary,
                             &out->keys.secondary,
                             &out->certificates.primary,
                             &out->certificates.secondary,
                             &out->host_name,
                             &out->webhook_url,
                             &out->webhook_version};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(a, *texts[i]); /* the document ends here */
    for (size_t i = 0; i < out->hub_count; i++)
        out->hubs[i] = arena_copy(a, out->hubs[i]);
    out->etag = arena_copy(a, store_column(t, n, 1));
    out->created_ms = (uint64_t)store_column_i64(t, n, 2);
    out->updated_ms = (uint64_t)store_column_i64(t, n, 3);
    json_free(&doc);
    return OK;
}

enum status dps_enrollment_load(struct store_table *t, enum dps_kind kind, struct slice key,
                                struct arena *a, struct dps_enrollment *out)
{
    store_bind_i64(t, SQL_ENROLLMENT_GET, 1, kind);
    store_bind(t, SQL_ENROLLMENT_GET, 2, key);
    enum status s = store_step(t, SQL_ENROLLMENT_GET);
    if (s != OK)
        return s;
    s = dps_enrollment_row(t, SQL_ENROLLMENT_GET, kind, a, out);
    store_reset(t, SQL_ENROLLMENT_GET);
    return s;
}

enum status dps_enrollment_store(struct store_table *t, struct slice key,
                                 const struct dps_enrollment *e, struct arena *a)
{
    struct dps_enrollment stored = *e;
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    stored.etag = (struct slice){0}; /* these have columns */
    stored.created_ms = 0;
    json_object(&w);
    dps_enrollment_put(&stored, true, &w);
    json_end_object(&w);
    struct slice text = arena_copy(a, buffer_slice(&body));
    buffer_clear(&body);
    store_bind_i64(t, SQL_ENROLLMENT_PUT, 1, e->kind);
    store_bind(t, SQL_ENROLLMENT_PUT, 2, key);
    store_bind_i64(t, SQL_ENROLLMENT_PUT, 3, e->proof == DPS_SYMMETRIC_KEY);
    store_bind(t, SQL_ENROLLMENT_PUT, 4, text);
    store_bind(t, SQL_ENROLLMENT_PUT, 5, e->etag);
    store_bind_i64(t, SQL_ENROLLMENT_PUT, 6, (int64_t)e->created_ms);
    store_bind_i64(t, SQL_ENROLLMENT_PUT, 7, (int64_t)e->updated_ms);
    return store_run(t, SQL_ENROLLMENT_PUT);
}

/* ---- registrations ---- */

void dps_registration_row(struct store_table *t, size_t n, struct arena *a,
                          struct dps_registration *out)
{
    *out = (struct dps_registration){
        .id = arena_copy(a, store_column(t, n, 0)),
        .group = arena_copy(a, store_column(t, n, 1)),
        .x509 = store_column_i64(t, n, 2) != 0,
        .state = (enum dps_state)store_column_i64(t, n, 3),
        .substatus = arena_copy(a, store_column(t, n, 4)),
        .hub = arena_copy(a, store_column(t, n, 5)),
        .device_id = arena_copy(a, store_column(t, n, 6)),
        .error_code = (int)store_column_i64(t, n, 7),
        .error_message = arena_copy(a, store_column(t, n, 8)),
        .payload = arena_copy(a, store_column(t, n, 9)),
        .etag = arena_copy(a, store_column(t, n, 10)),
        .created_ms = (uint64_t)store_column_i64(t, n, 11),
        .updated_ms = (uint64_t)store_column_i64(t, n, 12),
    };
}

enum status dps_registration_load(struct store_table *t, struct slice key, struct arena *a,
                                  struct dps_registration *out)
{
    store_bind(t, SQL_REGISTRATION_GET, 1, key);
    enum status s = store_step(t, SQL_REGISTRATION_GET);
    if (s != OK)
        return s;
    dps_registration_row(t, SQL_REGISTRATION_GET, a, out);
    store_reset(t, SQL_REGISTRATION_GET);
    return OK;
}

enum status dps_registration_store(struct store_table *t, struct slice key,
                                   const struct dps_registration *r)
{
    const struct slice texts[] = {key, r->id, r->group};
    for (int i = 0; i < 3; i++)
        store_bind(t, SQL_REGISTRATION_PUT, i + 1, texts[i]);
    store_bind_i64(t, SQL_REGISTRATION_PUT, 4, r->x509);
    store_bind_i64(t, SQL_REGISTRATION_PUT, 5, r->state);
    store_bind(t, SQL_REGISTRATION_PUT, 6, r->substatus);
    store_bind(t, SQL_REGISTRATION_PUT, 7, r->hub);
    store_bind(t, SQL_REGISTRATION_PUT, 8, r->device_id);
    store_bind_i64(t, SQL_REGISTRATION_PUT, 9, r->error_code);
    store_bind(t, SQL_REGISTRATION_PUT, 10, r->error_message);
    store_bind(t, SQL_REGISTRATION_PUT, 11, r->payload);
    store_bind(t, SQL_REGISTRATION_PUT, 12, r->etag);
    store_bind_i64(t, SQL_REGISTRATION_PUT, 13, (int64_t)r->created_ms);
    store_bind_i64(t, SQL_REGISTRATION_PUT, 14, (int64_t)r->updated_ms);
    return store_run(t, SQL_REGISTRATION_PUT);
}

const char *dps_state_name(enum dps_state s)
{
    static const char *const names[] = {"unassigned", "assigning", "assigned", "failed",
                                        "disabled"};
    return names[s];
}

void dps_registration_put(const struct dps_registration *r, struct json_writer *w)
{
    json_object(w);
    json_name(w, r->x509 ? "x509" : "symmetricKey"), json_object(w);
    json_member(w, "enrollmentGroupId", r->group);
    json_end_object(w);
    json_member(w, "registrationId", r->id);
    json_name(w, "createdDateTimeUtc"), json_put_time(w, r->created_ms);
    if (r->state == DPS_ASSIGNED) {
        json_member(w, "assignedHub", r->hub);
        json_member(w, "deviceId", r->device_id);
    }
    json_name(w, "status"), json_put_text(w, dps_state_name(r->state));
    if (r->state == DPS_ASSIGNED)
        json_member(w, "substatus", r->substatus);
    if (r->error_code) {
        json_name(w, "errorCode"), json_put_i64(w, r->error_code);
        json_member(w, "errorMessage", r->error_message);
    }
    json_name(w, "lastUpdatedDateTimeUtc"), json_put_time(w, r->updated_ms);
    json_member(w, "etag", r->etag);
    if (r->payload.len)
        json_name(w, "payload"), json_put_raw(w, r->payload);
    json_end_object(w);
}
