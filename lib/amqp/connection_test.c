#include "amqp/connection.h"

#include <stdio.h>

#include "amqp/link.h"
#include "base/cmocka.h"
#include "base/memory.h"

/* Two engines with buffers between them; each end notes what it was told. */

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

/* ---- opening ---- */

static void a_plain_connection_opens(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    amqp_connection_close(client.connection, NULL);
    run(&client, &server);
    assert_true(client.closed && server.closed);
    assert_int_equal(client.why, CLOSED);
    assert_int_equal(server.why, CLOSED);
    finish(&client);
    finish(&server);
}

static void sasl_comes_byte_by_byte_and_may_be_decided_later(void **state)
{
    (void)state;
    struct end client = {0}, server = {.sasl = AGAIN};
    begin(&client, true, true);
    begin(&server, false, true);
    while (carry(&client, &server, 1) | carry(&server, &client, 1))
        ;
    assert_string_equal(server.sasl_response, "user");
    assert_false(server.opened);
    amqp_connection_sasl(server.connection, OK);
    while (carry(&server, &client, 1) | carry(&client, &server, 1))
        ;
    assert_true(client.opened && server.opened);
    finish(&client);
    finish(&server);
}

static void sasl_refuses(void **state)
{
    (void)state;
    struct end client = {0}, server = {.sasl = UNAUTHORIZED};
    begin(&client, true, true);
    begin(&server, false, true);
    run(&client, &server);
    assert_true(client.closed && server.closed);
    assert_int_equal(client.why, UNAUTHORIZED);
    assert_int_equal(server.why, UNAUTHORIZED);
    finish(&client);
    finish(&server);
}

static void a_server_with_sasl_takes_clients_without(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    begin(&client, true, false);
    begin(&server, false, true);
    run(&client, &server);
    assert_true(client.opened && server.opened);
    finish(&client);
    finish(&server);
}

/* ---- messages ---- */

static void messages_go_down_and_are_settled(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("x")), CLOSED);
    run(&client, &server);
    assert_int_equal(amqp_link_credit(l), 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = i}, SLICE("hello")), OK);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("x")), AGAIN);
    client.credits = 0;
    run(&client, &server);
    assert_int_equal(server.received, 10);
    assert_slice(buffer_slice(&server.bytes), SLICE("hello"));
    assert_int_equal(client.settled, 10);
    assert_int_equal(client.token, 9);
    assert_int_equal(client.outcome, AMQP_OUTCOME_ACCEPTED);
    assert_true(client.credits > 0);
    assert_int_equal(amqp_link_credit(l), 10);
    finish(&client);
    finish(&server);
}

/* Accepting ten messages in order is one disposition. */
static void dispositions_gather(void **state)
{
    (void)state;
    struct end client = {0}, server = {.settles_later = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("hello")), OK);
    run(&client, &server);
    assert_int_equal(client.settled, 0);
    assert_int_equal(amqp_link_credit(l), 0); /* the window counts what is not settled */
    server.gathered = false;
    for (uint32_t id = 0; id < 10; id++)
        amqp_link_settle(server.link, id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
    assert_true(server.gathered);
    amqp_connection_flush(server.connection);
    assert_true(server.out.len < 120); /* a disposition and a flow */
    run(&client, &server);
    assert_int_equal(client.settled, 10);
    assert_int_equal(amqp_link_credit(l), 10);
    finish(&client);
    finish(&server);
}

static void outcomes_arrive_in_any_order(void **state)
{
    (void)state;
    struct end client = {0}, server = {.settles_later = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = 100 + i}, SLICE("m")), OK);
    run(&client, &server);
    static const struct {
        uint32_t id;
        struct amqp_state state;
    } order[] = {{2,
                  {.outcome = AMQP_OUTCOME_REJECTED,
                   .error = {.condition = SLICE_INIT("amqp:not-allowed")}}},
                 {0, {.outcome = AMQP_OUTCOME_MODIFIED, .delivery_failed = true}},
                 {1, {.outcome = AMQP_OUTCOME_RELEASED}}};
    for (unsigned i = 0; i < 3; i++) {
        amqp_link_settle(server.link, order[i].id, &order[i].state);
        run(&client, &server);
        assert_int_equal(client.settled, i + 1);
        assert_int_equal(client.token, 100 + order[i].id);
        assert_int_equal(client.outcome, order[i].state.outcome);
    }
    finish(&client);
    finish(&server);
}

static void a_message_of_many_frames_is_put_together(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    struct buffer big = {0};
    for (unsigned i = 0; i < 250000; i++)
        buffer_u8(&big, (uint8_t)(i * 7 >> 3));
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = 5}, buffer_slice(&big)), OK);
    run(&client, &server);
    assert_int_equal(server.received, 1);
    assert_slice(buffer_slice(&server.bytes), buffer_slice(&big));
    assert_int_equal(client.settled, 1);
    buffer_put(&big, buffer_slice(&server.bytes));
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, buffer_slice(&big)), TOO_LARGE);
    buffer_clear(&big);
    finish(&client);
    finish(&server);
}

/* Frames of a peer that is written by hand. */
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

static void an_idle_timeout_of_nearly_nothing_is_refused(void **state)
{
    (void)state;
    struct end server = {0};
    begin(&server, false, false);
    amqp_connection_in(server.connection, SLICE("AMQP\0\1\0\0"), 1000);
    FRAME(&server, 0, open, .container_id = SLICE("hasty"), .frame_max = 512, .channel_max = 5, .idle_ms = 1);
    assert_true(server.closed);
    assert_string_equal(server.condition, "amqp:invalid-field");
    finish(&server);
}

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

/* A peer that opens its window by one transfer at a time still gets the whole message. */
static void a_small_session_window_is_respected(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    uint8_t message[1000] = {0};
    assert_int_equal(
        amqp_link_send(server.link, &(struct amqp_send){.token = 9}, slice_from(message, 1000)),
        OK);
    assert_int_equal(server.out.len <= 512 && server.out.len > 400, true);
    assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){0}, SLICE("x")), AGAIN);
    for (unsigned transfers = 1; transfers <= 2; transfers++) {
        buffer_reset(&server.out);
        server.credits = 0;
        FRAME(&server, 5, flow, .next_incoming_id = transfers, .incoming_window = 1,
              .next_outgoing_id = 77, .outgoing_window = 1, NO_LINK);
        assert_true(server.out.len > 100 && server.out.len <= 512);
    }
    assert_int_equal(server.credits, 0); /* the window was used up by the rest */
    FRAME(&server, 5, flow, .next_incoming_id = 3, .incoming_window = 1, .next_outgoing_id = 77,
          .outgoing_window = 1, NO_LINK);
    assert_int_equal(server.credits, 1);
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = AMQP_ABSENT,
          .settled = true, .state = SLICE("\x00\x53\x24\x45"));
    assert_int_equal(server.settled, 1);
    assert_int_equal(server.token, 9);
    finish(&server);
}

static void a_drained_link_gives_its_credit_back(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    FRAME(&server, 5, flow, .next_incoming_id = 0, .incoming_window = 1, .next_outgoing_id = 77,
          .outgoing_window = 1, .handle = 3, .delivery_count = 0, .credit = 7,
          .available = AMQP_ABSENT, .drain = true);
    assert_true(amqp_link_draining(server.link));
    assert_int_equal(amqp_link_credit(server.link), 7);
    amqp_link_drained(server.link);
    assert_false(amqp_link_draining(server.link));
    assert_int_equal(amqp_link_credit(server.link), 0);
    struct amqp_flow f;
    assert_int_equal(amqp_flow_read(slice_skip(buffer_slice(&server.out), 8), &f), OK);
    assert_int_equal(f.delivery_count, 7);
    assert_int_equal(f.credit, 0);
    assert_true(f.drain);
    finish(&server);
}

/* What the peer settles in ranges that we never sent, or twice, harms nothing. */
static void dispositions_of_nothing_are_ignored(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){.token = 9}, SLICE("m")), OK);
    FRAME(&server, 5, disposition, .receiver = true, .first = 1000, .last = 4000000000,
          .settled = true);
    assert_int_equal(server.settled, 0);
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = 2000000000,
          .settled = false, .state = SLICE("\x00\x53\x26\x45"));
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = 5, .settled = true);
    assert_int_equal(server.settled, 1);
    assert_int_equal(server.outcome, AMQP_OUTCOME_RELEASED);
    assert_false(server.closed);
    finish(&server);
}

static void settled_messages_are_not_told_of(void **state)
{
    (void)state;
    struct end client = {.window = 5}, server = {0};
    open_both(&client, &server);
    client.window = 5;
    struct amqp_link *l = attach(&client, "r", true, AMQP_SEND_SETTLED);
    run(&client, &server);
    amqp_link_set_window(l, 5);
    run(&client, &server);
    assert_true(amqp_link_sends(server.link));
    assert_int_equal(amqp_link_credit(server.link), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){0}, SLICE("down")), OK);
    run(&client, &server);
    assert_int_equal(client.received, 5);
    assert_int_equal(server.settled, 0);
    assert_int_equal(amqp_link_credit(server.link), 3); /* given back in halves of the window */
    finish(&client);
    finish(&server);
}

/* ---- refusing, detaching, ending ---- */

static void a_link_can_be_refused(void **state)
{
    (void)state;
    struct end client = {0}, server = {.refuses = true};
    open_both(&client, &server);
    attach(&client, "a", false, AMQP_SEND_MIXED);
    run(&client, &server);
    assert_int_equal(client.attached, 1);
    assert_int_equal(client.detaches, 1);
    assert_string_equal(client.detached, "amqp:not-found");
    assert_int_equal(server.detaches, 0);
    finish(&client);
    finish(&server);
}

static void a_link_can_be_answered_later(void **state)
{
    (void)state;
    struct end client = {0}, server = {.holds = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", true, AMQP_SEND_MIXED);
    run(&client, &server);
    assert_int_equal(client.attached, 0);
    amqp_link_accept(server.link, NULL);
    run(&client, &server);
    assert_int_equal(client.attached, 1);
    amqp_link_detach(l, NULL);
    run(&client, &server);
    assert_int_equal(server.detaches, 1);
    assert_int_equal(client.detaches, 0);
    assert_null(server.link);
    finish(&client);
    finish(&server);
}

static void handles_and_channels_are_used_again(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    for (unsigned i = 0; i < 3000; i++) {
        struct amqp_link *l = attach(&client, "again", i & 1, AMQP_SEND_MIXED);
        run(&client, &server);
        assert_int_equal(server.attached, i + 1);
        amqp_link_detach(l, NULL);
        run(&client, &server);
        if (i % 2) {
            amqp_session_end(client.session, NULL);
            run(&client, &server);
            assert_int_equal(amqp_session_begin(client.connection, &client.session), OK);
        }
    }
    assert_int_equal(server.ends, 1500);
    assert_false(server.closed);
    finish(&client);
    finish(&server);
}

static void too_many_links_end_the_session(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    run(&client, &server);
    char name[16];
    for (unsigned i = 0; i <= AMQP_HANDLE_MAX; i++) {
        snprintf(name, sizeof(name), "l%u", i);
        attach(&client, name, true, AMQP_SEND_MIXED);
    }
    run(&client, &server);
    assert_int_equal(server.attached, AMQP_HANDLE_MAX + 1);
    struct amqp_link *l;
    assert_int_equal(
        amqp_link_attach(client.session, &(struct amqp_attach){.name = SLICE("more")}, NULL, &l),
        FULL);
    finish(&client);
    finish(&server);
}

static void an_error_ends_the_session_and_its_links(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    attach(&client, "a", true, AMQP_SEND_MIXED);
    run(&client, &server);
    /* a transfer for a handle that nobody attached */
    amqp_connection_in(server.connection,
                       SLICE("\0\0\0\x12\2\0\0\0\0\x53\x14\xc0\5\2\x52\x63\x52\0"), 1000);
    assert_int_equal(server.detaches, 1);
    assert_int_equal(server.ends, 1);
    assert_string_equal(server.condition, "amqp:session:unattached-handle");
    run(&client, &server);
    assert_int_equal(client.ends, 1);
    assert_int_equal(client.detaches, 1);
    assert_string_equal(client.condition, "amqp:session:unattached-handle");
    finish(&client);
    finish(&server);
}

/* Azure's Python SDK ends a session and then detaches its links; others settle, or grant credit. */
static void what_comes_behind_the_end_is_let_be(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    FRAME(&server, 5, end, .error = {0});
    FRAME(&server, 5, detach, .handle = 3);
    FRAME(&server, 5, flow, .incoming_window = 100);
    FRAME(&server, 5, disposition, .receiver = true, .settled = true);
    assert_false(server.closed);
    assert_int_equal(server.detaches, 1);
    FRAME(&server, 9, flow, .incoming_window = 100); /* no session was ever there */
    assert_true(server.closed);
    finish(&server);
}

static void bad_bytes_close_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *condition;
    } bad[] = {
        {SLICE_INIT("\0\0\0\7\2\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\x7f\0\0\0\2\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\1\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\3\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\2\1\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x09\2\0\0\0\x01"), "amqp:decode-error"},
        {SLICE_INIT("\0\0\0\x0c\2\0\0\1\0\x53\x13\x45"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x0c\2\0\0\0\0\x53\x13\x45"), "amqp:decode-error"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct end client = {0}, server = {0};
        open_both(&client, &server);
        run(&client, &server);
        amqp_connection_in(server.connection, bad[i].bytes, 1000);
        assert_true(server.closed);
        assert_int_equal(server.why, BAD_FORMAT);
        assert_string_equal(server.condition, bad[i].condition);
        run(&client, &server);
        assert_true(client.closed);
        assert_int_equal(client.why, CLOSED);
        assert_string_equal(client.condition, bad[i].condition);
        finish(&client);
        finish(&server);
    }
}

static void a_wrong_header_is_answered_with_ours(void **state)
{
    (void)state;
    struct end server = {0};
    begin(&server, false, true);
    amqp_connection_in(server.connection, SLICE("GET / HTTP/1.1\r\n"), 1000);
    assert_true(server.closed);
    assert_slice(buffer_slice(&server.out), SLICE("AMQP\3\1\0\0"));
    finish(&server);
}

static void sending_without_credit_is_refused(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    struct buffer one = {0};
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("m")), OK);
    buffer_put(&one, buffer_slice(&client.out));
    server.settles_later = true;
    for (unsigned i = 0; i < 10; i++)
        amqp_connection_in(server.connection, buffer_slice(&one), 1000);
    assert_int_equal(server.detaches, 0);
    amqp_connection_in(server.connection, buffer_slice(&one), 1000);
    assert_int_equal(server.detaches, 1);
    assert_string_equal(server.detached, "amqp:link:transfer-limit-exceeded");
    buffer_clear(&one);
    finish(&client);
    finish(&server);
}

/* ---- time ---- */

static void empty_frames_keep_the_peer_and_silence_closes(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server); /* both announce 30 s */
    run(&client, &server);
    uint64_t next = amqp_connection_tick(server.connection, 1000);
    assert_int_equal(next, 16000);
    assert_int_equal(server.out.len, 0);
    assert_int_equal(amqp_connection_tick(server.connection, 16000), 31000);
    assert_slice(buffer_slice(&server.out), SLICE("\0\0\0\x08\2\0\0\0"));
    amqp_connection_in(client.connection, buffer_slice(&server.out), 16000);
    assert_false(client.closed);
    amqp_connection_tick(client.connection, 75999);
    assert_false(client.closed);
    amqp_connection_tick(client.connection, 76000);
    assert_true(client.closed);
    assert_int_equal(client.why, TIMED_OUT);
    finish(&client);
    finish(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_connection_opens),
        cmocka_unit_test(sasl_comes_byte_by_byte_and_may_be_decided_later),
        cmocka_unit_test(sasl_refuses),
        cmocka_unit_test(a_server_with_sasl_takes_clients_without),
        cmocka_unit_test(messages_go_down_and_are_settled),
        cmocka_unit_test(dispositions_gather),
        cmocka_unit_test(outcomes_arrive_in_any_order),
        cmocka_unit_test(a_message_of_many_frames_is_put_together),
        cmocka_unit_test(an_idle_timeout_of_nearly_nothing_is_refused),
        cmocka_unit_test(a_small_session_window_is_respected),
        cmocka_unit_test(settled_messages_are_not_told_of),
        cmocka_unit_test(a_link_can_be_refused),
        cmocka_unit_test(a_link_can_be_answered_later),
        cmocka_unit_test(handles_and_channels_are_used_again),
        cmocka_unit_test(too_many_links_end_the_session),
        cmocka_unit_test(an_error_ends_the_session_and_its_links),
        cmocka_unit_test(what_comes_behind_the_end_is_let_be),
        cmocka_unit_test(bad_bytes_close_with_a_reason),
        cmocka_unit_test(a_wrong_header_is_answered_with_ours),
        cmocka_unit_test(sending_without_credit_is_refused),
        cmocka_unit_test(empty_frames_keep_the_peer_and_silence_closes),
        cmocka_unit_test(a_drained_link_gives_its_credit_back),
        cmocka_unit_test(dispositions_of_nothing_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
