/* The reader of the hub's stream, as far as it goes without a hub; with one: tests/system. */
#include "services/events.h"

#include "iot/message.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct services_registry *registry;
    struct services_onboarding *onboarding;
    struct services_events *events;
} house;

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.registry), OK);
    house.onboarding = services_onboarding_new(&(struct services_onboarding_config){
        .loop = house.loop, .registry = house.registry, .supervisor_module = "twin"});
    return 0;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

/* Behind all mail that is on its way. */
static void turn(void)
{
    bool turned = false;
    loop_post(house.loop, set, &turned);
    assert_true(loop_run_until(house.loop, is_set, &turned, WAIT_MS));
}

static int tear_down(void **state)
{
    (void)state;
    services_events_free(&house.events);
    services_onboarding_free(&house.onboarding);
    services_registry_close(&house.registry);
    turn(); /* for the answers that are on their way */
    turn(); /* and what they put off */
    loop_free(&house.loop);
    return 0;
}

static struct slice schema_of(const char *first, const char *second)
{
    static struct buffer list;
    buffer_clear(&list);
    assert_true(iot_property_put(&list, SLICE("iothub-x"), SLICE("1")));
    assert_true(iot_property_put(&list, slice_of(first), SLICE("one")));
    assert_true(iot_property_put(&list, slice_of(second), SLICE("two")));
    struct slice schema = services_events_schema(buffer_slice(&list));
    static char copy[8];
    memcpy(copy, schema.at ? schema.at : (const uint8_t *)"", schema.len);
    buffer_clear(&list);
    return slice_from(copy, schema.len);
}

static void the_newer_name_of_the_schema_wins(void **state)
{
    (void)state;
    assert_slice(schema_of("$$ContentType", "$$MessageSchema"), SLICE("two"));
    assert_slice(schema_of("$$MessageSchema", "$$ContentType"), SLICE("one"));
    assert_slice(schema_of("$$ContentType", "other"), SLICE("one"));
    assert_slice(schema_of("x", "y"), SLICE(""));
    assert_slice(services_events_schema(SLICE("broken")), SLICE(""));
}

static void begin(int port)
{
    house.events =
        services_events_new(&(struct services_events_config){.loop = house.loop,
                                                             .registry = house.registry,
                                                             .onboarding = house.onboarding,
                                                             .host = "127.0.0.1",
                                                             .port = port,
                                                             .hub_host = "hub",
                                                             .entity = "e",
                                                             .group = "g",
                                                             .policy = "p",
                                                             .key = "c2VjcmV0"});
}

static void may_be_freed_while_it_asks_where_to_begin(void **state)
{
    (void)state;
    begin(1);
    services_events_free(&house.events);
    assert_null(house.events);
}

static bool came(void *arg)
{
    return *(bool *)arg;
}

static void on_accept(void *arg, struct stream *s)
{
    *(bool *)arg = true;
    stream_abort(s, CANCELLED);
}

static void connects_once_it_knows_where_to_begin(void **state)
{
    (void)state;
    bool connected = false;
    struct listener *l;
    struct listen_config config = {
        .loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = &connected};
    assert_int_equal(listener_open(&config, &l), OK);
    begin(listener_port(l));
    assert_false(services_events_connected(house.events));
    assert_true(loop_run_until(house.loop, came, &connected, WAIT_MS));
    assert_false(services_events_connected(house.events));
    listener_close(&l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newer_name_of_the_schema_wins),
        TEST(may_be_freed_while_it_asks_where_to_begin),
        TEST(connects_once_it_knows_where_to_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
