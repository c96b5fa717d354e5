/* Commits: what has gathered in memory goes to the last segment, or begins one, and is synced. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/job.h"
#include "store/log_priv.h"
#include "store/record.h"

/* Records of one block, one behind the other. */
struct run {
    struct store_block *block;
    size_t from, to;
    uint64_t first;       /* sequence */
    uint64_t wall_newest; /* found while it is written */
};

struct store_commit {
    struct store_job job;
    struct store_log *log;
    /* what is asked; the thread reads nothing else */
    struct store_disk *disk;
    const char *directory;
    struct store_file *lock;
    struct store_segment known;   /* is there, if the directory is */
    struct store_segment segment; /* the last one, or the one to begin */
    bool begins;
    struct store_segment spare; /* whose file it is written over; .first 0: none */
    bool syncs;
    uint64_t segment_bytes;
    uint64_t grew; /* size of the segment before the one to begin */
    struct run *runs;
    size_t count, cap, bytes;
    uint64_t last; /* sequence */
    /* what came of it */
    struct store_file *file;
    uint64_t reserved; /* of it, bytes */
    enum status status;
};

/* Ahead of what is written, in growing steps, so that a small log takes little. */
#define RESERVE_LEAST (256u << 10)
#define RESERVE_MOST (8u << 20)

/* ---- on the helper thread ---- */

/* A file that grows at each sync costs a second write to the disk each time. It will likely be as large as
 * the one before. */
static void reserve(struct store_commit *c)
{
    uint64_t end = c->segment.size + c->bytes;
    uint64_t ahead = c->segment.size > c->grew ? c->segment.size : c->grew;
    if (end <= c->reserved)
        return;
    ahead = ahead < RESERVE_LEAST ? RESERVE_LEAST : ahead > RESERVE_MOST ? RESERVE_MOST : ahead;
    c->reserved = end + ahead < c->segment_bytes ? end + ahead : c->segment_bytes;
    if (c->reserved >= end)
        c->disk->ops->reserve(c->file, c->reserved);
}


static void seal(struct run *r, uint64_t commit, uint32_t salt)
{
    for (size_t at = r->from; at < r->to;) {
        uint8_t *record = r->block->bytes + at;
        struct store_record view = store_record_view(record);
        store_record_seal(record, (uint32_t)(view.sequence - commit), salt,
                          store_block_rest(r->block));
        r->wall_newest = view.wall_ms > r->wall_newest ? view.wall_ms : r->wall_newest;
        at += store_record_size(record);
    }
}

static enum status write_run(struct store_commit *c, const struct run *r, uint64_t at)
{
    struct slice rest = store_block_rest(r->block);
    struct slice bytes = slice_from(r->block->bytes + r->from, r->to - r->from - rest.len);
    enum status s = c->disk->ops->write(c->file, at, bytes);
    return s == OK && rest.len ? c->disk->ops->write(c->file, at + bytes.len, rest) : s;
}

static enum status write_runs(struct store_commit *c)
{
    uint64_t at = c->segment.size;
    if (c->syncs)
        reserve(c);
    for (size_t i = 0; i < c->count; i++) {
        struct run *r = &c->runs[i];
        seal(r, c->runs[0].first, store_segment_salt(&c->segment));
        enum status s = write_run(c, r, at);
        if (s != OK)
            return s;
        at += r->to - r->from;
    }
    return c->syncs ? c->disk->ops->sync(c->file) : OK;
}

/* Its records have another salt: to whom reads the new one they are nothing. */
static void take_over(struct store_commit *c, const struct store_path *to)
{
    struct store_path from = store_segment_path(c->directory, &c->spare, "log");
    if (c->disk->ops->rename(c->disk, from.text, to->text) == OK)
        c->reserved = c->spare.size;
    else if (c->disk->ops->remove(c->disk, from.text) != OK)
        log_warn("segment neither used again nor removed path=%s", from.text);
}

static void remove_thread(const struct store_commit *c, const struct store_path *path)
{
    if (c->disk->ops->remove(c->disk, path->text) != OK)
        log_warn("segment not removed path=%s", path->text);
}

static void begin_thread(struct store_commit *c)
{
    struct store_path path = store_segment_path(c->directory, &c->segment, "log");
    if (!store_log_in_place(c->lock, c->directory, &c->known)) {
        c->status = OFFLINE;
        return;
    }
    if (c->spare.first)
        take_over(c, &path);
    c->status = c->disk->ops->open(c->disk, path.text, true, &c->file);
    if (c->status != OK) {
        if (c->spare.first) /* its bytes are there by now */
            remove_thread(c, &path);
        return;
    }
    c->status = write_runs(c);
    if (c->status == OK && c->syncs)
        c->status = c->disk->ops->sync_directory(c->disk, c->directory);
    if (c->status == OK)
        return;
    c->disk->ops->close(&c->file);
    remove_thread(c, &path);
}

/* After a failure the kernel may call pages clean that are not on disk: this file is not written
 * again. What failed is cut off, as far as that still goes, so that it does not come back. */
static void go_on_thread(struct store_commit *c)
{
    c->status = write_runs(c);
    if (c->status != OK && c->disk->ops->truncate(c->file, c->segment.size) != OK)
        log_warn("segment not cut directory=%s first=%" PRIu64, c->directory, c->segment.first);
}

static void run_thread(struct store_job *j)
{
    struct store_commit *c = (struct store_commit *)j;
    if (c->begins)
        begin_thread(c);
    else
        go_on_thread(c);
}

/* ---- what a commit takes ---- */

static void take(struct store_commit *c, struct store_block *b, size_t from)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 8;
        c->runs = memory_resize(c->runs, c->cap * sizeof(*c->runs));
    }
    uint64_t first = c->count ? c->last + 1 : c->log->durable + 1;
    c->runs[c->count++] =
        (struct run){.block = store_block_ref(b), .from = from, .to = b->len, .first = first};
    c->bytes += b->len - from;
    c->last = b->last;
}

/* As much as the segment may have, and one run at least; the rest waits for the next commit. */
static void take_all(struct store_log *l, struct store_commit *c)
{
    struct store_block *b = l->uncommitted;
    size_t from = l->uncommitted_at;
    for (;;) {
        bool fits = c->segment.size + c->bytes + (b->len - from) <= l->segment_bytes;
        if (c->count && !fits)
            break;
        if (b->len > from)
            take(c, b, from);
        from = b->len;
        if (b == store_log_tail(l))
            break;
        b = LIST_OF(b->link.next, struct store_block, link);
        from = 0;
    }
    l->uncommitted = b;
    l->uncommitted_at = from;
}

static struct store_segment new_segment(struct store_log *l)
{
    uint32_t salt = (uint32_t)loop_random_u64(l->config.loop);
    return (struct store_segment){
        .first = l->durable + 1,
        .tag = (uint64_t)++l->files_made << 32 | salt,
        .indexed = true,
    };
}

static bool must_begin(const struct store_log *l)
{
    if (l->file == NULL || l->roll)
        return true;
    const struct store_segment *s = &l->segments.at[l->segments.count - 1];
    const struct store_block *b = l->uncommitted;
    size_t least = b->len - l->uncommitted_at;
    if (least == 0) /* the block was full, and what waits begins with the next */
        least = LIST_OF(b->link.next, struct store_block, link)->len;
    return s->size + least > l->segment_bytes;
}

static void done(struct store_job *j);
static void drop(struct store_job *j);

static struct store_commit *prepare(struct store_log *l)
{
    struct store_commit *c = MEMORY_NEW(struct store_commit);
    store_job_init(&c->job);
    c->job.run = run_thread;
    c->job.done = done;
    c->job.drop = drop;
    c->log = l;
    c->disk = l->config.disk;
    c->directory = l->config.directory;
    c->lock = l->lock;
    c->known = store_log_known(l, l->segments.count);
    c->syncs = l->config.durability == STORE_FSYNC;
    c->begins = must_begin(l);
    if (c->begins && l->segments.count)
        c->grew = l->segments.at[l->segments.count - 1].size;
    if (c->begins && l->spares.count) {
        c->spare = l->spares.at[0];
        store_segments_drop(&l->spares, 0);
    }
    if (c->begins)
        c->segment = new_segment(l);
    else
        c->segment = l->segments.at[l->segments.count - 1];
    c->segment_bytes = l->segment_bytes;
    c->file = c->begins ? NULL : l->file;
    c->reserved = c->begins ? 0 : l->reserved;
    take_all(l, c);
    return c;
}

static void drop(struct store_job *j)
{
    struct store_commit *c = (struct store_commit *)j;
    for (size_t i = 0; i < c->count; i++)
        store_block_unref(&c->runs[i].block);
    free(c->runs);
    store_job_clear(j);
    free(c);
}

/* ---- what came of it ---- */

static void close_segment(struct store_log *l)
{
    if (l->file == NULL)
        return;
    l->config.disk->ops->close(&l->file);
    l->segments.at[l->segments.count - 1].unsaved = true;
    store_log_upkeep_soon(l);
}

/* The last commit's blocks stay for the readers that are told about it now. */
static void forget_old_blocks(struct store_log *l)
{
    while (l->block_bytes > STORE_RECENT_BYTES) {
        struct store_block *b = store_log_head(l);
        if (b == l->uncommitted || b->last >= l->last_commit_first || b == store_log_tail(l))
            return;
        store_log_drop_block(l, b);
    }
}

static void committed(struct store_log *l, struct store_commit *c)
{
    if (store_log_news(l, &l->commit_trouble, OK))
        log_info("log commits again directory=%s", l->config.directory);
    if (c->begins) {
        close_segment(l);
        l->file = c->file;
        l->roll = false;
        store_segments_add(&l->segments, c->segment);
    }
    l->reserved = c->reserved;
    struct store_segment *s = &l->segments.at[l->segments.count - 1];
    for (size_t i = 0; i < c->count; i++) {
        store_index_note(&s->index, c->runs[i].first, s->size);
        store_index_stamp(&s->index, c->runs[i].wall_newest);
        s->size += c->runs[i].to - c->runs[i].from;
    }
    s->index.age_ms = store_log_age(l);
    l->bytes += c->bytes;
    l->pending -= c->bytes;
    l->last_commit_first = l->durable + 1;
    l->durable = c->last;
    store_log_mark_durable(l);
    forget_old_blocks(l);
    store_log_retain(l);
}

/* All that waits is given up, and its numbers are given again. */
static void rewind_to_durable(struct store_log *l, struct store_block *b, size_t at)
{
    while (store_log_tail(l) != b)
        store_log_drop_block(l, store_log_tail(l));
    if (b->rest) { /* all of it was given up */
        l->block_bytes -= store_block_rest(b).len;
        shared_unref(&b->rest);
    }
    b->len = at;
    b->last = l->durable;
    l->uncommitted = b;
    l->uncommitted_at = at;
    l->pending = 0;
    l->next = l->durable + 1;
}

static void failed(struct store_log *l, struct store_commit *c)
{
    if (store_log_news(l, &l->commit_trouble, c->status))
        log_error("log commit failed directory=%s first=%" PRIu64 " last=%" PRIu64 " status=%s",
                  l->config.directory, l->durable + 1, l->next - 1, status_name(c->status));
    if (!c->begins) {
        l->segments.at[l->segments.count - 1].worn = true;
        close_segment(l);
    }
    l->roll = true; /* what is left of this one, if it comes back, is behind the next one's first */
    if (c->status == FULL)
        store_log_no_space(l);
    rewind_to_durable(l, c->runs[0].block, c->runs[0].from);
}

/* True when all is durable. */
static bool settle(struct store_log *l, struct store_commit *c)
{
    l->commit = NULL;
    if (c->status == OK)
        committed(l, c);
    else
        failed(l, c);
    return c->status == OK;
}

static void tell_durable(struct store_log *l)
{
    if (l->room_wanted)
        store_log_wake(l);
    if (l->config.on_durable)
        l->config.on_durable(l->config.arg, l->durable);
}

static void tell_failed(struct store_log *l, uint64_t last, enum status why)
{
    if (l->room_wanted)
        store_log_wake(l);
    if (l->config.on_failed)
        l->config.on_failed(l->config.arg, l->durable + 1, last, why == FULL ? FULL : IO_FAILED);
}

/* The next commit starts first, so that the disk works while the callbacks do. */
static void done(struct store_job *j)
{
    struct store_commit *c = (struct store_commit *)j;
    struct store_log *l = c->log;
    uint64_t last = l->next - 1;
    enum status why = c->status;
    bool good = settle(l, c);
    drop(j);
    if (good) {
        store_log_commit(l);
        tell_durable(l);
    } else {
        tell_failed(l, last, why);
    }
}

/* ---- what log_priv.h promised ---- */

static void commit_memory(struct store_log *l)
{
    l->pending = 0;
    l->durable = l->next - 1;
    struct store_block *b = store_log_tail(l);
    l->uncommitted = b;
    l->uncommitted_at = b->len;
    b->age_ms = store_log_age(l);
    store_log_retain(l);
    tell_durable(l);
}

static void on_gathered(void *arg)
{
    store_log_commit(arg);
}

/* Small ones that follow each other cost a sync each. Later: the timer goes on. */
static bool is_too_early(struct store_log *l)
{
    uint64_t now = loop_now_ms(l->config.loop);
    if (now >= l->commit_due_ms || l->pending >= STORE_GATHER_MUCH) {
        loop_timer_stop(&l->gather);
        l->commit_due_ms = now + l->config.gather_ms;
        return false;
    }
    if (l->gather.node.index == 0)
        loop_timer_start(l->config.loop, &l->gather, l->commit_due_ms - now, on_gathered, l);
    return true;
}

void store_log_commit(struct store_log *l)
{
    if (l->commit || l->pending == 0)
        return;
    if (store_in_memory(l)) {
        commit_memory(l);
        return;
    }
    if (l->config.gather_ms && is_too_early(l))
        return;
    l->commit = prepare(l);
    store_job_start(&l->commit->job, l->config.loop);
}

enum status store_log_commit_all(struct store_log *l)
{
    bool good = true;
    if (store_in_memory(l))
        return OK;
    if (l->commit) {
        struct store_commit *c = l->commit;
        store_job_finish(&c->job);
        good = settle(l, c);
        c->log = NULL;
        store_job_let_go(&c->job);
    }
    while (good && l->pending) {
        struct store_commit *c = prepare(l);
        store_job_run(&c->job);
        good = settle(l, c);
        drop(&c->job);
    }
    return good ? OK : IO_FAILED;
}
