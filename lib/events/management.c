/* $management of the Event-Hub-compatible endpoint: what the stream is, and where a partition
 * stands. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "events/events_priv.h"

static struct slice text_property(const struct amqp_message *m, struct slice name)
{
    struct amqp_value v;
    if (!amqp_map_find(&m->application_properties, name, &v) || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

static void refuse(struct heads_amqp_reply *reply, enum status why, const char *text)
{
    heads_amqp_answer(reply, why, text, (struct slice){0});
}

static void put_text(struct buffer *b, struct slice name, struct slice value)
{
    amqp_write_string(b, name);
    amqp_write_string(b, value);
}

/* ---- the event hub ---- */

static void answer_hub(const struct events_entity *e, struct heads_amqp_reply *reply)
{
    unsigned count = e->partition_count; /* EVENTS_PARTITIONS_MAX at most */
    char numbers[EVENTS_PARTITIONS_MAX][12];
    struct slice ids[EVENTS_PARTITIONS_MAX];
    for (unsigned i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%u", i);
        ids[i] = slice_of(numbers[i]);
    }
    struct buffer b = {0};
    size_t map = amqp_write_map_begin(&b);
    put_text(&b, SLICE("name"), slice_of(e->name));
    put_text(&b, SLICE("type"), SLICE("com.microsoft:eventhub"));
    amqp_write_string(&b, SLICE("created_at"));
    amqp_write_timestamp(&b, (int64_t)e->created_ms);
    amqp_write_string(&b, SLICE("partition_count"));
    amqp_write_int(&b, (int32_t)count);
    amqp_write_string(&b, SLICE("partition_ids"));
    amqp_write_strings(&b, ids, count); /* an array: lists are refused */
    amqp_write_string(&b, SLICE("georeplication_factor"));
    amqp_write_int(&b, 1); /* one place, no copies */
    amqp_write_end(&b, map, 12);
    heads_amqp_answer(reply, OK, "OK", buffer_slice(&b));
    buffer_clear(&b);
}

/* ---- a partition: asked on its own loop ---- */

struct question {
    struct heads_amqp_reply *reply;
    struct events_entity *entity;
    struct events_partition *partition;
    struct loop *home;
    unsigned number;
    uint64_t first, newest, newest_ms;
};

static void answer_partition(void *arg)
{
    struct question *q = arg;
    char number[12], offset[24];
    snprintf(number, sizeof(number), "%u", q->number);
    snprintf(offset, sizeof(offset), "%lld", (long long)events_sequence(q->newest));
    struct buffer b = {0};
    size_t map = amqp_write_map_begin(&b);
    put_text(&b, SLICE("name"), slice_of(q->entity->name));
    put_text(&b, SLICE("type"), SLICE("com.microsoft:partition"));
    put_text(&b, SLICE("partition"), slice_of(number));
    amqp_write_string(&b, SLICE("begin_sequence_number"));
    amqp_write_long(&b, events_sequence(q->first));
    amqp_write_string(&b, SLICE("last_enqueued_sequence_number"));
    amqp_write_long(&b, events_sequence(q->newest));
    put_text(&b, SLICE("last_enqueued_offset"), slice_of(offset));
    amqp_write_string(&b, SLICE("last_enqueued_time_utc"));
    amqp_write_timestamp(&b, (int64_t)q->newest_ms);
    amqp_write_string(&b, SLICE("is_partition_empty"));
    amqp_write_bool(&b, q->newest < q->first);
    amqp_write_end(&b, map, 16);
    heads_amqp_answer(q->reply, OK, "OK", buffer_slice(&b));
    buffer_clear(&b);
    free(q);
}

static void ask_partition(void *arg)
{
    struct question *q = arg;
    struct store_log *log = partition_log(q->partition->partition);
    q->first = store_log_first(log);
    q->newest = partition_newest(q->partition->partition);
    q->newest_ms = events_newest_ms(q->partition);
    loop_post(q->home, answer_partition, q);
}

/* Most send the number as text, some as a number. */
static bool read_partition(const struct amqp_message *m, uint64_t *n)
{
    struct amqp_value v;
    int64_t number;
    if (!amqp_map_find(&m->application_properties, SLICE("partition"), &v))
        return false;
    if (amqp_is_text(&v))
        return slice_to_u64(v.bytes, n);
    if (!amqp_to_i64(&v, &number) || number < 0)
        return false;
    *n = (uint64_t)number;
    return true;
}

static void on_partition(struct events_entity *e, struct heads_amqp_reply *reply,
                         const struct amqp_message *m)
{
    uint64_t n;
    if (!read_partition(m, &n) || n >= e->partition_count) {
        refuse(reply, BAD_ARGUMENT, "there is no such partition");
        return;
    }
    struct question *q = MEMORY_NEW(struct question);
    *q = (struct question){.reply = reply,
                           .entity = e,
                           .partition = &e->partitions[n],
                           .home = heads_amqp_loop(heads_amqp_reply_head(reply)),
                           .number = (unsigned)n};
    loop_post(q->partition->loop, ask_partition, q);
}

/* ---- requests ---- */

void events_management_request(void *arg, struct heads_amqp_reply *reply,
                               const struct amqp_message *m)
{
    struct events *e = arg;
    struct slice type = text_property(m, SLICE("type"));
    struct events_entity *entity = events_entity_find(e, text_property(m, SLICE("name")));
    if (!slice_eq(text_property(m, SLICE("operation")), SLICE("READ")))
        refuse(reply, UNSUPPORTED, "READ is the one operation here");
    else if (entity == NULL)
        refuse(reply, NOT_FOUND, "the messaging entity of this name could not be found");
    else if (slice_eq(type, SLICE("com.microsoft:eventhub")))
        answer_hub(entity, reply);
    else if (slice_eq(type, SLICE("com.microsoft:partition")))
        on_partition(entity, reply, m);
    else
        refuse(reply, UNSUPPORTED, "this type is not known here");
}
