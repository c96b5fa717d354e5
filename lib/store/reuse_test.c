/* Segments that are written over: which, when, and that nothing of the one before is read. */
#include "store/log_rig.h"

#define SEGMENT 3000

static void start(struct rig *r)
{
    *r = (struct rig){.config = {.segment_bytes = SEGMENT,
                                 .retain_bytes = 40 * SEGMENT,
                                 .retain_unread = true,
                                 .reuse = true}};
    rig_start(r, 3);
    assert_int_equal(rig_open(r), OK);
}

/* Some segments' worth of records, each passed by the cursor when it is durable. */
static void send(struct rig *r, int n)
{
    while (n--) {
        rig_append_n(r, 5);
        rig_commit(r);
        store_cursor_set(r->log, SLICE("up"), store_log_durable(r->log));
        rig_pass(r, 50);
    }
}

static void what_every_cursor_has_passed_is_written_over(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    send(&r, 200);
    assert_true(sim_disk_calls(r.disk, SIM_DISK_RENAME) > 30);
    assert_true(rig_files(&r, ".log") <= 5);
    assert_true(store_log_bytes(r.log) <= 3 * SEGMENT);
    rig_reopen(&r);
    assert_int_equal(store_log_durable(r.log), 1000);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_append_n(&r, 1);
    rig_commit(&r);
    assert_int_equal(store_log_durable(r.log), 1001);
    rig_stop(&r);
}

static void what_a_cursor_has_not_passed_stays(void **state)
{
    (void)state;
    struct rig r;
    uint64_t first = 0;
    start(&r);
    store_cursor_set(r.log, SLICE("slow"), 1);
    send(&r, 100);
    assert_int_equal(sim_disk_calls(r.disk, SIM_DISK_RENAME), 0);
    assert_int_equal(rig_read(&r, 1, &first, NULL), 500);
    assert_int_equal(first, 1);
    rig_stop(&r);
}

/* One segment was written over to a part, and behind that the old one's records still lie there. */
static void the_old_records_behind_the_end_are_not_read(void **state)
{
    (void)state;
    for (int n = 60; n < 90; n++) {
        struct rig r;
        uint64_t last = 0;
        start(&r);
        send(&r, n);
        uint64_t durable = store_log_durable(r.log);
        sim_disk_power_until(r.disk, 1);
        store_log_close(&r.log);
        sim_disk_crash(r.disk);
        assert_int_equal(rig_open(&r), OK);
        assert_int_equal(store_log_durable(r.log), durable);
        assert_int_equal(store_log_damaged(r.log), 0);
        rig_read(&r, 1, NULL, &last);
        assert_int_equal(last, durable);
        rig_stop(&r);
    }
}

static void a_reader_is_not_led_through_what_is_written_over(void **state)
{
    (void)state;
    struct rig r;
    struct store_record got;
    start(&r);
    rig_append_n(&r, 40);
    rig_commit(&r);
    rig_reopen(&r); /* nothing is in memory */
    struct store_reader *reader = store_reader_open(r.log, 1);
    assert_int_equal(store_reader_next(reader, &got), OK);
    send(&r, 100);
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_true(got.sequence >= store_log_first(r.log));
    assert_int_equal(store_log_damaged(r.log), 0);
    store_reader_close(&reader);
    rig_stop(&r);
}

/* After a sync that failed the kernel may call pages clean that are not on the disk. */
static void a_file_whose_sync_failed_is_not_written_over(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    rig_append_n(&r, 5);
    rig_commit(&r);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    rig_append_n(&r, 5);
    rig_pass(&r, 100);
    assert_int_equal(r.failures, 1);
    char worn[1024], path[1024];
    assert_true(rig_file(&r, ".log", 0, worn));
    rig_append_n(&r, 5);
    rig_commit(&r);
    store_cursor_set(r.log, SLICE("up"), store_log_durable(r.log));
    rig_append_n(&r, 1);
    rig_commit(&r);
    rig_pass(&r, 100);
    for (size_t i = 0; rig_file(&r, ".log", i, path); i++)
        assert_string_not_equal(path, worn);
    rig_stop(&r);
}

static void a_full_disk_gets_their_room_back(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    send(&r, 100);
    assert_true(rig_files(&r, ".log") > 1);
    sim_disk_limit(r.disk, 1);
    for (int i = 0; i < 60 && rig_append(&r) == OK; i++)
        rig_pass(&r, 20);
    rig_pass(&r, 100);
    assert_true(r.failures > 0);
    assert_true(rig_files(&r, ".log") <= 2); /* what is unread */
    sim_disk_limit(r.disk, 0);
    rig_pass(&r, 1000);
    rig_append_n(&r, 1);
    rig_commit(&r);
    rig_stop(&r);
}

static void none_is_left_at_the_end(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    send(&r, 100);
    store_log_close(&r.log);
    assert_int_equal(rig_files(&r, ".log"), 1);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_every_cursor_has_passed_is_written_over),
        cmocka_unit_test(what_a_cursor_has_not_passed_stays),
        cmocka_unit_test(the_old_records_behind_the_end_are_not_read),
        cmocka_unit_test(a_reader_is_not_led_through_what_is_written_over),
        cmocka_unit_test(a_file_whose_sync_failed_is_not_written_over),
        cmocka_unit_test(a_full_disk_gets_their_room_back),
        cmocka_unit_test(none_is_left_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
