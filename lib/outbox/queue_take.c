/* Messages in order, from the disk and then from memory, and what became of them. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "outbox/queue_priv.h"

#define REREAD_MS 1000 /* after a disk that failed to read */

/* Where memory goes on from the disk: what lies before it in the log is to be read. Of the fresh ones those that the
 * log does not have are the last. */
static uint64_t edge(const struct queue *q)
{
    const struct outgoing *m = queue_first_fresh(q);
    return m && m->sequence ? m->sequence : store_log_next(q->log);
}

static void count_damage(struct queue *q, uint64_t count, const char *what)
{
    q->damaged += count;
    if (q->config.on_damaged)
        q->config.on_damaged(q->config.arg, count);
    log_error("queue lost messages that the disk did not give back directory=%s count=%" PRIu64
              " what=%s",
              q->config.directory, count, what);
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

static void settle_front(struct queue *q);

static void lose(struct queue *q, uint64_t to, const char *what)
{
    count_damage(q, to - q->read_next, what);
    pass(q, to - 1);
    settle_front(q);
}

static void on_reread(void *arg)
{
    struct queue *q = arg;
    q->rests = false;
    if (q->config.on_durable)
        q->config.on_durable(q->config.arg);
}

/* Storage that is away as a whole is waited for, however long: that time counts for nothing. Nor does one in which
 * files or memory lack. */
static void rest(struct queue *q)
{
    enum status s = AGAIN;
    if (store_reader_lacks(q->reader))
        q->failing_ms = 0;
    else if (q->failing_ms < QUEUE_UNREADABLE_MS)
        q->failing_ms += REREAD_MS;
    else
        s = store_reader_give_up(q->reader);
    if (s != OK && s != AGAIN)
        q->failing_ms = 0;
    q->rests = true;
    loop_timer_start(q->config.loop, &q->reread, s == OK ? 0 : REREAD_MS, on_reread, q);
}

/* The next record into q->record, or what cannot be read before it is passed over. */
static enum status read_next(struct queue *q, uint64_t end)
{
    if (q->reader_at != q->read_next)
        store_reader_seek(q->reader, q->read_next);
    enum status s = store_reader_next(q->reader, &q->record);
    uint64_t at = s == OK ? q->record.sequence : store_reader_at(q->reader);
    q->reader_at = s == OK ? at + 1 : at;
    if (s == OK || s == AGAIN || at != q->read_next) /* what fails now has not failed before */
        q->failing_ms = 0;
    if (s != OK && s != AGAIN)
        rest(q);
    if (at == q->read_next)
        return s == OK ? OK : AGAIN;
    lose(q, at < end ? at : end, "hole");
    return CONFLICT;
}

static enum status read_disk(struct queue *q)
{
    uint64_t end = edge(q);
    while (q->read_next < end && !q->rests) {
        enum status s = read_next(q, end);
        if (s == AGAIN)
            return AGAIN;
        if (s == OK && outgoing_decode(q->record.bytes, &q->view) == OK) {
            q->peeked = FROM_DISK;
            return OK;
        }
        if (s == OK)
            lose(q, q->read_next + 1, "record");
    }
    return AGAIN;
}

static bool is_behind(const struct queue *q)
{
    return q->log && q->read_next < edge(q);
}

static uint64_t stamp_of(const struct queue *q)
{
    return q->peeked == FROM_DISK ? q->record.wall_ms : queue_first_fresh(q)->stamp_ms;
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
        q->view = outgoing_view(queue_first_fresh(q));
    uint64_t now = queue_now_ms(q), stamp = stamp_of(q);
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
        f->message = queue_first_fresh(q);
        f->sequence = f->message->sequence;
        queue_leave_fresh(q, f->message);
    }
    if (f->sequence)
        q->read_next = f->sequence + 1;
    q->peeked = NOTHING;
    list_push(&q->flying, &f->link);
    q->flying_count++;
    return f;
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
    queue_move_cursor(q);
}

void queue_settle(struct queue *q, struct queue_flight **flight)
{
    struct queue_flight *f = *flight;
    *flight = NULL;
    f->done = true;
    q->flying_count--;
    if (f->message) {
        queue_forget_unstored(q, f->message);
        queue_free_message(q, f->message);
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
        struct outgoing *m = queue_first_fresh(q);
        q->peeked = NOTHING;
        queue_forget_unstored(q, m);
        queue_leave_fresh(q, m);
        if (m->sequence)
            pass(q, m->sequence);
        queue_free_message(q, m);
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
