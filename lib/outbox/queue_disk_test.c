/* A disk that does not give back what it has: for a while, in places, or as a whole. */
#include "outbox/queue_rig.h"

/* The path of the n-th segment, from the oldest on; false when there are not so many. */
static bool segment(struct rig *r, unsigned n, char path[128])
{
    struct buffer names = {0};
    const char *found[64];
    unsigned count = 0;
    assert_int_equal(r->disk->ops->list(r->disk, "/queue", &names), OK);
    struct slice rest = buffer_slice(&names), name;
    while (rest.len && slice_split(&rest, 0, &name)) {
        unsigned at = count;
        if (!slice_ends(name, SLICE(".log")))
            continue;
        assert_true(count++ < 64);
        for (; at > 0 && strcmp(found[at - 1], (const char *)name.at) > 0; at--)
            found[at] = found[at - 1];
        found[at] = (const char *)name.at;
    }
    if (n < count)
        snprintf(path, 128, "/queue/%s", found[n]);
    buffer_clear(&names);
    return n < count;
}

/* The first `most` segments. */
static void spoil_first(struct rig *r, unsigned most, uint64_t from, uint64_t to)
{
    char path[128];
    for (unsigned n = 0; n < most && segment(r, n, path); n++)
        assert_true(sim_disk_spoil(r->disk, path, from, to));
}

static void spoil(struct rig *r, uint64_t from, uint64_t to)
{
    spoil_first(r, 64, from, to);
}

static void bar(struct rig *r, unsigned n, enum status why)
{
    char path[128];
    assert_true(segment(r, n, path));
    assert_true(sim_disk_bar(r->disk, path, why));
}

static void bar_all(struct rig *r, enum status why)
{
    char path[128];
    for (unsigned n = 0; segment(r, n, path); n++)
        assert_true(sim_disk_bar(r->disk, path, why));
}

/* The numbers of the n-th segment's messages, from its name and the next one's. */
static uint64_t first_of(struct rig *r, unsigned n)
{
    char path[128];
    uint64_t first;
    assert_true(segment(r, n, path));
    assert_true(slice_to_u64(slice_first(slice_of(path + strlen("/queue/")), 20), &first));
    return first;
}

/* Nothing comes, and nothing is lost, however long it takes. */
static void waits(struct rig *r, unsigned seconds)
{
    for (unsigned s = 0; s < seconds; s++) {
        assert_int_equal(peek(r), 0);
        pass_time(r, 1000);
    }
    assert_int_equal(queue_counts(r->queue).damaged, 0);
}

static void take_all(struct rig *r, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++)
        take_done(r, i);
}

/* When the next message comes; its number. */
static unsigned wait_next(struct rig *r)
{
    uint64_t from = sim_now_ms(r->sim);
    unsigned next;
    while ((next = peek(r)) == 0) {
        pass_time(r, 100);
        assert_true(sim_now_ms(r->sim) < from + 200000);
    }
    return next;
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

/* What lacks is ours, and passes: it says nothing of the disk. */
static void waits_while_there_are_too_many_files(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    bar_all(r, BUSY);
    waits(r, 120);
    bar_all(r, OK);
    bar(r, 0, BUSY); /* others open, and still it is no reason */
    waits(r, 120);
    bar(r, 0, OK);
    pass_time(r, 1000);
    take_all(r, 1, 600);
}

/* Nor does that time count. */
static void what_failed_for_want_of_files_has_not_failed_before(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    bar(r, 0, BUSY);
    waits(r, 25);
    bar(r, 0, IO_FAILED);
    waits(r, 25);
    bar(r, 0, OK);
    pass_time(r, 1000);
    take_all(r, 1, 600);
}

/* As with damage: others go on behind it, after its time. */
static void passes_over_a_file_that_never_opens(void **state)
{
    struct rig *r = *state;
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    uint64_t from = sim_now_ms(r->sim);
    unsigned first = (unsigned)first_of(r, 1), second = (unsigned)first_of(r, 2);
    bar(r, 1, IO_FAILED);
    take_all(r, 1, first - 1);
    assert_int_equal(wait_next(r), second);
    assert_true(sim_now_ms(r->sim) >= from + QUEUE_UNREADABLE_MS);
    assert_true(sim_now_ms(r->sim) <= from + QUEUE_UNREADABLE_MS + 5000);
    assert_int_equal(queue_counts(r->queue).damaged, second - first);
    take_all(r, second, 1000);
    pass_time(r, 3000);
    put(r, 100);
    pass_time(r, 100);
    take_all(r, 1001, 1100);
    pass_time(r, 3000);
    crash(r); /* it holds up no start either */
    assert_int_equal(queue_counts(r->queue).waiting, 0);
}

static void a_file_that_does_not_open_holds_up_no_start(void **state)
{
    struct rig *r = *state;
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    unsigned second = (unsigned)first_of(r, 1);
    bar(r, 0, IO_FAILED);
    crash(r);
    assert_int_equal(wait_next(r), second);
    assert_int_equal(queue_counts(r->queue).damaged, second - 1);
    take_all(r, second, 1000);
}

/* The newest segment: what is put from now on does not go there. */
static void the_newest_file_takes_no_more_when_it_does_not_open(void **state)
{
    struct rig *r = *state;
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    unsigned n = 0;
    char path[128];
    while (segment(r, n + 1, path))
        n++;
    unsigned last = (unsigned)first_of(r, n);
    bar(r, n, IO_FAILED);
    take_all(r, 1, last - 1);
    put(r, 100); /* into the file, for it is open */
    pass_time(r, 100);
    while (peek(r) == 0) {
        put(r, 1);
        pass_time(r, 1000);
        assert_true(r->next < 1300);
    }
    assert_int_equal(peek(r), queue_counts(r->queue).damaged + last);
    take_all(r, peek(r), r->next);
}

/* Nor when an older one shows that the disk is there. */
static void nothing_is_written_behind_what_was_given_up(void **state)
{
    struct rig *r = *state;
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    unsigned n = 0;
    char path[128];
    while (segment(r, n + 1, path))
        n++;
    unsigned last = (unsigned)first_of(r, n);
    struct queue_flight *oldest = take(r, 1);
    bar(r, n, IO_FAILED);
    take_all(r, 2, last - 1);
    for (unsigned s = 0; s < 40; s++) {
        assert_int_equal(peek(r), 0);
        pass_time(r, 1000);
    }
    assert_int_equal(queue_counts(r->queue).damaged, 1000 - last + 1);
    for (int i = 0; i < 4; i++) { /* more than memory keeps */
        put(r, 200);
        pass_time(r, 100);
    }
    take_all(r, 1001, 1800);
    queue_settle(r->queue, &oldest);
}

static void waits_for_a_directory_that_is_away(void **state)
{
    struct rig *r = *state;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    sim_disk_hide(r->disk, true);
    waits(r, 300);
    put(r, 100); /* are written when it is back, not where it was */
    pass_time(r, 10000);
    waits(r, 60);
    assert_true(queue_counts(r->queue).failures > 0);
    sim_disk_hide(r->disk, false);
    pass_time(r, 3000);
    take_all(r, 1, 700);
}

/* Its directory is there: it does not come back. */
static void a_file_that_is_gone_is_passed_over_at_once(void **state)
{
    struct rig *r = *state;
    char path[128];
    put(r, 1000);
    pass_time(r, 100);
    crash(r);
    unsigned first = (unsigned)first_of(r, 1), second = (unsigned)first_of(r, 2);
    assert_true(segment(r, 1, path));
    assert_true(sim_disk_vanish(r->disk, path));
    take_all(r, 1, first - 1);
    take_all(r, second, 1000);
    assert_int_equal(queue_counts(r->queue).damaged, second - first);
}

/* There is no room, and what would go cannot be read: what flies is no safer for that elsewhere. */
static void what_flies_stays_when_nothing_can_go(void **state)
{
    struct rig *r = *state;
    char path[128];
    r->config.policy = QUEUE_OLDEST;
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    unsigned second = (unsigned)first_of(r, 1);
    struct queue_flight *oldest = take(r, 1);
    take_all(r, 2, second - 1);
    for (unsigned n = 1; segment(r, n, path); n++)
        assert_true(sim_disk_spoil(r->disk, path, 0, UINT64_MAX));
    assert_int_equal(peek(r), 0);
    sim_disk_limit(r->disk, sim_disk_used(r->disk));
    for (int i = 0; i < 4; i++) {
        put(r, 50);
        pass_time(r, 50);
    }
    assert_int_equal(r->exposed, 0);
    assert_int_equal(r->dropped, 0);
    sim_disk_limit(r->disk, 0);
    queue_settle(r->queue, &oldest);
}

/* A disk that was pulled out still seems to give what was read a moment ago. */
static void what_memory_has_is_no_sign_of_the_disk(void **state)
{
    struct rig *r = *state;
    char path[128];
    put(r, 600);
    pass_time(r, 100);
    crash(r);
    spoil(r, 0, UINT64_MAX);
    for (unsigned n = 1; segment(r, n, path); n++)
        assert_true(sim_disk_cache(r->disk, path));
    waits(r, 300);
    spoil(r, 0, 0);
    pass_time(r, 2000);
    take_all(r, 1, 600);
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

/* Of a queue that is open, by who cleans up what looks old; or numbers of files change, as on some networks. */
static void a_lock_that_is_gone_stops_nothing(void **state)
{
    struct rig *r = *state;
    for (unsigned again = 0; again < 2; again++) {
        unsigned from = r->next + 1;
        put(r, 10);
        pass_time(r, 3000);
        if (again)
            sim_disk_put(r->disk, "/queue/lock", SLICE(""));
        else
            assert_true(sim_disk_vanish(r->disk, "/queue/lock"));
        for (int i = 0; i < 600; i++) { /* several segments */
            put(r, 1);
            pass_time(r, 20);
        }
        take_all(r, from, from + 99);
        pass_time(r, 3000);
        assert_int_equal(queue_counts(r->queue).failures, 0);
        assert_int_equal(queue_counts(r->queue).unstored, 0);
        crash(r); /* cursors are saved */
        take_all(r, from + 100, r->next);
        assert_int_equal(peek(r), 0);
        pass_time(r, 3000);
    }
}

/* Whenever it goes, also right after it was found to be there. */
static void a_disk_that_goes_while_damage_is_passed_over_is_waited_for(void **state)
{
    (void)state;
    for (uint64_t away = 29900; away < 34000; away += 50) {
        struct rig *r = new_rig(1);
        put(r, 600);
        pass_time(r, 100);
        crash(r);
        spoil(r, 100, 612); /* of each segment */
        while (sim_now_ms(r->sim) < away && peek(r) == 0)
            pass_time(r, 50);
        spoil(r, 0, UINT64_MAX);
        for (int i = 0; i < 300; i++) {
            peek(r);
            pass_time(r, 10);
        }
        spoil(r, 100, 612);
        wait_next(r);
        assert_true(queue_counts(r->queue).damaged < 30);
        tear_down((void **)&r);
    }
}

/* A commit that fails at the end has its messages stored again, at the numbers that the log gives then. */
static void the_end_tries_once_more(void **state)
{
    struct rig *r = *state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        unsigned first = r->next + 1;
        put(r, 10);
        pass_time(r, 100);
        put(r, 10);
        sim_disk_fail(r->disk, SIM_DISK_SYNC, nth);
        queue_close(&r->queue);
        sim_disk_fail(r->disk, SIM_DISK_SYNC, 0);
        open_queue(r);
        take_all(r, first, first + 19);
        assert_int_equal(peek(r), 0);
    }
}

/* Also where the log cannot take all at once. */
static void the_end_leaves_no_hole(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    r->config.bytes_max = 200u << 20;
    r->config.memory_bytes = 2000u << 20;
    open_queue(r);
    put(r, 40000);
    sim_disk_fail(r->disk, SIM_DISK_SYNC, 1);
    queue_close(&r->queue);
    open_queue(r);
    take_all(r, 1, 40000);
}

/* However many messages come meanwhile. */
static void a_dead_disk_is_tried_once_a_second(void **state)
{
    struct rig *r = *state;
    put(r, 10);
    pass_time(r, 100);
    sim_disk_power_until(r->disk, 1);
    for (int i = 0; i < 200; i++) {
        put(r, 1);
        pass_time(r, 50);
    }
    assert_in_range(queue_counts(r->queue).failures, 5, 11);
    assert_int_equal(queue_counts(r->queue).unstored, 200);
    crash(r);
}

/* A full disk is no dead one: the policy begins, and memory keeps its bound. */
static void a_full_disk_lets_the_oldest_go(void **state)
{
    struct rig *r = *state;
    r->config.policy = QUEUE_OLDEST;
    queue_close(&r->queue);
    open_queue(r);
    sim_disk_limit(r->disk, sim_disk_used(r->disk));
    for (int i = 0; i < 1000; i++) {
        put(r, 1);
        pass_time(r, 20);
        assert_true(queue_counts(r->queue).unstored * BODY < r->config.memory_bytes / 2);
    }
    assert_true(r->dropped > 500);
    sim_disk_limit(r->disk, 0);
}

/* Nothing waits for the disk when it is tried again: what comes later does not wait for ever. */
static void a_failure_that_hit_what_was_sent_holds_nothing_up(void **state)
{
    struct rig *r = *state;
    sim_disk_fail(r->disk, SIM_DISK_SYNC, 1);
    put(r, 10);
    pass_time(r, 100);
    assert_int_equal(queue_counts(r->queue).failures, 1);
    take_all(r, 1, 10);
    pass_time(r, 2000);
    put(r, 1);
    pass_time(r, 100);
    assert_int_equal(queue_counts(r->queue).unstored, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_disk_that_goes_while_damage_is_passed_over_is_waited_for),
        TEST(a_lock_that_is_gone_stops_nothing),
        TEST(the_end_tries_once_more),
        TEST(the_end_leaves_no_hole),
        TEST(a_dead_disk_is_tried_once_a_second),
        TEST(a_full_disk_lets_the_oldest_go),
        TEST(a_failure_that_hit_what_was_sent_holds_nothing_up),
        TEST(waits_for_a_disk_that_reads_again),
        TEST(gives_up_what_the_disk_does_not_read),
        TEST(waits_for_a_disk_that_is_away_as_a_whole),
        TEST(waits_while_there_are_too_many_files),
        TEST(what_failed_for_want_of_files_has_not_failed_before),
        TEST(passes_over_a_file_that_never_opens),
        TEST(a_file_that_does_not_open_holds_up_no_start),
        TEST(the_newest_file_takes_no_more_when_it_does_not_open),
        TEST(nothing_is_written_behind_what_was_given_up),
        TEST(waits_for_a_directory_that_is_away),
        TEST(a_file_that_is_gone_is_passed_over_at_once),
        TEST(what_flies_stays_when_nothing_can_go),
        TEST(what_memory_has_is_no_sign_of_the_disk),
        TEST(each_segment_that_does_not_read_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
