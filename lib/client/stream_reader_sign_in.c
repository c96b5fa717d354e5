/* Before events flow: a token over $cbs, then over $management how many partitions there are, and
 * where they end when only what is new is wanted. */
#include <stdio.h>

#include "base/log.h"
#include "client/cbs.h"
#include "client/stream_reader_private.h"

#define TOKEN_MS 3600000
#define TOKEN_RENEW_MS (TOKEN_MS / 4 * 3)

/* ---- requests ---- */

static void send_request(struct amqp_link *l, struct buffer *b)
{
    amqp_connection_flush(
        amqp_link_connection(l)); /* credit for the answer goes before the question */
    if (amqp_link_send(l, &(struct amqp_send){.settled = true}, buffer_slice(b)) != OK)
        log_warn("a request to the hub could not be sent");
}

static void put_token(struct stream_reader *r)
{
    struct cbs_token token = {.host = r->config.hub_host,
                              .entity = r->config.entity,
                              .policy = r->config.policy,
                              .key = r->config.key,
                              .expires_ms = loop_wall_ms(r->config.loop) + TOKEN_MS};
    if (cbs_put_token(&token, &r->message) == OK)
        send_request(r->cbs_send, &r->message);
    else
        reader_end(r, BAD_ARGUMENT);
}

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
    send_request(r->ask_send, b);
}

/* ---- the steps ---- */

void reader_sign_in(struct stream_reader *r)
{
    r->state = READER_SIGNING_IN;
    r->cbs_receive =
        reader_attach(r, "$cbs-receiver", true, "$cbs", (struct slice){0}, AMQP_SEND_SETTLED, NULL);
    r->cbs_send =
        reader_attach(r, "$cbs-sender", false, "$cbs", (struct slice){0}, AMQP_SEND_SETTLED, NULL);
}

void reader_sign_in_credit(struct stream_reader *r, struct amqp_link *l)
{
    if (l == r->cbs_send && r->state == READER_SIGNING_IN)
        put_token(r);
    else if (l == r->ask_send && r->state == READER_ASKING && r->partition_count == 0)
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

static void on_token_time(void *arg)
{
    struct stream_reader *r = arg;
    if (r->cbs_send)
        put_token(r);
}

void reader_sign_in_detached(struct stream_reader *r, struct amqp_link *l)
{
    struct amqp_link **const links[] = {&r->cbs_send, &r->cbs_receive, &r->ask_send,
                                        &r->ask_receive};
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (*links[i] == l)
            *links[i] = NULL;
}

static void on_token_taken(struct stream_reader *r)
{
    loop_timer_start(r->config.loop, &r->renewal, TOKEN_RENEW_MS, on_token_time, r);
    if (r->state != READER_SIGNING_IN)
        return; /* it was renewed */
    r->state = READER_ASKING;
    r->next_ask = 0;
    if (r->partition_count && r->partitions[0].asked) { /* known from the connection before */
        reader_partitions_attach(r);
        return;
    }
    r->ask_receive = reader_attach(r, "$management-receiver", true, "$management",
                                   (struct slice){0}, AMQP_SEND_SETTLED, NULL);
    r->ask_send = reader_attach(r, "$management-sender", false, "$management", (struct slice){0},
                                AMQP_SEND_SETTLED, NULL);
}

static void on_told(struct stream_reader *r, const struct amqp_value *body)
{
    struct amqp_value v;
    int64_t n;
    if (r->partition_count == 0) {
        if (!amqp_map_find(body, SLICE("partition_count"), &v) || !amqp_to_i64(&v, &n) || n < 1 ||
            n > STREAM_READER_PARTITIONS_MAX) {
            reader_end(r, PEER_FAILED);
            return;
        }
        reader_partitions_make(r, (unsigned)n);
    } else if (r->next_ask < r->partition_count) {
        if (!amqp_map_find(body, SLICE("last_enqueued_sequence_number"), &v) ||
            !amqp_to_i64(&v, &n) || n < -1) {
            reader_end(r, PEER_FAILED);
            return;
        }
        r->partitions[r->next_ask++].last = n;
    }
    ask_next(r);
}

void reader_sign_in_answer(struct stream_reader *r, struct amqp_link *l, struct slice message)
{
    struct amqp_message m;
    enum status s = amqp_message_read(message, &m) == OK ? cbs_answer(&m) : PEER_FAILED;
    if (s != OK)
        reader_end(r, s);
    else if (l == r->cbs_receive)
        on_token_taken(r);
    else if (l == r->ask_receive)
        on_told(r, &m.value);
}
