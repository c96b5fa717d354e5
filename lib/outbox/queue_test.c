/* A queue on a simulated disk: what it keeps, gives up and tells. */
#include "outbox/queue_rig.h"

static void gives_messages_in_their_order_at_once(void **state)
{
    struct rig *r = *state;
    assert_int_equal(peek(r), 0);
    put(r, 3);
    take_done(r, 1);
    take_done(r, 2);
    put(r, 1);
    take_done(r, 3);
    take_done(r, 4);
    assert_int_equal(peek(r), 0);
    assert_int_equal(queue_counts(r->queue).waiting, 0);
    assert_int_equal(r->memory_freed, 4 * BODY);
}

static void begins_with_what_was_not_done_after_a_crash(void **state)
{
    struct rig *r = *state;
    put(r, 5);
    pass_time(r, 100);
    assert_int_equal(queue_counts(r->queue).durable, 5);
    take_done(r, 1);
    struct queue_flight *flying = take(r, 2);
    take_done(r, 3);
    pass_time(r, 100);
    (void)flying;
    crash(r);
    assert_int_equal(queue_counts(r->queue).waiting, 4);
    take_done(r, 2);
    take_done(r, 3);
    put(r, 1);
    take_done(r, 4);
    take_done(r, 5);
    take_done(r, 6);
    pass_time(r, 100);
    crash(r);
    assert_int_equal(peek(r), 0);
    assert_int_equal(r->dropped, 0);
}

/* Else it would stand before all that come after it. */
static void a_topic_that_no_record_holds_holds_up_nothing(void **state)
{
    struct rig *r = *state;
    struct outgoing *m = outgoing_new();
    m->content_type = "text/plain";
    m->topic = memory_new(OUTGOING_TEXT_MAX + 2);
    memset(m->topic, 't', OUTGOING_TEXT_MAX + 1);
    buffer_text(&m->body, "1         ");
    queue_put(r->queue, m);
    assert_int_equal(r->dropped, 1);
    assert_int_equal(r->why, GAP_LARGE);
    put(r, 3);
    pass_time(r, 100);
    assert_int_equal(queue_counts(r->queue).unstored, 0);
    crash(r);
    for (unsigned i = 1; i <= 3; i++)
        take_done(r, i);
}

/* More than a commit takes. */
static void ends_with_all_on_the_disk(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.bytes_max = 200 << 20;
    r->config.memory_bytes = 100 << 20;
    open_queue(r);
    put(r, 70000);
    queue_close(&r->queue);
    open_queue(r);
    assert_int_equal(queue_counts(r->queue).waiting, 70000);
    take_done(r, 1);
}

/* Acknowledged before it was durable: the cursor follows when it is. */
static void forgets_what_was_done_before_it_was_durable(void **state)
{
    struct rig *r = *state;
    put(r, 2);
    take_done(r, 1);
    take_done(r, 2);
    pass_time(r, 200);
    crash(r);
    assert_int_equal(peek(r), 0);
}

static void reads_from_the_disk_what_memory_does_not_hold(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 10; i++) {
        put(r, 100);
        pass_time(r, 50);
    }
    assert_true(r->memory_freed > 800 * BODY);
    for (unsigned i = 1; i <= 1000; i++) {
        take_done(r, i);
        if (i % 100 == 0)
            put(r, 1);
    }
    for (unsigned i = 1001; i <= 1010; i++)
        take_done(r, i);
    assert_int_equal(peek(r), 0);
    assert_int_equal(r->memory_freed, 1010 * BODY);
    assert_int_equal(r->dropped, 0);
}

static void the_oldest_go_when_the_bound_is_reached(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.policy = QUEUE_OLDEST;
    open_queue(r);
    put(r, 1);
    struct queue_flight *f = take(r, 1);
    for (int i = 0; i < 50; i++) {
        put(r, 100);
        pass_time(r, 50);
    }
    assert_true(r->dropped > 2000);
    assert_true(r->dropped < 4000);
    assert_int_equal(r->why, GAP_BYTES);
    assert_int_equal(r->dropped_last, r->dropped + 1);
    assert_int_equal(r->exposed, 1); /* the one that flies does not pin the log */
    queue_settle(r->queue, &f);
    assert_int_equal(peek(r), r->dropped + 2);
    for (unsigned i = r->dropped + 2; i <= 5001; i++)
        take_done(r, i);
    assert_int_equal(peek(r), 0);
}

/* That its bound may cost the oldest messages is no reason to give up what flies while there is room. */
static void what_flies_is_kept_while_there_is_room(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.policy = QUEUE_OLDEST;
    open_queue(r);
    put(r, 2);
    pass_time(r, 100);
    (void)take(r, 1);
    put(r, 1);
    pass_time(r, 100);
    assert_int_equal(r->exposed, 0);
    crash(r);
    for (unsigned i = 1; i <= 3; i++)
        take_done(r, i);
    assert_int_equal(peek(r), 0);
}

/* More than the log gathers comes while it commits: that is no lack of room on the disk. */
static void nothing_goes_while_a_commit_is_under_way(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.policy = QUEUE_OLDEST;
    r->config.bytes_max = 256 << 20;
    open_queue(r);
    put(r, 1);
    sim_step(r->sim); /* it begins */
    put(r, 50000);
    pass_time(r, 1000);
    assert_int_equal(r->dropped, 0);
    assert_int_equal(queue_counts(r->queue).durable, 50001);
}

static void the_newest_go_when_the_policy_says_so(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.policy = QUEUE_NEWEST;
    open_queue(r);
    for (int i = 0; i < 50; i++) {
        put(r, 100);
        pass_time(r, 50);
    }
    assert_true(r->dropped > 2000);
    assert_int_equal(r->dropped_last, 5000);
    for (unsigned i = 1; i <= 1000; i++)
        take_done(r, i);
}

static void holds_what_comes_when_the_policy_says_so(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 50; i++) {
        put(r, 100);
        pass_time(r, 50);
    }
    assert_int_equal(r->dropped, 0);
    assert_true(queue_counts(r->queue).unstored > 1000);
    for (unsigned i = 1; i <= 5000; i++) {
        take_done(r, i);
        if (i % 50 == 0)
            pass_time(r, 1);
    }
    assert_int_equal(peek(r), 0);
}

static void goes_on_from_memory_while_the_disk_fails(void **state)
{
    struct rig *r = *state;
    put(r, 2);
    pass_time(r, 100);
    sim_disk_fail(r->disk, SIM_DISK_SYNC, 1);
    put(r, 3);
    struct queue_flight *f[3] = {take(r, 1), take(r, 2), take(r, 3)};
    pass_time(r, 100);
    assert_int_equal(queue_counts(r->queue).failures, 1);
    assert_int_equal(queue_counts(r->queue).unstored, 3);
    for (int i = 0; i < 3; i++)
        queue_settle(r->queue, &f[i]);
    take_done(r, 4);
    put(r, 1);
    pass_time(r, 2000);
    assert_int_equal(queue_counts(r->queue).unstored, 0);
    crash(r);
    take_done(r, 5);
    take_done(r, 6);
    assert_int_equal(peek(r), 0);
}

/* What flies is written again too, and is not read as if it had not been taken. */
static void what_flies_when_the_disk_fails_is_kept_once(void **state)
{
    struct rig *r = *state;
    sim_disk_fail(r->disk, SIM_DISK_SYNC, 1);
    put(r, 2);
    struct queue_flight *f = take(r, 1);
    pass_time(r, 3000);
    assert_int_equal(queue_counts(r->queue).durable, 2);
    take_done(r, 2);
    assert_int_equal(peek(r), 0);
    assert_int_equal(queue_counts(r->queue).waiting, 1);
    (void)f;
    pass_time(r, 100);
    crash(r);
    take_done(r, 1);
    take_done(r, 2);
    assert_int_equal(peek(r), 0);
}

static void a_full_disk_is_waited_for(void **state)
{
    struct rig *r = *state;
    put(r, 10);
    pass_time(r, 100);
    sim_disk_limit(r->disk, sim_disk_used(r->disk) + 100);
    put(r, 10);
    pass_time(r, 1000);
    assert_int_equal(queue_counts(r->queue).unstored, 10);
    sim_disk_limit(r->disk, 0);
    pass_time(r, 2000);
    assert_int_equal(queue_counts(r->queue).unstored, 0);
    crash(r);
    for (unsigned i = 1; i <= 20; i++)
        take_done(r, i);
}

static void a_clock_that_jumps_makes_nothing_old(void **state)
{
    struct rig *r = *state;
    struct queue_next n;
    put(r, 1);
    pass_time(r, 1000);
    sim_wall_jump(r->sim, "host", 100ll * 365 * 86400 * 1000);
    assert_int_equal(queue_peek(r->queue, &n), OK);
    assert_in_range(n.age_ms, 1000, 1001);
    crash(r);
    sim_wall_jump(r->sim, "host", -200ll * 365 * 86400 * 1000);
    pass_time(r, 5000);
    assert_int_equal(queue_peek(r->queue, &n), OK);
    assert_in_range(n.age_ms, 5000, 6001);
}

static void refuses_what_no_record_can_hold(void **state)
{
    struct rig *r = *state;
    struct outgoing *m = outgoing_new();
    buffer_printf(&m->body, "%-*u", 1 << 20, 7u);
    queue_put(r->queue, m);
    assert_int_equal(r->dropped, 1);
    assert_int_equal(r->why, GAP_LARGE);
    assert_int_equal(peek(r), 0);
}

static void works_in_memory_alone(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.directory = NULL;
    open_queue(r);
    put(r, 3);
    struct queue_flight *f = take(r, 1);
    take_done(r, 2);
    queue_settle(r->queue, &f);
    assert_int_equal(peek(r), 3);
    queue_drop(r->queue, GAP_TTL);
    assert_int_equal(r->why, GAP_TTL);
    assert_int_equal(peek(r), 0);
    assert_int_equal(queue_counts(r->queue).waiting, 0);
    put(r, 1); /* goes with the queue */
}

/* Puts, takes, drops, crashes and failing disks in any order: all that was durable comes, once or
 * again, in its order. */
static void any_history_keeps_what_was_durable(void **state)
{
    struct rig *r = *state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct queue_flight *flying[8] = {0};
        unsigned first[8] = {0}, done_to = r->next, last_seen = r->next;
        for (int step = 0; step < 300; step++) {
            unsigned n = (unsigned)sim_below(r->sim, 8);
            switch (sim_below(r->sim, 8)) {
            case 0:
            case 1:
                put(r, n);
                break;
            case 2:
            case 3:
                if (!flying[n] && (first[n] = peek(r))) {
                    assert_int_equal(first[n], last_seen + 1);
                    last_seen = first[n];
                    flying[n] = queue_take(r->queue);
                }
                break;
            case 4:
                if (flying[n])
                    queue_settle(r->queue, &flying[n]);
                break;
            case 5:
                pass_time(r, n * 5);
                break;
            case 6:
                if (n == 0)
                    sim_disk_fail(r->disk, SIM_DISK_ANY, 1 + sim_below(r->sim, 4));
                break;
            default:
                break;
            }
        }
        (void)done_to;
        for (int i = 0; i < 8; i++)
            if (flying[i])
                queue_settle(r->queue, &flying[i]);
        sim_disk_fail(r->disk, SIM_DISK_ANY, 0);
        pass_time(r, 3000);
        assert_int_equal(queue_counts(r->queue).unstored, 0);
        unsigned next = last_seen + 1;
        if (seed % 2) {
            crash(r);
            unsigned got = peek(r);
            assert_true(got == 0 || got <= next); /* done ones may come again, none is left out */
            next = got ? got : next;
        }
        for (; next <= r->next; next++)
            take_done(r, next);
        assert_int_equal(peek(r), 0);
        pass_time(r, 100);
    }
    assert_int_equal(r->dropped, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gives_messages_in_their_order_at_once),
        TEST(begins_with_what_was_not_done_after_a_crash),
        TEST(ends_with_all_on_the_disk),
        TEST(a_topic_that_no_record_holds_holds_up_nothing),
        TEST(forgets_what_was_done_before_it_was_durable),
        TEST(reads_from_the_disk_what_memory_does_not_hold),
        TEST(the_oldest_go_when_the_bound_is_reached),
        TEST(what_flies_is_kept_while_there_is_room),
        TEST(nothing_goes_while_a_commit_is_under_way),
        TEST(the_newest_go_when_the_policy_says_so),
        TEST(holds_what_comes_when_the_policy_says_so),
        TEST(goes_on_from_memory_while_the_disk_fails),
        TEST(what_flies_when_the_disk_fails_is_kept_once),
        TEST(a_full_disk_is_waited_for),
        TEST(a_clock_that_jumps_makes_nothing_old),
        TEST(refuses_what_no_record_can_hold),
        TEST(works_in_memory_alone),
        TEST(any_history_keeps_what_was_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
