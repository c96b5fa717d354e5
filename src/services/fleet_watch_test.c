/* What happens to gateways and modules is told to who listens. */
#include "services/fleet_watch.h"

#include "services/routes_ear.h"

static bool has_looked(void *arg)
{
    return house.lookups >= *(int *)arg;
}

static void base(void)
{
    int looks = house.lookups + 2; /* one is over when the next begins */
    services_fleet_watch_soon(house.services.watch);
    services_fleet_watch_soon(house.services.watch);
    assert_true(loop_run_until(house.loop, has_looked, &(int){looks - 1}, WAIT_MS));
    services_fleet_watch_soon(house.services.watch);
    assert_true(loop_run_until(house.loop, has_looked, &looks, WAIT_MS));
}

static void gateways_come_change_and_go(void **state)
{
    (void)state;
    listen_to("gateways/stream");
    base();
    assert_null(strstr(buffer_cstr(&ear.got), "GatewayEvent")); /* what was there is no news */
    house.edges =
        "[{\"deviceId\":\"edge2\",\"connectionState\":\"Connected\"},{\"deviceId\":\"edge3\"}]";
    services_fleet_watch_soon(house.services.watch);
    hears("event: GatewayEvent\ndata: "
          "{\"eventType\":\"Updated\",\"id\":\"edge2\",\"gateway\":{\"id\":\"edge2\",\"connected\":"
          "true}}\n");
    hears("event: GatewayEvent\ndata: "
          "{\"eventType\":\"New\",\"id\":\"edge3\",\"gateway\":{\"id\":\"edge3\",\"connected\":"
          "false}}\n");
    house.edges = "[{\"deviceId\":\"edge2\",\"connectionState\":\"Connected\"}]";
    services_fleet_watch_soon(house.services.watch);
    hears("event: GatewayEvent\ndata: {\"eventType\":\"Deleted\",\"id\":\"edge3\"}\n");
    hang_up();
}

/* Nobody is told, and the hub is not asked. */
static void without_a_listener_nobody_asks_the_hub(void **state)
{
    (void)state;
    services_fleet_watch_soon(house.services.watch);
    assert_int_equal(call("GET", "/registry/v2/applications", ""), 200);
    assert_int_equal(house.lookups, 0);
}

static void a_change_through_the_api_is_told_at_once(void **state)
{
    (void)state;
    listen_to("gateways/stream");
    base();
    house.edges = "[{\"deviceId\":\"edge2\",\"tags\":{\"SiteId\":\"north\"}}]"; /* the hub's, after
                                                                                   the patch */
    assert_int_equal(call("PATCH", "/registry/v2/gateways/edge2", "{\"siteId\":\"north\"}"), 200);
    hears("\"gateway\":{\"id\":\"edge2\",\"siteId\":\"north\",\"connected\":false}}");
    hang_up();
}

/* Who is there for values alone keeps nobody busy. */
static void values_alone_are_no_reason_to_look(void **state)
{
    (void)state;
    listen_to("publishers/stream?endpointId=uat1");
    services_fleet_watch_soon(house.services.watch);
    assert_int_equal(call("GET", "/registry/v2/applications", ""), 200);
    assert_int_equal(house.lookups, 0);
    hang_up();
}

/* Only when it was there last is another time; then it is a publisher no more. */
static void what_is_the_same_is_not_told_again(void **state)
{
    (void)state;
    listen_to("supervisors/stream");
    base();
#define MODULE(more) "[{\"deviceId\":\"edge\",\"moduleId\":\"own\",\"connectionState\":\"Connected\"," more "}]"
    house.modules = MODULE("\"properties\":{\"reported\":{\"__type__\":\"supervisor\"}}");
    services_fleet_watch_soon(house.services.watch);
    hears("{\"eventType\":\"New\",\"id\":\"edge_module_own\",\"supervisor\":{");
    house.modules = MODULE("\"lastActivityTime\":\"2026-01-01T00:00:00Z\",\"version\":9,"
                           "\"properties\":{\"reported\":{\"__type__\":\"supervisor\",\"$version\":7,\"Other\":1}}");
    int looks = house.lookups + 1;
    services_fleet_watch_soon(house.services.watch);
    assert_true(loop_run_until(house.loop, has_looked, &looks, WAIT_MS));
    house.modules = MODULE("\"properties\":{\"reported\":{\"__type__\":\"publisher\"}}");
    services_fleet_watch_soon(house.services.watch);
    hears("{\"eventType\":\"Deleted\",\"id\":\"edge_module_own\"}");
    assert_null(strstr(buffer_cstr(&ear.got), "Updated"));
    hang_up();
}

/* One that listens to publishers keeps the watch going for all. */
static void each_kind_has_its_hub(void **state)
{
    (void)state;
    listen_to("supervisors/stream");
    base();
    house.modules =
        "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"}]";
    services_fleet_watch_soon(house.services.watch);
    hears("event: SupervisorEvent\ndata: "
          "{\"eventType\":\"New\",\"id\":\"edge_module_twin\",\"supervisor\":{");
    assert_null(strstr(buffer_cstr(&ear.got), "PublisherEvent"));
    hang_up();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gateways_come_change_and_go),
        TEST(without_a_listener_nobody_asks_the_hub),
        TEST(a_change_through_the_api_is_told_at_once),
        TEST(each_kind_has_its_hub),
        TEST(values_alone_are_no_reason_to_look),
        TEST(what_is_the_same_is_not_told_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
