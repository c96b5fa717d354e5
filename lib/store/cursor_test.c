/* Cursors: what was read outlives a crash, and holds back what is dropped. */
#include "store/log_rig.h"

#include "store/remember.h"

static void start_with_records(struct rig *r, uint64_t seed)
{
    rig_start(r, seed);
    assert_int_equal(rig_open(r), OK);
    rig_append_n(r, 100);
    rig_commit(r);
}

static void cursors_are_remembered(void **state)
{
    (void)state;
    struct rig r = {0};
    start_with_records(&r, 1);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 0);
    for (uint64_t i = 1; i <= 50; i++) {
        store_cursor_set(r.log, SLICE("up"), i);
        store_cursor_set(r.log, SLICE("route/eu"), i * 2);
        if (i % 10 == 0)
            rig_reopen(&r);
        assert_int_equal(store_cursor_get(r.log, SLICE("up")), i);
        assert_int_equal(store_cursor_get(r.log, SLICE("route/eu")), i * 2);
    }
    store_cursor_set(r.log, SLICE("far"), UINT64_MAX);
    assert_int_equal(store_cursor_get(r.log, SLICE("far")), 100);
    store_cursor_set(r.log, SLICE("up"), 77);
    rig_pass(&r, 100);
    sim_disk_crash(r.disk);
    rig_reopen(&r);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 77);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

static void a_cursor_that_is_dropped_is_gone(void **state)
{
    (void)state;
    struct rig r = {0};
    start_with_records(&r, 1);
    store_cursor_set(r.log, SLICE("up"), 7);
    store_cursor_set(r.log, SLICE("down"), 8);
    store_cursor_set(r.log, SLICE("route"), 9);
    store_cursor_drop(r.log, SLICE("up"));
    store_cursor_drop(r.log, SLICE("never set"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_cursor_get(r.log, SLICE("up")), 0);
        assert_int_equal(store_cursor_get(r.log, SLICE("down")), 8);
        assert_int_equal(store_cursor_get(r.log, SLICE("route")), 9);
        rig_pass(&r, 100);
        sim_disk_crash(r.disk);
        rig_reopen(&r);
    }
    rig_stop(&r);
}

static void saved_cursors_outlive_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig r = {0};
        start_with_records(&r, seed);
        for (uint64_t i = 1; i <= 10; i++) {
            store_cursor_set(r.log, SLICE("up"), i);
            rig_pass(&r, 100);
            sim_disk_crash(r.disk);
            rig_reopen(&r);
            assert_int_equal(store_cursor_get(r.log, SLICE("up")), i);
        }
        assert_int_equal(store_log_damaged(r.log), 0);
        rig_stop(&r);
    }
}

static void set_many_cursors(struct rig *r, uint64_t sequence)
{
    char name[64];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "a cursor with a long name, number %d", i);
        store_cursor_set(r->log, slice_of(name), sequence);
    }
}

/* The newest that stands in the file. */
static uint64_t written_cursor(struct rig *r)
{
    struct buffer file = {0};
    uint64_t newest = 0, sequence = 0;
    assert_int_equal(sim_disk_copy(r->disk, DIRECTORY "/cursors", &file), OK);
    for (size_t n = 0; n < 2; n++) {
        struct store_remember got = {0};
        uint64_t turn = 0;
        struct slice slot = slice_first(slice_skip(buffer_slice(&file), n * STORE_REMEMBER_SLOT), STORE_REMEMBER_SLOT);
        if (store_remember_decode(slot, &got, &turn) == OK && turn >= newest) {
            newest = turn;
            sequence = got.cursors[0].sequence;
        }
        store_remember_clear(&got);
    }
    buffer_clear(&file);
    return sequence;
}

/* A process that is killed finds it where it was; the power may take a second of it. */
static void a_cursor_that_moves_all_the_time_is_written_at_once_and_synced_once_a_second(void **state)
{
    (void)state;
    struct rig r = {0};
    start_with_records(&r, 1);
    rig_pass(&r, 10000);
    uint64_t before = sim_disk_calls(r.disk, SIM_DISK_SYNC);
    for (uint64_t i = 1; i <= 40; i++) {
        store_cursor_set(r.log, SLICE("up"), i);
        rig_pass(&r, 50);
        assert_int_equal(written_cursor(&r), i);
    }
    uint64_t syncs = sim_disk_calls(r.disk, SIM_DISK_SYNC) - before;
    assert_true(syncs >= 2 && syncs <= 3);
    rig_pass(&r, 1100);
    sim_disk_crash(r.disk);
    rig_reopen(&r);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 40);
    rig_stop(&r);
}

/* One slot is written again and again, and the other one is whole: also after a kill left one that
 * was not synced. */
static void cursors_that_were_not_synced_leave_those_that_were(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rig r = {0};
        start_with_records(&r, seed);
        for (uint64_t i = 10; i <= 14; i++) {
            set_many_cursors(&r, i);
            rig_pass(&r, 100);
        }
        sim_disk_crash(r.disk);
        rig_reopen(&r);
        uint64_t left = store_cursor_get(r.log, SLICE("a cursor with a long name, number 0"));
        assert_true(left >= 10 && left <= 14);
        assert_int_equal(store_log_damaged(r.log), 0);
        rig_stop(&r);
    }
}

/* The power goes while they are written: they are the old ones or the new ones. */
static void a_torn_write_leaves_the_cursors_of_before(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig r = {0};
        start_with_records(&r, seed);
        set_many_cursors(&r, 10);
        rig_pass(&r, 100);
        set_many_cursors(&r, 20);
        sim_disk_power_until(r.disk, 3); /* open, write; not sync */
        rig_pass(&r, 100);
        store_log_close(&r.log);
        sim_disk_crash(r.disk);
        assert_int_equal(rig_open(&r), OK);
        uint64_t got = store_cursor_get(r.log, SLICE("a cursor with a long name, number 7"));
        assert_true(got == 10 || got == 20);
        rig_stop(&r);
    }
}

static void what_a_cursor_has_not_passed_is_kept(void **state)
{
    (void)state;
    struct rig r = {.config = {.retain_bytes = 200000, .retain_unread = true}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    store_cursor_set(r.log, SLICE("up"), 0);
    while (rig_append(&r) == OK)
        rig_commit(&r);
    uint64_t last = store_log_durable(r.log);
    assert_int_equal(store_log_first(r.log), 1);
    rig_pass(&r, 1000);
    assert_int_equal(r.rooms, 0);
    assert_int_equal(rig_append(&r), FULL);
    store_cursor_set(r.log, SLICE("up"), last / 2);
    assert_int_equal(r.rooms, 0); /* never from within */
    rig_pass(&r, 1000);
    assert_int_equal(r.rooms, 1);
    assert_int_equal(rig_append(&r), OK);
    rig_commit(&r);
    assert_true(store_log_first(r.log) > 1);
    assert_true(store_log_first(r.log) <= last / 2 + 1);
    rig_stop(&r);
}

/* Also when the one segment that is left takes appends itself. */
static uint64_t bytes_on_disk(struct rig *r)
{
    char path[1024];
    uint64_t sum = 0;
    for (size_t i = 0; rig_file(r, ".log", i, path); i++) {
        struct buffer b = {0};
        assert_int_equal(sim_disk_copy(r->disk, path, &b), OK);
        sum += b.len;
        buffer_clear(&b);
    }
    return sum;
}

/* What was read is dropped, but its files stay until it is saved that it was: they count meanwhile.
 */
static void the_limit_holds_while_cursors_cannot_be_saved(void **state)
{
    (void)state;
    const uint64_t limit = 16000;
    struct rig r = {.config = {.retain_bytes = limit, .retain_unread = true}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 1);
    rig_commit(&r);
    store_cursor_set(r.log, SLICE("up"), 1);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    rig_pass(&r, 100); /* it is tried again after a second */
    enum status s = OK;
    for (int n = 0; n < 50 && s == OK; n++) {
        s = rig_append(&r);
        rig_commit(&r);
        store_cursor_set(r.log, SLICE("up"), store_log_durable(r.log));
        for (int more = 0; more < 9 && s == OK; more++)
            s = rig_append(&r);
    }
    assert_int_equal(s, FULL);
    assert_true(bytes_on_disk(&r) <= limit + 2 * limit / 8);
    assert_int_equal(r.rooms, 0);
    rig_pass(&r, 2000);
    assert_int_equal(r.rooms, 1);
    rig_append_n(&r, 10);
    rig_stop(&r);
}

static void full_ends_when_all_is_read(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct rig r = {.config = {.retain_bytes = 50000, .retain_unread = true}};
        r.config.durability = memory ? STORE_MEMORY : STORE_FSYNC;
        rig_start(&r, 1);
        assert_int_equal(rig_open(&r), OK);
        struct buffer b = {0};
        uint64_t sequence = 0;
        memset(buffer_reserve(&b, 40000), 'x', 40000);
        b.len = 40000;
        for (int i = 0; i < 10; i++) {
            assert_int_equal(store_log_append(r.log, buffer_slice(&b), 1, &sequence), OK);
            rig_commit(&r);
            assert_int_equal(store_log_append(r.log, buffer_slice(&b), 1, &sequence), FULL);
            store_cursor_set(r.log, SLICE("up"), sequence);
            rig_pass(&r, 1000);
            assert_int_equal(r.rooms, i + 1);
        }
        buffer_clear(&b);
        rig_stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_are_remembered),
        cmocka_unit_test(a_cursor_that_is_dropped_is_gone),
        cmocka_unit_test(saved_cursors_outlive_a_crash),
        cmocka_unit_test(a_cursor_that_moves_all_the_time_is_written_at_once_and_synced_once_a_second),
        cmocka_unit_test(cursors_that_were_not_synced_leave_those_that_were),
        cmocka_unit_test(a_torn_write_leaves_the_cursors_of_before),
        cmocka_unit_test(what_a_cursor_has_not_passed_is_kept),
        cmocka_unit_test(the_limit_holds_while_cursors_cannot_be_saved),
        cmocka_unit_test(full_ends_when_all_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
