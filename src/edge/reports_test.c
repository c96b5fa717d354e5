#include "edge/reports.h"

#include "edge/downstream.h"
#include "edge/twin_rig.h"

static void report(struct rig *r, const char *patch, uint64_t token)
{
    edge_reports_put(r->here, slice_of(patch), token);
}

static void one_at_a_time_and_in_order(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    report(r, "{\"n\":1}", 11);
    report(r, "{\"n\":2}", 12);
    assert_int_equal(hub->count, 1);
    hub_was_asked(0, "{\"n\":1}");
    hub_answers(OK, 2, "");
    rig_was_told(r, "11 OK 2\n");
    assert_int_equal(hub->count, 1);
    hub_was_asked(0, "{\"n\":2}");
    hub_answers(BAD_ARGUMENT, 0, "");
    rig_was_told(r, "12 BAD_ARGUMENT 0\n");
    assert_slice(
        edge_twins_get(r->twins, r->child->id),
        SLICE("{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"$version\":2,\"n\":1}}"));
    report(r, "{\"n\":3}", 13);
    hub_answers(OK, 3, "");
    rig_was_told(r, "13 OK 3\n");
}

static void what_the_hub_did_not_take_is_kept_and_goes_first(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    report(r, "{\"n\":1}", 11);
    report(r, "{\"n\":2,\"m\":2}", 12);
    hub_goes();
    rig_pass(r, 10);
    rig_was_told(r, "11 OK 2\n12 OK 2\n");
    report(r, "{\"n\":3}", 13);
    rig_pass(r, 10);
    rig_was_told(r, "13 OK 2\n");
    hub_connects();
    report(r, "{\"n\":4}", 14);
    assert_int_equal(hub->count, 2);
    hub_was_asked(0, "{\"n\":3,\"m\":2}");
    hub_was_asked(1, NULL); /* the twin */
    hub_answers(OK, 2, "");
    hub_answers(
        OK, 0,
        "{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"n\":3,\"m\":2,\"$version\":2}}");
    hub_was_asked(0, "{\"n\":4}");
    hub_answers(OK, 3, "");
    rig_was_told(r, "14 OK 3\n");
}

/* The connection stays, and what comes later does not overtake. */
static void a_hub_that_does_not_answer_is_asked_again(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    report(r, "{\"n\":1}", 11);
    hub_answers(TIMED_OUT, 0, "");
    rig_pass(r, 10);
    rig_was_told(r, "11 OK 2\n");
    assert_int_equal(hub->count, 0);
    report(r, "{\"n\":2}", 12);
    hub_was_asked(0, "{\"n\":1}");
    hub_answers(TIMED_OUT, 0, "");
    rig_pass(r, 10);
    rig_was_told(r, "12 OK 2\n");
    rig_pass(r, EDGE_DOWNSTREAM_AGAIN_MS);
    hub_was_asked(0, "{\"n\":2}");
    hub_answers(OK, 4, "");
    report(r, "{\"n\":3}", 13);
    hub_answers(OK, 5, "");
    rig_was_told(r, "13 OK 5\n");
}

/* What the hub will never take does not stand in the way, and the copy is true again. */
static void what_is_refused_for_good_is_dropped(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    hub_goes();
    report(r, "{\"n\":1}", 11);
    rig_pass(r, 10);
    hub_connects();
    hub_was_asked(0, "{\"n\":1}");
    hub_answers(TOO_LARGE, 0, "");
    assert_int_equal(edge_twins_pending(r->twins, r->child->id).len, 0);
    while (hub->count) {
        hub_was_asked(0, NULL);
        hub_answers(OK, 0, "{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"$version\":1}}");
    }
    assert_slice(edge_twins_get(r->twins, r->child->id),
                 SLICE("{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"$version\":1}}"));
    rig_was_told(r, "11 OK 2\n");
}

/* Nobody uses it any more, but what is pending needs it. */
static void the_connection_stays_for_what_is_pending(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    report(r, "{\"n\":1}", 11);
    hub_answers(TIMED_OUT, 0, "");
    rig_leave(r);
    rig_pass(r, EDGE_DOWNSTREAM_AGAIN_MS + EDGE_UPSTREAM_IDLE_MS + 10);
    assert_non_null(hub);
    hub_was_asked(0, "{\"n\":1}");
    hub_answers(OK, 2, "");
    rig_pass(r, EDGE_UPSTREAM_IDLE_MS + 10);
    assert_null(hub);
}

/* An edge that stops says of nothing that it is kept. */
static void the_end_cancels(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    report(r, "{\"n\":1}", 11);
    report(r, "{\"n\":2}", 12);
    edge_upstream_free(&r->edge->upstream);
    rig_was_told(r, "11 CANCELLED 0\n12 CANCELLED 0\n");
    assert_int_equal(edge_twins_pending(r->twins, r->child->id).len, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_at_a_time_and_in_order),
        TEST(what_the_hub_did_not_take_is_kept_and_goes_first),
        TEST(a_hub_that_does_not_answer_is_asked_again),
        TEST(what_is_refused_for_good_is_dropped),
        TEST(the_connection_stays_for_what_is_pending),
        TEST(the_end_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
