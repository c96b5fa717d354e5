/*
 * What the publisher's own tests stand on: the publisher between a real OPC UA server and a hub that the test
 * plays. For publisher_test.c and publisher_messages_test.c.
 */
#pragma once

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

static inline void acknowledge(void *arg)
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

static inline void counter_id(int i, char out[16])
{
    snprintf(out, 16, "C%d", i);
}

/* All counters go up at once, each by one. */
static inline void tick(void *arg)
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
static void (*rig_more)(struct opcua_server *s); /* what a test adds to the server; or NULL */

static inline void start_server(void)
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
    if (rig_more)
        rig_more(world.server);
    opcua_server_every(world.server, TICK_MS, tick, NULL);
    assert_int_equal(opcua_server_start(world.server), OK);
    world.port = atoi(strrchr(opcua_server_url(world.server), ':') + 1);
}

/* %s in `entries` is the server's URL, each time. */
static inline void write_file(const char *entries)
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

static inline void start_with(const char *entries, struct publisher_config config)
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
        opcua_thread_new(&(struct opcua_thread_config){
        .loop = own_thread ? NULL : world.loop, .lease_ms = 1});
    world.module = module_new(&(struct module_config){
        .device = {
            .loop = world.loop, .host = "hub", .device_id = "d", .module_id = "m", .key = "a2V5"}});
    config.path = world.path;
    if (!config.defaults.publisher_id)
        config.defaults = defaults;
    world.publisher = publisher_start(world.module, world.thread, &config);
    module_start(world.module);
}

static inline void start(const char *entries)
{
    start_with(entries, (struct publisher_config){0});
}

static inline void on_stopped(void *arg)
{
    (void)arg;
    world.stopped = true;
}

static inline bool is_stopped(void *arg)
{
    (void)arg;
    return world.stopped;
}

static inline void stop_publisher(void)
{
    if (world.stopped)
        return;
    hub.silent = hub.full = false;
    acknowledge(NULL);
    publisher_stop(world.publisher, on_stopped, NULL);
    assert_true(loop_run_until(world.loop, is_stopped, NULL, WAIT_MS));
}

static inline int stop(void **state)
{
    (void)state;
    stop_publisher();
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

static inline void take_counter(struct slice name, const struct json *field)
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

static inline void take_fields(const struct json *payload)
{
    struct json_walk w = json_walk(payload);
    while (json_next(&w))
        take_counter(w.name, w.value);
}

static inline void take_data_set(const struct json *m)
{
    if (slice_eq(json_string(json_get(m, "MessageType")), SLICE("ua-event")))
        world.events++;
    else
        take_fields(json_get(m, "Payload"));
}

static inline void take_message(const struct json *m)
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
static inline void take_sequence(struct slice properties, bool metadata)
{
    uint64_t *last = metadata ? &world.metadata_sequence : &world.sequence;
    struct slice text;
    uint64_t n;
    assert_true(iot_property_find(properties, SLICE("millrace-sequence"), &text) &&
                slice_to_u64(text, &n));
    assert_int_equal(n, *last + 1);
    *last = n;
}

static inline void take_sent(void)
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

static inline bool has_values(void *arg)
{
    (void)arg;
    take_sent();
    return world.values >= world.wanted;
}

static inline void want_more(uint64_t more)
{
    world.wanted = world.values + more;
    assert_true(loop_run_until(world.loop, has_values, NULL, WAIT_MS));
}

static inline bool has_last_counter(void *arg)
{
    (void)arg;
    take_sent();
    return world.seen[COUNTERS - 1] > 20;
}

static inline bool has_events(void *arg)
{
    (void)arg;
    take_sent();
    return world.events > 3;
}

static inline bool has_beats(void *arg)
{
    (void)arg;
    take_sent();
    return world.beats > 3;
}

static inline bool is_held(void *arg)
{
    (void)arg;
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    return c.held > 0;
}

static inline bool was_restarted(void *arg)
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

#define TWO_NODES                                                                                  \
    "[{\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\"}, {\"Id\": \"nsu=urn:test;s=C1\", "  \
    "\"DisplayName\": \"C1\"}]"

static inline void assert_has(const char *part)
{
    if (!strstr(a_message(), part))
        fail_msg("'%s' is not in %s", part, a_message());
}

static inline void assert_lacks(const char *part)
{
    if (strstr(a_message(), part))
        fail_msg("'%s' is in %s", part, a_message());
}
