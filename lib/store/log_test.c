/* What goes in comes out: at once, from the disk, by number and by time. */
#include "store/log_rig.h"

#include "store/record.h"

/* ---- append and read ---- */

static void what_is_durable_can_be_read(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_log_next(r.log), 1);
    assert_int_equal(store_log_first(r.log), 1);
    assert_int_equal(store_log_durable(r.log), 0);
    rig_append_n(&r, 100);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 0); /* nothing before the commit */
    rig_commit(&r);
    assert_int_equal(r.durable, 100);
    uint64_t first, last;
    assert_int_equal(rig_read(&r, 1, &first, &last), 100);
    assert_int_equal(first, 1);
    assert_int_equal(last, 100);
    rig_stop(&r);
}

static void one_commit_serves_all_that_gathered(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 10);
    sim_step(r.sim); /* the first commit is on its way */
    rig_append_n(&r, 1000);
    rig_commit(&r);
    assert_int_equal(r.commits, 2);
    assert_int_equal(r.durable, 1010);
    rig_stop(&r);
}

static void a_reader_goes_on_where_it_was(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    struct store_reader *reader = store_reader_open(r.log, 0);
    struct store_record got;
    uint64_t want = 1;
    for (int round = 0; round < 50; round++) {
        rig_append_n(&r, 1 + round * 7 % 40);
        assert_int_equal(store_reader_next(reader, &got), AGAIN);
        rig_commit(&r);
        while (store_reader_next(reader, &got) == OK) {
            assert_int_equal(got.sequence, want++);
            rig_check(&got);
        }
        assert_int_equal(want, store_log_next(r.log));
    }
    store_reader_close(&reader);
    rig_stop(&r);
}

static void a_reader_far_behind_reads_from_disk(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 300000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 20; i++) {
        rig_append_n(&r, 1000);
        rig_commit(&r);
    }
    assert_true(rig_files(&r, ".log") > 5);
    uint64_t reads = sim_disk_calls(r.disk, SIM_DISK_READ);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 20000);
    assert_true(sim_disk_calls(r.disk, SIM_DISK_READ) > reads);
    reads = sim_disk_calls(r.disk, SIM_DISK_READ);
    assert_int_equal(rig_read(&r, 19990, NULL, NULL), 11);
    assert_int_equal(sim_disk_calls(r.disk, SIM_DISK_READ), reads); /* the tail is in memory */
    rig_stop(&r);
}

static void seeks_anywhere(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 700000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 10; i++) {
        rig_append_n(&r, 3000);
        rig_commit(&r);
    }
    for (int reopened = 0; reopened < 2; reopened++) {
        struct store_reader *reader = store_reader_open(r.log, 1);
        struct store_record got;
        for (uint64_t s = 1; s <= 30000; s += 377) {
            store_reader_seek(reader, 30001 - s);
            assert_int_equal(store_reader_next(reader, &got), OK);
            assert_int_equal(got.sequence, 30001 - s);
            rig_check(&got);
        }
        store_reader_seek(reader, 99999);
        assert_int_equal(store_reader_next(reader, &got), AGAIN);
        store_reader_close(&reader);
        rig_reopen(&r);
    }
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

/* A seek does not read the segment from its start. */
static void the_index_leads_near_the_record(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 4 << 20}};
    struct buffer b = {0};
    uint64_t sequence;
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    memset(buffer_reserve(&b, 1000), 'x', 1000);
    b.len = 1000;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(store_log_append(r.log, buffer_slice(&b), 1, &sequence), OK);
        if (i % 1000 == 0)
            rig_commit(&r);
    }
    rig_reopen(&r);
    struct store_reader *reader = store_reader_open(r.log, 1);
    struct store_record got;
    for (uint64_t want = 1; want < 10000; want += 700) {
        store_reader_seek(reader, want);
        assert_int_equal(store_reader_next(reader, &got), OK); /* the index is in memory */
        store_reader_seek(reader, want);
        uint64_t reads = sim_disk_calls(r.disk, SIM_DISK_READ);
        assert_int_equal(store_reader_next(reader, &got), OK);
        assert_int_equal(got.sequence, want);
        assert_true(sim_disk_calls(r.disk, SIM_DISK_READ) - reads <= 2);
    }
    store_reader_close(&reader);
    buffer_clear(&b);
    rig_stop(&r);
}

static void large_records_are_taken_and_larger_ones_refused(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 1 << 20}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    struct buffer b = {0};
    uint64_t sequence;
    memset(buffer_reserve(&b, STORE_RECORD_MAX + 1), 'x', STORE_RECORD_MAX + 1);
    struct slice whole = slice_from(b.at, STORE_RECORD_MAX);
    assert_int_equal(store_log_append(r.log, slice_from(b.at, STORE_RECORD_MAX + 1), 1, &sequence),
                     TOO_LARGE);
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_log_append(r.log, whole, 1, &sequence), OK);
    rig_commit(&r);
    rig_reopen(&r);
    struct store_reader *reader = store_reader_open(r.log, 1);
    struct store_record got;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(store_reader_next(reader, &got), OK);
        assert_true(slice_eq(got.bytes, whole));
    }
    assert_int_equal(store_reader_next(reader, &got), AGAIN);
    store_reader_close(&reader);
    buffer_clear(&b);
    rig_stop(&r);
}

/* ---- reopen, roll, retention ---- */

static void numbers_go_on_after_reopen(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 20000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 1; i <= 30; i++) {
        rig_append_n(&r, i);
        if (i % 2)
            rig_commit(&r); /* else close commits it */
        rig_reopen(&r);
        uint64_t all = (uint64_t)i * (i + 1) / 2;
        assert_int_equal(store_log_next(r.log), all + 1);
        assert_int_equal(store_log_durable(r.log), all);
        assert_int_equal(rig_read(&r, 1, NULL, NULL), all);
    }
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

static void an_index_that_is_gone_is_made_again(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 600000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 10; i++) {
        rig_append_n(&r, 2000);
        rig_commit(&r);
    }
    rig_pass(&r, 1000);
    size_t indexes = rig_files(&r, ".index");
    assert_true(indexes > 2);
    store_log_close(&r.log);
    char path[1024];
    while (rig_file(&r, ".index", 0, path))
        assert_int_equal(r.disk->ops->remove(r.disk, path), OK);
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(rig_read(&r, 5000, NULL, NULL), 15001);
    assert_int_equal(store_log_find_time(r.log, rig_stamp(100)), 100);
    rig_pass(&r, 1000);
    assert_true(rig_files(&r, ".index") > 0);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

static void retention_drops_the_oldest_by_bytes(void **state)
{
    (void)state;
    struct rig r = {.config = {.retain_bytes = 400000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 100; i++) {
        rig_append_n(&r, 100);
        rig_commit(&r);
        assert_true(store_log_bytes(r.log) <= 400000);
    }
    uint64_t first = store_log_first(r.log), got;
    assert_true(first > 5000);
    assert_true(store_log_bytes(r.log) > 300000);
    assert_int_equal(rig_read(&r, 1, &got, NULL), 10001 - first);
    assert_int_equal(got, first);
    rig_pass(&r, 1000);
    assert_true(sim_disk_used(r.disk) < 600000); /* the files are gone too */
    rig_reopen(&r);
    assert_int_equal(store_log_first(r.log), first);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

static void retention_by_age_is_not_moved_by_the_wall_clock(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 10000, .retain_ms = 60000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 50);
    rig_commit(&r);
    rig_append_n(&r, 200);
    rig_commit(&r);
    sim_wall_jump(r.sim, "here", 1000ll * 3600 * 24 * 3650);
    rig_append_n(&r, 1);
    rig_commit(&r);
    assert_int_equal(store_log_first(r.log), 1);
    rig_pass(&r, 59000);
    rig_reopen(&r); /* the age goes on */
    rig_append_n(&r, 1);
    rig_commit(&r);
    assert_int_equal(store_log_first(r.log), 1);
    rig_pass(&r, 3000);
    rig_append_n(&r, 1);
    rig_commit(&r);
    assert_true(store_log_first(r.log) > 50);
    rig_stop(&r);
}

/* The first does not wait; those that follow share a commit, and much does not wait for it. */
static void what_comes_little_by_little_shares_commits(void **state)
{
    (void)state;
    struct rig r = {.config = {.gather_ms = 100}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    uint64_t begun = loop_now_ms(r.loop);
    rig_append_n(&r, 1);
    rig_commit(&r);
    assert_true(loop_now_ms(r.loop) - begun < 50);
    for (int i = 0; i < 100; i++) {
        rig_append_n(&r, 1);
        rig_pass(&r, 10);
    }
    assert_true(r.commits >= 9 && r.commits <= 12);
    rig_pass(&r, 200);
    assert_int_equal(r.durable, 101);
    rig_append_n(&r, 1);
    rig_commit(&r);
    begun = loop_now_ms(r.loop);
    rig_append_n(&r, STORE_GATHER_MUCH / 100);
    rig_commit(&r);
    assert_true(loop_now_ms(r.loop) - begun < 50);
    rig_append_n(&r, 1);
    rig_reopen(&r);
    assert_int_equal(r.durable, store_log_next(r.log) - 1); /* an end does not wait */
    rig_stop(&r);
}

/* ---- time ---- */

static void finds_by_time(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct rig r = {.config = {.segment_bytes = 500000}};
        r.config.durability = memory ? STORE_MEMORY : STORE_FSYNC;
        rig_start(&r, 1);
        assert_int_equal(rig_open(&r), OK);
        for (int i = 0; i < 10; i++) {
            rig_append_n(&r, 1000);
            rig_commit(&r);
        }
        assert_int_equal(store_log_find_time(r.log, 0), 1);
        for (uint64_t s = 1; s <= 10000; s += 333) {
            assert_int_equal(store_log_find_time(r.log, rig_stamp(s)), s);
            assert_int_equal(store_log_find_time(r.log, rig_stamp(s) + 1), s + 1);
        }
        assert_int_equal(store_log_find_time(r.log, rig_stamp(10000) + 1), 10001);
        rig_stop(&r);
    }
}

static void finds_by_time_when_the_clock_went_back(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 3000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    uint64_t stamps[600], sequence;
    for (uint64_t i = 0; i < 600; i++) {
        stamps[i] = 1000 + i * 7919 % 613;
        assert_int_equal(store_log_append(r.log, SLICE("some bytes"), stamps[i], &sequence), OK);
        if (i % 7 == 0)
            rig_commit(&r);
    }
    rig_commit(&r);
    for (uint64_t t = 990; t < 1620; t++) {
        uint64_t want = 1;
        while (want <= 600 && stamps[want - 1] < t)
            want++;
        assert_int_equal(store_log_find_time(r.log, t), want);
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_durable_can_be_read),
        cmocka_unit_test(one_commit_serves_all_that_gathered),
        cmocka_unit_test(a_reader_goes_on_where_it_was),
        cmocka_unit_test(a_reader_far_behind_reads_from_disk),
        cmocka_unit_test(seeks_anywhere),
        cmocka_unit_test(the_index_leads_near_the_record),
        cmocka_unit_test(large_records_are_taken_and_larger_ones_refused),
        cmocka_unit_test(numbers_go_on_after_reopen),
        cmocka_unit_test(an_index_that_is_gone_is_made_again),
        cmocka_unit_test(retention_drops_the_oldest_by_bytes),
        cmocka_unit_test(retention_by_age_is_not_moved_by_the_wall_clock),
        cmocka_unit_test(what_comes_little_by_little_shares_commits),
        cmocka_unit_test(finds_by_time),
        cmocka_unit_test(finds_by_time_when_the_clock_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
