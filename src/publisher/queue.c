#include "publisher/queue.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

#define CURSOR SLICE("sent")
#define GATHER_MS 10  /* messages are sent without waiting for the disk: small ones share a commit */
#define RETRY_MS 1000 /* after a commit that failed */
#define FRESH_MAX 64  /* messages that are kept in memory though the disk has them */
#define SEGMENT_BYTES (8u << 20)
#define BYTES_MIN (1u << 20) /* of a log: some segments */
#define FRESH_PARTS 64       /* and this part of memory_bytes: there may be many queues */
#define UNSTORED_PARTS 16    /* the policy begins when this part of memory_bytes is not stored */

struct queue_flight {
    struct link link;
    struct outgoing *message; /* NULL: it was read from the disk */
    uint64_t sequence;        /* in the log; 0: not there */
    bool done;
};

struct queue {
    struct queue_config config;
    struct store_log *log; /* NULL: in memory alone */
    struct store_reader *reader;
    uint64_t read_next; /* where the reader goes on: all before was taken */
    uint64_t reader_at; /* what the reader gives next */
    uint64_t settled;   /* all in the log up to it is done */
    struct list flying; /* taken, oldest first; those that are done wait for the ones before */
    uint64_t flying_count;
    struct list fresh; /* the newest, in memory */
    uint64_t fresh_count, fresh_bytes;
    uint64_t unstored, unstored_bytes; /* in memory and not in the log, of flying and fresh */
    bool making_room;
    struct loop_timer retry;

    enum { NOTHING, FROM_MEMORY, FROM_DISK } peeked;
    struct store_record record; /* of FROM_DISK */
    struct outgoing_view view;
    struct buffer scratch;
    uint64_t damaged, failures;
    queue_exposed_fn *on_exposed;
    void *exposed_arg;
};

static uint64_t size_of(const struct outgoing *m)
{
    return outgoing_body(m).len + m->properties.len;
}

static uint64_t now_ms(const struct queue *q)
{
    return q->log ? store_log_age(q->log) : loop_now_ms(q->config.loop);
}

static struct outgoing *first_fresh(const struct queue *q)
{
    struct link *l = list_first((struct list *)&q->fresh);
    return l ? LIST_OF(l, struct outgoing, link) : NULL;
}

/* Frees what was in memory. */
static void free_message(struct queue *q, struct outgoing *m)
{
    uint64_t bytes = size_of(m);
    outgoing_free(&m);
    if (q->config.on_memory)
        q->config.on_memory(q->config.arg, bytes);
}

static void leave_fresh(struct queue *q, struct outgoing *m)
{
    list_remove(&m->link);
    q->fresh_count--;
    q->fresh_bytes -= size_of(m);
}

static void forget_unstored(struct queue *q, const struct outgoing *m)
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
        free_message(q, f->message);
        f->message = NULL;
    }
}

/* What the disk has need not stay in memory. */
static void evict(struct queue *q)
{
    struct outgoing *m;
    while (q->log && (m = first_fresh(q)) && m->sequence &&
           m->sequence <= store_log_durable(q->log) &&
           (q->fresh_bytes > q->config.memory_bytes / FRESH_PARTS || q->fresh_count > FRESH_MAX)) {
        if (q->peeked == FROM_MEMORY)
            q->peeked = NOTHING;
        leave_fresh(q, m);
        free_message(q, m);
    }
}

/* ---- when there is no room ---- */

/* The log cannot drop what lies before a cursor that does not move: what is flying there has only
 * its transport's memory from now on. */
static void expose(struct queue *q)
{
    LIST_EACH(l, &q->flying)
    {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        struct store_reader *r = NULL;
        struct store_record record;
        struct outgoing_view v;
        if (f->done || f->sequence == 0)
            continue;
        if (f->message) {
            v = outgoing_view(f->message);
        } else {
            r = store_reader_open(q->log, f->sequence);
            if (store_reader_next(r, &record) != OK || outgoing_decode(record.bytes, &v) != OK)
                v = (struct outgoing_view){0};
        }
        if (q->on_exposed)
            q->on_exposed(q->exposed_arg, v.properties);
        if (r)
            store_reader_close(&r);
        f->sequence = 0;
    }
}

static void pass(struct queue *q, uint64_t sequence);

/* More waits to be stored than memory is for. */
static bool lacks_room(const struct queue *q)
{
    return q->unstored_bytes > q->config.memory_bytes / UNSTORED_PARTS;
}

static void drop_oldest(struct queue *q)
{
    struct queue_next next;
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
        if (q->peeked == FROM_MEMORY && m == first_fresh(q))
            q->peeked = NOTHING;
        struct outgoing_view v = outgoing_view(m);
        q->config.on_dropped(q->config.arg, &v, GAP_BYTES);
        forget_unstored(q, m);
        leave_fresh(q, m);
        free_message(q, m);
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

static void move_cursor(struct queue *q)
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
    move_cursor(q);
    if (q->config.on_durable)
        q->config.on_durable(q->config.arg);
}

static void on_room(void *arg)
{
    struct queue *q = arg;
    append_all(q);
}

static void on_retry(void *arg)
{
    append_all(arg);
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
static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct queue *q = arg;
    (void)last, (void)why;
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
    loop_timer_start(q->config.loop, &q->retry, RETRY_MS, on_retry, q);
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

void queue_close(struct queue **queue)
{
    struct queue *q = *queue;
    if (!q)
        return;
    struct link *l;
    loop_timer_stop(&q->retry);
    append_all(q);
    while ((l = list_pop(&q->flying))) {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        if (f->message)
            free_message(q, f->message);
        free(f);
    }
    while ((l = list_pop(&q->fresh)))
        free_message(q, LIST_OF(l, struct outgoing, link));
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
                      m->properties.len > OUTGOING_HEAD_MAX / 2);
}

void queue_put(struct queue *q, struct outgoing *m)
{
    m->stamp_ms = now_ms(q);
    m->sequence = 0;
    if (too_large(q, m)) {
        struct outgoing_view v = outgoing_view(m);
        q->config.on_dropped(q->config.arg, &v, GAP_LARGE);
        free_message(q, m);
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
    append_all(q);
    make_room(q);
    evict(q);
}

/* ---- taking ---- */

/* Where memory goes on from the disk: what lies before it in the log is to be read. */
static uint64_t edge(const struct queue *q)
{
    for (const struct link *l = q->fresh.head.next; l != &q->fresh.head; l = l->next) {
        uint64_t sequence = LIST_OF(l, struct outgoing, link)->sequence;
        if (sequence)
            return sequence;
    }
    return store_log_next(q->log);
}

static void count_damage(struct queue *q, uint64_t count, const char *what)
{
    q->damaged += count;
    log_error("queue lost messages that the disk did not give back directory=%s count=%" PRIu64
              " what=%s",
              q->config.directory, count, what);
}

static enum status read_disk(struct queue *q)
{
    uint64_t end = edge(q);
    while (q->read_next < end) {
        if (q->reader_at != q->read_next)
            store_reader_seek(q->reader, q->read_next);
        enum status s = store_reader_next(q->reader, &q->record);
        q->reader_at = s == OK ? q->record.sequence + 1 : 0;
        if (s != OK)
            return AGAIN;
        if (q->record.sequence > q->read_next) {
            uint64_t to = q->record.sequence < end ? q->record.sequence : end;
            count_damage(q, to - q->read_next, "hole");
            q->read_next = to;
            continue;
        }
        if (outgoing_decode(q->record.bytes, &q->view) == OK) {
            q->peeked = FROM_DISK;
            return OK;
        }
        count_damage(q, 1, "record");
        pass(q, q->read_next);
    }
    return AGAIN;
}

static bool is_behind(const struct queue *q)
{
    return q->log && q->read_next < edge(q);
}

static uint64_t stamp_of(const struct queue *q)
{
    return q->peeked == FROM_DISK ? q->record.wall_ms : first_fresh(q)->stamp_ms;
}

enum status queue_peek(struct queue *q, struct queue_next *out)
{
    if (q->peeked == NOTHING && is_behind(q) && read_disk(q) != OK && is_behind(q))
        return AGAIN;
    if (q->peeked == NOTHING) {
        if (list_empty(&q->fresh))
            return AGAIN;
        q->peeked = FROM_MEMORY;
    }
    if (q->peeked == FROM_MEMORY)
        q->view = outgoing_view(first_fresh(q));
    uint64_t now = now_ms(q), stamp = stamp_of(q);
    *out = (struct queue_next){.view = q->view, .age_ms = now > stamp ? now - stamp : 0};
    return OK;
}

bool queue_waits(const struct queue *q)
{
    return !list_empty(&q->fresh) || is_behind(q);
}

struct queue_flight *queue_take(struct queue *q)
{
    assert(q->peeked != NOTHING);
    struct queue_flight *f = MEMORY_NEW(struct queue_flight);
    if (q->peeked == FROM_DISK) {
        f->sequence = q->record.sequence;
    } else {
        f->message = first_fresh(q);
        f->sequence = f->message->sequence;
        leave_fresh(q, f->message);
    }
    if (f->sequence)
        q->read_next = f->sequence + 1;
    q->peeked = NOTHING;
    list_push(&q->flying, &f->link);
    q->flying_count++;
    return f;
}

/* The log's record is done with, though some before it may not be. */
static void pass(struct queue *q, uint64_t sequence)
{
    q->read_next = sequence + 1;
    struct link *l = q->flying.head.prev;
    struct queue_flight *last = l == &q->flying.head ? NULL : LIST_OF(l, struct queue_flight, link);
    if (last && !last->done) {
        last = MEMORY_NEW(struct queue_flight);
        last->done = true;
        list_push(&q->flying, &last->link);
    }
    if (last)
        last->sequence = sequence;
    else
        q->settled = sequence;
}

static bool is_kept(const struct queue_flight *f)
{
    return !f->done && f->sequence;
}

/* Those at the front that are done, or that the log need not keep, let it move on. */
static void settle_front(struct queue *q)
{
    for (struct link *l = q->flying.head.next, *next; l != &q->flying.head; l = next) {
        struct queue_flight *f = LIST_OF(l, struct queue_flight, link);
        next = l->next;
        if (is_kept(f))
            break;
        if (f->sequence > q->settled)
            q->settled = f->sequence;
        if (!f->done)
            continue;
        list_remove(&f->link);
        free(f);
    }
    move_cursor(q);
}

void queue_settle(struct queue *q, struct queue_flight **flight)
{
    struct queue_flight *f = *flight;
    *flight = NULL;
    f->done = true;
    q->flying_count--;
    if (f->message) {
        forget_unstored(q, f->message);
        free_message(q, f->message);
        f->message = NULL;
    }
    settle_front(q);
}

void queue_drop(struct queue *q, enum gap_reason why)
{
    assert(q->peeked != NOTHING);
    q->config.on_dropped(q->config.arg, &q->view, why);
    if (q->peeked == FROM_DISK) {
        q->peeked = NOTHING;
        pass(q, q->record.sequence);
    } else {
        struct outgoing *m = first_fresh(q);
        q->peeked = NOTHING;
        forget_unstored(q, m);
        leave_fresh(q, m);
        if (m->sequence)
            pass(q, m->sequence);
        free_message(q, m);
    }
    settle_front(q);
}

struct queue_counts queue_counts(const struct queue *q)
{
    struct queue_counts c = {.waiting = q->flying_count + q->fresh_count,
                             .unstored = q->unstored,
                             .damaged = q->damaged,
                             .failures = q->failures};
    if (q->log) {
        uint64_t end = edge(q);
        c.waiting += end > q->read_next ? end - q->read_next : 0;
        c.durable = store_log_durable(q->log);
        c.bytes = store_log_bytes(q->log);
    }
    return c;
}
