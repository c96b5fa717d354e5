#include "jobs/jobs.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "iot/method.h"
#include "jobs/rows.h"
#include "json/json.h"
#include "json/write.h"

#define RETRY_MS 1000 /* what the registry did not take is offered again */
#define LOOK_MS_MAX (60 * 1000) /* a clock that jumps is seen so soon, and old jobs are forgotten */

struct jobs {
    struct jobs_config config;
    struct loop *loop; /* the config's */
    struct list runs;
    size_t count;
    bool begun;   /* what was left open by the run before is going on */
    bool looking; /* a look is under way */
    bool again;   /* something changed meanwhile */
    struct loop_timer timer;
};

/* One job at work. */
struct run {
    struct link link;
    struct jobs *jobs;
    struct arena arena;
    int64_t number, after;
    enum query_job_type type;
    struct slice id, if_match, twin;
    struct iot_method_call method;
    size_t flying; /* devices under way */
    bool turning, expiring;
    bool again; /* ask for another turn when this one is over */
    struct job_turn turn;
    struct job_expire expire;
    struct loop_timer deadline, retry;
};

/* One device of it. */
struct flight {
    struct run *run;
    struct arena arena;
    struct iot_id id;
    struct job_result result;
    struct buffer row; /* of devices.jobs, when a route wants to be told */
    struct loop_timer retry;
};

static void look(void *arg);
static void next_turn(struct run *r);

/* ---- results ---- */

static void record(void *arg);

static void on_recorded(void *arg, enum status why)
{
    struct flight *f = arg;
    struct run *r = f->run;
    if (why != OK) {
        loop_timer_start(r->jobs->loop, &f->retry, RETRY_MS, record, f);
        return;
    }
    if (f->row.len)
        r->jobs->config.on_row(r->jobs->config.arg, f->id, r->id, buffer_slice(&f->row),
                               f->result.now_ms);
    r->flying--;
    buffer_clear(&f->row);
    arena_clear(&f->arena);
    free(f);
    next_turn(r);
}

static enum status run_record(struct store_table *t, void *arg)
{
    struct flight *f = arg;
    const struct jobs_config *config = &f->run->jobs->config;
    enum status s = job_record(t, &f->result);
    buffer_reset(&f->row);
    struct json_writer w = json_writer(&f->row);
    if (s == OK && config->wants_rows(config->arg) &&
        query_job_print(t, f->result.number, &w) != OK)
        buffer_reset(&f->row); /* the result stands; only its news is missing */
    return s;
}

static void record(void *arg)
{
    struct flight *f = arg;
    registry_post(f->run->jobs->config.registry, f->run->jobs->loop, run_record, on_recorded, f);
}

static void land(struct flight *f)
{
    f->result.now_ms = loop_wall_ms(f->run->jobs->loop);
    log_debug("job device done job=%.*s device=%.*s done=%d", SLICE_FMT(f->run->id),
              SLICE_FMT(f->id.device), f->result.done);
    record(f);
}

static void fail(struct flight *f, enum status why, const char *text)
{
    enum iot_thing of = f->id.module.len ? IOT_MODULE : IOT_DEVICE;
    struct buffer error = {0};
    struct json_writer w = json_writer(&error);
    json_object(&w);
    json_name(&w, "code"), json_put_text(&w, iot_status_wire_of(of, why)->name);
    json_name(&w, "description"), json_put_text(&w, text);
    json_end_object(&w);
    f->result.error = arena_copy(&f->arena, buffer_slice(&error));
    buffer_clear(&error);
    land(f);
}

/* ---- what is done to a device ---- */

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct flight *f = arg;
    struct buffer outcome = {0};
    struct json_writer w = json_writer(&outcome);
    if (why == OFFLINE) {
        fail(f, why, "Timed out waiting for device to connect.");
    } else if (why == TIMED_OUT) {
        fail(f, why, "Timed out waiting for the response from device.");
    } else if (why != OK) {
        fail(f, why, "the method could not be carried out");
    } else if (!iot_method_payload_ok(payload)) {
        fail(f, PEER_FAILED, "the device's answer is not JSON");
    } else {
        iot_method_put(&w, status, payload);
        f->result.outcome = arena_copy(&f->arena, buffer_slice(&outcome));
        f->result.done = true;
        land(f);
    }
    buffer_clear(&outcome);
}

static void on_twin(void *arg, const struct registry_answer *a)
{
    struct flight *f = arg;
    f->result.done = a->why == OK;
    if (a->why != OK)
        fail(f, a->why, a->text);
    else
        land(f);
}

static void take_off(struct run *r, const struct job_device *d)
{
    struct flight *f = MEMORY_NEW(struct flight);
    f->run = r;
    f->id = iot_id_copy(&f->arena, d->id);
    f->result.job = r->number;
    f->result.number = d->number;
    r->flying++;
    if (r->type == QUERY_JOB_METHOD) {
        struct iot_method_call call = r->method;
        call.id = f->id;
        r->jobs->config.invoke(r->jobs->config.arg, r->jobs->loop, &call, on_method, f);
    } else {
        registry_ask(r->jobs->config.registry, r->jobs->loop,
                     &(struct registry_ask){.what = &registry_twin_patch,
                                            .id = f->id,
                                            .body = r->twin,
                                            .if_match = r->if_match},
                     on_twin, f);
    }
}

/* ---- turns ---- */

static void finish(struct run *r)
{
    struct jobs *jobs = r->jobs;
    log_info("job ended job=%.*s", SLICE_FMT(r->id));
    loop_timer_stop(&r->deadline);
    loop_timer_stop(&r->retry);
    list_remove(&r->link);
    jobs->count--;
    arena_clear(&r->turn.arena);
    arena_clear(&r->arena);
    free(r);
    look(jobs);
}

static void on_retry(void *arg)
{
    next_turn(arg);
}

static void on_turn(void *arg, enum status why)
{
    struct run *r = arg;
    r->turning = false;
    if (why != OK) {
        log_debug("job waits for the registry job=%.*s status=%s", SLICE_FMT(r->id),
                  status_name(why)); /* which has said why */
        loop_timer_start(r->jobs->loop, &r->retry, RETRY_MS, on_retry, r);
        return;
    }
    for (size_t i = 0; i < r->turn.count; i++) {
        r->after = r->turn.devices[i].number;
        take_off(r, &r->turn.devices[i]);
    }
    bool more = r->again || r->turn.turn == JOB_TURN_AGAIN;
    if (r->turn.turn == JOB_TURN_ENDED && r->flying == 0 && !r->expiring)
        finish(r);
    else if (more)
        next_turn(r);
}

static enum status run_turn(struct store_table *t, void *arg)
{
    return job_turn(t, &((struct run *)arg)->turn);
}

static void next_turn(struct run *r)
{
    r->again = r->turning;
    if (r->turning)
        return;
    arena_reset(&r->turn.arena);
    r->turn.job = r->number;
    r->turn.want = JOB_DEVICES_MAX - r->flying;
    r->turn.after = r->after;
    r->turn.now_ms = loop_wall_ms(r->jobs->loop);
    r->turning = true;
    registry_post(r->jobs->config.registry, r->jobs->loop, run_turn, on_turn, r);
}

static void on_deadline(void *arg);

static void on_expired(void *arg, enum status why)
{
    struct run *r = arg;
    r->expiring = false;
    if (why != OK)
        loop_timer_start(r->jobs->loop, &r->deadline, RETRY_MS, on_deadline, r);
    next_turn(r);
}

static enum status run_expire(struct store_table *t, void *arg)
{
    return job_expire(t, &((struct run *)arg)->expire);
}

static void on_deadline(void *arg)
{
    struct run *r = arg;
    r->expiring = true;
    r->expire = (struct job_expire){r->number, loop_wall_ms(r->jobs->loop)};
    registry_post(r->jobs->config.registry, r->jobs->loop, run_expire, on_expired, r);
}

/* ---- beginning ---- */

/* It was read once when the job was made: what is wrong now is a limit that was lowered since, and
 * each device says so. */
static void read_what(struct run *r, struct slice what)
{
    struct json_doc *doc = NULL;
    if (json_parse(what, JSON_STRICT, &doc, NULL) != OK)
        log_error("job cannot be read job=%.*s", SLICE_FMT(r->id));
    if (r->type == QUERY_JOB_METHOD) {
        const char *wrong =
            iot_method_read(&r->arena, r->jobs->config.limits, json_root(doc), &r->method);
        if (wrong)
            log_warn("job's method is no longer allowed job=%.*s reason=\"%s\"", SLICE_FMT(r->id),
                     wrong);
        r->method.call_id = arena_printf(&r->arena, "job-%.*s", SLICE_FMT(r->id));
    } else {
        r->twin = arena_copy(&r->arena, what);
        r->if_match = arena_copy(&r->arena, json_string(json_get(json_root(doc), "etag")));
    }
    json_free(&doc);
}

static void begin(struct jobs *jobs, const struct job *job)
{
    struct run *r = MEMORY_NEW(struct run);
    uint64_t now = loop_wall_ms(jobs->loop), end = job->began_ms + job->max_ms;
    r->jobs = jobs;
    r->number = job->number;
    r->type = job->type;
    r->id = arena_copy(&r->arena, job->id);
    read_what(r, job->what);
    log_info("job begins job=%.*s", SLICE_FMT(r->id));
    list_push(&jobs->runs, &r->link);
    jobs->count++;
    loop_timer_start(jobs->loop, &r->deadline, end > now ? end - now : 0, on_deadline, r);
    next_turn(r);
}

static void on_look(void *arg)
{
    look(arg);
}

static void schedule(struct jobs *jobs, uint64_t next_ms)
{
    uint64_t now = loop_wall_ms(jobs->loop), wait = LOOK_MS_MAX;
    bool room = jobs->count < jobs->config.limits->jobs_running; /* else an end looks again */
    if (next_ms && room)
        wait = next_ms <= now ? 0 : next_ms - now;
    loop_timer_start(jobs->loop, &jobs->timer, wait < LOOK_MS_MAX ? wait : LOOK_MS_MAX, on_look,
                     jobs);
}

struct looked {
    struct jobs *jobs;
    struct jobs_due due;
};

static enum status run_look(struct store_table *t, void *arg)
{
    struct looked *l = arg;
    return jobs_due(t, &l->due);
}

static void on_looked(void *arg, enum status why)
{
    struct looked *l = arg;
    struct jobs *jobs = l->jobs;
    jobs->looking = false;
    for (size_t i = 0; why == OK && i < l->due.count; i++)
        begin(jobs, &l->due.jobs[i]);
    jobs->begun |= why == OK;
    if (why != OK)
        loop_timer_start(jobs->loop, &jobs->timer, RETRY_MS, on_look, jobs);
    else
        schedule(jobs, l->due.next_ms);
    arena_clear(&l->due.arena);
    free(l);
    if (jobs->again && why == OK)
        look(jobs);
}

static void look(void *arg)
{
    struct jobs *jobs = arg;
    uint64_t most = jobs->config.limits->jobs_running;
    jobs->again = jobs->looking;
    if (jobs->looking)
        return;
    jobs->looking = true;
    struct looked *l = MEMORY_NEW(struct looked);
    l->jobs = jobs;
    l->due.now_ms = loop_wall_ms(jobs->loop);
    l->due.history_ms = jobs->config.limits->job_history_ms;
    l->due.limit = most > jobs->count ? most - jobs->count : 0;
    l->due.open = !jobs->begun;
    registry_post(jobs->config.registry, jobs->loop, run_look, on_looked, l);
}

/* ---- what the header promised ---- */

struct jobs *jobs_new(const struct jobs_config *config)
{
    struct jobs *jobs = MEMORY_NEW(struct jobs);
    jobs->config = *config;
    jobs->loop = config->loop;
    list_init(&jobs->runs);
    look(jobs);
    return jobs;
}

void jobs_free(struct jobs **jobs)
{
    struct jobs *j = *jobs;
    if (j == NULL)
        return;
    loop_timer_stop(&j->timer);
    for (struct link *l; (l = list_pop(&j->runs));) {
        struct run *r = LIST_OF(l, struct run, link);
        loop_timer_stop(&r->deadline);
        loop_timer_stop(&r->retry);
        arena_clear(&r->turn.arena);
        arena_clear(&r->arena);
        free(r);
    }
    free(j);
    *jobs = NULL;
}

static void on_changed(void *arg)
{
    struct jobs *jobs = arg;
    LIST_EACH(l, &jobs->runs)
    {
        struct run *r = LIST_OF(l, struct run, link);
        next_turn(r);
    }
    look(jobs);
}

void jobs_changed(struct jobs *jobs)
{
    loop_post(jobs->loop, on_changed, jobs);
}
