/* Which subscription an item comes to; no server is asked. */
#include "writers/source_priv.h"

#include "base/cmocka.h"

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct sources *sources;
    struct source_item first, second;
} world;

static const struct source_events events;

static const struct source_spec spec = {
    .connection = {.endpoint_url = SLICE_INIT("opc.tcp://127.0.0.1:1")}, .publishing_ms = 1000};

static int set_up(void **state)
{
    (void)state;
    world = (struct world){.loop = loop_new()};
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop, .lease_ms = 1});
    world.sources = sources_new(&(struct sources_config){
        .thread = world.thread, .events = &events, .items_max = UINT32_MAX});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    source_remove(&world.first);
    source_remove(&world.second);
    sources_free(&world.sources);
    opcua_thread_free(&world.thread);
    loop_free(&world.loop);
    return 0;
}

static void add(struct source_item *place, const struct source_item *trigger)
{
    source_add(world.sources, &spec, place, &(struct source_wish){.trigger = trigger});
    assert_non_null(place->source);
    assert_ptr_equal(source_item_at(place->source, place->index), place);
}

/* All that a subscription can have, but for one. */
static void fill(struct source *s)
{
    assert_int_equal(opcua_subscription_add(s->subscription, OPCUA_ITEMS_MAX - 1, NULL), OK);
    assert_int_equal(opcua_subscription_room(s->subscription), 0);
}

static void items_share_a_subscription(void **state)
{
    (void)state;
    add(&world.first, NULL);
    add(&world.second, NULL);
    assert_ptr_equal(world.first.source, world.second.source);
}

static void what_a_subscription_cannot_have_comes_to_another(void **state)
{
    (void)state;
    add(&world.first, NULL);
    fill(world.first.source);
    add(&world.second, NULL);
    assert_ptr_not_equal(world.first.source, world.second.source);
}

/* Better reported by itself than not at all. */
static void a_link_that_has_no_place_is_none(void **state)
{
    (void)state;
    add(&world.first, NULL);
    fill(world.first.source);
    add(&world.second, &world.first);
    assert_ptr_not_equal(world.first.source, world.second.source);
    assert_false(world.second.linked);
}

static void a_link_is_within_one_subscription(void **state)
{
    (void)state;
    add(&world.first, NULL);
    add(&world.second, &world.first);
    assert_ptr_equal(world.first.source, world.second.source);
    assert_true(world.second.linked);
}

/* Servers give less: 100 (open62541), 5,000 (node-opcua), and say so (revisedQueueSize); values that did not fit then
 * have the overflow bit. It is not ours to decide before. */
static void queues_are_as_large_as_they_are_wished(void **state)
{
    (void)state;
    struct source_wish wish = {.item = {.queue_size = 65536}};
    source_add(world.sources, &spec, &world.first, &wish);
    assert_int_equal(world.first.queue_size, 65536);
    wish.item.queue_size = UINT32_MAX;
    source_add(world.sources, &spec, &world.second, &wish);
    assert_int_equal(world.second.queue_size, SOURCE_QUEUE_SIZE_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(items_share_a_subscription),
        TEST(what_a_subscription_cannot_have_comes_to_another),
        TEST(a_link_that_has_no_place_is_none),
        TEST(a_link_is_within_one_subscription),
        TEST(queues_are_as_large_as_they_are_wished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
