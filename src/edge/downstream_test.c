#include "edge/downstream.h"

#include "edge/backend.h"
#include "edge/twin_rig.h"

static void push(struct rig *r, const char *patch, uint64_t version)
{
    edge_downstream_desired(r->child, slice_of(patch), version);
}

static void a_change_is_told_once(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    push(r, "{\"a\":2,\"$version\":2}", 2);
    rig_was_told(r, "2 {\"a\":2,\"$version\":2}\n");
    push(r, "{\"a\":2,\"$version\":2}", 2);
    rig_was_told(r, "");
    assert_int_equal(hub->count, 0);
}

/* The patch that came would be merged into what it was not made for. */
static void after_a_gap_the_twin_is_fetched_and_the_difference_told(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    push(r, "{\"c\":4,\"$version\":4}", 4);
    rig_was_told(r, "");
    push(r, "{\"c\":5,\"$version\":5}", 5); /* it is asked for already */
    assert_int_equal(hub->count, 1);
    hub_answers(OK, 0,
                "{\"desired\":{\"b\":3,\"c\":4,\"$version\":4},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "4 {\"a\":null,\"b\":3,\"c\":4,\"$version\":4}\n");
    hub_answers(OK, 0,
                "{\"desired\":{\"b\":3,\"c\":5,\"$version\":5},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "5 {\"c\":5,\"$version\":5}\n");
}

static void what_changed_without_a_connection_is_told_after_it(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    hub_goes();
    hub_connects();
    hub_answers(OK, 0, "{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "");
    hub_goes();
    hub_connects();
    hub_answers(OK, 0, "{\"desired\":{\"$version\":2},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "2 {\"a\":null,\"$version\":2}\n");
}

static void a_fetch_that_fails_is_tried_again(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    push(r, "{\"a\":3,\"$version\":3}", 3);
    hub_answers(TIMED_OUT, 0, "");
    assert_int_equal(hub->count, 0);
    rig_pass(r, EDGE_DOWNSTREAM_AGAIN_MS + 1);
    hub_was_asked(0, NULL);
    hub_answers(OK, 0, "{\"desired\":{\"a\":3,\"$version\":3},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "3 {\"a\":3,\"$version\":3}\n");
}

static void ask(struct rig *r, uint64_t token)
{
    edge_backend_ops.twin_get(heads_attendance_device(r->here), token);
}

/* Who asks gets all of it, and is not told the difference as well. */
static void who_asks_gets_the_hubs_twin(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    ask(r, 7);
    hub_answers(OK, 0, "{\"desired\":{\"$version\":2},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "7 OK {\"desired\":{\"$version\":2},\"reported\":{\"$version\":1}}\n");
    push(r, "{\"z\":1,\"$version\":3}", 3);
    rig_was_told(r, "3 {\"z\":1,\"$version\":3}\n");
}

/* And while the hub is away the copy, with what it reported since; later changes are told on top of
 * it. */
static void who_asks_without_the_hub_gets_the_copy(void **state)
{
    struct rig *r = *state;
    ask(r, 7);
    hub_answers(OFFLINE, 0, "");
    rig_was_told(r, "7 OK {\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}\n");
    hub_connects();
    hub_answers(OK, 0, "{\"desired\":{\"a\":5,\"$version\":4},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "4 {\"a\":5,\"$version\":4}\n");
    hub_goes();
    edge_reports_put(r->here, SLICE("{\"n\":1}"), 8);
    rig_pass(r, 10);
    rig_was_told(r, "8 OK 2\n");
    ask(r, 9);
    hub_answers(OFFLINE, 0, "");
    rig_was_told(
        r, "9 OK {\"desired\":{\"a\":5,\"$version\":4},\"reported\":{\"$version\":2,\"n\":1}}\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_told_once),
        TEST(after_a_gap_the_twin_is_fetched_and_the_difference_told),
        TEST(what_changed_without_a_connection_is_told_after_it),
        TEST(a_fetch_that_fails_is_tried_again),
        TEST(who_asks_gets_the_hubs_twin),
        TEST(who_asks_without_the_hub_gets_the_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
