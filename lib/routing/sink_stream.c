#include <stdlib.h>

#include "amqp/types.h"
#include "base/memory.h"
#include "routing/sink.h"

/* What of a batch goes to one partition of the stream. */
struct part {
    struct partition_append append;
    struct outlet_batch *batch;
    struct partition *to;
    enum status why;
};

static void part_arrives(void *arg)
{
    struct part *p = arg;
    struct outlet_batch *b = p->batch;
    if (p->why != OK)
        b->why = p->why;
    partition_append_clear(&p->append);
    free(p);
    if (--b->sink.left == 0)
        outlet_batch_done(b, b->why);
}

static void on_appended(struct partition_append *a, enum status why)
{
    struct part *p = (struct part *)a; /* its first member */
    p->why = why;
    if (why != CANCELLED) {
        loop_post(p->batch->home, part_arrives, p);
        return;
    }
    partition_append_clear(a);
    free(p);
}

static void append_arrives(void *arg)
{
    struct part *p = arg;
    partition_append(p->to, &p->append);
}

/* The event as the stream has it: enqueued now, with the enrichments among its properties, and the
 * time of the first beside it. */
static void add_copy(struct partition_append *a, const struct iot_event *e, uint16_t endpoint,
                     uint64_t wall_ms, struct buffer *scratch, struct buffer *annotations)
{
    struct iot_event copy = *e;
    buffer_reset(annotations);
    amqp_write_symbol(annotations, SLICE("iothub-enqueuedtime"));
    amqp_write_timestamp(annotations, (int64_t)e->enqueued_ms);
    copy.enqueued_ms = wall_ms;
    copy.annotations = buffer_slice(annotations);
    copy.message.properties = iot_event_properties(e, endpoint, scratch);
    copy.endpoints = copy.stamps = (struct slice){0};
    partition_append_add(a, &copy);
}

static void share_out(const struct routing_stream *stream, struct outlet_batch *b,
                      struct part **parts)
{
    struct buffer scratch = {0}, annotations = {0};
    uint64_t now = loop_wall_ms(b->home);
    for (size_t n = 0; n < b->count; n++) {
        struct iot_event e;
        uint64_t sequence;
        if (outlet_batch_event(b, n, &e, &sequence) != OK)
            continue;
        unsigned to = iot_id_part(e.from, stream->partition_count);
        if (parts[to] == NULL) {
            parts[to] = MEMORY_NEW(struct part);
            parts[to]->append.done = on_appended;
            parts[to]->batch = b;
            parts[to]->to = stream->partitions[to];
        }
        add_copy(&parts[to]->append, &e, b->endpoint->id, now, &scratch, &annotations);
    }
    buffer_clear(&scratch);
    buffer_clear(&annotations);
}

static void deliver(void *sink, struct outlet_batch *b)
{
    const struct routing_stream *stream = sink;
    struct part *parts[EVENTS_PARTITIONS_MAX] = {0};
    share_out(stream, b, parts);
    b->why = OK;
    b->sink.left = 0;
    for (unsigned i = 0; i < stream->partition_count; i++)
        b->sink.left += parts[i] != NULL;
    for (unsigned i = 0; i < stream->partition_count; i++)
        if (parts[i])
            loop_post(partition_loop(parts[i]->to), append_arrives, parts[i]);
}

const struct sink_ops sink_stream = {deliver};
