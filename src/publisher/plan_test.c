#include "publisher/plan.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct config config;
static struct plan plan;
static const struct plan_defaults defaults = {.publisher_id = "me",
                                              .mode = MODE_SAMPLES,
                                              .encoding = ENCODING_JSON,
                                              .batch_size = 50,
                                              .batch_ms = 10000,
                                              .publishing_ms = 1000,
                                              .sampling_ms = 1000,
                                              .queue_size = 1,
                                              .trigger = TRIGGER_STATUS_VALUE};

static void make_with(const char *text, const struct plan_defaults *d)
{
    assert_int_equal(config_read(slice_of(text), &config), OK);
    assert_int_equal(config.finding_count, 0);
    plan_make(&config, d, &plan);
}

static void make(const char *text)
{
    make_with(text, &defaults);
}

static int tear_down(void **state)
{
    (void)state;
    plan_clear(&plan);
    config_clear(&config);
    return 0;
}

static void defaults_fill_what_is_not_said(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}]");
    assert_int_equal(plan.group_count, 1);
    const struct plan_group *g = &plan.groups[0];
    assert_slice(g->name, SLICE("<<UnknownWriterGroup>>"));
    assert_slice(g->publisher_id, SLICE("me"));
    assert_int_equal(g->mode, MODE_SAMPLES);
    assert_int_equal(g->batch_size, 50);
    const struct plan_writer *w = &g->writers[0];
    assert_slice(w->name, SLICE("<<UnknownDataSet>>"));
    assert_int_equal(w->publishing_ms, 1000);
    assert_slice(w->items[0].field, SLICE("i=1"));
    assert_int_equal(w->items[0].sampling_ms, 1000);
    assert_int_equal(w->items[0].queue_size, 1);
}

static void the_nearest_word_wins(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetPublishingInterval\": 500, "
         "\"DataSetSamplingInterval\": 50,"
         "\"OpcNodes\": [{\"Id\": \"i=1\", \"OpcSamplingInterval\": 5}, {\"Id\": \"i=2\", "
         "\"DisplayName\": \"d\"},"
         "{\"Id\": \"i=3\", \"DisplayName\": \"d\", \"DataSetFieldId\": \"f\"}]}]");
    const struct plan_writer *w = &plan.groups[0].writers[0];
    assert_int_equal(w->publishing_ms, 500);
    assert_int_equal(w->items[0].sampling_ms, 5);
    assert_int_equal(w->items[1].sampling_ms, 50);
    assert_slice(w->items[1].field, SLICE("d"));
    assert_slice(w->items[2].field, SLICE("f"));
    assert_slice(w->items[2].display_name, SLICE("d"));
}

static void publishing_intervals_split_writers(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterId\": \"w\", \"OpcNodes\": ["
         "{\"Id\": \"i=1\"}, {\"Id\": \"i=2\", \"OpcPublishingInterval\": 100}, {\"Id\": "
         "\"i=3\"}]}]");
    const struct plan_group *g = &plan.groups[0];
    assert_int_equal(g->writer_count, 2);
    assert_int_equal(g->writers[0].item_count, 2);
    assert_int_equal(g->writers[1].item_count, 1);
    assert_slice(g->writers[0].name, SLICE("w"));
    assert_slice(g->writers[1].name, SLICE("w1")); /* names are unique in the group */
}

static void equal_entries_are_one_and_duplicates_fall_together(void **state)
{
    (void)state;
    make(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": \"i=1\"}]},"
        " {\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": "
        "\"i=2\"}]}]");
    assert_int_equal(plan.writer_count, 1);
    assert_int_equal(plan.item_count, 2);
    assert_int_equal(plan.duplicates, 2);
}

static void users_and_endpoints_are_different_writers_of_one_group(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}]},"
         " {\"EndpointUrl\": \"opc.tcp://b\", \"OpcNodes\": [{\"Id\": \"i=1\"}]},"
         " {\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationMode\": \"UsernamePassword\","
         "  \"OpcAuthenticationUsername\": \"u\", \"OpcAuthenticationPassword\": \"p\", "
         "\"OpcNodes\": [{\"Id\": \"i=1\"}]}]");
    assert_int_equal(plan.group_count, 1);
    assert_int_equal(plan.groups[0].writer_count, 3);
}

static void modes_and_batches_are_different_groups(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}]},"
         " {\"EndpointUrl\": \"opc.tcp://a\", \"MessagingMode\": \"PubSub\", \"OpcNodes\": "
         "[{\"Id\": \"i=1\"}]},"
         " {\"EndpointUrl\": \"opc.tcp://a\", \"BatchSize\": 1, \"OpcNodes\": [{\"Id\": "
         "\"i=1\"}]}]");
    assert_int_equal(plan.group_count, 3);
}

static void large_writers_are_cut(void **state)
{
    (void)state;
    struct plan_defaults d = defaults;
    d.nodes_per_writer = 2;
    make_with("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterId\": \"w\", \"OpcNodes\": ["
              "{\"Id\": \"i=1\"}, {\"Id\": \"i=2\"}, {\"Id\": \"i=3\"}, {\"Id\": \"i=4\"}, "
              "{\"Id\": \"i=5\"}]}]",
              &d);
    const struct plan_group *g = &plan.groups[0];
    assert_int_equal(g->writer_count, 3);
    assert_int_equal(g->writers[2].item_count, 1);
    assert_slice(g->writers[2].items[0].node, SLICE("i=5"));
    assert_slice(g->writers[2].name, SLICE("w2"));
    assert_false(slice_eq(g->writers[0].key, g->writers[1].key));
    assert_false(slice_eq(g->writers[1].key, g->writers[2].key));
}

static void keys_change_with_what_they_are_of_and_only_then(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}]");
    struct buffer before = {0}, item = {0};
    buffer_put(&before, plan.groups[0].writers[0].key);
    buffer_put(&item, plan.groups[0].writers[0].items[0].key);
    tear_down(NULL);
    make("[{\"OpcNodes\": [{\"Id\": \"i=0\"}, {\"Id\": \"i=1\"}, {\"Id\": \"i=1\", \"QueueSize\": "
         "2}], \"EndpointUrl\": \"opc.tcp://a\"}]");
    const struct plan_writer *w = &plan.groups[0].writers[0];
    assert_true(slice_eq(w->key, buffer_slice(&before)));
    assert_true(slice_eq(w->items[1].key, buffer_slice(&item)));
    assert_false(slice_eq(w->items[2].key, buffer_slice(&item)));
    buffer_clear(&before);
    buffer_clear(&item);
}

static void queues_can_hold_what_is_sampled_between_two_publishes(void **state)
{
    (void)state;
    struct plan_defaults d = defaults;
    d.auto_queue_size = true;
    make_with("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\", "
              "\"OpcSamplingInterval\": 300}]}]",
              &d);
    assert_int_equal(plan.groups[0].writers[0].items[0].queue_size, 4);
}

static void extension_fields_are_ready_to_stand_among_others(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetExtensionFields\": {\"a\": 5, \"b\": "
         "\"x\"}, \"OpcNodes\": [{\"Id\": \"i=1\"}]}]");
    assert_slice(plan.groups[0].writers[0].extension_fields, SLICE("\"a\":5,\"b\":\"x\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults_fill_what_is_not_said, tear_down),
        cmocka_unit_test_teardown(the_nearest_word_wins, tear_down),
        cmocka_unit_test_teardown(publishing_intervals_split_writers, tear_down),
        cmocka_unit_test_teardown(equal_entries_are_one_and_duplicates_fall_together, tear_down),
        cmocka_unit_test_teardown(users_and_endpoints_are_different_writers_of_one_group,
                                  tear_down),
        cmocka_unit_test_teardown(modes_and_batches_are_different_groups, tear_down),
        cmocka_unit_test_teardown(large_writers_are_cut, tear_down),
        cmocka_unit_test_teardown(keys_change_with_what_they_are_of_and_only_then, tear_down),
        cmocka_unit_test_teardown(queues_can_hold_what_is_sampled_between_two_publishes, tear_down),
        cmocka_unit_test_teardown(extension_fields_are_ready_to_stand_among_others, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
