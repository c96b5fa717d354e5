#include "published/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "published/config_field.h"
#include "published/config_key.h"

static struct config config;

static void read_text(const char *text)
{
    assert_int_equal(config_read(slice_of(text), &config), OK);
}

static int tear_down(void **state)
{
    (void)state;
    config_clear(&config);
    return 0;
}

static const struct config_node *only_node(void)
{
    assert_int_equal(config.finding_count, 0);
    assert_int_equal(config.entry_count, 1);
    assert_int_equal(config.entries[0].node_count, 1);
    return &config.entries[0].nodes[0];
}

/* The text of all findings, one a line. */
static const char *findings(void)
{
    static struct buffer out;
    buffer_reset(&out);
    for (size_t i = 0; i < config.finding_count; i++) {
        config_finding_print(&config.findings[i], "pn.json", &out);
        buffer_u8(&out, '\n');
    }
    return buffer_cstr(&out);
}

static void reads_the_spelling_of_2_5(void **state)
{
    (void)state;
    read_text(
        "\xef\xbb\xbf[{\"EndpointUrl\": \"opc.tcp://opcplc:50000\", \"UseSecurity\": false,"
        "\"OpcAuthenticationMode\": \"UsernamePassword\", \"OpcAuthenticationUsername\": \"u\","
        "\"OpcAuthenticationPassword\": \"p\", \"NodeId\": {\"Identifier\": "
        "\"nsu=http://x/;s=Fast\"}}]");
    assert_slice(only_node()->id, SLICE("nsu=http://x/;s=Fast"));
    const struct config_entry *e = &config.entries[0];
    assert_int_equal(e->security, OPCUA_SECURITY_NONE);
    assert_slice(e->user, SLICE("u"));
    assert_slice(e->password, SLICE("p"));
}

static void reads_the_spelling_of_2_8(void **state)
{
    (void)state;
    read_text("// comment\n[ { \"EndpointUrl\": \"opc.tcp://plc:4840\", \"UseSecurity\": true,\n"
              "/* another */ \"DataSetWriterGroup\": \"Asset0\", \"DataSetWriterId\": \"Flow0\",\n"
              "\"DataSetPublishingInterval\": 5000, \"OpcNodes\": [ { \"ExpandedNodeId\": "
              "\"nsu=http://x/;i=1\",\n"
              "\"OpcSamplingInterval\": 2000, \"OpcPublishingInterval\": 1000, "
              "\"HeartbeatInterval\": 30,\n"
              "\"SkipFirst\": true, \"DisplayName\": \"Name\", \"QueueSize\": 10, }, ], } ]");
    const struct config_node *n = only_node();
    assert_slice(n->id, SLICE("nsu=http://x/;i=1"));
    assert_int_equal(n->sampling_ms, 2000);
    assert_int_equal(n->publishing_ms, 1000);
    assert_int_equal(n->heartbeat_ms, 30000);
    assert_int_equal(n->skip_first, SAID_YES);
    assert_int_equal(n->queue_size, 10);
    assert_slice(n->display_name, SLICE("Name"));
    assert_int_equal(config.entries[0].security, OPCUA_SECURITY_NOT_NONE);
    assert_int_equal(config.entries[0].publishing_ms, 5000);
    assert_slice(config.entries[0].group, SLICE("Asset0"));
}

static void reads_the_spelling_of_2_9(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://plc:4840\", \"EndpointSecurityMode\": \"Sign\","
              "\"EndpointSecurityPolicy\": \"Basic256Sha256\", \"MessagingMode\": "
              "\"FullNetworkMessages\","
              "\"MessageEncoding\": \"JsonReversible\", \"BatchSize\": 7, "
              "\"BatchTriggerIntervalTimespan\": \"00:00:01.5\","
              "\"DataSetKeyFrameCount\": 3, \"DataSetExtensionFields\": {\"a\": 1}, "
              "\"DefaultHeartbeatBehavior\": \"PeriodicLKG\","
              "\"OpcNodes\": [{\"Id\": \"i=1\", \"DataSetFieldId\": \"f\", \"AttributeId\": "
              "\"BrowseName\","
              "\"DataChangeTrigger\": \"StatusValueTimestamp\", \"DeadbandType\": \"Percent\", "
              "\"DeadbandValue\": 5.5}]}]");
    const struct config_node *n = only_node();
    const struct config_entry *e = &config.entries[0];
    assert_int_equal(e->security, OPCUA_SECURITY_SIGN);
    assert_int_equal(e->mode, MODE_FULL_NETWORK_MESSAGES);
    assert_int_equal(e->encoding, ENCODING_JSON_REVERSIBLE);
    assert_int_equal(e->batch_size, 7);
    assert_int_equal(e->batch_ms, 1500);
    assert_int_equal(e->key_frame_count, 3);
    assert_non_null(e->rare->extension_fields);
    assert_int_equal(e->heartbeat, HEARTBEAT_PERIODIC | HEARTBEAT_LKG);
    assert_int_equal(n->attribute, 3);
    assert_int_equal(n->trigger, TRIGGER_STATUS_VALUE_TIMESTAMP);
    assert_int_equal(n->deadband_type, DEADBAND_PERCENT);
    assert_true(n->deadband == 5.5);
}

static void names_match_in_any_case(void **state)
{
    (void)state;
    read_text("[{\"endpointurl\": \"opc.tcp://a\", \"OPCNODES\": [{\"id\": \"i=1\", \"skipfirst\": "
              "\"True\"}]}]");
    assert_int_equal(only_node()->skip_first, SAID_YES);
}

static void a_time_span_beats_the_number_beside_it(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\","
              "\"OpcSamplingIntervalTimespan\": \"00:00:02\", \"OpcSamplingInterval\": 7}]}]");
    assert_int_equal(only_node()->sampling_ms, 2000);
}

static void broken_time_spans_are_refused(void **state)
{
    (void)state;
    static const char *spans[] = {"00:00[01.500",         "::.1",     "1:2:3", "00:00:00.",
                                  "99999999999.00:00:00", "-00:00:01"};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\","
                 "\"OpcSamplingIntervalTimespan\": \"%s\"}]}]",
                 spans[i]);
        read_text(text);
        assert_int_equal(config.refused, 1);
        config_clear(&config);
    }
}

static void null_is_as_good_as_absent(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"BatchSize\": null, \"MessagingMode\": null,"
              "\"OpcNodes\": [{\"Id\": \"i=1\", \"QueueSize\": null, \"EventFilter\": null}]}]");
    assert_int_equal(only_node()->queue_size, CONFIG_UNSET);
    assert_null(only_node()->event_filter);
    assert_int_equal(config.entries[0].batch_size, CONFIG_UNSET);
}

/* So that encrypting it changes nothing of what runs (config_seal.h). */
static void an_encrypted_user_of_no_effect_is_as_good_as_none(void **state)
{
    (void)state;
    struct buffer keys[2] = {{0}, {0}};
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationUsername\": \"me\"}, "
              "{\"EndpointUrl\": \"opc.tcp://a\", \"EncryptedAuthUsername\": \"bWU=\"}]");
    assert_int_equal(config.entry_count, 2);
    for (size_t i = 0; i < 2; i++)
        config_entry_key(&config.entries[i], OF_WRITER, false, &keys[i]);
    assert_slice(buffer_slice(&keys[1]), buffer_slice(&keys[0]));
    buffer_clear(&keys[0]);
    buffer_clear(&keys[1]);
}

static void an_empty_file_publishes_nothing(void **state)
{
    (void)state;
    read_text("");
    assert_int_equal(config.entry_count, 0);
    config_clear(&config);
    read_text(" [ ] ");
    assert_int_equal(config.entry_count, 0);
    assert_int_equal(config.finding_count, 0);
}

static void one_bad_entry_leaves_the_others(void **state)
{
    (void)state;
    read_text("[\n {\"OpcNodes\": [{\"Id\": \"i=1\"}]},\n {\"EndpointUrl\": \"http://a\"},\n 5,\n"
              " {\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=2\"}]}]");
    assert_int_equal(config.entry_count, 1);
    assert_int_equal(config.refused, 3);
    assert_slice(config.entries[0].nodes[0].id, SLICE("i=2"));
    assert_string_equal(
        findings(),
        "pn.json:2:2: EndpointUrl: is missing: say which server, such as \"opc.tcp://plc:4840\"\n"
        "pn.json:3:18: EndpointUrl: must begin with opc.tcp://\n"
        "pn.json:4:2: the file must be an array of objects\n");
}

static void one_bad_node_leaves_the_others(void **state)
{
    (void)state;
    read_text(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [\n{\"Id\": \"i=1\", \"QueueSize\": "
        "-1},\n"
        "{\"DisplayName\": \"x\"},\n{\"Id\": \"i=2\", \"OpcSamplingIntervalTimespan\": \"soon\"},\n"
        "{\"Id\": 7},\n{\"Id\": \"i=3\"}]}]");
    assert_int_equal(config.entries[0].node_count, 1);
    assert_int_equal(config.refused, 4);
    assert_slice(config.entries[0].nodes[0].id, SLICE("i=3"));
    assert_string_equal(
        findings(),
        "pn.json:2:28: QueueSize: must be a whole number, 0 or more\n"
        "pn.json:3:1: Id: is missing: say which node to publish, such as \"ns=2;s=Temperature\"\n"
        "pn.json:4:46: OpcSamplingIntervalTimespan: must be a time span such as \"00:00:01.500\"\n"
        "pn.json:5:8: Id: must be a text\n");
}

static void a_path_has_a_bound_as_a_whole(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"BrowsePath\": [\"2:Line\"");
    for (int i = 0; i < CONFIG_NAME_MAX / 10 + 1; i++)
        buffer_text(&text, ", \"2:Valve007\"");
    buffer_text(&text, "]}, {\"Id\": \"i=2\", \"DisplayName\": \"");
    for (int i = 0; i < CONFIG_NAME_MAX / 6 + 1; i++)
        buffer_text(&text, "\\u0001"); /* six bytes in each message */
    buffer_text(&text, "\"}, {\"Id\": \"i=3\"}]}]");
    read_text(buffer_cstr(&text));
    assert_int_equal(config.entries[0].node_count, 1);
    assert_int_equal(config.refused, 2);
    assert_non_null(strstr(findings(), "has a name, id, path or topic of more than 4096 bytes"));
    buffer_clear(&text);
}

static void words_that_are_not_known_are_named_with_those_that_are(void **state)
{
    (void)state;
    read_text(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"MessageEncoding\": \"Morse\", \"OpcNodes\": []}]");
    assert_int_equal(config.entry_count, 0);
    assert_string_equal(
        findings(),
        "pn.json:1:52: MessageEncoding: 'Morse' is not known; use one of Json, JsonReversible, "
        "JsonGzip, JsonReversibleGzip, JsonCompact, JsonVerbose, JsonCompactGzip, JsonVerboseGzip, "
        "Uadp, Avro, AvroGzip\n");
}

static void unknown_names_are_passed_over_with_a_hint(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"Colour\": \"red\", \"OpcNodes\": [{\"Id\": "
              "\"i=1\"}]}]");
    assert_int_equal(config.entry_count, 1);
    assert_int_equal(config.refused, 0);
    assert_string_equal(findings(), "pn.json:1:43: Colour: is not a known name; it is ignored\n");
}

static void broken_text_gives_nothing_but_a_place(void **state)
{
    (void)state;
    assert_int_equal(config_read(SLICE("[{\"EndpointUrl\": \"opc.tcp://a\",\n  oops }]"), &config),
                     BAD_FORMAT);
    assert_int_equal(config.entry_count, 0);
    assert_int_equal(config.finding_count, 1);
    assert_int_equal(config.findings[0].line, 2);
    config_clear(&config);
    assert_int_equal(config_read(SLICE("{}"), &config), BAD_FORMAT);
}

static void findings_have_a_bound(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [");
    for (int i = 0; i < 3000; i++)
        buffer_text(&text, "{},");
    buffer_text(&text, "]}]");
    assert_int_equal(config_read(buffer_slice(&text), &config), OK);
    assert_int_equal(config.refused, 3000);
    assert_int_equal(config.finding_count, CONFIG_FINDINGS_MAX);
    buffer_clear(&text);
}

/* OPC Publisher takes the last one; no such slip may cost the other entries of the file. */
static void a_name_that_stands_twice_costs_no_other_entry(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterGroup\": \"one\", \"DataSetWriterGroup\": \"two\",\n"
              "  \"OpcNodes\": [{\"Id\": \"i=1\", \"QueueSize\": 3, \"queuesize\": 4}]},\n"
              " {\"EndpointUrl\": \"opc.tcp://b\", \"OpcNodes\": [{\"Id\": \"i=1\"}],\n"
              "  \"OpcNodes\": [{\"Id\": \"i=2\"}]},\n"
              " {\"EndpointUrl\": \"opc.tcp://c\", \"DataSetExtensionFields\": {\"x\": 1, \"x\": 2}},\n"
              " {\"EndpointUrl\": \"opc.tcp://d\", \"OpcNodes\": [{\"Id\": \"i=4\"}]}]");
    assert_int_equal(config.entry_count, 2);
    assert_int_equal(config.refused, 2);
    assert_slice(config.entries[0].group, SLICE("two"));
    assert_int_equal(config.entries[0].nodes[0].queue_size, 4);
    assert_slice(config.entries[1].endpoint_url, SLICE("opc.tcp://d"));
    assert_string_equal(
        findings(),
        "pn.json:1:84: DataSetWriterGroup: stands here twice; the last one counts\n"
        "pn.json:2:59: queuesize: stands here twice; the last one counts\n"
        "pn.json:4:15: OpcNodes: stands here twice; make one of them\n"
        "pn.json:5:73: DataSetExtensionFields: holds the same name twice; take one of them out\n");
}

/* It says nothing, so nothing stands twice; beside a list it cannot be told which one is changed. */
static void a_null_beside_a_value_is_as_if_it_were_not_there(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterGroup\": \"one\", \"DataSetWriterGroup\": null,\n"
              "  \"OpcNodes\": [{\"Id\": \"i=1\", \"QueueSize\": null, \"queuesize\": 4}]},\n"
              " {\"EndpointUrl\": \"opc.tcp://b\", \"OpcNodes\": null, \"OpcNodes\": [{\"Id\": \"i=2\"}]}]");
    assert_int_equal(config.entry_count, 1);
    assert_slice(config.entries[0].group, SLICE("one"));
    assert_int_equal(config.entries[0].nodes[0].queue_size, 4);
    assert_string_equal(findings(), "pn.json:3:63: OpcNodes: stands here twice; make one of them\n");
}

/* Namespaces are the server's to know. */
static void what_is_no_node_id_is_said_before_a_server_does(void **state)
{
    (void)state;
    read_text("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"nsu=urn:x;s=a\"}, {\"Id\": \"http://x/#i=1\"},"
              "{\"Id\": \"ns=7;b=AAE=\"},\n{\"Id\": \"ns=2;x=Flow\"}, {\"BrowsePath\": [\"Objects\"]}]}]");
    assert_int_equal(config.entries[0].node_count, 5);
    assert_int_equal(config.refused, 0);
    assert_string_equal(findings(), "pn.json:2:1: Id: will not be found: 'ns=2;x=Flow' is not a node id: expected i=, s=, g= or b= "
                        "behind ns=, nsu= or a namespace uri and #.\n");
}

static void words_mean_the_same_everywhere(void **state)
{
    (void)state;
    assert_int_equal(config_word("MessagingMode", "pubsub"), MODE_PUBSUB);
    assert_int_equal(config_word("HeartbeatBehavior", "PeriodicLKGDropValue"),
                     HEARTBEAT_PERIODIC | HEARTBEAT_LKG | HEARTBEAT_DROP_VALUES);
    assert_int_equal(config_word("MessageEncoding", "Xml"), 0);
    assert_int_equal(config_word("Id", "Value"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_the_spelling_of_2_5, tear_down),
        cmocka_unit_test_teardown(reads_the_spelling_of_2_8, tear_down),
        cmocka_unit_test_teardown(reads_the_spelling_of_2_9, tear_down),
        cmocka_unit_test_teardown(names_match_in_any_case, tear_down),
        cmocka_unit_test_teardown(a_time_span_beats_the_number_beside_it, tear_down),
        cmocka_unit_test_teardown(broken_time_spans_are_refused, tear_down),
        cmocka_unit_test_teardown(null_is_as_good_as_absent, tear_down),
        cmocka_unit_test_teardown(an_encrypted_user_of_no_effect_is_as_good_as_none, tear_down),
        cmocka_unit_test_teardown(an_empty_file_publishes_nothing, tear_down),
        cmocka_unit_test_teardown(one_bad_entry_leaves_the_others, tear_down),
        cmocka_unit_test_teardown(one_bad_node_leaves_the_others, tear_down),
        cmocka_unit_test_teardown(a_path_has_a_bound_as_a_whole, tear_down),
        cmocka_unit_test_teardown(words_that_are_not_known_are_named_with_those_that_are,
                                  tear_down),
        cmocka_unit_test_teardown(unknown_names_are_passed_over_with_a_hint, tear_down),
        cmocka_unit_test_teardown(broken_text_gives_nothing_but_a_place, tear_down),
        cmocka_unit_test_teardown(findings_have_a_bound, tear_down),
        cmocka_unit_test_teardown(a_name_that_stands_twice_costs_no_other_entry, tear_down),
        cmocka_unit_test_teardown(a_null_beside_a_value_is_as_if_it_were_not_there, tear_down),
        cmocka_unit_test_teardown(what_is_no_node_id_is_said_before_a_server_does, tear_down),
        cmocka_unit_test(words_mean_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
