#include "routing/outlet.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

#define BATCH_BYTES_MAX (256u << 10)
#define BATCH_EVENTS_MAX 1000
#define CURSOR_NAME_MAX 32

struct outlet {
    struct loop *loop;
    struct partition *partition;
    struct routing_config *config; /* a reference */
    const struct routing_endpoint *endpoint;
    struct routing_endpoint_state *state;
    const struct sink_ops *ops;
    void *sink;
    struct partition_watch watch;
    struct store_reader *reader;
    struct loop_timer timer;
    struct outlet_batch batch;
    char cursor[CURSOR_NAME_MAX];
    uint64_t next; /* record to be looked at */
    uint64_t last; /* the batch's last, and what lies before the next one */
    bool flying;   /* the sink has the batch */
    bool waits;    /* for the timer: to try again, or to look on */
    bool stopped;
};

/* ---- configs ---- */

struct routing_config *routing_config_ref(struct routing_config *c)
{
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void routing_config_unref(struct routing_config **config)
{
    struct routing_config *c = *config;
    *config = NULL;
    if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
        routing_config_free(&c);
}

/* ---- batches ---- */

enum status outlet_batch_event(const struct outlet_batch *b, size_t n, struct iot_event *e,
                               uint64_t *sequence)
{
    uint32_t from = 0, to;
    if (n)
        memcpy(&from, b->ends.at + (n - 1) * sizeof(from), sizeof(from));
    memcpy(&to, b->ends.at + n * sizeof(to), sizeof(to));
    memcpy(sequence, b->sequences.at + n * sizeof(*sequence), sizeof(*sequence));
    return iot_event_decode(slice_from(b->records.at + from, to - from), e);
}

static void batch_reset(struct outlet_batch *b)
{
    buffer_reset(&b->records);
    buffer_reset(&b->ends);
    buffer_reset(&b->sequences);
    b->count = 0;
    b->attempts = 0;
    b->first_try_ms = 0;
}

static void batch_add(struct outlet_batch *b, const struct store_record *r)
{
    buffer_put(&b->records, r->bytes);
    uint32_t end = (uint32_t)b->records.len;
    buffer_put(&b->ends, slice_from(&end, sizeof(end)));
    buffer_put(&b->sequences, slice_from(&r->sequence, sizeof(r->sequence)));
    b->count++;
}

static size_t events_max(const struct routing_endpoint *e)
{
    return e->kind == ROUTING_ENDPOINT_WEBHOOK ? e->webhook.events_max : BATCH_EVENTS_MAX;
}

static size_t bytes_max(const struct routing_endpoint *e)
{
    return e->kind == ROUTING_ENDPOINT_WEBHOOK ? e->webhook.kilobytes_max << 10 : BATCH_BYTES_MAX;
}

/* ---- reading ---- */

static void print_cursor_name(char name[CURSOR_NAME_MAX], uint16_t id)
{
    snprintf(name, CURSOR_NAME_MAX, "endpoint-%u", id);
}

static struct slice cursor_name(const struct outlet *o)
{
    return slice_of(o->cursor);
}

static void note_lost(struct outlet *o, uint64_t sequence)
{
    uint64_t lost = sequence - o->next;
    if (lost == 0)
        return;
    __atomic_fetch_add(&o->state->lost, lost, __ATOMIC_RELAXED);
    log_error("records were dropped before the endpoint could be told endpoint=%s partition=%u "
              "records=%llu",
              o->endpoint->name, o->batch.partition, (unsigned long long)lost);
}

/* OK: the batch is full. AGAIN at the durable end. BUSY: enough was looked at for one turn. */
static enum status fill(struct outlet *o)
{
    struct outlet_batch *b = &o->batch;
    uint16_t id = o->endpoint->id;
    for (unsigned looks = 0; looks < OUTLET_LOOKS_MAX; looks++) {
        struct store_record record;
        struct iot_event e;
        if (b->count >= events_max(o->endpoint) || b->records.len >= bytes_max(o->endpoint))
            return OK;
        enum status s = store_reader_next(o->reader, &record);
        if (s != OK)
            return s;
        note_lost(o, record.sequence);
        o->last = record.sequence;
        o->next = record.sequence + 1;
        if (iot_event_decode(record.bytes, &e) == OK && iot_event_goes_to(&e, id))
            batch_add(b, &record);
    }
    return BUSY;
}

static void pump(struct outlet *o);

static void on_timer(void *arg)
{
    struct outlet *o = arg;
    o->waits = false;
    pump(o);
}

static void wait_ms(struct outlet *o, uint64_t ms)
{
    o->waits = true;
    loop_timer_start(o->loop, &o->timer, ms, on_timer, o);
}

static void tell_behind(struct outlet *o)
{
    uint64_t done = store_cursor_get(partition_log(o->partition), cursor_name(o));
    uint64_t durable = store_log_durable(partition_log(o->partition));
    __atomic_store_n(&o->state->behind[o->batch.partition], durable > done ? durable - done : 0,
                     __ATOMIC_RELAXED);
}

static void deliver(struct outlet *o)
{
    struct outlet_batch *b = &o->batch;
    uint64_t now = loop_wall_ms(o->loop);
    if (b->attempts == 0)
        b->first_try_ms = now;
    b->config = routing_config_ref(o->config); /* a newer one may come meanwhile */
    b->endpoint = o->endpoint;
    b->sink.dead = false;
    b->sink.http_status = 0;
    o->flying = true;
    __atomic_store_n(&o->state->attempt_ms, now, __ATOMIC_RELAXED);
    tell_behind(o);
    o->ops->deliver(o->sink, b);
}

static void pump(struct outlet *o)
{
    if (o->flying || o->waits || o->stopped)
        return;
    if (o->batch.count && o->batch.attempts) { /* again */
        deliver(o);
        return;
    }
    enum status s = fill(o);
    if (s == IO_FAILED) {
        log_error("the partition cannot be read endpoint=%s partition=%u", o->endpoint->name,
                  o->batch.partition);
        wait_ms(o, OUTLET_RETRY_MS_MAX);
    }
    if (o->batch.count)
        deliver(o);
    else if (o->last)
        store_cursor_set(partition_log(o->partition), cursor_name(o), o->last);
    if (s == BUSY && !o->flying)
        wait_ms(o, 0);
    else if (!o->flying)
        tell_behind(o);
}

static void on_durable(void *arg)
{
    pump(arg);
}

/* ---- what became of it ---- */

static void forget(struct outlet *o)
{
    buffer_clear(&o->batch.records);
    buffer_clear(&o->batch.ends);
    buffer_clear(&o->batch.sequences);
    buffer_clear(&o->batch.sink.text);
    routing_config_unref(&o->batch.config);
    routing_config_unref(&o->config);
    free(o);
}

static void delivered(struct outlet *o)
{
    struct outlet_batch *b = &o->batch;
    store_cursor_set(partition_log(o->partition), cursor_name(o), o->last);
    __atomic_fetch_add(b->sink.dead ? &o->state->dead : &o->state->delivered, b->count,
                       __ATOMIC_RELAXED);
    if (!b->sink.dead)
        __atomic_store_n(&o->state->success_ms, loop_wall_ms(o->loop), __ATOMIC_RELAXED);
    batch_reset(b);
    tell_behind(o);
    pump(o);
}

static void failed(struct outlet *o)
{
    struct outlet_batch *b = &o->batch;
    uint64_t ms = OUTLET_RETRY_MS;
    for (unsigned i = 0; i < b->attempts && ms < OUTLET_RETRY_MS_MAX; i++)
        ms *= 2;
    if (ms > OUTLET_RETRY_MS_MAX)
        ms = OUTLET_RETRY_MS_MAX;
    __atomic_fetch_add(&o->state->failures, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&o->state->failure_ms, loop_wall_ms(o->loop), __ATOMIC_RELAXED);
    __atomic_store_n(&o->state->http_status, (uint64_t)b->sink.http_status, __ATOMIC_RELAXED);
    if (b->attempts++ == 0)
        log_warn(
            "delivery failed: it will be tried again endpoint=%s partition=%u status=%s http=%d",
            o->endpoint->name, b->partition, status_name(b->why), b->sink.http_status);
    wait_ms(o, ms / 2 + loop_random_u64(o->loop) % (ms / 2 + 1)); /* not all at once */
}

static void done_arrives(void *arg)
{
    struct outlet_batch *b = arg;
    struct outlet *o = b->outlet;
    o->flying = false;
    routing_config_unref(&b->config);
    if (o->stopped)
        forget(o);
    else if (b->why == OK)
        delivered(o);
    else
        failed(o);
}

void outlet_batch_done(struct outlet_batch *b, enum status why)
{
    b->why = why;
    loop_post(b->home, done_arrives, b);
}

void outlet_batch_drop(struct outlet_batch *b)
{
    b->outlet->flying = false;
}

/* ---- beginning and end ---- */

struct outlet *outlet_new(const struct outlet_config *c)
{
    struct outlet *o = MEMORY_NEW(struct outlet);
    struct store_log *log = partition_log(c->partition);
    o->loop = c->loop;
    o->partition = c->partition;
    o->config = routing_config_ref(c->config);
    o->endpoint = c->endpoint;
    o->state = c->state;
    o->ops = c->ops;
    o->sink = c->sink;
    o->batch.outlet = o;
    o->batch.home = c->loop;
    o->batch.partition = c->index;
    print_cursor_name(o->cursor, c->endpoint->id);
    if (c->from_now)
        store_cursor_set(log, cursor_name(o), store_log_next(log) - 1);
    o->next = store_cursor_get(log, cursor_name(o)) + 1;
    o->reader = store_reader_open(log, o->next);
    o->watch = (struct partition_watch){.fn = on_durable, .arg = o};
    partition_watch(c->partition, &o->watch);
    wait_ms(o, 0);
    return o;
}

void outlet_change(struct outlet *o, struct routing_config *config,
                   const struct routing_endpoint *endpoint)
{
    routing_config_unref(&o->config);
    o->config = routing_config_ref(config);
    o->endpoint = endpoint;
}

uint16_t outlet_id(const struct outlet *o)
{
    return o->endpoint->id;
}

bool outlet_is_idle(const struct outlet *o)
{
    return !o->flying;
}

unsigned outlet_partition(const struct outlet *o)
{
    return o->batch.partition;
}

void outlet_forget(struct partition *p, uint16_t id)
{
    char name[CURSOR_NAME_MAX];
    print_cursor_name(name, id);
    store_cursor_drop(partition_log(p), slice_of(name));
}

static void leave(struct outlet *o)
{
    partition_unwatch(o->partition, &o->watch);
    store_reader_close(&o->reader);
    loop_timer_stop(&o->timer);
    o->stopped = true;
}

void outlet_stop(struct outlet **outlet)
{
    struct outlet *o = *outlet;
    *outlet = NULL;
    leave(o);
    if (!o->flying)
        forget(o);
}

void outlet_free(struct outlet **outlet)
{
    struct outlet *o = *outlet;
    *outlet = NULL;
    leave(o);
    if (!o->flying)
        forget(o);
}
