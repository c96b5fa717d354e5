/* Before events flow: over $management how many partitions there are, and where they end when only
 * what is new is wanted. */
#include <stdio.h>

#include "base/log.h"
#include "client/cbs.h"
#include "client/stream_reader_priv.h"

/* ---- requests ---- */

static void ask(struct stream_reader *r, const char *type, const char *partition)
{
    struct buffer *b = &r->message;
    size_t map = cbs_request_begin(b, SLICE("$management"));
    uint32_t items = cbs_request_put(b, "operation", SLICE("READ"));
    items += cbs_request_put(b, "name", slice_of(r->config.entity));
    items += cbs_request_put(b, "type", slice_of(type));
    if (partition)
        items += cbs_request_put(b, "partition", slice_of(partition));
    amqp_write_end(b, map, items);
    amqp_message_value_begin(b);
    amqp_write_null(b);
    if (!uplink_ask(r->hub, r->ask_send, b))
        log_warn("a request to the hub could not be sent");
}

/* ---- the steps ---- */

static struct amqp_link *attach(struct stream_reader *r, const char *name, bool receiver)
{
    return uplink_attach(r->hub, &(struct uplink_link){.name = name,
                                                           .address = "$management",
                                                           .receiver = receiver,
                                                           .send_settle = AMQP_SEND_SETTLED});
}

void reader_ask(struct stream_reader *r)
{
    r->state = READER_ASKING;
    r->next_ask = 0;
    if (r->partition_count && r->partitions[0].asked) { /* known from the connection before */
        reader_partitions_attach(r);
        return;
    }
    r->ask_receive = attach(r, "$management-receiver", true);
    r->ask_send = attach(r, "$management-sender", false);
}

void reader_ask_credit(struct stream_reader *r, struct amqp_link *l)
{
    if (l == r->ask_send && r->state == READER_ASKING && r->partition_count == 0)
        ask(r, "com.microsoft:eventhub", NULL);
}

/* Asks for the ends of those partitions that are to begin there, one after the other. */
static void ask_next(struct stream_reader *r)
{
    const struct stream_reader_config *c = &r->config;
    for (; r->next_ask < r->partition_count; r->next_ask++) {
        struct reader_partition *p = &r->partitions[r->next_ask];
        if (!p->asked) {
            p->asked = true;
            p->last =
                c->events->position ? c->events->position(c->arg, p->number) : STREAM_READER_NEW;
        }
        if (r->freed)
            return;
        if (p->last == STREAM_READER_NEW) {
            char number[12];
            snprintf(number, sizeof(number), "%u", p->number);
            ask(r, "com.microsoft:partition", number);
            return;
        }
    }
    amqp_link_detach(r->ask_send, NULL);
    amqp_link_detach(r->ask_receive, NULL);
    r->ask_send = r->ask_receive = NULL;
    reader_partitions_attach(r);
}

void reader_ask_detached(struct stream_reader *r, struct amqp_link *l)
{
    r->ask_send = r->ask_send == l ? NULL : r->ask_send;
    r->ask_receive = r->ask_receive == l ? NULL : r->ask_receive;
}

static void on_told(struct stream_reader *r, const struct amqp_value *body)
{
    struct amqp_value v;
    int64_t n;
    if (r->partition_count == 0) {
        if (!amqp_map_find(body, SLICE("partition_count"), &v) || !amqp_to_i64(&v, &n) || n < 1 ||
            n > STREAM_READER_PARTITIONS_MAX) {
            uplink_end(r->hub, PEER_FAILED);
            return;
        }
        reader_partitions_make(r, (unsigned)n);
    } else if (r->next_ask < r->partition_count) {
        if (!amqp_map_find(body, SLICE("last_enqueued_sequence_number"), &v) ||
            !amqp_to_i64(&v, &n) || n < -1) {
            uplink_end(r->hub, PEER_FAILED);
            return;
        }
        r->partitions[r->next_ask++].last = n;
    }
    ask_next(r);
}

void reader_ask_answer(struct stream_reader *r, struct slice message)
{
    struct amqp_message m;
    enum status s = amqp_message_read(message, &m) == OK ? cbs_answer(&m) : PEER_FAILED;
    if (s != OK)
        uplink_end(r->hub, s);
    else
        on_told(r, &m.value);
}
