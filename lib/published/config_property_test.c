/* Every property of publishednodes.json: what comes of it, and what it refuses. */
#include <stdio.h>

#include "base/cmocka.h"
#include "published/config_table.h"
#include "published/plan_print.h"

static const struct plan_defaults defaults = {.publisher_id = "me",
                                              .mode = MODE_PUBSUB,
                                              .encoding = ENCODING_JSON,
                                              .publishing_ms = 1000,
                                              .sampling_ms = 1000,
                                              .queue_size = 1,
                                              .trigger = TRIGGER_STATUS_VALUE};

struct row {
    const char *name;
    const char *json;  /* a value, and what may have to stand beside it */
    const char *gives; /* the plan's lines that were not there without it */
    const char *wrong; /* values that are refused, apart by " | " */
};

#define EVENTS ", \"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}"
#define EVENT_LINE "item.event_filter={\"TypeDefinitionId\":\"i=2041\"}\n"
#define TEXTS "7 | [] | true"
#define FLAGS "7 | \"maybe\" | []"
#define NUMBERS "-1 | 1.5 | \"x\" | [] | 99999999999"
#define TIMES "-1 | \"x\" | [] | 99999999999999"
#define SPANS "7 | \"soon\" | \"-00:00:01\" | []"
#define WORDS "\"Nonsense\" | 7777 | []"
#define GUID "7d1a4b2c-0000-4000-8000-00805f9b34fb"

/* clang-format off */
static const struct row entry_rows[] = {
    {"$schema", "\"./publishednodes.schema.json\"", "", TEXTS},
    {"EndpointUrl", "\"opc.tcp://b\"", "connection.endpoint_url=opc.tcp://b\n", "7 | [] | true | \"http://b\" | \"\""},
    {"Version", "7", "", NUMBERS},
    {"LastChangeDateTime", "\"2025-01-01T00:00:00Z\"", "", TEXTS},
    {"LastChangeTimespan", "\"2025-01-01T00:00:00Z\"", "", TEXTS},
    {"PublisherId", "\"p\"", "group.publisher_id=p\n", TEXTS},
    {"DataSetWriterGroup", "\"g\"", "group.name=g\n", TEXTS},
    {"DataSetWriterId", "\"w\"", "writer.name=w\n", TEXTS},
    {"DataSetName", "\"d\"", "writer.data_set=d\n", TEXTS},
    {"DataSetDescription", "\"d\"", "writer.description=d\n", TEXTS},
    {"DataSetClassId", "\"{" GUID "}\"", "writer.class_id=" GUID "\n", "7 | \"7d1a\" | \"7d1a4b2c-0000-4000-8000-00805f9b34fg\""},
    {"DataSetType", "\"t\"", "writer.type=t\n", TEXTS},
    {"DataSetSubject", "\"s\"", "writer.subject=s\n", TEXTS},
    {"DataSetSourceUri", "\"urn:s\"", "writer.source_uri=urn:s\n", TEXTS},
    {"DataSetRootNodeId", "\"i=84\"", "writer.root_node=i=84\n", TEXTS},
    {"WriterGroupRootNodeId", "\"i=85\"", "group.root_node=i=85\n", TEXTS},
    {"WriterGroupType", "\"t\"", "group.type=t\n", TEXTS},
    {"WriterGroupProperties", "{\"a\": [1]}", "group.properties={\"a\":[1]}\n", "7 | [] | \"x\""},
    {"DataSetPublishingInterval", "5000", "writer.publishing_ms=5000\nwriter.keep_alive_count=2\n", TIMES},
    {"DataSetPublishingIntervalTimespan", "\"00:01:00\", \"DataSetPublishingInterval\": 5", "writer.publishing_ms=60000\nwriter.keep_alive_count=1\n", SPANS},
    {"DataSetSamplingInterval", "0", "", TIMES}, /* a line less */
    {"DataSetSamplingIntervalTimespan", "\"00:00:00.250\"", "item.sampling_ms=250\n", SPANS},
    {"DataSetKeyFrameCount", "10", "writer.key_frame_count=10\n", NUMBERS},
    {"DataSetExtensionFields", "{\"a\": 5}", "writer.extension_fields=\"a\":5\n", "7 | [] | \"x\""},
    {"DataSetFetchDisplayNames", "true", "item.fetch_display_name=1\n", FLAGS},
    {"DataSetRouting", "\"UseBrowseNames\"", "writer.routing=2\n", WORDS},
    {"MetaDataUpdateTime", "3000", "writer.metadata_route.ttl_ms=3000\nwriter.metadata_ms=3000\n", TIMES},
    {"MetaDataUpdateTimeTimespan", "\"00:00:03\"", "writer.metadata_route.ttl_ms=3000\nwriter.metadata_ms=3000\n", SPANS},
    {"MetaDataQueueName", "\"m\"", "writer.metadata_route.topic=m\n", TEXTS},
    {"MetaDataRetention", "false", "writer.metadata_route.retain=1\n", FLAGS},
    {"MetaDataTtlTimespan", "\"00:00:05\"", "writer.metadata_route.ttl_ms=5000\n", SPANS},
    {"SendKeepAliveDataSetMessages", "true", "writer.keep_alive_messages=1\n", FLAGS},
    {"SendKeepAliveAsKeyFrameMessages", "true", "writer.keep_alive_key_frames=1\n", FLAGS},
    {"MaxKeepAliveCount", "3", "writer.keep_alive_count=3\n", NUMBERS},
    {"Priority", "255", "writer.priority=255\n", "-1 | 256 | \"x\""},
    {"RepublishAfterTransfer", "true", "writer.republish=1\n", FLAGS},
    {"DisableSubscriptionTransfer", "\"true\"", "writer.no_transfer=1\n", FLAGS},
    {"HistoryBackfill", "true", "item.backfill=1\n", FLAGS},
    {"OpcNodeWatchdogTimespan", "\"00:00:09\"", "writer.watchdog_ms=9000\n", SPANS},
    {"OpcNodeWatchdogCondition", "\"WhenAnyIsLate\"", "writer.watchdog_condition=2\n", WORDS},
    {"DataSetWriterWatchdogBehavior", "\"Reset\"", "writer.watchdog_behavior=2\n", WORDS},
    {"DefaultHeartbeatInterval", "4", "item.heartbeat_ms=4000\n", TIMES},
    {"DefaultHeartbeatIntervalTimespan", "\"00:00:00.5\"", "item.heartbeat_ms=500\n", SPANS},
    {"DefaultHeartbeatBehavior", "\"PeriodicLKG\"", "item.heartbeat=3\n", WORDS},
    {"UseSecurity", "true", "connection.security=3\n", FLAGS},
    {"EndpointSecurityMode", "\"SignAndEncrypt\"", "connection.security=2\n", WORDS},
    {"EndpointSecurityPolicy", "\"Aes256_Sha256_RsaPss\"", "connection.security_policy=Aes256_Sha256_RsaPss\n", TEXTS},
    {"OpcAuthenticationMode", "\"Certificate\", \"OpcAuthenticationUsername\": \"CN=u\", \"OpcAuthenticationPassword\": \"p\"", "connection.user=CN=u\nconnection.password=p\nconnection.certificate_user=1\n", WORDS " | \"UsernamePassword\" | \"Certificate\""},
    {"OpcAuthenticationUsername", "\"u\", \"OpcAuthenticationMode\": \"UsernamePassword\"", "connection.user=u\n", TEXTS},
    {"OpcAuthenticationPassword", "\"p\", \"OpcAuthenticationUsername\": \"u\", \"OpcAuthenticationMode\": \"UsernamePassword\"", "connection.user=u\nconnection.password=p\n", TEXTS},
    {"Username", "\"u\", \"OpcAuthenticationMode\": \"UsernamePassword\"", "connection.user=u\n", TEXTS},
    {"Password", "\"p\", \"Username\": \"u\", \"OpcAuthenticationMode\": \"UserName\"", "connection.user=u\nconnection.password=p\n", TEXTS},
    {"EncryptedAuthUsername", "\"Zm9v\", \"OpcAuthenticationMode\": \"UsernamePassword\"", "", TEXTS}, /* as nobody, and a finding says so */
    {"EncryptedAuthPassword", "\"Zm9v\"", "", TEXTS},
    {"EndpointAlternativeUrls", "[\"opc.tcp://b\", \"opc.tcp://c\"]", "connection.alternatives=opc.tcp://b opc.tcp://c\n", "7 | \"x\" | [7]"},
    {"UseReverseConnect", "true", "connection.reverse=1\n", FLAGS},
    {"DumpConnectionDiagnostics", "true", "writer.dump_diagnostics=1\n", FLAGS},
    {"MessagingMode", "\"FullSamples\"", "group.mode=2\n", WORDS},
    {"MessageEncoding", "\"Uadp\"", "group.encoding=5\n", WORDS " | \"Xml\" | \"IsReversible\" | \"IsGzipCompressed\""},
    {"WriterGroupTransport", "\"Mqtt\"", "group.transport=2\n", WORDS " | \"AioMqtt\" | \"AioDss\""},
    {"WriterGroupTransportConfiguration", "\"HostName=h\"", "group.transport_configuration=HostName=h\n", TEXTS},
    {"WriterGroupQueueName", "\"q\"", "group.route.topic=q\n", TEXTS},
    {"WriterGroupQualityOfService", "\"AtMostOnce\"", "group.route.qos=1\n", WORDS},
    {"WriterGroupMessageTtlTimepan", "\"1.00:00:00\"", "group.route.ttl_ms=86400000\n", SPANS},
    {"WriterGroupMessageTtlTimespan", "\"00:00:02\"", "group.route.ttl_ms=2000\n", SPANS},
    {"WriterGroupMessageRetention", "true", "group.route.retain=2\n", FLAGS},
    {"WriterGroupPartitions", "40", "group.partitions=32\n", NUMBERS},
    {"BatchSize", "7", "group.batch_size=7\n", NUMBERS},
    {"BatchTriggerInterval", "250", "group.batch_ms=250\n", TIMES},
    {"BatchTriggerIntervalTimespan", "\"00:00:01.5\"", "group.batch_ms=1500\n", SPANS},
    {"QueueName", "\"q\"", "writer.route.topic=q\n", TEXTS},
    {"QualityOfService", "\"ExactlyOnce\"", "writer.route.qos=3\nwriter.metadata_route.qos=3\n", WORDS},
    {"MessageTtlTimespan", "\"00:00:02\"", "writer.route.ttl_ms=2000\n", SPANS},
    {"MessageRetention", "false", "writer.route.retain=1\n", FLAGS},
    {"NodeId", "{}", "", "{\"Identifier\": \"i=5\"}"}, /* with OpcNodes; config_test has it alone */
    {"OpcNodes", NULL, "", "7 | \"x\" | {}"},
    {"Tag", "[\"any\"]", "", NULL},
};

static const struct row node_rows[] = {
    {"Id", "\" ns=2;s=a \"", "item.node=ns=2;s=a\nitem.field=ns=2;s=a\n", TEXTS " | \" \""},
    {"ExpandedNodeId", "\"nsu=urn:x;s=a\", \"Id\": \"\"", "item.node=nsu=urn:x;s=a\nitem.field=nsu=urn:x;s=a\n", TEXTS},
    {"BrowsePath", "[\"2:Line\", \"2:Flow\"], \"Id\": null", "item.browse_path=[\"2:Line\",\"2:Flow\"]\nitem.field=2:Flow\n", "7 | \"x\" | [7]"},
    {"AttributeId", "\"EventNotifier\"", "item.attribute=12\n", WORDS},
    {"IndexRange", "\"0:9\"", "item.index_range=0:9\n", TEXTS},
    {"DataSetFieldId", "\"f\"", "item.field=f\nitem.field_id=f\n", TEXTS},
    {"DataSetClassFieldId", "\"" GUID "\"", "item.class_field_id=" GUID "\n", "7 | \"x\""},
    {"DisplayName", "\"d\"", "item.field=d\nitem.display_name=d\n", TEXTS},
    {"FetchDisplayName", "true", "item.fetch_display_name=1\n", FLAGS},
    {"OpcSamplingInterval", "10", "item.sampling_ms=10\n", TIMES},
    {"OpcSamplingIntervalTimespan", "\"00:00:02\", \"OpcSamplingInterval\": 7", "item.sampling_ms=2000\n", SPANS},
    {"OpcPublishingInterval", "100", "writer.publishing_ms=100\n", TIMES},
    {"OpcPublishingIntervalTimespan", "\"00:00:02\"", "writer.publishing_ms=2000\n", SPANS},
    {"QueueSize", "10", "item.queue_size=10\n", NUMBERS},
    {"DiscardNew", "true", "item.discard_new=1\n", FLAGS},
    {"SkipFirst", "\"True\"", "item.skip_first=1\n", FLAGS},
    {"DataChangeTrigger", "\"StatusValueTimestamp\"", "item.trigger=3\n", WORDS},
    {"DeadbandType", "\"Percent\"", "item.deadband_type=2\n", WORDS},
    {"DeadbandValue", "250.5, \"DeadbandType\": \"Percent\"", "item.deadband*1000=100000\nitem.deadband_type=2\n", "-1 | \"x\" | []"},
    {"HeartbeatInterval", "4", "item.heartbeat_ms=4000\n", TIMES},
    {"HeartbeatIntervalTimespan", "\"00:00:01.500\", \"HeartbeatInterval\": 7", "item.heartbeat_ms=1500\n", SPANS},
    {"HeartbeatBehavior", "\"PeriodicLKVDropValue\"", "item.heartbeat=18\n", WORDS},
    {"UseCyclicRead", "true", "item.cyclic_read=1\n", FLAGS},
    {"CyclicReadMaxAge", "500", "item.cyclic_max_age_ms=500\n", TIMES},
    {"CyclicReadMaxAgeTimespan", "\"00:00:01\"", "item.cyclic_max_age_ms=1000\n", SPANS},
    {"RegisterNode", "true", "item.register_node=1\n", FLAGS},
    {"HistoryBackfill", "true", "item.backfill=1\n", FLAGS},
    {"EventFilter", "{\"TypeDefinitionId\": \"i=2041\"}", EVENT_LINE, "7 | [] | {\"SelectClauses\": 7} | {\"SelectClauses\": [7]} | {\"WhereClause\": []} | {\"WhereClause\": {\"Elements\": {}}}"},
    {"ConditionHandling", "{\"SnapshotInterval\": 2, \"UpdateInterval\": 1}" EVENTS, EVENT_LINE "item.snapshot_ms=2000\nitem.update_ms=1000\n", "7 | [] | {\"SnapshotInterval\": -1} | {\"UpdateInterval\": \"x\"} | {\"RefreshRetainedConditionsOnStart\": 7}"},
    {"ModelChangeHandling", "{\"RebrowseIntervalTimespan\": \"00:00:10\"}, \"Id\": \"\"", "item.node=i=2253\nitem.field=i=2253\nitem.rebrowse_ms=10000\n", "7 | {\"RebrowseIntervalTimespan\": 7} | {\"RebrowsePeriod\": \"x\"}"},
    {"TriggeredNodes", "[{\"Id\": \"i=7\"}, {\"Id\": \"i=8\"}]", "item.triggered_count=2\nitem.triggered.node=i=7\nitem.triggered.node=i=8\n", "7 | {} | [{\"Id\": 7}] | [{}]"},
    {"Topic", "\"t\"", "writer.route.topic=t\n", TEXTS},
    {"QualityOfService", "\"AtMostOnce\"", "writer.route.qos=1\n", WORDS},
    {"TypeDefinitionId", "\"i=63\"", "", TEXTS},
    {"MethodMetadata", "{\"objectId\": \"i=1\"}", "", "7 | []"},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- plans of one entry with one node ---- */

static void file_with(bool of_node, const char *name, const char *value, struct buffer *out)
{
    struct buffer member = {0};
    if (name)
        buffer_printf(&member, "\"%s\": %s", name, value);
    const char *text = buffer_cstr(&member);
    bool url = !of_node && name && strcmp(name, "EndpointUrl") == 0;
    bool nodes = !of_node && name && strcmp(name, "OpcNodes") == 0;
    bool id = of_node && (strcmp(name, "Id") == 0 || strstr(text, ", \"Id\":"));
    buffer_reset(out);
    buffer_printf(out, "[{%s%s", url ? "" : "\"EndpointUrl\": \"opc.tcp://a\"",
                  of_node || url || !name ? "" : ", ");
    buffer_text(out, of_node ? "" : text);
    if (!nodes)
        buffer_printf(out, ", \"OpcNodes\": [{%s%s%s}]", id ? "" : "\"Id\": \"i=1\"",
                      of_node && !id ? ", " : "", of_node ? text : "");
    buffer_text(out, "}]");
    buffer_clear(&member);
}

static void print_plan(const char *text, struct buffer *out)
{
    struct config c;
    struct plan p;
    if (config_read(slice_of(text), &c) != OK || c.refused)
        fail_msg("%s\n%.*s", text, SLICE_FMT(c.findings[0].text));
    plan_make(&c, &defaults, &p);
    buffer_reset(out);
    plan_print(&p, out);
    plan_clear(&p);
    config_clear(&c);
}

static bool has_line(struct slice lines, struct slice line)
{
    struct slice part;
    while (slice_split(&lines, '\n', &part))
        if (slice_eq(part, line))
            return true;
    return false;
}

static void only_new_lines(struct slice lines, struct slice before, struct buffer *out)
{
    struct slice line;
    buffer_reset(out);
    while (slice_split(&lines, '\n', &line)) {
        if (!line.len || has_line(before, line))
            continue;
        buffer_put(out, line);
        buffer_u8(out, '\n');
    }
}

static void check_effect(const struct row *r, bool of_node)
{
    struct buffer text = {0}, before = {0}, after = {0}, news = {0};
    file_with(false, NULL, NULL, &text);
    print_plan(buffer_cstr(&text), &before);
    file_with(of_node, r->name, r->json, &text);
    print_plan(buffer_cstr(&text), &after);
    only_new_lines(buffer_slice(&after), buffer_slice(&before), &news);
    if (strcmp(buffer_cstr(&news), r->gives) != 0)
        fail_msg("%s gives\n%s instead of\n%s", r->name, buffer_cstr(&news), r->gives);
    buffer_clear(&text);
    buffer_clear(&before);
    buffer_clear(&after);
    buffer_clear(&news);
}

/* Refused alone: a good entry and a good node beside it go on. */
static void check_refusal(const struct row *r, bool of_node, struct slice value)
{
    struct buffer text = {0}, wrong = {0};
    struct config c;
    buffer_put(&wrong, value);
    file_with(of_node, r->name, buffer_cstr(&wrong), &text);
    text.len--; /* the bracket */
    buffer_text(&text,
                ", {\"EndpointUrl\": \"opc.tcp://good\", \"OpcNodes\": [{\"Id\": \"i=9\"}]}]");
    assert_int_equal(config_read(buffer_slice(&text), &c), OK);
    if (c.refused != 1 || c.finding_count == 0 || !c.findings[0].refused || !c.findings[0].line ||
        !c.findings[0].text.len)
        fail_msg("%s: %s is not refused", r->name, buffer_cstr(&wrong));
    assert_slice(c.entries[c.entry_count - 1].endpoint_url, SLICE("opc.tcp://good"));
    assert_int_equal(c.entries[c.entry_count - 1].node_count, 1);
    config_clear(&c);
    buffer_clear(&text);
    buffer_clear(&wrong);
}

static void check_refusals(const struct row *r, bool of_node)
{
    struct slice rest = slice_of(r->wrong);
    while (rest.len) {
        size_t end = slice_find_slice(rest, SLICE(" | "));
        check_refusal(r, of_node, slice_first(rest, end));
        rest = slice_skip(rest, end + 3);
    }
}

static void entry_properties_have_their_effect(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(entry_rows); i++)
        if (entry_rows[i].json)
            check_effect(&entry_rows[i], false);
}

static void node_properties_have_their_effect(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(node_rows); i++)
        check_effect(&node_rows[i], true);
}

static void wrong_values_of_entries_are_refused_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(entry_rows); i++)
        check_refusals(&entry_rows[i], false);
}

static void wrong_values_of_nodes_are_refused_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(node_rows); i++)
        check_refusals(&node_rows[i], true);
}

static void check_complete(const struct fields *fields, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < fields->count; i++) {
        bool found = false;
        for (size_t k = 0; k < count && !found; k++)
            found = strcmp(rows[k].name, fields->at[i].name) == 0;
        if (!found)
            fail_msg("%s has no row here", fields->at[i].name);
    }
}

static void no_property_is_without_a_case(void **state)
{
    (void)state;
    check_complete(&config_entry_fields, entry_rows, COUNT(entry_rows));
    check_complete(&config_node_fields, node_rows, COUNT(node_rows));
}

/* Of a group that another value would make another one, and so on: as OPC Publisher's keys. */
static void every_word_of_a_property_is_taken(void **state)
{
    (void)state;
    const struct fields *tables[] = {&config_entry_fields, &config_node_fields};
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct field *f = &tables[t]->at[i];
            for (const struct word *w = f->words; w && w->name; w++) {
                struct buffer text = {0}, lines = {0};
                char value[128];
                snprintf(value, sizeof value, "\"%s\"%s", w->name,
                         strcmp(f->name, "OpcAuthenticationMode") == 0
                             ? ", \"OpcAuthenticationUsername\": \"u\""
                             : "");
                file_with(t == 1, f->name, value, &text);
                if (!w->why)
                    print_plan(buffer_cstr(&text), &lines);
                buffer_clear(&text);
                buffer_clear(&lines);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_properties_have_their_effect),
        cmocka_unit_test(node_properties_have_their_effect),
        cmocka_unit_test(wrong_values_of_entries_are_refused_alone),
        cmocka_unit_test(wrong_values_of_nodes_are_refused_alone),
        cmocka_unit_test(no_property_is_without_a_case),
        cmocka_unit_test(every_word_of_a_property_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
