/* The service REST over a real socket: who may call, what is answered, and how errors look. */
#include "hub/rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "hub/hub_rig.h"
#include "hub/device.h"
#include "hub/jobs.h"
#include "hub/messages.h"
#include "hub/methods.h"
#include "rest/client.h"
#include "token/sas.h"
#include "json/json.h"

static const char *const names[] = {"127.0.0.1", "hub.example", NULL};

static struct {
    struct hub hub;
    struct loop *loop;
    struct rest_server *server;
    struct rest_client *client;
    struct listener *listener;
    struct buffer token;
    /* The last answer. */
    int status;
    struct buffer body, etag, code, item_type, continuation;
} house;

/* ---- the house ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void start_server(void)
{
    struct rest_table tables[HUB_REST_TABLES_MAX];
    size_t count = hub_rest_tables(tables);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = tables,
                                                                .table_count = count,
                                                                .app = &house.hub,
                                                                .authorize = hub_rest_authorize,
                                                                .refuse = hub_rest_refuse});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
}

static int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    hub_rig_begin(hub, house.loop, names);
    hub->policies = hub_policies_random();
    assert_int_equal(
        hub_registry_open(":memory:", &hub->limits, &(struct hub_registry_events){0}, &hub->registry), OK);
    hub->jobs = hub_jobs_new(hub);
    start_server();
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    return 0;
}

static int finish(void **state)
{
    (void)state;
    hub_rig_forget_the_active(&house.hub);
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    hub_jobs_free(&house.hub.jobs);
    hub_registry_close(&house.hub.registry);
    loop_free(&house.loop);
    policies_free(&house.hub.policies);
    map_clear(&house.hub.loops[0].devices);
    struct buffer *all[] = {&house.token, &house.body,      &house.etag,
                            &house.code,  &house.item_type, &house.continuation};
    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        buffer_clear(all[n]);
    memset(&house, 0, sizeof(house));
    return 0;
}

/* ---- calling ---- */

static void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.status = a->status;
    keep(&house.body, a->body);
    keep(&house.etag, rest_answer_header(a, "ETag"));
    keep(&house.code, rest_answer_header(a, "iothub-errorcode"));
    keep(&house.item_type, rest_answer_header(a, "x-ms-item-type"));
    keep(&house.continuation, rest_answer_header(a, "x-ms-continuation"));
    loop_stop(house.loop);
}

/* More headers, for queries; a name without a value is left out. */
static struct rest_field page_headers[2];

static int call_with(const char *token, const char *method, const char *path, const char *body,
                     const char *if_match)
{
    char url[512];
    struct rest_field headers[4];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        if (page_headers[i].value.len)
            headers[count++] = page_headers[i];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    if (token)
        headers[count++] = (struct rest_field){SLICE("Authorization"), slice_of(token)};
    if (if_match)
        headers[count++] = (struct rest_field){SLICE("If-Match"), slice_of(if_match)};
    assert_int_equal(rest_client_send(house.client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = headers,
                                                          .header_count = count,
                                                          .body = slice_of(body)},
                                      on_answer, NULL),
                     OK);
    loop_run(house.loop);
    return house.status;
}

/* A token of a policy, for `resource`, with `key` instead of the policy's when it is given. */
static const char *token_of(const char *policy, const char *resource, struct slice key,
                            uint64_t expires_ms)
{
    buffer_reset(&house.token);
    if (key.len == 0)
        key = policies_key(house.hub.policies, slice_of(policy), false);
    assert_int_equal(sas_make(slice_of(resource), key, slice_of(policy), expires_ms, &house.token),
                     OK);
    return buffer_cstr(&house.token);
}

static const char *good(const char *policy)
{
    return token_of(policy, "127.0.0.1", (struct slice){0}, clock_wall_ms() + 3600000);
}

static int call(const char *method, const char *path, const char *body)
{
    return call_with(good("iothubowner"), method, path, body, NULL);
}

static int call_if(const char *method, const char *path, const char *body, const char *if_match)
{
    return call_with(good("iothubowner"), method, path, body, if_match);
}

/* A text in the last answer by its path. */
static void member(const char *path, char out[256])
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.body), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_root(doc);
    struct slice rest = slice_of(path), name;
    while (slice_split(&rest, '.', &name))
        v = json_get_slice(v, name);
    snprintf(out, 256, "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
}

static void message_begins(const char *want)
{
    char text[256];
    member("Message", text);
    if (strncmp(text, want, strlen(want)) != 0)
        fail_msg("'%s' does not begin with '%s'", text, want);
}

/* ---- who may call ---- */

/* Calls fn for every route, with names put in its path. */
static void each_route(void (*fn)(const struct rest_route *r, const char *path))
{
    struct rest_table tables[HUB_REST_TABLES_MAX];
    size_t count = hub_rest_tables(tables);
    for (size_t t = 0; t < count; t++) {
        for (size_t n = 0; n < tables[t].count; n++) {
            const struct rest_route *r = &tables[t].routes[n];
            struct buffer path = {0};
            struct slice rest = slice_of(r->path), part;
            for (slice_split(&rest, '/', &part); slice_split(&rest, '/', &part);)
                buffer_printf(&path, "/%.*s",
                              SLICE_FMT(part.at[0] == '{' ? SLICE("nobody") : part));
            fn(r, buffer_cstr(&path));
            buffer_clear(&path);
        }
    }
}

static void is_refused(const struct rest_route *r, const char *path, const char *token,
                       const char *what)
{
    /* What a device signs in for is read first. */
    const char *body = r->access == REST_PUBLIC ? "{\"blobName\":\"b\",\"correlationId\":\"c\",\"isSuccess\":true}" : "{}";
    if (call_with(token, r->method, path, body, NULL) != 401)
        fail_msg("%s %s with %s: %d", r->method, path, what, house.status);
    assert_true(house.code.len > 0);
    message_begins("ErrorCode:");
}

static void try_bad_tokens(const struct rest_route *r, const char *path)
{
    uint64_t later = clock_wall_ms() + 3600000, before = clock_wall_ms() - SAS_SKEW_MS - 2000;
    struct slice own = {0};
    is_refused(r, path, NULL, "no token");
    is_refused(r, path, "garbage", "garbage");
    is_refused(r, path, "Bearer abc", "a bearer token");
    is_refused(r, path, "SharedAccessSignature sr=127.0.0.1&sig=&se=9999999999&skn=iothubowner",
               "no signature");
    is_refused(r, path, "SharedAccessSignature sr=127.0.0.1&sig=AAAA&se=9999999999&skn=iothubowner",
               "a forged one");
    is_refused(r, path,
               token_of("iothubowner", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "another key");
    is_refused(r, path,
               token_of("nobody", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "another policy");
    is_refused(r, path, token_of("iothubowner", "127.0.0.1", own, before), "an expired one");
    is_refused(r, path, token_of("iothubowner", "evil.example", own, later), "another hub's");
    is_refused(r, path, token_of("iothubowner", "127.0.0.1/devices/other", own, later),
               "another device's");
    is_refused(r, path, token_of("", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "no policy");
}

static void no_route_is_served_without_a_good_token(void **state)
{
    (void)state;
    each_route(try_bad_tokens);
}

static void try_policies(const struct rest_route *r, const char *path)
{
    static const struct {
        const char *name;
        bool read, write, service;
    } policies[] = {
        {"iothubowner", true, true, true},        {"service", false, false, true},
        {"device", false, false, false},          {"registryRead", true, false, false},
        {"registryReadWrite", true, true, false},
    };
    if (r->access == REST_DEVICE || r->access == REST_PUBLIC) /* no policy's: a device's, or the handler asks */
        return;
    if (strncmp(path, "/routing", 8) == 0) /* there is no router in this house */
        return;
    for (size_t n = 0; n < sizeof(policies) / sizeof(policies[0]); n++) {
        bool may = r->access == REST_READ    ? policies[n].read
                   : r->access == REST_WRITE ? policies[n].write
                                             : policies[n].service;
        int status = call_with(good(policies[n].name), r->method, path, "{}", NULL);
        if ((status != 401) != may)
            fail_msg("%s %s with policy %s: %d", r->method, path, policies[n].name, status);
    }
}

static void a_policy_grants_what_its_permissions_say(void **state)
{
    (void)state;
    each_route(try_policies);
}

/* ---- identities ---- */

static void a_device_is_made_read_changed_listed_and_deleted(void **state)
{
    (void)state;
    char etag[256], quoted[300];
    assert_int_equal(
        call("PUT", "/devices/plc-1?api-version=2021-04-12",
             "{\"deviceId\":\"plc-1\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
             "\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}"),
        200);
    member("etag", etag);
    snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
    assert_slice(buffer_slice(&house.etag), slice_of(quoted));
    assert_int_equal(call("PUT", "/devices/plc-1", "{\"deviceId\":\"plc-1\"}"), 409);
    message_begins("ErrorCode:DeviceAlreadyExists;");
    assert_int_equal(call_if("PUT", "/devices/plc-1", "{\"status\":\"disabled\"}", quoted), 200);
    assert_int_equal(call_if("PUT", "/devices/plc-1", "{\"status\":\"enabled\"}", quoted), 412);
    message_begins("ErrorCode:PreconditionFailed;");
    assert_slice(buffer_slice(&house.code), SLICE("PreconditionFailed"));
    assert_int_equal(call("GET", "/devices/?api-version=2021-04-12&top=5", ""), 200);
    assert_int_equal(call("GET", "/devices?top=0", ""), 400);
    assert_int_equal(call("GET", "/statistics/devices", ""), 200);
    assert_slice(
        buffer_slice(&house.body),
        SLICE("{\"totalDeviceCount\":1,\"enabledDeviceCount\":0,\"disabledDeviceCount\":1}"));
    assert_int_equal(call_if("DELETE", "/devices/plc-1", "", "\"*\""), 204);
    assert_int_equal(call("GET", "/devices/plc-1", ""), 404);
    message_begins("ErrorCode:DeviceNotFound;");
}

static void ids_are_percent_encoded_and_have_their_letters(void **state)
{
    (void)state;
    char id[256];
    assert_int_equal(call("PUT", "/devices/a%24b%2Bc%23", "{}"), 200);
    member("deviceId", id);
    assert_string_equal(id, "a$b+c#");
    assert_int_equal(call("GET", "/devices/a%24b%2bc%23", ""), 200);
    assert_int_equal(call("PUT", "/devices/invalid%2Fname", "{}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;");
    assert_int_equal(call("GET", "/nothing/here", ""), 404);
    message_begins("ErrorCode:GenericNotFound;");
    assert_int_equal(call("PATCH", "/devices/d", "{}"), 405);
    message_begins("ErrorCode:GenericMethodNotAllowed;");
    assert_slice(buffer_slice(&house.code), SLICE("GenericMethodNotAllowed"));
}

static void modules_have_their_own_errors(void **state)
{
    (void)state;
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    assert_int_equal(call("GET", "/devices/d/modules/m", ""), 404);
    message_begins("ErrorCode:ModuleNotFound;");
    assert_int_equal(call("PUT", "/devices/d/modules/m", "{\"deviceId\":\"d\",\"moduleId\":\"m\"}"),
                     200);
    assert_int_equal(call("PUT", "/devices/d/modules/m", "{}"), 409);
    message_begins("ErrorCode:ModuleAlreadyExistsOnDevice;");
    assert_int_equal(call("GET", "/devices/d/modules", ""), 200);
    assert_int_equal(call("DELETE", "/devices/d/modules/m", ""), 204);
}

/* ---- many at once ---- */

static void every_item_of_a_bulk_has_a_result_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(call("POST", "/devices",
                          "[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"b\"},"
                          "{\"id\":\"b\",\"moduleId\":\"m\"}]"),
                     200);
    assert_slice(buffer_slice(&house.body), SLICE("{\"isSuccessful\":true,\"errors\":[],\"warnings\":[]}"));
    assert_int_equal(call("GET", "/devices/b/modules/m", NULL), 200);
    assert_int_equal(call("POST", "/devices",
                          "[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"c\",\"importMode\":\"create\"},"
                          "{\"id\":\"b\",\"moduleId\":\"n\",\"importMode\":\"delete\"},"
                          "{\"id\":\"d\",\"importMode\":\"create\",\"tags\":{\"$x\":1}}]"),
                     400);
    assert_slice(buffer_slice(&house.code), SLICE("BulkRegistryOperationFailure"));
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"isSuccessful\":false,\"errors\":["
                       "{\"deviceId\":\"a\",\"errorCode\":\"DeviceAlreadyExists\",\"errorStatus\":\"it exists already\","
                       "\"operation\":\"create\"},"
                       "{\"deviceId\":\"b\",\"moduleId\":\"n\",\"errorCode\":\"ModuleNotFound\","
                       "\"errorStatus\":\"there is no such identity\",\"operation\":\"delete\"}],"
                       "\"warnings\":[{\"deviceId\":\"d\",\"warningCode\":\"DeviceRegisteredWithoutTwin\","
                       "\"warningStatus\":\"tags.$x: a name must not contain '.', '$', blanks or control "
                       "characters\"}]}"));
    assert_int_equal(call("GET", "/devices/c", NULL), 200); /* the others were not held up */
}

static void a_bulk_has_its_bounds(void **state)
{
    (void)state;
    house.hub.limits.bulk_items = 2;
    assert_int_equal(call("POST", "/devices", "[]"), 400);
    assert_int_equal(call("POST", "/devices", "{}"), 400);
    message_begins("ErrorCode:IotHubFormatError;");
    assert_int_equal(call("POST", "/devices", "[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]"), 400);
    message_begins("ErrorCode:ArgumentInvalid;there must be 1 to 2");
    assert_int_equal(call("GET", "/devices/a", NULL), 404);
    assert_int_equal(call("POST", "/devices", "[{\"id\":\"a\"},{\"id\":\"a\"}]"), 400);
    assert_non_null(strstr(buffer_cstr(&house.body), "DeviceDefinedMultipleTimes"));
    assert_int_equal(call("GET", "/devices/a", NULL), 200); /* the first of them */
    assert_int_equal(call("POST", "/devices", "[7,{\"id\":\"a/b\"}]"), 400);
    assert_non_null(strstr(buffer_cstr(&house.body), "IotHubFormatError"));
    assert_non_null(strstr(buffer_cstr(&house.body), "ArgumentInvalid"));
}

/* ---- import and export jobs ---- */

static void an_export_is_enqueued_read_listed_and_cancelled(void **state)
{
    (void)state;
    char id[256], path[300];
    assert_int_equal(call("POST", "/jobs/create",
                          "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box?sas\","
                          "\"excludeKeysInExport\":true}"),
                     200);
    member("jobId", id);
    snprintf(path, sizeof(path), "/jobs/%s", id);
    assert_int_equal(call("GET", path, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"status\":\"enqueued\",\"progress\":0"));
    assert_int_equal(call("GET", "/jobs", NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), id));
    assert_int_equal(call("DELETE", path, NULL), 204);
    assert_int_equal(call("GET", path, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"status\":\"cancelled\""));
    assert_int_equal(call("GET", "/jobs/none", NULL), 404);
    message_begins("ErrorCode:JobNotFound;");
}

static void a_job_must_say_where_to(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"type\":\"copy\"}",
        "{\"type\":\"export\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"http://storage/box\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"file:///etc\"}",
        "{\"type\":\"import\",\"outputBlobContainerUri\":\"https://storage/box\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\",\"outputBlobName\":7}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\","
        "\"storageAuthenticationType\":\"identityBased\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\",\"configurationsBlobName\":7}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (call("POST", "/jobs/create", bad[i]) != 400)
            fail_msg("%s: %d", bad[i], house.status);
        message_begins("ErrorCode:ArgumentInvalid;");
    }
}

/* ---- certificates ---- */

static void certificates_have_their_own_errors(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/certificates", NULL), 200);
    assert_slice(buffer_slice(&house.body), SLICE("{\"value\":[]}"));
    assert_int_equal(call("GET", "/certificates/root", NULL), 404);
    message_begins("ErrorCode:CertificateNotFound;");
    assert_int_equal(call("PUT", "/certificates/root", "{\"properties\":{\"certificate\":\"x\"}}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;the certificate must be PEM");
}

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

/* ---- edges ---- */

static void key_of(const char *device, const char *module, char key[256])
{
    char path[256];
    snprintf(path, sizeof(path), "/devices/%s/modules/%s", device, module);
    assert_int_equal(call("GET", path, ""), 200);
    member("authentication.symmetricKey.primaryKey", key);
}

static int scope_with(const char *key, const char *resource, const char *path)
{
    return call_with(token_of("", resource, slice_of(key), clock_wall_ms() + 3600000), "GET", path,
                     "", NULL);
}

static void an_edge_asks_for_its_scope_with_the_key_of_its_hub(void **state)
{
    (void)state;
#define LIST                                                                                       \
    "/devices/edge/modules/$edgeHub/"                                                              \
    "devicesAndModulesInDeviceScope?deviceCount=1&continuationToken=&api-version=2018-08-30-"      \
    "preview"
    char scope[256], body[300], key[256], other[256], link[256];
    assert_int_equal(call("PUT", "/devices/edge", "{\"capabilities\":{\"iotEdge\":true}}"), 200);
    member("deviceScope", scope);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", scope);
    assert_int_equal(call("PUT", "/devices/leaf", body), 200);
    assert_int_equal(call("PUT", "/devices/stranger", "{}"), 200);
    key_of("edge", "$edgeHub", key);
    key_of("edge", "$edgeAgent", other);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", LIST), 200);
    member("continuationLink", link);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", link), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"deviceId\":\"leaf\""));
    member("continuationLink", link);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", link), 200);
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"devices\":[],\"modules\":[],\"continuationLink\":null}"));
    assert_int_equal(scope_with(other, "127.0.0.1/devices/edge/modules/%24edgeAgent", LIST), 401);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/other", LIST), 401);
#define ONE                                                                                        \
    "/devices/edge/modules/$edgeHub/deviceAndModuleInDeviceScope?targetModuleId=&targetDeviceId="
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", ONE "leaf"), 200);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", ONE "stranger"),
                     404);
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
        hub_message_send(house.hub.registry, house.loop, SLICE("d"),
                         &(struct iot_message){.message_id = SLICE("m")}, HUB_ACK_FULL, on_sent, NULL);
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
    char lock[HUB_LOCK_LEN + 1] = "";
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 204);
    for (unsigned left = HUB_FEEDBACK_RECORDS_MAX; left; left -= left < 32 ? left : 32) {
        send_some(32);
        assert_int_equal(call("DELETE", "/devices/d/commands", NULL), 200);
    }
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 200);
    assert_true(slice_starts(buffer_slice(&house.body), SLICE("[{\"originalMessageId\":\"m\"")));
    assert_int_equal(house.etag.len, HUB_LOCK_LEN + 2); /* in quotes */
    memcpy(lock, house.etag.at + 1, HUB_LOCK_LEN);
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 204);
    assert_int_equal(settle_feedback("POST", lock, "/abandon"), 204);
    assert_int_equal(settle_feedback("DELETE", lock, ""), 412);
    assert_slice(buffer_slice(&house.code), SLICE("DeviceMessageLockLost"));
    assert_int_equal(call("GET", "/messages/serviceBound/feedback", NULL), 200);
    memcpy(lock, house.etag.at + 1, HUB_LOCK_LEN);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_route_is_served_without_a_good_token),
        TEST(a_policy_grants_what_its_permissions_say),
        TEST(a_device_is_made_read_changed_listed_and_deleted),
        TEST(ids_are_percent_encoded_and_have_their_letters),
        TEST(modules_have_their_own_errors),
        TEST(every_item_of_a_bulk_has_a_result_of_its_own),
        TEST(a_bulk_has_its_bounds),
        TEST(an_export_is_enqueued_read_listed_and_cancelled),
        TEST(a_job_must_say_where_to),
        TEST(certificates_have_their_own_errors),
        TEST(twins_are_patched_with_the_etag_in_quotes),
        TEST(a_method_goes_to_the_device_and_its_answer_comes_back),
        TEST(a_device_that_does_not_listen_is_offline),
        TEST(a_method_s_body_has_its_bounds),
        TEST(an_edge_asks_for_its_scope_with_the_key_of_its_hub),
        TEST(a_job_is_made_read_listed_and_cancelled),
        TEST(a_query_is_answered_in_pages),
        TEST(a_query_that_cannot_be_read_says_where),
        TEST(a_queue_is_purged),
        TEST(feedback_is_locked_until_it_is_completed),
        TEST(a_module_calls_what_it_reaches_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
