/* What leaves the publisher: shapes, events, frames, times. */
#include "publisher/publisher_rig.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "opcua/answers_rig.h"

static const char *property(const char *name)
{
    static char text[128];
    struct slice value = {0};
    iot_property_find(buffer_slice(&hub.properties[0]), slice_of(name), &value);
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(value));
    return text;
}

static void pubsub_messages_are_those_of_opc_publisher(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"DataSetWriterGroup\": \"g\", \"DataSetWriterId\": \"w\", "
          "\"OpcNodes\": " TWO_NODES "}]");
    want_more(100);
    assert_int_equal(a_message()[0], '[');
    assert_has("{\"MessageId\":\"");
    assert_has("\"MessageType\":\"ua-data\",\"PublisherId\":\"me\",\"DataSetWriterGroup\":\"g\","
               "\"Messages\":[{");
    assert_has("\"DataSetWriterId\":\"w\",\"SequenceNumber\":");
    assert_has("\"MetaDataVersion\":{\"MajorVersion\":1,\"MinorVersion\":0}");
    assert_has("\"MessageType\":\"ua-deltaframe\",\"Payload\":{\"C0\":{\"Value\":");
    assert_has("\"SourceTimestamp\":\"20");
    assert_has("\"ServerTimestamp\":\"20");
    assert_string_equal(property("$$MessageSchema"), "application/x-network-message-json-v1");
    assert_string_equal(property("$$ContentType"), "application/x-network-message-json-v1");
    assert_string_equal(property("$$ContentEncoding"), "utf-8");
    assert_string_equal(property("millrace-source"), "me/g");
    assert_string_equal(hub.content_type, "application/json");
    assert_int_equal(world.out_of_order, 0);
}

static void samples_are_those_of_opc_publisher(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"MessagingMode\": \"Samples\", \"OpcNodes\": " TWO_NODES
          "}]");
    want_more(100);
    assert_has("[{\"NodeId\":\"nsu=urn:test;s=C");
    assert_has("\",\"EndpointUrl\":\"opc.tcp://127.0.0.1:");
    assert_has("\",\"DisplayName\":\"C");
    assert_has("\",\"Value\":{\"Value\":");
    assert_lacks("ServerTimestamp");
    assert_string_equal(property("$$MessageSchema"), "application/x-monitored-item-json-v1");
    assert_int_equal(world.out_of_order, 0);
}

static void every_mode_makes_json_that_can_be_read(void **state)
{
    (void)state;
    static const char *modes[] = {
        "FullSamples", "FullNetworkMessages", "DataSetMessages", "SingleDataSetMessage",
        "DataSets",    "SingleDataSet",       "RawDataSets",     "SingleRawDataSet"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char entries[512];
        snprintf(entries, sizeof entries,
                 "[{\"EndpointUrl\": \"%%s\", \"MessagingMode\": \"%s\", "
                 "\"DataSetExtensionFields\": {\"x\": 1},"
                 "\"OpcNodes\": " TWO_NODES "}]",
                 modes[i]);
        start(entries);
        want_more(50);
        assert_has("\"x\":");
        assert_int_equal(world.out_of_order, 0);
        assert_int_equal(a_message()[0] == '{', strstr(modes[i], "Single") != NULL);
        if (i + 1 < sizeof modes / sizeof modes[0])
            stop(NULL);
    }
}

static void a_batch_of_one_is_no_array(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"BatchSize\": 1, \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    assert_int_equal(a_message()[0], '{');
}

static void strict_messages_are_those_of_part_14(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.strict = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"DataSetWriterId\": \"w\", \"OpcNodes\": " TWO_NODES
               "}]",
               config);
    want_more(50);
    assert_int_equal(a_message()[0], '{');
    assert_has("\"DataSetWriterName\":\"w\"");
    assert_lacks("DataSetWriterGroup");
    assert_string_equal(property("$$ContentType"), "");
}

static long version_in(const char *text)
{
    const char *at = strstr(text, "\"MinorVersion\":");
    assert_non_null(at);
    return atol(at + strlen("\"MinorVersion\":"));
}

static void metadata_comes_before_the_first_values(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.strict = config.defaults.metadata = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"DataSetWriterId\": \"w\", "
               "\"DataSetExtensionFields\": {\"AssetId\": 5}, \"OpcNodes\": "
               "[{\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\", "
               "\"DataSetClassFieldId\": \"72962b91-fa75-4ae6-8d28-b404dc7daf63\"}, "
               "{\"Id\": \"nsu=urn:test;s=C1\", \"DisplayName\": \"C1\"}]}]",
               config);
    want_more(50);
    const char *first = body(0);
    assert_non_null(strstr(first, "72962b91-fa75-4ae6-8d28-b404dc7daf63"));
    assert_non_null(strstr(first, "\"MessageType\":\"ua-metadata\",\"PublisherId\":\"me\""));
    assert_non_null(strstr(first, "\"Fields\":[{\"Name\":\"C0\""));
    assert_non_null(strstr(first, "\"BuiltInType\":6,\"DataType\":{\"Id\":6},\"ValueRank\":-1"));
    assert_non_null(strstr(first, "\"Name\":\"AssetId\""));
    assert_non_null(strstr(first, "\"DataSetWriterName\":\"w\"}"));
    for (size_t i = 1; i < hub.sent; i++) {
        assert_null(strstr(body(i), "ua-metadata")); /* it did not change */
        assert_int_equal(version_in(body(i)), version_in(first));
    }
}

static bool has_metadata(void *arg)
{
    size_t *count = arg, found = 0;
    for (size_t i = 0; i < hub.sent; i++)
        found += strstr(body(i), "ua-metadata") != NULL;
    return found >= *count;
}

static bool has_loaded_more(void *arg)
{
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    return c.config_loads > *(uint64_t *)arg;
}

static void metadata_comes_again_when_fields_change(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(20);
    write_file("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C1\", "
               "\"DisplayName\": \"C1\"},"
               "{\"Id\": \"nsu=urn:test;s=C7\", \"DisplayName\": \"C7\"}]}]");
    size_t two = 2;
    assert_true(loop_run_until(world.loop, has_metadata, &two, WAIT_MS));
    want_more(20);
    long last = 0;
    for (size_t i = 0; i < hub.sent; i++)
        if (strstr(body(i), "ua-metadata"))
            last = version_in(body(i));
    assert_true(last != version_in(body(0)));
    assert_int_equal(version_in(body(hub.sent - 1)), last);
}

#define SAMPLED_WITH(more, others)                                                                 \
    "[{\"EndpointUrl\": \"%s\", \"BatchSize\": 1, \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C1\", "    \
    "\"DisplayName\": \"C1\", " more "}" others "]}]"

static void change_to(const char *entries)
{
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    uint64_t loads = c.config_loads;
    write_file(entries);
    assert_true(loop_run_until(world.loop, has_loaded_more, &loads, WAIT_MS));
    want_more(20);
}

/* They are what they were, in the same order. */
static void metadata_stays_when_only_the_pace_of_fields_changes(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    start_with(SAMPLED_WITH("\"OpcSamplingInterval\": 10", ""), config);
    want_more(20);
    change_to(SAMPLED_WITH("\"OpcSamplingInterval\": 20", ""));
    change_to(SAMPLED_WITH("\"OpcSamplingInterval\": 20, \"QueueSize\": 5", ""));
    change_to(SAMPLED_WITH("\"OpcSamplingInterval\": 20, \"HeartbeatIntervalTimespan\": \"00:00:01\"", ""));
    change_to(SAMPLED_WITH("\"OpcSamplingInterval\": 20, \"DeadbandType\": \"Absolute\", \"DeadbandValue\": 0.5", ""));
    long before = version_in(body(0));
    size_t two = 2;
    assert_false(has_metadata(&two));
    assert_int_equal(version_in(body(hub.sent - 1)), before);
    write_file(SAMPLED_WITH("\"OpcSamplingInterval\": 30", ", {\"Id\": \"nsu=urn:test;s=C2\", \"DisplayName\": \"C2\"}"));
    assert_true(loop_run_until(world.loop, has_metadata, &two, WAIT_MS));
    size_t three = 3;
    assert_false(has_metadata(&three));
}

/* On a subscription that is live already, and of nodes that are on none. */
static void a_writer_that_comes_later_has_metadata_too(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"DataSetWriterId\": \"a\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(20);
    write_file("[{\"EndpointUrl\": \"%s\", \"DataSetWriterId\": \"a\", \"OpcNodes\": " TWO_NODES "},"
               "{\"EndpointUrl\": \"%s\", \"DataSetWriterId\": \"b\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C7\", "
               "\"DisplayName\": \"C7\"}]}]");
    size_t two = 2;
    assert_true(loop_run_until(world.loop, has_metadata, &two, WAIT_MS));
}

static size_t refused;

static void refuse_types(const UA_DataType *type, const void *request, void *answer)
{
    const UA_ReadRequest *asked = request;
    if (!ANSWERS_OF(type, READ) || asked->nodesToRead->attributeId != UA_ATTRIBUTEID_DATATYPE ||
        refused == 0)
        return;
    refused--;
    ((UA_ReadResponse *)answer)->responseHeader.serviceResult = UA_STATUSCODE_BADTOOMANYOPERATIONS;
}

/* The connection stands: no other will come with which it would be asked. */
static void what_a_server_does_not_say_of_fields_is_asked_again(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    refused = 1;
    answers_change = refuse_types;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(5); /* values do not wait */
    size_t one = 1;
    assert_true(loop_run_until(world.loop, has_metadata, &one, WAIT_MS));
    answers_change = NULL;
    assert_int_equal(refused, 0);
}

static void nodes_that_are_read_in_cycles_have_metadata(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\", "
               "\"UseCyclicRead\": true, \"OpcSamplingInterval\": 50}]}]", config);
    size_t one = 1;
    assert_true(loop_run_until(world.loop, has_metadata, &one, WAIT_MS));
    want_more(5);
}

/* ---- a server that does not answer for a while ---- */

static atomic_bool stalls;
static sem_t goes_on;

static void stall(void *arg)
{
    (void)arg;
    if (atomic_exchange(&stalls, false))
        while (sem_wait(&goes_on) != 0)
            ;
}

static void add_stall(struct opcua_server *s)
{
    opcua_server_every(s, TICK_MS, stall, NULL);
}

static bool is_stalled(void *arg)
{
    (void)arg;
    return !atomic_load(&stalls);
}

/* The metadata that tells of that field; NULL: there is none. */
static const char *metadata_with(const char *field)
{
    for (size_t i = 0; i < hub.sent; i++)
        if (strstr(body(i), "ua-metadata") && strstr(body(i), field))
            return body(i);
    return NULL;
}

static bool has_metadata_with(void *field)
{
    return metadata_with(field) != NULL;
}

static bool holds_a_beat(void *arg)
{
    (void)arg;
    return hub.sent > 2 && strstr(body(hub.sent - 1), "\"beat\":{\"Value\":0");
}

static bool has_other_version(void *arg)
{
    const char *last = hub.sent ? body(hub.sent - 1) : "";
    return strstr(last, "ua-deltaframe") && version_in(last) != *(long *)arg;
}

#define BEATING_WITH(id, name)                                                                     \
    "[{\"EndpointUrl\": \"%s\", \"BatchSize\": 1, \"OpcNodes\": [{\"Id\": "                         \
    "\"nsu=urn:test;s=Still\", \"DataSetFieldId\": \"beat\", \"HeartbeatBehavior\": "                \
    "\"PeriodicLKV\", \"HeartbeatIntervalTimespan\": \"00:00:00.050\"}, "                            \
    "{\"Id\": \"nsu=urn:test;s=" id "\", \"DataSetFieldId\": \"" name "\"}]}]"

/* The server has not told yet what they look like, and messages go on. */
static void other_fields_have_another_version_at_once(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    own_thread = true;
    rig_more = add_stall;
    start_with(BEATING_WITH("C0", "before"), config);
    assert_true(loop_run_until(world.loop, has_metadata_with, "before", WAIT_MS));
    assert_true(loop_run_until(world.loop, holds_a_beat, NULL, WAIT_MS));
    long before = version_in(metadata_with("before"));
    atomic_store(&stalls, true);
    assert_true(loop_run_until(world.loop, is_stalled, NULL, WAIT_MS));
    write_file(BEATING_WITH("C1", "after"));
    bool other = loop_run_until(world.loop, has_other_version, &before, WAIT_MS / 3);
    long after = version_in(body(hub.sent - 1));
    bool told = metadata_with("after") != NULL;
    sem_post(&goes_on);
    own_thread = false;
    rig_more = NULL;
    assert_true(other && !told);
    assert_true(loop_run_until(world.loop, has_metadata_with, "after", WAIT_MS));
    assert_int_equal(version_in(metadata_with("after")), after);
}

static void metadata_comes_again_on_schedule(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.metadata = true;
    config.defaults.metadata_ms = 40;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    size_t four = 4;
    assert_true(loop_run_until(world.loop, has_metadata, &four, WAIT_MS));
    for (size_t i = 0; i < hub.sent; i++)
        if (strstr(body(i), "ua-metadata"))
            assert_int_equal(version_in(body(i)), version_in(body(0))); /* it is the same one */
}

static void a_lone_value_can_stand_without_its_name(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.lone_value = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=Still\"}]}]",
               config);
    while (hub.sent == 0)
        loop_run_until(world.loop, has_events, NULL, 20);
    assert_has("\"Payload\":{\"Value\":0,");
}

static void the_last_of_several_values_can_be_left_alone(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.mode = MODE_SAMPLES;
    config.defaults.last_in_batch = true;
    config.defaults.publishing_ms = 100;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(10);
    assert_true(world.out_of_order > 2); /* ten ticks a notification */
}

/* Of the data set message that was sent as number i of all. */
static UA_DateTime timestamp_in(size_t i)
{
    static const char name[] = "\"Timestamp\":\"";
    UA_DateTime t;
    const char *at = strstr(body(i), name);
    assert_non_null(at);
    at += sizeof name - 1;
    assert_true(opcua_value_json_time_parse(slice_from(at, strcspn(at, "\"")), &t));
    return t;
}

/* What waited here while nothing could be sent was published before. */
static void try_stamp(enum plan_stamp stamp, bool before)
{
    struct publisher_config config = {.outbox = {.memory_bytes = 4000}, .defaults = defaults};
    config.defaults.stamp = stamp;
    config.defaults.batch_size = 1;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(20);
    hub.silent = true;
    WAIT_FOR(is_held);
    UA_DateTime held = UA_DateTime_now();
    size_t first = hub.sent;
    while (UA_DateTime_now() < held + 50 * UA_DATETIME_MSEC)
        loop_run_until(world.loop, is_stopped, NULL, 10);
    UA_DateTime released = UA_DateTime_now();
    hub.silent = false;
    acknowledge(NULL);
    want_more(20);
    bool any_before = false;
    for (size_t i = first; i < hub.sent; i++)
        if (timestamp_in(i) > held && timestamp_in(i) < released)
            any_before = true;
    assert_int_equal(any_before, before);
}

static void messages_can_have_the_time_at_which_the_server_published(void **state)
{
    (void)state;
    try_stamp(STAMP_PUBLISHED, true);
    stop(NULL);
    try_stamp(STAMP_NOW, false);
}

static bool has_sent(void *arg)
{
    return hub.sent >= *(size_t *)arg;
}

static void uadp_is_binary_and_says_so(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.encoding = ENCODING_UADP;
    config.defaults.metadata = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    size_t five = 5;
    assert_true(loop_run_until(world.loop, has_sent, &five, WAIT_MS));
    assert_int_equal(hub.bodies[0].at[0], 0x91); /* metadata: an announcement */
    assert_int_equal(hub.bodies[0].at[2], 0x08);
    assert_int_equal(hub.bodies[1].at[0], 0xf1);
    assert_string_equal(hub.content_type, "application/opcua+uadp");
    assert_string_equal(property("$$MessageSchema"), "application/x-network-message-uadp-v1");
    assert_string_equal(property("$$ContentEncoding"), "");
}

static void messages_are_cut_by_size(void **state)
{
    (void)state;
    start_with("[{\"EndpointUrl\": \"%s\", \"BatchSize\": 100000, \"BatchTriggerInterval\": 60000, "
               "\"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.body_max = 2000});
    want_more(100);
    assert_true(world.largest <= 2000);
    assert_true(world.largest > 1000);
    assert_int_equal(world.out_of_order, 0);
}

static void events_are_sent_with_their_fields(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"i=2253\", \"DisplayName\": \"e\", "
          "\"QueueSize\": 100,"
          "\"EventFilter\": {\"SelectClauses\": [{\"TypeDefinitionId\": \"i=2041\", "
          "\"BrowsePath\": [\"Message\"]},"
          "{\"TypeDefinitionId\": \"i=2041\", \"BrowsePath\": [\"Severity\"]}]}}]}]");
    WAIT_FOR(has_events);
    assert_has("\"ua-event\",\"Payload\":{\"Message\":{\"Value\":");
    assert_has("every tenth");
    assert_has("\"Severity\":{\"Value\":500}");
    assert_has("|BaseEventType\"");
}

/* The server is asked for the fields of the type, and for its name. */
static void the_simple_filter_has_all_fields_of_the_type(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"i=2253\", \"QueueSize\": 100,"
          "\"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}}, {\"Id\": \"i=2253\", "
          "\"AttributeId\": "
          "\"EventNotifier\", \"QueueSize\": 100, \"DataSetFieldId\": \"x\"}]}]");
    static const char *const fields[] = {"EventId", "EventType", "SourceNode",  "SourceName",
                                         "Time",    "Message",   "ReceiveTime", "Severity"};
    while (!strstr(hub.sent ? a_message() : "", "every tenth"))
        loop_run_until(world.loop, has_events, NULL, 20);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char head[32];
        snprintf(head, sizeof head, "\"%s\":{\"Value\":", fields[i]);
        assert_has(head);
    }
}

static void events_are_samples_too(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"MessagingMode\": \"Samples\", \"OpcNodes\": [{\"Id\": "
          "\"i=2253\","
          "\"QueueSize\": 100, \"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}}]}]");
    while (!strstr(hub.sent ? a_message() : "", "every tenth"))
        loop_run_until(world.loop, has_events, NULL, 20);
    assert_has("\"NodeId\":\"i=2253\"");
    assert_has("\"Severity\":500");
}

static void heartbeats_repeat_what_does_not_change(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"MessagingMode\": \"FullSamples\", \"OpcNodes\": [{\"Id\": "
          "\"nsu=urn:test;s=Still\","
          "\"HeartbeatIntervalTimespan\": \"00:00:00.050\"}]}]");
    WAIT_FOR(has_beats);
    assert_has("\"Heartbeat\":true");
}

static void key_frames_have_all_values(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"MessagingMode\": \"DataSetMessages\", "
          "\"DataSetKeyFrameCount\": 1, \"OpcNodes\": ["
          "{\"Id\": \"nsu=urn:test;s=Still\"}, {\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": "
          "\"C0\"}]}]");
    want_more(50);
    assert_has("\"ua-keyframe\"");
    assert_has("\"nsu=urn:test;s=Still\":{\"Value\":0");
    assert_int_equal(world.out_of_order, 0);
}

/* The network message has no header: its version, then the data set's flags. */
static int raw_frame(size_t i)
{
    assert_true(hub.bodies[i].len > 3);
    assert_int_equal(hub.bodies[i].at[0], 0x01);
    assert_int_equal(hub.bodies[i].at[1] & 0x06, 0x02); /* raw fields */
    return hub.bodies[i].at[2] & 0x0f;
}

/* The newest one is of that kind: at first not all nodes need be there. */
static bool has_raw_frame(void *arg)
{
    const int *kind = arg;
    return hub.sent > 0 && raw_frame(hub.sent - 1) == *kind;
}

static void start_raw(const char *nodes)
{
    char entries[512];
    struct publisher_config config = {.defaults = defaults};
    config.defaults.encoding = ENCODING_UADP;
    snprintf(entries, sizeof entries,
             "[{\"EndpointUrl\": \"%%s\", \"MessagingMode\": \"RawDataSets\", "
             "\"DataSetKeyFrameCount\": 1, \"OpcNodes\": %s}]",
             nodes);
    start_with(entries, config);
}

static void a_raw_key_frame_that_lacks_a_value_is_a_delta_frame(void **state)
{
    (void)state;
    size_t ten = 10;
    int key = 0;
    start_raw(TWO_NODES);
    assert_true(loop_run_until(world.loop, has_raw_frame, &key, WAIT_MS)); /* both are there */
    assert_int_equal(hub.bodies[hub.sent - 1].len, 3 + 2 * sizeof(uint32_t));
    stop(NULL);
    start_raw("[{\"Id\": \"nsu=urn:test;s=C0\"}, {\"Id\": \"nsu=urn:test;s=Nowhere\"}]");
    assert_true(loop_run_until(world.loop, has_sent, &ten, WAIT_MS));
    assert_int_equal(raw_frame(9), 1);
    assert_int_equal(hub.bodies[9].len, 3 + 2 + 2 + sizeof(uint32_t)); /* count, index, value */
}

static void the_first_value_can_be_skipped(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=Still\", "
          "\"DisplayName\": \"Still\", "
          "\"SkipFirst\": true}, {\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\"}]}]");
    want_more(50);
    for (size_t i = 0; i < hub.sent; i++)
        assert_null(strstr(buffer_cstr(&hub.bodies[i]), "Still"));
}

int main(void)
{
    if (sem_init(&goes_on, 0, 0) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pubsub_messages_are_those_of_opc_publisher, stop),
        cmocka_unit_test_teardown(samples_are_those_of_opc_publisher, stop),
        cmocka_unit_test_teardown(every_mode_makes_json_that_can_be_read, stop),
        cmocka_unit_test_teardown(a_batch_of_one_is_no_array, stop),
        cmocka_unit_test_teardown(strict_messages_are_those_of_part_14, stop),
        cmocka_unit_test_teardown(metadata_comes_before_the_first_values, stop),
        cmocka_unit_test_teardown(metadata_comes_again_when_fields_change, stop),
        cmocka_unit_test_teardown(metadata_stays_when_only_the_pace_of_fields_changes, stop),
        cmocka_unit_test_teardown(a_writer_that_comes_later_has_metadata_too, stop),
        cmocka_unit_test_teardown(what_a_server_does_not_say_of_fields_is_asked_again, stop),
        cmocka_unit_test_teardown(nodes_that_are_read_in_cycles_have_metadata, stop),
        cmocka_unit_test_teardown(other_fields_have_another_version_at_once, stop),
        cmocka_unit_test_teardown(metadata_comes_again_on_schedule, stop),
        cmocka_unit_test_teardown(a_lone_value_can_stand_without_its_name, stop),
        cmocka_unit_test_teardown(the_last_of_several_values_can_be_left_alone, stop),
        cmocka_unit_test_teardown(messages_can_have_the_time_at_which_the_server_published, stop),
        cmocka_unit_test_teardown(uadp_is_binary_and_says_so, stop),
        cmocka_unit_test_teardown(messages_are_cut_by_size, stop),
        cmocka_unit_test_teardown(events_are_sent_with_their_fields, stop),
        cmocka_unit_test_teardown(events_are_samples_too, stop),
        cmocka_unit_test_teardown(the_simple_filter_has_all_fields_of_the_type, stop),
        cmocka_unit_test_teardown(heartbeats_repeat_what_does_not_change, stop),
        cmocka_unit_test_teardown(key_frames_have_all_values, stop),
        cmocka_unit_test_teardown(a_raw_key_frame_that_lacks_a_value_is_a_delta_frame, stop),
        cmocka_unit_test_teardown(the_first_value_can_be_skipped, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
