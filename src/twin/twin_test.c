/* The methods against a real server in this process, called as the hub would. */
#include "twin/twin_rig.h"

/* ---- browse ---- */

static void browses_the_root_by_itself(void **state)
{
    (void)state;
    const struct json *a = call("Browse_V2", "{}");
    const struct json *node = json_get(a, "node");
    expect(node, "nodeId", "i=84");
    expect(node, "displayName", "Root");
    expect(node, "browseName", "Root");
    expect(node, "nodeClass", "Object");
    assert_true(json_bool(json_get(node, "children"), false));
    assert_int_equal(json_count(json_get(a, "references")), 3);
    const struct json *first = json_at(json_get(a, "references"), 0);
    expect(first, "referenceTypeId", "i=35");
    expect(first, "direction", "Forward");
    expect(find_target(json_get(a, "references"), "Objects"), "nodeId", "i=85");
    expect(find_target(json_get(a, "references"), "Objects"), "typeDefinitionId", "i=61");
    assert_null(json_get(a, "continuationToken"));
    assert_null(json_get(a, "errorInfo"));
}

static void browses_variables_with_attributes_and_values(void **state)
{
    (void)state;
    const struct json *a =
        call("browse_v2", "{\"nodeId\":\"" SPACE "#s=Data\",\"readVariableValues\":true,"
                          "\"nodeClassFilter\":[\"Variable\"]}");
    const struct json *number = find_target(json_get(a, "references"), "Number");
    uint64_t value = 0;
    assert_int_equal(json_count(json_get(a, "references")), 7);
    expect(number, "nodeId", SPACE "#s=Number");
    expect(number, "nodeClass", "Variable");
    expect(number, "browseName", SPACE "#Number");
    expect(number, "dataType", "Int32");
    expect(number, "valueRank", "Scalar");
    expect(number, "accessLevel", "CurrentRead, CurrentWrite");
    assert_true(json_u64(json_get(number, "value"), &value) && value == 42);
    assert_false(json_bool(json_get(number, "children"), true));
    assert_non_null(json_get(number, "sourceTimestamp"));
}

static void browses_backward_and_the_node_alone(void **state)
{
    (void)state;
    const struct json *a = call("Browse_V2", "{\"nodeId\":\"nsu=" SPACE ";s=Data\",\"direction\":"
                                             "\"Backward\",\"targetNodesOnly\":true}");
    const struct json *first = json_at(json_get(a, "references"), 0);
    expect(json_get(first, "target"), "nodeId", "i=85");
    assert_null(json_get(first, "direction"));
    a = call("Browse_V2", "{\"nodeId\":\"i=85\",\"maxReferencesToReturn\":0}");
    assert_int_equal(json_count(json_get(a, "references")), 0);
    expect(json_get(a, "node"), "displayName", "Objects");
}

static void a_browse_goes_on_with_its_token(void **state)
{
    (void)state;
    const struct json *a =
        call("Browse_V2", "{\"nodeId\":\"" SPACE "#s=Many\",\"maxReferencesToReturn\":90}");
    size_t count = json_count(json_get(a, "references")), calls = 1;
    for (struct slice token; (token = json_string(json_get(a, "continuationToken"))).len; calls++) {
        char request[512];
        snprintf(request, sizeof(request), "{\"continuationToken\":\"%.*s\"}", SLICE_FMT(token));
        a = call("BrowseNext_V2", request);
        count += json_count(json_get(a, "references"));
    }
    assert_int_equal(count, 250);
    assert_int_equal(calls, 3);
}

static void a_token_can_be_given_back(void **state)
{
    (void)state;
    const struct json *a =
        call("Browse_V2", "{\"nodeId\":\"" SPACE "#s=Many\",\"maxReferencesToReturn\":5}");
    char token[256], request[512];
    snprintf(token, sizeof(token), "%.*s",
             SLICE_FMT(json_string(json_get(a, "continuationToken"))));
    snprintf(request, sizeof(request), "{\"continuationToken\":\"%s\",\"abort\":true}", token);
    a = call("BrowseNext_V2", request);
    assert_int_equal(json_count(json_get(a, "references")), 0);
    snprintf(request, sizeof(request), "{\"continuationToken\":\"%s\"}", token);
    expect_error(call("BrowseNext_V2", request), UA_STATUSCODE_BADCONTINUATIONPOINTINVALID);
}

static void nodes_that_do_not_exist_are_answers(void **state)
{
    (void)state;
    expect_error(call("Browse_V2", "{\"nodeId\":\"" SPACE "#s=Nothing\"}"),
                 UA_STATUSCODE_BADNODEIDUNKNOWN);
    expect_error(call("Browse_V2", "{\"nodeId\":\"nsu=urn:none;s=x\"}"),
                 UA_STATUSCODE_BADNODEIDUNKNOWN);
    expect_error(call("ValueRead_V2", "{\"nodeId\":\"" SPACE "#s=Nothing\"}"),
                 UA_STATUSCODE_BADNODEIDUNKNOWN);
    expect_error(call("MethodCall_V2", "{\"methodId\":\"" SPACE "#s=Nothing\"}"),
                 UA_STATUSCODE_BADNODEIDUNKNOWN);
}

static void paths_lead_to_nodes(void **state)
{
    (void)state;
    const struct json *a =
        call("BrowsePath_V2", "{\"browsePaths\":[[\"Objects\",\"Server\",\".ServerStatus\"],"
                              "[\"/Objects\",\"<Organizes>" SPACE "#Data\"]],"
                              "\"readVariableValues\":true}");
    const struct json *first = json_at(json_get(a, "targets"), 0);
    const struct json *second = json_at(json_get(a, "targets"), 1);
    int64_t rest = 0;
    expect(json_get(first, "target"), "nodeId", "i=2256");
    assert_true(json_is(json_get(json_get(first, "target"), "value"), JSON_OBJECT));
    assert_int_equal(json_count(json_get(first, "browsePath")), 3);
    assert_true(json_i64(json_get(first, "remainingPathIndex"), &rest) && rest == -1);
    expect(json_get(second, "target"), "nodeId", SPACE "#s=Data");

    expect_error(call("BrowsePath_V2", "{\"browsePaths\":[[\"Objects\",\"Nowhere\"]]}"),
                 UA_STATUSCODE_BADNOMATCH);
}

/* ---- values ---- */

static void values_are_read_with_type_and_times(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type, *value;
    } rows[] = {{"Number", "Int32", "42"},
                {"Real", "Double", "1.5"},
                {"Yes", "Boolean", "true"},
                {"Text", "String", "\"hello\""},
                {"Large", "Int64", "1234567890123"},
                {"Range", "ExtensionObject", "{\"Low\":0,\"High\":100}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char request[256];
        struct json_doc *want;
        snprintf(request, sizeof(request), "{\"nodeId\":\"" SPACE "#s=%s\"}", rows[i].name);
        const struct json *a = call("ValueRead_V2", request);
        assert_int_equal(json_parse(slice_of(rows[i].value), JSON_STRICT, &want, NULL), OK);
        assert_true(json_equal(json_get(a, "value"), json_root(want)));
        expect(a, "dataType", rows[i].type);
        assert_non_null(json_get(a, "sourceTimestamp"));
        assert_non_null(json_get(a, "serverTimestamp"));
        json_free(&want);
    }
    const struct json *a = call(
        "ValueRead_V2", "{\"browsePath\":[\"Objects\",\"Server\",\"ServerStatus\",\"State\"]}");
    expect(a, "dataType", "Int32");
}

/* Writes, then reads back. */
static void write_and_read(const char *name, const char *value, const char *want)
{
    char request[256];
    struct json_doc *doc;
    snprintf(request, sizeof(request), "{\"nodeId\":\"" SPACE "#s=%s\",\"value\":%s}", name, value);
    assert_null(json_get(call("ValueWrite_V2", request), "errorInfo"));
    snprintf(request, sizeof(request), "{\"nodeId\":\"" SPACE "#s=%s\"}", name);
    assert_int_equal(json_parse(slice_of(want), JSON_STRICT, &doc, NULL), OK);
    if (!json_equal(json_get(call("ValueRead_V2", request), "value"), json_root(doc)))
        fail_msg("%s: %s", name, buffer_cstr(&device_double.reply));
    json_free(&doc);
}

static void values_become_what_the_node_wants(void **state)
{
    (void)state;
    write_and_read("Number", "7", "7");
    write_and_read("Number", "\"-8\"", "-8");
    write_and_read("Real", "\"2.25\"", "2.25");
    write_and_read("Real", "3", "3");
    write_and_read("Yes", "0", "false");
    write_and_read("Text", "12", "\"12\"");
    write_and_read("Range", "{\"low\":-1,\"high\":1}", "{\"Low\":-1,\"High\":1}");
}

static void writes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\"},\"request\":{\"nodeId\":\"" SPACE
                  "#s=Number\",\"value\":3000000000}}",
                  world.url);
    const struct json *a = call_raw("ValueWrite_V2", buffer_cstr(&payload), 400);
    expect(a, "detail", "3000000000 is out of the range of Int32.");
    buffer_clear(&payload);
    expect_error(call("ValueWrite_V2", "{\"nodeId\":\"" SPACE "#s=Large\",\"value\":1}"),
                 UA_STATUSCODE_BADNOTWRITABLE);
    expect_error(call("ValueWrite_V2",
                      "{\"nodeId\":\"" SPACE "#s=Number\",\"value\":1,\"dataType\":\"Double\"}"),
                 UA_STATUSCODE_BADTYPEMISMATCH);
}

/* ---- attributes ---- */

static void attributes_are_read_one_result_each(void **state)
{
    (void)state;
    const struct json *a = call(
        "NodeRead_V2",
        "{\"attributes\":[{\"nodeId\":\"i=85\",\"attribute\":\"NodeClass\"},{\"nodeId\":\"" SPACE
        "#s=Number\",\"attribute\":\"DataType\"},{\"nodeId\":\"nsu=urn:none;i=1\",\"attribute\":"
        "\"Value\"},{\"nodeId\":\"i=85\",\"attribute\":\"Value\"},{\"nodeId\":\"i=85\","
        "\"attribute\":\"browsename\"}]}");
    const struct json *results = json_get(a, "results");
    uint64_t class = 0;
    assert_int_equal(json_count(results), 5);
    assert_true(json_u64(json_get(json_at(results, 0), "value"), &class) && class == 1);
    expect(json_at(results, 1), "value", "Int32");
    expect_error(json_at(results, 2), UA_STATUSCODE_BADNODEIDUNKNOWN);
    expect_error(json_at(results, 3), UA_STATUSCODE_BADATTRIBUTEIDINVALID);
    expect(json_at(results, 4), "value", "Objects");
}

static void attributes_are_written_one_result_each(void **state)
{
    (void)state;
    const struct json *a = call(
        "NodeWrite_V2",
        "{\"attributes\":[{\"nodeId\":\"" SPACE
        "#s=Number\",\"attribute\":\"Value\",\"value\":\"77\"},{\"nodeId\":\"" SPACE
        "#s=Number\",\"attribute\":\"Value\",\"value\":\"x\"},{\"nodeId\":\"nsu=urn:none;i=1\","
        "\"attribute\":\"Value\",\"value\":1},{\"nodeId\":\"" SPACE
        "#s=Nothing\",\"attribute\":\"DisplayName\",\"value\":\"n\"}]}");
    const struct json *results = json_get(a, "results");
    assert_int_equal(json_count(results), 4);
    assert_null(json_get(json_at(results, 0), "errorInfo"));
    expect_error(json_at(results, 1), UA_STATUSCODE_BADTYPEMISMATCH);
    expect_error(json_at(results, 2), UA_STATUSCODE_BADNODEIDUNKNOWN);
    expect_error(json_at(results, 3), UA_STATUSCODE_BADNODEIDUNKNOWN);
    uint64_t value = 0;
    a = call("ValueRead_V2", "{\"nodeId\":\"" SPACE "#s=Number\"}");
    assert_true(json_u64(json_get(a, "value"), &value) && value == 77);
}

/* ---- methods ---- */

static void methods_say_what_they_want(void **state)
{
    (void)state;
    const struct json *a = call("MethodMetadata_V2", "{\"methodId\":\"" SPACE "#s=Twice\"}");
    const struct json *in = json_at(json_get(a, "inputArguments"), 0);
    expect(a, "objectId", SPACE "#s=Data");
    assert_int_equal(json_count(json_get(a, "inputArguments")), 1);
    assert_int_equal(json_count(json_get(a, "outputArguments")), 1);
    assert_true(json_string(json_get(in, "name")).len > 0);
    expect(in, "valueRank", "Scalar");
    expect(json_get(in, "type"), "nodeId", "Int32");
    expect(json_get(in, "type"), "displayName", "Int32");
    expect(json_get(in, "type"), "nodeClass", "DataType");

    a = call("MethodMetadata_V2", "{\"methodId\":\"" SPACE "#s=Refuse\"}");
    assert_int_equal(json_count(json_get(a, "inputArguments")), 0);
}

static void expect_result(const char *request, int64_t want)
{
    int64_t got = 0;
    const struct json *result = json_at(json_get(call("MethodCall_V2", request), "results"), 0);
    if (!json_i64(json_get(result, "value"), &got) || got != want)
        fail_msg("%s: %s", request, buffer_cstr(&device_double.reply));
    expect(result, "dataType", "Int32");
}

static void methods_are_called(void **state)
{
    (void)state;
    expect_result("{\"methodId\":\"" SPACE "#s=Twice\",\"objectId\":\"" SPACE
                  "#s=Data\",\"arguments\":[{\"value\":21,\"dataType\":\"Int32\"}]}",
                  42);
    /* the object is found by itself, a text becomes a number, what is missing is 0 */
    expect_result("{\"methodId\":\"" SPACE "#s=Twice\",\"arguments\":[{\"value\":\"-4\"}]}", -8);
    expect_result("{\"methodId\":\"" SPACE "#s=Twice\"}", 0);
    expect_result("{\"objectBrowsePath\":[\"Objects\",\"" SPACE
                  "#Data\"],\"methodBrowsePath\":[\"" SPACE
                  "#Twice\"],\"arguments\":[{\"value\":3}]}",
                  6);
}

static void queries_become_event_filters(void **state)
{
    (void)state;
    const struct json *filter = json_get(
        call("CompileQuery_V2", "{\"query\":\"SELECT Message AS Text WHERE Severity > 5\",\"queryType\":\"Event\"}"),
        "eventFilter");
    const struct json *first = json_at(json_get(filter, "selectClauses"), 0);
    expect(first, "typeDefinitionId", "i=2041");
    expect(first, "displayName", "Text");
    expect(json_at(json_get(json_get(filter, "whereClause"), "elements"), 0), "filterOperator", "GreaterThan");
}

static void a_query_for_all_has_the_fields_that_the_server_says(void **state)
{
    (void)state;
    const struct json *filter = json_get(call("CompileQuery", "{\"query\":\"select * from SystemEventType\"}"), "eventFilter");
    bool severity = false;
    struct json_walk w = json_walk(json_get(filter, "selectClauses"));
    while (json_next(&w))
        severity |= slice_eq(json_string(json_at(json_get(w.value, "browsePath"), 0)), SLICE("Severity"));
    assert_true(severity);
    assert_true(json_count(json_get(filter, "selectClauses")) >= 8);
    const struct json *only = json_at(json_get(json_get(filter, "whereClause"), "elements"), 0);
    expect(only, "filterOperator", "OfType");
    expect(json_at(json_get(only, "filterOperands"), 0), "value", "i=2130");
}

static void queries_that_mean_nothing_are_answers(void **state)
{
    (void)state;
    const struct json *a = call("CompileQuery", "{\"query\":\"SELECT\"}");
    expect_error(a, UA_STATUSCODE_BADEVENTFILTERINVALID);
    assert_non_null(strstr(buffer_cstr(&device_double.reply), "line 1, column 7"));
    assert_null(json_get(a, "eventFilter"));
    expect_error(call("CompileQuery", "{\"query\":\"SELECT *\",\"queryType\":\"Query\"}"),
                 UA_STATUSCODE_BADNOTSUPPORTED);
    expect_error(call("CompileQuery", "{\"query\":\"SELECT * FROM i=99999999\"}"),
                 UA_STATUSCODE_BADTYPEDEFINITIONINVALID);
}

static void calls_that_cannot_be_are_refused(void **state)
{
    (void)state;
    expect_error(call("MethodCall_V2", "{\"methodId\":\"" SPACE "#s=Refuse\"}"),
                 UA_STATUSCODE_BADINVALIDSTATE);
    expect_error(call("MethodCall_V2", "{\"methodId\":\"" SPACE
                                       "#s=Twice\",\"arguments\":[{\"value\":1},{\"value\":2}]}"),
                 UA_STATUSCODE_BADTOOMANYARGUMENTS);
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\"},\"request\":{\"methodId\":\"" SPACE
                  "#s=Twice\",\"arguments\":[{\"value\":\"x\"}]}}",
                  world.url);
    call_raw("MethodCall_V2", buffer_cstr(&payload), 400);
    buffer_clear(&payload);
}

/* ---- who, where, and what is no request ---- */

static void requests_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "5",
        "{}",
        "{\"endpoint\":{}}",
        "{\"endpoint\":{\"url\":\"http://x\"}}",
        "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\",\"securityMode\":\"Strange\"}}",
        "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\"},\"request\":5}",
        "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\"},\"request\":{\"header\":{"
        "\"elevation\":{\"type\":\"UserName\",\"value\":{}}}}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        call_raw("Browse_V2", bad[i], 400);
    call_raw("Browse_V2",
             "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\"},\"request\":{\"header\":{"
             "\"elevation\":{\"type\":\"JwtToken\",\"value\":\"x\"}}}}",
             501);
}

static void bodies_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *request;
    } rows[] = {
        {"Browse_V2", "{\"direction\":\"Sideways\"}"},
        {"Browse_V2", "{\"nodeId\":\"what\"}"},
        {"Browse_V2", "{\"nodeClassFilter\":[\"Thing\"]}"},
        {"Browse_V2", "{\"referenceTypeId\":\"IsFriendOf\"}"},
        {"BrowseNext_V2", "{}"},
        {"BrowseNext_V2", "{\"continuationToken\":\"?\"}"},
        {"BrowsePath_V2", "{}"},
        {"BrowsePath_V2", "{\"browsePaths\":[]}"},
        {"BrowsePath_V2", "{\"browsePaths\":[[]]}"},
        {"BrowsePath_V2", "{\"browsePaths\":[[5]]}"},
        {"BrowsePath_V2", "{\"browsePaths\":[[\"<HasChild\"]]}"},
        {"ValueRead_V2", "{}"},
        {"ValueWrite_V2", "{\"nodeId\":\"i=85\"}"},
        {"NodeRead_V2", "{}"},
        {"NodeRead_V2", "{\"attributes\":[{\"nodeId\":\"i=85\",\"attribute\":\"Colour\"}]}"},
        {"NodeRead_V2", "{\"attributes\":[{\"nodeId\":\"\",\"attribute\":\"Value\"}]}"},
        {"MethodMetadata_V2", "{}"},
        {"MethodCall_V2", "{}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer payload = {0};
        buffer_printf(&payload, "{\"endpoint\":{\"url\":\"%s\"},\"request\":%s}", world.url,
                      rows[i].request);
        call_raw(rows[i].method, buffer_cstr(&payload), 400);
        buffer_clear(&payload);
    }
}

static void a_server_that_is_not_there_is_502_or_408(void **state)
{
    (void)state;
    const struct json *a = call_raw(
        "Browse_V2", "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\",\"securityMode\":\"None\"}}",
        502);
    assert_non_null(json_get(a, "detail"));
}

static void alternative_urls_are_tried(void **state)
{
    (void)state;
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"opc.tcp://127.0.0.1:1\",\"alternativeUrls\":[\"%s\"],"
                  "\"securityMode\":\"None\"},\"request\":{\"nodeId\":\"i=85\"}}",
                  world.url);
    expect(json_get(call_raw("Browse_V2", buffer_cstr(&payload), 200), "node"), "nodeId", "i=85");
    buffer_clear(&payload);
}

static const struct json *browse_as(const char *password, int want)
{
    struct buffer payload = {0};
    buffer_printf(
        &payload,
        "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},\"request\":{\"nodeId\":"
        "\"i=85\",\"header\":{\"elevation\":{\"type\":\"UserName\",\"value\":{\"user\":"
        "\"me\",\"password\":\"%s\"}}}}}",
        world.url, password);
    const struct json *a = call_raw("Browse_V2", buffer_cstr(&payload), want);
    buffer_clear(&payload);
    return a;
}

static void credentials_are_those_of_the_request(void **state)
{
    (void)state;
    browse_as("secret", 200);
    browse_as("wrong", 401);
    assert_int_equal(slice_find_slice(buffer_slice(&device_double.reply), SLICE("wrong")),
                     device_double.reply.len);
}

static void formats_of_2_9_are_kept(void **state)
{
    (void)state;
    const struct json *a =
        call("Browse",
             "{\"nodeId\":\"" SPACE "#s=Number\",\"header\":{\"namespaceFormat\":\"Expanded\"}}");
    expect(json_get(a, "node"), "nodeId", "nsu=" SPACE ";s=Number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browses_the_root_by_itself),
        cmocka_unit_test(browses_variables_with_attributes_and_values),
        cmocka_unit_test(browses_backward_and_the_node_alone),
        cmocka_unit_test(a_browse_goes_on_with_its_token),
        cmocka_unit_test(a_token_can_be_given_back),
        cmocka_unit_test(nodes_that_do_not_exist_are_answers),
        cmocka_unit_test(paths_lead_to_nodes),
        cmocka_unit_test(values_are_read_with_type_and_times),
        cmocka_unit_test(values_become_what_the_node_wants),
        cmocka_unit_test(writes_that_cannot_be_are_refused),
        cmocka_unit_test(attributes_are_read_one_result_each),
        cmocka_unit_test(attributes_are_written_one_result_each),
        cmocka_unit_test(methods_say_what_they_want),
        cmocka_unit_test(methods_are_called),
        cmocka_unit_test(queries_become_event_filters),
        cmocka_unit_test(a_query_for_all_has_the_fields_that_the_server_says),
        cmocka_unit_test(queries_that_mean_nothing_are_answers),
        cmocka_unit_test(calls_that_cannot_be_are_refused),
        cmocka_unit_test(requests_that_are_none_are_refused),
        cmocka_unit_test(bodies_that_make_no_sense_are_refused),
        cmocka_unit_test(a_server_that_is_not_there_is_502_or_408),
        cmocka_unit_test(alternative_urls_are_tried),
        cmocka_unit_test(credentials_are_those_of_the_request),
        cmocka_unit_test(formats_of_2_9_are_kept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
