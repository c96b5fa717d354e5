/* The REST APIs over real sockets: a caller, the services, and a hub that is a route table. */
#include "services/routes_rig.h"

/* ---- the registry ---- */

static void shows_applications_and_endpoints(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/registry/v2/applications", ""), 200);
    expect("items 0 applicationId", house.application);
    assert_int_equal(call("GET", path_of("/registry/v2/applications/%s", house.application), ""),
                     200);
    expect("endpoints 0 id", house.endpoint);
    assert_int_equal(call("GET", "/registry/v2/endpoints?pageSize=5", ""), 200);
    expect("items 0 registration id", house.endpoint);
    assert_int_equal(
        call("GET", "/registry/v2/endpoints/query?securityMode=sign&activated=false", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 1);
    assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"activated\":true}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0);
    assert_int_equal(call("GET", "/registry/v2/applications/sites", ""), 200);
    expect("sites 0", "edge");
}

static void changes_applications_and_endpoints(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "/registry/v2/applications/%s", house.application);
    assert_int_equal(call("PATCH", path, "{\"applicationName\":\"New\"}"), 200);
    assert_int_equal(call("GET", path, ""), 200);
    expect("application applicationName", "New");
    expect("application updated authorityId", "tester");
    assert_int_equal(
        call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
    assert_int_equal(call("GET", path_of("/registry/v2/endpoints/%s", house.endpoint), ""), 200);
    expect("activationState", "Activated");
    assert_int_equal(
        call("POST", path_of("/registry/v2/applications/%s/disable", house.application), ""), 200);
    assert_int_equal(
        call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 403);
    assert_int_equal(call("DELETE", "/registry/v2/applications?notSeenFor=1.00:00:00", ""), 200);
    assert_int_equal(call("GET", path, ""), 200);
    assert_int_equal(call("DELETE", "/registry/v2/applications", ""), 200);
    assert_int_equal(call("GET", path, ""), 404);
    expect("title", "Not Found");
    assert_int_equal(call("PUT", "/registry/v2/applications", "{\"applicationUri\":\"urn:h\"}"),
                     200);
    assert_int_equal(call("PUT", "/registry/v2/applications", "{\"applicationUri\":\"urn:h\"}"),
                     409);
}

static void refuses_bad_requests(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
        const char *detail;
    } rows[] = {
        {"PUT", "/registry/v2/applications", "{}", "applicationUri: is missing"},
        {"PUT", "/registry/v2/applications", "{", NULL},
        {"PUT", "/registry/v2/applications", "", NULL},
        {"POST", "/registry/v2/applications/query", "{\"applicationType\":\"Robot\"}",
         "applicationType: not one of the words for it"},
        {"GET", "/registry/v2/applications?pageSize=none", "", "pageSize: not a whole number of 32 bits"},
        {"GET", "/registry/v2/endpoints/query?activated=maybe", "", "activated: not true or false"},
        {"GET", "/registry/v2/endpoints/query?url=a&url=b", "", "a parameter is there twice"},
        {"DELETE", "/registry/v2/applications?notSeenFor=yesterday", "", NULL},
        {"POST", "/registry/v2/applications", "{\"id\":\"x\"}", "discoveryUrl: is missing"},
        {"POST", "/registry/v2/applications/discover", "{\"discovery\":\"Deep\"}",
         "discovery: not one of the words for it"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(call(rows[i].method, rows[i].path, rows[i].body), 400);
        if (rows[i].detail)
            expect("detail", rows[i].detail);
    }
}

/* ---- discovery ---- */

static void a_discovery_goes_to_every_discoverer(void **state)
{
    (void)state;
    assert_int_equal(call("POST", "/registry/v2/applications/discover",
                          "{\"id\":\"d1\",\"discovery\":\"Fast\",\"configuration\":{"
                          "\"portRangesToScan\":\"4840\"}}"),
                     200);
    assert_int_equal(house.methods, 2);
    assert_string_equal(house.module, "discovery");
    expect_asked("methodName", "\"Discover_V2\"");
    expect_asked("payload", "{\"callId\":\"call-7\",\"id\":\"d1\",\"discovery\":\"Fast\","
                            "\"configuration\":{\"portRangesToScan\":\"4840\"}}");
    assert_int_equal(call("DELETE", "/registry/v2/applications/discover/d1", ""), 200);
    assert_int_equal(house.methods, 4);
    assert_int_equal(house.lookups, 1);
    expect_asked("methodName", "\"Cancel_V2\"");
    expect_asked("payload", "{\"callId\":\"call-7\",\"id\":\"d1\"}");
}

static void a_server_is_registered_by_its_url(void **state)
{
    (void)state;
    assert_int_equal(
        call("POST", "/registry/v2/applications",
             "{\"discoveryUrl\":\"opc.tcp://x\",\"activationFilter\":{\"securityMode\":\"Best\"}}"),
        200);
    expect_asked("payload", "{\"callId\":\"call-7\",\"id\":\"call-7\",\"discovery\":\"Off\","
                            "\"configuration\":{\"discoveryUrls\":[\"opc.tcp://"
                            "x\"],\"activationFilter\":{\"securityMode\":\"Best\"}}}");
}

static void says_when_no_discoverer_takes_it(void **state)
{
    (void)state;
    house.hub_status = 404;
    house.hub_answer = "{\"Message\":\"{\\\"errorCode\\\":404103}\"}";
    assert_int_equal(call("POST", "/registry/v2/applications/discover", "{}"), 502);
    house.hub_status = 200;
    house.hub_answer = "{\"status\":500,\"payload\":null}";
    assert_int_equal(call("POST", "/registry/v2/applications/discover", "{}"), 502);
    house.hub_answer = "{\"status\":400,\"payload\":null}";
    assert_int_equal(call("POST", "/registry/v2/applications/discover", "{}"), 400);
    house.hub_answer = "{\"status\":404,\"payload\":null}";
    assert_int_equal(call("DELETE", "/registry/v2/applications/discover/d1", ""), 404);
}

static void shows_gateways_and_their_modules(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/registry/v2/gateways", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 2);
    expect("items 0 id", "edge");
    assert_false(json_bool(in(answer.doc, "items 0 connected"), true));
    assert_int_equal(call("GET", "/registry/v2/gateways/edge2", ""), 200);
    expect("gateway id", "edge2");
    expect("modules discoverer id", "edge2_module_discovery");
    assert_null(in(answer.doc, "modules supervisor"));
    assert_int_equal(call("GET", "/registry/v2/discovery/query?connected=true", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 2);
    assert_int_equal(call("POST", "/registry/v2/discovery/query", "{\"connected\":false}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0);
    assert_int_equal(call("GET", "/registry/v2/discovery/edge_module_discovery", ""), 200);
    expect("id", "edge_module_discovery");
    assert_int_equal(call("GET", "/registry/v2/discovery/edge_module_$edgeHub", ""), 404);
    assert_int_equal(call("GET", "/registry/v2/supervisors", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0);
    assert_int_equal(call("GET", "/registry/v2/publishers/query?connected=perhaps", ""), 400);
    assert_int_equal(house.lookups, 1);
}

static void changes_twins_of_gateways_and_modules(void **state)
{
    (void)state;
    assert_int_equal(call("PATCH", "/registry/v2/gateways/edge2", "{\"siteId\":\"north\"}"), 200);
    assert_string_equal(house.device, "edge2");
    assert_string_equal(house.if_match, "\"e7\"");
    expect_asked("tags SiteId", "\"north\"");
    assert_int_equal(call("PATCH", "/registry/v2/gateways/no_edge", "{\"siteId\":\"north\"}"), 404);
    assert_int_equal(call("POST", "/registry/v2/discovery/edge_module_discovery?mode=fast",
                          "{\"portRangesToScan\":\"4840\",\"discoveryUrls\":[\"c\"]}"),
                     200);
    assert_string_equal(house.module, "discovery");
    expect_asked("properties desired", "{\"Discovery\":\"Fast\",\"PortRangesToScan\":\"4840\",\"DiscoveryUrls\":{\"0\":\"c\",\"1\":null}}");
    assert_int_equal(call("PATCH", "/registry/v2/discovery/edge_module_discovery", "{\"logLevel\":\"Debug\"}"), 200);
    expect_asked("properties desired", "{\"LogLevel\":\"Debug\"}");
    assert_int_equal(call("POST", "/registry/v2/discovery/edge_module_discovery?mode=Loud", ""), 400);
    assert_int_equal(call("POST", "/registry/v2/discovery/edge_module_discovery?mode=Off", "{\"maxPortProbes\":\"many\"}"), 400);
    assert_int_equal(call("PATCH", "/registry/v2/supervisors/edge_module_none", "{}"), 404);
    assert_int_equal(call("GET", "/registry/v2/discovery/query?siteId=plant", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 1);
    assert_int_equal(call("GET", "/registry/v2/discovery?pageSize=1", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 1);
    expect("continuationToken", "2");
    assert_int_equal(call("GET", "/registry/v2/discovery?pageSize=1&continuationToken=2", ""), 200);
    expect("items 0 id", "edge2_module_discovery");
    assert_null(in(answer.doc, "continuationToken"));
    assert_int_equal(call("GET", "/registry/v2/supervisors/edge_module_twin/status", ""), 200);
    expect("moduleId", "twin");
    assert_int_equal(json_count(in(answer.doc, "endpoints")), 0);
}

#define URLS(etag, list)                                                                           \
    "{\"deviceId\":\"edge\",\"moduleId\":\"discovery\",\"etag\":\"" etag                                \
    "\",\"properties\":{\"desired\":{\"DiscoveryUrls\":" list "}}}"

/* The list is shorter than what somebody else has just written: his are gone, too. */
static void a_change_is_of_what_is_there_now(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/registry/v2/discovery", ""), 200); /* the fleet is known */
    house.twin = URLS("1", "{\"0\":\"a\"}");
    house.overtaken = URLS("2", "{\"0\":\"p\",\"1\":\"q\",\"2\":\"r\"}");
    assert_int_equal(call("PATCH", "/registry/v2/discovery/edge_module_discovery",
                          "{\"discoveryConfig\":{\"discoveryUrls\":[\"x\"]}}"),
                     200);
    assert_string_equal(house.if_match, "\"2\"");
    expect_asked("properties desired DiscoveryUrls", "{\"0\":\"x\",\"1\":null,\"2\":null}");
}

/* ---- the twin ---- */

static void every_call_is_a_method_of_the_endpoints_module(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body, *name, *request;
    } rows[] = {
        {"POST", "/twin/v2/browse/%s", "{\"nodeId\":\"i=85\"}", "\"Browse_V2\"",
         "{\"nodeId\":\"i=85\"}"},
        {"GET", "/twin/v2/browse/%s?nodeId=i%%3D85", "", "\"Browse_V2\"",
         "{\"nodeId\":\"i=85\",\"targetNodesOnly\":true,\"readVariableValues\":true}"},
        {"POST", "/twin/v2/browse/%s/next", "{\"continuationToken\":\"c\"}", "\"BrowseNext_V2\"",
         "{\"continuationToken\":\"c\"}"},
        {"GET", "/twin/v2/browse/%s/next?continuationToken=c", "", "\"BrowseNext_V2\"",
         "{\"continuationToken\":\"c\",\"targetNodesOnly\":true,\"readVariableValues\":true}"},
        {"POST", "/twin/v2/browse/%s/path", "{\"browsePaths\":[[\"/Objects\"]]}",
         "\"BrowsePath_V2\"", "{\"browsePaths\":[[\"/Objects\"]]}"},
        {"POST", "/twin/v2/read/%s", "{\"nodeId\":\"i=1\"}", "\"ValueRead_V2\"",
         "{\"nodeId\":\"i=1\"}"},
        {"GET", "/twin/v2/read/%s?nodeId=http%%3A%%2F%%2Fx%%23s%%3Dy", "", "\"ValueRead_V2\"",
         "{\"nodeId\":\"http://x#s=y\"}"},
        {"POST", "/twin/v2/read/%s/attributes",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"Value\"}]}", "\"NodeRead_V2\"",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"Value\"}]}"},
        {"POST", "/twin/v2/write/%s", "{\"nodeId\":\"i=1\",\"value\":null}", "\"ValueWrite_V2\"",
         "{\"nodeId\":\"i=1\",\"value\":null}"},
        {"POST", "/twin/v2/write/%s/attributes",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"Value\",\"value\":1}]}",
         "\"NodeWrite_V2\"",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"Value\",\"value\":1}]}"},
        {"POST", "/twin/v2/call/%s/metadata", "{\"methodId\":\"i=2\"}", "\"MethodMetadata_V2\"",
         "{\"methodId\":\"i=2\"}"},
        {"POST", "/twin/v2/call/%s", "{\"methodId\":\"i=2\",\"arguments\":[{\"value\":1}]}",
         "\"MethodCall_V2\"", "{\"methodId\":\"i=2\",\"arguments\":[{\"value\":1}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(call(rows[i].method, path_of(rows[i].path, house.endpoint), rows[i].body),
                         200);
        int64_t value = 0;
        assert_true(json_i64(in(answer.doc, "value"), &value));
        assert_int_equal(value, 7);
        assert_string_equal(house.device, "edge");
        assert_string_equal(house.module, "twin");
        assert_string_equal(house.id, "call-7");
        expect_asked("methodName", rows[i].name);
        expect_asked("responseTimeoutInSeconds", "20");
        expect_asked("payload callId", "\"call-7\"");
        expect_asked("payload request", rows[i].request);
        expect_asked("payload connection endpoint",
                     "{\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"Sign\"}");
    }
    assert_int_equal(rest_metrics_get(house.services.metrics, METRIC_TWIN_CALLS), 12);
    assert_int_equal(rest_metrics_get(house.services.metrics, METRIC_TWIN_FAILED), 0);
}

static void failures_have_the_published_statuses(void **state)
{
    (void)state;
    static const struct {
        int hub_status;
        const char *answer;
        int want;
    } rows[] = {
        {200, "{\"status\":400,\"payload\":{\"title\":\"t\",\"detail\":\"no node\"}}", 400},
        {200, "{\"status\":408,\"payload\":{\"Message\":\"slow\"}}", 408},
        {200, "{\"status\":7,\"payload\":null}", 500},
        {404, "{\"Message\":\"{\\\"errorCode\\\":404103}\"}", 502},
        {504, "{}", 408},
        {429, "{}", 429},
        {401, "{}", 503},
        {500, "{}", 502},
        {200, "nonsense", 502},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        house.hub_status = rows[i].hub_status;
        house.hub_answer = rows[i].answer;
        assert_int_equal(read_now(), rows[i].want);
        if (i == 0)
            expect("detail", "no node");
        if (i == 1)
            expect("detail", "slow");
    }
    assert_int_equal(call("POST", "/twin/v2/read/uatnone", "{\"nodeId\":\"i=1\"}"), 404);
    assert_int_equal(call("GET", path_of("/twin/v2/read/%s", house.endpoint), ""), 400);
    assert_int_equal(call("POST", path_of("/twin/v2/write/%s", house.endpoint), "{}"), 400);
}

/* ---- who hangs up while the hub is asked ---- */

/* What the requests that nobody waits for make of the hub. */
struct done {
    int methods, changes;
};

static bool is_done(void *arg)
{
    const struct done *d = arg;
    return house.methods >= d->methods && house.changes >= d->changes;
}

static bool is_gone(void *arg)
{
    return *(bool *)arg;
}

static void on_gone(void *arg, enum status why)
{
    (void)why;
    *(bool *)arg = true;
}

static void on_nothing(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static bool has_no_connections(void *arg)
{
    (void)arg;
    return rest_server_connections(house.server) == 0;
}

/* What it asked, its body and its answer are its own until then, and gone afterwards; what was begun is done. */
static void who_hangs_up_meanwhile_does_no_harm(void **state)
{
    (void)state;
    static const struct {
        const char *line, *body;
        struct done more;
    } requests[] = {
        {"POST /registry/v2/gateways/query", "{\"siteId\":\"nowhere\"}", {0, 0}},
        {"POST /registry/v2/endpoints/query", "{\"connected\":true}", {0, 0}},
        {"GET /registry/v2/gateways/edge", "", {0, 0}},
        {"PATCH /registry/v2/gateways/edge", "{\"siteId\":\"n\"}", {0, 1}},
        {"PUT /registry/v2/endpoints", "{\"url\":\"opc.tcp://x\"}", {1, 0}},
    };
    struct done done = {0};
    struct buffer request = {0};
    static const struct stream_events nobody = {.on_data = on_nothing, .on_close = on_gone};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool gone = false;
        struct connect_config config = {.loop = house.loop, .host = "127.0.0.1", .port = listener_port(house.listener)};
        struct stream *s = stream_connect(&config, &nobody, &gone);
        services_fleet_forget(house.services.fleet);
        house.hold = true;
        buffer_reset(&request);
        buffer_printf(&request, "%s HTTP/1.1\r\nHost: x\r\nX-Role: Admin\r\nContent-Length: %zu\r\n\r\n%s", requests[i].line,
                      strlen(requests[i].body), requests[i].body);
        stream_write(s, buffer_slice(&request));
        assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
        stream_abort(s, CANCELLED);
        assert_true(loop_run_until(house.loop, is_gone, &gone, WAIT_MS));
        hub_let_go();
        assert_int_equal(call("GET", "/registry/v2/gateways", ""), 200); /* a turn for everybody */
        done.methods += requests[i].more.methods;
        done.changes += requests[i].more.changes;
        assert_true(loop_run_until(house.loop, is_done, &done, WAIT_MS));
        assert_int_equal(house.methods, done.methods);
        assert_int_equal(house.changes, done.changes);
    }
    buffer_clear(&request);
    rest_client_free(&house.caller);
    assert_true(loop_run_until(house.loop, has_no_connections, NULL, WAIT_MS));
}

/* What reads is asked again in pieces when its answer is too large; what does something is not done twice. */
static void large_answers_come_in_pieces(void **state)
{
    (void)state;
    house.too_large = "{\"status\":413,\"payload\":{\"detail\":\"too large\"}}";
    assert_int_equal(read_now(), 200);
    assert_int_equal(house.methods, 2);
    assert_int_equal(house.in_pieces, 1);
    expect_asked("methodName", "\"ValueRead_V2\"");
    expect_asked("payload request", "{\"nodeId\":\"i=1\"}");
    assert_int_equal(call("POST", path_of("/twin/v2/write/%s", house.endpoint), "{\"nodeId\":\"i=1\",\"value\":1}"), 413);
    assert_int_equal(house.methods, 3);
    static const char *const once[][2] = {{"/twin/v2/call/%s", "{\"methodId\":\"i=1\"}"},
                                          {"/twin/v2/browse/%s/next", "{\"continuationToken\":\"t\"}"},
                                          {"/history/v2/read/%s/values/next", "{\"continuationToken\":\"t\"}"},
                                          {"/history/v2/read/%s/events/next", "{\"continuationToken\":\"t\"}"},
                                          {"/history/v2/history/read/%s/next", "{\"continuationToken\":\"t\"}"}};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(call("POST", path_of(once[i][0], house.endpoint), once[i][1]), 200);
        assert_int_equal(house.in_pieces, 2 + i);
        assert_int_equal(house.methods, 4 + i);
    }
    house.hub_answer = "{\"status\":404,\"payload\":{\"detail\":\"no node\"}}";
    assert_int_equal(read_now(), 404);
    expect("detail", "no node");
}

static void a_large_request_goes_in_pieces(void **state)
{
    (void)state;
    struct buffer body = {0};
    buffer_text(&body, "{\"nodeId\":\"i=1\",\"value\":\"");
    for (int i = 0; i < 150000; i++)
        buffer_u8(&body, 'x');
    buffer_text(&body, "\"}");
    assert_int_equal(call("POST", path_of("/twin/v2/write/%s", house.endpoint), buffer_cstr(&body)), 200);
    assert_int_equal(house.methods, 1);
    assert_int_equal(house.in_pieces, 1);
    expect_asked("payload request", buffer_cstr(&body));
    buffer_clear(&body);
}

static void a_changed_endpoint_is_looked_up_again(void **state)
{
    (void)state;
    assert_int_equal(read_now(), 200);
    assert_int_equal(read_now(), 200);
    assert_int_equal(call("DELETE", path_of("/registry/v2/applications/%s", house.application), ""),
                     200);
    assert_int_equal(read_now(), 404);
}

/* ---- who may do what ---- */

static void every_route_asks_for_its_role(void **state)
{
    (void)state;
    struct rest_table tables[SERVICES_TABLES];
    services_tables(tables);
    static const char *const roles[] = {NULL, "Reader", "Write", "Admin"};
    for (size_t t = 0; t < SERVICES_TABLES - 1; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            for (int role = 0; role < 4; role++) {
                const struct rest_route *route = &tables[t].routes[i];
                char path[256];
                snprintf(path, sizeof(path), "%s%s", tables[t].base, route->path);
                int needed = route->access == REST_READ ? 1 : route->access == REST_WRITE ? 2 : 3;
                int status = call_as(roles[role], route->method, path, "");
                if (role == 0)
                    assert_int_equal(status, 401);
                else if (role < needed)
                    assert_int_equal(status, 403);
                else
                    assert_true(status != 401 && (status != 403));
            }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_applications_and_endpoints),
        TEST(changes_applications_and_endpoints),
        TEST(refuses_bad_requests),
        TEST(a_discovery_goes_to_every_discoverer),
        TEST(a_server_is_registered_by_its_url),
        TEST(says_when_no_discoverer_takes_it),
        TEST(shows_gateways_and_their_modules),
        TEST(changes_twins_of_gateways_and_modules),
        TEST(a_change_is_of_what_is_there_now),
        TEST(every_call_is_a_method_of_the_endpoints_module),
        TEST(failures_have_the_published_statuses),
        TEST(who_hangs_up_meanwhile_does_no_harm),
        TEST(large_answers_come_in_pieces),
        TEST(a_large_request_goes_in_pieces),
        TEST(a_changed_endpoint_is_looked_up_again),
        TEST(every_route_asks_for_its_role),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
