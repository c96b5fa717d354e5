/* What the tests of scheduled jobs share: a hub with devices that answer methods, and one question
 * at a time. */
#pragma once

#include "jobs/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "hub/device.h"
#include "hub/hub_rig.h"
#include "jobs/rows.h"
#include "json/json.h"

#define ROBOTS_MAX 200

/* A device that is connected, and answers methods as it is told. */
struct robot {
    struct heads_session session; /* first */
    char id[16];
    struct hub_device *device;
    struct heads_attendance *here;
    unsigned calls;
    uint64_t rid; /* of the last call */
};

static struct {
    struct hub hub;
    struct loop *loop;
    struct robot robots[ROBOTS_MAX];
    size_t robot_count, under_way, most_under_way;
    bool silent; /* robots do not answer by themselves */
    struct buffer seen;
    /* The last answer. */
    enum status why;
    struct buffer json, continuation, text;
    bool answered;
} house;

static const char *const names[] = {"127.0.0.1", NULL};

static int begin_at(const char *path)
{
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    hub_rig_begin(hub, house.loop, names);
    return registry_open(path, &hub->limits, &(struct registry_events){0}, &hub->registry);
}

static int begin(void **state)
{
    (void)state;
    int failed = begin_at(":memory:");
    house.hub.jobs = failed ? NULL : hub_jobs_new(&house.hub);
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
    registry_ask(house.hub.registry, house.loop,
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
    for (size_t i = 0; i < house.robot_count; i++) {
        heads_attendance_end(house.robots[i].here);
        hub_device_unref(&house.robots[i].device);
    }
    jobs_free(&house.hub.jobs);
    registry_close(&house.hub.registry);
    loop_free(&house.loop);
    map_clear(&house.hub.loops[0].devices);
    buffer_clear(&house.json);
    buffer_clear(&house.continuation);
    buffer_clear(&house.text);
    buffer_clear(&house.seen);
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
    query_run(house.hub.registry, house.loop, &(struct query_ask){.text = slice_of(text)}, on_rows,
              NULL);
    if (wait_for_answer() != OK)
        fail_msg("%s: %s", text, buffer_cstr(&house.text));
    return buffer_cstr(&house.json);
}

/* ---- robots ---- */

static void reply(struct robot *r)
{
    house.under_way--;
    hub_device_method_reply(r->device, r->rid, 200, SLICE("{\"done\":true}"));
}

static void on_method(struct heads_session *s, uint64_t rid, struct slice name,
                      struct slice payload)
{
    struct robot *r = (struct robot *)s;
    r->calls++;
    r->rid = rid;
    buffer_reset(&house.seen);
    buffer_printf(&house.seen, "%.*s %.*s", SLICE_FMT(name), SLICE_FMT(payload));
    if (++house.under_way > house.most_under_way)
        house.most_under_way = house.under_way;
    if (!house.silent)
        reply(r);
}

static void on_close(struct heads_session *s, enum status why)
{
    (void)s;
    (void)why;
}

static const struct heads_session_ops robot_ops = {.method = on_method, .close = on_close};

static struct robot *robot(const char *id)
{
    struct robot *r = &house.robots[house.robot_count++];
    snprintf(r->id, sizeof(r->id), "%s", id);
    device(id, NULL);
    struct heads_identity fields = {.id = {.device = slice_of(r->id)}, .enabled = true};
    const struct heads_identity *identity = heads_identity_new(&fields);
    r->session = (struct heads_session){.ops = &robot_ops, .loop = house.loop};
    r->device = hub_device_get(&house.hub.loops[0], fields.id);
    r->here = heads_attendance_begin(&r->device->place, &r->session, identity, "", 0);
    heads_attendance_subscribe(r->here, HEADS_METHODS, true);
    heads_identity_unref(&identity);
    return r;
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
    if (s == OK && house.hub.jobs)
        jobs_changed(house.hub.jobs);
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
