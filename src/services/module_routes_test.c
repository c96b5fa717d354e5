/* The paths that are direct methods of modules: history, publishing, capabilities; and what all
 * paths share. */
#include "services/aside.h"
#include "services/routes_rig.h"

/* ---- history ---- */

static void history_is_methods_of_the_endpoints_module(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *name;
    } rows[] = {
        {"/history/v2/read/%s/values", "{\"nodeId\":\"i=1\",\"details\":{\"numValues\":3}}",
         "\"HistoryReadValues_V2\""},
        {"/history/v2/read/%s/values/pick",
         "{\"nodeId\":\"i=1\",\"details\":{\"reqTimes\":[\"2026-01-01T00:00:00Z\"]}}",
         "\"HistoryReadValuesAtTimes_V2\""},
        {"/history/v2/read/%s/values/processed",
         "{\"details\":{\"processingInterval\":\"00:00:10\"}}",
         "\"HistoryReadProcessedValues_V2\""},
        {"/history/v2/read/%s/values/processed", "{\"details\":{\"processingInterval\":10000}}",
         "\"HistoryReadProcessedValues_V2\""},
        {"/history/v2/read/%s/values/modified", "{\"details\":{}}",
         "\"HistoryReadModifiedValues_V2\""},
        {"/history/v2/read/%s/values/next", "{\"continuationToken\":\"c\"}",
         "\"HistoryReadValuesNext_V2\""},
        {"/history/v2/read/%s/events", "{\"details\":{}}", "\"HistoryReadEvents_V2\""},
        {"/history/v2/read/%s/events/next", "{\"continuationToken\":\"c\"}",
         "\"HistoryReadEventsNext_V2\""},
        {"/history/v2/read/%s/configuration", "{\"nodeId\":\"i=1\"}",
         "\"HistoryGetConfiguration_V2\""},
        {"/history/v2/history/read/%s", "{\"details\":{\"TypeId\":\"i=647\"}}",
         "\"HistoryRead_V2\""},
        {"/history/v2/history/read/%s/next", "{\"continuationToken\":\"c\"}",
         "\"HistoryReadNext_V2\""},
        {"/history/v2/history/update/%s", "{\"details\":{}}", "\"HistoryUpdate_V2\""},
        {"/history/v2/insert/%s/values", "{\"details\":{\"values\":[{\"value\":1}]}}",
         "\"HistoryInsertValues_V2\""},
        {"/history/v2/replace/%s/values", "{\"details\":{\"values\":[]}}",
         "\"HistoryReplaceValues_V2\""},
        {"/history/v2/upsert/%s/events", "{\"details\":{\"events\":[]}}",
         "\"HistoryUpsertEvents_V2\""},
        {"/history/v2/delete/%s/values", "{\"details\":{}}", "\"HistoryDeleteValues_V2\""},
        {"/history/v2/delete/%s/values/pick", "{\"details\":{\"reqTimes\":[]}}",
         "\"HistoryDeleteValuesAtTimes_V2\""},
        {"/history/v2/delete/%s/values/modified", "{\"details\":{}}",
         "\"HistoryDeleteModifiedValues_V2\""},
        {"/history/v2/delete/%s/events", "{\"details\":{\"eventIds\":[\"AAA=\"]}}",
         "\"HistoryDeleteEvents_V2\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(call("POST", path_of(rows[i].path, house.endpoint), rows[i].body), 200);
        expect_asked("methodName", rows[i].name);
        expect_asked("payload request", rows[i].body);
        assert_string_equal(house.module, "twin");
    }
}

static void parameters_become_the_request(void **state)
{
    (void)state;
    assert_int_equal(
        call("GET", path_of("/twin/v2/capabilities/%s?namespaceFormat=index", house.endpoint), ""),
        200);
    expect_asked("methodName", "\"GetServerCapabilities_V2\"");
    expect_asked("payload request", "{\"namespaceFormat\":\"index\"}");
    assert_int_equal(call("GET", path_of("/history/v2/capabilities/%s", house.endpoint), ""), 200);
    expect_asked("methodName", "\"HistoryGetServerCapabilities_V2\"");
    expect_asked("payload request", "{}");
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/test", house.endpoint), "{}"),
                     200);
    expect_asked("methodName", "\"TestConnection_V2\"");
    assert_int_equal(
        call("GET", path_of("/registry/v2/endpoints/%s/certificate", house.endpoint), ""), 200);
    expect_asked("methodName", "\"GetEndpointCertificate_V2\"");
    expect_asked(
        "payload",
        "{\"callId\":\"call-7\",\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"Sign\"}");
}

/* ---- publishing ---- */

static void publishing_is_asked_of_the_publisher_beside_the_twin(void **state)
{
    (void)state;
    assert_int_equal(
        call("POST", path_of("/publisher/v2/publish/%s/start", house.endpoint),
             "{\"item\":{\"nodeId\":\"i=1\"},\"header\":{\"elevation\":{\"type\":\"UserName\"}}}"),
        200);
    assert_string_equal(house.device, "edge");
    assert_string_equal(house.module, "publisher");
    expect_asked("methodName", "\"PublishStart_V2\"");
    expect_asked("payload connection endpoint url", "\"opc.tcp://one:4840\"");
    expect_asked("payload connection user", "{\"type\":\"UserName\"}");
    char group[64];
    snprintf(group, sizeof(group), "\"%s\"", house.endpoint);
    expect_asked("payload connection group", group);
    expect_asked("payload request item nodeId", "\"i=1\"");
    assert_int_equal(call("POST", path_of("/publisher/v2/publish/%s/stop", house.endpoint),
                          "{\"nodeId\":\"i=1\"}"),
                     200);
    expect_asked("methodName", "\"PublishStop_V2\"");
}

static void bulk_answers_for_each_node_in_the_callers_spelling(void **state)
{
    (void)state;
    const char *path = path_of("/publisher/v2/publish/%s/bulk", house.endpoint);
    assert_int_equal(call("POST", path,
                          "{\"nodesToAdd\":[{\"nodeId\":\"i=1\"},{\"nodeId\":\"i=2\"}],"
                          "\"nodesToRemove\":[\"i=3\"]}"),
                     200);
    expect_asked("methodName", "\"PublishBulk_V2\"");
    assert_int_equal(json_count(in(answer.doc, "nodesToAdd")), 2);
    assert_int_equal(json_count(in(answer.doc, "nodesToRemove")), 1);
    assert_int_equal(call("POST", path, "{\"NodesToRemove\":[\"i=3\"]}"), 200);
    assert_int_equal(json_count(in(answer.doc, "NodesToRemove")), 1);
    assert_null(in(answer.doc, "NodesToAdd"));
    house.hub_answer = "{\"status\":400,\"payload\":{\"detail\":\"no\"}}";
    assert_int_equal(call("POST", path, "{\"NodesToRemove\":[\"i=3\"]}"), 400);
    expect("detail", "no");
}

static void what_is_published_comes_in_pages(void **state)
{
    (void)state;
    house.hub_answer = "{\"status\":200,\"payload\":{\"items\":[{\"nodeId\":\"i=1\"},{\"nodeId\":"
                       "\"i=2\"},{\"nodeId\":\"i=3\"}]}}";
    char path[128];
    snprintf(path, sizeof(path), "/publisher/v2/publish/%s", house.endpoint);
    assert_int_equal(call("POST", path, "{}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 3);
    assert_null(in(answer.doc, "continuationToken"));
    assert_int_equal(
        call("POST", path_of("/publisher/v2/publish/%s?pageSize=2", house.endpoint), "{}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 2);
    expect("continuationToken", "2");
    assert_int_equal(
        call("GET", path_of("/publisher/v2/publish/%s?continuationToken=2", house.endpoint), ""),
        200);
    expect("items 0 nodeId", "i=3");
    assert_int_equal(call("POST", path, "{\"continuationToken\":\"1\"}"), 200);
    expect("items 0 nodeId", "i=2");
    assert_int_equal(call("GET", path, ""), 400);
    expect("detail", "continuationToken: is missing");
    assert_int_equal(
        call("GET", path_of("/publisher/v2/publish/%s?continuationToken=x", house.endpoint), ""),
        400);
}

static void workers_are_modules_and_jobs_are_no_more(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/publisher/v2/workers?pageSize=1", ""), 200);
    expect("workers 0 workerId", "edge_module_publisher");
    expect("workers 0 status", "ProcessingJob");
    expect("continuationToken", "1");
    assert_int_equal(call("GET", "/publisher/v2/workers?continuationToken=1", ""), 200);
    expect("workers 0 workerId", "edge2_module_publisher");
    assert_int_equal(call("GET", "/publisher/v2/workers/edge2_module_publisher", ""), 200);
    expect("agentId", "edge2_module_publisher");
    assert_int_equal(call("GET", "/publisher/v2/workers/edge_module_discovery", ""), 404);
    assert_int_equal(call("DELETE", "/publisher/v2/workers/edge_module_publisher", ""), 501);
    assert_int_equal(call("GET", "/publisher/v2/jobs", ""), 501);
    assert_int_equal(call("GET", "/publisher/v2/jobs/x/restart", ""), 501);
}

static void a_publishers_configuration_is_read_and_replaced(void **state)
{
    (void)state;
    const char *path = "/registry/v2/publishers/edge2_module_publisher/endpoints";
    house.hub_answer =
        "{\"status\":200,\"payload\":{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://a\"}]}}";
    assert_int_equal(
        call("GET", "/registry/v2/publishers/edge2_module_publisher/endpoints?IncludeNodes=true",
             ""),
        200);
    expect("0 EndpointUrl", "opc.tcp://a");
    assert_string_equal(house.device, "edge2");
    expect_asked("payload", "{\"callId\":\"call-7\",\"includeNodes\":true}");
    assert_int_equal(call("PUT", path, "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://b\"}]}"), 200);
    expect_asked("methodName", "\"SetConfiguredEndpoints_V2\"");
    expect_asked("payload endpoints 0 EndpointUrl", "\"opc.tcp://b\"");
    assert_null(answer.doc);
    assert_int_equal(call_as("Write", "PUT", path, "{\"endpoints\":[]}"), 403);
}

/* So long that it is made on a helper thread; it says the same. */
static void a_long_configuration_is_whole(void **state)
{
    (void)state;
    enum { ENTRIES = 40000 };
    struct buffer text = {0};
    buffer_text(&text, "{\"status\":200,\"payload\":{\"endpoints\":[");
    for (int i = 0; i < ENTRIES; i++)
        buffer_printf(&text, "%s{\"EndpointUrl\":\"opc.tcp://a-server-in-the-plant:%d\"}", i ? "," : "", i);
    buffer_text(&text, "]}}");
    assert_true(text.len > ASIDE_BYTES);
    house.hub_answer = buffer_cstr(&text);
    assert_int_equal(call("GET", "/registry/v2/publishers/edge2_module_publisher/endpoints", ""), 200);
    assert_int_equal(json_count(json_root(answer.doc)), ENTRIES);
    expect("39999 EndpointUrl", "opc.tcp://a-server-in-the-plant:39999");
    house.hub_answer = "{\"status\":200,\"payload\":{\"endpoints\":[]}}";
    buffer_clear(&text);
}

static void a_servers_endpoint_is_registered(void **state)
{
    (void)state;
    house.hub_answer =
        "{\"status\":200,\"payload\":{\"application\":{\"applicationUri\":\"urn:two\","
        "\"discovererId\":\"edge_module_discovery\"},\"endpoints\":["
        "{\"id\":\"low\",\"securityLevel\":1,\"endpoint\":{\"url\":\"opc.tcp://two:4840\","
        "\"securityMode\":\"None\"}},"
        "{\"id\":\"high\",\"securityLevel\":9,\"endpoint\":{\"url\":\"opc.tcp://two:4840\","
        "\"securityMode\":\"Sign\"}}]}}";
    const char *body = "{\"discoveryUrl\":\"opc.tcp://two:4840\"}";
    assert_int_equal(call("PUT", "/registry/v2/endpoints", body), 200);
    assert_true(slice_eq(json_string(json_root(answer.doc)), SLICE("high")));
    assert_string_equal(house.module, "discovery");
    expect_asked("methodName", "\"FindServer_V2\"");
    expect_asked("payload discoveryUrl", "\"opc.tcp://two:4840\"");
    assert_int_equal(call("GET", "/registry/v2/endpoints", ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 3);
    assert_int_equal(call("GET", path_of("/registry/v2/endpoints/%s", house.endpoint), ""), 200);
    assert_null(in(answer.doc, "notSeenSince")); /* what was there before stays */
    assert_int_equal(
        call("PUT", "/registry/v2/endpoints?discovererId=edge2_module_discovery", body), 200);
    assert_string_equal(house.device, "edge2");
    house.hub_answer = "{\"status\":404,\"payload\":{\"detail\":\"no such server\"}}";
    assert_int_equal(call("PUT", "/registry/v2/endpoints", body), 404);
}

static void who_waits_for_a_hub_that_hangs_hears_of_the_hub(void **state)
{
    (void)state;
    services_fleet_free(&house.services.fleet);
    house.services.fleet = services_fleet_new(
        &(struct services_fleet_config){.loop = house.loop, .hub = house.services.hub, .wait_ms = 1});
    house.hold = true;
    assert_int_equal(call("PUT", "/registry/v2/endpoints", "{\"discoveryUrl\":\"opc.tcp://two:4840\"}"), 503);
    expect("detail", "the hub does not tell its modules in time");
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
    hub_let_go();
}

static void one_discoverer_can_be_named(void **state)
{
    (void)state;
    const char *path = "/registry/v2/applications?discovererId=edge2_module_discovery";
    assert_int_equal(call("POST", path, "{\"discoveryUrl\":\"opc.tcp://two:4840\"}"), 200);
    assert_int_equal(house.methods, 1);
    assert_string_equal(house.device, "edge2");
}

/* ---- all paths ---- */

static void a_refusal_names_the_member(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body, *member;
    } rows[] = {
        {"POST", "/twin/v2/browse/%s", "{\"nodeClassFilter\":[\"Object\",\"Thing\"]}",
         "nodeClassFilter[1]"},
        {"POST", "/twin/v2/browse/%s", "{\"nodeClassFilter\":\"Object, Thing\"}",
         "nodeClassFilter"},
        {"POST", "/twin/v2/read/%s", "{\"header\":{\"diagnostics\":{\"level\":\"Loud\"}}}",
         "header.diagnostics.level"},
        {"POST", "/twin/v2/read/%s/attributes", "{\"attributes\":[{\"nodeId\":\"i=1\"}]}",
         "attributes[0].attribute"},
        {"GET", "/twin/v2/read/%s", "", "nodeId"},
        {"GET", "/twin/v2/capabilities/%s?namespaceFormat=Roman", "", "namespaceFormat"},
        {"POST", "/history/v2/read/%s/values/pick", "{\"details\":{\"reqTimes\":[\"soon\"]}}",
         "details.reqTimes[0]"},
        {"POST", "/history/v2/delete/%s/values", "{}", "details"},
        {"POST", "/publisher/v2/publish/%s/start", "{\"item\":{}}", "item.nodeId"},
        {"PUT", "/events/v2/discovery/%s/events", "7", NULL},
        {"GET", "/registry/v2/endpoints?pageSize=0", "", "pageSize"},
        {"GET", "/registry/v2/endpoints/query?connected=perhaps", "", "connected"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(call(rows[i].method, path_of(rows[i].path, house.endpoint), rows[i].body),
                         400);
        const struct json *errors = json_get(json_root(answer.doc), "errors");
        if (rows[i].member && !json_get(errors, rows[i].member))
            fail_msg("%s %s: %.*s", rows[i].path, rows[i].body,
                     SLICE_FMT(json_string(in(answer.doc, "detail"))));
    }
    assert_int_equal(house.methods, 0);
}

static void headers_go_before_the_paging_parameters(void **state)
{
    (void)state;
    struct rest_field headers[] = {{SLICE("X-Role"), SLICE("Admin")},
                                   {SLICE("x-ms-max-item-count"), SLICE("1")},
                                   {SLICE("x-ms-continuation"), SLICE("1")}};
    char url[128];
    snprintf(url, sizeof(url),
             "http://127.0.0.1:%d/publisher/v2/workers?pageSize=5&continuationToken=0",
             listener_port(house.listener));
    json_free(&answer.doc);
    answer = (struct answer){0};
    struct rest_call c = {.method = "GET", .url = url, .headers = headers, .header_count = 3};
    assert_int_equal(rest_client_send(house.caller, &c, on_answer, NULL), OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    assert_int_equal(json_count(in(answer.doc, "workers")), 1);
    expect("workers 0 workerId", "edge2_module_publisher");
}

static void describes_itself(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/swagger/v2/openapi.json", ""), 200);
    expect("paths /twin/v2/browse/{endpointId} post operationId", "Browse");
    expect("paths /registry/v2/endpoints/{endpointId} get responses 200 schema $ref",
           "#/definitions/EndpointInfoApiModel");
    assert_int_equal(call("GET", "/registry/swagger/v2/openapi.json", ""), 200);
    assert_int_equal(call("GET", "/openapi.json", ""), 200);
    expect("openapi", "3.0.3");
    expect("paths /registry/v2/endpoints get parameters 2 name", "pageSize");
    expect("paths /history/v2/read/{endpointId}/values post responses default content "
           "application/problem+json schema $ref",
           "#/components/schemas/ProblemDetails");
    assert_int_equal(call("GET", "/history/openapi.json", ""), 200);
    assert_non_null(in(answer.doc, "components schemas HistoricValueApiModel"));
    assert_null(in(answer.doc, "components schemas ApplicationInfoApiModel"));
    assert_int_equal(call("GET", "/nothing/openapi.json", ""), 404);
    assert_int_equal(call("GET", "/twin/swagger/v2/openapi.json", ""), 200);
    assert_null(in(answer.doc, "paths /registry/v2/endpoints"));
    json_free(&answer.doc);
}

static struct {
    int status;
    char text[64];
} fetched;

static void on_page(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    answer.done = true;
    fetched.status = a->status;
    snprintf(fetched.text, sizeof(fetched.text), "%.*s", 60, (const char *)a->body.at);
}

static void fetch(const char *path)
{
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    answer.done = false;
    struct rest_call c = {.method = "GET", .url = url};
    assert_int_equal(rest_client_send(house.caller, &c, on_page, NULL), OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
}

static void has_a_page_to_try_it(void **state)
{
    (void)state;
    static const char *const pages[] = {"/swagger", "/swagger/index.html",
                                        "/twin/swagger/index.html"};
    for (size_t i = 0; i < 3; i++) {
        fetch(pages[i]);
        assert_int_equal(fetched.status, 200);
        assert_memory_equal(fetched.text, "<!doctype html>", 15);
    }
    fetch("/swagger/explorer.js");
    assert_int_equal(fetched.status, 200);
    fetch("/swagger/explorer.css");
    assert_int_equal(fetched.status, 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(history_is_methods_of_the_endpoints_module),
        TEST(parameters_become_the_request),
        TEST(publishing_is_asked_of_the_publisher_beside_the_twin),
        TEST(bulk_answers_for_each_node_in_the_callers_spelling),
        TEST(what_is_published_comes_in_pages),
        TEST(workers_are_modules_and_jobs_are_no_more),
        TEST(a_publishers_configuration_is_read_and_replaced),
        TEST(a_long_configuration_is_whole),
        TEST(a_servers_endpoint_is_registered),
        TEST(who_waits_for_a_hub_that_hangs_hears_of_the_hub),
        TEST(one_discoverer_can_be_named),
        TEST(a_refusal_names_the_member),
        TEST(headers_go_before_the_paging_parameters),
        TEST(describes_itself),
        TEST(has_a_page_to_try_it),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
