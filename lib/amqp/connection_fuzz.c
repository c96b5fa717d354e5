#include "amqp/link.h"

#include <stdlib.h>

/*
 * One engine of each role with applications that do a bit of everything. The input is a program:
 * each byte is an act of an end, or raw bytes, or a broken byte in what one says to the other.
 */

struct end {
    struct amqp_connection *connection;
    struct buffer out;
    struct amqp_session *session;
    struct amqp_link *links[4];
    unsigned next;
    bool client, closed;
};

static struct buffer *output(void *arg)
{
    return &((struct end *)arg)->out;
}

static void forget(struct end *e, struct amqp_link *l)
{
    for (unsigned i = 0; i < 4; i++)
        if (e->links[i] == l)
            e->links[i] = NULL;
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct end *e = arg;
    (void)peer;
    if (e->client && amqp_session_begin(e->connection, &e->session) != OK)
        e->session = NULL;
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct end *e = arg;
    if (peer->name.len == 3) {
        amqp_link_refuse(l, &(struct amqp_error){.condition = SLICE("amqp:not-found")});
        return;
    }
    amqp_link_accept(l, NULL);
    if (!amqp_link_sends(l))
        amqp_link_set_window(l, 5);
    e->links[e->next++ % 4] = l;
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    (void)arg;
    if (d->bytes.len == 13)
        amqp_link_detach(l, NULL);
    if (!d->settled && d->bytes.len % 3)
        amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = 1 + d->id % 4});
}

static void send_one(struct amqp_link *l, uint8_t size)
{
    static const uint8_t bytes[255 * 600];
    enum status s = amqp_link_send(l, &(struct amqp_send){.settled = size & 1, .token = size},
                                   slice_from(bytes, size > 200 ? size * 600u : size));
    if (s != OK && amqp_link_draining(l))
        amqp_link_drained(l);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    (void)arg;
    send_one(l, 7);
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    (void)arg, (void)state;
    if (token % 2 == 0)
        send_one(l, (uint8_t)token + 1);
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    (void)why;
    forget(arg, l);
}

static void on_end(void *arg, struct amqp_session *s, const struct amqp_error *why)
{
    struct end *e = arg;
    (void)why;
    if (e->session == s)
        e->session = NULL;
}

static void on_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct end *e = arg;
    (void)why, (void)error;
    if (e->closed)
        abort(); /* told twice */
    e->closed = true;
}

static const struct amqp_events events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_transfer = on_transfer,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_detach = on_detach,
    .on_end = on_end,
    .on_close = on_close,
};

static const char *const anonymous[] = {"ANONYMOUS", NULL};

static void begin(struct end *e, bool client, bool sasl)
{
    e->client = client;
    e->connection =
        amqp_connection_new(&(struct amqp_connection_config){.client = client,
                                                             .container_id = "fuzz",
                                                             .idle_ms = 1000,
                                                             .mechanisms = sasl ? anonymous : NULL,
                                                             .message_max = 100000,
                                                             .events = &events,
                                                             .arg = e},
                            0);
}

static void attach(struct end *e, uint8_t how)
{
    char name[2] = {(char)('a' + how % 8), 0};
    struct amqp_link *l;
    if (e->session && amqp_link_attach(e->session,
                                       &(struct amqp_attach){.name = slice_of(name),
                                                             .receiver = how & 1,
                                                             .send_settle = how % 3,
                                                             .receive_settle = AMQP_ABSENT,
                                                             .source = SLICE("\x00\x53\x28\x45"),
                                                             .target = SLICE("\x00\x53\x29\x45")},
                                       NULL, &l) == OK)
        e->links[e->next++ % 4] = l;
}

static void act(struct end *e, uint8_t what, uint8_t how)
{
    struct amqp_link *l = e->links[how % 4];
    switch (what % 8) {
    case 0:
        attach(e, how);
        return;
    case 1:
        if (l && amqp_link_sends(l))
            send_one(l, how);
        return;
    case 2:
        if (l)
            amqp_link_detach(l, NULL);
        forget(e, l);
        return;
    case 3:
        if (l && !amqp_link_sends(l))
            amqp_link_set_window(l, how);
        return;
    case 4:
        if (how == 1 && e->session) {
            amqp_session_end(e->session, NULL);
            memset(e->links, 0, sizeof(e->links));
            e->session = NULL;
        }
        return;
    case 5:
        amqp_connection_tick(e->connection, how * 10u);
        return;
    case 6:
        if (how == 2)
            amqp_connection_close(e->connection, NULL);
        return;
    default:
        amqp_connection_flush(e->connection);
    }
}

static void carry(struct end *from, struct end *to, uint8_t broken)
{
    struct buffer moved = from->out;
    from->out = (struct buffer){0};
    if (broken && moved.len)
        moved.at[broken % moved.len] ^= broken;
    amqp_connection_in(to->connection, buffer_slice(&moved), 0);
    buffer_clear(&moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct end client = {0}, server = {0};
    struct reader r = reader_of(slice_from(at, len));
    uint8_t start = reader_u8(&r);
    begin(&client, true, start & 1);
    begin(&server, false, start & 1);
    for (unsigned i = 0; i < 4 && !(start & 2); i++) {
        carry(&client, &server, 0);
        carry(&server, &client, 0);
    }
    while (r.rest.len > 1) {
        uint8_t what = reader_u8(&r), how = reader_u8(&r);
        struct end *e = what & 0x80 ? &client : &server;
        struct end *other = what & 0x80 ? &server : &client;
        if (e->closed || other->closed)
            break;
        if ((what & 0x60) == 0x60)
            amqp_connection_in(e->connection, reader_bytes(&r, how < r.rest.len ? how : r.rest.len),
                               0);
        else if (what & 0x40)
            carry(e, other, what & 0x10 ? how : 0);
        else
            act(e, what, how);
    }
    amqp_connection_free(&client.connection);
    amqp_connection_free(&server.connection);
    buffer_clear(&client.out);
    buffer_clear(&server.out);
    return 0;
}
