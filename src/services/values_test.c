/* Values to who follows their endpoint, by the url that a message names; what is known of urls does
 * not grow for ever. */
#include "services/values.h"

#include "gzip/gzip.h"
#include "services/routes_ear.h"
#include "services/uadp_fixture.h"

#define SAMPLES SLICE("application/x-monitored-item-json-v1")
#define COUNT 400

/* urn:n0 at opc.tcp://n0:4840, and so on. */
static void fill_with_many(void)
{
    struct buffer events = {0};
    bool merged = false;
    buffer_text(&events, "[");
    for (int i = 0; i < COUNT; i++)
        buffer_printf(&events,
                      "%s{\"application\":{\"applicationUri\":\"urn:n%d\"},\"registration\":{"
                      "\"endpoint\":{\"url\":"
                      "\"opc.tcp://n%d:4840\"}}}",
                      i ? "," : "", i, i);
    buffer_text(&events, "]");
    services_registry_ask(house.services.registry,
                          &(struct services_registry_ask){.what = REGISTRY_MERGE,
                                                          .discoverer = SLICE("edge_module_other"),
                                                          .supervisor = SLICE("edge_module_twin"),
                                                          .body = buffer_slice(&events)},
                          on_filled, &merged);
    assert_true(loop_run_until(house.loop, is_true, &merged, WAIT_MS));
    buffer_clear(&events);
}

static void id_of(int n, char out[SERVICES_ID_MAX])
{
    char application[SERVICES_ID_MAX], uri[32], url[32];
    snprintf(uri, sizeof uri, "urn:n%d", n);
    snprintf(url, sizeof url, "opc.tcp://n%d:4840", n);
    services_ids_application(SLICE("edge"), SLICE("Server"), slice_of(uri), application);
    services_ids_endpoint(slice_of(url), slice_of(application), SLICE(""), SLICE(""), out);
}

static void publish(const char *url, const char *node)
{
    struct buffer body = {0};
    buffer_printf(&body, "{\"EndpointUrl\":\"%s\",\"NodeId\":\"%s\",\"Value\":{\"Value\":7}}", url,
                  node);
    services_values_event(house.services.values, SAMPLES, (struct iot_id){SLICE("edge"), SLICE("publisher")},
                          &(struct iot_message){.body = buffer_slice(&body)});
    buffer_clear(&body);
}

static bool knows_some(void *arg)
{
    (void)arg;
    return services_values_places(house.services.values) > 0;
}

static void listen_to_values(const char *id, const char *node)
{
    char what[160];
    snprintf(what, sizeof what, "publishers/stream?endpointId=%s%s", id, node);
    listen_to(what);
    assert_true(loop_run_until(house.loop, knows_some, NULL, WAIT_MS));
}

/* So many follow and leave; who stays still gets his values. */
static void who_has_gone_is_forgotten(void **state)
{
    (void)state;
    fill_with_many();
    listen_to_values(house.endpoint, "&nodeId=i=1");
    for (int i = 0; i < COUNT; i++) {
        char id[SERVICES_ID_MAX];
        bool answered = false;
        id_of(i, id);
        services_values_follow(house.services.values, slice_of(id)); /* and joins nothing */
        services_registry_ask(
            house.services.registry,
            &(struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = slice_of(id)},
            on_filled, &answered);
        assert_true(loop_run_until(house.loop, is_true, &answered, WAIT_MS));
        assert_true(services_values_places(house.services.values) <= 65);
    }
    assert_true(services_values_places(house.services.values) > 1); /* they had been known */
    publish("opc.tcp://one:4840", "i=1");
    hears("\"nodeId\":\"i=1\"");
    hang_up();
}

static void of_chosen_nodes_alone(void **state)
{
    (void)state;
    listen_to_values(house.endpoint, "&nodeId=i=2");
    publish("opc.tcp://other:4840", "i=2");
    publish("opc.tcp://one:4840", "i=1");
    publish("OPC.tcp://One:4840/", "i=2");
    hears("\"nodeId\":\"i=2\"");
    assert_null(strstr(buffer_cstr(&ear.got), "\"nodeId\":\"i=1\""));
    hang_up();
}

static void publish_uadp(struct buffer body)
{
    struct buffer small = {0};
    gzip_compress(buffer_slice(&body), &small);
    services_values_event(house.services.values, SLICE("application/x-network-message-uadp-v1"),
                          (struct iot_id){SLICE("edge"), SLICE("publisher")},
                          &(struct iot_message){.body = buffer_slice(&small)});
    buffer_clear(&small);
    buffer_clear(&body);
}

/* What was announced, compressed, while nobody followed anything. */
static void names_are_known_from_before(void **state)
{
    (void)state;
    publish_uadp(key_frame(7, 2));
    publish_uadp(announcement(7, 2, "Load", "EndpointUrl"));
    listen_to_values(house.endpoint, "&nodeId=Load");
    publish_uadp(key_frame(7, 2));
    hears("\"nodeId\":\"Load\"");
    hang_up();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_gone_is_forgotten),
        TEST(of_chosen_nodes_alone),
        TEST(names_are_known_from_before),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
