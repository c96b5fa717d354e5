#include "published/plan.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "published/plan_print.h"

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
    struct buffer before = {0};
    buffer_put(&before, plan.groups[0].writers[0].key);
    uint64_t item = plan.groups[0].writers[0].items[0].key;
    tear_down(NULL);
    make("[{\"OpcNodes\": [{\"Id\": \"i=0\"}, {\"Id\": \"i=1\"}, {\"Id\": \"i=1\", \"QueueSize\": "
         "2}], \"EndpointUrl\": \"opc.tcp://a\"}]");
    const struct plan_writer *w = &plan.groups[0].writers[0];
    assert_true(slice_eq(w->key, buffer_slice(&before)));
    assert_true(w->items[1].key == item);
    assert_true(w->items[2].key != item);
    buffer_clear(&before);
}

/* Of a large file these are the most, and go before anything is made of the plan. */
static void a_plan_needs_neither_the_text_nor_the_nodes_that_it_was_made_of(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\", \"DisplayName\": \"One\", "
         "\"Topic\": \"there\", \"IndexRange\": \"0:1\", \"TriggeredNodes\": [{\"Id\": \"i=2\"}]}, "
         "{\"BrowsePath\": [\"/Objects\"], \"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}}]}]");
    struct buffer before = {0}, after = {0};
    plan_print(&plan, &before);
    config_forget_text(&config);
    config_forget_nodes(&config);
    assert_int_equal(config.entries[0].node_count, 0);
    plan_print(&plan, &after);
    assert_slice(buffer_slice(&after), buffer_slice(&before));
    assert_int_equal(plan.item_count, 3);
    buffer_clear(&before);
    buffer_clear(&after);
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

static void values_events_and_routes_part(void **state)
{
    (void)state;
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterId\": \"w\", \"QueueName\": \"q\", "
         "\"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": \"i=2\", \"Topic\": \"t\"}, {\"Id\": \"i=3\", "
         "\"EventFilter\": {\"TypeDefinitionId\": \"i=2041\"}}, {\"Id\": \"i=4\", "
         "\"QualityOfService\": \"AtMostOnce\"}, {\"Id\": \"i=5\"}, {\"Id\": \"i=6\", \"Topic\": "
         "\"t\"}]}]");
    const struct plan_writer *w = plan.groups[0].writers;
    assert_int_equal(plan.writer_count, 4);
    assert_int_equal(w[0].item_count, 2);
    assert_slice(w[0].items[1].node, SLICE("i=5"));
    assert_slice(w[0].route.topic, SLICE("q"));
    assert_slice(w[1].route.topic, SLICE("t"));
    assert_slice(w[1].items[1].node, SLICE("i=6"));
    assert_true(w[2].items[0].event_filter.len > 0);
    assert_int_equal(w[3].route.qos, QOS_AT_MOST_ONCE);
    assert_slice(w[3].name, SLICE("w3"));
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(slice_eq(w[i].key, w[k].key));
}

static void each_node_is_a_writer_with_routing_by_browse_names(void **state)
{
    (void)state;
    struct plan_defaults d = defaults;
    d.routing = ROUTING_BROWSE_NAMES_INDEX;
    make_with(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": "
        "\"i=2\"}, {\"Id\": \"i=1\"}]}, {\"EndpointUrl\": \"opc.tcp://a\", \"DataSetRouting\": "
        "\"None\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": \"i=2\"}]}]",
        &d);
    assert_int_equal(plan.writer_count, 3);
    assert_int_equal(plan.groups[0].writers[0].routing, ROUTING_BROWSE_NAMES_INDEX);
    assert_int_equal(plan.groups[0].writers[1].item_count, 1);
    assert_int_equal(plan.groups[0].writers[2].item_count, 2);
    assert_int_equal(plan.duplicates, 1);
}

/* OPC Publisher cuts first, and parts then. */
static void writers_are_cut_before_they_part(void **state)
{
    (void)state;
    struct plan_defaults d = defaults;
    d.nodes_per_writer = 3;
    make_with("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": "
              "\"i=2\", \"Topic\": \"t\"}, {\"Id\": \"i=3\"}, {\"Id\": \"i=4\", \"Topic\": \"t\"}, "
              "{\"Id\": \"i=5\"}]}]",
              &d);
    const struct plan_writer *w = plan.groups[0].writers;
    assert_int_equal(plan.writer_count, 4);
    assert_int_equal(w[0].item_count, 2);
    assert_int_equal(w[1].item_count, 1);
    assert_slice(w[2].items[0].node, SLICE("i=4"));
    assert_slice(w[3].items[0].node, SLICE("i=5"));
}

/* As OPC Publisher's keys: what is said is another thing than what holds without a word. */
static void what_is_said_parts_groups_and_writers_even_when_it_is_the_default(void **state)
{
    (void)state;
    make(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": \"i=2\", "
        "\"OpcPublishingInterval\": 1000}]}, {\"EndpointUrl\": \"opc.tcp://a\", \"BatchSize\": 50, "
        "\"OpcNodes\": [{\"Id\": \"i=1\"}]}]");
    assert_int_equal(plan.group_count, 2);
    assert_int_equal(plan.groups[0].writer_count, 2);
    assert_slice(plan.groups[1].name, plan.groups[0].name);
}

/* What is only told does not part writers, but a writer that tells something else starts anew. */
static void what_is_told_is_the_first_entry_s(void **state)
{
    (void)state;
    make(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetDescription\": \"one\", \"OpcNodes\": "
        "[{\"Id\": \"i=1\"}]}, {\"EndpointUrl\": \"opc.tcp://a\", \"DataSetDescription\": \"two\", "
        "\"OpcNodes\": [{\"Id\": \"i=2\"}]}]");
    assert_int_equal(plan.writer_count, 1);
    assert_slice(plan.groups[0].writers[0].description, SLICE("one"));
    struct buffer before = {0};
    buffer_put(&before, plan.groups[0].writers[0].key);
    tear_down(NULL);
    make("[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetDescription\": \"two\", \"OpcNodes\": "
         "[{\"Id\": \"i=1\"}, {\"Id\": \"i=2\"}]}]");
    assert_false(slice_eq(plan.groups[0].writers[0].key, buffer_slice(&before)));
    buffer_clear(&before);
}

static void options_hold_where_the_file_says_nothing(void **state)
{
    (void)state;
    struct plan_defaults d = defaults;
    d.one_publishing_interval = true;
    d.session_per_group = true;
    d.reverse = d.retain = d.cyclic_read = d.fetch_display_names = d.republish = true;
    d.qos = QOS_AT_MOST_ONCE;
    d.ttl_ms = 7;
    d.watchdog_ms = 9;
    d.watchdog_condition = WATCHDOG_ANY_LATE;
    d.key_frame_count = 3;
    d.metadata = d.lone_value = d.last_in_batch = d.routing_info = d.cloud_events = true;
    d.names = NAMES_INDEX;
    d.stamp = STAMP_ENCODED;
    d.data_sets_max = 11;
    make_with(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"DataSetWriterGroup\": \"g\", "
        "\"DataSetPublishingInterval\": 5, \"OpcNodes\": [{\"Id\": \"i=1\"}, {\"Id\": \"i=2\", "
        "\"OpcPublishingInterval\": 7, \"UseCyclicRead\": false}]}]",
        &d);
    const struct plan_group *g = &plan.groups[0];
    const struct plan_writer *w = &g->writers[0];
    assert_int_equal(plan.writer_count, 1);
    assert_int_equal(w->publishing_ms, 1000);
    assert_slice(w->connection.group, SLICE("g"));
    assert_true(w->connection.reverse);
    assert_true(w->republish);
    assert_int_equal(g->route.qos, QOS_AT_MOST_ONCE);
    assert_int_equal(g->route.retain, SAID_YES);
    assert_int_equal(g->route.ttl_ms, 7);
    assert_true(g->metadata && g->lone_value && g->last_in_batch && g->routing_info);
    assert_true(g->cloud_events);
    assert_int_equal(g->names, NAMES_INDEX);
    assert_int_equal(g->stamp, STAMP_ENCODED);
    assert_int_equal(g->data_sets_max, 11);
    assert_int_equal(w->watchdog_ms, 9);
    assert_int_equal(w->watchdog_condition, WATCHDOG_ANY_LATE);
    assert_int_equal(w->watchdog_behavior, WATCHDOG_DIAGNOSTIC);
    assert_int_equal(w->key_frame_count, 3);
    assert_true(w->items[0].cyclic_read);
    assert_false(w->items[1].cyclic_read);
    assert_true(w->items[0].fetch_display_name);
}

static void conditions_and_model_changes_have_their_intervals(void **state)
{
    (void)state;
    make(
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\", \"EventFilter\": {}, "
        "\"ConditionHandling\": {\"SnapshotInterval\": 9, \"RefreshRetainedConditionsOnStart\": "
        "true}}, {\"Id\": \"i=2\", \"EventFilter\": {}, \"ConditionHandling\": "
        "{\"RefreshRetainedConditionsOnStart\": true}}, {\"ModelChangeHandling\": {}}]}]");
    const struct plan_item *i = plan.groups[0].writers[0].items;
    assert_int_equal(i[0].update_ms, 9000);
    assert_false(i[0].refresh_conditions);
    assert_true(i[1].refresh_conditions);
    assert_int_equal(i[2].rebrowse_ms, 12 * 3600 * 1000);
    assert_slice(i[2].node, SLICE("i=2253"));
}

static void modes_without_a_form_in_uadp_are_refused(void **state)
{
    (void)state;
    assert_int_equal(config_read(SLICE("[{\"EndpointUrl\": \"opc.tcp://a\", \"MessageEncoding\": "
                                       "\"Uadp\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}, "
                                       "{\"EndpointUrl\": \"opc.tcp://b\", \"MessagingMode\": "
                                       "\"PubSub\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}]"),
                                 &config),
                     OK);
    config_check_profiles(&config, MODE_SAMPLES, ENCODING_UADP);
    assert_int_equal(config.refused, 1);
    assert_int_equal(config.entry_count, 1);
    assert_slice(config.entries[0].endpoint_url, SLICE("opc.tcp://b"));
    assert_slice(config.findings[0].field, SLICE("MessageEncoding"));
}

static void samples_are_older_than_the_encodings_of_1_05(void **state)
{
    (void)state;
    assert_int_equal(config_read(SLICE("[{\"EndpointUrl\": \"opc.tcp://a\", \"MessageEncoding\": "
                                       "\"JsonCompact\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}, "
                                       "{\"EndpointUrl\": \"opc.tcp://b\", \"MessagingMode\": "
                                       "\"PubSub\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}]"),
                                 &config),
                     OK);
    config_check_profiles(&config, MODE_FULL_SAMPLES, ENCODING_JSON_VERBOSE);
    assert_int_equal(config.refused, 1);
    assert_slice(config.entries[0].endpoint_url, SLICE("opc.tcp://b"));
    assert_true(slice_starts(config.findings[0].text, SLICE("JsonCompact and JsonVerbose")));
}

static void avro_has_no_samples(void **state)
{
    (void)state;
    assert_int_equal(config_read(SLICE("[{\"EndpointUrl\": \"opc.tcp://a\", \"MessageEncoding\": "
                                       "\"Avro\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}, "
                                       "{\"EndpointUrl\": \"opc.tcp://b\", \"MessagingMode\": "
                                       "\"FullSamples\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}, "
                                       "{\"EndpointUrl\": \"opc.tcp://c\", \"MessagingMode\": "
                                       "\"RawDataSets\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}]"),
                                 &config),
                     OK);
    config_check_profiles(&config, MODE_SAMPLES, ENCODING_AVRO_GZIP);
    assert_int_equal(config.refused, 2);
    assert_int_equal(config.entry_count, 1);
    assert_slice(config.entries[0].endpoint_url, SLICE("opc.tcp://c"));
    for (size_t i = 0; i < 2; i++)
        assert_true(slice_starts(config.findings[i].text, SLICE("Avro does not go with")));
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
        cmocka_unit_test_teardown(a_plan_needs_neither_the_text_nor_the_nodes_that_it_was_made_of, tear_down),
        cmocka_unit_test_teardown(queues_can_hold_what_is_sampled_between_two_publishes, tear_down),
        cmocka_unit_test_teardown(extension_fields_are_ready_to_stand_among_others, tear_down),
        cmocka_unit_test_teardown(values_events_and_routes_part, tear_down),
        cmocka_unit_test_teardown(each_node_is_a_writer_with_routing_by_browse_names, tear_down),
        cmocka_unit_test_teardown(writers_are_cut_before_they_part, tear_down),
        cmocka_unit_test_teardown(what_is_said_parts_groups_and_writers_even_when_it_is_the_default,
                                  tear_down),
        cmocka_unit_test_teardown(what_is_told_is_the_first_entry_s, tear_down),
        cmocka_unit_test_teardown(options_hold_where_the_file_says_nothing, tear_down),
        cmocka_unit_test_teardown(conditions_and_model_changes_have_their_intervals, tear_down),
        cmocka_unit_test_teardown(modes_without_a_form_in_uadp_are_refused, tear_down),
        cmocka_unit_test_teardown(samples_are_older_than_the_encodings_of_1_05, tear_down),
        cmocka_unit_test_teardown(avro_has_no_samples, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
