/*
 * What may come a little later than the commit: cursors, indexes of closed segments, files to
 * remove. A segment's file goes, or is written over, only after it is remembered that the log begins
 * behind it, so that a crash which brings some of the files back brings no gap.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/job.h"
#include "store/log_priv.h"

#define LATE_MS 20
#define RETRY_MS 1000
#define MARK_MS 5000
#define SYNC_MS 1000 /* of what is remembered: a cursor that moves all the time would cost a sync each time */

struct saved_index {
    struct store_path path;
    struct buffer bytes;
};

struct store_upkeep {
    struct store_job job;
    struct store_log *log;
    struct store_disk *disk;
    const char *directory;
    struct store_file *lock;
    struct store_segment known; /* is there, if the directory is */
    struct buffer slot; /* empty: nothing to remember */
    uint64_t turn;
    bool syncs;
    struct saved_index *indexes;
    size_t index_count;
    struct store_segments doomed;
    size_t spared; /* of them, the first: their files stay, to be written over */
    enum status status; /* of the slot */
};

/* ---- on the helper thread ---- */

static void remember_thread(struct store_upkeep *u)
{
    struct store_path path = store_path_in(u->directory, "cursors");
    if (!store_log_in_place(u->lock, u->directory, &u->known)) {
        u->status = OFFLINE;
        return;
    }
    u->status = store_remember_save(u->disk, path.text, u->turn, buffer_slice(&u->slot), u->syncs);
    if (u->status == OK && u->syncs && u->turn == 1) /* it made the file */
        u->status = u->disk->ops->sync_directory(u->disk, u->directory);
}

/* Not synced: it has a checksum, and without it the segment is read through. */
static void save_index_thread(struct store_upkeep *u, const struct saved_index *i)
{
    struct store_file *f;
    if (u->disk->ops->open(u->disk, i->path.text, true, &f) != OK)
        return;
    if (u->disk->ops->write(f, 0, buffer_slice(&i->bytes)) != OK)
        log_warn("index not saved path=%s", i->path.text);
    u->disk->ops->close(&f);
}

static void remove_thread(struct store_upkeep *u, const struct store_segment *s, bool spared)
{
    static const char *const endings[] = {"index", "log"};
    for (size_t i = 0; i < (spared ? 1 : 2); i++) {
        struct store_path path = store_segment_path(u->directory, s, endings[i]);
        enum status status = u->disk->ops->remove(u->disk, path.text);
        if (status != OK && status != NOT_FOUND)
            log_warn("segment not removed path=%s", path.text);
    }
}

static void run_thread(struct store_job *j)
{
    struct store_upkeep *u = (struct store_upkeep *)j;
    if (u->slot.len)
        remember_thread(u);
    for (size_t i = 0; i < u->index_count; i++)
        save_index_thread(u, &u->indexes[i]);
    for (size_t i = 0; u->status == OK && i < u->doomed.count; i++)
        remove_thread(u, &u->doomed.at[i], i < u->spared);
}

/* ---- what there is to do ---- */

static void take_indexes(struct store_log *l, struct store_upkeep *u)
{
    u->indexes = memory_new(l->segments.count * sizeof(*u->indexes));
    for (size_t i = 0; i < l->segments.count; i++) {
        struct store_segment *s = &l->segments.at[i];
        if (!s->unsaved)
            continue;
        struct saved_index *index = &u->indexes[u->index_count++];
        index->path = store_segment_path(l->config.directory, s, "index");
        store_index_encode(&s->index, store_segment_salt(s), &index->bytes);
        s->unsaved = false;
    }
}

/* Files go only after it is on the disk that they are not needed. */
static bool must_sync(const struct store_log *l)
{
    return l->doomed.count || !l->remember_synced ||
           loop_now_ms(l->config.loop) - l->remember_synced_ms >= SYNC_MS;
}

static void take_remembered(struct store_log *l, struct store_upkeep *u)
{
    l->remember.durable = l->durable;
    l->remember.first = store_log_first(l);
    l->remember.age_ms = store_log_age(l);
    u->turn = l->remember_turn + 1;
    store_remember_encode(&l->remember, u->turn, &u->slot);
    l->remember_dirty = false;
}

static void done(struct store_job *j);

static void drop(struct store_job *j)
{
    struct store_upkeep *u = (struct store_upkeep *)j;
    for (size_t i = 0; i < u->index_count; i++)
        buffer_clear(&u->indexes[i].bytes);
    free(u->indexes);
    buffer_clear(&u->slot);
    store_segments_clear(&u->doomed);
    store_job_clear(j);
    free(u);
}

/* How many of those to go are kept. */
static size_t spare(const struct store_log *l)
{
    size_t n = 0, most = l->config.reuse ? STORE_SPARE_SEGMENTS - l->spares.count : 0;
    while (n < most && n < l->doomed.count && l->doomed.at[n].size > 0 &&
           l->doomed.at[n].size <= l->segment_bytes && !l->doomed.at[n].worn)
        n++;
    return n;
}

static struct store_upkeep *prepare(struct store_log *l, bool syncs)
{
    struct store_upkeep *u = MEMORY_NEW(struct store_upkeep);
    store_job_init(&u->job);
    u->job.run = run_thread;
    u->job.done = done;
    u->job.drop = drop;
    u->log = l;
    u->disk = l->config.disk;
    u->directory = l->config.directory;
    u->lock = l->lock;
    u->known = store_log_known(l, l->segments.count);
    u->syncs = syncs;
    take_indexes(l, u);
    if (l->remember_dirty || l->doomed.count)
        take_remembered(l, u);
    u->doomed = l->doomed;
    u->spared = spare(l);
    l->doomed = (struct store_segments){0};
    return u;
}

/* ---- what came of it ---- */

/* Their files are gone or may be written over, and somebody may wait for their room. */
static void forget_doomed(struct store_log *l, struct store_upkeep *u)
{
    for (size_t i = 0; i < u->doomed.count; i++) {
        l->doomed_bytes -= u->doomed.at[i].size;
        if (i < u->spared)
            store_segments_add(&l->spares, u->doomed.at[i]);
    }
    if (!l->config.reuse) /* any more */
        store_log_doom_spares(l);
    if (u->doomed.count && l->room_wanted)
        store_log_wake(l);
}

static void on_sync(void *arg)
{
    struct store_log *l = arg;
    l->remember_dirty = true;
    store_log_upkeep_soon(l);
}

static void remembered(struct store_log *l, bool synced)
{
    if (!synced) {
        if (l->sync.node.index == 0)
            loop_timer_start(l->config.loop, &l->sync, SYNC_MS, on_sync, l);
        return;
    }
    loop_timer_stop(&l->sync);
    l->remember_turn++;
    l->remember_synced = true;
    l->remember_synced_ms = loop_now_ms(l->config.loop);
}

/* The same slot is written again next time, after a failure or before it is synced: the other one is whole. */
static enum status settle(struct store_log *l, struct store_upkeep *u)
{
    l->upkeep = NULL;
    if (u->status == OK) {
        if (u->slot.len)
            remembered(l, u->syncs);
        forget_doomed(l, u);
        return OK;
    }
    l->remember_dirty = true;
    for (size_t i = 0; i < u->doomed.count; i++)
        store_segments_add(&l->doomed, u->doomed.at[i]);
    u->doomed.count = 0;
    return u->status;
}

static bool has_work(const struct store_log *l)
{
    bool unsaved = false;
    for (size_t i = 0; i < l->segments.count; i++)
        unsaved = unsaved || l->segments.at[i].unsaved;
    return l->remember_dirty || l->doomed.count || unsaved;
}

static void on_late(void *arg)
{
    struct store_log *l = arg;
    if (l->upkeep) {
        store_log_upkeep_soon(l);
        return;
    }
    if (!has_work(l))
        return;
    l->upkeep = prepare(l, must_sync(l));
    store_job_start(&l->upkeep->job, l->config.loop);
}

static void done(struct store_job *j)
{
    struct store_upkeep *u = (struct store_upkeep *)j;
    struct store_log *l = u->log;
    enum status s = settle(l, u);
    drop(j);
    bool news = store_log_news(l, &l->upkeep_trouble, s);
    if (s == OK)
        return;
    if (news)
        log_error("cursors not saved directory=%s status=%s", l->config.directory,
                  status_name(s));
    loop_timer_start(l->config.loop, &l->late, RETRY_MS, on_late, l);
}

void store_log_upkeep_soon(struct store_log *l)
{
    if (l->late.node.index == 0)
        loop_timer_start(l->config.loop, &l->late, LATE_MS, on_late, l);
}

static void on_mark(void *arg)
{
    struct store_log *l = arg;
    if (l->remember.durable == l->durable)
        return; /* a cursor was saved meanwhile, and this with it */
    l->remember_dirty = true;
    store_log_upkeep_soon(l);
}

void store_log_mark_durable(struct store_log *l)
{
    if (l->config.durability == STORE_FSYNC && l->mark.node.index == 0)
        loop_timer_start(l->config.loop, &l->mark, MARK_MS, on_mark, l);
}

enum status store_log_upkeep_now(struct store_log *l)
{
    if (l->upkeep) {
        struct store_upkeep *u = l->upkeep;
        store_job_finish(&u->job);
        if (settle(l, u) != OK)
            log_warn("cursors not saved directory=%s", l->config.directory);
        store_job_let_go(&u->job);
    }
    l->remember_dirty = true; /* how far it was durable */
    struct store_upkeep *u = prepare(l, true);
    store_job_run(&u->job);
    enum status s = settle(l, u);
    drop(&u->job);
    return s;
}
