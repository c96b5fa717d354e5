/*
 * Whether a log's storage is there: another place of the log is read, on a helper thread, and from
 * the disk itself, for memory keeps much of a disk that was pulled out. What cannot be read is
 * given up only then, and each place that did not read has its own look: the disk may have gone since the one before.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/job.h"
#include "store/log_priv.h"

#define PRESENT_MS 2000 /* what was found holds so long, or until something was given up for it */
#define TRIED_MAX 5

struct store_presence {
    struct store_job job;
    struct store_log *log;
    struct store_disk *disk;
    uint64_t sequence; /* that does not read */
    bool syncs; /* pages that nobody has synced are not forgotten */
    struct store_path paths[TRIED_MAX];
    uint64_t sizes[TRIED_MAX];
    size_t count;
    bool found;
};

/* ---- on the helper thread ---- */

static bool reads_thread(struct store_presence *p, size_t i)
{
    const uint64_t places[] = {p->sizes[i] / 2, p->sizes[i] - 1, 0};
    struct buffer page = {0};
    struct store_file *f;
    bool reads = false;
    if (p->disk->ops->open(p->disk, p->paths[i].text, false, &f) != OK)
        return false;
    bool on_disk = !p->syncs || f->read_only || p->disk->ops->sync(f) == OK;
    p->disk->ops->forget(f);
    for (size_t n = 0; on_disk && n < sizeof places / sizeof places[0] && !reads; n++)
        reads = p->disk->ops->read(f, places[n], 1, &page) == OK && page.len > 0;
    p->disk->ops->close(&f);
    buffer_clear(&page);
    return reads;
}

static void run_thread(struct store_job *j)
{
    struct store_presence *p = (struct store_presence *)j;
    for (size_t i = 0; i < p->count && !p->found; i++)
        p->found = reads_thread(p, i);
}

/* ---- on the loop ---- */

static void drop(struct store_job *j)
{
    struct store_presence *p = (struct store_presence *)j;
    store_job_clear(j);
    free(p);
}

/* Where none reads, the next commit begins a segment: that one does, if it is only the others'
 * damage. */
static void done(struct store_job *j)
{
    struct store_presence *p = (struct store_presence *)j;
    struct store_log *l = p->log;
    l->presence = NULL;
    l->present = p->found ? OK : OFFLINE;
    l->present_ms = loop_now_ms(l->config.loop);
    l->present_for = p->sequence;
    if (!p->found) {
        l->roll = true;
        log_warn("log does not read anywhere: nothing is given up directory=%s",
                 l->config.directory);
    }
    drop(j);
}

/* Those that come next first: nobody has read them for long. At last other places of the same one.
 */
static struct store_presence *prepare(struct store_log *l, uint64_t sequence)
{
    struct store_presence *p = MEMORY_NEW(struct store_presence);
    size_t count = l->segments.count, n = store_segments_find(&l->segments, sequence);
    const size_t tried[TRIED_MAX] = {n + 1, n + 2, count - 1, 0, n};
    store_job_init(&p->job);
    p->job.run = run_thread;
    p->job.done = done;
    p->job.drop = drop;
    p->log = l;
    p->disk = l->config.disk;
    p->sequence = sequence;
    p->syncs = l->config.durability != STORE_FSYNC;
    for (size_t i = 0; i < TRIED_MAX; i++) {
        if (tried[i] >= count || l->segments.at[tried[i]].size == 0)
            continue;
        const struct store_segment *s = &l->segments.at[tried[i]];
        p->paths[p->count] = store_segment_path(l->config.directory, s, "log");
        p->sizes[p->count++] = s->size;
    }
    return p;
}

enum status store_log_presence(struct store_log *l, uint64_t sequence)
{
    if (l->presence)
        return AGAIN;
    enum status found = l->present;
    bool holds = found == OFFLINE || (found == OK && l->present_for == sequence);
    if (holds && loop_now_ms(l->config.loop) - l->present_ms <= PRESENT_MS) {
        l->present = found == OK ? AGAIN : found;
        return found;
    }
    l->presence = prepare(l, sequence);
    store_job_start(&l->presence->job, l->config.loop);
    return AGAIN;
}

void store_log_presence_end(struct store_log *l)
{
    struct store_presence *p = l->presence;
    if (p == NULL)
        return;
    l->presence = NULL;
    store_job_finish(&p->job);
    store_job_let_go(&p->job);
}
