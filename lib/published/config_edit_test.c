#include "published/config_edit.h"

#include "base/cmocka.h"
#include "published/config.h"

#define NOW 1764176400000 /* 2025-11-26T17:00:00Z */
#define STAMP "\"Version\": 1,\n    \"LastChangeDateTime\": \"2025-11-26T17:00:00.000Z\""

static struct buffer file;
static struct config_answer answer;

static void hold(const char *text)
{
    buffer_reset(&file);
    buffer_text(&file, text);
}

static int tear_down(void **state)
{
    (void)state;
    config_answer_clear(&answer);
    buffer_clear(&file);
    return 0;
}

/* Calls a method; what it makes of the file is the file from now on. */
static const char *call(const char *method, const char *payload)
{
    config_answer_clear(&answer);
    config_edit(buffer_slice(&file), slice_of(method), slice_of(payload), NOW, NULL, &answer);
    if (answer.changed)
        hold(buffer_cstr(&answer.text));
    return buffer_cstr(&answer.body);
}

static const char *good(const char *method, const char *payload)
{
    const char *body = call(method, payload);
    if (answer.status != OK)
        fail_msg("%s: %s", method, body);
    return body;
}

static void refused(enum status s, const char *why, const char *method, const char *payload)
{
    const char *body = call(method, payload);
    assert_string_equal(body, why);
    assert_int_equal(answer.status, s);
    assert_false(answer.changed);
}

static const char *text(void)
{
    return buffer_cstr(&file);
}

#define ENTRY(nodes) "{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [" nodes "]}"

/* ---- what is kept ---- */

/* Answers have a name once: programs refuse them otherwise. */
static void of_a_name_that_stands_twice_the_last_one_is_told(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetName\": \"x\", \"datasetname\": \"y\", \"OpcNodes\": "
         "[{\"Id\": \"i=1\", \"QueueSize\": 1, \"QueueSize\": 2}]}]");
    assert_string_equal(good("GetConfiguredEndpoints", "{\"includeNodes\": true}"),
                        "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetName\":\"y\",\"OpcNodes\":"
                        "[{\"Id\":\"i=1\",\"QueueSize\":2}]}]}");
    good("PublishNodes", "{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetName\": \"y\", \"OpcNodes\": [{\"Id\": \"i=2\"}]}");
    assert_non_null(strstr(text(), "\"QueueSize\": 1, \"QueueSize\": 2")); /* as it stood */
    assert_non_null(strstr(text(), "i=2"));
}

/* As for what runs. */
static void of_a_value_and_a_null_the_value_is_told_and_written(void **state)
{
    (void)state;
    hold("[]");
    good("PublishNodes", "{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetName\": \"x\", \"datasetname\": null, \"OpcNodes\": "
                         "[{\"Id\": \"i=1\", \"QueueSize\": 4, \"queuesize\": null}]}");
    assert_non_null(strstr(text(), "\"QueueSize\": 4"));
    assert_null(strstr(text(), "null"));
    assert_string_equal(good("GetConfiguredNodesOnEndpoint", "{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetName\": \"x\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\",\"QueueSize\":4}]}");
}

static void an_empty_file_gets_its_first_entry(void **state)
{
    (void)state;
    hold("");
    assert_string_equal(good("PublishNodes_V1", "{\"endpointUrl\":\"opc.tcp://a\",\"opcNodes\":[{"
                                                "\"id\":\"i=1\",\"queueSize\":null}]}"),
                        "{}");
    assert_string_equal(text(), "[\n"
                                "  {\n"
                                "    \"EndpointUrl\": \"opc.tcp://a\",\n"
                                "    " STAMP ",\n"
                                "    \"OpcNodes\": [\n"
                                "      {\n"
                                "        \"Id\": \"i=1\"\n"
                                "      }\n"
                                "    ]\n"
                                "  }\n"
                                "]\n");
}

static void what_is_not_touched_stays_as_it_is_written(void **state)
{
    (void)state;
    hold("// plant 7\n"
         "[\n"
         "  /* the press */\n"
         "  {\n"
         "    \"endpointUrl\": \"opc.tcp://a\", // its PLC\n"
         "    \"Colour\": {\"of\": [1,2]},\n"
         "    \"OpcNodes\": [\n"
         "      { \"Id\": \"i=1\", \"Unit\": \"bar\" }, // pressure\n"
         "      { \"Id\": 5 }\n"
         "    ] // all\n"
         "  },\n"
         "  { \"EndpointUrl\": \"http://b\" },\n"
         "]\n"
         "// end\n");
    good("PublishNodes", ENTRY("{\"Id\": \"i=2\"}"));
    assert_string_equal(text(), "// plant 7\n"
                                "[\n"
                                "  /* the press */\n"
                                "  {\n"
                                "    \"endpointUrl\": \"opc.tcp://a\", // its PLC\n"
                                "    \"Colour\": {\"of\": [1,2]},\n"
                                "    \"OpcNodes\": [\n"
                                "      { \"Id\": \"i=1\", \"Unit\": \"bar\" }, // pressure\n"
                                "      { \"Id\": 5 },\n"
                                "      {\n"
                                "        \"Id\": \"i=2\"\n"
                                "      }\n"
                                "    ],\n"
                                "    " STAMP " // all\n"
                                "  },\n"
                                "  { \"EndpointUrl\": \"http://b\" }\n"
                                "]\n"
                                "// end\n");
}

static void versions_count_and_the_time_is_of_the_last_change(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\":\"opc.tcp://"
         "a\",\"version\":41,\"LastChangeTimespan\":\"x\",\"OpcNodes\":[]}"
         ",{\"Version\":7,\"EndpointUrl\":\"opc.tcp://b\"}]");
    good("PublishNodes", ENTRY("{\"Id\": \"i=1\"}"));
    assert_non_null(
        strstr(text(), "\"version\":42,\"LastChangeTimespan\":\"2025-11-26T17:00:00.000Z\""));
    assert_non_null(
        strstr(text(), "{\"Version\":42,\"EndpointUrl\":\"opc.tcp://b\",\n\"LastChange"));
}

static void the_node_of_2_5_joins_the_others(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\":\"opc.tcp://a\",\"NodeId\":{\"Identifier\":\"i=1\"}}]");
    good("PublishNodes", ENTRY("{\"Id\": \"i=2\"}"));
    assert_non_null(strstr(text(), "\"NodeId\":null"));
    assert_string_equal(good("GetConfiguredNodesOnEndpoint", "{\"EndpointUrl\":\"opc.tcp://a\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\"},{\"Id\":\"i=2\"}]}");
}

static void broken_files_are_not_written_over(void **state)
{
    (void)state;
    hold("[ { \"EndpointUrl\": \"opc.tcp://a\", ");
    call("PublishNodes", ENTRY("{\"Id\": \"i=2\"}"));
    assert_int_equal(answer.status, CONFLICT);
    assert_false(answer.changed);
}

/* ---- PublishNodes ---- */

#define NODES(entry) good("GetConfiguredNodesOnEndpoint", entry)

static void nodes_are_added_to_their_data_set_once(void **state)
{
    (void)state;
    hold("[" ENTRY("{\"Id\": \"i=1\", \"QueueSize\": 2}") "]");
    good("PublishNodes", ENTRY("{\"Id\": \"i=1\", \"QueueSize\": 2, \"SkipFirst\": false},"
                               "{\"Id\": \"i=1\"}"));
    good("PublishNodes", "{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetWriterId\":\"w\","
                         "\"OpcNodes\":[{\"Id\":\"i=1\"}]}");
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://a\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\",\"QueueSize\":2},{\"Id\":\"i=1\"}]}");
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetWriterId\":\"w\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\"}]}");
}

static void a_request_s_publishing_interval_goes_to_its_nodes(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetPublishingInterval\":1000,\"OpcNodes\":[{"
         "\"Id\":\"i=1\"}]}]");
    good("PublishNodes", "{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetPublishingInterval\":2500,"
                         "\"OpcNodes\":[{\"Id\":\"i=1\"}]}");
    good("PublishNodes", "{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetPublishingInterval\":1000,"
                         "\"OpcNodes\":[{\"Id\":\"i=1\"}]}");
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://a\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\"},{\"Id\":\"i=1\","
                        "\"OpcPublishingIntervalTimespan\":\"00:00:02.500\"}]}");
}

static void requests_without_nodes_or_url_or_with_mistakes_are_refused(void **state)
{
    (void)state;
    hold("[]");
    refused(BAD_ARGUMENT, "null or empty OpcNodes is provided in request", "PublishNodes",
            "{\"EndpointUrl\":\"opc.tcp://a\",\"OpcNodes\":[]}");
    refused(BAD_ARGUMENT, "null or empty OpcNodes is provided in request", "PublishNodes", "");
    refused(BAD_ARGUMENT, "Missing endpoint url in entry", "PublishNodes",
            "{\"EndpointUrl\":\" \",\"OpcNodes\":[{\"Id\":\"i=1\"}]}");
    refused(BAD_ARGUMENT, "QueueSize must be a whole number, 0 or more", "PublishNodes",
            ENTRY("{\"Id\": \"i=1\", \"QueueSize\": -1}"));
    refused(BAD_ARGUMENT, "the payload is not JSON", "PublishNodes", "{oops}");
    refused(UNSUPPORTED, "there is no method Sing_V1", "Sing_V1", "{}");
}

/* ---- UnpublishNodes, UnpublishAllNodes ---- */

#define TWO                                                                                        \
    ENTRY("{\"Id\": \"i=1\", \"QueueSize\": 2}, {\"Id\": \"i=1\"}, {\"Id\": \"i=2\", "             \
          "\"SkipFirst\": true}")

static void nodes_are_removed_as_they_are_or_by_id(void **state)
{
    (void)state;
    hold("[" TWO "]");
    good("UnpublishNodes", ENTRY("{\"Id\": \"i=1\"}, {\"Id\": \"i=2\"}"));
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://a\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=1\",\"QueueSize\":2}]}");
    good("UnpublishNodes", ENTRY("{\"Id\": \"i=1\"}"));
    assert_string_equal(good("GetConfiguredEndpoints", ""), "{\"endpoints\":[]}");
}

static void what_is_not_there_is_named_and_nothing_is_removed(void **state)
{
    (void)state;
    hold("[" TWO "]");
    refused(NOT_FOUND,
            "Nodes not found: \n{\"EndpointUrl\":\"opc.tcp://a\",\"OpcNodes\":[{\"Id\":"
            "\"i=9\"}]}",
            "UnpublishNodes", ENTRY("{\"Id\": \"i=2\"}, {\"Id\": \"i=9\"}"));
    refused(NOT_FOUND, "Endpoint not found: opc.tcp://b", "UnpublishNodes",
            "{\"EndpointUrl\":\"opc.tcp://b\"}");
    refused(NOT_FOUND, "Endpoint not found: opc.tcp://a", "UnpublishNodes",
            "{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetWriterId\":\"other\"}");
}

static void a_request_without_nodes_removes_the_data_set(void **state)
{
    (void)state;
    hold("[" TWO ", {\"EndpointUrl\":\"opc.tcp://b\",\"OpcNodes\":[]}, " TWO "]");
    good("UnpublishNodes", "{\"EndpointUrl\":\"opc.tcp://a\",\"OpcNodes\":null}");
    assert_null(strstr(text(), "opc.tcp://a"));
    assert_non_null(strstr(text(), "opc.tcp://b"));
}

static void all_is_removed_when_no_endpoint_is_named(void **state)
{
    (void)state;
    hold("[" TWO ", {\"EndpointUrl\":\"opc.tcp://b\"}, {\"EndpointUrl\":\"opc.tcp://c\"}]");
    refused(BAD_ARGUMENT, "OpcNodes must be null or empty: all nodes are unpublished",
            "UnpublishAllNodes", ENTRY("{\"Id\": \"i=1\"}"));
    refused(NOT_FOUND, "Endpoint or node not found: opc.tcp://d", "UnpublishAllNodes",
            "{\"EndpointUrl\":\"opc.tcp://d\"}");
    good("UnpublishAllNodes", "{\"EndpointUrl\":\"opc.tcp://b\"}");
    assert_null(strstr(text(), "opc.tcp://b"));
    assert_non_null(strstr(text(), "opc.tcp://c"));
    good("UnpublishAllNodes", "{}");
    assert_string_equal(text(), "[]");
}

/* ---- endpoints ---- */

static void endpoints_are_replaced_removed_and_added(void **state)
{
    (void)state;
    hold("[" TWO ", {\"EndpointUrl\":\"opc.tcp://b\",\"OpcNodes\":[{\"Id\":\"i=5\"}]}]");
    assert_string_equal(
        good("AddOrUpdateEndpoints_V1",
             "[" ENTRY("{\"Id\": \"i=7\"}") ",{\"EndpointUrl\":\"opc.tcp://b\"},"
                                            "{\"EndpointUrl\":\"opc.tcp://"
                                            "c\",\"OpcNodes\":[{\"Id\":\"i=8\"}]}]"),
        "{}");
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://a\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=7\"}]}");
    assert_string_equal(NODES("{\"EndpointUrl\":\"opc.tcp://c\"}"),
                        "{\"opcNodes\":[{\"Id\":\"i=8\"}]}");
    assert_null(strstr(text(), "opc.tcp://b"));
}

static void endpoints_that_are_twice_in_a_request_are_refused(void **state)
{
    (void)state;
    hold("[]");
    refused(BAD_ARGUMENT, "Request contains two entries for the same endpoint at index 0 and 1",
            "AddOrUpdateEndpoints",
            "[" ENTRY("{\"Id\": \"i=1\"}") "," ENTRY("{\"Id\": \"i=2\"}") "]");
    refused(NOT_FOUND, "Endpoint not found: opc.tcp://a", "AddOrUpdateEndpoints",
            "[{\"EndpointUrl\":\"opc.tcp://a\"}]");
}

static void the_whole_configuration_is_set_at_once(void **state)
{
    (void)state;
    hold("[" TWO "]");
    assert_string_equal(good("SetConfiguredEndpoints",
                             "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://z\",\"OpcNodes\":[{"
                             "\"Id\":\"i=1\"}]}]}"),
                        "");
    assert_string_equal(good("GetConfiguredEndpoints", "{\"includeNodes\":true}"),
                        "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://z\",\"Version\":1,"
                        "\"LastChangeDateTime\":\"2025-11-26T17:00:00.000Z\","
                        "\"OpcNodes\":[{\"Id\":\"i=1\"}]}]}");
    good("SetConfiguredEndpoints", "{\"endpoints\":null}");
    assert_string_equal(good("GetConfiguredEndpoints", ""), "{\"endpoints\":[]}");
}

static void secrets_are_not_told(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\":\"opc.tcp://a\",\"OpcAuthenticationMode\":\"UsernamePassword\","
         "\"OpcAuthenticationUsername\":\"u\",\"OpcAuthenticationPassword\":\"secret\","
         "\"OpcNodes\":[{\"Id\":\"i=1\"}]}]");
    assert_string_equal(good("GetConfiguredEndpoints", "{\"includeNodes\":false}"),
                        "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://a\","
                        "\"OpcAuthenticationMode\":\"UsernamePassword\","
                        "\"OpcAuthenticationUsername\":\"u\"}]}");
    refused(NOT_FOUND, "Endpoint not found: opc.tcp://a", "GetConfiguredNodesOnEndpoint",
            "{\"EndpointUrl\":\"opc.tcp://a\"}");
}

/* ---- one writer ---- */

#define WRITER "\"dataSetWriterGroup\":\"g\",\"dataSetWriterId\":\"w\""
#define WRITER_FILE(nodes)                                                                         \
    "[{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetWriterGroup\":\"g\",\"DataSetWriterId\":\"w\","    \
    "\"OpcNodes\":[" nodes "]}]"

static void a_writer_is_made_and_replaced(void **state)
{
    (void)state;
    hold("[]");
    good("CreateOrUpdateDataSetWriterEntry",
         "{\"EndpointUrl\":\"opc.tcp://a\",\"DataSetWriterGroup\":\"g\",\"DataSetWriterId\":\"w\","
         "\"OpcNodes\":[{\"Id\":\"i=1\"}]}");
    assert_string_equal(good("GetNodes", "{" WRITER "}"),
                        "[{\"Id\":\"i=1\",\"DataSetFieldId\":\"i=1\"}]");
    good("CreateOrUpdateDataSetWriterEntry",
         "{\"EndpointUrl\":\"opc.tcp://b\","
         "\"DataSetWriterGroup\":\"g\",\"DataSetWriterId\":\"w\"}");
    assert_string_equal(good("GetDataSetWriterEntry_V2", "{" WRITER "}"),
                        "{\"EndpointUrl\":\"opc.tcp://b\",\"DataSetWriterGroup\":\"g\","
                        "\"DataSetWriterId\":\"w\",\"Version\":2,"
                        "\"LastChangeDateTime\":\"2025-11-26T17:00:00.000Z\"}");
}

static void writers_that_are_missing_or_not_unique_are_told_apart(void **state)
{
    (void)state;
    hold("[{\"EndpointUrl\":\"opc.tcp://a\"},{\"EndpointUrl\":\"opc.tcp://b\"}]");
    refused(NOT_FOUND, "Could not find entry with provided writer id and writer group.",
            "GetDataSetWriterEntry", "{" WRITER "}");
    refused(FORBIDDEN, "Trying to find entry with provided writer id produced ambigious results.",
            "RemoveDataSetWriterEntry", "{\"dataSetWriterGroup\":\"\",\"dataSetWriterId\":\"\"}");
    good("RemoveDataSetWriterEntry",
         "{\"dataSetWriterGroup\":\"\",\"dataSetWriterId\":\"\",\"force\":true}");
    assert_string_equal(text(), "[]");
}

static void fields_are_put_where_they_belong(void **state)
{
    (void)state;
    hold(WRITER_FILE(
        "{\"Id\":\"i=1\",\"DataSetFieldId\":\"a\"},{\"Id\":\"i=2\",\"DataSetFieldId\":\"b\"}"));
    good("AddOrUpdateNodes", "{" WRITER ",\"insertAfterFieldId\":\"a\",\"opcNodes\":["
                             "{\"Id\":\"i=3\",\"DataSetFieldId\":\"c\"},{\"Id\":\"i=9\","
                             "\"DataSetFieldId\":\"b\"},{\"Id\":\"i=4\"}]}");
    good("AddOrUpdateNode", "{" WRITER ",\"opcNode\":{\"Id\":\"i=5\",\"DataSetFieldId\":\"e\"}}");
    assert_string_equal(good("GetNodes", "{" WRITER "}"),
                        "[{\"Id\":\"i=1\",\"DataSetFieldId\":\"a\"},"
                        "{\"Id\":\"i=3\",\"DataSetFieldId\":\"c\"},"
                        "{\"Id\":\"i=4\",\"DataSetFieldId\":\"i=4\"},"
                        "{\"Id\":\"i=9\",\"DataSetFieldId\":\"b\"},"
                        "{\"Id\":\"i=5\",\"DataSetFieldId\":\"e\"}]");
    refused(NOT_FOUND, "Field to insert after not found.", "AddOrUpdateNode",
            "{" WRITER ",\"insertAfterFieldId\":\"z\",\"opcNode\":{\"Id\":\"i=5\"}}");
    refused(BAD_ARGUMENT, "Field ids must be present and unique.", "AddOrUpdateNodes",
            "{" WRITER ",\"opcNodes\":[{\"Id\":\"i=5\"},{\"Id\":\"i=5\"}]}");
    refused(
        BAD_ARGUMENT, "Publishing interval not allowed on node level. Must be set at writer level.",
        "AddOrUpdateNode", "{" WRITER ",\"opcNode\":{\"Id\":\"i=5\",\"OpcPublishingInterval\":1}}");
}

static void fields_are_read_by_name_and_in_pages(void **state)
{
    (void)state;
    hold(WRITER_FILE(
        "{\"Id\":\"i=1\",\"DataSetFieldId\":\"a\"},{\"Id\":\"i=2\",\"DataSetFieldId\":\"b\"},"
        "{\"Id\":\"i=3\",\"DataSetFieldId\":\"c\"}"));
    assert_string_equal(good("GetNode", "{" WRITER ",\"dataSetFieldId\":\"b\"}"),
                        "{\"Id\":\"i=2\",\"DataSetFieldId\":\"b\"}");
    assert_string_equal(
        good("GetNodes", "{" WRITER ",\"pageSize\":1,\"lastDataSetFieldId\":\"a\"}"),
        "[{\"Id\":\"i=2\",\"DataSetFieldId\":\"b\"}]");
    assert_string_equal(good("GetNodes", "{" WRITER ",\"lastDataSetFieldId\":\"c\"}"), "[]");
    refused(NOT_FOUND, "Node with id z not found.", "GetNode",
            "{" WRITER ",\"dataSetFieldId\":\"z\"}");
}

static void fields_are_removed_by_name(void **state)
{
    (void)state;
    hold(WRITER_FILE(
        "{\"Id\":\"i=1\",\"DataSetFieldId\":\"a\"},{\"Id\":\"i=2\",\"DataSetFieldId\":\"b\"}"));
    refused(BAD_ARGUMENT, "Field ids must be specified.", "RemoveNodes", "{" WRITER "}");
    refused(BAD_ARGUMENT, "Field ids must be unique.", "RemoveNodes",
            "{" WRITER ",\"dataSetFieldIds\":[\"a\",\"a\"]}");
    refused(NOT_FOUND, "Specified node not found in dataset", "RemoveNode",
            "{" WRITER ",\"dataSetFieldId\":\"z\"}");
    good("RemoveNodes", "{" WRITER ",\"dataSetFieldIds\":[\"a\",\"z\"]}");
    good("RemoveNode", "{" WRITER ",\"dataSetFieldId\":\"b\"}");
    refused(NOT_FOUND, "No nodes in dataset.", "RemoveNode",
            "{" WRITER ",\"dataSetFieldId\":\"b\"}");
}

static void nameless_fields_are_refused_until_they_are_unique(void **state)
{
    (void)state;
    hold(WRITER_FILE("{\"Id\":\"i=1\"},{\"Id\":\"i=2\"}"));
    refused(BAD_ARGUMENT, "Field ids in writer entry must be present and unique.", "GetNodes",
            "{" WRITER "}");
}

/* ---- by connection ---- */

#define CONNECTION                                                                                 \
    "\"connection\":{\"endpoint\":{\"url\":\"opc.tcp://a\",\"securityMode\":\"SignAndEncrypt\"},"  \
    "\"group\":\"g\",\"options\":\"UseReverseConnect\",\"user\":{\"type\":\"UserName\","           \
    "\"value\":{\"user\":\"u\",\"password\":\"p\"}}}"

static void items_are_published_by_connection(void **state)
{
    (void)state;
    hold("[]");
    assert_string_equal(good("PublishStart", "{" CONNECTION ",\"request\":{\"item\":{\"nodeId\":"
                                             "\"i=1\",\"samplingInterval\":\"00:00:01\"}}}"),
                        "{}");
    good("PublishStart_V2", "{" CONNECTION ",\"request\":{\"item\":{\"nodeId\":\"i=1\","
                            "\"displayName\":\"d\",\"publishingInterval\":\"00:00:02\"}}}");
    assert_string_equal(good("GetConfiguredEndpoints", "{\"includeNodes\":true}"),
                        "{\"endpoints\":[{\"EndpointUrl\":\"opc.tcp://a\","
                        "\"EndpointSecurityMode\":\"SignAndEncrypt\","
                        "\"OpcAuthenticationMode\":\"UsernamePassword\","
                        "\"OpcAuthenticationUsername\":\"u\",\"DataSetWriterGroup\":\"g\","
                        "\"UseReverseConnect\":true,\"MessageEncoding\":\"Json\","
                        "\"MessagingMode\":\"FullSamples\",\"Version\":2,"
                        "\"LastChangeDateTime\":\"2025-11-26T17:00:00.000Z\",\"OpcNodes\":[{"
                        "\"Id\":\"i=1\",\"DisplayName\":\"d\","
                        "\"OpcPublishingIntervalTimespan\":\"00:00:02\"}]}]}");
    assert_string_equal(good("PublishList", "{" CONNECTION ",\"request\":{}}"),
                        "{\"items\":[{\"nodeId\":\"i=1\",\"displayName\":\"d\","
                        "\"publishingInterval\":\"00:00:02\"}]}");
    good("PublishStop", "{" CONNECTION ",\"request\":{\"nodeId\":\"i=1\"}}");
    assert_string_equal(good("PublishList", "{" CONNECTION ",\"request\":{}}"), "{\"items\":[]}");
}

static void items_are_published_in_bulk(void **state)
{
    (void)state;
    hold("[]");
    good("PublishBulk", "{" CONNECTION ",\"request\":{\"nodesToAdd\":[{\"nodeId\":\"i=1\"},"
                        "{\"nodeId\":\"i=2\"}]}}");
    good("PublishBulk", "{" CONNECTION ",\"request\":{\"nodesToAdd\":[{\"nodeId\":\"i=3\"}],"
                        "\"nodesToRemove\":[\"i=1\"]}}");
    assert_string_equal(good("PublishList", "{" CONNECTION ",\"request\":{}}"),
                        "{\"items\":[{\"nodeId\":\"i=2\"},{\"nodeId\":\"i=3\"}]}");
    refused(BAD_ARGUMENT, "null or empty OpcNodes is provided in request", "PublishBulk",
            "{" CONNECTION ",\"request\":{}}");
    refused(BAD_ARGUMENT, "null or empty OpcNodes is provided in request", "PublishStart",
            "{" CONNECTION ",\"request\":{\"item\":{}}}");
    refused(BAD_ARGUMENT, "samplingInterval must be a time span such as \"00:00:01.500\"",
            "PublishStart",
            "{" CONNECTION
            ",\"request\":{\"item\":{\"nodeId\":\"i=1\",\"samplingInterval\":\"1s\"}}}");
    refused(BAD_ARGUMENT, "Missing endpoint url in entry", "PublishList", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(of_a_name_that_stands_twice_the_last_one_is_told, tear_down),
        cmocka_unit_test_teardown(of_a_value_and_a_null_the_value_is_told_and_written, tear_down),
        cmocka_unit_test_teardown(an_empty_file_gets_its_first_entry, tear_down),
        cmocka_unit_test_teardown(what_is_not_touched_stays_as_it_is_written, tear_down),
        cmocka_unit_test_teardown(versions_count_and_the_time_is_of_the_last_change, tear_down),
        cmocka_unit_test_teardown(the_node_of_2_5_joins_the_others, tear_down),
        cmocka_unit_test_teardown(broken_files_are_not_written_over, tear_down),
        cmocka_unit_test_teardown(nodes_are_added_to_their_data_set_once, tear_down),
        cmocka_unit_test_teardown(a_request_s_publishing_interval_goes_to_its_nodes, tear_down),
        cmocka_unit_test_teardown(requests_without_nodes_or_url_or_with_mistakes_are_refused,
                                  tear_down),
        cmocka_unit_test_teardown(nodes_are_removed_as_they_are_or_by_id, tear_down),
        cmocka_unit_test_teardown(what_is_not_there_is_named_and_nothing_is_removed, tear_down),
        cmocka_unit_test_teardown(a_request_without_nodes_removes_the_data_set, tear_down),
        cmocka_unit_test_teardown(all_is_removed_when_no_endpoint_is_named, tear_down),
        cmocka_unit_test_teardown(endpoints_are_replaced_removed_and_added, tear_down),
        cmocka_unit_test_teardown(endpoints_that_are_twice_in_a_request_are_refused, tear_down),
        cmocka_unit_test_teardown(the_whole_configuration_is_set_at_once, tear_down),
        cmocka_unit_test_teardown(secrets_are_not_told, tear_down),
        cmocka_unit_test_teardown(a_writer_is_made_and_replaced, tear_down),
        cmocka_unit_test_teardown(writers_that_are_missing_or_not_unique_are_told_apart, tear_down),
        cmocka_unit_test_teardown(fields_are_put_where_they_belong, tear_down),
        cmocka_unit_test_teardown(fields_are_read_by_name_and_in_pages, tear_down),
        cmocka_unit_test_teardown(fields_are_removed_by_name, tear_down),
        cmocka_unit_test_teardown(nameless_fields_are_refused_until_they_are_unique, tear_down),
        cmocka_unit_test_teardown(items_are_published_by_connection, tear_down),
        cmocka_unit_test_teardown(items_are_published_in_bulk, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
