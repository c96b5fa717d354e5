/* Jobs as services ask for them. */
#include "jobs/rows.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "iot/method.h"
#include "json/json.h"

static const char *const statuses[] = {"queued", "running", "completed", "failed", "cancelled"};

/* ---- rows ---- */

struct job job_read(struct store_table *t, size_t n, struct arena *a)
{
    return (struct job){
        .number = store_column_i64(t, n, 0),
        .id = arena_copy(a, store_column(t, n, 1)),
        .type = (enum query_job_type)store_column_i64(t, n, 2),
        .condition = arena_copy(a, store_column(t, n, 3)),
        .what = arena_copy(a, store_column(t, n, 4)),
        .created_ms = (uint64_t)store_column_i64(t, n, 5),
        .start_ms = (uint64_t)store_column_i64(t, n, 6),
        .began_ms = (uint64_t)store_column_i64(t, n, 7),
        .end_ms = (uint64_t)store_column_i64(t, n, 8),
        .max_ms = (uint64_t)store_column_i64(t, n, 9),
        .status = (enum job_status)store_column_i64(t, n, 10),
        .failure = arena_copy(a, store_column(t, n, 11)),
        .message = arena_copy(a, store_column(t, n, 12)),
        .listed = store_column_i64(t, n, 13),
        .all_listed = store_column_i64(t, n, 14),
        .devices = (uint64_t)store_column_i64(t, n, 15),
        .pending = (uint64_t)store_column_i64(t, n, 16),
        .running = (uint64_t)store_column_i64(t, n, 17),
        .succeeded = (uint64_t)store_column_i64(t, n, 18),
        .failed = (uint64_t)store_column_i64(t, n, 19),
    };
}

static void put_time(struct json_writer *w, const char *name, uint64_t ms)
{
    json_name(w, name);
    if (ms)
        json_put_time(w, ms);
    else
        json_put_null(w);
}

static void print_statistics(const struct job *job, struct json_writer *w)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {{"deviceCount", job->devices},
                  {"failedCount", job->failed},
                  {"succeededCount", job->succeeded},
                  {"runningCount", job->running},
                  {"pendingCount", job->pending}};
    json_name(w, "deviceJobStatistics"), json_object(w);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        json_name(w, counts[i].name), json_put_u64(w, counts[i].count);
    json_end_object(w);
}

void job_print(const struct job *job, struct json_writer *w)
{
    json_object(w);
    json_member(w, "jobId", job->id);
    json_member(w, "queryCondition", job->condition);
    put_time(w, "createdTime", job->created_ms);
    put_time(w, "startTime", job->start_ms);
    if (job->end_ms)
        put_time(w, "endTime", job->end_ms);
    json_name(w, "maxExecutionTimeInSeconds"), json_put_u64(w, job->max_ms / 1000);
    json_name(w, "type"), json_put_text(w, query_job_types[job->type]);
    json_name(w, job->type == QUERY_JOB_METHOD ? "cloudToDeviceMethod" : "updateTwin");
    json_put_raw(w, job->what);
    json_name(w, "status"), json_put_text(w, statuses[job->status]);
    json_member(w, "failureReason", job->failure);
    json_member(w, "statusMessage", job->message);
    print_statistics(job, w);
    json_end_object(w);
}

static enum status load(struct store_table *t, struct registry_errand *e, struct job *out)
{
    store_bind(t, SQL_JOB_BY_ID, 1, e->ask.name);
    enum status s = store_step(t, SQL_JOB_BY_ID);
    if (s == NOT_FOUND)
        return registry_refuse(e, s, "there is no job of that name");
    if (s != OK)
        return s;
    *out = job_read(t, SQL_JOB_BY_ID, &e->arena);
    store_reset(t, SQL_JOB_BY_ID);
    return OK;
}

static enum status answer(struct store_table *t, struct registry_errand *e)
{
    struct job job;
    enum status s = load(t, e, &job);
    if (s == OK) {
        struct json_writer w = json_writer(&e->json);
        job_print(&job, &w);
    }
    return s;
}

static enum status run_get(struct store_table *t, struct registry_errand *e)
{
    return answer(t, e);
}

static enum status run_cancel(struct store_table *t, struct registry_errand *e)
{
    struct job job;
    enum status s = load(t, e, &job);
    if (s == OK && job.status <= JOB_RUNNING) {
        store_bind_i64(t, SQL_JOB_END, 1, job.number);
        store_bind_i64(t, SQL_JOB_END, 2, JOB_CANCELLED);
        store_bind_i64(t, SQL_JOB_END, 3, (int64_t)e->now_ms);
        store_bind_null(t, SQL_JOB_END, 4);
        store_bind(t, SQL_JOB_END, 5, SLICE("the job was cancelled"));
        s = store_run(t, SQL_JOB_END);
    }
    return s == OK ? answer(t, e) : s;
}

/* ---- a request as a job ---- */

static enum status want_method(struct registry_errand *e, const struct json *what)
{
    struct iot_method_call call = {0};
    const char *wrong = json_is(what, JSON_OBJECT)
                            ? iot_method_read(&e->arena, e->registry->limits, what, &call)
                            : "it must be an object";
    return wrong ? registry_refuse(e, BAD_ARGUMENT,
                                   arena_printf(&e->arena, "cloudToDeviceMethod: %s", wrong))
                 : OK;
}

/* Whether a twin would take it: asked of an empty one. */
static enum status want_twin(struct registry_errand *e, const struct json *what)
{
    struct iot_twin_change change;
    struct iot_twin twin = iot_twin_new(&e->arena, e->now_ms);
    const char *wrong = "it must be an object";
    if (json_is(what, JSON_OBJECT) &&
        iot_twin_update(&twin, &e->registry->limits->twin, &e->arena, what, IOT_TWIN_MERGE,
                        e->now_ms, &change, &wrong) == OK)
        return OK;
    return registry_refuse(e, BAD_ARGUMENT, arena_printf(&e->arena, "updateTwin: %s", wrong));
}

static enum status want_what(struct registry_errand *e, const struct json *body, struct job *job)
{
    struct slice type = json_string(json_get(body, "type"));
    if (slice_eq_nocase(type, slice_of(query_job_types[QUERY_JOB_METHOD])))
        job->type = QUERY_JOB_METHOD;
    else if (slice_eq_nocase(type, slice_of(query_job_types[QUERY_JOB_TWIN])))
        job->type = QUERY_JOB_TWIN;
    else
        return registry_refuse(e, BAD_ARGUMENT,
                               "type must be scheduleDeviceMethod or scheduleUpdateTwin");
    const struct json *what =
        json_get(body, job->type == QUERY_JOB_METHOD ? "cloudToDeviceMethod" : "updateTwin");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    if (what)
        json_put_value(&w, what);
    job->what = arena_copy(&e->arena, buffer_slice(&text));
    buffer_clear(&text);
    return job->type == QUERY_JOB_METHOD ? want_method(e, what) : want_twin(e, what);
}

static enum status want_condition(struct registry_errand *e, const struct json *body,
                                  struct job *job)
{
    struct iot_query target;
    const char *why = NULL;
    job->condition = arena_copy(&e->arena, json_string(json_get(body, "queryCondition")));
    if (job->condition.len == 0)
        return registry_refuse(e, BAD_ARGUMENT,
                               "queryCondition must say for which devices, such as deviceId IN "
                               "['a', 'b'], or * for all");
    if (job->condition.len > e->registry->limits->query_bytes)
        return registry_refuse(e, BAD_ARGUMENT, "queryCondition is longer than limits.query");
    if (query_target(job->condition, &e->arena, &target, &why) != OK)
        return registry_refuse(e, BAD_ARGUMENT, arena_printf(&e->arena, "queryCondition: %s", why));
    return OK;
}

static enum status want_times(struct registry_errand *e, const struct json *body, struct job *job)
{
    const struct json *start = json_get(body, "startTime");
    const struct json *most = json_get(body, "maxExecutionTimeInSeconds");
    uint64_t seconds = JOB_SECONDS_DEFAULT;
    job->created_ms = job->start_ms = e->now_ms;
    if (start && !json_is(start, JSON_NULL) &&
        !clock_parse_iso8601(json_string(start), &job->start_ms))
        return registry_refuse(e, BAD_ARGUMENT,
                               "startTime must be a time such as 2026-11-26T14:00:00Z");
    if (job->start_ms > INT64_MAX)
        return registry_refuse(e, BAD_ARGUMENT, "startTime is too far away");
    if (most && !json_is(most, JSON_NULL) &&
        (!json_u64(most, &seconds) || seconds == 0 || seconds > JOB_SECONDS_MAX))
        return registry_refuse(
            e, BAD_ARGUMENT,
            "maxExecutionTimeInSeconds must be a whole number from 1 to 2592000 (30 days)");
    job->max_ms = seconds * 1000;
    return OK;
}

static enum status want(struct registry_errand *e, const struct json *body, struct job *job)
{
    struct slice id = json_string(json_get(body, "jobId"));
    if (!json_is(body, JSON_OBJECT))
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON object");
    if (!iot_id_name_ok(e->ask.name))
        return registry_refuse(
            e, BAD_ARGUMENT,
            "a job's id has up to 128 letters, digits and - . + % _ # * ? ! ( ) , = @ $ ' : ;");
    if (id.len && !slice_eq(id, e->ask.name))
        return registry_refuse(e, BAD_ARGUMENT, "jobId in the body is not the one in the path");
    enum status s = want_what(e, body, job);
    if (s == OK)
        s = want_condition(e, body, job);
    return s == OK ? want_times(e, body, job) : s;
}

static enum status check_room(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_JOBS_WAITING);
    if (s != OK)
        return s;
    int64_t count = store_column_i64(t, SQL_JOBS_WAITING, 0);
    store_reset(t, SQL_JOBS_WAITING);
    return count < JOBS_WAITING_MAX
               ? OK
               : registry_refuse(e, FULL, "1000 jobs are queued or running: wait for an end");
}

static enum status insert(struct store_table *t, struct registry_errand *e, const struct job *job)
{
    store_bind(t, SQL_JOB_INSERT, 1, e->ask.name);
    store_bind_i64(t, SQL_JOB_INSERT, 2, job->type);
    store_bind(t, SQL_JOB_INSERT, 3, job->condition);
    store_bind(t, SQL_JOB_INSERT, 4, job->what);
    store_bind_i64(t, SQL_JOB_INSERT, 5, (int64_t)job->created_ms);
    store_bind_i64(t, SQL_JOB_INSERT, 6, (int64_t)job->start_ms);
    store_bind_i64(t, SQL_JOB_INSERT, 7, (int64_t)job->max_ms);
    enum status s = store_run(t, SQL_JOB_INSERT);
    return s == EXISTS ? registry_refuse(e, s, "there is a job of that name already") : s;
}

static enum status run_put(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    struct job job = {0};
    enum status s = json_parse(e->ask.body, JSON_STRICT, &doc, NULL);
    if (s != OK)
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON object");
    s = want(e, json_root(doc), &job);
    json_free(&doc);
    if (s == OK)
        s = check_room(t, e);
    if (s == OK)
        s = insert(t, e, &job);
    return s == OK ? answer(t, e) : s;
}

/* ---- lists ---- */

struct page {
    struct arena arena;
    int64_t type, status; /* below 0: any; statuses without jobs: none */
    size_t page, rows;
    int64_t after;
    bool more;
    struct buffer json;
    query_fn *fn;
    void *arg;
    struct query_answer answer;
};

static enum status run_list(struct store_table *t, void *arg)
{
    struct page *l = arg;
    struct json_writer w = json_writer(&l->json);
    enum status s = OK;
    store_bind_i64(t, SQL_JOBS_LIST, 1, l->after);
    store_bind_i64(t, SQL_JOBS_LIST, 2, l->type);
    store_bind_i64(t, SQL_JOBS_LIST, 3, l->status);
    store_bind_i64(t, SQL_JOBS_LIST, 4, (int64_t)l->page + 1);
    json_array(&w);
    while (!l->more && (s = store_step(t, SQL_JOBS_LIST)) == OK) {
        struct job job = job_read(t, SQL_JOBS_LIST, &l->arena);
        l->more = l->rows == l->page;
        if (l->more)
            break;
        job_print(&job, &w);
        l->after = job.number;
        l->rows++;
    }
    if (l->more)
        store_reset(t, SQL_JOBS_LIST);
    json_end_array(&w);
    return s == NOT_FOUND ? OK : s;
}

static void end_list(void *arg, enum status why)
{
    struct page *l = arg;
    struct buffer next = {0};
    l->answer.why = l->answer.why == OK ? why : l->answer.why;
    if (l->answer.why != OK && l->answer.text == NULL)
        l->answer.text = "the registry could not do it";
    l->answer.json = buffer_slice(&l->json);
    l->answer.item_type = "JobResponse";
    if (l->more) {
        const char *number = arena_printf(&l->arena, "%lld", (long long)l->after);
        base64_encode(slice_of(number), &next);
        l->answer.continuation = buffer_slice(&next);
    }
    l->fn(l->arg, &l->answer);
    buffer_clear(&next);
    buffer_clear(&l->json);
    arena_clear(&l->arena);
    free(l);
}

static void end_refused(void *arg)
{
    end_list(arg, BAD_ARGUMENT);
}

/* The word's place; `count` for one that is IoT Hub's, but that no job here has; false for others.
 */
static bool word_of(struct slice word, const char *const *words, size_t count,
                    const char *const *others, int64_t *out)
{
    *out = word.len ? (int64_t)count : -1;
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(word, slice_of(words[i])))
            *out = (int64_t)i;
    bool known = *out != (int64_t)count;
    for (; !known && *others; others++)
        known = slice_eq_nocase(word, slice_of(*others));
    return known;
}

static bool read_continuation(struct slice text, int64_t *after)
{
    struct buffer plain = {0};
    bool ok = text.len == 0 || (base64_decode(text, &plain) == OK &&
                                slice_to_i64(buffer_slice(&plain), after) && *after >= 0);
    buffer_clear(&plain);
    return ok;
}

void jobs_list(struct registry *r, struct loop *loop, struct slice type, struct slice status,
               size_t page, struct slice continuation, query_fn *fn, void *arg)
{
    static const char *const other_types[] = {"unknown",
                                              "export",
                                              "import",
                                              "backup",
                                              "readDeviceProperties",
                                              "writeDeviceProperties",
                                              "updateDeviceConfiguration",
                                              "rebootDevice",
                                              "factoryResetDevice",
                                              "firmwareUpdate",
                                              NULL};
    static const char *const other_statuses[] = {"unknown", "enqueued", "scheduled", NULL};
    struct page *l = MEMORY_NEW(struct page);
    l->fn = fn;
    l->arg = arg;
    l->page = page && page < r->limits->query_page ? page : r->limits->query_page;
    if (!word_of(type, query_job_types, 2, other_types, &l->type))
        l->answer.text = "jobType must be scheduleDeviceMethod or scheduleUpdateTwin";
    else if (!word_of(status, statuses, 5, other_statuses, &l->status))
        l->answer.text = "jobStatus must be queued, running, completed, failed or cancelled";
    else if (!read_continuation(continuation, &l->after))
        l->answer.text = "x-ms-continuation is not from a page of these jobs";
    if (l->answer.text)
        loop_defer(loop, end_refused, l);
    else
        registry_post(r, loop, run_list, end_list, l);
}

/* ---- what can be asked ---- */

const struct registry_work job_put = {run_put, IOT_JOB};
const struct registry_work job_get = {run_get, IOT_JOB};
const struct registry_work job_cancel = {run_cancel, IOT_JOB};
