/* What the tests of scheduled jobs share: a registry, robots that answer methods in the hub's
 * place, and one question at a time. */
#pragma once

#include "jobs/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "base/memory.h"
#include "jobs/rows.h"
#include "json/json.h"

#define ROBOTS_MAX 200

/* A device that answers methods as it is told. */
struct robot {
    char id[16];
    unsigned calls;
    iot_method_fn *fn; /* NULL: no call is under way */
    void *fn_arg;
};

static struct {
    struct iot_limits limits;
    struct registry *registry;
    struct jobs *jobs;
    struct loop *loop;
    struct robot robots[ROBOTS_MAX];
    size_t robot_count, under_way, most_under_way;
    bool silent; /* robots do not answer by themselves */
    struct buffer seen;
    struct buffer rows; /* of devices.jobs that were told; while they are wanted */
    bool wants_rows;
    /* The last answer. */
    enum status why;
    struct buffer json, continuation, text;
    bool answered;
} house;

/* ---- in the hub's place ---- */

static void reply(struct robot *r)
{
    iot_method_fn *fn = r->fn;
    house.under_way--;
    r->fn = NULL;
    fn(r->fn_arg, OK, 200, SLICE("{\"done\":true}"));
}

static void reply_now(void *arg)
{
    reply(arg);
}

struct absent {
    iot_method_fn *fn;
    void *fn_arg;
};

static void say_offline(void *arg)
{
    struct absent *a = arg;
    a->fn(a->fn_arg, OFFLINE, 0, (struct slice){0});
    free(a);
}

static struct robot *robot_of(struct iot_id id)
{
    for (size_t i = 0; i < house.robot_count; i++)
        if (slice_eq(slice_of(house.robots[i].id), id.device))
            return &house.robots[i];
    return NULL;
}

static void invoke(void *arg, struct loop *loop, const struct iot_method_call *call,
                   iot_method_fn *fn, void *fn_arg)
{
    (void)arg;
    struct robot *r = robot_of(call->id);
    if (r == NULL) {
        struct absent *a = MEMORY_NEW(struct absent);
        *a = (struct absent){fn, fn_arg};
        loop_post(loop, say_offline, a);
        return;
    }
    assert_null(r->fn);
    r->calls++;
    r->fn = fn;
    r->fn_arg = fn_arg;
    buffer_reset(&house.seen);
    buffer_printf(&house.seen, "%.*s %.*s", SLICE_FMT(call->name), SLICE_FMT(call->payload));
    if (++house.under_way > house.most_under_way)
        house.most_under_way = house.under_way;
    if (!house.silent)
        loop_post(loop, reply_now, r);
}

static bool wants_rows(void *arg)
{
    (void)arg;
    return house.wants_rows;
}

static void on_row(void *arg, struct iot_id id, struct slice job_id, struct slice body,
                   uint64_t wall_ms)
{
    (void)arg;
    assert_true(wall_ms > 0);
    buffer_printf(&house.rows, "%.*s %.*s %.*s\n", SLICE_FMT(job_id), SLICE_FMT(id.device),
                  SLICE_FMT(body));
}

/* ---- the house ---- */

static int begin_at(const char *path)
{
    house.loop = loop_new();
    house.limits = iot_limits_azure();
    return registry_open(path, &house.limits, &(struct registry_events){0}, &house.registry);
}

static void begin_jobs(void)
{
    house.jobs = jobs_new(&(struct jobs_config){.registry = house.registry,
                                                .loop = house.loop,
                                                .limits = &house.limits,
                                                .invoke = invoke,
                                                .wants_rows = wants_rows,
                                                .on_row = on_row});
}

static int begin(void **state)
{
    (void)state;
    int failed = begin_at(":memory:");
    if (!failed)
        begin_jobs();
    return failed;
}

static void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
    buffer_cstr(to);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static enum status wait_for_answer(void)
{
    assert_true(loop_run_until(house.loop, is_answered, NULL, 10000));
    house.answered = false;
    return house.why;
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    keep(&house.json, a->json);
    keep(&house.text, slice_of(a->text));
    house.answered = true;
}

static enum status ask(const struct registry_work *what, struct iot_id id, const char *name,
                       const char *body)
{
    registry_ask(house.registry, house.loop,
                 &(struct registry_ask){.what = what,
                                        .id = id,
                                        .name = slice_of(name),
                                        .body = slice_of(body),
                                        .if_match = what == &registry_identity_delete
                                                        ? SLICE("*")
                                                        : (struct slice){0}},
                 on_answer, NULL);
    return wait_for_answer();
}

static int finish(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) /* what is asked of the registry is answered before this is */
        assert_int_equal(ask(&registry_statistics_service, (struct iot_id){0}, NULL, NULL), OK);
    jobs_free(&house.jobs);
    registry_close(&house.registry);
    loop_free(&house.loop);
    buffer_clear(&house.json);
    buffer_clear(&house.continuation);
    buffer_clear(&house.text);
    buffer_clear(&house.seen);
    buffer_clear(&house.rows);
    memset(&house, 0, sizeof(house));
    return 0;
}

static void device(const char *id, const char *twin)
{
    struct iot_id d = {.device = slice_of(id)};
    assert_int_equal(ask(&registry_identity_put, d, NULL, "{}"), OK);
    if (twin)
        assert_int_equal(ask(&registry_twin_patch, d, NULL, twin), OK);
}

static void on_rows(void *arg, const struct query_answer *a)
{
    (void)arg;
    house.why = a->why;
    keep(&house.json, a->json);
    keep(&house.continuation, a->continuation);
    keep(&house.text, slice_of(a->text));
    house.answered = true;
}

static const char *query(const char *text)
{
    query_run(house.registry, house.loop, &(struct query_ask){.text = slice_of(text)}, on_rows,
              NULL);
    if (wait_for_answer() != OK)
        fail_msg("%s: %s", text, buffer_cstr(&house.text));
    return buffer_cstr(&house.json);
}

/* ---- robots ---- */

static void robot(const char *id)
{
    struct robot *r = &house.robots[house.robot_count++];
    snprintf(r->id, sizeof(r->id), "%s", id);
    device(id, NULL);
}

static inline void robots(int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        robot(id);
    }
}

/* ---- jobs ---- */

static enum status put(const char *id, const char *body)
{
    enum status s = ask(&job_put, (struct iot_id){0}, id, body);
    if (s == OK && house.jobs)
        jobs_changed(house.jobs);
    return s;
}

static const char *get(const char *id)
{
    assert_int_equal(ask(&job_get, (struct iot_id){0}, id, NULL), OK);
    return buffer_cstr(&house.json);
}

static bool has(const char *part)
{
    return strstr(buffer_cstr(&house.json), part) != NULL;
}

static inline void expect(const char *part)
{
    if (!has(part))
        fail_msg("%s is not in %s", part, buffer_cstr(&house.json));
}

static void wait_for(const char *id, const char *part)
{
    for (uint64_t end = clock_wall_ms() + 10000; clock_wall_ms() < end;)
        if (strstr(get(id), part))
            return;
    fail_msg("%s is not in %s", part, buffer_cstr(&house.json));
}

#define METHOD(condition)                                                                          \
    "{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"" condition                           \
    "\",\"cloudToDeviceMethod\":{\"methodName\":\"reboot\",\"payload\":{\"in\":5},"                \
    "\"responseTimeoutInSeconds\":5}}"
#define TWIN(condition)                                                                            \
    "{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"" condition                             \
    "\",\"updateTwin\":{\"etag\":\"*\",\"tags\":{\"done\":true},\"properties\":{\"desired\":"      \
    "{\"speed\":7}}}}"

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
