/* Two engines with buffers between them, each of which notes what it was told; and frames of a peer
 * that is written by hand. */
#pragma once

#include "amqp/connection.h"
#include <stdio.h>

#include "amqp/link.h"
#include "base/cmocka.h"
#include "base/memory.h"

struct end {
    struct amqp_connection *connection;
    struct buffer out;
    struct amqp_link *link; /* the last one attached */
    struct amqp_session *session;
    bool refuses, holds, settles_later, opened, closed, gathered;
    enum status sasl, why;
    char condition[64], sasl_response[32], detached[64];
    unsigned attached, received, credits, settled, detaches, ends;
    uint32_t window, last_id;
    enum amqp_outcome outcome;
    uint64_t token;
    struct buffer bytes; /* of the last message */
};

static struct buffer *output(void *arg)
{
    return &((struct end *)arg)->out;
}

static void on_gathered(void *arg)
{
    ((struct end *)arg)->gathered = true;
}

static enum status on_sasl(void *arg, struct slice mechanism, struct slice response)
{
    struct end *e = arg;
    assert_slice(mechanism, SLICE("PLAIN"));
    snprintf(e->sasl_response, sizeof(e->sasl_response), "%.*s", SLICE_FMT(response));
    return e->sasl;
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct end *e = arg;
    e->opened = true;
    assert_true(peer->container_id.len > 0);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct end *e = arg;
    e->attached++;
    e->link = l;
    (void)peer;
    if (e->refuses)
        amqp_link_refuse(l, &(struct amqp_error){.condition = SLICE("amqp:not-found")});
    else if (!e->holds)
        amqp_link_accept(l, NULL);
    if (!e->refuses && !amqp_link_sends(l))
        amqp_link_set_window(l, e->window);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct end *e = arg;
    e->received++;
    e->last_id = d->id;
    buffer_reset(&e->bytes);
    buffer_put(&e->bytes, d->bytes);
    if (!d->settled && !e->settles_later)
        amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
}

static void on_credit(void *arg, struct amqp_link *l)
{
    ((struct end *)arg)->credits++;
    (void)l;
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct end *e = arg;
    (void)l;
    e->settled++;
    e->token = token;
    e->outcome = state->outcome;
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct end *e = arg;
    e->detaches++;
    if (e->link == l)
        e->link = NULL;
    snprintf(e->detached, sizeof(e->detached), "%.*s", SLICE_FMT(why->condition));
}

static void on_end(void *arg, struct amqp_session *s, const struct amqp_error *why)
{
    struct end *e = arg;
    (void)s;
    e->ends++;
    e->session = NULL;
    snprintf(e->condition, sizeof(e->condition), "%.*s", SLICE_FMT(why->condition));
}

static void on_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct end *e = arg;
    e->closed = true;
    e->why = why;
    snprintf(e->condition, sizeof(e->condition), "%.*s", SLICE_FMT(error->condition));
}

static const struct amqp_events events = {output,    on_gathered, on_sasl,   on_open,
                                          on_attach, on_transfer, on_credit, on_settled,
                                          on_detach, on_end,      on_close};

static const char *const plain[] = {"PLAIN", NULL};

static void begin(struct end *e, bool client, bool sasl)
{
    e->window = 10;
    e->connection = amqp_connection_new(
        &(struct amqp_connection_config){.client = client,
                                         .container_id = client ? "client" : "server",
                                         .hostname = client ? "host" : NULL,
                                         .mechanisms = sasl ? plain : NULL,
                                         .sasl_response = SLICE("user"),
                                         .idle_ms = 60000,
                                         .message_max = 300000,
                                         .events = &events,
                                         .arg = e},
        1000);
}

static void finish(struct end *e)
{
    amqp_connection_free(&e->connection);
    buffer_clear(&e->out);
    buffer_clear(&e->bytes);
}

static bool carry(struct end *from, struct end *to, size_t step)
{
    amqp_connection_flush(from->connection);
    if (from->out.len == 0)
        return false;
    struct buffer moved = from->out;
    from->out = (struct buffer){0};
    struct slice rest = buffer_slice(&moved);
    while (rest.len) {
        amqp_connection_in(to->connection, slice_first(rest, step), 1000);
        rest = slice_skip(rest, step);
    }
    buffer_clear(&moved);
    return true;
}

static void run(struct end *client, struct end *server)
{
    while (carry(client, server, SIZE_MAX) | carry(server, client, SIZE_MAX))
        ;
}

static void open_both(struct end *client, struct end *server)
{
    begin(client, true, false);
    begin(server, false, false);
    run(client, server);
    assert_true(client->opened && server->opened);
    assert_int_equal(amqp_session_begin(client->connection, &client->session), OK);
}

static struct amqp_link *attach(struct end *client, const char *name, bool receiver, int settle)
{
    struct buffer address = {0}, source = {0}, target = {0};
    amqp_write_string(&address, SLICE("/there"));
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&address),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&address),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    struct amqp_link *l;
    assert_int_equal(amqp_link_attach(client->session,
                                      &(struct amqp_attach){.name = slice_of(name),
                                                            .receiver = receiver,
                                                            .send_settle = settle,
                                                            .receive_settle = AMQP_ABSENT,
                                                            .source = buffer_slice(&source),
                                                            .target = buffer_slice(&target)},
                                      NULL, &l),
                     OK);
    buffer_clear(&address);
    buffer_clear(&source);
    buffer_clear(&target);
    return l;
}

static void frame(struct buffer *b, uint16_t channel, const struct buffer *performative)
{
    buffer_u32(b, (uint32_t)performative->len + 8);
    buffer_u16(b, 0x0200);
    buffer_u16(b, channel);
    buffer_put(b, buffer_slice(performative));
}

#define FRAME(server, channel, type, ...)                                                          \
    do {                                                                                           \
        struct buffer p = {0}, f = {0};                                                            \
        amqp_##type##_write(&p, &(struct amqp_##type){__VA_ARGS__});                               \
        frame(&f, channel, &p);                                                                    \
        amqp_connection_in((server)->connection, buffer_slice(&f), 1000);                          \
        buffer_clear(&p);                                                                          \
        buffer_clear(&f);                                                                          \
    } while (0)

#define NO_LINK                                                                                    \
    .handle = AMQP_ABSENT, .delivery_count = AMQP_ABSENT, .credit = AMQP_ABSENT,                   \
    .available = AMQP_ABSENT

/* By hand: frames of 512 bytes, a session window of one, and a receiver with two credits. */
static void small_peer(struct end *server)
{
    begin(server, false, false);
    amqp_connection_in(server->connection, SLICE("AMQP\0\1\0\0"), 1000);
    FRAME(server, 0, open, .container_id = SLICE("small"), .frame_max = 512, .channel_max = 5,
          .idle_ms = AMQP_ABSENT);
    FRAME(server, 5, begin, .remote_channel = AMQP_ABSENT, .next_outgoing_id = 77,
          .incoming_window = 1, .outgoing_window = 1, .handle_max = 3);
    FRAME(server, 5, attach, .name = SLICE("small"), .handle = 3, .receiver = true,
          .send_settle = AMQP_ABSENT, .receive_settle = AMQP_ABSENT,
          .initial_delivery_count = AMQP_ABSENT, .message_max = AMQP_ABSENT);
    FRAME(server, 5, flow, .next_incoming_id = 0, .incoming_window = 1, .next_outgoing_id = 77,
          .outgoing_window = 1, .handle = 3, .delivery_count = 0, .credit = 2,
          .available = AMQP_ABSENT);
    assert_int_equal(amqp_link_credit(server->link), 2);
    assert_int_equal(server->credits, 1);
    buffer_reset(&server->out);
}
