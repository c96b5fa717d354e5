/*
 * Import and export jobs as they are kept: one row each, and the states enqueued, running, then
 * completed, failed or cancelled. transfers.c carries them out, one after the other.
 */
#include "transfers/rows.h"
#include "base/encoding.h"
#include "crypto/random.h"
#include "registry/tables.h"

enum state { ENQUEUED, RUNNING, COMPLETED, FAILED, CANCELLED_STATE };

static const char *const states[] = {"enqueued", "running", "completed", "failed", "cancelled"};

#define WAITING_MAX 10 /* enqueued ones: JobQuotaExceeded beyond */
#define LIST_MAX 1000

/* ---- reading ---- */

static void put_time(struct json_writer *w, const char *name, int64_t ms)
{
    if (ms > 0)
        json_name(w, name), json_put_time(w, (uint64_t)ms);
}

/* `whole`: with the mark, for who carries it out. */
static void print_row(struct store_table *t, size_t n, struct json_writer *w, bool whole)
{
    bool import = store_column_i64(t, n, 1);
    json_object(w);
    json_member(w, "jobId", store_column(t, n, 0));
    json_name(w, "type"), json_put_text(w, import ? "import" : "export");
    json_name(w, "status"), json_put_text(w, states[store_column_i64(t, n, 2)]);
    json_name(w, "progress"), json_put_i64(w, store_column_i64(t, n, 3));
    put_time(w, "startTimeUtc", store_column_i64(t, n, 4));
    put_time(w, "endTimeUtc", store_column_i64(t, n, 5));
    json_member(w, "inputBlobContainerUri", store_column(t, n, 6));
    json_member(w, "inputBlobName", store_column(t, n, 7));
    json_member(w, "outputBlobContainerUri", store_column(t, n, 8));
    json_member(w, "outputBlobName", store_column(t, n, 9));
    if (!import)
        json_name(w, "excludeKeysInExport"), json_put_bool(w, store_column_i64(t, n, 10));
    json_name(w, "storageAuthenticationType"), json_put_text(w, "keyBased");
    json_name(w, "includeConfigurations"), json_put_bool(w, store_column(t, n, 12).len > 0);
    json_member(w, "configurationsBlobName", store_column(t, n, 12));
    json_member(w, "failureReason", store_column(t, n, 11));
    if (whole && store_column(t, n, 13).len > 0)
        json_name(w, "mark"), json_put_raw(w, store_column(t, n, 13));
    json_end_object(w);
}

/* The row of that name as the answer; *state is its state. */
static enum status answer_row(struct store_table *t, struct registry_errand *e, bool whole,
                              enum state *state)
{
    store_bind(t, SQL_TRANSFER_GET, 1, e->ask.name);
    enum status s = store_step(t, SQL_TRANSFER_GET);
    if (s == NOT_FOUND)
        return registry_refuse(e, s, "there is no import or export job of that id");
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&e->json);
    print_row(t, SQL_TRANSFER_GET, &w, whole);
    *state = (enum state)store_column_i64(t, SQL_TRANSFER_GET, 2);
    store_reset(t, SQL_TRANSFER_GET);
    return OK;
}

static enum status run_get(struct store_table *t, struct registry_errand *e)
{
    enum state state;
    return answer_row(t, e, false, &state);
}

static enum status run_list(struct store_table *t, struct registry_errand *e)
{
    struct json_writer w = json_writer(&e->json);
    enum status s;
    store_bind_i64(t, SQL_TRANSFERS, 1, LIST_MAX);
    json_array(&w);
    while ((s = store_step(t, SQL_TRANSFERS)) == OK)
        print_row(t, SQL_TRANSFERS, &w, false);
    json_end_array(&w);
    return s == NOT_FOUND ? OK : s;
}

/* ---- making ---- */

static enum status room_for_one(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_TRANSFERS_WAITING);
    if (s != OK)
        return s;
    int64_t waiting = store_column_i64(t, SQL_TRANSFERS_WAITING, 0);
    store_reset(t, SQL_TRANSFERS_WAITING);
    return waiting < WAITING_MAX
               ? OK
               : registry_refuse(e, FULL, "10 import and export jobs wait already");
}

/* What ended long ago is forgotten. */
static enum status forget_old(struct store_table *t, const struct registry_errand *e)
{
    uint64_t kept = e->registry->limits->job_history_ms;
    store_bind_i64(t, SQL_TRANSFERS_FORGET, 1, (int64_t)(e->now_ms > kept ? e->now_ms - kept : 0));
    return store_run(t, SQL_TRANSFERS_FORGET);
}

/* Empty when they are left out. */
static struct slice configurations_name(const struct json *body)
{
    struct slice name = json_string(json_get(body, "configurationsBlobName"));
    if (!json_bool(json_get(body, "includeConfigurations"), false))
        return (struct slice){0};
    return name.len ? name : SLICE("configurations.txt");
}

static enum status insert(struct store_table *t, struct registry_errand *e, const struct json *body)
{
    uint8_t random[16];
    char id[UUID_TEXT_LEN + 1];
    size_t n = SQL_TRANSFER_INSERT;
    bool import = slice_eq_nocase(json_string(json_get(body, "type")), SLICE("import"));
    crypto_random(random, sizeof(random));
    uuid_text(random, id);
    e->ask.name = arena_copy(&e->arena, slice_of(id));
    store_bind(t, n, 1, e->ask.name);
    store_bind_i64(t, n, 2, import);
    store_bind_i64(t, n, 3, (int64_t)e->now_ms);
    store_bind(t, n, 4, json_string(json_get(body, "inputBlobContainerUri")));
    store_bind(t, n, 5, json_string(json_get(body, "inputBlobName")));
    store_bind(t, n, 6, json_string(json_get(body, "outputBlobContainerUri")));
    store_bind(t, n, 7, json_string(json_get(body, "outputBlobName")));
    store_bind_i64(t, n, 8, json_bool(json_get(body, "excludeKeysInExport"), false));
    store_bind(t, n, 9, configurations_name(body));
    return store_run(t, n);
}

static enum status run_create(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    enum status s = room_for_one(t, e);
    if (s == OK)
        s = forget_old(t, e);
    if (s == OK)
        s = json_parse(e->ask.body, JSON_STRICT, &doc, NULL);
    if (s == OK)
        s = insert(t, e, json_root(doc));
    json_free(&doc);
    return s == OK ? run_get(t, e) : s;
}

/* ---- from state to state ---- */

/* Nothing happens when it is in another state than `from` meanwhile. */
static enum status move(struct store_table *t, struct registry_errand *e, enum state from,
                        enum state to, struct slice reason)
{
    size_t n = SQL_TRANSFER_MOVE;
    store_bind(t, n, 1, e->ask.name);
    store_bind_i64(t, n, 2, from);
    store_bind_i64(t, n, 3, to);
    store_bind_i64(t, n, 4, (int64_t)e->now_ms);
    store_bind(t, n, 5, reason);
    return store_run(t, n);
}

static enum status run_cancel(struct store_table *t, struct registry_errand *e)
{
    enum state state;
    enum status s = answer_row(t, e, false, &state);
    buffer_reset(&e->json);
    if (s == OK && state > RUNNING)
        return registry_refuse(e, UNSUPPORTED, "the job has ended already");
    return s == OK ? move(t, e, state, CANCELLED_STATE, (struct slice){0}) : s;
}

/* The one that waits longest begins; NOT_FOUND when none does. */
static enum status run_begin(struct store_table *t, struct registry_errand *e)
{
    enum state state;
    enum status s = store_step(t, SQL_TRANSFER_NEXT);
    if (s != OK)
        return s;
    e->ask.name = arena_copy(&e->arena, store_column(t, SQL_TRANSFER_NEXT, 0));
    store_reset(t, SQL_TRANSFER_NEXT);
    s = move(t, e, ENQUEUED, RUNNING, (struct slice){0});
    return s == OK ? answer_row(t, e, true, &state) : s;
}

/* CANCELLED when it was, or is forgotten: then it is to stop. ask.top is how much is done, in
 * percent. */
static enum status run_progress(struct store_table *t, struct registry_errand *e)
{
    enum state state;
    enum status s = answer_row(t, e, false, &state);
    buffer_reset(&e->json);
    if (s == NOT_FOUND || (s == OK && state != RUNNING))
        return CANCELLED;
    if (s != OK)
        return s;
    store_bind(t, SQL_TRANSFER_PROGRESS, 1, e->ask.name);
    store_bind_i64(t, SQL_TRANSFER_PROGRESS, 2, (int64_t)e->ask.top);
    return store_run(t, SQL_TRANSFER_PROGRESS);
}

/* With a body it failed, and that is why. */
static enum status run_end(struct store_table *t, struct registry_errand *e)
{
    enum status s = move(t, e, RUNNING, e->ask.body.len ? FAILED : COMPLETED, e->ask.body);
    return s == OK ? transfer_lines_forget(t, e->ask.name, INT64_MAX) : s;
}

/* ---- what an export writes ---- */

static void print_line(struct registry_errand *e, const struct registry_row *row,
                       const struct iot_twin *twin)
{
    struct buffer line = {0};
    struct json_writer w = json_writer(&line);
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(twin->version, etag);
    json_object(&w);
    json_member(&w, "id", row->i.id.device);
    json_member(&w, "moduleId", row->i.id.module);
    json_member(&w, "eTag", row->i.etag);
    registry_export_print(row, e->ask.top == 0, &w);
    json_member(&w, "twinETag", slice_of(etag));
    iot_twin_put_service(twin, &w);
    json_end_object(&w);
    buffer_put(&e->json, buffer_slice(&line));
    buffer_text(&e->json, "\r\n");
    buffer_clear(&line);
}

/* Twins are read by another statement than the walk's, row by row. */
static enum status run_export(struct store_table *t, struct registry_errand *e)
{
    size_t n = SQL_EXPORT;
    enum status s;
    store_bind(t, n, 1, e->ask.id.device);
    store_bind(t, n, 2, e->ask.id.module);
    store_bind_i64(t, n, 3, TRANSFER_EXPORT_PAGE);
    while ((s = store_step(t, n)) == OK) {
        struct registry_row row;
        struct iot_twin twin;
        registry_row_read(t, n, &row);
        if (registry_twin_load(t, &e->arena, row.i.id, &twin) == OK)
            print_line(e, &row, &twin);
        e->answer.last = iot_id_copy(&e->arena, row.i.id);
        e->answer.count++;
        if (e->json.len > TRANSFER_EXPORT_BYTES) {
            store_reset(t, n);
            return OK;
        }
    }
    return s == NOT_FOUND ? OK : s;
}

/* ---- what can be asked ---- */

const struct registry_work transfer_row_create = {run_create, IOT_JOB};
const struct registry_work transfer_row_get = {run_get, IOT_JOB};
const struct registry_work transfer_row_list = {run_list, IOT_JOB};
const struct registry_work transfer_row_cancel = {run_cancel, IOT_JOB};
const struct registry_work transfer_row_begin = {run_begin, IOT_JOB};
const struct registry_work transfer_row_progress = {run_progress, IOT_JOB};
const struct registry_work transfer_row_end = {run_end, IOT_JOB};
const struct registry_work transfer_row_page = {run_export, IOT_DEVICE};
