/* Plans that are made by hand, run against a real OPC UA server; messages end here. */
#include "writers/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define TICK_MS 10
#define ITEMS_MAX 8

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct engine *engine;
    uint16_t space;
    int port;
    UA_Int32 ticks;
    char url[64];
    struct buffer all; /* bodies of all messages, one a line */
    char topic[256];   /* of the last one */
    struct plan_item items[ITEMS_MAX];
    struct plan_writer writer;
    struct plan_group group;
    struct plan plan;
    const char *text; /* waited for */
    size_t from, times;
    enum watchdog_behavior ended;
} world;

/* ---- in the place of outbox/outbox.c ---- */

struct outbox_route *outbox_route_ua(struct outbox *o, enum plan_transport transport,
                                     struct slice configuration, uint32_t partitions)
{
    (void)o, (void)transport, (void)configuration, (void)partitions;
    return NULL;
}

bool outbox_retains_ua(const struct outbox *o, const struct outbox_route *r)
{
    (void)o, (void)r;
    return false;
}

bool outbox_has_room_ua(struct outbox *o)
{
    (void)o;
    return true;
}

void outbox_put_ua(struct outbox *o, struct outgoing *m)
{
    (void)o;
    buffer_put(&world.all, buffer_slice(&m->body));
    buffer_u8(&world.all, '\n');
    snprintf(world.topic, sizeof world.topic, "%s", m->topic ? m->topic : "");
    outgoing_free(&m);
}

/* ---- the world ---- */

static void tick(void *arg)
{
    (void)arg;
    world.ticks++;
    for (int i = 0; i < 2; i++)
        opcua_server_write(world.server, (struct opcua_place){world.space, i ? "Other" : "Count"},
                           &world.ticks, &UA_TYPES[UA_TYPES_INT32], UA_STATUSCODE_GOOD);
}

static void add(const char *parent, const char *id, const char *name)
{
    UA_Int32 v = 4711;
    opcua_server_add_variable(world.server, (struct opcua_place){parent ? world.space : 0, parent},
                              (struct opcua_place){world.space, id}, name, &v,
                              &UA_TYPES[UA_TYPES_INT32], false);
}

static void start_server(void)
{
    struct opcua_server_config config = {.host = "127.0.0.1", .port = world.port};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    world.space = opcua_server_namespace(world.server, "urn:test");
    opcua_server_add_folder(world.server, (struct opcua_place){0},
                            (struct opcua_place){world.space, "line"}, "Line");
    add("line", "Count", "Number of parts");
    add("line", "Other", "Another");
    add("line", "Still", "Standing still");
    opcua_server_every(world.server, TICK_MS, tick, NULL);
    assert_int_equal(opcua_server_start(world.server), OK);
    world.port = atoi(strrchr(opcua_server_url(world.server), ':') + 1);
}

static void on_end(enum watchdog_behavior behavior)
{
    world.ended = behavior;
}

static int set_up(void **state)
{
    (void)state;
    world = (struct world){0};
    start_server();
    snprintf(world.url, sizeof world.url, "opc.tcp://127.0.0.1:%d", world.port);
    world.loop = loop_new();
    world.thread =
        opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop, .lease_ms = 1});
    world.engine =
        engine_new(&(struct engine_config){.thread = world.thread, .epoch = 1, .end = on_end});
    world.writer = (struct plan_writer){
        .key = SLICE("w"),
        .name = SLICE("W"),
        .connection = {.endpoint_url = slice_of(world.url)},
        .publishing_ms = 20,
        .items = world.items,
    };
    world.group = (struct plan_group){.key = SLICE("g"),
                                      .name = SLICE("G"),
                                      .publisher_id = SLICE("P"),
                                      .mode = MODE_DATA_SETS,
                                      .encoding = ENCODING_JSON,
                                      .batch_size = 1,
                                      .writers = &world.writer,
                                      .writer_count = 1};
    world.plan = (struct plan){.groups = &world.group, .group_count = 1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    engine_free(&world.engine);
    opcua_thread_free(&world.thread);
    opcua_server_close(&world.server);
    loop_free(&world.loop);
    buffer_clear(&world.all);
    return 0;
}

/* The next item of the plan; a key is what its test calls it. */
static struct plan_item *item(const char *key, const char *node)
{
    struct plan_item *i = &world.items[world.writer.item_count++];
    *i = (struct plan_item){.key = slice_hash(slice_of(key)),
                            .node = slice_of(node),
                            .field = slice_of(node),
                            .queue_size = 1000,
                            .trigger = TRIGGER_STATUS_VALUE};
    return i;
}

static size_t count(const char *text, size_t from)
{
    size_t n = 0;
    struct slice rest = slice_skip(buffer_slice(&world.all), from);
    for (size_t at; (at = slice_find_slice(rest, slice_of(text))) < rest.len; n++)
        rest = slice_skip(rest, at + 1);
    return n;
}

static bool has_text(void *arg)
{
    (void)arg;
    return count(world.text, world.from) >= world.times;
}

/* `times` more from now on. */
static void wait_for(const char *text, size_t times)
{
    world.text = text;
    world.times = times;
    world.from = world.all.len;
    assert_true(loop_run_until(world.loop, has_text, NULL, WAIT_MS));
}

static void apply(void)
{
    engine_apply(world.engine, &world.plan);
}

#define COUNT "nsu=urn:test;s=Count"
#define OTHER "nsu=urn:test;s=Other"
#define STILL "nsu=urn:test;s=Still"
#define PATH "[\"/nsu=urn:test;Line\",\"/nsu=urn:test;Number of parts\"]"

/* ---- */

static void fields_have_the_display_names_of_the_server(void **state)
{
    (void)state;
    item("a", COUNT)->fetch_display_name = true;
    struct plan_item *own = item("b", STILL); /* the configuration's wins */
    own->fetch_display_name = true;
    own->field = own->display_name = SLICE("mine");
    item("c", "nsu=urn:test;s=Nobody")->fetch_display_name = true;
    apply();
    wait_for("{\"Number of parts\":{\"Value\":", 3);
    assert_true(count("\"mine\":{\"Value\":4711", 0) > 0);
    assert_int_equal(count("Standing still", 0), 0);
    assert_int_equal(engine_counts(world.engine).sources.failed, 1);
}

static void samples_have_the_display_names_of_the_server(void **state)
{
    (void)state;
    world.group.mode = MODE_SAMPLES;
    item("a", COUNT)->fetch_display_name = true;
    apply();
    wait_for("\"DisplayName\":\"Number of parts\"", 3);
    assert_true(count("\"NodeId\":\"" COUNT "\"", 0) > 0);
}

/* From its own node, from the writer's root, from the server's. Asked again after a restart. */
static void nodes_are_found_by_their_paths(void **state)
{
    (void)state;
    world.group.mode = MODE_SAMPLES;
    item("a", "i=85")->browse_path = SLICE(PATH);
    world.writer.root_node = SLICE("nsu=urn:test;s=line");
    struct plan_item *from_root = item("b", "");
    from_root->browse_path = SLICE("[\"/nsu=urn:test;Standing still\"]");
    struct plan_item *late = item("c", "");
    late->browse_path = SLICE("[\"/nsu=urn:test;Nobody\"]");
    apply();
    wait_for("\"NodeId\":\"i=85\"", 3);
    assert_true(count("\"NodeId\":\"urn:test#s=Still\"", 0) == 1);
    opcua_server_close(&world.server);
    start_server();
    wait_for("\"NodeId\":\"urn:test#s=Still\"", 1);
    wait_for("\"NodeId\":\"i=85\"", 3);
}

static void cyclic_reads_tell_what_does_not_change(void **state)
{
    (void)state;
    struct plan_item *i = item("a", STILL);
    i->cyclic_read = i->register_node = true;
    i->sampling_ms = 20;
    item("b", COUNT);
    apply();
    wait_for("\"" STILL "\":{\"Value\":4711", 5);
    wait_for("\"" COUNT "\":{\"Value\":", 5);
    struct source_counts c = engine_counts(world.engine).sources;
    assert_int_equal(c.samplers, 1);
    assert_int_equal(c.subscriptions, 1);
    assert_true(c.cyclic_reads >= 5);
    assert_int_equal(c.live, 2);
}

static void what_changes_of_an_item_does_not_make_it_anew(void **state)
{
    (void)state;
    item("a", STILL)->heartbeat_ms = 3600000;
    struct plan_item *i = item("b", COUNT);
    i->sampling_ms = 3600000;
    apply();
    wait_for("\"" STILL "\"", 1);
    i->sampling_ms = 0;
    i->key = slice_hash(SLICE("c"));
    world.items[0].heartbeat_ms = 50;
    world.items[0].key = slice_hash(SLICE("d"));
    apply();
    wait_for("\"" COUNT "\"", 10);
    assert_int_equal(engine_counts(world.engine).sources.items, 2);
    wait_for("\"" STILL "\"", 2); /* heartbeats */
    world.items[0].heartbeat_ms = 3600000;
    world.items[0].key = slice_hash(SLICE("e"));
    apply();
    size_t before = count("\"" STILL "\"", 0);
    wait_for("\"" COUNT "\"", 20);
    assert_int_equal(count("\"" STILL "\"", 0), before); /* one made anew begins with its value */
    world.items[1].node = world.items[1].field = SLICE(OTHER);
    world.items[1].key = slice_hash(SLICE("f"));
    apply();
    wait_for("\"" OTHER "\"", 10);
    assert_int_equal(engine_counts(world.engine).sources.items, 2);
}

/* Another writer by its key, and the same subscription with the same items at the server. */
static void another_publishing_interval_does_not_make_writers_anew(void **state)
{
    (void)state;
    item("a", STILL);
    struct plan_item *i = item("b", COUNT);
    world.writer.same_key = SLICE("same");
    apply();
    wait_for("\"" COUNT "\"", 5);
    size_t still = count("\"" STILL "\"", 0);
    uint64_t before = engine_counts(world.engine).sources.notifications;
    world.writer.key = SLICE("w at another pace");
    world.writer.publishing_ms = 200;
    apply();
    wait_for("\"" COUNT "\"", 10);
    struct engine_counts c = engine_counts(world.engine);
    assert_int_equal(c.sources.subscriptions, 1);
    assert_int_equal(c.writer_count, 1);
    assert_true(c.sources.notifications > before); /* it counts on */
    world.writer.key = SLICE("again");
    world.writer.publishing_ms = 20;
    i->key = slice_hash(SLICE("c"));
    i->queue_size = 5; /* and that with it */
    apply();
    wait_for("\"" COUNT "\"", 20);
    assert_int_equal(count("\"" STILL "\"", 0), still); /* one made anew begins with its value */
    assert_int_equal(engine_counts(world.engine).sources.subscriptions, 1);
}

/* Where writers of two paces would come out of one subscription, each has its own. */
static void writers_that_share_a_subscription_part_when_one_changes_its_pace(void **state)
{
    (void)state;
    struct plan_writer two[2];
    item("a", COUNT);
    item("b", OTHER);
    two[0] = two[1] = world.writer;
    two[0].same_key = SLICE("same 1");
    two[0].item_count = two[1].item_count = 1;
    two[1].key = SLICE("w2");
    two[1].same_key = SLICE("same 2");
    two[1].items = &world.items[1];
    world.group.writers = two;
    world.group.writer_count = 2;
    world.writer.item_count = 1;
    apply();
    wait_for("\"" OTHER "\"", 2);
    assert_int_equal(engine_counts(world.engine).sources.subscriptions, 1);
    two[1].key = SLICE("w2 at another pace");
    two[1].publishing_ms = 100;
    apply();
    wait_for("\"" OTHER "\"", 6);
    wait_for("\"" COUNT "\"", 20);
    assert_int_equal(engine_counts(world.engine).sources.subscriptions, 2);
}

/* Reported with their trigger alone; they come and go with it. */
static void triggered_nodes_are_reported_with_their_trigger(void **state)
{
    (void)state;
    struct plan_item with_count = {.key = slice_hash(SLICE("x")),
                                   .node = SLICE(STILL),
                                   .field = SLICE("with count"),
                                   .fetch_display_name = true, /* named later than its trigger */
                                   .field_id = SLICE("with count"),
                                   .queue_size = 10,
                                   .trigger = TRIGGER_STATUS_VALUE};
    struct plan_item with_still = {.key = slice_hash(SLICE("y")),
                                   .node = SLICE(OTHER),
                                   .field = SLICE("with still"),
                                   .queue_size = 10,
                                   .trigger = TRIGGER_STATUS_VALUE};
    struct plan_item *moves = item("a", COUNT), *rests = item("b", STILL);
    moves->fetch_display_name = true;
    moves->triggered = &with_count;
    moves->triggered_count = 1;
    rests->triggered = &with_still;
    rests->triggered_count = 1;
    apply();
    wait_for("\"with count\":{\"Value\":4711", 1);
    wait_for("\"Number of parts\":", 20);
    size_t before = count("with still", 0);
    wait_for("\"Number of parts\":", 20);
    assert_int_equal(count("with still", 0), before);
    assert_int_equal(engine_counts(world.engine).sources.live, 4);
    moves->triggered_count = 0;
    moves->key = slice_hash(SLICE("c"));
    apply();
    wait_for("\"Number of parts\":", 20);
    assert_int_equal(engine_counts(world.engine).sources.items, 3);
    world.writer.item_count = 0;
    apply();
}

static void topics_have_the_way_from_root(void **state)
{
    (void)state;
    world.writer.routing = ROUTING_BROWSE_NAMES;
    item("a", COUNT);
    apply();
    wait_for(COUNT, 2);
    assert_string_equal(world.topic, "P/messages/G/Objects/Line/Number of parts");
    world.writer.routing = ROUTING_BROWSE_NAMES_INDEX;
    world.writer.key = SLICE("v");
    apply();
    wait_for(COUNT, 2);
    char want[128];
    snprintf(want, sizeof want, "P/messages/G/0:Objects/%u:Line/%u:Number of parts", world.space,
             world.space);
    assert_string_equal(world.topic, want);
}

static bool is_late(void *arg)
{
    (void)arg;
    return engine_counts(world.engine).writers.late == world.times;
}

static bool has_ended(void *arg)
{
    (void)arg;
    return world.ended;
}

/* One of two is late: enough for "any", too little for "all". */
static void late_nodes_are_counted_and_acted_upon(void **state)
{
    (void)state;
    item("a", COUNT);
    item("b", STILL);
    item("c", "nsu=urn:test;s=Nobody"); /* it is not late, it is not there */
    world.writer.watchdog_ms = 200;
    world.writer.watchdog_condition = WATCHDOG_ALL_LATE;
    world.writer.watchdog_behavior = WATCHDOG_EXIT;
    apply();
    world.times = 1;
    assert_true(loop_run_until(world.loop, is_late, NULL, WAIT_MS));
    wait_for("\"" COUNT "\"", 30);
    assert_false(world.ended);
    world.writer.key = SLICE("w2");
    world.writer.watchdog_condition = WATCHDOG_ANY_LATE;
    apply();
    assert_true(loop_run_until(world.loop, has_ended, NULL, WAIT_MS));
    assert_int_equal(world.ended, WATCHDOG_EXIT);
    world.writer.key = SLICE("w3");
    world.writer.watchdog_behavior = WATCHDOG_RESET;
    apply();
    wait_for("\"" STILL "\"", 3); /* each time it begins anew */
    world.plan.group_count = 0;
    apply();
    assert_int_equal(engine_counts(world.engine).writers.late, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fields_have_the_display_names_of_the_server),
        TEST(samples_have_the_display_names_of_the_server),
        TEST(nodes_are_found_by_their_paths),
        TEST(cyclic_reads_tell_what_does_not_change),
        TEST(what_changes_of_an_item_does_not_make_it_anew),
        TEST(another_publishing_interval_does_not_make_writers_anew),
        TEST(writers_that_share_a_subscription_part_when_one_changes_its_pace),
        TEST(triggered_nodes_are_reported_with_their_trigger),
        TEST(late_nodes_are_counted_and_acted_upon),
        TEST(topics_have_the_way_from_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
