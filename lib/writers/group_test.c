/* What goes where, and in which message; the outbox is the test's. */
#include "writers/group.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "outbox/outbox_double.h"

#include "base/cmocka.h"


static struct group_counts counts;
static struct group_sink sink;

static int set_up(void **state)
{
    (void)state;
    counts = (struct group_counts){0};
    sink = (struct group_sink){.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget_sent();
    loop_free(&sink.loop);
    return 0;
}

static struct plan_group plan_of(enum message_encoding encoding)
{
    return (struct plan_group){.name = SLICE("group"),
                               .publisher_id = SLICE("publisher"),
                               .mode = MODE_PUBSUB,
                               .encoding = encoding,
                               .batch_size = 50};
}

static struct data_set join(struct group *g, const char *topic, enum tristate retain)
{
    struct data_set d = {.id = 1, .major = 1, .field_count = 1};
    struct plan_writer writer = {.name = SLICE("writer"),
                                 .route = {.topic = slice_of(topic), .retain = (uint8_t)retain}};
    buffer_text(&d.name, "\"writer\"");
    group_join(g, &d, &writer);
    return d;
}

static void put(struct group *g, struct data_set *d, UA_Int32 number)
{
    UA_DataValue v = {.hasValue = true};
    struct data_set_head h = {.frame = FRAME_DELTA, .now = 134000000000000000};
    UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
    group_begin(g, d, &h, NULL);
    group_field(g, SLICE("\"n\":"), 0, &v);
    group_end(g);
}

static const char *source_of(size_t i)
{
    static char text[128];
    struct slice value = {0};
    iot_property_find(buffer_slice(&sent[i]->properties), SLICE("millrace-source"), &value);
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(value));
    return text;
}

static void other_topics_are_other_messages_of_other_sources(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(ENCODING_JSON);
    struct group *g = group_new(&sink, &plan);
    struct data_set a = join(g, "", NOT_SAID), b = join(g, "b/{DataSetWriter}", NOT_SAID),
                    c = join(g, "", NOT_SAID);
    put(g, &a, 1);
    put(g, &b, 2);
    put(g, &c, 3);
    group_flush(g);
    assert_int_equal(sent_count, 2);
    assert_string_equal(sent[0]->topic, "publisher/messages/group");
    assert_string_equal(source_of(0), "publisher/group");
    assert_int_equal(sent[0]->values, 2);
    assert_string_equal(sent[1]->topic, "b/writer");
    assert_true(strncmp(source_of(1), "publisher/group/b/writer", 24) == 0);
    buffer_clear(&a.name);
    buffer_clear(&b.name);
    buffer_clear(&c.name);
    group_free(&g);
}

static struct slice property_of(size_t i, const char *name)
{
    struct slice value = {0};
    iot_property_find(buffer_slice(&sent[i]->properties), slice_of(name), &value);
    return value;
}

static void messages_can_say_what_cloud_events_wants_to_know(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(ENCODING_JSON);
    plan.cloud_events = true;
    plan.batch_size = 1;
    struct group *g = group_new(&sink, &plan);
    struct plan_writer writer = {.name = SLICE("writer"),
                                 .type = SLICE("pump"),
                                 .subject = SLICE("line 1"),
                                 .connection = {.endpoint_url = SLICE("opc.tcp://plc")}};
    struct data_set d;
    group_add(g, &d, &plan, &writer, 0);
    put(g, &d, 1);
    group_of_server(&d, SLICE("opc.tcp://plc"), SLICE("urn:plc"));
    put(g, &d, 2);
    assert_int_equal(sent_count, 2);
    assert_slice(property_of(0, "specversion"), SLICE("1.0"));
    assert_slice(property_of(0, "type"), SLICE("Dataset/pump"));
    assert_slice(property_of(0, "source"), SLICE("opc.tcp://plc"));
    assert_slice(property_of(1, "source"), SLICE("urn:plc"));
    assert_slice(property_of(0, "subject"), SLICE("line 1"));
    assert_int_equal(property_of(1, "id").len, 34);
    assert_int_equal(property_of(1, "id").at[12], '7');
    assert_slice(slice_skip(property_of(1, "id"), 32), SLICE("/2"));
    assert_int_equal(property_of(1, "time").at[10], 'T');
    data_set_clear(&d);
    group_free(&g);
}

static void a_broker_forgets_what_nobody_sends_any_more(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON, ENCODING_JSON_GZIP};
    for (size_t e = 0; e < 2; e++) {
        struct plan_group plan = plan_of(encodings[e]);
        struct group *g = group_new(&sink, &plan);
        struct data_set a = join(g, "kept", SAID_YES), b = join(g, "kept", SAID_YES),
                        c = join(g, "not", NOT_SAID), d = join(g, "stays", SAID_YES);
        put(g, &a, 1);
        group_leave(g, &a, true); /* b goes on there */
        assert_int_equal(sent_count, 0);
        group_leave(g, &b, true);
        assert_int_equal(sent_count, 2);
        assert_true(sent[0]->body.len > 0 && sent[0]->retain);
        assert_int_equal(sent[1]->body.len, 0);
        assert_true(sent[1]->retain);
        assert_string_equal(sent[1]->topic, "kept");
        group_leave(g, &c, true);
        group_leave(g, &d, false); /* the program ends */
        assert_int_equal(sent_count, 2);
        buffer_clear(&a.name);
        buffer_clear(&b.name);
        buffer_clear(&c.name);
        buffer_clear(&d.name);
        group_free(&g);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void a_message_has_no_more_data_sets_than_it_may(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(ENCODING_JSON);
    plan.data_sets_max = 3;
    struct group *g = group_new(&sink, &plan);
    struct data_set a = join(g, "", NOT_SAID);
    for (int i = 0; i < 7; i++)
        put(g, &a, i);
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[0]->values, 3);
    group_free(&g);
    assert_int_equal(sent_count, 3);
    assert_int_equal(sent[2]->values, 1);
    buffer_clear(&a.name);
}

/* The payload header of UADP counts in a byte. */
static void uadp_has_at_most_255_data_sets_in_a_message(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(ENCODING_UADP);
    struct group *g = group_new(&sink, &plan);
    struct data_set a = join(g, "", NOT_SAID);
    for (int i = 0; i < 300; i++)
        put(g, &a, i);
    group_free(&g);
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[0]->values, 255);
    assert_int_equal(sent[1]->values, 45);
    buffer_clear(&a.name);
}

static void batches_are_cut_by_count_of_notifications(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(ENCODING_JSON);
    plan.batch_size = 2;
    struct group *g = group_new(&sink, &plan);
    struct data_set a = join(g, "", NOT_SAID);
    for (int i = 0; i < 5; i++) {
        put(g, &a, i);
        group_notified(g, &a);
    }
    assert_int_equal(sent_count, 2);
    group_free(&g);
    assert_int_equal(sent_count, 3);
    buffer_clear(&a.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_topics_are_other_messages_of_other_sources, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(messages_can_say_what_cloud_events_wants_to_know, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_broker_forgets_what_nobody_sends_any_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_message_has_no_more_data_sets_than_it_may, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(uadp_has_at_most_255_data_sets_in_a_message, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(batches_are_cut_by_count_of_notifications, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
