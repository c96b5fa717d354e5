/* The endpoint over a log on a simulated disk, and the engine's client end on a real socket. */
#include "hub/events_rig.h"

/* ---- promises ---- */

static void an_event_has_the_shape_that_the_sdks_expect(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, 2);
    struct reading *r = attach(
        &w, 0,
        (struct wish){.address = "Events/ConsumerGroups/$Default/Partitions/0", .metrics = true});
    take(&w, r, 10, 2);
    struct amqp_message m;
    struct amqp_value v;
    struct slice body;
    assert_int_equal(amqp_message_read(buffer_slice(&w.last), &m), OK);
    static const struct {
        struct slice name;
        enum amqp_type type;
        struct slice text;
        int64_t number;
    } want[] = {
        {SLICE_INIT("x-opt-sequence-number"), AMQP_LONG, {0}, 1},
        {SLICE_INIT("x-opt-offset"), AMQP_STRING, SLICE_INIT("1"), 0},
        {SLICE_INIT("x-opt-enqueued-time"), AMQP_TIMESTAMP, {0}, 1700000000001},
        {SLICE_INIT("iothub-connection-device-id"), AMQP_STRING, SLICE_INIT("plc-1"), 0},
        {SLICE_INIT("iothub-connection-module-id"), AMQP_STRING, SLICE_INIT("publisher"), 0},
        {SLICE_INIT("iothub-message-source"), AMQP_STRING, SLICE_INIT("Telemetry"), 0},
        {SLICE_INIT("iothub-connection-auth-method"), AMQP_STRING,
         SLICE_INIT("{\"scope\":\"device\"}"), 0},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_true(amqp_map_find(&m.message_annotations, want[i].name, &v));
        assert_int_equal(v.type, want[i].type);
        if (want[i].text.at)
            assert_slice(v.bytes, want[i].text);
        else
            assert_int_equal(v.i, want[i].number);
    }
    assert_int_equal(amqp_value_of(m.properties.message_id, &v), OK);
    assert_int_equal(v.type, AMQP_UUID);
    assert_slice(v.bytes, SLICE("0123456789abcde\1"));
    assert_slice(m.properties.content_type, SLICE("application/json"));
    assert_true(amqp_map_find(&m.application_properties, SLICE("alert"), &v));
    assert_slice(v.bytes, SLICE("true"));
    assert_true(amqp_message_bytes(&m, &body));
    assert_slice(body, SLICE("{\"n\":1}"));
    assert_true(amqp_map_find(&m.delivery_annotations, SLICE("last_enqueued_sequence_number"), &v));
    assert_int_equal(v.i, 1);
    assert_true(amqp_map_find(&m.delivery_annotations, SLICE("last_enqueued_time_utc"), &v));
    assert_int_equal(v.i, 1700000000001);
    stop(&w);
}

static void readers_begin_where_they_ask(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        int64_t first;
    } cases[] = {
        {"amqp.annotation.x-opt-offset > '-1'", 0},
        {NULL, 0},
        {"amqp.annotation.x-opt-offset > '4'", 5},
        {"amqp.annotation.x-opt-sequence-number >= '4'", 4},
        {"amqp.annotation.x-opt-enqueued-time > '1700000000006'", 7},
    };
    struct world w = {0};
    start(&w, "iothubowner");
    fill(&w, 0, 10);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach_at(&w, (unsigned)i % 4, cases[i].selector);
        take(&w, r, 20, (unsigned)(10 - cases[i].first));
        assert_int_equal(r->first, cases[i].first);
        assert_int_equal(r->last, 9);
        amqp_link_detach(r->link, NULL);
    }
    struct reading *r = attach_at(&w, 5, "amqp.annotation.x-opt-offset > '@latest'");
    amqp_link_set_window(r->link, 20);
    append(&w, 0, 10);
    take(&w, r, 20, 1);
    assert_int_equal(r->first, 10);
    r = attach_at(&w, 6, "amqp.annotation.x-opt-offset > '10'"); /* nothing there yet */
    append(&w, 0, 11);
    take(&w, r, 20, 1);
    assert_int_equal(r->first, 11);
    stop(&w);
}

/* Two groups and two partitions do not touch each other; many events come in order and whole. */
static void all_events_come_in_order(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, MANY);
    fill(&w, 1, 10);
    struct reading *a = attach_at(&w, 0, NULL);
    struct reading *b = attach(
        &w, 1, (struct wish){.address = "/messages/events/ConsumerGroups/other/Partitions/0"});
    struct reading *c = attach(
        &w, 2,
        (struct wish){.address = "amqps://host:5671/EVENTS/consumergroups/other/partitions/1"});
    amqp_link_set_window(b->link, 7);
    amqp_link_set_window(c->link, 1000);
    take(&w, a, 300, MANY / 2);
    for (unsigned i = 0; i < 500; i++)
        append(&w, 0, MANY + i);
    take(&w, a, 300, MANY + 500);
    assert_int_equal(a->last, MANY + 499);
    assert_int_equal(c->count, 10);
    take(&w, b, 7, MANY / 4);
    assert_false(b->gap);
    stop(&w);
}

static void credit_is_what_is_sent(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, 100);
    struct reading *r = attach_at(&w, 0, NULL);
    take(&w, r, 1, 5); /* one at a time */
    amqp_link_set_window(r->link, 0);
    unsigned before = r->count;
    struct reading *other =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    take(&w, other, 50, 50); /* meanwhile the first got at most the credit that was out */
    assert_true(r->count <= before + 1);
    stop(&w);
}

static void an_owner_pushes_others_out(void **state)
{
    (void)state;
    const char *address = "events/ConsumerGroups/$Default/Partitions/0";
    struct world w = {0};
    start(&w, "service");
    struct reading *plain_one = attach(&w, 0, (struct wish){.address = address});
    struct reading *elsewhere =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    struct reading *owner =
        attach(&w, 2, (struct wish){.address = address, .has_epoch = true, .epoch = 5});
    w.watched = plain_one;
    UNTIL(&w, is_detached);
    assert_string_equal(plain_one->condition, "amqp:link:stolen");
    struct reading *lower =
        attach(&w, 3, (struct wish){.address = address, .has_epoch = true, .epoch = 4});
    w.watched = lower;
    UNTIL(&w, is_detached);
    assert_string_equal(lower->condition, "amqp:link:stolen");
    struct reading *none = attach(&w, 4, (struct wish){.address = address});
    w.watched = none;
    UNTIL(&w, is_detached);
    assert_string_equal(none->condition, "amqp:link:stolen");
    assert_false(owner->detached);
    struct reading *same =
        attach(&w, 5,
               (struct wish){.address = "EVENTS/consumergroups/$DEFAULT/partitions/0",
                             .has_epoch = true,
                             .epoch = 5});
    assert_true(same->attached);
    w.watched = owner;
    UNTIL(&w, is_detached);
    assert_string_equal(owner->condition, "amqp:link:stolen");
    assert_false(elsewhere->detached);
    stop(&w);
}

static void readers_without_an_owner_have_a_bound(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    for (unsigned i = 0; i < EVENTS_READERS_MAX; i++)
        assert_true(attach_at(&w, i, NULL)->attached);
    struct reading *r = attach_at(&w, EVENTS_READERS_MAX, NULL);
    w.watched = r;
    UNTIL(&w, is_detached);
    assert_string_equal(r->condition, "amqp:resource-limit-exceeded");
    amqp_link_detach(w.readings[0].link, NULL);
    amqp_connection_flush(w.client);
    r = attach_at(&w, 0, NULL); /* the place is free again: both go the same way, in order */
    assert_true(r->attached);
    stop(&w);
}

static void wrong_places_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *address, *selector, *condition;
    } cases[] = {
        {"events/ConsumerGroups/$Default/Partitions/2", NULL,
         "com.microsoft:argument-out-of-range"},
        {"events/ConsumerGroups/$Default/Partitions/x", NULL,
         "com.microsoft:argument-out-of-range"},
        {"other/ConsumerGroups/$Default/Partitions/0", NULL, "amqp:not-found"},
        {"events/ConsumerGroups/$Default", NULL, "amqp:not-found"},
        {"events/ConsumerGroups/$Default/Partitions/0", "x > 1", "com.microsoft:argument-error"},
        {"events/ConsumerGroups/$Default/Partitions/0", "amqp.annotation.x-opt-offset > '7'",
         "com.microsoft:argument-out-of-range"},
    };
    struct world w = {0};
    start(&w, "service");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach(
            &w, 0, (struct wish){.address = cases[i].address, .selector = cases[i].selector});
        UNTIL(&w, is_detached);
        assert_string_equal(r->condition, cases[i].condition);
    }
    stop(&w);
}

static void a_hub_with_a_list_of_groups_has_no_others(void **state)
{
    (void)state;
    static const char *const groups[] = {"reports", NULL};
    static const struct {
        const char *address;
        bool there;
    } cases[] = {
        {"events/ConsumerGroups/Reports/Partitions/0", true},
        {"events/ConsumerGroups/$default/Partitions/0", true},
        {"events/ConsumerGroups/other/Partitions/0", false},
    };
    struct world w = {.hub = {.groups = groups}};
    start(&w, "service");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach(&w, (unsigned)i, (struct wish){.address = cases[i].address});
        if (cases[i].there) {
            assert_true(r->attached);
            continue;
        }
        w.watched = r;
        UNTIL(&w, is_detached);
        assert_string_equal(r->condition, "amqp:not-found");
    }
    stop(&w);
}

/* One has no credit, one lags: the third has all of it, and the others go on where they were. */
static void readers_that_stall_or_lag_hold_up_nobody(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct world w = {0};
    start(&w, "service");
    struct reading *stalled = attach_at(&w, 0, NULL);
    struct reading *lagging =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    struct reading *quick =
        attach(&w, 2, (struct wish){.address = "events/ConsumerGroups/y/Partitions/0"});
    fill(&w, 0, 10);
    take(&w, lagging, 1, 2);
    amqp_link_set_window(lagging->link, 0);
    for (unsigned i = 10; i < MANY; i++)
        append(&w, 0, i);
    take(&w, quick, 500, MANY);
    assert_int_equal(stalled->count, 0);
    assert_true(lagging->count <= 4);
    take(&w, stalled, 500, MANY);
    assert_int_equal(stalled->first, 0);
    take(&w, lagging, 500, MANY);
    stop(&w);
}

static void a_policy_without_the_right_reads_nothing(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "device");
    assert_true(w.opened);
    struct reading *r = attach_at(&w, 0, NULL);
    w.watched = r;
    UNTIL(&w, is_detached);
    assert_string_equal(r->condition, "amqp:unauthorized-access");
    stop(&w);
    struct world other = {0};
    start_hub(&other);
    connect(&other, plain, SLICE("\0service\0bm90IHRoZSBrZXk="));
    assert_false(other.opened);
    stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_the_shape_that_the_sdks_expect),
        cmocka_unit_test(readers_begin_where_they_ask),
        cmocka_unit_test(all_events_come_in_order),
        cmocka_unit_test(credit_is_what_is_sent),
        cmocka_unit_test(an_owner_pushes_others_out),
        cmocka_unit_test(readers_without_an_owner_have_a_bound),
        cmocka_unit_test(wrong_places_are_refused),
        cmocka_unit_test(a_hub_with_a_list_of_groups_has_no_others),
        cmocka_unit_test(readers_that_stall_or_lag_hold_up_nobody),
        cmocka_unit_test(a_policy_without_the_right_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
