/* Scheduled jobs over a registry: what they do to devices, how they end, and that they go on after
 * a restart. Times move as the registry is told, or are milliseconds. */
#include "hub/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "hub/hub_rig.h"
#include "hub/device.h"
#include "hub/registry_jobs.h"
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
    return hub_registry_open(path, &hub->limits, &(struct hub_registry_events){0}, &hub->registry);
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

static void on_answer(void *arg, const struct hub_registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    keep(&house.json, a->json);
    keep(&house.text, slice_of(a->text));
    house.answered = true;
}

static enum status ask(enum hub_registry_what what, struct iot_id id, const char *name,
                       const char *body)
{
    hub_registry_ask(house.hub.registry, house.loop,
                     &(struct hub_registry_ask){
                         .what = what,
                         .id = id,
                         .name = slice_of(name),
                         .body = slice_of(body),
                         .if_match = what == HUB_IDENTITY_DELETE ? SLICE("*") : (struct slice){0}},
                     on_answer, NULL);
    return wait_for_answer();
}

static int finish(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) /* what is asked of the registry is answered before this is */
        assert_int_equal(ask(HUB_STATISTICS_SERVICE, (struct iot_id){0}, NULL, NULL), OK);
    for (size_t i = 0; i < house.robot_count; i++) {
        heads_attendance_end(house.robots[i].here);
        hub_device_unref(&house.robots[i].device);
    }
    hub_jobs_free(&house.hub.jobs);
    hub_registry_close(&house.hub.registry);
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
    assert_int_equal(ask(HUB_IDENTITY_PUT, d, NULL, "{}"), OK);
    if (twin)
        assert_int_equal(ask(HUB_TWIN_PATCH, d, NULL, twin), OK);
}

static void on_rows(void *arg, const struct hub_query_answer *a)
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
    hub_registry_query(house.hub.registry, house.loop,
                       &(struct hub_query_ask){.text = slice_of(text)}, on_rows, NULL);
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

static void robots(int count)
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
    enum status s = ask(HUB_JOB_PUT, (struct iot_id){0}, id, body);
    if (s == OK && house.hub.jobs)
        hub_jobs_changed(house.hub.jobs);
    return s;
}

static const char *get(const char *id)
{
    assert_int_equal(ask(HUB_JOB_GET, (struct iot_id){0}, id, NULL), OK);
    return buffer_cstr(&house.json);
}

static bool has(const char *part)
{
    return strstr(buffer_cstr(&house.json), part) != NULL;
}

static void expect(const char *part)
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

static void a_twin_is_changed_on_every_device_of_the_condition(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        char id[16], twin[64];
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(twin, sizeof(twin), "{\"tags\":{\"odd\":%s}}", i % 2 ? "true" : "false");
        device(id, twin);
    }
    assert_int_equal(put("j", TWIN("tags.odd = true")), OK);
    expect("\"status\":\"queued\"");
    expect("\"type\":\"scheduleUpdateTwin\"");
    expect("\"queryCondition\":\"tags.odd = true\"");
    expect("\"updateTwin\":{\"etag\":\"*\"");
    expect("\"maxExecutionTimeInSeconds\":3600");
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceJobStatistics\":{\"deviceCount\":75,\"failedCount\":0,\"succeededCount\":75,"
           "\"runningCount\":0,\"pendingCount\":0}");
    expect("\"endTime\":");
    assert_string_equal(
        query("SELECT COUNT() AS n FROM devices WHERE tags.done = true AND tags.odd ="
              " true AND properties.desired.speed = 7"),
        "[{\"n\":75}]");
    assert_string_equal(query("SELECT COUNT() AS n FROM devices WHERE tags.done = true"),
                        "[{\"n\":75}]");
}

static void a_method_is_called_and_its_answer_kept(void **state)
{
    (void)state;
    robot("a");
    robot("b");
    device("offline", NULL);
    assert_int_equal(put("m", METHOD("deviceId IN ['a', 'b', 'offline']")), OK);
    wait_for("m", "\"status\":\"completed\"");
    expect("\"failedCount\":1,\"succeededCount\":2");
    assert_string_equal(buffer_cstr(&house.seen), "reboot {\"in\":5}");
    query("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'm' AND deviceId = 'a'");
    expect("[{\"deviceId\":\"a\",\"jobId\":\"m\",\"jobType\":\"scheduleDeviceMethod\",\"status\":"
           "\"completed\",\"startTimeUtc\":\"");
    expect("\"outcome\":{\"deviceMethodResponse\":{\"status\":200,\"payload\":{\"done\":true}}}}]");
    query("SELECT * FROM devices.jobs WHERE jobId = 'm' AND status = 'failed'");
    expect("\"deviceId\":\"offline\"");
    expect("\"outcome\":{\"deviceMethodResponse\":null},\"error\":{\"code\":\"DeviceNotOnline\"");
    assert_false(has("\"deviceId\":\"a\""));
}

static void devices_jobs_are_searched_like_twins(void **state)
{
    (void)state;
    device("a", NULL);
    device("b", NULL);
    assert_int_equal(put("one", TWIN("*")), OK);
    wait_for("one", "\"status\":\"completed\"");
    assert_int_equal(put("two", TWIN("deviceId = 'b'")), OK);
    wait_for("two", "\"status\":\"completed\"");
    static const struct {
        const char *where;
        size_t count;
    } rows[] = {
        {"devices.jobs.deviceId = 'b'", 2},
        {"deviceId = 'b' AND jobId = 'two'", 1},
        {"jobType = 'scheduleUpdateTwin'", 3},
        {"jobId IN ['one', 'two'] AND status != 'failed'", 3},
        {"devices.jobs.createdTimeUtc > '2016-09-01'", 3},
        {"createdDateTimeUtc < '2016-09-01'", 0},
        {"JOBID = 'one'", 2},
        {"outcome.deviceMethodResponse = null", 3},
        {"IS_DEFINED(error)", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct json_doc *doc;
        snprintf(text, sizeof(text), "SELECT * FROM devices.jobs WHERE %s", rows[i].where);
        query(text);
        assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
        if (json_count(json_root(doc)) != rows[i].count)
            fail_msg("%s: %s", rows[i].where, buffer_cstr(&house.json));
        json_free(&doc);
    }
    hub_registry_query(
        house.hub.registry, house.loop,
        &(struct hub_query_ask){.text = SLICE("SELECT * FROM devices.jobs WHERE tags.x = 1")},
        on_rows, NULL);
    assert_int_equal(wait_for_answer(), BAD_ARGUMENT);
    assert_non_null(strstr(buffer_cstr(&house.text), "position 34: a job has no tags.x"));
}

static void modules_are_targets_too(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(ask(HUB_IDENTITY_PUT, (struct iot_id){SLICE("a"), SLICE("m")}, NULL, "{}"),
                     OK);
    assert_int_equal(put("j", TWIN("FROM devices.modules WHERE moduleId = 'm'")), OK);
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceCount\":1");
    assert_string_equal(query("SELECT moduleId FROM devices.modules WHERE tags.done = true"),
                        "[{\"moduleId\":\"m\"}]");
    query("SELECT * FROM devices.jobs");
    expect("\"deviceId\":\"a\",\"moduleId\":\"m\"");
}

static void a_condition_that_is_true_for_nobody_fails(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("j", TWIN("tags.nothing = 1")), OK);
    wait_for("j", "\"status\":\"failed\"");
    expect("\"failureReason\":\"JobRunPreconditionFailed\"");
    assert_int_equal(put("m", METHOD("deviceId = 'a'")), OK);
    wait_for("m", "\"status\":\"failed\""); /* the only one is not connected */
    expect("\"statusMessage\":\"it failed on every device\"");
}

static void a_job_of_the_future_waits_and_can_be_cancelled(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("j", "{\"jobId\":\"j\",\"type\":\"scheduleUpdateTwin\",\"queryCondition\":"
                              "\"*\",\"updateTwin\":{\"tags\":{\"x\":1}},\"startTime\":"
                              "\"2090-01-01T00:00:00.000Z\",\"maxExecutionTimeInSeconds\":30}"),
                     OK);
    expect("\"startTime\":\"2090-01-01T00:00:00.000Z\"");
    expect("\"status\":\"queued\"");
    assert_int_equal(put("now", TWIN("*")), OK);
    wait_for("now", "\"status\":\"completed\"");
    get("j");
    expect("\"status\":\"queued\"");
    assert_int_equal(ask(HUB_JOB_CANCEL, (struct iot_id){0}, "j", NULL), OK);
    expect("\"status\":\"cancelled\"");
    hub_jobs_changed(house.hub.jobs);
    assert_int_equal(ask(HUB_JOB_CANCEL, (struct iot_id){0}, "now", NULL), OK);
    expect("\"status\":\"completed\"");
    assert_int_equal(ask(HUB_JOB_CANCEL, (struct iot_id){0}, "none", NULL), NOT_FOUND);
}

static void starts_when_its_time_comes(void **state)
{
    (void)state;
    char body[512], start[CLOCK_ISO8601_MAX] = "";
    clock_iso8601(clock_wall_ms() + 150, start);
    device("a", NULL);
    snprintf(body, sizeof(body),
             "{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\",\"updateTwin\":{\"tags\":"
             "{\"x\":1}},\"startTime\":\"%s\"}",
             start);
    assert_int_equal(put("j", body), OK);
    wait_for("j", "\"status\":\"completed\"");
    assert_true(loop_wall_ms(house.loop) > 0);
}

static void answer_all(void)
{
    for (size_t i = 0; i < house.robot_count; i++)
        if (house.robots[i].rid) {
            reply(&house.robots[i]);
            house.robots[i].rid = 0;
        }
}

static bool all_places_taken(void *arg)
{
    (void)arg;
    return house.under_way == HUB_JOB_DEVICES_MAX;
}

static void so_many_devices_are_done_at_once(void **state)
{
    (void)state;
    house.silent = true;
    robots(100);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    get("j");
    expect("\"status\":\"running\"");
    expect("\"runningCount\":64,\"pendingCount\":36");
    for (int i = 0; i < 5; i++) {
        answer_all();
        wait_for("j", "\"failedCount\":0");
    }
    house.silent = false;
    answer_all();
    wait_for("j", "\"status\":\"completed\"");
    assert_int_equal(house.most_under_way, HUB_JOB_DEVICES_MAX);
    for (size_t i = 0; i < house.robot_count; i++)
        assert_int_equal(house.robots[i].calls, 1);
}

static void cancelling_lets_those_under_way_end_and_begins_no_more(void **state)
{
    (void)state;
    house.silent = true;
    robots(100);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    assert_int_equal(ask(HUB_JOB_CANCEL, (struct iot_id){0}, "j", NULL), OK);
    expect("\"status\":\"cancelled\"");
    hub_jobs_changed(house.hub.jobs);
    wait_for("j", "\"pendingCount\":0");
    expect("\"runningCount\":64");
    answer_all();
    wait_for("j", "\"succeededCount\":64,\"runningCount\":0,\"pendingCount\":0");
    expect("\"status\":\"cancelled\"");
    query("SELECT * FROM devices.jobs WHERE status = 'canceled' AND jobId = 'j'");
    expect("\"deviceId\":\"r64\"");
    assert_int_equal(house.most_under_way, HUB_JOB_DEVICES_MAX);
}

static void a_job_ends_when_its_time_has_run_out(void **state)
{
    (void)state;
    house.silent = true;
    robot("slow");
    assert_int_equal(
        put("j", "{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\","
                 "\"cloudToDeviceMethod\":{\"methodName\":\"m\"},\"maxExecutionTimeInSeconds\":1}"),
        OK);
    wait_for("j", "\"runningCount\":1");
    wait_for("j", "\"status\":\"failed\"");
    expect("\"failureReason\":\"JobTimedOut\"");
    answer_all();
    wait_for("j", "\"succeededCount\":1,\"runningCount\":0");
}

static void so_many_jobs_run_at_once(void **state)
{
    (void)state;
    house.silent = true;
    house.hub.limits.jobs_running = 1;
    robot("r");
    device("d", NULL);
    assert_int_equal(put("first", METHOD("deviceId = 'r'")), OK);
    wait_for("first", "\"runningCount\":1");
    assert_int_equal(put("second", TWIN("deviceId = 'd'")), OK);
    for (int i = 0; i < 20; i++)
        get("second");
    expect("\"status\":\"queued\"");
    answer_all();
    wait_for("second", "\"status\":\"completed\"");
}

static void a_device_that_goes_meanwhile_fails(void **state)
{
    (void)state;
    house.hub.limits.jobs_running = 1;
    house.silent = true;
    robots(65);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    assert_int_equal(ask(HUB_IDENTITY_DELETE, (struct iot_id){.device = SLICE("r64")}, NULL, NULL),
                     OK);
    answer_all();
    wait_for("j", "\"status\":\"completed\"");
    expect("\"failedCount\":1,\"succeededCount\":64");
    query("SELECT * FROM devices.jobs WHERE deviceId = 'r64'");
    expect("\"error\":{\"code\":\"DeviceNotFound\"");
}

static void refuses_what_is_no_job(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"[]", "the body must be"},
        {"x", "the body must be"},
        {"{}", "type must be"},
        {"{\"type\":\"export\"}", "type must be"},
        {"{\"jobId\":\"k\",\"type\":\"scheduleUpdateTwin\"}", "jobId in the body"},
        {"{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\"}", "updateTwin: it must be"},
        {"{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\",\"updateTwin\":{\"tags\":{\"a "
         "b\":1}}}",
         "updateTwin: tags.a b"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\"}",
         "cloudToDeviceMethod: it must be"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\",\"cloudToDeviceMethod\":{}}",
         "cloudToDeviceMethod: methodName"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\",\"cloudToDeviceMethod\":"
         "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":1}}",
         "responseTimeoutInSeconds"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{}}", "queryCondition must say"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"deviceId =\"}",
         "queryCondition: position 11: expected a value"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"tag.x = 1\"}",
         "queryCondition: position 1: a twin has no tag.x"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"*\","
         "\"startTime\":"
         "\"soon\"}",
         "startTime must be"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"*\","
         "\"maxExecutionTimeInSeconds\":0}",
         "maxExecutionTimeInSeconds must be"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum status s = put("j", rows[i].body);
        if ((s != BAD_ARGUMENT && s != BAD_FORMAT) ||
            !strstr(buffer_cstr(&house.text), rows[i].why))
            fail_msg("%s: %s %s", rows[i].body, status_name(s), buffer_cstr(&house.text));
    }
    assert_int_equal(put("a/b", TWIN("*")), BAD_ARGUMENT);
    assert_int_equal(put("j", TWIN("*")), OK);
    assert_int_equal(put("j", TWIN("*")), EXISTS);
    assert_int_equal(ask(HUB_JOB_GET, (struct iot_id){0}, "none", NULL), NOT_FOUND);
    wait_for("j", "\"status\":\"failed\"");
}

static enum status list(const char *type, const char *status, size_t page, const char *continuation)
{
    hub_registry_jobs(house.hub.registry, house.loop, slice_of(type), slice_of(status), page,
                      slice_of(continuation), on_rows, NULL);
    return wait_for_answer();
}

static void lists_jobs_by_type_and_status_in_pages(void **state)
{
    (void)state;
    char next[64];
    device("a", NULL);
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "j%d", i);
        assert_int_equal(put(id, i % 2 ? METHOD("*") : TWIN("*")), OK);
        wait_for(id, "\"endTime\"");
    }
    assert_int_equal(list("scheduleDeviceMethod", NULL, 0, NULL), OK);
    assert_true(has("\"j1\"") && has("\"j3\"") && !has("\"j0\""));
    assert_int_equal(list(NULL, "completed", 0, NULL), OK);
    assert_true(has("\"j0\"") && has("\"j4\"") && !has("\"j1\""));
    assert_int_equal(list("scheduleUpdateTwin", "failed", 0, NULL), OK);
    assert_string_equal(buffer_cstr(&house.json), "[]");
    assert_int_equal(list(NULL, NULL, 3, NULL), OK);
    assert_true(has("\"j2\"") && !has("\"j3\""));
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(list(NULL, NULL, 3, next), OK);
    assert_true(has("\"j3\"") && has("\"j4\"") && !has("\"j2\""));
    assert_int_equal(house.continuation.len, 0);
    assert_int_equal(list("export", "scheduled", 0, NULL), OK);
    assert_string_equal(buffer_cstr(&house.json), "[]");
    assert_int_equal(list("baking", NULL, 0, NULL), BAD_ARGUMENT);
    assert_int_equal(list(NULL, "burnt", 0, NULL), BAD_ARGUMENT);
    assert_int_equal(list(NULL, NULL, 0, "?"), BAD_ARGUMENT);
}

static void old_jobs_are_forgotten(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("old", TWIN("*")), OK);
    wait_for("old", "\"status\":\"completed\"");
    uint64_t end = clock_wall_ms();
    while (clock_wall_ms() <= end + 2)
        ;
    house.hub.limits.job_history_ms = 0;
    assert_int_equal(put("new", TWIN("*")), OK); /* whose beginning looks around */
    for (int i = 0; i < 1000 && ask(HUB_JOB_GET, (struct iot_id){0}, "old", NULL) == OK; i++)
        ;
    assert_int_equal(house.why, NOT_FOUND);
    assert_string_equal(query("SELECT * FROM devices.jobs WHERE jobId = 'old'"), "[]");
}

/* ---- a hub that died ---- */

/* What jobs.c asks of the registry, step by step. */
struct step {
    struct registry_jobs_due *due;
    struct registry_job_turn *turn;
    struct registry_job_result *result;
};

static enum status run_step(struct store_table *t, void *arg)
{
    struct step *s = arg;
    return s->due    ? registry_jobs_due(t, s->due)
           : s->turn ? registry_job_turn(t, s->turn)
                     : registry_job_record(t, s->result);
}

static void on_step(void *arg, enum status why)
{
    (void)arg;
    house.why = why;
    house.answered = true;
}

static void step(struct step s)
{
    registry_post(house.hub.registry, house.loop, run_step, on_step, &s);
    assert_int_equal(wait_for_answer(), OK);
}

/* The hub ends after some devices were done, some under way, and some waited. */
static void a_job_goes_on_after_a_restart(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-jobs-XXXXXX", more[64];
    close(mkstemp(path));
    assert_int_equal(begin_at(path), 0);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        device(id, NULL);
    }
    assert_int_equal(put("j", METHOD("*")), OK);
    struct registry_jobs_due due = {.now_ms = clock_wall_ms(), .history_ms = 1000000, .limit = 10};
    step((struct step){.due = &due});
    assert_int_equal(due.count, 1);
    struct registry_job_turn t = {.job = due.jobs[0].number, .want = 4, .now_ms = due.now_ms};
    do
        step((struct step){.turn = &t});
    while (t.turn == HUB_JOB_TURN_AGAIN);
    assert_int_equal(t.count, 4);
    for (int i = 0; i < 2; i++)
        step((struct step){
            .result = &(struct registry_job_result){
                .job = t.job, .number = t.devices[i].number, .done = true, .now_ms = due.now_ms}});
    arena_clear(&due.arena);
    arena_clear(&t.arena);
    finish(NULL);

    assert_int_equal(begin_at(path), 0);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        assert_int_equal(
            ask(HUB_IDENTITY_DELETE, (struct iot_id){.device = slice_of(id)}, NULL, NULL), OK);
        robot(id);
    }
    house.hub.jobs = hub_jobs_new(&house.hub);
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceCount\":10,\"failedCount\":0,\"succeededCount\":10");
    for (int i = 0; i < 10; i++)
        assert_int_equal(house.robots[i].calls, i < 2 ? 0 : 1);
    finish(NULL);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(more, sizeof(more), "%s%s", path, ends[i]);
        unlink(more);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_twin_is_changed_on_every_device_of_the_condition),
        TEST(a_method_is_called_and_its_answer_kept),
        TEST(devices_jobs_are_searched_like_twins),
        TEST(modules_are_targets_too),
        TEST(a_condition_that_is_true_for_nobody_fails),
        TEST(a_job_of_the_future_waits_and_can_be_cancelled),
        TEST(starts_when_its_time_comes),
        TEST(so_many_devices_are_done_at_once),
        TEST(cancelling_lets_those_under_way_end_and_begins_no_more),
        TEST(a_job_ends_when_its_time_has_run_out),
        TEST(so_many_jobs_run_at_once),
        TEST(a_device_that_goes_meanwhile_fails),
        TEST(refuses_what_is_no_job),
        TEST(lists_jobs_by_type_and_status_in_pages),
        TEST(old_jobs_are_forgotten),
        cmocka_unit_test(a_job_goes_on_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
