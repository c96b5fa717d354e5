/* What jobs.c asks of the tables while jobs run. */
#include "jobs/rows.h"

#include "query/query.h"

#define LISTED_AT_ONCE 200 /* devices in one step */

/* ---- changes of rows ---- */

/* The one place where a device's row of a job changes its state. */
static enum status set_device(struct store_table *t, int64_t job, int64_t number,
                              enum query_job_status from, enum query_job_status to, uint64_t now_ms,
                              const struct job_result *r)
{
    size_t n = SQL_JOB_DEVICE_SET;
    store_bind_i64(t, n, 1, number);
    store_bind_i64(t, n, 2, from);
    store_bind_i64(t, n, 3, to);
    store_bind_i64(t, n, 4, (int64_t)now_ms);
    if (r && r->outcome.len)
        store_bind(t, n, 5, r->outcome);
    if (r && r->error.len)
        store_bind(t, n, 6, r->error);
    enum status s = store_run(t, n);
    if (s != OK)
        return s;
    store_bind_i64(t, SQL_JOB_COUNT, 1, job);
    store_bind_i64(t, SQL_JOB_COUNT, 2, from);
    store_bind_i64(t, SQL_JOB_COUNT, 3, to);
    return store_run(t, SQL_JOB_COUNT);
}

static enum status end_job(struct store_table *t, int64_t job, enum job_status how, uint64_t now_ms,
                           const char *failure, const char *message)
{
    store_bind_i64(t, SQL_JOB_END, 1, job);
    store_bind_i64(t, SQL_JOB_END, 2, how);
    store_bind_i64(t, SQL_JOB_END, 3, (int64_t)now_ms);
    if (failure)
        store_bind(t, SQL_JOB_END, 4, slice_of(failure));
    if (message)
        store_bind(t, SQL_JOB_END, 5, slice_of(message));
    return store_run(t, SQL_JOB_END);
}

/* ---- whose time has come ---- */

static enum status read_jobs(struct store_table *t, size_t n, struct jobs_due *d, size_t limit)
{
    enum status s = OK;
    while (d->count < limit && (s = store_step(t, n)) == OK)
        d->jobs[d->count++] = job_read(t, n, &d->arena);
    if (s == OK)
        store_reset(t, n);
    return s == NOT_FOUND ? OK : s;
}

static enum status begin_jobs(struct store_table *t, struct jobs_due *d, size_t first)
{
    enum status s = OK;
    for (size_t i = first; s == OK && i < d->count; i++) {
        store_bind_i64(t, SQL_JOB_BEGIN, 1, d->jobs[i].number);
        store_bind_i64(t, SQL_JOB_BEGIN, 2, (int64_t)d->now_ms);
        s = store_run(t, SQL_JOB_BEGIN);
        d->jobs[i].began_ms = d->now_ms;
        d->jobs[i].status = JOB_RUNNING;
    }
    return s;
}

static enum status find_next(struct store_table *t, struct jobs_due *d)
{
    enum status s = store_step(t, SQL_JOBS_NEXT);
    if (s != OK)
        return s;
    d->next_ms = (uint64_t)store_column_i64(t, SQL_JOBS_NEXT, 0);
    store_reset(t, SQL_JOBS_NEXT);
    return OK;
}

static enum status forget(struct store_table *t, const struct jobs_due *d)
{
    store_bind_i64(t, SQL_JOBS_FORGET, 1,
                   d->now_ms > d->history_ms ? (int64_t)(d->now_ms - d->history_ms) : 0);
    return store_run(t, SQL_JOBS_FORGET);
}

enum status jobs_due(struct store_table *t, struct jobs_due *d)
{
    enum status s = forget(t, d);
    size_t most = (d->open ? JOBS_WAITING_MAX : 0) + d->limit;
    d->jobs = ARENA_TAKE_N(&d->arena, struct job, most);
    if (s == OK && d->open)
        s = read_jobs(t, SQL_JOBS_OPEN, d, JOBS_WAITING_MAX);
    size_t open = d->count;
    store_bind_i64(t, SQL_JOBS_DUE, 1, (int64_t)d->now_ms);
    store_bind_i64(t, SQL_JOBS_DUE, 2, (int64_t)d->limit);
    if (s == OK && open < d->limit)
        s = read_jobs(t, SQL_JOBS_DUE, d, d->limit);
    if (s == OK)
        s = begin_jobs(t, d, open);
    return s == OK ? find_next(t, d) : s;
}

/* ---- one job's next turn ---- */

static enum status insert_device(struct store_table *t, const struct job_turn *turn,
                                 struct iot_id id)
{
    store_bind_i64(t, SQL_JOB_DEVICE_INSERT, 1, turn->job);
    store_bind(t, SQL_JOB_DEVICE_INSERT, 2, id.device);
    store_bind(t, SQL_JOB_DEVICE_INSERT, 3, id.module);
    store_bind_i64(t, SQL_JOB_DEVICE_INSERT, 4, (int64_t)turn->now_ms);
    return store_run(t, SQL_JOB_DEVICE_INSERT);
}

static enum status list_devices(struct store_table *t, struct job_turn *turn, struct job *job)
{
    struct iot_query target;
    const char *why = NULL;
    struct iot_id *ids = ARENA_TAKE_N(&turn->arena, struct iot_id, LISTED_AT_ONCE);
    size_t count = 0;
    if (query_target(job->condition, &turn->arena, &target, &why) != OK)
        return end_job(t, job->number, JOB_FAILED, turn->now_ms, "JobRunPreconditionFailed", why);
    enum status s = query_ids(t, &turn->arena, &target, &job->listed, LISTED_AT_ONCE, ids, &count,
                              &job->all_listed);
    for (size_t i = 0; s == OK && i < count; i++)
        s = insert_device(t, turn, ids[i]);
    if (s != OK)
        return s;
    store_bind_i64(t, SQL_JOB_LISTED, 1, job->number);
    store_bind_i64(t, SQL_JOB_LISTED, 2, job->listed);
    store_bind_i64(t, SQL_JOB_LISTED, 3, job->all_listed);
    store_bind_i64(t, SQL_JOB_LISTED, 4, (int64_t)count);
    turn->turn = JOB_TURN_AGAIN;
    return store_run(t, SQL_JOB_LISTED);
}

static enum status read_pending(struct store_table *t, struct job_turn *turn, size_t most)
{
    enum status s;
    turn->devices = ARENA_TAKE_N(&turn->arena, struct job_device, most + 1);
    store_bind_i64(t, SQL_JOB_DEVICES_PENDING, 1, turn->job);
    store_bind_i64(t, SQL_JOB_DEVICES_PENDING, 2, turn->after);
    store_bind_i64(t, SQL_JOB_DEVICES_PENDING, 3, (int64_t)most);
    while ((s = store_step(t, SQL_JOB_DEVICES_PENDING)) == OK) {
        struct iot_id id = {store_column(t, SQL_JOB_DEVICES_PENDING, 1),
                            store_column(t, SQL_JOB_DEVICES_PENDING, 2)};
        turn->devices[turn->count++] = (struct job_device){
            store_column_i64(t, SQL_JOB_DEVICES_PENDING, 0), iot_id_copy(&turn->arena, id)};
    }
    return s == NOT_FOUND ? OK : s;
}

/* Running; or failed, when there is none such any more, and *here is false. */
static enum status give_out(struct store_table *t, const struct job_turn *turn,
                            const struct job_device *d, bool *here)
{
    static const struct job_result gone = {
        .error = SLICE_INIT("{\"code\":\"DeviceNotFound\",\"description\":\"it was deleted before "
                            "the job came to it\"}")};
    struct registry_row row;
    enum status s = registry_row_get(t, d->id, &row);
    *here = s == OK;
    if (s == OK)
        store_reset(t, SQL_IDENTITY_GET);
    if (s != OK && s != NOT_FOUND)
        return s;
    return set_device(t, turn->job, d->number, QUERY_JOB_PENDING,
                      *here ? QUERY_JOB_RUNNING : QUERY_JOB_FAILED, turn->now_ms,
                      *here ? NULL : &gone);
}

static enum status take_devices(struct store_table *t, struct job_turn *turn)
{
    enum status s = turn->want ? read_pending(t, turn, turn->want) : OK;
    size_t found = turn->count;
    turn->count = 0;
    for (size_t i = 0; s == OK && i < found; i++) {
        bool here;
        s = give_out(t, turn, &turn->devices[i], &here);
        if (s == OK && here)
            turn->devices[turn->count++] = turn->devices[i];
    }
    turn->turn = turn->count ? JOB_TURN_DEVICES : found ? JOB_TURN_AGAIN : JOB_TURN_WAIT;
    return s;
}

static enum status complete(struct store_table *t, struct job_turn *turn, const struct job *job)
{
    turn->turn = JOB_TURN_ENDED;
    if (job->devices == 0)
        return end_job(t, job->number, JOB_FAILED, turn->now_ms, "JobRunPreconditionFailed",
                       "queryCondition was true for no device");
    if (job->succeeded == 0)
        return end_job(t, job->number, JOB_FAILED, turn->now_ms, NULL, "it failed on every device");
    return end_job(t, job->number, JOB_COMPLETED, turn->now_ms, NULL, NULL);
}

/* After its end: what was not begun is canceled. */
static enum status cancel_devices(struct store_table *t, struct job_turn *turn,
                                  const struct job *job)
{
    enum status s = read_pending(t, turn, LISTED_AT_ONCE);
    for (size_t i = 0; s == OK && i < turn->count; i++)
        s = set_device(t, turn->job, turn->devices[i].number, QUERY_JOB_PENDING, QUERY_JOB_CANCELED,
                       turn->now_ms, NULL);
    turn->turn = turn->count ? JOB_TURN_AGAIN : job->running ? JOB_TURN_WAIT : JOB_TURN_ENDED;
    turn->count = 0;
    return s;
}

enum status job_turn(struct store_table *t, struct job_turn *turn)
{
    turn->turn = JOB_TURN_ENDED; /* when it is no more */
    turn->count = 0;
    store_bind_i64(t, SQL_JOB_BY_NUMBER, 1, turn->job);
    enum status s = store_step(t, SQL_JOB_BY_NUMBER);
    if (s != OK)
        return s == NOT_FOUND ? OK : s;
    struct job job = job_read(t, SQL_JOB_BY_NUMBER, &turn->arena);
    store_reset(t, SQL_JOB_BY_NUMBER);
    if (job.status != JOB_RUNNING)
        return cancel_devices(t, turn, &job);
    if (!job.all_listed)
        return list_devices(t, turn, &job);
    return job.pending + job.running == 0 ? complete(t, turn, &job) : take_devices(t, turn);
}

/* ---- results ---- */

enum status job_record(struct store_table *t, const struct job_result *r)
{
    return set_device(t, r->job, r->number, QUERY_JOB_RUNNING,
                      r->done ? QUERY_JOB_COMPLETED : QUERY_JOB_FAILED, r->now_ms, r);
}

enum status job_expire(struct store_table *t, const struct job_expire *e)
{
    store_bind_i64(t, SQL_JOB_BY_NUMBER, 1, e->job);
    enum status s = store_step(t, SQL_JOB_BY_NUMBER);
    if (s != OK)
        return s == NOT_FOUND ? OK : s;
    bool running = store_column_i64(t, SQL_JOB_BY_NUMBER, 10) == JOB_RUNNING;
    store_reset(t, SQL_JOB_BY_NUMBER);
    return running ? end_job(t, e->job, JOB_FAILED, e->now_ms, "JobTimedOut",
                             "maxExecutionTimeInSeconds had passed before every device was done")
                   : OK;
}
