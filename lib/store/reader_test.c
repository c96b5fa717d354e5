/* A reader where the disk does not give what it has: what is waited for, and what is given up. */
#include "store/log_rig.h"

/* A log of some segments, open; the first one's path. */
static void build(struct rig *r, char path[1024])
{
    *r = (struct rig){.config = {.segment_bytes = 2000}};
    rig_start(r, 1);
    assert_int_equal(rig_open(r), OK);
    for (int i = 0; i < 20; i++) {
        rig_append_n(r, 10);
        rig_commit(r);
    }
    rig_reopen(r);
    assert_true(rig_files(r, ".log") > 4);
    assert_true(rig_file(r, ".log", 0, path));
}

static uint64_t first_of(struct rig *r, size_t n)
{
    char path[1024];
    uint64_t first;
    assert_true(rig_file(r, ".log", n, path));
    assert_true(slice_to_u64(slice_first(slice_of(path + strlen(DIRECTORY) + 1), 20), &first));
    return first;
}

static enum status give_up(struct rig *r, struct store_reader *reader)
{
    struct store_record got;
    assert_int_equal(store_reader_next(reader, &got), IO_FAILED);
    enum status s = store_reader_give_up(reader);
    if (s != AGAIN)
        return s;
    rig_pass(r, 100);
    assert_int_equal(store_reader_next(reader, &got), IO_FAILED);
    return store_reader_give_up(reader);
}

static void expect_next(struct store_reader *reader, uint64_t sequence)
{
    struct store_record got;
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_int_equal(got.sequence, sequence);
    rig_check(&got);
}

static void a_file_that_does_not_open_is_given_up_whole(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 3);
    assert_true(sim_disk_bar(r.disk, path, IO_FAILED));
    assert_int_equal(give_up(&r, reader), OK);
    expect_next(reader, first_of(&r, 1));
    assert_int_equal(store_log_damaged(r.log), 1);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void a_directory_in_its_place_is_given_up(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    uint64_t second = first_of(&r, 1);
    struct store_reader *reader = store_reader_open(r.log, 1);
    assert_true(sim_disk_vanish(r.disk, path));
    assert_int_equal(r.disk->ops->make_directory(r.disk, path), OK);
    assert_int_equal(give_up(&r, reader), OK);
    expect_next(reader, second);
    store_reader_close(&reader);
    rig_reopen(&r); /* nor does it hold up a start */
    assert_int_equal(store_log_next(r.log), 201);
    rig_stop(&r);
}

/* The loop has others to serve than who waits for a disk that may hang. */
static void the_disk_is_asked_by_a_helper_thread(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    struct store_record got;
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 1);
    assert_true(sim_disk_spoil(r.disk, path, 0, UINT64_MAX));
    assert_int_equal(store_reader_next(reader, &got), IO_FAILED);
    uint64_t calls = sim_disk_calls(r.disk, SIM_DISK_ANY);
    assert_int_equal(store_reader_give_up(reader), AGAIN);
    assert_int_equal(sim_disk_calls(r.disk, SIM_DISK_ANY), calls);
    rig_pass(&r, 100);
    assert_true(sim_disk_calls(r.disk, SIM_DISK_ANY) > calls);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void a_log_closes_while_the_disk_is_asked(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    struct store_record got;
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 1);
    assert_true(sim_disk_spoil(r.disk, path, 0, UINT64_MAX));
    assert_int_equal(store_reader_next(reader, &got), IO_FAILED);
    assert_int_equal(store_reader_give_up(reader), AGAIN);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void nothing_is_given_up_while_nothing_reads(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 1);
    for (size_t n = 0; rig_file(&r, ".log", n, path); n++)
        assert_true(sim_disk_bar(r.disk, path, IO_FAILED));
    assert_int_equal(give_up(&r, reader), OFFLINE);
    rig_append_n(&r, 1); /* a new file shows that it is the others' damage */
    rig_commit(&r);
    rig_pass(&r, 5000);
    assert_int_equal(give_up(&r, reader), OK);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void what_lacks_is_no_reason_to_give_up(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 1);
    assert_true(sim_disk_bar(r.disk, path, BUSY));
    assert_int_equal(give_up(&r, reader), BUSY);
    assert_true(store_reader_lacks(reader));
    assert_true(sim_disk_bar(r.disk, path, OK));
    expect_next(reader, 1);
    assert_false(store_reader_lacks(reader));
    store_reader_close(&reader);
    rig_stop(&r);
}

static void a_directory_that_is_away_is_waited_for(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    struct store_reader *reader = store_reader_open(r.log, 1);
    sim_disk_hide(r.disk, true);
    assert_int_equal(give_up(&r, reader), OFFLINE);
    rig_append_n(&r, 1); /* would be written elsewhere */
    rig_pass(&r, 1000);
    assert_int_equal(r.failures, 1);
    sim_disk_hide(r.disk, false);
    expect_next(reader, 1);
    assert_int_equal(store_log_damaged(r.log), 0);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void cursors_are_not_written_into_another_directory(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    sim_disk_hide(r.disk, true);
    store_cursor_set(r.log, SLICE("up"), 50);
    rig_pass(&r, 5000);
    sim_disk_hide(r.disk, false);
    rig_pass(&r, 3000);
    sim_disk_power_until(r.disk, 1);
    store_log_close(&r.log);
    sim_disk_crash(r.disk);
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 50);
    rig_stop(&r);
}

/* It was not opened at the start, and its size not known. */
static void a_file_that_opens_later_is_read(void **state)
{
    (void)state;
    struct rig r;
    char path[1024], last[1024];
    build(&r, path);
    store_log_close(&r.log);
    assert_true(sim_disk_bar(r.disk, path, IO_FAILED));
    assert_int_equal(rig_open(&r), OK);
    uint64_t bytes = store_log_bytes(r.log);
    assert_true(sim_disk_bar(r.disk, path, OK));
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 200);
    assert_true(store_log_bytes(r.log) > bytes);
    store_log_close(&r.log);
    assert_true(rig_file(&r, ".log", rig_files(&r, ".log") - 1, last));
    assert_true(sim_disk_bar(r.disk, last, IO_FAILED)); /* nobody knows where the log ends */
    assert_int_equal(rig_open(&r), IO_FAILED);
    assert_true(sim_disk_bar(r.disk, last, OK));
    assert_int_equal(rig_open(&r), OK);
    rig_stop(&r);
}

/* One of the two slots is little older than the other. */
static void half_of_what_is_remembered_is_enough(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    for (uint64_t at = 10; at <= 100; at += 10) {
        store_cursor_set(r.log, SLICE("up"), at);
        rig_pass(&r, 3000);
    }
    for (uint64_t slot = 0; slot < 2; slot++) {
        store_log_close(&r.log);
        assert_true(sim_disk_spoil(r.disk, DIRECTORY "/cursors", slot << 16, (slot + 1) << 16));
        assert_int_equal(rig_open(&r), OK);
        assert_in_range(store_cursor_get(r.log, SLICE("up")), 90, 100);
        assert_int_equal(rig_read(&r, 1, NULL, NULL), 200);
    }
    store_log_close(&r.log);
    assert_true(sim_disk_spoil(r.disk, DIRECTORY "/cursors", 0, UINT64_MAX));
    assert_int_equal(rig_open(&r), IO_FAILED); /* it may read again */
    assert_true(sim_disk_spoil(r.disk, DIRECTORY "/cursors", 0, 0));
    assert_int_equal(rig_open(&r), OK);
    rig_stop(&r);
}

/* Without a sync of ours, the newest pages are in memory alone for a while. */
static void what_nobody_synced_is_no_sign_of_the_disk(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 2000, .durability = STORE_OS}};
    char path[1024];
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 20; i++) {
        rig_append_n(&r, 10);
        rig_commit(&r);
    }
    rig_reopen(&r); /* does not sync them either */
    struct store_reader *reader = store_reader_open(r.log, 1);
    for (size_t n = 0; rig_file(&r, ".log", n, path); n++) {
        assert_true(sim_disk_spoil(r.disk, path, 0, UINT64_MAX));
        if (n > 0)
            assert_true(sim_disk_cache(r.disk, path));
    }
    assert_int_equal(give_up(&r, reader), OFFLINE);
    store_reader_close(&reader);
    rig_stop(&r);
}

/* It goes with the one behind it, and is not asked for its age at each commit. */
static void a_file_that_does_not_open_grows_old(void **state)
{
    (void)state;
    struct rig r;
    char path[1024], index[1024];
    build(&r, path);
    uint64_t second = first_of(&r, 1);
    store_log_close(&r.log);
    assert_true(rig_file(&r, ".index", 0, index));
    assert_true(sim_disk_vanish(r.disk, index));
    assert_true(sim_disk_bar(r.disk, path, IO_FAILED));
    r.config.retain_ms = 10000;
    assert_int_equal(rig_open(&r), OK);
    uint64_t opens = sim_disk_calls(r.disk, SIM_DISK_OPEN);
    for (int i = 0; i < 50; i++) {
        rig_append_n(&r, 1);
        rig_commit(&r);
    }
    assert_true(sim_disk_calls(r.disk, SIM_DISK_OPEN) - opens < 20);
    for (int i = 0; i < 20; i++) {
        rig_append_n(&r, 1);
        rig_commit(&r);
        rig_pass(&r, 1000);
    }
    assert_true(store_log_first(r.log) >= second);
    rig_stop(&r);
}

/* It would be found much later that nothing is remembered, and nothing dropped goes. */
static void cursors_that_may_only_be_read_refuse_the_start(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    store_cursor_set(r.log, SLICE("up"), 5);
    store_log_close(&r.log);
    assert_true(sim_disk_protect(r.disk, DIRECTORY "/cursors", true));
    assert_int_equal(rig_open(&r), IO_FAILED);
    assert_true(sim_disk_protect(r.disk, DIRECTORY "/cursors", false));
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 5);
    rig_stop(&r);
}

/* The last one too: it takes no more, and its torn end is left to it. */
static void segments_that_may_only_be_read_are_read(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r, path);
    sim_disk_power_until(r.disk, 2); /* the end is torn */
    rig_append_n(&r, 10);
    rig_pass(&r, 100);
    sim_disk_crash(r.disk);
    store_log_close(&r.log);
    for (size_t n = 0; rig_file(&r, ".log", n, path); n++)
        assert_true(sim_disk_protect(r.disk, path, true));
    assert_int_equal(rig_open(&r), OK);
    uint64_t next = store_log_next(r.log);
    r.failures = 0;
    rig_append_n(&r, 10);
    rig_commit(&r);
    assert_int_equal(r.failures, 0);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), next - 1 + 10);
    rig_reopen(&r);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), next - 1 + 10);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_does_not_open_is_given_up_whole),
        cmocka_unit_test(a_directory_in_its_place_is_given_up),
        cmocka_unit_test(the_disk_is_asked_by_a_helper_thread),
        cmocka_unit_test(a_log_closes_while_the_disk_is_asked),
        cmocka_unit_test(nothing_is_given_up_while_nothing_reads),
        cmocka_unit_test(what_lacks_is_no_reason_to_give_up),
        cmocka_unit_test(a_directory_that_is_away_is_waited_for),
        cmocka_unit_test(cursors_are_not_written_into_another_directory),
        cmocka_unit_test(a_file_that_opens_later_is_read),
        cmocka_unit_test(half_of_what_is_remembered_is_enough),
        cmocka_unit_test(what_nobody_synced_is_no_sign_of_the_disk),
        cmocka_unit_test(a_file_that_does_not_open_grows_old),
        cmocka_unit_test(cursors_that_may_only_be_read_refuse_the_start),
        cmocka_unit_test(segments_that_may_only_be_read_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
