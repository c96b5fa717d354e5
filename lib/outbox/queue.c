#include "outbox/queue_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

#define CURSOR SLICE("sent")
#define GATHER_MS 10  /* messages are sent without waiting for the disk: small ones share a commit */
#define RETRY_MS 1000 /* after a commit that failed */
#define END_TRIES 2   /* at the end, of commits that fail: a new file may do */
#define FRESH_MAX 64  /* messages that are kept in memory though the disk has them */
#define SEGMENT_BYTES (8u << 20)
#define BYTES_MIN (1u << 20) /* of a log: some segments */
#define FRESH_PARTS 64       /* and this part of memory_bytes: there may be many queues */
#define UNSTORED_PARTS 16    /* the policy begins when this part of memory_bytes is not stored */

static uint64_t size_of(const struct outgoing *m)
{
    return outgoing_body(m).len + m->properties.len;
}

uint64_t queue_now_ms(const struct queue *q)
{
    return q->log ? store_log_age(q->log) : loop_now_ms(q->config.loop);
}

struct outgoing *queue_first_fresh(const struct queue *q)
{
    struct link *l = list_first((struct list *)&q->fresh);
    return l ? LIST_OF(l, struct outgoing, link) : NULL;
}

/* Frees what was in memory. */
void queue_free_message(struct queue *q, struct outgoing *m)
{
    uint64_t bytes = size_of(m);
    outgoing_free(&m);
    if (q->config.on_memory)
        q->config.on_memory(q->config.arg, bytes);
}

void queue_leave_fresh(struct queue *q, struct outgoing *m)
{
    list_remove(&m->link);
    q->fresh_count--;
    q->fresh_bytes -= size_of(m);
}

void queue_forget_unstored(struct queue *q, const struct outgoing *m)
{
    if (!q->log || m->sequence)
        return;
    q->unstored--;
    q->unstored_bytes -= size_of(m);
}

/* ---- into the log ---- */

/* False: not now. */
static bool append(struct queue *q, struct outgoing *m)
{
    struct outgoing_view v = outgoing_view(m);
    buffer_reset(&q->scratch);
    enum status s = outgoing_encode_head(&v, &q->scratch);
    if (s == OK && v.owner)
        s = store_log_append_shared(q->log, buffer_slice(&q->scratch), v.owner, m->stamp_ms,
                                    &m->sequence);
    else if (s == OK)
        s = store_log_append_parts(q->log, buffer_slice(&q->scratch), v.body, m->stamp_ms,
                                   &m->sequence);
    q->held = s == FULL;
    if (s != OK) {
        m->sequence = 0;
        return false;
    }
    q->unstored--;
    q->unstored_bytes -= size_of(m);
    return true;
}

/* Those that fly first: they are the older ones. False: the log takes no more now. */
static bool append_flying(struct queue *q)
{
    LIST_EACH(l, &q->flying)
    {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (f->done || !f->message || f->message->sequence)
            continue;
        if (!append(q, f->message))
            return false;
        f->sequence = f->message->sequence;
        if (q->read_next <= f->sequence)
            q->read_next = f->sequence + 1;
    }
    return true;
}

static void append_all(struct queue *q)
{
    if (!q->log || q->unstored == 0 || !append_flying(q))
        return;
    struct link *l = q->fresh.head.prev;
    while (l != &q->fresh.head && LIST_OF(l, struct outgoing, link)->sequence == 0)
        l = l->prev;
    for (l = l->next; l != &q->fresh.head; l = l->next)
        if (!append(q, LIST_OF(l, struct outgoing, link)))
            return;
}

/* Those that fly are in their transport's memory, too. */
static void evict_flying(struct queue *q)
{
    LIST_EACH(l, &q->flying)
    {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (!f->message || f->sequence == 0 || f->sequence > store_log_durable(q->log))
            continue;
        queue_free_message(q, f->message);
        f->message = NULL;
    }
}

/* What the disk has need not stay in memory. */
static void evict(struct queue *q)
{
    struct outgoing *m;
    while (q->log && (m = queue_first_fresh(q)) && m->sequence &&
           m->sequence <= store_log_durable(q->log) &&
           (q->fresh_bytes > q->config.memory_bytes / FRESH_PARTS || q->fresh_count > FRESH_MAX)) {
        if (q->peeked == FROM_MEMORY)
            q->peeked = NOTHING;
        queue_leave_fresh(q, m);
        queue_free_message(q, m);
    }
}

/* ---- when there is no room ---- */

/* What it is called; empty when the disk does not give it. They are asked for in their order. */
static struct slice properties_of(const struct queue_flight *f, struct store_reader *r)
{
    struct store_record record;
    struct outgoing_view v;
    if (f->message)
        return outgoing_view(f->message).properties;
    if (store_reader_at(r) != f->sequence)
        store_reader_seek(r, f->sequence);
    if (store_reader_next(r, &record) != OK || record.sequence != f->sequence ||
        outgoing_decode(record.bytes, &v) != OK)
        return (struct slice){0};
    return v.properties;
}

/* The log cannot drop what lies before a cursor that does not move: what is flying there has only
 * its transport's memory from now on. */
static void expose(struct queue *q)
{
    struct store_reader *r = store_reader_open(q->log, q->settled + 1);
    LIST_EACH(l, &q->flying)
    {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (f->done || f->sequence == 0)
            continue;
        if (q->on_exposed)
            q->on_exposed(q->exposed_arg, properties_of(f, r));
        f->sequence = 0;
    }
    store_reader_close(&r);
}

/* More waits to be stored than memory is for. */
static bool lacks_room(const struct queue *q)
{
    return q->unstored_bytes > q->config.memory_bytes / UNSTORED_PARTS;
}

static void drop_oldest(struct queue *q)
{
    struct queue_next next;
    if (queue_peek(q, &next) != OK) /* the disk does not give it now */
        return;
    expose(q);
    while (lacks_room(q) && queue_peek(q, &next) == OK) {
        queue_drop(q, GAP_BYTES);
        append_all(q);
    }
}

static void drop_newest(struct queue *q)
{
    while (lacks_room(q) && !list_empty(&q->fresh)) {
        struct outgoing *m = LIST_OF(q->fresh.head.prev, struct outgoing, link);
        if (m->sequence)
            return;
        if (q->peeked == FROM_MEMORY && m == queue_first_fresh(q))
            q->peeked = NOTHING;
        struct outgoing_view v = outgoing_view(m);
        q->config.on_dropped(q->config.arg, &v, GAP_BYTES);
        queue_forget_unstored(q, m);
        queue_leave_fresh(q, m);
        queue_free_message(q, m);
    }
}

/* When only a commit is under way there will be room after it. */
static void make_room(struct queue *q)
{
    if (!q->log || q->making_room || !lacks_room(q) || !store_log_is_full(q->log))
        return;
    q->making_room = true;
    if (q->config.policy == QUEUE_OLDEST)
        drop_oldest(q);
    else if (q->config.policy == QUEUE_NEWEST)
        drop_newest(q);
    q->making_room = false;
}

/* ---- what the log says ---- */

void queue_move_cursor(struct queue *q)
{
    if (q->log && q->settled)
        store_cursor_set(q->log, CURSOR, q->settled);
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct queue *q = arg;
    (void)sequence;
    append_all(q);
    evict_flying(q);
    evict(q);
    make_room(q);
    queue_move_cursor(q);
    if (q->config.on_durable)
        q->config.on_durable(q->config.arg);
}

static void on_room(void *arg)
{
    struct queue *q = arg;
    q->held = false; /* though nothing may wait any more */
    append_all(q);
}

static void lose_place(struct queue *q, struct outgoing *m, uint64_t first)
{
    if (m->sequence < first)
        return;
    m->sequence = 0;
    q->unstored++;
    q->unstored_bytes += size_of(m);
}

/* They are still in memory: only what is durable leaves it. */
static void lose_places(struct queue *q, uint64_t first)
{
    q->failures++;
    LIST_EACH(l, &q->flying)
    {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (f->sequence < first)
            continue;
        f->sequence = 0;
        if (f->message)
            lose_place(q, f->message, first);
    }
    LIST_EACH(l, &q->fresh)
    lose_place(q, LIST_OF(l, struct outgoing, link), first);
    if (q->settled >= first)
        q->settled = first - 1;
    if (q->read_next > first)
        q->read_next = first;
}

/* None is appended until the retry: each would be a commit that fails. */
static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct queue *q = arg;
    (void)last;
    lose_places(q, first);
    q->held = why != FULL; /* then the log says so itself, and when there is room */
    loop_timer_start(q->config.loop, &q->retry, RETRY_MS, on_room, q);
}

/* ---- life ---- */

static uint64_t segment_bytes(uint64_t bytes_max)
{
    return bytes_max / 8 < SEGMENT_BYTES ? bytes_max / 8 : SEGMENT_BYTES;
}

static enum status open_log(struct queue *q)
{
    uint64_t most = q->config.bytes_max > BYTES_MIN ? q->config.bytes_max : BYTES_MIN;
    enum status s = store_log_open(&(struct store_log_config){.loop = q->config.loop,
                                                              .disk = q->config.disk,
                                                              .directory = q->config.directory,
                                                              .durability = q->config.durability,
                                                              .segment_bytes = segment_bytes(most),
                                                              .retain_bytes = most,
                                                              .retain_unread = true,
                                                              .reuse = true,
                                                              .gather_ms = GATHER_MS,
                                                              .on_durable = on_durable,
                                                              .on_failed = on_failed,
                                                              .on_room = on_room,
                                                              .arg = q},
                                   &q->log);
    if (s != OK)
        return s;
    q->settled = store_cursor_get(q->log, CURSOR);
    q->read_next =
        q->settled + 1 > store_log_first(q->log) ? q->settled + 1 : store_log_first(q->log);
    if (q->read_next > store_log_next(q->log))
        q->read_next = store_log_next(q->log);
    q->reader = store_reader_open(q->log, q->read_next);
    q->reader_at = q->read_next;
    if (queue_counts(q).waiting)
        log_info("queue has unsent messages directory=%s count=%" PRIu64, q->config.directory,
                 queue_counts(q).waiting);
    return OK;
}

enum status queue_open(const struct queue_config *config, struct queue **out)
{
    struct queue *q = MEMORY_NEW(struct queue);
    q->config = *config;
    list_init(&q->flying);
    list_init(&q->fresh);
    if (config->directory) {
        q->config.directory = memory_text(config->directory);
        enum status s = open_log(q);
        if (s != OK) {
            free((char *)q->config.directory);
            free(q);
            return s;
        }
    }
    *out = q;
    return OK;
}

static bool has_uncommitted(const struct store_log *l)
{
    return store_log_next(l) > store_log_durable(l) + 1;
}

/* The log takes so much at a time, and not all of it may be in there yet. */
static void store_rest(struct queue *q)
{
    append_all(q);
    for (int tries = 0; tries < END_TRIES && (q->unstored || has_uncommitted(q->log));) {
        uint64_t before = store_log_durable(q->log);
        if (store_log_commit_all(q->log) != OK)
            lose_places(q, store_log_durable(q->log) + 1);
        append_all(q);
        tries = store_log_durable(q->log) > before ? 0 : tries + 1;
    }
    if (q->unstored)
        log_error("queue ends with messages that the disk did not take directory=%s count=%" PRIu64,
                  q->config.directory, q->unstored);
}

void queue_close(struct queue **queue)
{
    struct queue *q = *queue;
    if (!q)
        return;
    struct link *l;
    loop_timer_stop(&q->retry);
    loop_timer_stop(&q->reread);
    if (q->log)
        store_rest(q);
    while ((l = list_pop(&q->flying))) {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (f->message)
            queue_free_message(q, f->message);
        free(f);
    }
    while ((l = list_pop(&q->fresh)))
        queue_free_message(q, LIST_OF(l, struct outgoing, link));
    if (q->reader)
        store_reader_close(&q->reader);
    store_log_close(&q->log);
    buffer_clear(&q->scratch);
    free((char *)q->config.directory);
    free(q);
    *queue = NULL;
}

void queue_on_exposed(struct queue *q, queue_exposed_fn *fn, void *arg)
{
    q->on_exposed = fn;
    q->exposed_arg = arg;
}

static bool too_large(const struct queue *q, const struct outgoing *m)
{
    return q->log && (outgoing_body(m).len > STORE_RECORD_MAX - OUTGOING_HEAD_MAX ||
                      m->properties.len > OUTGOING_HEAD_MAX / 2 ||
                      (m->topic && strlen(m->topic) > OUTGOING_TEXT_MAX));
}

void queue_put(struct queue *q, struct outgoing *m)
{
    m->stamp_ms = queue_now_ms(q);
    m->sequence = 0;
    if (too_large(q, m)) {
        struct outgoing_view v = outgoing_view(m);
        q->config.on_dropped(q->config.arg, &v, GAP_LARGE);
        queue_free_message(q, m);
        return;
    }
    outgoing_share(m);
    list_push(&q->fresh, &m->link);
    q->fresh_count++;
    q->fresh_bytes += size_of(m);
    if (q->log) {
        q->unstored++;
        q->unstored_bytes += size_of(m);
    }
    if (!q->held) /* else all that waits would be walked over, with each message */
        append_all(q);
    make_room(q);
    evict(q);
}
