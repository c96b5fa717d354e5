#include "publisher/diagnostics.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "json/json.h"

static struct survey_failure failures[] = {
    {SLICE_INIT("ns=2;s=Gone"), UA_STATUSCODE_BADNODEIDUNKNOWN}};
static struct survey_writer writers[2];
static struct survey_group groups[1];
static struct survey survey;
static const struct diagnostics_source source = {
    "publisher", "site", "1.2.3", {.lanes = {.sent = 11, .lost = 1}, .waiting = 2}};

static int set_up(void **state)
{
    writers[0] = (struct survey_writer){.name = SLICE("writer"),
                                        .endpoint_url = SLICE("opc.tcp://plc:4840"),
                                        .user = SLICE("operator"),
                                        .connected = true,
                                        .items = 5,
                                        .live = 4,
                                        .failed = 1,
                                        .heartbeats = 2,
                                        .failures = failures,
                                        .failure_count = 1};
    writers[1] = writers[0];
    writers[1].failure_count = 0;
    groups[0] = (struct survey_group){
        .key = SLICE("key"),
        .name = SLICE("gr\"oup"),
        .began_ms = 1000,
        .counts = {.messages = 10, .bytes = 81920, .data_sets = 40, .values = 200},
        .writers = writers,
        .writer_count = 2};
    survey = (struct survey){.wall_ms = 1000 + 90061001, .groups = groups, .group_count = 1};
    *state = diagnostics_new();
    return 0;
}

static int tear_down(void **state)
{
    struct diagnostics *d = *state;
    diagnostics_free(&d);
    return 0;
}

static struct json_doc *read(struct buffer *text)
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(text), JSON_STRICT, &doc, NULL), OK);
    buffer_clear(text);
    return doc;
}

static double number(const struct json *v, const char *name)
{
    return json_double(json_get(v, name), -1);
}

static void info_has_the_published_names(void **state)
{
    struct buffer out = {0};
    diagnostics_put_info(*state, &survey, &source, &out);
    struct json_doc *doc = read(&out);
    const struct json *info = json_at(json_root(doc), 0),
                      *endpoint = json_at(json_get(info, "endpoints"), 1);
    assert_int_equal(json_count(json_get(info, "endpoints")), 2);
    assert_slice(json_string(json_get(endpoint, "EndpointUrl")), SLICE("opc.tcp://plc:4840"));
    assert_slice(json_string(json_get(endpoint, "OpcAuthenticationMode")),
                 SLICE("UsernamePassword"));
    assert_slice(json_string(json_get(info, "ingestionDuration")), SLICE("1.01:01:01.0010000"));
    assert_true(number(info, "ingressValueChanges") == 200);
    assert_true(number(info, "encoderIoTMessagesProcessed") == 10);
    assert_true(number(info, "encoderAvgIoTMessageBodySize") == 8192);
    assert_true(number(info, "encoderAvgIoTChunkUsage") == 2);
    assert_true(number(info, "encoderAvgNotificationsMessage") == 4);
    assert_true(number(info, "outgressInputBufferCount") == 2);
    assert_true(number(info, "monitoredOpcNodesSucceededCount") == 8);
    assert_true(number(info, "monitoredOpcNodesFailedCount") == 2);
    assert_true(json_bool(json_get(info, "opcEndpointConnected"), false));
    assert_null(json_get(info, "numberOfWriters")); /* events alone have that */
    json_free(&doc);
}

static void rates_are_of_the_last_minute(void **state)
{
    for (uint64_t second = 0; second <= 100;
         second++) { /* ten messages, a hundred values a second */
        groups[0].counts.messages = 10 * second;
        groups[0].counts.values = 100 * second;
        diagnostics_note(*state, &survey, 5000 + second * 1000);
    }
    struct buffer out = {0};
    diagnostics_put_event(*state, &survey, 0, &source, &out);
    struct json_doc *doc = read(&out);
    assert_true(number(json_root(doc), "SentMessagesPerSec") == 10);
    assert_true(number(json_root(doc), "IngressValueChangesInLastMinute") == 6000);
    assert_true(number(json_root(doc), "NumberOfWriters") == 2);
    assert_slice(json_string(json_get(json_root(doc), "WriterGroupName")), SLICE("gr\"oup"));
    json_free(&doc);
}

static void a_group_that_went_is_forgotten(void **state)
{
    diagnostics_note(*state, &survey, 1000);
    groups[0].counts.messages = 70;
    diagnostics_note(*state, &survey, 2000);
    diagnostics_note(*state, &(struct survey){0}, 3000);
    diagnostics_note(*state, &survey, 4000); /* the first note of a new one */
    struct buffer out = {0};
    diagnostics_put_info(*state, &survey, &source, &out);
    struct json_doc *doc = read(&out);
    assert_true(number(json_at(json_root(doc), 0), "sentMessagesPerSec") == 0);
    json_free(&doc);
}

static void states_say_which_nodes_failed_and_why(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(diagnostics_put_states(&survey, SLICE("gr\"oup"), &out), OK);
    struct json_doc *doc = read(&out);
    const struct json *writer = json_at(json_get(json_root(doc), "dataSetWriters"), 0);
    const struct json *error = json_at(json_get(json_get(writer, "source"), "errors"), 0);
    assert_slice(json_string(json_get(error, "nodeId")), SLICE("ns=2;s=Gone"));
    assert_slice(json_string(json_get(json_get(error, "errorInfo"), "symbolicId")),
                 SLICE("BadNodeIdUnknown"));
    json_free(&doc);
    assert_int_equal(diagnostics_put_states(&survey, SLICE("other"), &out), NOT_FOUND);
    buffer_clear(&out);
}

static void what_is_read_in_cycles_and_lost_is_counted_and_each_session_once(void **state)
{
    static int session;
    groups[0].counts.cyclic_reads = 5;
    groups[0].counts.sampled_values = 50;
    groups[0].counts.overflows = 3;
    groups[0].counts.model_changes = 2;
    groups[0].late = 1;
    writers[0].session = writers[1].session = &session;
    writers[0].retries = writers[1].retries = 7;
    struct buffer out = {0};
    diagnostics_put_event(*state, &survey, 0, &source, &out);
    struct json_doc *doc = read(&out);
    static const struct {
        const char *name;
        double value;
    } rows[] = {{"IngressCyclicReads", 5},   {"IngressSampledValues", 50},
                {"ServerQueueOverflows", 3}, {"IngressModelChanges", 2},
                {"ConnectionCount", 1},      {"ConnectionRetries", 7},
                {"ConnectionsReconnecting", 0}, {"MonitoredOpcNodesLateCount", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(number(json_root(doc), rows[i].name) == rows[i].value);
    json_free(&doc);
    diagnostics_put_metrics(*state, &survey, &source, &out);
    static const char *const metrics[] = {"cyclicreads{", "sampledvalues{", "queue_overflows{",
                                          "late_nodes{", "connection_retries{"};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        assert_non_null(strstr(buffer_cstr(&out), metrics[i]));
    buffer_clear(&out);
}

static void equal_connections_are_one(void **state)
{
    (void)state;
    struct buffer out = {0};
    diagnostics_put_connections(&survey, &out);
    struct json_doc *doc = read(&out);
    assert_int_equal(json_count(json_root(doc)), 1);
    json_free(&doc);
    writers[1].user = SLICE("other");
    diagnostics_put_connections(&survey, &out);
    doc = read(&out);
    assert_int_equal(json_count(json_root(doc)), 2);
    json_free(&doc);
}

static void metrics_have_the_published_names_and_labels(void **state)
{
    struct buffer out = {0};
    diagnostics_put_metrics(*state, &survey, &source, &out);
    const char *text = buffer_cstr(&out);
    assert_non_null(strstr(text, "\n# TYPE iiot_edge_publisher_value_changes counter\n"));
    const char *line = strstr(text, "\niiot_edge_publisher_value_changes{");
    assert_non_null(line);
    assert_non_null(strstr(line, "siteId=\"site\",publisherId=\"publisher\",writerGroupId=\""));
    assert_non_null(strstr(line, "writerGroupName=\"gr\\\"oup\"} 200\n"));
    assert_non_null(strstr(
        text,
        "iiot_edge_publisher_sent_iot_messages{siteId=\"site\",publisherId=\"publisher\"} 11\n"));
    buffer_clear(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(info_has_the_published_names),   TEST(rates_are_of_the_last_minute),
        TEST(a_group_that_went_is_forgotten), TEST(states_say_which_nodes_failed_and_why),
        TEST(what_is_read_in_cycles_and_lost_is_counted_and_each_session_once),
        TEST(equal_connections_are_one),      TEST(metrics_have_the_published_names_and_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
