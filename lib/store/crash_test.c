/* The log on a disk that loses power, tears writes, fills up and fails: what was said to be durable
 * is there, in order, and nothing is there that was not appended. */
#include "store/log_rig.h"

#include <stdlib.h>

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* What may be expected of the log, whatever happens. */
struct truth {
    uint64_t durable;  /* said so */
    uint64_t appended; /* the highest number ever given */
    uint64_t cursor;   /* last set */
};

static void note(struct rig *r, struct truth *t)
{
    if (r->durable > t->durable)
        t->durable = r->durable;
    if (store_log_next(r->log) - 1 > t->appended)
        t->appended = store_log_next(r->log) - 1;
}

/* All from the first kept to the last, without a hole: a crash tears the end, and that is no
 * damage. */
static void check(struct rig *r, struct truth *t)
{
    uint64_t first = 0, last = 0;
    uint64_t n = rig_read(r, 1, &first, &last);
    assert_true(store_log_durable(r->log) >= t->durable);
    assert_true(store_log_durable(r->log) <= t->appended);
    assert_true(store_cursor_get(r->log, SLICE("up")) <= t->cursor);
    assert_int_equal(store_log_damaged(r->log), 0);
    if (store_log_first(r->log) > store_log_durable(r->log))
        return; /* none ever, or a full disk let all go that was read */
    assert_int_equal(last, store_log_durable(r->log));
    assert_int_equal(n, last - first + 1);
}

/* A failure is injected once; it may be asked again. */
static bool read_on(struct store_reader *reader, struct store_record *got)
{
    enum status s = store_reader_next(reader, got);
    return s == OK || (s == IO_FAILED && store_reader_next(reader, got) == OK);
}

/* The durable ones are all there, and others which a crash left have no gap before them either. */
static void check_durable_is_whole(struct rig *r, struct truth *t)
{
    struct store_reader *reader = store_reader_open(r->log, 1);
    struct store_record got;
    uint64_t want = store_log_first(r->log);
    while (read_on(reader, &got))
        assert_int_equal(got.sequence, want++);
    assert_true(want > t->durable);
    store_reader_close(&reader);
}

static void some_turns(struct rig *r, uint64_t n)
{
    while (n--)
        sim_step(r->sim);
}

static void act(struct rig *r, struct truth *t, uint64_t *seed)
{
    switch (draw(seed) % 8) {
    case 0:
    case 1:
    case 2:
        for (uint64_t n = draw(seed) % 60; n && rig_append(r) == OK; n--)
            ;
        break;
    case 3:
        store_cursor_set(r->log, SLICE("up"), t->cursor = store_log_durable(r->log));
        break;
    case 4:
        rig_pass(r, draw(seed) % 50);
        break;
    case 5:
        check(r, t);
        break;
    default:
        some_turns(r, draw(seed) % 6);
    }
    note(r, t);
}

static void append_some(struct rig *r, struct truth *t)
{
    for (int n = 0; n < 20 && rig_append(r) == OK; n++)
        ;
    note(r, t);
}

/* The power goes, or the process is killed and what it wrote stays with the system; now, or in the
 * midst of what the next turns do. */
static void crash(struct rig *r, struct truth *t, uint64_t *seed)
{
    bool power = draw(seed) % 2;
    sim_disk_power_until(r->disk, draw(seed) % 4 ? 1 + draw(seed) % 8 : 1);
    append_some(r, t);
    some_turns(r, draw(seed) % 12);
    note(r, t);
    sim_disk_power_until(r->disk, 1);
    store_log_close(&r->log);
    if (power)
        sim_disk_crash(r->disk);
    else
        sim_disk_power_until(r->disk, 0);
    assert_int_equal(rig_open(r), OK);
    check_durable_is_whole(r, t);
    check(r, t);
    t->cursor = store_cursor_get(r->log, SLICE("up"));
    t->appended = store_log_durable(r->log);
    t->durable = store_log_durable(r->log);
}

static void live(uint64_t seed)
{
    struct rig r = {.config = {.segment_bytes = 500 + seed % 7 * 3000}};
    struct truth t = {0};
    if (seed % 3 == 0)
        r.config.retain_bytes = 100000;
    r.config.retain_unread = r.config.reuse = seed % 2;
    rig_start(&r, seed);
    assert_int_equal(rig_open(&r), OK);
    for (int life = 0; life < 6; life++) {
        for (uint64_t n = draw(&seed) % 60; n; n--)
            act(&r, &t, &seed);
        crash(&r, &t, &seed);
    }
    rig_stop(&r);
}

static void what_is_durable_outlives_any_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 250; seed++)
        live(seed);
}

/* ---- names ---- */

/* The log's directories, its segments, those that have another's file, and what is remembered: each has its name when
 * it is told to be durable, and not only its bytes. */
static void names_outlive_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        bool reuse = seed % 2;
        struct rig r = {.config = {.segment_bytes = 600, .retain_unread = reuse, .reuse = reuse}};
        rig_start(&r, seed);
        assert_int_equal(rig_open(&r), OK);
        for (uint64_t n = 0; n < seed % 12 + 1; n++) {
            rig_append_n(&r, 6);
            rig_commit(&r);
            store_cursor_set(r.log, SLICE("up"), r.durable - 2);
            rig_pass(&r, 3000);
        }
        rig_append_n(&r, 6);
        rig_commit(&r);
        uint64_t durable = r.durable;
        sim_disk_power_until(r.disk, 1);
        store_log_close(&r.log);
        sim_disk_crash(r.disk);
        assert_int_equal(rig_open(&r), OK);
        assert_int_equal(r.durable, durable);
        assert_int_equal(store_cursor_get(r.log, SLICE("up")), durable - 8);
        assert_int_equal(rig_read(&r, durable - 7, NULL, NULL), 8);
        assert_int_equal(store_log_damaged(r.log), 0);
        rig_stop(&r);
    }
}

/* ---- a sync that failed ---- */

/* The process is killed before it can cut off what was not written: memory still has all of it and calls it clean, so
 * that the next sync has nothing to do. */
static void what_a_failed_sync_left_in_memory_is_not_believed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig r = {0};
        rig_start(&r, seed);
        assert_int_equal(rig_open(&r), OK);
        rig_append_n(&r, 20);
        rig_commit(&r);
        sim_disk_fail(r.disk, SIM_DISK_SYNC, 1);
        sim_disk_fail(r.disk, SIM_DISK_TRUNCATE, 1);
        rig_append_n(&r, 20);
        rig_commit(&r);
        assert_int_equal(r.failures, 1);
        sim_disk_power_until(r.disk, 1);
        store_log_close(&r.log);
        sim_disk_power_until(r.disk, 0); /* only the process went */
        assert_int_equal(rig_open(&r), OK);
        assert_true(r.durable >= 20);
        rig_append_n(&r, 20);
        rig_commit(&r);
        uint64_t durable = r.durable;
        sim_disk_power_until(r.disk, 1);
        store_log_close(&r.log);
        sim_disk_crash(r.disk);
        assert_int_equal(rig_open(&r), OK);
        assert_int_equal(r.durable, durable);
        assert_int_equal(rig_read(&r, 1, NULL, NULL), durable);
        assert_int_equal(store_log_damaged(r.log), 0);
        rig_stop(&r);
    }
}

/* ---- the n-th call fails ---- */

/* Returns false when the script ran without meeting the n-th call. */
static bool run_with_failure(enum sim_disk_kind kind, uint64_t nth)
{
    bool reuse = nth % 2;
    struct rig r = {.config = {.segment_bytes = 2000, .retain_bytes = 60000, .retain_unread = reuse, .reuse = reuse}};
    struct truth t = {0};
    uint64_t seed = nth * 7 + kind;
    rig_start(&r, seed);
    sim_disk_fail(r.disk, kind, nth);
    uint64_t start = sim_disk_calls(r.disk, kind);
    for (int life = 0; life < 3; life++) {
        if (r.log == NULL && rig_open(&r) != OK)
            assert_int_equal(rig_open(&r), OK); /* it failed once; again is clean */
        check_durable_is_whole(&r, &t);
        for (int n = 0; n < 25; n++)
            act(&r, &t, &seed);
        if (life % 2)
            sim_disk_crash(r.disk);
        note(&r, &t);
        store_log_close(&r.log);
    }
    bool met = sim_disk_calls(r.disk, kind) - start >= nth;
    sim_disk_fail(r.disk, kind, 0);
    assert_int_equal(rig_open(&r), OK);
    check_durable_is_whole(&r, &t);
    rig_stop(&r);
    return met;
}

static void the_nth_failure_of_any_call_loses_nothing_durable(void **state)
{
    (void)state;
    for (enum sim_disk_kind kind = SIM_DISK_LIST; kind <= SIM_DISK_ANY; kind++)
        for (uint64_t n = 1; n < 150 && run_with_failure(kind, n); n++)
            ;
}

static void a_disk_that_fills_loses_nothing_durable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rig r = {.config = {.segment_bytes = 3000, .retain_unread = seed % 2, .reuse = seed % 2}};
        struct truth t = {0};
        uint64_t random = seed;
        rig_start(&r, seed);
        sim_disk_limit(r.disk, 140000 + draw(&random) % 60000);
        assert_int_equal(rig_open(&r), OK);
        for (int n = 0; n < 300; n++)
            act(&r, &t, &random);
        crash(&r, &t, &random);
        sim_disk_limit(r.disk, 0);
        rig_pass(&r, 5000);
        rig_append_n(&r, 5);
        rig_commit(&r);
        assert_true(store_log_durable(r.log) >= t.durable + 5);
        rig_stop(&r);
    }
}

/* ---- damage at every place ---- */

#define SMALL 40

/* A closed log of SMALL records in three segments or so, as files. */
static void build(struct rig *r)
{
    *r = (struct rig){.config = {.segment_bytes = 2000}};
    rig_start(r, 5);
    assert_int_equal(rig_open(r), OK);
    for (int i = 0; i < SMALL / 4; i++) {
        rig_append_n(r, 4);
        rig_commit(r);
    }
    store_cursor_set(r->log, SLICE("up"), 7);
    rig_pass(r, 1000);
    store_log_close(&r->log);
}

/* Whatever was done to the files: it opens, gives only true records, counts what it lost, takes
 * more. */
static void judge(struct rig *r, uint64_t lost_max, bool must_count)
{
    assert_int_equal(rig_open(r), OK);
    uint64_t n = rig_read(r, 1, NULL, NULL);
    assert_true(n + lost_max >= SMALL);
    if (n < SMALL || must_count)
        assert_true(store_log_damaged(r->log) > 0);
    assert_int_equal(store_log_next(r->log), SMALL + 1);
    rig_append_n(r, 3);
    rig_commit(r);
    assert_int_equal(rig_read(r, SMALL + 1, NULL, NULL), 3);
}

static uint64_t file_size(struct rig *r, const char *path)
{
    struct buffer b = {0};
    assert_int_equal(sim_disk_copy(r->disk, path, &b), OK);
    uint64_t size = b.len;
    buffer_clear(&b);
    return size;
}

static void each_flipped_bit_costs_one_record_and_is_counted(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r);
    size_t files = rig_files(&r, ".log");
    assert_true(files >= 3);
    for (size_t f = 0; f < files; f++) {
        assert_true(rig_file(&r, ".log", f, path));
        uint64_t size = file_size(&r, path);
        for (uint64_t at = 0; at < size; at++) {
            assert_true(sim_disk_flip(r.disk, path, at, (uint8_t)(1 << at % 8)));
            judge(&r, 1, true);
            rig_stop(&r);
            build(&r);
        }
    }
    rig_stop(&r);
}

static void each_cut_keeps_what_lies_before(void **state)
{
    (void)state;
    struct rig r;
    char path[1024];
    build(&r);
    size_t files = rig_files(&r, ".log");
    for (size_t f = 0; f < files; f++) {
        assert_true(rig_file(&r, ".log", f, path));
        uint64_t size = file_size(&r, path);
        for (uint64_t to = 0; to < size; to += 3) {
            assert_true(sim_disk_cut(r.disk, path, to));
            judge(&r, SMALL, true);
            rig_stop(&r);
            build(&r);
        }
    }
    rig_stop(&r);
}

static void damage_beside_the_records_costs_none(void **state)
{
    (void)state;
    static const char *const endings[] = {".index", "cursors"};
    struct rig r;
    char path[1024];
    for (size_t e = 0; e < 2; e++) {
        build(&r);
        assert_true(rig_file(&r, endings[e], 0, path));
        uint64_t size = file_size(&r, path);
        for (uint64_t at = 0; at < size; at += 1 + at / 300 * 997) {
            assert_true(sim_disk_flip(r.disk, path, at, 0x10));
            judge(&r, 0, false);
            assert_int_equal(rig_read(&r, SMALL / 2, NULL, NULL), SMALL / 2 + 4);
            rig_stop(&r);
            build(&r);
        }
        assert_true(sim_disk_cut(r.disk, path, 1));
        judge(&r, 0, false);
        rig_stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_durable_outlives_any_crash),
        cmocka_unit_test(names_outlive_a_crash),
        cmocka_unit_test(what_a_failed_sync_left_in_memory_is_not_believed),
        cmocka_unit_test(the_nth_failure_of_any_call_loses_nothing_durable),
        cmocka_unit_test(a_disk_that_fills_loses_nothing_durable),
        cmocka_unit_test(each_flipped_bit_costs_one_record_and_is_counted),
        cmocka_unit_test(each_cut_keeps_what_lies_before),
        cmocka_unit_test(damage_beside_the_records_costs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
