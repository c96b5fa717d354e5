#include "hub/events_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/events_encode.h"
#include "hub/events_inside.h"

/* What travels to the other half. */
struct note {
    struct hub_events_reader *reader;
    const char *condition;
    char text[160];
    uint64_t allowed;
    bool drains;
};

static struct note *note_new(struct hub_events_reader *r)
{
    struct note *n = MEMORY_NEW(struct note);
    n->reader = r;
    return n;
}

static struct hub_events_reader *reader_of_node(struct link *l)
{
    return LIST_OF(l, struct hub_events_reader, far.node);
}

/* ---- the partition's half: filling ---- */

uint64_t hub_events_newest_ms(struct hub_events_partition *p)
{
    struct store_log *log = hub_partition_log(p->partition);
    uint64_t newest = hub_partition_newest(p->partition);
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

static struct hub_events_newest newest(struct hub_events_partition *p)
{
    return (struct hub_events_newest){
        .sequence = hub_events_sequence(hub_partition_newest(p->partition)),
        .enqueued_ms = hub_events_newest_ms(p),
        .asked_ms = loop_wall_ms(p->loop),
    };
}

static void encode(struct hub_events_reader *r, struct hub_events_batch *b,
                   const struct store_record *record,
                   const struct hub_events_newest *newest_or_null)
{
    struct iot_event e;
    if (iot_event_decode(record->bytes, &e) != OK) {
        log_warn("a record of the stream is no event: passed over record=%llu",
                 (unsigned long long)record->sequence);
        return;
    }
    if (!iot_event_goes_to(&e, 0))
        return;
    hub_events_encode(&e, hub_events_sequence(record->sequence), newest_or_null, &b->bytes);
    b->ends[b->count++] = (uint32_t)b->bytes.len;
    r->far.produced++;
}

/* OK: more may be read; BUSY: so many were passed over that others have a turn; AGAIN at the end of what
 * is durable; IO_FAILED. */
static enum status fill(struct hub_events_reader *r, struct hub_events_batch *b)
{
    struct hub_events_newest n;
    if (r->tells_newest)
        n = newest(r->partition);
    unsigned looks = 0;
    while (b->count < HUB_EVENTS_BATCH_MESSAGES && b->bytes.len < HUB_EVENTS_BATCH_BYTES &&
           r->far.produced < r->far.allowed) {
        struct store_record record;
        if (looks++ == HUB_EVENTS_LOOKS_MAX)
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
static void end(struct hub_events_reader *r, const char *condition, const char *text);

static void send_batch(struct hub_events_reader *r, struct hub_events_batch *b)
{
    list_remove(&b->node);
    hub_events_count_add(r->events, b->count, b->bytes.len);
    loop_post(r->home, batch_arrives, b);
}

static void produce(struct hub_events_reader *r)
{
    while (r->far.log && r->far.produced < r->far.allowed) {
        struct link *l = list_first(&r->far.idle);
        if (l == NULL)
            return; /* goes on when one comes back */
        struct hub_events_batch *b = LIST_OF(l, struct hub_events_batch, node);
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

static void leave(struct hub_events_reader *r)
{
    if (r->far.log == NULL)
        return;
    hub_partition_unwatch(r->partition->partition, &r->far.watch);
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

static void end(struct hub_events_reader *r, const char *condition, const char *text)
{
    leave(r);
    struct note *n = note_new(r);
    n->condition = condition;
    snprintf(n->text, sizeof(n->text), "%s", text);
    loop_post(r->home, end_arrives, n);
}

static bool same_group(const struct hub_events_reader *a, const struct hub_events_reader *b)
{
    return strcmp(a->group, b->group) == 0;
}

/* Event Hubs' rules; NULL when it may read, else the error's condition. */
static const char *may_read(const struct hub_events_reader *r, char *text, size_t len)
{
    unsigned others = 0;
    LIST_EACH(l, &r->partition->readers)
    {
        const struct hub_events_reader *other = reader_of_node(l);
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
    if (!r->has_epoch && others >= HUB_EVENTS_READERS_MAX) {
        snprintf(text, len, "there are %u receivers already for this consumer group and partition",
                 others);
        return "amqp:resource-limit-exceeded";
    }
    return NULL;
}

static void push_out_others(struct hub_events_reader *r)
{
    if (!r->has_epoch)
        return;
    char text[160];
    snprintf(text, sizeof(text),
             "a new receiver with the epoch '%lld' is created, hence this one is disconnected",
             (long long)r->epoch);
    LIST_EACH(l, &r->partition->readers)
    {
        struct hub_events_reader *other = reader_of_node(l);
        if (same_group(r, other))
            end(other, "amqp:link:stolen", text);
    }
}

/* The record to begin with; 0 when the position lies behind the newest. */
static uint64_t first_record(const struct hub_events_reader *r)
{
    struct store_log *log = hub_partition_log(r->partition->partition);
    switch (r->position.start) {
    case HUB_EVENTS_AT:
        return r->position.record <= store_log_next(log) ? r->position.record : 0;
    case HUB_EVENTS_TIME:
        return store_log_find_time(log, r->position.time_ms);
    case HUB_EVENTS_LATEST:
        return store_log_next(log);
    }
    return 0;
}

static const char *enter(struct hub_events_reader *r, char *text, size_t len)
{
    const char *condition = may_read(r, text, len);
    if (condition)
        return condition;
    uint64_t record = first_record(r);
    struct store_log *log = hub_partition_log(r->partition->partition);
    if (record == 0) {
        snprintf(
            text, len,
            "the supplied position is invalid: the last sequence number of the partition is %lld",
            (long long)hub_events_sequence(store_log_durable(log)));
        return "com.microsoft:argument-out-of-range";
    }
    push_out_others(r);
    r->far.log = store_reader_open(log, record);
    r->far.watch = (struct hub_partition_watch){.fn = on_durable, .arg = r};
    hub_partition_watch(r->partition->partition, &r->far.watch);
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
    struct hub_events_reader *r = arg;
    struct note *n = note_new(r);
    n->condition = enter(r, n->text, sizeof(n->text));
    loop_post(r->home, started_arrives, n);
}

struct hub_events_reader *hub_events_reader_start(const struct hub_events_reader *like)
{
    struct hub_events_reader *r = MEMORY_NEW(struct hub_events_reader);
    *r = *like;
    list_init(&r->near.batches);
    list_init(&r->far.idle);
    for (unsigned i = 0; i < HUB_EVENTS_BATCHES; i++) {
        r->far.batches[i].reader = r;
        list_push(&r->far.idle, &r->far.batches[i].node);
    }
    hub_events_count_readers(r->events, 1);
    loop_post(r->partition->loop, start_arrives, r);
    return r;
}

static void batch_arrives(void *arg)
{
    struct hub_events_batch *b = arg;
    b->reader->calls->on_batch(b->reader, b);
}

static void allow_arrives(void *arg)
{
    struct note *n = arg;
    struct hub_events_reader *r = n->reader;
    r->far.allowed = n->allowed;
    r->far.drains |= n->drains;
    free(n);
    produce(r);
}

void hub_events_reader_allow(struct hub_events_reader *r, uint64_t allowed, bool drains)
{
    struct note *n = note_new(r);
    n->allowed = allowed;
    n->drains = drains;
    loop_post(r->partition->loop, allow_arrives, n);
}

static void done_arrives(void *arg)
{
    struct hub_events_batch *b = arg;
    struct hub_events_reader *r = b->reader;
    list_push(&r->far.idle, &b->node);
    r->far.allowed = b->allowed;
    produce(r);
}

void hub_events_reader_done(struct hub_events_batch *b, uint64_t allowed)
{
    b->allowed = allowed;
    loop_post(b->reader->partition->loop, done_arrives, b);
}

void hub_events_reader_free(struct hub_events_reader *r)
{
    leave(r);
    hub_events_count_readers(r->events, -1);
    for (unsigned i = 0; i < HUB_EVENTS_BATCHES; i++)
        buffer_clear(&r->far.batches[i].bytes);
    free(r);
}

static void free_arrives(void *arg)
{
    hub_events_reader_free(arg);
}

static void stop_arrives(void *arg)
{
    struct hub_events_reader *r = arg;
    leave(r);
    loop_post(r->home, free_arrives, r); /* behind all that was posted before */
}

void hub_events_reader_stop(struct hub_events_reader *r)
{
    loop_post(r->partition->loop, stop_arrives, r);
}
