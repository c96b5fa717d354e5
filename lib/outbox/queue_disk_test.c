/* A disk that does not give back what it has: for a while, in places, or as a whole. */
#include "outbox/queue_rig.h"

/* The first `most` segments. */
static void spoil_first(struct rig *r, unsigned most, uint64_t from, uint64_t to)
{
    struct buffer names = {0};
    assert_int_equal(r->disk->ops->list(r->disk, "/queue", &names), OK);
    struct slice rest = buffer_slice(&names), name;
    while (rest.len && slice_split(&rest, 0, &name))
        if (slice_ends(name, SLICE(".log")) && most > 0) {
            char path[128];
            most--;
            snprintf(path, sizeof path, "/queue/%.*s", SLICE_FMT(name));
            assert_true(sim_disk_spoil(r->disk, path, from, to));
        }
    buffer_clear(&names);
}

static void spoil(struct rig *r, uint64_t from, uint64_t to)
{
    spoil_first(r, 1000, from, to);
}

/* A disk that cannot read is asked again, for a disk may be away for a while. */
static void waits_for_a_disk_that_reads_again(void **state)
{
    struct rig *r = *state;
    put(r, 200);
    pass_time(r, 100);
    for (unsigned i = 1; i <= 10; i++)
        take_done(r, i);
    crash(r);
    spoil(r, 0, UINT64_MAX);
    assert_int_equal(peek(r), 0);
    pass_time(r, 10000);
    assert_int_equal(peek(r), 0);
    assert_int_equal(queue_counts(r->queue).damaged, 0);
    spoil(r, 0, 0);
    pass_time(r, 2000);
    unsigned first = peek(r);
    assert_true(first > 0 && first <= 11);
    for (unsigned i = first; i <= 200; i++)
        take_done(r, i);
}

/* What it does not read for long is given up, and what comes behind it is not. */
static void gives_up_what_the_disk_does_not_read(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    spoil(r, 50000, 50512); /* of each segment */
    unsigned last = 0, lost = 0;
    while (last < 600) {
        unsigned next = peek(r);
        if (next == 0) {
            pass_time(r, 500);
            assert_true(sim_now_ms(r->sim) < 200000);
            continue;
        }
        lost += next - last - 1;
        take_done(r, next);
        last = next;
    }
    assert_true(lost > 0 && lost < 30);
    assert_int_equal(queue_counts(r->queue).damaged, lost);
    assert_int_equal(queue_counts(r->queue).waiting, 0);
}

/* However long: a cable is out, and comes back. */
static void waits_for_a_disk_that_is_away_as_a_whole(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    spoil(r, 0, UINT64_MAX);
    for (int s = 0; s < 600; s++) {
        assert_int_equal(peek(r), 0);
        pass_time(r, 1000);
    }
    assert_int_equal(queue_counts(r->queue).damaged, 0);
    spoil(r, 0, 0);
    pass_time(r, 2000);
    for (unsigned i = 1; i <= 600; i++)
        take_done(r, i);
}

/* There may be too many files, or no right for a while. */
static void waits_for_a_file_that_cannot_be_opened(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    for (int s = 0; s < 120; s++) {
        sim_disk_fail(r->disk, SIM_DISK_OPEN, 1);
        assert_int_equal(peek(r), 0);
        sim_disk_fail(r->disk, SIM_DISK_OPEN, 0);
        pass_time(r, 1000);
    }
    assert_int_equal(queue_counts(r->queue).damaged, 0);
    for (unsigned i = 1; i <= 600; i++)
        take_done(r, i);
}

/* What failed before says nothing of what fails now. */
static void each_segment_that_does_not_read_is_waited_for(void **state)
{
    struct rig *r = *state;
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    spoil_first(r, 2, 0, UINT64_MAX);
    uint64_t from = sim_now_ms(r->sim), first = 0;
    unsigned next;
    while ((next = peek(r)) == 0) {
        if (!first && queue_counts(r->queue).damaged)
            first = sim_now_ms(r->sim);
        pass_time(r, 500);
        assert_true(sim_now_ms(r->sim) < from + 200000);
    }
    assert_true(first >= from + QUEUE_UNREADABLE_MS);
    assert_true(sim_now_ms(r->sim) >= first + QUEUE_UNREADABLE_MS);
    assert_int_equal(queue_counts(r->queue).damaged, next - 1);
    for (unsigned i = next; i <= 1000; i++)
        take_done(r, i);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(waits_for_a_disk_that_reads_again),
        TEST(gives_up_what_the_disk_does_not_read),
        TEST(waits_for_a_disk_that_is_away_as_a_whole),
        TEST(waits_for_a_file_that_cannot_be_opened),
        TEST(each_segment_that_does_not_read_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
