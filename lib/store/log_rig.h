/* What the tests of the log share: a log on a simulated disk and loop, and what it said. */
#pragma once

#include <stdio.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "io/sim.h"
#include "store/log.h"
#include "store/sim_disk.h"

#define DIRECTORY "/data/log"

struct rig {
    struct sim *sim;
    struct loop *loop;
    struct store_disk *disk;
    struct store_log *log;
    struct store_log_config config;
    uint64_t durable;
    uint64_t failed_first, failed_last;
    enum status why;
    unsigned commits, failures, rooms;
};

static inline void rig_durable(void *arg, uint64_t sequence)
{
    struct rig *r = arg;
    assert_true(sequence > r->durable);
    assert_int_equal(sequence, store_log_durable(r->log));
    r->durable = sequence;
    r->commits++;
}

static inline void rig_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct rig *r = arg;
    r->failed_first = first;
    r->failed_last = last;
    r->why = why;
    r->failures++;
}

static inline void rig_room(void *arg)
{
    ((struct rig *)arg)->rooms++;
}

static inline enum status rig_open(struct rig *r)
{
    r->config.loop = r->loop;
    r->config.disk = r->disk;
    r->config.directory = DIRECTORY;
    r->config.on_durable = rig_durable;
    r->config.on_failed = rig_failed;
    r->config.on_room = rig_room;
    r->config.arg = r;
    enum status s = store_log_open(&r->config, &r->log);
    if (s == OK)
        r->durable = store_log_durable(r->log);
    return s;
}

static inline void rig_start(struct rig *r, uint64_t seed)
{
    r->sim = sim_new(seed);
    r->loop = sim_loop_new(r->sim, "here");
    r->disk = sim_disk_new(seed);
}

static inline void rig_stop(struct rig *r)
{
    store_log_close(&r->log);
    sim_free(&r->sim);
    sim_disk_free(&r->disk);
}

static inline void rig_reopen(struct rig *r)
{
    store_log_close(&r->log);
    assert_int_equal(rig_open(r), OK);
}

/* The record that belongs to a number: from 0 to some hundred bytes, which differ. */
static inline struct slice rig_record(uint64_t sequence, struct buffer *out)
{
    buffer_reset(out);
    size_t len = sequence * 2654435761u % 300;
    if (len > 250)
        len = 0;
    memset(buffer_reserve(out, len + 8), (uint8_t)(sequence * 31), len + 8);
    if (len >= 8)
        memcpy(out->at + len - 8, &sequence, 8);
    buffer_added(out, len);
    return buffer_slice(out);
}

static inline uint64_t rig_stamp(uint64_t sequence)
{
    return 1000000 + sequence * 10;
}

/* Of some, the end is held and not copied. */
static inline enum status rig_append_record(struct rig *r, struct slice record, uint64_t want,
                                            uint64_t *got)
{
    if (want % 3 || record.len < 30)
        return store_log_append(r->log, record, rig_stamp(want), got);
    struct buffer end = {0};
    buffer_put(&end, slice_skip(record, 20));
    struct shared *held = shared_new(&end);
    enum status s = store_log_append_shared(r->log, slice_first(record, 20), held, rig_stamp(want), got);
    shared_unref(&held);
    return s;
}

static inline enum status rig_append(struct rig *r)
{
    struct buffer b = {0};
    uint64_t want = store_log_next(r->log), got = 0;
    enum status s = rig_append_record(r, rig_record(want, &b), want, &got);
    if (s == OK)
        assert_int_equal(got, want);
    buffer_clear(&b);
    return s;
}

static inline void rig_append_n(struct rig *r, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(rig_append(r), OK);
}

static inline bool rig_settled(void *arg)
{
    struct rig *r = arg;
    return store_log_durable(r->log) + 1 == store_log_next(r->log);
}

static inline void rig_commit(struct rig *r)
{
    assert_true(loop_run_until(r->loop, rig_settled, r, 60000));
}

static inline bool rig_never(void *arg)
{
    (void)arg;
    return false;
}

static inline void rig_pass(struct rig *r, uint64_t ms)
{
    loop_run_until(r->loop, rig_never, NULL, ms);
}

static inline void rig_check(const struct store_record *got)
{
    struct buffer b = {0};
    assert_slice(got->bytes, rig_record(got->sequence, &b));
    assert_int_equal(got->wall_ms, rig_stamp(got->sequence));
    buffer_clear(&b);
}

/* Reads all from `from`; each must be as it was written, in order. Returns how many. */
static inline uint64_t rig_read(struct rig *r, uint64_t from, uint64_t *first, uint64_t *last)
{
    struct store_reader *reader = store_reader_open(r->log, from);
    struct store_record got;
    uint64_t n = 0, before = 0;
    for (int failures = 0; failures < 2;) {
        enum status s = store_reader_next(reader, &got);
        failures += s == IO_FAILED; /* once is injected; it may be asked again */
        if (s == AGAIN)
            break;
        if (s != OK)
            continue;
        assert_true(got.sequence > before);
        rig_check(&got);
        if (n++ == 0 && first)
            *first = got.sequence;
        before = got.sequence;
    }
    if (last)
        *last = before;
    store_reader_close(&reader);
    return n;
}

/* The n-th file's path with that ending, in the order of names; false when there are not so many.
 */
static inline bool rig_file(struct rig *r, const char *ending, size_t n, char path[1024])
{
    struct buffer names = {0};
    assert_int_equal(r->disk->ops->list(r->disk, DIRECTORY, &names), OK);
    struct slice rest = buffer_slice(&names), name, best = {0}, floor = {0};
    for (size_t i = 0; i <= n; i++) {
        rest = buffer_slice(&names);
        best = (struct slice){0};
        while (rest.len && slice_split(&rest, 0, &name)) {
            if (!slice_ends(name, slice_of(ending)))
                continue;
            bool above = floor.len == 0 || strcmp((char *)name.at, (char *)floor.at) > 0;
            if (above && (best.len == 0 || strcmp((char *)name.at, (char *)best.at) < 0))
                best = name;
        }
        floor = best;
        if (best.len == 0)
            break;
    }
    if (best.len)
        snprintf(path, 1024, "%s/%s", DIRECTORY, (const char *)best.at);
    buffer_clear(&names);
    return best.len > 0;
}

static inline size_t rig_files(struct rig *r, const char *ending)
{
    char path[1024];
    size_t n = 0;
    while (rig_file(r, ending, n, path))
        n++;
    return n;
}
