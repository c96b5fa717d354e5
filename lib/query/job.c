#include "query/job.h"

#include "registry/statements.h"

const char *const query_job_types[] = {"scheduleDeviceMethod", "scheduleUpdateTwin"};

static const char *const statuses[] = {"pending", "running", "completed", "failed", "canceled"};

static void put_time(struct json_writer *w, const char *name, uint64_t ms)
{
    json_name(w, name);
    if (ms)
        json_put_time(w, ms);
    else
        json_put_null(w);
}

enum status query_job_print(struct store_table *t, int64_t number, struct json_writer *w)
{
    size_t n = SQL_JOB_DEVICE_GET;
    store_bind_i64(t, n, 1, number);
    enum status s = store_step(t, n);
    if (s != OK)
        return s;
    json_object(w);
    json_member(w, "deviceId", store_column(t, n, 0));
    json_member(w, "moduleId", store_column(t, n, 1));
    json_member(w, "jobId", store_column(t, n, 8));
    json_name(w, "jobType"), json_put_text(w, query_job_types[store_column_i64(t, n, 9)]);
    json_name(w, "status"), json_put_text(w, statuses[store_column_i64(t, n, 2)]);
    put_time(w, "startTimeUtc", (uint64_t)store_column_i64(t, n, 3));
    put_time(w, "endTimeUtc", (uint64_t)store_column_i64(t, n, 4));
    put_time(w, "createdDateTimeUtc", (uint64_t)store_column_i64(t, n, 10));
    put_time(w, "lastUpdatedDateTimeUtc", (uint64_t)store_column_i64(t, n, 5));
    json_name(w, "outcome"), json_object(w);
    json_name(w, "deviceMethodResponse");
    json_put_raw(w, store_column(t, n, 6).len ? store_column(t, n, 6) : SLICE("null"));
    json_end_object(w);
    if (store_column(t, n, 7).len)
        json_name(w, "error"), json_put_raw(w, store_column(t, n, 7));
    json_end_object(w);
    store_reset(t, n);
    return OK;
}

static const char *check_expr(struct arena *a, const struct iot_query_expr *e)
{
    static const char *const names[] = {"deviceId",       "moduleId",
                                        "jobId",          "jobType",
                                        "status",         "startTimeUtc",
                                        "endTimeUtc",     "createdDateTimeUtc",
                                        "createdTimeUtc", "lastUpdatedDateTimeUtc",
                                        "outcome",        "error"};
    bool known = e == NULL || e->kind != IOT_QUERY_PATH;
    for (size_t i = 0; !known && i < sizeof(names) / sizeof(names[0]); i++)
        known = slice_eq_nocase(e->path.steps[0].name, slice_of(names[i]));
    if (!known)
        return arena_printf(a,
                            "position %zu: a job has no %s: expected deviceId, jobId, jobType, "
                            "status, startTimeUtc, endTimeUtc, createdDateTimeUtc, "
                            "lastUpdatedDateTimeUtc, outcome or error",
                            e->path.at, iot_query_path_text(a, &e->path));
    const char *why = NULL;
    for (size_t i = 0; e && i < e->arg_count && !why; i++)
        why = check_expr(a, e->args[i]);
    return why;
}

enum status query_job_check(const struct iot_query *q, struct arena *a, const char **why)
{
    *why = check_expr(a, q->where);
    return *why ? BAD_ARGUMENT : OK;
}
