/* Configurations from the body that is PUT to the twins that change, in a database in memory. */
#include "configurations/configurer.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/cmocka.h"
#include "configurations/metrics.h"
#include "configurations/rows.h"
#include "io/sim.h"
#include "json/json.h"

static struct {
    struct sim *sim;
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    struct configurer *configurer;
    enum status why;
    enum iot_thing of;
    struct buffer json, etag, text, news;
} house;

static void on_desired(void *arg, struct iot_id id, struct slice patch, uint64_t version)
{
    (void)arg;
    iot_id_print(id, &house.news);
    buffer_printf(&house.news, " %llu %.*s\n", (unsigned long long)version, SLICE_FMT(patch));
}

static void pass(uint64_t ms)
{
    sim_run(house.sim, sim_now_ms(house.sim) + ms);
}

static int begin(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    house.limits = iot_limits_azure();
    assert_int_equal(registry_open(":memory:", &house.limits,
                                   &(struct registry_events){.on_desired = on_desired},
                                   &house.registry),
                     OK);
    house.configurer = configurer_start(house.registry, house.loop);
    pass(10);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    configurer_stop(&house.configurer);
    registry_close(&house.registry);
    sim_free(&house.sim);
    struct buffer *all[] = {&house.json, &house.etag, &house.text, &house.news};
    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        buffer_clear(all[n]);
    return 0;
}

static void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    house.of = a->of;
    keep(&house.json, a->json);
    keep(&house.etag, a->etag);
    keep(&house.text, slice_of(a->text));
}

static enum status ask(struct registry_ask what)
{
    house.why = AGAIN;
    registry_ask(house.registry, house.loop, &what, on_answer, NULL);
    pass(1);
    return house.why;
}

static void device(const char *id, const char *body, const char *twin)
{
    struct iot_id who = {.device = slice_of(id)};
    assert_int_equal(ask((struct registry_ask){
                         .what = &registry_identity_put, .id = who, .body = slice_of(body)}),
                     OK);
    assert_int_equal(
        ask((struct registry_ask){.what = &registry_twin_patch, .id = who, .body = slice_of(twin)}),
        OK);
}

static enum status put(const char *name, const char *body, const char *if_match)
{
    return ask((struct registry_ask){.what = &configuration_put,
                                     .name = slice_of(name),
                                     .body = slice_of(body),
                                     .if_match = slice_of(if_match)});
}

static void told(const char *lines)
{
    pass(2000);
    assert_string_equal(buffer_cstr(&house.news), lines);
    buffer_reset(&house.news);
}

static void has(const char *part)
{
    if (strstr(buffer_cstr(&house.json), part) == NULL)
        fail_msg("no %s in %s", part, buffer_cstr(&house.json));
}

static void configuration_says(const char *name, const char *part)
{
    assert_int_equal(ask((struct registry_ask){.what = &configuration_get, .name = slice_of(name)}),
                     OK);
    has(part);
}

#define WARM                                                                                       \
    "{\"id\":\"warm\",\"schemaVersion\":\"1.0\",\"priority\":5,\"targetCondition\":\"tags.site='a'\"," \
    "\"labels\":{\"l\":\"x\"},\"content\":{\"deviceContent\":{\"properties.desired.heat\":{\"to\":20}}}}"

static void whom_it_is_for_gets_it(void **state)
{
    (void)state;
    device("d1", "{}", "{\"tags\":{\"site\":\"a\"}}");
    device("d2", "{}", "{\"tags\":{\"site\":\"b\"}}");
    assert_int_equal(put("warm", WARM, ""), OK);
    has("\"content\":{\"deviceContent\":{\"properties.desired.heat\":{\"to\":20}}}");
    told("d1 2 {\"heat\":{\"to\":20},\"$version\":2}\n");
    configuration_says("warm", "\"results\":{\"targetedCount\":1,\"appliedCount\":1}");
    device("d3", "{}", "{\"tags\":{\"site\":\"a\"}}"); /* comes later */
    told("d3 2 {\"heat\":{\"to\":20},\"$version\":2}\n");
}

static void a_twin_that_comes_to_match_or_stops_is_changed(void **state)
{
    (void)state;
    device("d", "{}", "{\"tags\":{\"site\":\"b\"},\"properties\":{\"desired\":{\"own\":1}}}");
    told("d 2 {\"own\":1,\"$version\":2}\n");
    assert_int_equal(put("warm", WARM, ""), OK);
    told("");
    struct iot_id d = {.device = SLICE("d")};
    assert_int_equal(ask((struct registry_ask){.what = &registry_twin_patch,
                                               .id = d,
                                               .body = SLICE("{\"tags\":{\"site\":\"a\"}}")}),
                     OK);
    told("d 3 {\"heat\":{\"to\":20},\"$version\":3}\n");
    /* Who changes by hand what a configuration sets has it set again. */
    assert_int_equal(ask((struct registry_ask){
                         .what = &registry_twin_patch,
                         .id = d,
                         .body = SLICE("{\"properties\":{\"desired\":{\"heat\":{\"to\":1}}}}")}),
                     OK);
    told("d 4 {\"heat\":{\"to\":1},\"$version\":4}\nd 5 {\"heat\":{\"to\":20},\"$version\":5}\n");
    assert_int_equal(ask((struct registry_ask){.what = &registry_twin_patch,
                                               .id = d,
                                               .body = SLICE("{\"tags\":{\"site\":\"b\"}}")}),
                     OK);
    told("d 6 {\"heat\":null,\"$version\":6}\n");
    configuration_says("warm", "\"targetedCount\":0");
}

static void the_next_one_takes_over_when_one_is_deleted(void **state)
{
    (void)state;
    device("d", "{}", "{\"tags\":{\"site\":\"a\"}}");
    assert_int_equal(put("warm", WARM, ""), OK);
    assert_int_equal(
        put("hot",
            "{\"priority\":9,\"targetCondition\":\"*\",\"content\":{\"deviceContent\":"
            "{\"properties.desired.heat.to\":40}}}",
            ""),
        OK);
    told("d 2 {\"heat\":{\"to\":20},\"$version\":2}\nd 3 {\"heat\":{\"to\":40},\"$version\":3}\n");
    configuration_says("warm", "\"results\":{\"targetedCount\":1,\"appliedCount\":0}");
    assert_int_equal(
        ask((struct registry_ask){.what = &configuration_delete, .name = SLICE("hot")}), OK);
    told("d 4 {\"heat\":{\"to\":20},\"$version\":4}\n");
    assert_int_equal(
        ask((struct registry_ask){.what = &configuration_delete, .name = SLICE("warm")}), OK);
    told("d 5 {\"heat\":null,\"$version\":5}\n");
}

static void many_are_reached_page_by_page(void **state)
{
    (void)state;
    for (int n = 0; n < 3 * CONFIGURER_PAGE + 7; n++) {
        char id[16];
        snprintf(id, sizeof id, "d%d", n);
        device(id, "{}", "{\"tags\":{\"site\":\"a\"}}");
    }
    assert_int_equal(put("warm", WARM, ""), OK);
    pass(5000);
    configuration_says("warm", "\"targetedCount\":307,\"appliedCount\":307");
}

static void an_update_needs_the_etag_and_leaves_the_content(void **state)
{
    (void)state;
    assert_int_equal(put("warm", WARM, ""), OK);
    char etag[64];
    snprintf(etag, sizeof etag, "%s", buffer_cstr(&house.etag));
    assert_int_equal(put("warm", WARM, ""), EXISTS);
    assert_int_equal(house.of, IOT_CONFIGURATION);
    assert_int_equal(put("warm", WARM, "other"), CONFLICT);
    assert_int_equal(put("warm", "{\"content\":{}}", "*"), UNSUPPORTED);
    assert_int_equal(put("warm", WARM, etag), OK);
    assert_int_equal(put("warm", WARM, etag), CONFLICT);
    assert_int_equal(put("nobody", WARM, "*"), BAD_ARGUMENT); /* another id in the body */
    assert_int_equal(put("Upper", "{}", ""), BAD_ARGUMENT);
    assert_int_equal(put("t", "{\"targetCondition\":\"nonsense.x = 1\"}", ""), BAD_ARGUMENT);
    assert_int_equal(house.of, IOT_CONFIGURATION_TARGET);
    assert_int_equal(put("m", "{\"metrics\":{\"queries\":{\"a\":\"SELECT\"}}}", ""), BAD_ARGUMENT);
    assert_int_equal(house.of, IOT_CONFIGURATION_METRIC);
    assert_int_equal(
        ask((struct registry_ask){.what = &configuration_get, .name = SLICE("nobody")}), NOT_FOUND);
    house.limits.configurations = 1;
    assert_int_equal(put("second", "{}", ""), FULL);
}

/* ---- edges ---- */

static void a_deployment_fills_the_modules_of_an_edge(void **state)
{
    (void)state;
    device("e", "{\"capabilities\":{\"iotEdge\":true}}", "{\"tags\":{\"site\":\"a\"}}");
    device("leaf", "{}", "{\"tags\":{\"site\":\"a\"}}");
    assert_int_equal(
        put("base",
            "{\"priority\":1,\"targetCondition\":\"tags.site='a'\",\"content\":{\"modulesContent\":{"
            "\"$edgeAgent\":{\"properties.desired\":{\"schemaVersion\":\"1.1\",\"modules\":{\"m\":{}}}},"
            "\"m\":{\"properties.desired\":{\"speed\":3}}}}}",
            ""),
        OK);
    told("e/$edgeAgent 2 {\"schemaVersion\":\"1.1\",\"modules\":{\"m\":{}},\"$version\":2}\n"
         "e/m 2 {\"speed\":3,\"$version\":2}\n");
    configuration_says("base", "\"targetedCount\":1,\"appliedCount\":1,\"reportedSuccessfulCount\":0");
    assert_int_equal(put("layer",
                         "{\"priority\":2,\"targetCondition\":\"*\",\"content\":{\"modulesContent\":{"
                         "\"$edgeAgent\":{\"properties.desired.modules.n\":{\"v\":1}}}}}",
                         ""),
                     OK);
    told("e/$edgeAgent 3 {\"modules\":{\"n\":{\"v\":1}},\"$version\":3}\n");
    assert_int_equal(
        ask((struct registry_ask){.what = &configuration_delete, .name = SLICE("layer")}), OK);
    told("e/$edgeAgent 4 {\"modules\":{\"n\":null},\"$version\":4}\n");
    /* Without any deployment, what runs goes on. */
    assert_int_equal(
        ask((struct registry_ask){.what = &configuration_delete, .name = SLICE("base")}), OK);
    told("");
}

static void content_for_one_edge_is_set_once(void **state)
{
    (void)state;
    device("e", "{\"capabilities\":{\"iotEdge\":true}}", "{}");
    struct iot_id e = {.device = SLICE("e")};
    struct registry_ask content = {
        .what = &configuration_content,
        .id = e,
        .body = SLICE("{\"modulesContent\":{\"$edgeHub\":{\"properties.desired\":{\"routes\":{}}},"
                      "\"m\":{\"properties.desired\":{\"a\":1}}}}")};
    assert_int_equal(ask(content), OK);
    told("e/$edgeHub 2 {\"routes\":{},\"$version\":2}\ne/m 2 {\"a\":1,\"$version\":2}\n");
    content.body = SLICE("{\"moduleContent\":{\"properties.desired.a\":1}}");
    assert_int_equal(ask(content), BAD_ARGUMENT);
    content.id = (struct iot_id){.device = SLICE("nobody")};
    assert_int_equal(ask(content), NOT_FOUND);
    assert_int_equal(house.of, IOT_DEVICE);
}

/* ---- metrics and queries ---- */

static void on_counted(void *arg, enum status why, struct slice json)
{
    (void)arg;
    assert_int_equal(why, OK);
    keep(&house.json, json);
}

static void metrics_are_counted(void **state)
{
    (void)state;
    for (int n = 0; n < 120; n++) { /* more than a page of a query */
        char id[16];
        snprintf(id, sizeof id, "d%d", n);
        device(id, "{}", "{\"tags\":{\"site\":\"a\"}}");
    }
    assert_int_equal(put("c",
                         "{\"metrics\":{\"queries\":{\"all\":\"SELECT deviceId FROM devices\","
                         "\"none\":\"SELECT deviceId FROM devices WHERE tags.site='b'\"}}}",
                         ""),
                     OK);
    configuration_says("c", "\"metrics\":{\"results\":{},");
    struct buffer json = {0};
    buffer_put(&json, buffer_slice(&house.json));
    configuration_metrics(house.registry, house.loop, buffer_slice(&json), on_counted, NULL);
    pass(1000);
    has("\"metrics\":{\"results\":{\"all\":120,\"none\":0},\"queries\":");
    buffer_clear(&json);
}

static void queries_can_be_tried(void **state)
{
    (void)state;
    assert_int_equal(
        ask((struct registry_ask){
            .what = &configuration_test,
            .body = SLICE("{\"targetCondition\":\"tags.a = 1\",\"customMetricQueries\":"
                          "{\"good\":\"SELECT deviceId FROM devices\",\"bad\":\"SELEC\"}}")}),
        OK);
    has("\"targetConditionError\":null,\"customMetricQueryErrors\":{\"bad\":\"position 1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(whom_it_is_for_gets_it),
        TEST(a_twin_that_comes_to_match_or_stops_is_changed),
        TEST(the_next_one_takes_over_when_one_is_deleted),
        TEST(many_are_reached_page_by_page),
        TEST(an_update_needs_the_etag_and_leaves_the_content),
        TEST(a_deployment_fills_the_modules_of_an_edge),
        TEST(content_for_one_edge_is_set_once),
        TEST(metrics_are_counted),
        TEST(queries_can_be_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
