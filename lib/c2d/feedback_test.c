/* What senders are told of their messages, and the batches in which they are told. */
#include "c2d/c2d_rig.h"

static void feedback_is_as_it_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        enum c2d_ack ack;
        enum heads_outcome how;
        bool told;
    } cases[] = {
        {C2D_ACK_NONE, HEADS_COMPLETE, false},     {C2D_ACK_NONE, HEADS_REJECT, false},
        {C2D_ACK_POSITIVE, HEADS_COMPLETE, true},  {C2D_ACK_POSITIVE, HEADS_REJECT, false},
        {C2D_ACK_NEGATIVE, HEADS_COMPLETE, false}, {C2D_ACK_NEGATIVE, HEADS_REJECT, true},
        {C2D_ACK_FULL, HEADS_COMPLETE, true},      {C2D_ACK_FULL, HEADS_REJECT, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(send_acked("m", cases[i].ack), OK);
        assert_true(take_one("m"));
        assert_int_equal(settle(house.taken[0].lock, cases[i].how), OK);
        go(C2D_FEEDBACK_GATHER_MS + 2000);
        assert_int_equal(take_batch(), cases[i].told ? OK : NOT_FOUND);
        if (!cases[i].told)
            continue;
        assert_string_equal(records(),
                            cases[i].how == HEADS_COMPLETE ? "m:Success " : "m:Rejected ");
        assert_int_equal(settle_batch(HEADS_COMPLETE), OK);
    }
}

static void purged_is_told_too(void **state)
{
    (void)state;
    assert_int_equal(send_acked("a", C2D_ACK_FULL), OK);
    assert_int_equal(send_acked("b", C2D_ACK_POSITIVE), OK);
    assert_int_equal(send_acked("c", C2D_ACK_NEGATIVE), OK);
    assert_true(take_one("a"));
    assert_int_equal(purge("nobody"), NOT_FOUND);
    assert_int_equal(purge("d"), OK);
    assert_int_equal(house.count, 3);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), LOCK_LOST);
    assert_true(nothing_waits());
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "a:Purged c:Purged ");
    assert_int_equal(purge("d"), OK);
    assert_int_equal(house.count, 0);
}

/* ---- batches ---- */

static void complete_some(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(send_acked("m", C2D_ACK_FULL), OK);
        assert_true(take_one("m"));
        assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    }
}

static void a_batch_closes_with_its_64th_record_or_after_15_seconds(void **state)
{
    (void)state;
    complete_some(C2D_FEEDBACK_RECORDS_MAX - 1);
    assert_int_equal(take_batch(), NOT_FOUND);
    complete_some(2);
    assert_int_equal(house.batches, 1);
    assert_int_equal(take_batch(), OK);
    assert_int_equal(strlen(records()), 64 * strlen("m:Success "));
    assert_int_equal(settle_batch(HEADS_COMPLETE), OK);
    assert_int_equal(take_batch(), NOT_FOUND);
    go(C2D_FEEDBACK_GATHER_MS - 3000);
    assert_int_equal(take_batch(), NOT_FOUND);
    go(5000);
    assert_int_equal(house.batches, 2);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "m:Success ");
}

static void a_batch_is_locked_and_comes_back(void **state)
{
    (void)state;
    complete_some(1);
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(take_batch(), OK);
    assert_int_equal(take_batch(), NOT_FOUND);
    go(LOCK_MS + 2000);
    assert_int_equal(house.batches, 2);
    assert_int_equal(settle_batch(HEADS_COMPLETE), LOCK_LOST);
    assert_int_equal(take_batch(), OK);
    assert_int_equal(settle_batch(HEADS_ABANDON), OK);
    assert_int_equal(house.batches, 3);
    assert_int_equal(take_batch(), OK);
    assert_int_equal(settle_batch(HEADS_COMPLETE), OK);
    assert_int_equal(settle_batch(HEADS_COMPLETE), LOCK_LOST);
    go(LOCK_MS + 2000);
    assert_int_equal(take_batch(), NOT_FOUND);
}

static void a_batch_that_nobody_reads_goes(void **state)
{
    (void)state;
    complete_some(1);
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(take_batch(), OK);
    assert_int_equal(settle_batch(HEADS_ABANDON), OK);
    go(FEEDBACK_TTL_MS);
    assert_int_equal(take_batch(), NOT_FOUND);
    complete_some(1);
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    for (int i = 0; i < FEEDBACK_DELIVERIES; i++) {
        assert_int_equal(take_batch(), OK);
        assert_int_equal(settle_batch(HEADS_ABANDON), OK);
    }
    assert_int_equal(take_batch(), NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feedback_is_as_it_was_asked_for),
        TEST(purged_is_told_too),
        TEST(a_batch_closes_with_its_64th_record_or_after_15_seconds),
        TEST(a_batch_is_locked_and_comes_back),
        TEST(a_batch_that_nobody_reads_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
