/* Discoveries out of the stream: what makes them whole, what is dropped, and where reading goes on.
 */
#include "services/onboarding.h"

#include <stdio.h>

#include "json/json.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct services_registry *registry;
    struct services_onboarding *onboarding;
    uint64_t sequence;
    size_t merged_wanted;
    bool answered;
    size_t items;
    char positions[64];
} house;

static void open_onboarding(uint64_t incomplete_ms)
{
    house.onboarding = services_onboarding_new(
        &(struct services_onboarding_config){.loop = house.loop,
                                             .registry = house.registry,
                                             .supervisor_module = "twin",
                                             .incomplete_ms = incomplete_ms});
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.registry), OK);
    open_onboarding(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    services_onboarding_free(&house.onboarding);
    services_registry_close(&house.registry);
    loop_free(&house.loop);
    return 0;
}

static void give(const char *device, const char *schema, const char *body)
{
    services_onboarding_event(house.onboarding, &(struct services_onboarding_event){
                                                    .partition = 2,
                                                    .sequence = house.sequence++,
                                                    .from = {slice_of(device), SLICE("discovery")},
                                                    .schema = slice_of(schema),
                                                    .body = slice_of(body)});
}

static void give_found(const char *device, const char *time, int index)
{
    char body[512];
    snprintf(
        body, sizeof(body),
        "{\"timeStamp\":\"%s\",\"index\":%d,\"application\":{\"applicationUri\":\"urn:%s:%d\"},"
        "\"registration\":{\"endpoint\":{\"url\":\"opc.tcp://h:%d\"}}}",
        time, index, device, index, index);
    give(device, ONBOARDING_SCHEMA, body);
}

static void give_result(const char *device, const char *time, int index)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"timeStamp\":\"%s\",\"index\":%d,\"result\":{\"id\":\"r\"}}",
             time, index);
    give(device, ONBOARDING_SCHEMA, body);
}

static bool has_merged(void *arg)
{
    (void)arg;
    return services_onboarding_counts(house.onboarding).merged >= house.merged_wanted;
}

static void expect_merged(size_t count)
{
    house.merged_wanted = count;
    assert_true(loop_run_until(house.loop, has_merged, NULL, WAIT_MS));
}

static void on_answer(void *arg, enum status why, struct slice json)
{
    (void)arg;
    house.answered = true;
    assert_int_equal(why, OK);
    struct json_doc *doc;
    assert_int_equal(json_parse(json, JSON_STRICT, &doc, NULL), OK);
    house.items = json_count(json_get(json_root(doc), "items"));
    snprintf(house.positions, sizeof(house.positions), "%.*s", SLICE_FMT(json));
    json_free(&doc);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static void ask(enum services_registry_what what)
{
    house.answered = false;
    services_registry_ask(house.registry, &(struct services_registry_ask){.what = what}, on_answer,
                          NULL);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
}

static void a_discovery_is_merged_when_it_is_whole(void **state)
{
    (void)state;
    give_found("a", "t1", 0);
    give_result("a", "t1", 3);
    give_found("a", "t1", 2);
    ask(REGISTRY_ENDPOINTS);
    assert_int_equal(house.items, 0);
    give_found("a", "t1", 2); /* again: the stream is read at least once */
    ask(REGISTRY_ENDPOINTS);
    assert_int_equal(house.items, 0);
    give_found("a", "t1", 1);
    expect_merged(1);
    ask(REGISTRY_ENDPOINTS);
    assert_int_equal(house.items, 3);
    assert_int_equal(services_onboarding_counts(house.onboarding).pending, 0);
}

static void an_empty_discovery_is_whole_at_once(void **state)
{
    (void)state;
    give("a", ONBOARDING_SCHEMA,
         "{\"timeStamp\":\"t\",\"result\":{\"id\":\"r\"}}"); /* index 0 is left out */
    expect_merged(1);
}

static void discoveries_are_told_apart_by_discoverer_and_time(void **state)
{
    (void)state;
    give_found("a", "t1", 0);
    give_found("b", "t1", 0);
    give_found("a", "t2", 0);
    give_result("b", "t1", 1);
    expect_merged(1);
    assert_int_equal(services_onboarding_counts(house.onboarding).pending, 2);
    give_result("a", "t2", 1);
    give_result("a", "t1", 1);
    expect_merged(3);
}

static void reading_goes_on_before_the_oldest_that_is_not_whole(void **state)
{
    (void)state;
    give("x", "application/x-network-message-json-v1", "{}");
    give_found("a", "t1", 0); /* 1 */
    give_found("b", "t1", 0);
    give_result("b", "t1", 1);
    give("x", "", "not even json");
    expect_merged(1);
    ask(REGISTRY_POSITIONS);
    assert_string_equal(house.positions, "{\"2\":1}");
    give_result("a", "t1", 1); /* 5 */
    expect_merged(2);
    ask(REGISTRY_POSITIONS);
    assert_string_equal(house.positions, "{\"2\":6}");
}

static void ignores_what_is_no_discovery(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"timeStamp\":5}",
                                      "{\"timeStamp\":\"t\",\"index\":-1}",
                                      "{\"timeStamp\":\"t\",\"index\":10001}",
                                      "{\"timeStamp\":\"t\",\"index\":10000}",
                                      "{\"timeStamp\":\"t\",\"index\":\"1\"}",
                                      "{\"timeStamp\":\"t\",\"index\":1e30}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        give("a", ONBOARDING_SCHEMA, bad[i]);
    give_found("a", "t", 0);
    struct services_onboarding_event far = {.partition = 64, .schema = SLICE(ONBOARDING_SCHEMA)};
    services_onboarding_event(house.onboarding, &far);
    assert_int_equal(services_onboarding_counts(house.onboarding).pending, 1);
}

static void the_oldest_is_dropped_when_too_many_are_incomplete(void **state)
{
    (void)state;
    char time[16];
    for (int i = 0; i < ONBOARDING_BATCHES_MAX + 3; i++) {
        snprintf(time, sizeof(time), "t%d", i);
        give_found("a", time, 0);
    }
    struct services_onboarding_counts counts = services_onboarding_counts(house.onboarding);
    assert_int_equal(counts.pending, ONBOARDING_BATCHES_MAX);
    assert_int_equal(counts.dropped, 3);
    give_result("a", "t3", 1);
    expect_merged(1);
}

static bool has_dropped(void *arg)
{
    (void)arg;
    return services_onboarding_counts(house.onboarding).dropped > 0;
}

static void what_stays_incomplete_is_dropped(void **state)
{
    (void)state;
    services_onboarding_free(&house.onboarding);
    open_onboarding(1);
    give_found("a", "t", 0);
    assert_true(loop_run_until(house.loop, has_dropped, NULL, WAIT_MS));
    assert_int_equal(services_onboarding_counts(house.onboarding).pending, 0);
}

static void may_be_freed_while_it_merges(void **state)
{
    (void)state;
    give_found("a", "t", 0);
    give_result("a", "t", 1);
    services_onboarding_free(&house.onboarding);
    ask(REGISTRY_ENDPOINTS);
    assert_int_equal(house.items, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_discovery_is_merged_when_it_is_whole),
        TEST(an_empty_discovery_is_whole_at_once),
        TEST(discoveries_are_told_apart_by_discoverer_and_time),
        TEST(reading_goes_on_before_the_oldest_that_is_not_whole),
        TEST(ignores_what_is_no_discovery),
        TEST(the_oldest_is_dropped_when_too_many_are_incomplete),
        TEST(what_stays_incomplete_is_dropped),
        TEST(may_be_freed_while_it_merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
