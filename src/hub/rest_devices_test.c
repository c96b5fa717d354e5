/* REST that reaches devices: twins, methods, scheduled jobs, queries, messages. */
#include "hub/rest_rig.h"

/* ---- twins ---- */

static void twins_are_patched_with_the_etag_in_quotes(void **state)
{
    (void)state;
    char value[256];
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    assert_int_equal(call("GET", "/twins/d", ""), 200);
    assert_slice(buffer_slice(&house.etag), SLICE("\"AAAAAAAAAAE=\""));
    assert_int_equal(
        call_if("PATCH", "/twins/d", "{\"tags\":{\"site\":\"north\"}}", "\"AAAAAAAAAAE=\""), 200);
    assert_int_equal(
        call_if("PATCH", "/twins/d", "{\"tags\":{\"site\":\"south\"}}", "\"AAAAAAAAAAE=\""), 412);
    assert_int_equal(call_if("PATCH", "/twins/d", "{\"tags\":{\"site\":\"south\"}}", "\"*\""), 200);
    member("tags.site", value);
    assert_string_equal(value, "south");
    assert_int_equal(call("PATCH", "/twins/d", "{\"tags\":{\"a b\":1}}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;tags.a b:");
    assert_int_equal(call("PATCH", "/twins/d", "{"), 400);
    assert_int_equal(call("PUT", "/twins/d", "{\"tags\":{},\"properties\":{\"desired\":{}}}"), 200);
    assert_int_equal(call("GET", "/twins/nobody", ""), 404);
    assert_int_equal(call("GET", "/twins/d/modules/nobody", ""), 404);
    message_begins("ErrorCode:ModuleNotFound;");
}

/* ---- direct methods ---- */

/* A device that is connected, and answers every method at once. */
static struct {
    struct heads_session session;
    struct hub_device *device;
    struct heads_attendance *here;
    struct buffer seen; /* name and payload of the last call */
    struct slice answer;
} robot;

static void on_method(struct heads_session *s, uint64_t rid, struct slice name,
                      struct slice payload)
{
    (void)s;
    buffer_reset(&robot.seen);
    buffer_printf(&robot.seen, "%.*s %.*s", SLICE_FMT(name), SLICE_FMT(payload));
    if (robot.answer.at)
        hub_device_method_reply(robot.device, rid, 207, robot.answer);
}

static void on_close(struct heads_session *s, enum status why)
{
    (void)s;
    (void)why;
}

static const struct heads_session_ops robot_ops = {.method = on_method, .close = on_close};

static void connect_robot(const char *answer)
{
    struct heads_identity fields = {.id = {.device = SLICE("robot")}, .enabled = true};
    const struct heads_identity *identity = heads_identity_new(&fields);
    robot.session = (struct heads_session){.ops = &robot_ops, .loop = house.loop};
    robot.answer = slice_of(answer);
    robot.device = hub_device_get(&house.hub.loops[0], fields.id);
    robot.here = heads_attendance_begin(&robot.device->place, &robot.session, identity, "", 0);
    heads_attendance_subscribe(robot.here, HEADS_METHODS, true);
    heads_identity_unref(&identity);
}

static void disconnect_robot(void)
{
    heads_attendance_end(robot.here);
    hub_device_unref(&robot.device);
    buffer_clear(&robot.seen);
}

static void a_method_goes_to_the_device_and_its_answer_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *body, *seen, *answer, *want;
    } cases[] = {
        {"{\"methodName\":\"go\",\"payload\":{\"k1\":\"v1\"}}", "go {\"k1\":\"v1\"}", "{\"a\":[1]}",
         "{\"status\":207,\"payload\":{\"a\":[1]}}"},
        {"{\"methodName\":\"go\",\"payload\":null}", "go null", "null",
         "{\"status\":207,\"payload\":null}"},
        {"{\"methodName\":\"go\",\"payload\":\"\"}", "go \"\"", "\"\"",
         "{\"status\":207,\"payload\":\"\"}"},
        {"{\"methodName\":\"go\",\"payload\":\"foo\"}", "go \"foo\"", "\"foo\"",
         "{\"status\":207,\"payload\":\"foo\"}"},
        {"{\"methodName\":\"go\",\"connectTimeoutInSeconds\":5,\"responseTimeoutInSeconds\":300}",
         "go ", "", "{\"status\":207,\"payload\":null}"},
    };
    assert_int_equal(call("PUT", "/devices/robot", "{}"), 200);
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        connect_robot(cases[n].answer);
        assert_int_equal(call("POST", "/twins/robot/methods", cases[n].body), 200);
        assert_slice(buffer_slice(&robot.seen), slice_of(cases[n].seen));
        assert_slice(buffer_slice(&house.body), slice_of(cases[n].want));
        disconnect_robot();
    }
    connect_robot("no json");
    assert_int_equal(call("POST", "/twins/robot/methods", "{\"methodName\":\"go\"}"), 502);
    disconnect_robot();
}

static void a_device_that_does_not_listen_is_offline(void **state)
{
    (void)state;
    char text[256];
    assert_int_equal(call("PUT", "/devices/robot", "{}"), 200);
    assert_int_equal(call("POST", "/twins/robot/methods", "{\"methodName\":\"go\"}"), 404);
    message_begins("{\"errorCode\":404103,");
    member("ExceptionMessage", text);
    assert_string_equal(text, "");
    assert_slice(buffer_slice(&house.code), SLICE("DeviceNotOnline"));
    connect_robot("1");
    heads_attendance_subscribe(robot.here, HEADS_METHODS, false); /* connected alone is not enough */
    assert_int_equal(call("POST", "/twins/robot/methods", "{\"methodName\":\"go\"}"), 404);
    message_begins("{\"errorCode\":404103,");
    disconnect_robot();
    assert_int_equal(call("POST", "/twins/nobody/methods", "{\"methodName\":\"go\"}"), 404);
    message_begins("ErrorCode:DeviceNotFound;");
    assert_int_equal(call("POST", "/twins/robot/modules/m/methods", "{\"methodName\":\"go\"}"),
                     404);
    message_begins("ErrorCode:ModuleNotFound;");
}

static void a_method_s_body_has_its_bounds(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"methodName\":\"\"}",
        "{\"methodName\":7}",
        "{\"methodName\":\"go\",\"responseTimeoutInSeconds\":4}",
        "{\"methodName\":\"go\",\"responseTimeoutInSeconds\":301}",
        "{\"methodName\":\"go\",\"responseTimeoutInSeconds\":\"5\"}",
        "{\"methodName\":\"go\",\"responseTimeoutInSeconds\":18446744073709551615}",
        "{\"methodName\":\"go\",\"connectTimeoutInSeconds\":-1}",
        "{\"methodName\":\"go\",\"connectTimeoutInSeconds\":301}",
    };
    assert_int_equal(call("PUT", "/devices/robot", "{}"), 200);
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        assert_int_equal(call("POST", "/twins/robot/methods", bad[n]), 400);
        message_begins("ErrorCode:ArgumentInvalid;");
    }
    struct buffer large = {0};
    buffer_printf(&large, "{\"methodName\":\"go\",\"payload\":\"%0*d\"}",
                  (int)house.hub.limits.method_bytes, 1);
    assert_int_equal(call("POST", "/twins/robot/methods", buffer_cstr(&large)), 400);
    buffer_clear(&large);
}

/* ---- scheduled jobs ---- */

static void a_job_is_made_read_listed_and_cancelled(void **state)
{
    (void)state;
    char status[256];
    static const char job[] = "{\"jobId\":\"j\",\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\","
                              "\"updateTwin\":{\"tags\":{\"x\":1}},\"startTime\":\"2090-01-01T00:00:00Z\"}";
    assert_int_equal(call("PUT", "/jobs/v2/j", job), 200);
    member("status", status);
    assert_string_equal(status, "queued");
    assert_int_equal(call("PUT", "/jobs/v2/j", job), 409);
    message_begins("ErrorCode:JobAlreadyExists;");
    assert_int_equal(call("GET", "/jobs/v2/j", ""), 200);
    assert_int_equal(call("GET", "/jobs/v2/none", ""), 404);
    message_begins("ErrorCode:JobNotFound;");
    assert_int_equal(call("GET", "/jobs/v2/query?jobType=scheduleUpdateTwin&jobStatus=queued", ""), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "[{\"jobId\":\"j\""));
    assert_slice(buffer_slice(&house.item_type), SLICE("JobResponse"));
    assert_int_equal(call("GET", "/jobs/v2/query?jobStatus=melted", ""), 400);
    assert_int_equal(call("POST", "/jobs/v2/j/cancel", ""), 200);
    member("status", status);
    assert_string_equal(status, "cancelled");
    assert_int_equal(call("POST", "/jobs/v2/none/cancel", ""), 404);
    assert_int_equal(call("PUT", "/jobs/v2/k", "{\"type\":\"nothing\"}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;type must be");
    for (int i = 0; i < 3; i++) /* what jobs ask of the registry is answered before this is */
        assert_int_equal(call("GET", "/jobs/v2/j", ""), 200);
}

/* ---- queries ---- */

static int query_page(const char *text, const char *count, struct slice continuation)
{
    char body[512];
    snprintf(body, sizeof(body), "{\"query\":\"%s\"}", text);
    page_headers[0] = (struct rest_field){SLICE("x-ms-max-item-count"), slice_of(count)};
    page_headers[1] = (struct rest_field){SLICE("x-ms-continuation"), continuation};
    call("POST", "/devices/query", body);
    page_headers[0] = page_headers[1] = (struct rest_field){0};
    return house.status;
}

static void a_query_is_answered_in_pages(void **state)
{
    (void)state;
    char next[256];
    for (int n = 0; n < 3; n++) {
        char path[32];
        snprintf(path, sizeof(path), "/devices/d%d", n);
        assert_int_equal(call("PUT", path, "{}"), 200);
    }
    assert_int_equal(query_page("SELECT deviceId FROM devices", "2", (struct slice){0}), 200);
    assert_slice(buffer_slice(&house.body), SLICE("[{\"deviceId\":\"d0\"},{\"deviceId\":\"d1\"}]"));
    assert_slice(buffer_slice(&house.item_type), SLICE("Raw"));
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(query_page("SELECT deviceId FROM devices", "2", slice_of(next)), 200);
    assert_slice(buffer_slice(&house.body), SLICE("[{\"deviceId\":\"d2\"}]"));
    assert_int_equal(house.continuation.len, 0);
    assert_int_equal(query_page("SELECT * FROM devices", NULL, (struct slice){0}), 200);
    assert_slice(buffer_slice(&house.item_type), SLICE("Twin"));
}

static void a_query_that_cannot_be_read_says_where(void **state)
{
    (void)state;
    assert_int_equal(query_page("SELECT * FROM twins", NULL, (struct slice){0}), 400);
    assert_slice(buffer_slice(&house.code), SLICE("ArgumentInvalid"));
    message_begins("ErrorCode:ArgumentInvalid;position 15: expected devices");
    assert_int_equal(query_page("SELECT * FROM devices", "none", (struct slice){0}), 400);
    assert_int_equal(query_page("SELECT * FROM devices", "0", (struct slice){0}), 400);
    assert_int_equal(query_page("SELECT * FROM devices", NULL, SLICE("x")), 400);
    assert_int_equal(call("POST", "/devices/query", "{}"), 400);
    assert_int_equal(call("POST", "/devices/query", "not JSON"), 400);
    assert_int_equal(call("POST", "/devices/query", "{\"query\":5}"), 400);
}

/* ---- messages to devices ---- */

static void on_sent(void *arg, enum status s, const char *why)
{
    (void)arg;
    (void)why;
    assert_int_equal(s, OK);
    loop_stop(house.loop);
}

static void send_some(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c2d_send(house.hub.registry, house.loop, SLICE("d"),
                 &(struct iot_message){.message_id = SLICE("m")}, C2D_ACK_FULL, on_sent, NULL);
        loop_run(house.loop);
    }
}

static void a_queue_is_purged(void **state)
{
    (void)state;
    assert_int_equal(call("DELETE", "/devices/d/commands", NULL), 404);
    assert_slice(buffer_slice(&house.code), SLICE("DeviceNotFound"));
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    send_some(3);
    assert_int_equal(call("DELETE", "/devices/d/commands", NULL), 200);
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"totalMessagesPurged\":3,\"deviceId\":\"d\",\"moduleId\":null}"));
    assert_int_equal(call("DELETE", "/devices/d/commands", NULL), 200);
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"totalMessagesPurged\":0,\"deviceId\":\"d\",\"moduleId\":null}"));
}

/* What to do with the batch whose lock is the last answer's ETag. */
static int settle_feedback(const char *method, const char *lock, const char *end)
{
    char path[128];
    snprintf(path, sizeof(path), "/messages/servicebound/feedback/%s%s", lock, end);
    return call(method, path, NULL);
}

static void feedback_is_locked_until_it_is_completed(void **state)
{
    (void)state;
    char lock[C2D_LOCK_LEN + 1] = "";
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 204);
    for (unsigned left = C2D_FEEDBACK_RECORDS_MAX; left; left -= left < 32 ? left : 32) {
        send_some(32);
        assert_int_equal(call("DELETE", "/devices/d/commands", NULL), 200);
    }
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 200);
    assert_true(slice_starts(buffer_slice(&house.body), SLICE("[{\"originalMessageId\":\"m\"")));
    assert_int_equal(house.etag.len, C2D_LOCK_LEN + 2); /* in quotes */
    memcpy(lock, house.etag.at + 1, C2D_LOCK_LEN);
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 204);
    assert_int_equal(settle_feedback("POST", lock, "/abandon"), 204);
    assert_int_equal(settle_feedback("DELETE", lock, ""), 412);
    assert_slice(buffer_slice(&house.code), SLICE("DeviceMessageLockLost"));
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 200);
    memcpy(lock, house.etag.at + 1, C2D_LOCK_LEN);
    assert_int_equal(settle_feedback("DELETE", lock, ""), 204);
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 204);
}

/* ---- modules that call as themselves ---- */

static int call_as(const char *caller, const char *method, const char *path)
{
    page_headers[0] = (struct rest_field){SLICE("x-ms-edge-moduleId"), slice_of(caller)};
    int status = call_with(buffer_cstr(&house.token), method, path, "{\"methodName\":\"go\"}", NULL);
    page_headers[0] = (struct rest_field){0};
    return status;
}

/* Whoever may is told that the device is not connected. */
static void a_module_calls_what_it_reaches_and_nothing_else(void **state)
{
    (void)state;
    char key[256], scope[256], child[512];
    assert_int_equal(call("PUT", "/devices/e", "{\"capabilities\":{\"iotEdge\":true}}"), 200);
    member("deviceScope", scope);
    snprintf(child, sizeof(child), "{\"deviceScope\":\"%s\"}", scope);
    assert_int_equal(call("PUT", "/devices/child", child), 200);
    assert_int_equal(call("PUT", "/devices/stranger", "{}"), 200);
    assert_true(call("PUT", "/devices/e/modules/m", "{}") < 300);
    member("authentication.symmetricKey.primaryKey", key);
    buffer_reset(&house.token);
    assert_int_equal(sas_make(SLICE("127.0.0.1/devices/e/modules/m"), slice_of(key), SLICE(""),
                              clock_wall_ms() + 3600000, &house.token),
                     OK);
    assert_int_equal(call_as("e/m", "POST", "/twins/e/methods"), 404);
    assert_slice(buffer_slice(&house.code), SLICE("DeviceNotOnline"));
    assert_int_equal(call_as("e/m", "POST", "/twins/e/modules/other/methods"), 404);
    assert_slice(buffer_slice(&house.code), SLICE("ModuleNotFound"));
    assert_int_equal(call_as("e/m", "POST", "/twins/child/methods"), 404);
    assert_slice(buffer_slice(&house.code), SLICE("DeviceNotOnline"));
    assert_int_equal(call_as("e/m", "POST", "/twins/stranger/methods"), 401);
    assert_int_equal(call_as("e/m", "POST", "/twins/nobody/methods"), 401);
    assert_int_equal(call_as("e/other", "POST", "/twins/e/methods"), 401);
    assert_int_equal(call_as("stranger", "POST", "/twins/stranger/methods"), 401);
    assert_int_equal(call_as("e/m/x", "POST", "/twins/e/methods"), 401);
    assert_int_equal(call_as("e/m", "GET", "/devices/e"), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(twins_are_patched_with_the_etag_in_quotes),
        TEST(a_method_goes_to_the_device_and_its_answer_comes_back),
        TEST(a_device_that_does_not_listen_is_offline),
        TEST(a_method_s_body_has_its_bounds),
        TEST(a_job_is_made_read_listed_and_cancelled),
        TEST(a_query_is_answered_in_pages),
        TEST(a_query_that_cannot_be_read_says_where),
        TEST(a_queue_is_purged),
        TEST(feedback_is_locked_until_it_is_completed),
        TEST(a_module_calls_what_it_reaches_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
