/* Bounds, disks that fail or are full, and bytes that are not what was written. */
#include "store/log_rig.h"

#include <unistd.h>

#include "store/crc32c.h"
#include "store/record.h"
#include "store/remember.h"

/* ---- bounds and failures ---- */

static void gathers_up_to_a_bound(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    struct buffer b = {0};
    memset(buffer_reserve(&b, 1 << 20), 'x', 1 << 20);
    b.len = (1 << 20) - STORE_RECORD_HEADER;
    uint64_t sequence;
    for (int i = 0; i < 32; i++)
        assert_int_equal(store_log_append(r.log, buffer_slice(&b), 1, &sequence), OK);
    assert_int_equal(store_log_append(r.log, SLICE("x"), 1, &sequence), FULL);
    assert_int_equal(r.rooms, 0);
    rig_commit(&r);
    rig_pass(&r, 10);
    assert_int_equal(r.rooms, 1);
    assert_int_equal(store_log_append(r.log, SLICE("x"), 1, &sequence), OK);
    assert_int_equal(sequence, 33);
    buffer_clear(&b);
    rig_stop(&r);
}

static void a_failed_sync_closes_the_segment_for_good(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 10);
    rig_commit(&r);
    rig_append_n(&r, 10);
    sim_step(r.sim);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    rig_append_n(&r, 5); /* gathers behind it */
    rig_commit(&r);
    assert_int_equal(r.failures, 1);
    assert_int_equal(r.failed_first, 11);
    assert_int_equal(r.failed_last, 25);
    assert_int_equal(r.why, IO_FAILED);
    assert_int_equal(r.durable, 10);
    assert_int_equal(store_log_next(r.log), 11);
    rig_append_n(&r, 3);
    rig_commit(&r);
    assert_int_equal(r.durable, 13);
    assert_int_equal(rig_files(&r, ".log"), 2);
    sim_disk_crash(r.disk);
    rig_reopen(&r);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 13);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

/* The file of a commit that failed stays behind, and what comes next would have had room in the one
 * before. */
static void a_segment_that_did_not_begin_hides_nothing(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 2000}};
    struct buffer b = {0};
    uint64_t sequence;
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    memset(buffer_reserve(&b, 1500), 'x', 1500);
    assert_int_equal(store_log_append(r.log, slice_from(b.at, 1500), 1, &sequence), OK);
    rig_commit(&r);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    sim_disk_fail(r.disk, SIM_DISK_REMOVE, 1);
    assert_int_equal(store_log_append(r.log, slice_from(b.at, 1000), 1, &sequence), OK);
    rig_commit(&r);
    assert_int_equal(r.failures, 1);
    assert_int_equal(rig_files(&r, ".log"), 2);
    assert_int_equal(store_log_append(r.log, SLICE("small"), 1, &sequence), OK);
    assert_int_equal(sequence, 2);
    rig_commit(&r);
    rig_reopen(&r);
    struct store_reader *reader = store_reader_open(r.log, 2);
    struct store_record got;
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_slice(got.bytes, SLICE("small"));
    store_reader_close(&reader);
    buffer_clear(&b);
    rig_stop(&r);
}

/* It is still in the first segment's file, whole, under the number that another record has now. */
static void what_failed_is_not_read_in_anothers_place(void **state)
{
    (void)state;
    struct rig r = {0};
    uint64_t sequence;
    char path[1024];
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_log_append(r.log, SLICE("one"), 1, &sequence), OK);
    assert_int_equal(store_log_append(r.log, SLICE("two"), 1, &sequence), OK);
    rig_commit(&r);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    sim_disk_fail(r.disk, SIM_DISK_TRUNCATE, 1);
    assert_int_equal(store_log_append(r.log, SLICE("failed"), 1, &sequence), OK);
    rig_commit(&r);
    assert_int_equal(r.failures, 1);
    assert_int_equal(store_log_append(r.log, SLICE("three"), 1, &sequence), OK);
    rig_commit(&r);
    store_log_close(&r.log);
    assert_true(rig_file(&r, ".log", 0, path));
    assert_true(sim_disk_flip(r.disk, path, 2 * STORE_RECORD_HEADER + 4, 1)); /* "two" */
    assert_int_equal(rig_open(&r), OK);
    struct store_reader *reader = store_reader_open(r.log, 1);
    struct store_record got;
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_slice(got.bytes, SLICE("one"));
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_int_equal(got.sequence, 3);
    assert_slice(got.bytes, SLICE("three"));
    assert_int_equal(store_log_damaged(r.log), 1);
    store_reader_close(&reader);
    rig_stop(&r);
}

static void files_go_only_after_that_is_remembered(void **state)
{
    (void)state;
    struct rig r = {.config = {.retain_bytes = 40000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    while (store_log_first(r.log) == 1) {
        rig_append_n(&r, 10);
        rig_commit(&r);
    }
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    size_t files = rig_files(&r, ".log");
    rig_pass(&r, 500);
    assert_int_equal(rig_files(&r, ".log"), files);
    rig_pass(&r, 2000); /* it is tried again */
    assert_true(rig_files(&r, ".log") < files);
    rig_stop(&r);
}

static void a_full_disk_is_tried_again(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 50000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 100);
    rig_commit(&r);
    sim_disk_limit(r.disk, sim_disk_used(r.disk) + 1000);
    rig_append_n(&r, 100);
    rig_commit(&r);
    assert_int_equal(r.failures, 1);
    assert_int_equal(r.why, FULL);
    assert_int_equal(r.durable, 100);
    assert_int_equal(rig_append(&r), FULL); /* at once, without asking the disk each time */
    rig_pass(&r, 5000);
    assert_int_equal(r.rooms, 1);
    sim_disk_limit(r.disk, 0);
    rig_append_n(&r, 100);
    rig_commit(&r);
    assert_int_equal(r.durable, 200);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 200);
    rig_reopen(&r);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 200);
    assert_int_equal(store_log_damaged(r.log), 0);
    rig_stop(&r);
}

/* What was read must make room, although no cursor was ever saved before the disk filled up. */
static void a_full_disk_is_freed_by_a_first_cursor(void **state)
{
    (void)state;
    struct rig r = {.config = {.retain_bytes = 1000000, .retain_unread = true}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 100);
    rig_commit(&r);
    sim_disk_limit(r.disk, sim_disk_used(r.disk));
    rig_append_n(&r, 10);
    rig_commit(&r);
    assert_int_equal(r.why, FULL);
    store_cursor_set(r.log, SLICE("up"), 100);
    for (int i = 0; r.durable < 110 && i < 10; i++) { /* who was refused tries again */
        rig_pass(&r, 2000);
        rig_append_n(&r, 10);
        rig_commit(&r);
    }
    assert_int_equal(r.durable, 110);
    assert_int_equal(store_log_first(r.log), 101);
    rig_reopen(&r);
    assert_int_equal(store_cursor_get(r.log, SLICE("up")), 100);
    assert_int_equal(rig_read(&r, 101, NULL, NULL), 10);
    rig_stop(&r);
}

static void memory_keeps_what_fits_and_says_what_it_has(void **state)
{
    (void)state;
    struct rig r = {.config = {.durability = STORE_MEMORY, .retain_bytes = 100000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    struct store_reader *behind = store_reader_open(r.log, 1);
    struct store_record got;
    for (int i = 0; i < 50; i++) {
        rig_append_n(&r, 100);
        rig_commit(&r);
        assert_true(store_log_bytes(r.log) <= 100000 + 12500);
        assert_int_equal(store_log_durable(r.log), (i + 1) * 100);
    }
    uint64_t first = store_log_first(r.log), read_first;
    assert_true(first > 3000);
    assert_int_equal(rig_read(&r, 1, &read_first, NULL), 5001 - first);
    assert_int_equal(read_first, first);
    assert_int_equal(store_reader_next(behind, &got), OK);
    assert_int_equal(got.sequence, first);
    store_reader_close(&behind);
    assert_int_equal(sim_disk_calls(r.disk, SIM_DISK_ANY), 0);
    rig_stop(&r);
}

static void os_durability_does_not_sync(void **state)
{
    (void)state;
    struct rig r = {.config = {.durability = STORE_OS}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 100);
    rig_commit(&r);
    assert_int_equal(sim_disk_calls(r.disk, SIM_DISK_SYNC), 0);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 100);
    rig_reopen(&r);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 100);
    rig_stop(&r);
}

/* ---- damage ---- */

static void numbers_that_were_seen_are_not_given_again(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 20);
    rig_commit(&r);
    store_log_close(&r.log);
    char path[1024];
    assert_true(rig_file(&r, ".log", 0, path));
    assert_true(sim_disk_cut(r.disk, path, 100));
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_log_next(r.log), 21);
    assert_int_equal(store_log_damaged(r.log), 1);
    rig_append_n(&r, 1);
    rig_commit(&r);
    uint64_t last;
    rig_read(&r, 1, NULL, &last);
    assert_int_equal(last, 21);
    assert_int_equal(store_log_damaged(r.log), 1);
    rig_reopen(&r);
    rig_read(&r, 1, NULL, &last);
    assert_int_equal(last, 21);
    rig_stop(&r);
}

/* A power failure tells no tear from damage where it is not remembered that all was durable: it is,
 * soon after the commit. */
static void damage_is_damage_though_the_power_failed(void **state)
{
    (void)state;
    struct rig r = {0};
    char path[1024];
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    rig_append_n(&r, 20);
    rig_commit(&r);
    rig_pass(&r, 10000);
    assert_true(rig_file(&r, ".log", 0, path));
    assert_true(sim_disk_flip(r.disk, path, 200, 1));
    sim_disk_power_until(r.disk, 1);
    store_log_close(&r.log);
    sim_disk_crash(r.disk);
    assert_int_equal(rig_open(&r), OK);
    assert_int_equal(store_log_damaged(r.log), 1);
    assert_int_equal(rig_read(&r, 1, NULL, NULL), 19);
    assert_int_equal(store_log_next(r.log), 21);
    rig_stop(&r);
}

static void bytes_of_a_payload_never_pass_for_a_record(void **state)
{
    (void)state;
    struct rig r = {0}, other = {0};
    rig_start(&other, 7); /* records of another log, with other salt, as payload */
    assert_int_equal(rig_open(&other), OK);
    rig_append_n(&other, 50);
    rig_commit(&other);
    char path[1024];
    struct buffer payload = {0};
    assert_true(rig_file(&other, ".log", 0, path));
    assert_int_equal(sim_disk_copy(other.disk, path, &payload), OK);

    rig_start(&r, 8);
    assert_int_equal(rig_open(&r), OK);
    uint64_t sequence;
    assert_int_equal(store_log_append(r.log, buffer_slice(&payload), 1, &sequence), OK);
    assert_int_equal(store_log_append(r.log, SLICE("good"), 1, &sequence), OK);
    rig_commit(&r);
    store_log_close(&r.log);
    assert_true(rig_file(&r, ".log", 0, path));
    assert_true(sim_disk_flip(r.disk, path, 5, 1));
    assert_int_equal(rig_open(&r), OK);
    struct store_reader *reader = store_reader_open(r.log, 1);
    struct store_record got;
    assert_int_equal(store_reader_next(reader, &got), OK);
    assert_int_equal(got.sequence, 2);
    assert_slice(got.bytes, SLICE("good"));
    store_reader_close(&reader);
    assert_int_equal(store_log_damaged(r.log), 1);
    buffer_clear(&payload);
    rig_stop(&other);
    rig_stop(&r);
}

/* A disk that wrote to the wrong place: a later record stands where another should. */
static void a_record_in_the_wrong_place_is_passed_over(void **state)
{
    (void)state;
    struct rig r = {0};
    char path[1024];
    uint64_t sequence;
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    for (int i = 0; i < 40; i++)
        assert_int_equal(store_log_append(r.log, SLICE("all as long"), 1, &sequence), OK);
    rig_commit(&r);
    store_log_close(&r.log);
    struct buffer file = {0};
    const size_t size = STORE_RECORD_HEADER + 11;
    assert_true(rig_file(&r, ".log", 0, path));
    assert_int_equal(sim_disk_copy(r.disk, path, &file), OK);
    memcpy(file.at + 4 * size, file.at + 30 * size, size);
    sim_disk_put(r.disk, path, buffer_slice(&file));
    assert_int_equal(rig_open(&r), OK);
    struct store_reader *reader = store_reader_open(r.log, 1);
    struct store_record got;
    for (uint64_t want = 1; want <= 40; want++) {
        if (want == 5)
            continue;
        assert_int_equal(store_reader_next(reader, &got), OK);
        assert_int_equal(got.sequence, want);
    }
    assert_int_equal(store_log_damaged(r.log), 1);
    store_reader_close(&reader);
    buffer_clear(&file);
    rig_stop(&r);
}

static void a_log_is_open_once(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    struct store_log *first = r.log;
    assert_int_equal(rig_open(&r), IO_FAILED);
    assert_ptr_equal(r.log, first);
    rig_reopen(&r);
    rig_stop(&r);
}

static void refuse_version(uint8_t version)
{
    struct rig r = {0};
    rig_start(&r, 1);
    struct buffer b = {0};
    struct store_remember newer = {0};
    store_remember_encode(&newer, 1, &b);
    b.at[5] = version;
    b.len -= 4;
    buffer_u32(&b, store_crc32c(0, buffer_slice(&b)));
    sim_disk_put(r.disk, DIRECTORY "/cursors", buffer_slice(&b));
    assert_int_equal(rig_open(&r), IO_FAILED);
    buffer_clear(&b);
    rig_stop(&r);
}

static void another_format_is_refused(void **state)
{
    (void)state;
    refuse_version(1);
    refuse_version(3);
}

static unsigned lines_of(FILE *file, const char *with)
{
    unsigned n = 0;
    char line[400];
    rewind(file);
    while (fgets(line, sizeof line, file))
        n += strstr(line, with) != NULL;
    return n;
}

/* When it begins, when it is another failure, and once a minute. */
static void what_fails_again_and_again_is_said_once(void **state)
{
    (void)state;
    struct rig r = {.config = {.segment_bytes = 2000}};
    rig_start(&r, 1);
    assert_int_equal(rig_open(&r), OK);
    FILE *file = tmpfile();
    int was = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    sim_disk_hide(r.disk, true);
    store_cursor_set(r.log, SLICE("up"), 1);
    for (int i = 0; i < 130 * 5; i++) {
        rig_append_n(&r, 1);
        rig_pass(&r, 200);
    }
    sim_disk_hide(r.disk, false);
    rig_append_n(&r, 1);
    rig_commit(&r);
    sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
    rig_append_n(&r, 1);
    rig_pass(&r, 10);
    dup2(was, STDERR_FILENO);
    close(was);
    assert_int_equal(r.failures, 130 * 5 + 1);
    assert_int_equal(lines_of(file, "log commit failed"), 3 + 1);
    assert_int_equal(lines_of(file, "cursors not saved"), 3);
    assert_int_equal(lines_of(file, "log directory is not there"), 3 + 3);
    assert_int_equal(lines_of(file, "log commits again"), 1);
    fclose(file);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_up_to_a_bound),
        cmocka_unit_test(a_failed_sync_closes_the_segment_for_good),
        cmocka_unit_test(a_segment_that_did_not_begin_hides_nothing),
        cmocka_unit_test(what_failed_is_not_read_in_anothers_place),
        cmocka_unit_test(files_go_only_after_that_is_remembered),
        cmocka_unit_test(what_fails_again_and_again_is_said_once),
        cmocka_unit_test(a_full_disk_is_tried_again),
        cmocka_unit_test(a_full_disk_is_freed_by_a_first_cursor),
        cmocka_unit_test(memory_keeps_what_fits_and_says_what_it_has),
        cmocka_unit_test(os_durability_does_not_sync),
        cmocka_unit_test(numbers_that_were_seen_are_not_given_again),
        cmocka_unit_test(damage_is_damage_though_the_power_failed),
        cmocka_unit_test(bytes_of_a_payload_never_pass_for_a_record),
        cmocka_unit_test(a_record_in_the_wrong_place_is_passed_over),
        cmocka_unit_test(a_log_is_open_once),
        cmocka_unit_test(another_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
