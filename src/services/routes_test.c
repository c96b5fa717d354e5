/* The REST APIs over real sockets: a caller, the services, and a hub that is a route table. */
#include <stdio.h>
#include <stdlib.h>

#include "services/live.h"
#include "services/discoverers.h"
#include "services/ids.h"
#include "services/services.h"
#include "services/twin_call.h"
#include "json/json.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define KEY "c2VjcmV0IGtleSBmb3IgdGVzdHM="

static struct house {
    struct loop *loop;
    struct services services;
    struct rest_server *server, *hub_server;
    struct listener *listener, *hub_listener;
    struct rest_client *caller, *hub_rest;
    char endpoint[SERVICES_ID_MAX], application[SERVICES_ID_MAX];
    /* What the hub answers to a method, and what it was asked last: */
    int hub_status;
    const char *hub_answer;
    char device[64], module[64], id[40];
    struct buffer asked;
    int methods, lookups;
} house;

/* ---- the hub ---- */

static void hub_method(struct rest_request *r)
{
    house.methods++;
    snprintf(house.device, sizeof(house.device), "%.*s", SLICE_FMT(rest_param(r, "id")));
    snprintf(house.module, sizeof(house.module), "%.*s", SLICE_FMT(rest_param(r, "module")));
    snprintf(house.id, sizeof(house.id), "%s", r->id);
    buffer_reset(&house.asked);
    buffer_put(&house.asked, r->body);
    rest_reply_json(r, house.hub_status, slice_of(house.hub_answer));
}

static void hub_devices(struct rest_request *r)
{
    house.lookups++;
    rest_reply_json(r, 200,
                    SLICE("[{\"deviceId\":\"leaf\",\"capabilities\":{\"iotEdge\":false}},"
                          "{\"deviceId\":\"edge\",\"capabilities\":{\"iotEdge\":true}},"
                          "{\"deviceId\":\"edge2\",\"capabilities\":{\"iotEdge\":true}}]"));
}

static void hub_modules(struct rest_request *r)
{
    char text[256];
    snprintf(text, sizeof(text),
             "[{\"deviceId\":\"%.*s\",\"moduleId\":\"$edgeHub\"},{\"deviceId\":\"%.*s\","
             "\"moduleId\":\"discovery\",\"connectionState\":\"Connected\"}]",
             SLICE_FMT(rest_param(r, "id")), SLICE_FMT(rest_param(r, "id")));
    rest_reply_json(r, 200, slice_of(text));
}

static const struct rest_route hub_routes[] = {
    {"GET", "/devices", hub_devices, REST_PUBLIC},
    {"GET", "/devices/{id}/modules", hub_modules, REST_PUBLIC},
    {"POST", "/twins/{id}/modules/{module}/methods", hub_method, REST_PUBLIC},
};

static void on_hub_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.hub_server, s);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static struct listener *listen_on(void (*accept)(void *, struct stream *))
{
    struct listener *l;
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = accept};
    assert_int_equal(listener_open(&config, &l), OK);
    return l;
}

/* ---- who may do what: the role stands in a header ---- */

static void authorize(struct rest_request *r)
{
    struct slice role = rest_header(r, "X-Role");
    bool admin = slice_eq(role, SLICE("Admin")), write = admin || slice_eq(role, SLICE("Write"));
    bool good = r->route->access == REST_READ || (r->route->access == REST_WRITE && write) ||
                (r->route->access == REST_ADMIN && admin);
    r->user = SLICE("tester");
    rest_authorized(r, role.len == 0 ? UNAUTHORIZED : good ? OK : FORBIDDEN, NULL);
}

static void open_hub(void)
{
    struct rest_table table = REST_TABLE("", hub_routes, NULL);
    house.hub_server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    house.hub_listener = listen_on(on_hub_accept);
    house.hub_rest = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", listener_port(house.hub_listener));
    struct service_client_config config = {
        .loop = house.loop,
        .rest = house.hub_rest,
        .url = url,
        .connection_string = "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=" KEY};
    assert_int_equal(service_client_new(&config, &house.services.hub), OK);
}

static void on_filled(void *arg, enum status why, struct slice json)
{
    (void)json;
    assert_int_equal(why, OK);
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void fill_registry(void)
{
    bool filled = false;
    services_registry_ask(
        house.services.registry,
        &(struct services_registry_ask){
            .what = REGISTRY_MERGE,
            .discoverer = SLICE("edge_module_discovery"),
            .supervisor = SLICE("edge_module_twin"),
            .body = SLICE("[{\"application\":{\"applicationUri\":\"urn:one\"},\"registration\":{"
                          "\"endpoint\":{"
                          "\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"Sign\"}}}]")},
        on_filled, &filled);
    assert_true(loop_run_until(house.loop, is_true, &filled, WAIT_MS));
    services_ids_application(SLICE("edge"), SLICE("Server"), SLICE("urn:one"), house.application);
    services_ids_endpoint(SLICE("opc.tcp://one:4840"), slice_of(house.application), SLICE("Sign"),
                          SLICE(""), house.endpoint);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .hub_status = 200};
    house.hub_answer = "{\"status\":200,\"payload\":{\"value\":7}}";
    house.services.loop = house.loop;
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.services.registry), OK);
    house.services.metrics = rest_metrics_new(services_metrics, METRIC_COUNT);
    house.services.live = live_new(house.loop);
    house.services.twin = services_twin_new(&(struct services_twin_config){.timeout_ms = 20000});
    open_hub();
    house.services.fleet = services_fleet_new(house.loop, house.services.hub);
    house.services.discoverers = services_discoverers_new(&(struct services_discoverers_config){
        .hub = house.services.hub, .fleet = house.services.fleet, .module = "discovery"});
    house.services.twin_module = "twin";
    house.services.discovery_module = "discovery";
    house.services.publisher_module = "publisher";
    struct rest_table tables[SERVICES_TABLES];
    services_tables(tables);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = tables,
                                                                .table_count = SERVICES_TABLES,
                                                                .app = &house.services,
                                                                .authorize = authorize,
                                                                .on_answer = services_on_answer});
    house.listener = listen_on(on_accept);
    house.caller = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    fill_registry();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.caller);
    rest_server_free(&house.server);
    rest_client_free(&house.hub_rest);
    services_fleet_free(&house.services.fleet);
    services_discoverers_free(&house.services.discoverers);
    service_client_free(&house.services.hub);
    services_twin_free(&house.services.twin);
    services_registry_close(&house.services.registry);
    live_free(&house.services.live);
    rest_metrics_free(&house.services.metrics);
    rest_server_free(&house.hub_server);
    listener_close(&house.listener);
    listener_close(&house.hub_listener);
    loop_free(&house.loop);
    buffer_clear(&house.asked);
    return 0;
}

/* ---- a caller ---- */

static struct answer {
    bool done;
    int status;
    struct json_doc *doc;
    struct slice type;
} answer;

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    answer.done = true;
    assert_int_equal(why, OK);
    answer.status = a->status;
    if (a->body.len > 0)
        assert_int_equal(json_parse(a->body, JSON_STRICT, &answer.doc, NULL), OK);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return answer.done;
}

static int call_as(const char *role, const char *method, const char *path, const char *body)
{
    json_free(&answer.doc);
    answer = (struct answer){0};
    char url[512];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    struct rest_field headers[] = {{SLICE("X-Role"), slice_of(role)},
                                   {SLICE("x-ms-client-request-id"), SLICE("call-7")}};
    struct rest_call c = {.method = method,
                          .url = url,
                          .headers = role ? headers : headers + 1,
                          .header_count = role ? 2 : 1,
                          .body = slice_of(body)};
    assert_int_equal(rest_client_send(house.caller, &c, on_answer, NULL), OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return answer.status;
}

static int call(const char *method, const char *path, const char *body)
{
    return call_as("Admin", method, path, body);
}

static const char *path_of(const char *format, const char *id)
{
    static char path[256];
    snprintf(path, sizeof(path), format, id);
    return path;
}

static const struct json *in(const struct json_doc *doc, const char *path)
{
    const struct json *v = json_root(doc);
    struct slice left = slice_of(path), name;
    while (left.len > 0 && slice_split(&left, ' ', &name)) {
        uint64_t index;
        v = json_is(v, JSON_ARRAY) && slice_to_u64(name, &index) ? json_at(v, index)
                                                                 : json_get_slice(v, name);
    }
    return v;
}

static void expect(const char *path, const char *text)
{
    if (!slice_eq(json_string(in(answer.doc, path)), slice_of(text)))
        fail_msg("%s: '%.*s'", path, SLICE_FMT(json_string(in(answer.doc, path))));
}

/* What the hub was asked, as JSON text of one member. */
static void expect_asked(const char *path, const char *want)
{
    struct json_doc *asked, *wanted;
    assert_int_equal(json_parse(buffer_slice(&house.asked), JSON_STRICT, &asked, NULL), OK);
    assert_int_equal(json_parse(slice_of(want), JSON_STRICT, &wanted, NULL), OK);
    if (!json_equal(in(asked, path), json_root(wanted)))
        fail_msg("%s is not %s in %s", path, want, buffer_cstr(&house.asked));
    json_free(&asked);
    json_free(&wanted);
}

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
        {"GET", "/registry/v2/applications?pageSize=none", "", "pageSize is not a number above 0"},
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
        expect_asked("payload endpoint",
                     "{\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"Sign\"}");
    }
    assert_int_equal(rest_metrics_get(house.services.metrics, METRIC_TWIN_CALLS), 12);
    assert_int_equal(rest_metrics_get(house.services.metrics, METRIC_TWIN_FAILED), 0);
}

static int read_now(void)
{
    return call("POST", path_of("/twin/v2/read/%s", house.endpoint), "{\"nodeId\":\"i=1\"}");
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

static void describes_itself(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/swagger/v2/openapi.json", ""), 200);
    expect("paths /twin/v2/browse/{endpointId} post operationId", "Browse");
    expect("paths /registry/v2/endpoints/{endpointId} get responses 200 schema $ref",
           "#/definitions/EndpointInfoApiModel");
    assert_int_equal(call("GET", "/registry/swagger/v2/openapi.json", ""), 200);
    assert_int_equal(call("GET", "/twin/swagger/v2/openapi.json", ""), 200);
    assert_null(in(answer.doc, "paths /registry/v2/endpoints"));
    json_free(&answer.doc);
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
        TEST(every_call_is_a_method_of_the_endpoints_module),
        TEST(failures_have_the_published_statuses),
        TEST(a_changed_endpoint_is_looked_up_again),
        TEST(every_route_asks_for_its_role),
        TEST(describes_itself),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
