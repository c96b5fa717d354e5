#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/log_priv.h"
#include "store/scan.h"

/* Reads from memory while it can (`block`), else from a segment (`scan`), never from both. */
struct store_reader {
    struct store_log *log;
    uint64_t next;
    struct store_block *block;
    size_t at;
    struct buffer joined; /* a record whose end is elsewhere */
    struct store_scan scan;
    enum status failed; /* the last call: OK: it did not; BUSY (disk.h) */
};

static void leave(struct store_reader *r)
{
    store_block_unref(&r->block);
    store_scan_clear(&r->scan);
}

/* ---- memory ---- */

static bool find_block(struct store_reader *r)
{
    struct list *blocks = &r->log->blocks;
    for (struct link *at = blocks->head.prev; at != &blocks->head; at = at->prev) {
        struct store_block *b = LIST_OF(at, struct store_block, link);
        if (b->first > r->next || b->last < b->first)
            continue;
        if (b->last < r->next)
            return false;
        r->block = store_block_ref(b);
        r->at = store_block_find(b, r->next);
        return true;
    }
    return false;
}

static struct slice join(struct store_reader *r, struct slice record)
{
    struct slice rest = store_block_rest(r->block);
    buffer_reset(&r->joined);
    buffer_put(&r->joined, slice_first(record, record.len - rest.len));
    buffer_put(&r->joined, rest);
    return buffer_slice(&r->joined);
}

/* False when the block has no more. */
static bool read_block(struct store_reader *r, struct store_record *out)
{
    if (r->next > r->block->last) {
        store_block_unref(&r->block);
        return false;
    }
    *out = store_record_view(r->block->bytes + r->at);
    assert(out->sequence == r->next);
    if (r->block->rest)
        out->bytes = join(r, out->bytes);
    r->at += STORE_RECORD_HEADER + out->bytes.len;
    r->next++;
    return true;
}

/* ---- segments ---- */

/* Those from `expected` on cannot be read; r->next goes behind them. */
static void pass_damage(struct store_reader *r, uint64_t expected, uint64_t good)
{
    if (good > expected)
        store_log_note_damage(r->log, expected, good - 1, "hole");
    if (good > r->next)
        r->next = good;
}

/* The record from which on the n-th segment is to be read, and where it begins. */
static void find_start(struct store_reader *r, size_t n, uint64_t *sequence, uint64_t *at)
{
    const struct store_segment *s = &r->log->segments.at[n];
    *sequence = s->first;
    *at = 0;
    if (r->next == s->first || store_log_need_index(r->log, n) != OK)
        return;
    const struct store_index_entry *e = store_index_by_sequence(&s->index, r->next);
    if (e) {
        *sequence = e->sequence;
        *at = e->at;
    }
}

/* AGAIN: somebody removed the file, and nothing brings it back. */
static enum status begin_scan(struct store_reader *r)
{
    struct store_log *l = r->log;
    size_t n = store_segments_find(&l->segments, r->next);
    const struct store_segment *s = &l->segments.at[n];
    struct store_file *f;
    enum status status = store_log_open_segment(l, n, &f);
    if (status == NOT_FOUND) {
        pass_damage(r, r->next, store_log_limit(l, n));
        return AGAIN;
    }
    if (status != OK)
        return status;
    uint64_t at, sequence;
    find_start(r, n, &sequence, &at);
    store_scan_init(&r->scan, f, store_segment_salt(s), at, s->size, sequence,
                    store_log_limit(l, n));
    return OK;
}

/* OK; AGAIN when the segment has no more. */
static enum status read_segment(struct store_reader *r, struct store_record *out)
{
    uint64_t expected;
    do {
        enum status s = store_scan_next(&r->scan, out, &expected);
        if (s == CLOSED) {
            pass_damage(r, expected, r->scan.limit);
            store_scan_clear(&r->scan);
            return AGAIN;
        }
        if (s != OK)
            return s;
        pass_damage(r, expected, out->sequence);
    } while (out->sequence < r->next);
    r->next = out->sequence + 1;
    return OK;
}

/* It would be read while another segment is written over it. */
static bool is_written_over(const struct store_reader *r)
{
    return r->log->config.reuse && r->scan.file && r->next < store_log_first(r->log);
}

/* ---- what log.h promised ---- */

static enum status next(struct store_reader *r, struct store_record *out)
{
    for (;;) {
        if (r->block && r->next > r->log->durable)
            return AGAIN; /* the block has more, which wait for their commit */
        if (r->block && read_block(r, out))
            return OK;
        if (is_written_over(r))
            store_scan_clear(&r->scan);
        if (r->scan.file == NULL) {
            if (r->next < store_log_first(r->log))
                r->next = store_log_first(r->log);
            if (r->next > r->log->durable)
                return AGAIN;
            if (find_block(r))
                continue;
            enum status s = begin_scan(r);
            if (s == AGAIN)
                continue;
            if (s != OK)
                return s;
        }
        enum status s = read_segment(r, out);
        if (s != AGAIN)
            return s;
    }
}

enum status store_reader_next(struct store_reader *r, struct store_record *out)
{
    enum status s = next(r, out);
    r->failed = s == OK || s == AGAIN ? OK : s;
    return r->failed ? IO_FAILED : s;
}

uint64_t store_reader_at(const struct store_reader *r)
{
    return r->next;
}

bool store_reader_lacks(const struct store_reader *r)
{
    return r->failed == BUSY;
}

/* All of the segment that is not read yet. The file takes no more, if it was the last. */
static void pass_segment(struct store_reader *r)
{
    struct store_log *l = r->log;
    size_t n = store_segments_find(&l->segments, r->next);
    l->segments.at[n].worn = true;
    if (n + 1 == l->segments.count)
        l->roll = true;
    pass_damage(r, r->next, store_log_limit(l, n));
}

enum status store_reader_give_up(struct store_reader *r)
{
    assert(r->failed);
    if (store_reader_lacks(r))
        return BUSY;
    enum status s = store_log_presence(r->log, r->next);
    if (s != OK)
        return s;
    if (r->scan.file)
        store_scan_give_up(&r->scan);
    else
        pass_segment(r);
    return OK;
}

void store_reader_seek(struct store_reader *r, uint64_t sequence)
{
    leave(r);
    r->next = sequence < r->log->next ? sequence : r->log->next;
}

struct store_reader *store_reader_open(struct store_log *l, uint64_t sequence)
{
    struct store_reader *r = MEMORY_NEW(struct store_reader);
    r->log = l;
    l->readers++;
    store_reader_seek(r, sequence);
    return r;
}

void store_reader_close(struct store_reader **reader)
{
    struct store_reader *r = *reader;
    if (r == NULL)
        return;
    leave(r);
    buffer_clear(&r->joined);
    r->log->readers--;
    free(r);
    *reader = NULL;
}
