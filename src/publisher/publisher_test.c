/* The publisher between a real OPC UA server and a hub that the test plays. */
#include "publisher/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "opcua/server.h"
#include "opcua/value_json.h"
#include "json/json.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define TICK_MS 10
#define COUNTERS 8
#define SENT_MAX 4096

/* ---- the hub: takes the place of client/device.c ---- */

struct device_client {
    struct device_client_config config;
};

static struct hub {
    struct device_client *client;
    struct buffer bodies[SENT_MAX], properties[SENT_MAX];
    char content_type[64], output[64];
    uint64_t tokens[SENT_MAX];
    size_t sent, acknowledged;
    bool silent; /* takes, and does not acknowledge */
    bool full;   /* takes nothing */
} hub;

struct device_client *device_client_new(const struct device_client_config *config)
{
    hub.client = MEMORY_NEW(struct device_client);
    hub.client->config = *config;
    return hub.client;
}

void device_client_free(struct device_client **c)
{
    free(*c);
    *c = NULL;
}

bool device_client_connected(const struct device_client *c)
{
    (void)c;
    return true;
}

static void acknowledge(void *arg)
{
    (void)arg;
    while (!hub.silent && hub.acknowledged < hub.sent)
        hub.client->config.events->on_sent(hub.client->config.arg, hub.tokens[hub.acknowledged++],
                                           OK);
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    if (hub.full || hub.sent == SENT_MAX)
        return FULL;
    buffer_put(&hub.bodies[hub.sent], m->body);
    buffer_put(&hub.properties[hub.sent], m->properties);
    snprintf(hub.content_type, sizeof hub.content_type, "%.*s", SLICE_FMT(m->content_type));
    snprintf(hub.output, sizeof hub.output, "%.*s", SLICE_FMT(m->output));
    hub.tokens[hub.sent++] = token;
    loop_defer(c->config.loop, acknowledge, NULL);
    return OK;
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    (void)c, (void)rid, (void)status, (void)payload;
}

void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg)
{
    (void)c;
    fn(arg, OFFLINE, (struct slice){0});
}

void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg)
{
    (void)c, (void)patch;
    fn(arg, OK, 1);
}

/* ---- the world: all on one loop, but the server ---- */

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    uint16_t space;
    UA_Int32 ticks;
    int port;
    struct module *module;
    struct publisher *publisher;
    char path[64];
    size_t read;           /* messages that were looked at */
    double last[COUNTERS]; /* 0: none yet */
    uint64_t seen[COUNTERS], values, out_of_order, restarts, wanted, events, beats;
    uint64_t sequence, metadata_sequence;
    size_t largest;
    bool stopped;
} world;

static void counter_id(int i, char out[16])
{
    snprintf(out, 16, "C%d", i);
}

/* All counters go up at once, each by one. */
static void tick(void *arg)
{
    (void)arg;
    world.ticks++;
    for (int i = 0; i < COUNTERS; i++) {
        char id[16];
        counter_id(i, id);
        opcua_server_write(world.server, (struct opcua_place){world.space, id}, &world.ticks,
                           &UA_TYPES[UA_TYPES_INT32], UA_STATUSCODE_GOOD);
    }
    if (world.ticks % 10 == 0)
        opcua_server_event(world.server, 500, "test", "every tenth");
}

static bool with_history; /* of C0 */

static void start_server(void)
{
    struct opcua_server_config config = {.host = "127.0.0.1", .port = world.port};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    world.space = opcua_server_namespace(world.server, "urn:test");
    world.ticks = 0;
    UA_Int32 zero = 0;
    for (int i = 0; i < COUNTERS; i++) {
        char id[16];
        counter_id(i, id);
        opcua_server_add_variable(world.server, (struct opcua_place){0},
                                  (struct opcua_place){world.space, id}, id, &zero,
                                  &UA_TYPES[UA_TYPES_INT32], false);
    }
    opcua_server_add_variable(world.server, (struct opcua_place){0},
                              (struct opcua_place){world.space, "Still"}, "Still", &zero,
                              &UA_TYPES[UA_TYPES_INT32], false);
    if (with_history)
        opcua_server_keep_history(world.server, (struct opcua_place){world.space, "C0"}, 100);
    opcua_server_every(world.server, TICK_MS, tick, NULL);
    assert_int_equal(opcua_server_start(world.server), OK);
    world.port = atoi(strrchr(opcua_server_url(world.server), ':') + 1);
}

/* %s in `entries` is the server's URL, each time. */
static void write_file(const char *entries)
{
    struct buffer text = {0};
    for (const char *at = entries; *at;) {
        const char *next = strstr(at, "%s");
        buffer_put(&text, slice_from(at, next ? (size_t)(next - at) : strlen(at)));
        if (next)
            buffer_printf(&text, "opc.tcp://127.0.0.1:%d", world.port);
        at = next ? next + 2 : at + strlen(at);
    }
    assert_int_equal(file_write(world.path, buffer_slice(&text)), OK);
    buffer_clear(&text);
}

static const struct plan_defaults defaults = {.publisher_id = "me",
                                              .mode = MODE_PUBSUB,
                                              .encoding = ENCODING_JSON,
                                              .batch_size = 10,
                                              .batch_ms = 20,
                                              .publishing_ms = 20,
                                              .sampling_ms = 0,
                                              .queue_size = 1000,
                                              .trigger = TRIGGER_STATUS_VALUE};

static bool own_thread; /* OPC UA on a thread of its own, as in the program */

static void start_with(const char *entries, struct publisher_config config)
{
    world = (struct world){0};
    strcpy(world.path, "/tmp/publisher_test_XXXXXX");
    int fd = mkstemp(world.path);
    assert_true(fd >= 0);
    close(fd);
    start_server();
    write_file(entries);
    world.loop = loop_new();
    world.thread =
        opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop, .lease_ms = 1});
    world.module = module_new(&(struct module_config){
        .device = {
            .loop = world.loop, .host = "hub", .device_id = "d", .module_id = "m", .key = "a2V5"}});
    config.path = world.path;
    if (!config.defaults.publisher_id)
        config.defaults = defaults;
    world.publisher = publisher_start(world.module, world.thread, &config);
    module_start(world.module);
}

static void start(const char *entries)
{
    start_with(entries, (struct publisher_config){0});
}

static void on_stopped(void *arg)
{
    (void)arg;
    world.stopped = true;
}

static bool is_stopped(void *arg)
{
    (void)arg;
    return world.stopped;
}

static int stop(void **state)
{
    (void)state;
    hub.silent = hub.full = false;
    acknowledge(NULL);
    publisher_stop(world.publisher, on_stopped, NULL);
    assert_true(loop_run_until(world.loop, is_stopped, NULL, WAIT_MS));
    module_free(&world.module);
    opcua_thread_free(&world.thread);
    publisher_free(&world.publisher);
    opcua_server_close(&world.server);
    loop_free(&world.loop);
    unlink(world.path);
    for (size_t i = 0; i < SENT_MAX; i++) {
        buffer_clear(&hub.bodies[i]);
        buffer_clear(&hub.properties[i]);
    }
    hub = (struct hub){0};
    return 0;
}

/* ---- looking at what came ---- */

static void take_counter(struct slice name, const struct json *field)
{
    const struct json *value = json_is(field, JSON_OBJECT) ? json_get(field, "Value") : field;
    size_t at = slice_find(name, 'C'); /* "C3", or the end of a node id */
    int i = at + 1 < name.len ? name.at[name.len - 1] - '0' : -1;
    if (i < 0 || i >= COUNTERS || !json_is(value, JSON_NUMBER))
        return;
    double v = json_double(value, -1);
    if (v < world.last[i])
        world.restarts++; /* of the server */
    else
        world.out_of_order += world.last[i] != 0 && v != world.last[i] + 1;
    world.last[i] = v;
    world.seen[i]++;
    world.values++;
}

static void take_fields(const struct json *payload)
{
    struct json_walk w = json_walk(payload);
    while (json_next(&w))
        take_counter(w.name, w.value);
}

static void take_data_set(const struct json *m)
{
    if (slice_eq(json_string(json_get(m, "MessageType")), SLICE("ua-event")))
        world.events++;
    else
        take_fields(json_get(m, "Payload"));
}

static void take_message(const struct json *m)
{
    if (json_get(m, "Messages")) {
        struct json_walk w = json_walk(json_get(m, "Messages"));
        while (json_next(&w))
            take_data_set(w.value);
    } else if (json_get(m, "NodeId")) {
        if (json_is(json_get(json_get(m, "Value"), "Message"), JSON_STRING))
            world.events++;
        world.beats += json_bool(json_get(m, "Heartbeat"), false);
        take_counter(json_string(json_get(m, "NodeId")), json_get(m, "Value"));
    } else if (json_get(m, "Payload")) {
        take_data_set(m);
    } else {
        take_fields(m);
    }
}

static const char *body(size_t i)
{
    return buffer_cstr(&hub.bodies[i]);
}

/* Metadata is retained: a route of its own, which counts for itself. */
static void take_sequence(struct slice properties, bool metadata)
{
    uint64_t *last = metadata ? &world.metadata_sequence : &world.sequence;
    struct slice text;
    uint64_t n;
    assert_true(iot_property_find(properties, SLICE("millrace-sequence"), &text) &&
                slice_to_u64(text, &n));
    assert_int_equal(n, *last + 1);
    *last = n;
}

static void take_sent(void)
{
    for (; world.read < hub.sent; world.read++) {
        struct json_doc *doc;
        assert_int_equal(json_parse(buffer_slice(&hub.bodies[world.read]), JSON_STRICT, &doc, NULL),
                         OK);
        const struct json *root = json_root(doc);
        struct json_walk w = json_walk(root);
        if (json_is(root, JSON_ARRAY))
            while (json_next(&w))
                take_message(w.value);
        else
            take_message(root);
        json_free(&doc);
        take_sequence(buffer_slice(&hub.properties[world.read]),
                      strstr(body(world.read), "ua-metadata") != NULL);
        if (hub.bodies[world.read].len > world.largest)
            world.largest = hub.bodies[world.read].len;
    }
}

static bool has_values(void *arg)
{
    (void)arg;
    take_sent();
    return world.values >= world.wanted;
}

static void want_more(uint64_t more)
{
    world.wanted = world.values + more;
    assert_true(loop_run_until(world.loop, has_values, NULL, WAIT_MS));
}

static bool has_last_counter(void *arg)
{
    (void)arg;
    take_sent();
    return world.seen[COUNTERS - 1] > 20;
}

static bool has_events(void *arg)
{
    (void)arg;
    take_sent();
    return world.events > 3;
}

static bool has_beats(void *arg)
{
    (void)arg;
    take_sent();
    return world.beats > 3;
}

static bool is_held(void *arg)
{
    (void)arg;
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    return c.held > 0;
}

static bool was_restarted(void *arg)
{
    (void)arg;
    take_sent();
    return world.restarts > 0;
}

#define WAIT_FOR(condition) assert_true(loop_run_until(world.loop, (condition), NULL, WAIT_MS))

/* The body of the message that was read last, as text. */
static const char *a_message(void)
{
    return buffer_cstr(&hub.bodies[hub.sent - 1]);
}

static const char *property(const char *name)
{
    static char text[128];
    struct slice value = {0};
    iot_property_find(buffer_slice(&hub.properties[0]), slice_of(name), &value);
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(value));
    return text;
}

#define TWO_NODES                                                                                  \
    "[{\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\"}, {\"Id\": \"nsu=urn:test;s=C1\", "  \
    "\"DisplayName\": \"C1\"}]"

static void assert_has(const char *part)
{
    if (!strstr(a_message(), part))
        fail_msg("'%s' is not in %s", part, a_message());
}

static void assert_lacks(const char *part)
{
    if (strstr(a_message(), part))
        fail_msg("'%s' is in %s", part, a_message());
}

/* ---- shapes ---- */

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
               "\"DataSetExtensionFields\": {\"AssetId\": 5}, \"OpcNodes\": " TWO_NODES "}]",
               config);
    want_more(50);
    const char *first = body(0);
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
          "\"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}}, {\"Id\": \"i=2253\", \"AttributeId\": "
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

/* ---- nothing is lost ---- */

static void values_go_on_after_the_server_was_restarted(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    opcua_server_close(&world.server);
    start_server();
    WAIT_FOR(was_restarted);
    want_more(100);
    assert_int_equal(world.out_of_order, 0);
    assert_int_equal(world.restarts, 2); /* one for each counter */
}

/* ---- what was missed ---- */

static struct missed {
    size_t late, live, lost, unmarked; /* live: of C0, since the restart; lost: of C1 */
    double first_live, last_live, first_late, last_late;
    bool gap;
} missed;

static void take_missed(const struct json *m, bool marked)
{
    const struct json *payload = json_get(m, "Payload");
    const struct json *c0 = json_get(payload, "C0"), *c1 = json_get(payload, "C1");
    bool late = json_bool(json_get(m, "Late"), false);
    double v = json_double(json_get(c0, "Value"), -1);
    missed.unmarked += late != marked;
    missed.lost += late && slice_eq(json_string(json_get(json_get(c1, "StatusCode"), "Symbol")),
                                    SLICE("BadDataLost"));
    if (!c0)
        return;
    if (!late) {
        if (v < missed.last_live)
            missed.first_live = v;
        missed.live = v < missed.last_live ? 1 : missed.live + (missed.live > 0);
        missed.last_live = v;
        return;
    }
    missed.gap |= missed.late && v != missed.last_late + 1;
    missed.first_late = missed.late++ ? missed.first_late : v;
    missed.last_late = v;
}

/* A server that begins anew tells live values from some time on, and those before are in its
 * history. */
static bool was_missed(void *arg)
{
    (void)arg;
    missed = (struct missed){0};
    for (size_t i = 0; i < hub.sent; i++) {
        struct json_doc *doc;
        struct slice property = {0};
        iot_property_find(buffer_slice(&hub.properties[i]), SLICE("millrace-late"), &property);
        assert_int_equal(json_parse(buffer_slice(&hub.bodies[i]), JSON_STRICT, &doc, NULL), OK);
        struct json_walk network = json_walk(json_root(doc));
        while (json_next(&network)) {
            struct json_walk sets = json_walk(json_get(network.value, "Messages"));
            while (json_next(&sets))
                take_missed(sets.value, slice_eq(property, SLICE("true")));
        }
        json_free(&doc);
    }
    return missed.late > 0 && missed.lost > 0 && missed.live > 50;
}

static void what_was_missed_is_read_from_history(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.backfill = true;
    with_history = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(50);
    opcua_server_close(&world.server);
    start_server();
    with_history = false;
    WAIT_FOR(was_missed);
    assert_int_equal(missed.unmarked, 0);
    assert_int_equal(missed.first_late, 1);
    assert_false(missed.gap);
    assert_int_equal(missed.last_late + 1, missed.first_live);
    assert_int_equal(missed.lost, 1);
}

static void a_hub_that_takes_nothing_holds_the_server_back(void **state)
{
    (void)state;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    want_more(50);
    hub.full = true;
    WAIT_FOR(is_held);
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    assert_true(c.waiting_bytes < 100000);
    hub.full = false;
    hub.client->config.events->on_room(hub.client->config.arg);
    want_more(200);
    assert_int_equal(world.out_of_order, 0);
}

static void what_is_not_acknowledged_counts_as_waiting(void **state)
{
    (void)state;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    want_more(50);
    hub.silent = true;
    WAIT_FOR(is_held);
    hub.silent = false;
    acknowledge(NULL);
    want_more(200);
    assert_int_equal(world.out_of_order, 0);
}

static void it_works_on_two_threads(void **state)
{
    (void)state;
    own_thread = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    own_thread = false;
    want_more(50);
    hub.full = true;
    WAIT_FOR(is_held);
    hub.full = false;
    hub.client->config.events->on_room(hub.client->config.arg);
    want_more(100);
    assert_int_equal(world.out_of_order, 0);
}

/* ---- the file ---- */

static void a_change_is_applied_as_a_difference(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    struct publisher_counts c;
    write_file("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C1\", "
               "\"DisplayName\": \"C1\"},"
               "{\"Id\": \"nsu=urn:test;s=C7\", \"DisplayName\": \"C7\"}]}]");
    WAIT_FOR(has_last_counter);
    uint64_t before = world.seen[0];
    want_more(50);
    assert_int_equal(world.seen[0], before); /* it is gone */
    assert_int_equal(world.out_of_order, 0); /* nobody else noticed */
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
}

static void on_edited(void *arg, const struct config_answer *answer)
{
    assert_int_equal(answer->status, OK);
    *(bool *)arg = true;
}

static void a_method_changes_what_is_published(void **state)
{
    (void)state;
    bool edited = false;
    struct buffer payload = {0};
    struct publisher_counts c;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    buffer_printf(&payload,
                  "{\"EndpointUrl\": \"opc.tcp://127.0.0.1:%d\", \"OpcNodes\": [{\"Id\": "
                  "\"nsu=urn:test;s=C7\", \"DisplayName\": \"C7\"}]}",
                  world.port);
    publisher_edit(world.publisher, SLICE("PublishNodes_V1"), buffer_slice(&payload), on_edited,
                   &edited);
    assert_false(edited);
    WAIT_FOR(has_last_counter);
    assert_true(edited); /* it was on the disk before */
    want_more(50);
    assert_int_equal(world.out_of_order, 0); /* nobody else noticed */
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
    buffer_clear(&payload);
}

static bool has_refused(void *arg)
{
    (void)arg;
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    return c.config_refused > 0;
}

static void a_broken_file_leaves_what_runs(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    write_file("[{\"EndpointUrl\": \"%s\", oops");
    want_more(400); /* long enough for the file to be seen */
    write_file("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": 5}, {\"Id\": "
               "\"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\"}]}]");
    WAIT_FOR(has_refused); /* the bad node alone */
    want_more(20);
    assert_int_equal(world.out_of_order, 0);
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
}

static void metrics_are_prometheus_text(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    struct buffer out = {0};
    publisher_metrics(world.publisher, &out);
    assert_non_null(
        strstr(buffer_cstr(&out),
               "# TYPE millrace_publisher_sent_total counter\nmillrace_publisher_sent_total "));
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pubsub_messages_are_those_of_opc_publisher, stop),
        cmocka_unit_test_teardown(samples_are_those_of_opc_publisher, stop),
        cmocka_unit_test_teardown(every_mode_makes_json_that_can_be_read, stop),
        cmocka_unit_test_teardown(a_batch_of_one_is_no_array, stop),
        cmocka_unit_test_teardown(strict_messages_are_those_of_part_14, stop),
        cmocka_unit_test_teardown(metadata_comes_before_the_first_values, stop),
        cmocka_unit_test_teardown(metadata_comes_again_when_fields_change, stop),
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
        cmocka_unit_test_teardown(the_first_value_can_be_skipped, stop),
        cmocka_unit_test_teardown(values_go_on_after_the_server_was_restarted, stop),
        cmocka_unit_test_teardown(what_was_missed_is_read_from_history, stop),
        cmocka_unit_test_teardown(a_hub_that_takes_nothing_holds_the_server_back, stop),
        cmocka_unit_test_teardown(what_is_not_acknowledged_counts_as_waiting, stop),
        cmocka_unit_test_teardown(it_works_on_two_threads, stop),
        cmocka_unit_test_teardown(a_change_is_applied_as_a_difference, stop),
        cmocka_unit_test_teardown(a_method_changes_what_is_published, stop),
        cmocka_unit_test_teardown(a_broken_file_leaves_what_runs, stop),
        cmocka_unit_test_teardown(metrics_are_prometheus_text, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
