/* What a server says of itself, of its nodes and types, and of all that is below a node. */
#include "twin/twin_rig.h"

static const struct json *call_on(const char *url, const char *method, int want)
{
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"connection\":{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"}}}",
                  url);
    const struct json *a = call_raw(method, buffer_cstr(&payload), want);
    buffer_clear(&payload);
    return a;
}

static void says_what_the_server_can(void **state)
{
    (void)state;
    const struct json *a = call_on(world.url, "GetServerCapabilities_V2", 200);
    assert_true(json_is(json_get(a, "operationLimits"), JSON_OBJECT));
    assert_true(json_count(json_get(a, "serverProfileArray")) > 0);
    assert_true(json_is(json_get(a, "supportedLocales"), JSON_ARRAY));
    expect(json_get(a, "modellingRules"), "Mandatory", "i=78");
    assert_null(json_get(a, "errorInfo"));
}

/* A server without the nodes of a historian has none of its members, and that is no failure. */
static void says_what_the_historian_can(void **state)
{
    (void)state;
    const struct json *a = call_on(world.url, "HistoryGetServerCapabilities", 200);
    assert_true(json_is(a, JSON_OBJECT));
    assert_null(json_get(a, "errorInfo"));
}

static void says_that_a_node_has_no_history_configuration(void **state)
{
    (void)state;
    expect_error(call("HistoryGetConfiguration", "{\"nodeId\":\"http://test.org/Data/#s=Real\"}"),
                 UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED);
}

static void a_connection_that_can_be_had_is_good(void **state)
{
    (void)state;
    const struct json *a = call_on(world.url, "TestConnection_V2", 200);
    assert_null(json_get(a, "errorInfo"));
}

/* That there is no connection is the answer, not a failure of the call. */
static void a_connection_that_cannot_be_had_is_told(void **state)
{
    (void)state;
    const struct json *a = call_on("opc.tcp://127.0.0.1:1", "TestConnection_V2", 200);
    assert_true(json_is(json_get(a, "errorInfo"), JSON_OBJECT));
    call_on("opc.tcp://127.0.0.1:1", "GetServerCapabilities_V2", 502);
}

/* The payload is the endpoint itself. */
static void says_that_a_server_has_no_certificate(void **state)
{
    (void)state;
    struct buffer payload = {0};
    buffer_printf(&payload, "{\"url\":\"%s\"}", world.url);
    call_raw("GetEndpointCertificate_V2", buffer_cstr(&payload), 404);
    buffer_clear(&payload);
    call_raw("GetEndpointCertificate_V2", "{\"url\":\"http://x\"}", 400);
}

static const struct json *find_member(const struct json *list, const char *name)
{
    struct json_walk walk = json_walk(list);
    while (json_next(&walk))
        if (slice_eq(json_string(json_get(walk.value, "displayName")), slice_of(name)))
            return walk.value;
    fail_msg("no member %s in %s", name, buffer_cstr(&device_double.reply));
    return NULL;
}

static void describes_a_type_with_what_its_instances_have(void **state)
{
    (void)state;
    const struct json *a = call("GetMetadata_V2", "{\"nodeId\":\"i=2004\"}"); /* ServerType */
    const struct json *type = json_get(a, "typeDefinition");
    expect(a, "nodeClass", "ObjectType");
    expect(type, "typeDefinitionId", "i=2004");
    expect(type, "nodeType", "Object");
    assert_int_equal(json_count(json_get(type, "typeHierarchy")), 1);
    expect(json_at(json_get(type, "typeHierarchy"), 0), "nodeId", "i=58");
    const struct json *support = find_member(json_get(type, "typeMembers"), "RedundancySupport");
    expect(support, "displayPath", "ServerRedundancy/RedundancySupport");
    expect(support, "modellingRule", "Mandatory");
    expect(support, "nodeClass", "Variable");
    expect(support, "rootTypeId", "i=2004");
    assert_int_equal(json_count(json_get(support, "browsePath")), 2);
    expect(json_get(json_get(support, "variable"), "dataType"), "dataType", "RedundancySupport");
}

static void describes_a_variable(void **state)
{
    (void)state;
    const struct json *a =
        call("GetMetadata_V2", "{\"nodeId\":\"http://test.org/Data/#s=Number\"}");
    expect(a, "displayName", "Number");
    expect(json_get(json_get(a, "variableMetadata"), "dataType"), "dataType", "Int32");
    expect(json_get(a, "variableMetadata"), "valueRank", "Scalar");
    expect(json_get(a, "typeDefinition"), "nodeType", "DataVariable");
}

static void describes_a_method(void **state)
{
    (void)state;
    const struct json *a = call("GetMetadata_V2", "{\"nodeId\":\"http://test.org/Data/#s=Twice\"}");
    const struct json *method = json_get(a, "nethodMetadata"); /* as published */
    assert_int_equal(json_count(json_get(method, "inputArguments")), 1);
}

/* Every node once, every reference once; each node's attributes stand before its references. */
static void streams_all_that_is_below(void **state)
{
    (void)state;
    const struct json *a =
        call("BrowseStream_V2", "{\"nodeId\":[\"http://test.org/Data/#s=Data\"]}");
    size_t nodes = 0, references = 0;
    struct json_walk walk = json_walk(a);
    while (json_next(&walk)) {
        nodes += json_get(walk.value, "attributes") != NULL;
        references += json_get(walk.value, "reference") != NULL;
        assert_true(json_string(json_get(walk.value, "sourceId")).len > 0);
    }
    assert_int_equal(nodes, 12); /* the folder, 7 variables, 2 methods with 2 arguments */
    assert_int_equal(references, 11);
}

/* What is of the server's own, with its references and attributes; nothing of OPC UA's own. */
static void exports_a_node_set(void **state)
{
    (void)state;
    const struct json *a = call("ExportNodeSet", "{\"nodeId\":[\"http://test.org/Data/#s=Data\"]}");
    struct slice xml = json_string(json_get(a, "nodeSet"));
    static const char *const want[] = {
        "<Uri>http://test.org/Data/</Uri>",
        "<UAVariable NodeId=\"ns=2;s=Number\" BrowseName=\"2:Number\" DataType=\"i=6\"",
        " AccessLevel=\"3\"",
        "<Reference ReferenceType=\"i=40\">i=63</Reference>",
        "<Reference ReferenceType=\"i=35\" IsForward=\"false\">i=85</Reference>",
        "</UANodeSet>",
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        if (slice_find_slice(xml, slice_of(want[i])) == xml.len)
            fail_msg("no %s in %.*s", want[i], SLICE_FMT(xml));
    assert_true(slice_find_slice(xml, SLICE("NodeId=\"i=")) == xml.len);
}

static void streams_one_level(void **state)
{
    (void)state;
    const struct json *a = call("BrowseStream_V2", "{\"nodeId\":[\"i=85\"],\"noRecurse\":true}");
    struct json_walk walk = json_walk(a);
    size_t nodes = 0;
    while (json_next(&walk))
        nodes += json_get(walk.value, "attributes") != NULL;
    assert_int_equal(nodes, 1);
    assert_true(json_count(a) > 2);
}

static void a_node_that_is_not_there_is_told_in_the_stream(void **state)
{
    (void)state;
    const struct json *a = call("BrowseStream_V2", "{\"nodeId\":\"i=999999\"}");
    expect_error(json_get(json_at(a, 0), "attributes"), UA_STATUSCODE_BADNODEIDUNKNOWN);
}

/* 2.9's nodeIdsOnly: nothing is read. */
static void browses_ids_alone(void **state)
{
    (void)state;
    const struct json *a = call("Browse_V2", "{\"nodeId\":\"i=84\",\"nodeIdsOnly\":true}");
    const struct json *target = json_get(json_at(json_get(a, "references"), 0), "target");
    assert_int_equal(json_count(target), 2); /* its id, and its type's */
}

static void what_is_no_file_cannot_be_opened(void **state)
{
    (void)state;
    expect_error(call("Download", "{\"nodeId\":\"http://test.org/Data/#s=Data\"}"),
                 UA_STATUSCODE_BADMETHODINVALID);
    const struct json *a = call("GetFiles", "{\"nodeId\":\"i=85\"}");
    assert_int_equal(json_count(json_get(a, "result")), 0);
    expect_error(call("GetParent", "{\"nodeId\":\"http://test.org/Data/#s=Data\"}"),
                 UA_STATUSCODE_BADNOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_server_can),
        cmocka_unit_test(says_what_the_historian_can),
        cmocka_unit_test(says_that_a_node_has_no_history_configuration),
        cmocka_unit_test(a_connection_that_can_be_had_is_good),
        cmocka_unit_test(a_connection_that_cannot_be_had_is_told),
        cmocka_unit_test(says_that_a_server_has_no_certificate),
        cmocka_unit_test(describes_a_type_with_what_its_instances_have),
        cmocka_unit_test(describes_a_variable),
        cmocka_unit_test(describes_a_method),
        cmocka_unit_test(streams_all_that_is_below),
        cmocka_unit_test(exports_a_node_set),
        cmocka_unit_test(streams_one_level),
        cmocka_unit_test(a_node_that_is_not_there_is_told_in_the_stream),
        cmocka_unit_test(browses_ids_alone),
        cmocka_unit_test(what_is_no_file_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
