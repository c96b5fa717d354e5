/* Payloads of direct methods against the shapes that the API describes. */
#include "publisher/api_check.h"

#include "base/cmocka.h"

static char why[REST_MODEL_WHY_MAX];

static bool check(const char *method, const char *payload)
{
    struct json_doc *doc = NULL;
    if (payload)
        assert_int_equal(json_parse(slice_of(payload), JSON_STRICT, &doc, NULL), OK);
    bool ok = api_check(slice_of(method), doc ? json_root(doc) : NULL, why);
    json_free(&doc);
    return ok;
}

#define CONNECTION "\"connection\":{\"endpoint\":{\"url\":\"opc.tcp://a:1\"}}"

static void a_member_that_is_wrong_is_named(void **state)
{
    (void)state;
    assert_true(check("Browse", "{" CONNECTION ",\"request\":{\"nodeId\":\"i=85\"}}"));
    assert_false(check("Browse", "{" CONNECTION ",\"request\":{\"nodeId\":85}}"));
    assert_string_equal(why, "request.nodeId: not a string");
    assert_false(check("Browse", "{\"request\":{}}"));
    assert_string_equal(why, "connection: is missing");
    assert_false(check("Browse", NULL));
    assert_false(check("AddOrUpdateEndpoints", "[{\"EndpointUrl\":\"x\",\"OpcNodes\":[{\"Id\":1}]}]"));
    assert_string_equal(why, "[0].OpcNodes[0].Id: not a string");
}

static void one_parameter_of_several_is_checked_in_its_place(void **state)
{
    (void)state;
    assert_true(check("GetConfiguredEndpoints", NULL));
    assert_true(check("GetConfiguredEndpoints", "{\"includeNodes\":true}"));
    assert_false(check("GetConfiguredEndpoints", "{\"includeNodes\":\"perhaps\"}"));
    assert_string_equal(why, "IncludeNodes: not true or false");
    assert_false(check("AddOrUpdateNodes", "{\"dataSetWriterGroup\":\"g\",\"opcNodes\":[{\"Id\":5}]}"));
    assert_string_equal(why, "opcNodes[0].Id: not a string");
    assert_true(check("CreateFile", "{\"name\":\"x\"," CONNECTION ",\"request\":{\"nodeId\":\"i=1\"}}"));
    assert_false(check("CreateFile", "{\"name\":\"x\",\"request\":{" CONNECTION ",\"request\":{\"nodeId\":1}}}"));
    assert_string_equal(why, "request.request.nodeId: not a string");
}

static void what_2_8_says_is_let_through(void **state)
{
    (void)state;
    assert_true(check("Browse", "{\"endpoint\":{\"url\":\"opc.tcp://a:1\"},\"request\":{\"nodeId\":5}}"));
    assert_true(check("GetEndpointCertificate", "{\"endpoint\":{\"url\":\"opc.tcp://a:1\"}}"));
    assert_true(check("HistoryReadProcessedValues",
                      "{" CONNECTION ",\"request\":{\"details\":{\"processingInterval\":1000},"
                      "\"header\":{\"diagnostics\":{\"level\":\"Operations\"}}}}"));
    assert_false(check("GetFileSystems", "{\"endpoint\":{}}")); /* a connection, not 2.8's */
    assert_string_equal(why, "endpoint.url: is missing");
}

static void a_filter_of_events_may_be_a_query(void **state)
{
    (void)state;
    assert_true(check("HistoryReadEvents", "{" CONNECTION ",\"request\":{\"details\":{\"filter\":\"SELECT /Severity FROM BaseEventType\"}}}"));
    assert_false(check("HistoryReadEvents", "{" CONNECTION ",\"request\":{\"details\":{\"filter\":\"text\"}}}"));
    assert_int_equal(strncmp(why, "request.details.filter: ", 24), 0);
    assert_false(check("HistoryReadEvents", "{" CONNECTION ",\"request\":{\"details\":{\"filter\":{\"whereClause\":7}}}}"));
    assert_string_equal(why, "request.details.filter.whereClause: not an object");
}

static void what_has_no_shape_is_not_looked_at(void **state)
{
    (void)state;
    assert_true(check("GetApiKey", "5"));
    assert_true(check("NoSuchMethod", NULL));
    assert_true(check("UnpublishAllNodes", "{}"));
    assert_true(check("UnpublishAllNodes", NULL));
    assert_true(check("UnpublishAllNodes", "null"));
    assert_false(check("UnpublishAllNodes", "[]")); /* who knows what was meant: not everything */
    assert_false(check("UnpublishAllNodes", "{\"EndpointUrl\":7}"));
    assert_true(check("AddCertificate", "{\"store\":\"Trusted\",\"pfxBlob\":[1,2]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_that_is_wrong_is_named),
        cmocka_unit_test(one_parameter_of_several_is_checked_in_its_place),
        cmocka_unit_test(what_2_8_says_is_let_through),
        cmocka_unit_test(a_filter_of_events_may_be_a_query),
        cmocka_unit_test(what_has_no_shape_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
