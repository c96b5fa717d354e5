#include "events/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "events/encode.h"
#include "events/events_priv.h"

/* What travels to the other half. */
struct note {
    struct events_reader *reader;
    const char *condition;
    char text[160];
    uint64_t allowed;
    bool drains;
};

static struct note *note_new(struct events_reader *r)
{
    struct note *n = MEMORY_NEW(struct note);
    n->reader = r;
    return n;
}

static struct events_reader *reader_of_node(struct link *l)
{
    return LIST_OF(l, struct events_reader, far.node);
}

/* ---- the partition's half: filling ---- */

uint64_t events_newest_ms(struct events_partition *p)
{
    struct store_log *log = partition_log(p->partition);
    uint64_t newest = partition_newest(p->partition);
    if (newest == p->newest_record || newest < store_log_first(log))
        return newest ? p->newest_ms : 0;
    struct store_reader *r = store_reader_open(log, newest);
    struct store_record record;
    if (store_reader_next(r, &record) == OK) {
        p->newest_record = record.sequence;
        p->newest_ms = record.wall_ms;
    }
    store_reader_close(&r);
    return p->newest_ms;
}

static struct events_newest newest(struct events_partition *p)
{
    return (struct events_newest){
        .sequence = events_sequence(partition_newest(p->partition)),
        .enqueued_ms = events_newest_ms(p),
        .asked_ms = loop_wall_ms(p->loop),
    };
}

static void encode(struct events_reader *r, struct events_batch *b,
                   const struct store_record *record, const struct events_newest *newest_or_null)
{
    struct iot_event e;
    if (iot_event_decode(record->bytes, &e) != OK) {
        log_warn("a record of the stream is no event: passed over record=%llu",
                 (unsigned long long)record->sequence);
        return;
    }
    if (!iot_event_goes_to(&e, 0))
        return;
    events_encode(&e, events_sequence(record->sequence), newest_or_null, &b->bytes);
    b->ends[b->count++] = (uint32_t)b->bytes.len;
    r->far.produced++;
}

/* OK: more may be read; BUSY: so many were passed over that others have a turn; AGAIN at the end of what
 * is durable; IO_FAILED. */
static enum status fill(struct events_reader *r, struct events_batch *b)
{
    struct events_newest n;
    if (r->tells_newest)
        n = newest(r->partition);
    unsigned looks = 0;
    while (b->count < EVENTS_BATCH_MESSAGES && b->bytes.len < EVENTS_BATCH_BYTES &&
           r->far.produced < r->far.allowed) {
        struct store_record record;
        if (looks++ == EVENTS_LOOKS_MAX)
            return BUSY;
        enum status s = store_reader_next(r->far.log, &record);
        if (s != OK)
            return s;
        encode(r, b, &record, r->tells_newest ? &n : NULL);
    }
    return OK;
}

static void batch_arrives(void *arg);
static void on_turn(void *arg);
static void end(struct events_reader *r, const char *condition, const char *text);

static void send_batch(struct events_reader *r, struct events_batch *b)
{
    list_remove(&b->node);
    events_count_add(r->events, b->count, b->bytes.len);
    loop_post(r->home, batch_arrives, b);
}

static void produce(struct events_reader *r)
{
    while (r->far.log && r->far.produced < r->far.allowed) {
        struct link *l = list_first(&r->far.idle);
        if (l == NULL)
            return; /* goes on when one comes back */
        struct events_batch *b = LIST_OF(l, struct events_batch, node);
        b->count = b->next = 0;
        buffer_reset(&b->bytes);
        enum status s = fill(r, b);
        b->at_end = s == AGAIN && r->far.drains;
        if (b->at_end) {
            r->far.drains = false;
            r->far.allowed = r->far.produced;
        }
        if (b->count || b->at_end)
            send_batch(r, b);
        if (s == AGAIN)
            return; /* goes on when more is durable */
        if (s == BUSY) {
            loop_timer_start(r->partition->loop, &r->far.turn, 0, on_turn, r);
            return;
        }
        if (s != OK)
            end(r, "amqp:internal-error", "the partition cannot be read");
    }
}

static void on_turn(void *arg)
{
    produce(arg);
}

static void on_durable(void *arg)
{
    produce(arg);
}

/* ---- the partition's half: who may read ---- */

static void leave(struct events_reader *r)
{
    if (r->far.log == NULL)
        return;
    partition_unwatch(r->partition->partition, &r->far.watch);
    store_reader_close(&r->far.log);
    loop_timer_stop(&r->far.turn);
    list_remove(&r->far.node);
}

static void end_arrives(void *arg)
{
    struct note *n = arg;
    n->reader->calls->on_ended(n->reader, n->condition, n->text);
    free(n);
}

static void end(struct events_reader *r, const char *condition, const char *text)
{
    leave(r);
    struct note *n = note_new(r);
    n->condition = condition;
    snprintf(n->text, sizeof(n->text), "%s", text);
    loop_post(r->home, end_arrives, n);
}

static bool same_group(const struct events_reader *a, const struct events_reader *b)
{
    return strcmp(a->group, b->group) == 0;
}

/* Event Hubs' rules; NULL when it may read, else the error's condition. */
static const char *may_read(const struct events_reader *r, char *text, size_t len)
{
    unsigned others = 0;
    LIST_EACH(l, &r->partition->readers)
    {
        const struct events_reader *other = reader_of_node(l);
        if (!same_group(r, other))
            continue;
        others++;
        if (other->has_epoch && (!r->has_epoch || other->epoch > r->epoch)) {
            snprintf(text, len,
                     "a receiver with a higher epoch '%lld' exists for this consumer group and "
                     "partition",
                     (long long)other->epoch);
            return "amqp:link:stolen";
        }
    }
    if (!r->has_epoch && others >= EVENTS_READERS_MAX) {
        snprintf(text, len, "there are %u receivers already for this consumer group and partition",
                 others);
        return "amqp:resource-limit-exceeded";
    }
    return NULL;
}

static void push_out_others(struct events_reader *r)
{
    if (!r->has_epoch)
        return;
    char text[160];
    snprintf(text, sizeof(text),
             "a new receiver with the epoch '%lld' is created, hence this one is disconnected",
             (long long)r->epoch);
    LIST_EACH(l, &r->partition->readers)
    {
        struct events_reader *other = reader_of_node(l);
        if (same_group(r, other))
            end(other, "amqp:link:stolen", text);
    }
}

/* The record to begin with; 0 when the position lies behind the newest. */
static uint64_t first_record(const struct events_reader *r)
{
    struct store_log *log = partition_log(r->partition->partition);
    switch (r->position.start) {
    case EVENTS_AT:
        return r->position.record <= store_log_next(log) ? r->position.record : 0;
    case EVENTS_TIME:
        return store_log_find_time(log, r->position.time_ms);
    case EVENTS_LATEST:
        return store_log_next(log);
    }
    return 0;
}

static const char *enter(struct events_reader *r, char *text, size_t len)
{
    const char *condition = may_read(r, text, len);
    if (condition)
        return condition;
    uint64_t record = first_record(r);
    struct store_log *log = partition_log(r->partition->partition);
    if (record == 0) {
        snprintf(
            text, len,
            "the supplied position is invalid: the last sequence number of the partition is %lld",
            (long long)events_sequence(store_log_durable(log)));
        return "com.microsoft:argument-out-of-range";
    }
    push_out_others(r);
    r->far.log = store_reader_open(log, record);
    r->far.watch = (struct partition_watch){.fn = on_durable, .arg = r};
    partition_watch(r->partition->partition, &r->far.watch);
    list_push(&r->partition->readers, &r->far.node);
    return NULL;
}

/* ---- between the halves ---- */

static void started_arrives(void *arg)
{
    struct note *n = arg;
    n->reader->calls->on_started(n->reader, n->condition, n->text);
    free(n);
}

static void start_arrives(void *arg)
{
    struct events_reader *r = arg;
    struct note *n = note_new(r);
    n->condition = enter(r, n->text, sizeof(n->text));
    loop_post(r->home, started_arrives, n);
}

struct events_reader *events_reader_start(const struct events_reader *like)
{
    struct events_reader *r = MEMORY_NEW(struct events_reader);
    *r = *like;
    list_init(&r->near.batches);
    list_init(&r->far.idle);
    for (unsigned i = 0; i < EVENTS_BATCHES; i++) {
        r->far.batches[i].reader = r;
        list_push(&r->far.idle, &r->far.batches[i].node);
    }
    events_count_readers(r->events, 1);
    loop_post(r->partition->loop, start_arrives, r);
    return r;
}

static void batch_arrives(void *arg)
{
    struct events_batch *b = arg;
    b->reader->calls->on_batch(b->reader, b);
}

static void allow_arrives(void *arg)
{
    struct note *n = arg;
    struct events_reader *r = n->reader;
    r->far.allowed = n->allowed;
    r->far.drains |= n->drains;
    free(n);
    produce(r);
}

void events_reader_allow(struct events_reader *r, uint64_t allowed, bool drains)
{
    struct note *n = note_new(r);
    n->allowed = allowed;
    n->drains = drains;
    loop_post(r->partition->loop, allow_arrives, n);
}

static void done_arrives(void *arg)
{
    struct events_batch *b = arg;
    struct events_reader *r = b->reader;
    list_push(&r->far.idle, &b->node);
    r->far.allowed = b->allowed;
    produce(r);
}

void events_reader_done(struct events_batch *b, uint64_t allowed)
{
    b->allowed = allowed;
    loop_post(b->reader->partition->loop, done_arrives, b);
}

void events_reader_free(struct events_reader *r)
{
    leave(r);
    events_count_readers(r->events, -1);
    for (unsigned i = 0; i < EVENTS_BATCHES; i++)
        buffer_clear(&r->far.batches[i].bytes);
    free(r);
}

static void free_arrives(void *arg)
{
    events_reader_free(arg);
}

static void stop_arrives(void *arg)
{
    struct events_reader *r = arg;
    leave(r);
    loop_post(r->home, free_arrives, r); /* behind all that was posted before */
}

void events_reader_stop(struct events_reader *r)
{
    loop_post(r->partition->loop, stop_arrives, r);
}
