/*
 * Any bytes as messages to $cbs and as tokens in them, through a whole head: each request is answered
 * once or its sender is detached, and what a token grants is below what it names. The input is a list
 * of messages: a byte says what the next one is, a second one how long.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "heads/amqp.h"
#include "io/sim.h"
#include "token/sas.h"

struct world {
    struct loop *loop;
    struct stream *stream;
    struct amqp_connection *client;
    struct amqp_session *session;
    struct amqp_link *requests, *responses;
    struct heads_amqp_check *held;
    bool closed, gone;
};

/* ---- the server ---- */

static const char *const hosts[] = {"hub", NULL};

static void check(struct heads_amqp_check *c, const struct heads_amqp_token *t)
{
    struct sas sas;
    enum status why = sas_parse(t->token, &sas);
    if (why == OK && !sas_covers(&sas, hosts, t->path))
        why = UNAUTHORIZED;
    heads_amqp_checked(c, why,
                       &(struct heads_amqp_grant){.path = t->path,
                                                  .rights = 1,
                                                  .expires_ms = why == OK ? sas.expires_ms : 0,
                                                  .token = t->token});
}

/* Every other one is answered when the next one comes, or never while the peer is there. */
static void verify(void *arg, struct heads_amqp_check *c, const struct heads_amqp_token *t)
{
    struct world *w = arg;
    if (w->held == NULL && t->token.len % 2) {
        w->held = c;
        return;
    }
    if (w->held)
        heads_amqp_checked(w->held, UNAUTHORIZED, NULL);
    w->held = NULL;
    check(c, t);
}

static void on_gone(void *arg, struct heads_amqp *h)
{
    (void)h;
    ((struct world *)arg)->gone = true;
}

static const struct heads_amqp_config *config(struct world *w)
{
    static struct heads_amqp_config c = {.container_id = "hub", .verify = verify, .on_gone = on_gone};
    c.arg = w;
    return &c;
}

static void on_accept(void *arg, struct stream *s)
{
    heads_amqp_new(s, config(arg));
}

/* ---- the client ---- */

static struct buffer *output(void *arg)
{
    struct world *w = arg;
    stream_flush(w->stream);
    return stream_out(w->stream);
}

static struct amqp_link *attach(struct world *w, bool receiver)
{
    static const char terminus[] = "\x00\x53\x28\xc0\x07\x01\xa1\x04$cbs";
    struct slice address = {(const uint8_t *)terminus, sizeof(terminus) - 1};
    uint8_t target[sizeof(terminus) - 1];
    memcpy(target, terminus, sizeof(target));
    target[2] = 0x29;
    struct amqp_link *l = NULL;
    if (amqp_link_attach(w->session,
                         &(struct amqp_attach){.name = receiver ? SLICE("in") : SLICE("out"),
                                               .receiver = receiver,
                                               .send_settle = AMQP_ABSENT,
                                               .receive_settle = AMQP_ABSENT,
                                               .source = address,
                                               .target = slice_from(target, sizeof(target))},
                         NULL, &l) != OK)
        abort();
    return l;
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct world *w = arg;
    (void)peer;
    if (amqp_session_begin(w->client, &w->session) != OK)
        abort();
    w->requests = attach(w, false);
    w->responses = attach(w, true);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    (void)arg, (void)peer;
    if (!amqp_link_sends(l))
        amqp_link_set_window(l, 100);
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct world *w = arg;
    (void)why;
    if (l == w->requests)
        w->requests = NULL;
    if (l == w->responses)
        w->responses = NULL;
}

static void on_end(void *arg, struct amqp_session *s, const struct amqp_error *why)
{
    struct world *w = arg;
    (void)s, (void)why;
    w->requests = w->responses = NULL;
    w->session = NULL;
}

static void on_closed(void *arg, enum status why, const struct amqp_error *error)
{
    struct world *w = arg;
    (void)why, (void)error;
    w->requests = w->responses = NULL;
    w->session = NULL;
    stream_close(w->stream);
}

static const struct amqp_events client_events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_detach = on_detach,
    .on_end = on_end,
    .on_close = on_closed,
};

static void on_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    amqp_connection_in(w->client, bytes, loop_now_ms(w->loop));
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    ((struct world *)arg)->closed = true;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

/* ---- messages ---- */

static void put(struct buffer *b, const char *name, struct slice value)
{
    amqp_write_string(b, slice_of(name));
    amqp_write_string(b, value);
}

/* A put-token whose name, or whose token, is the input; the rest is right. */
static void put_token(uint8_t how, struct slice bytes, struct buffer *b)
{
    struct buffer id = {0};
    struct amqp_properties p = amqp_properties_none();
    amqp_write_string(&id, SLICE("1"));
    p.message_id = buffer_slice(&id);
    p.reply_to = SLICE("$cbs");
    amqp_properties_write(b, &p);
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    put(b, "operation", SLICE("put-token"));
    put(b, "type", how & 4 ? SLICE("jwt") : SLICE("servicebus.windows.net:sastoken"));
    put(b, "name", how & 8 ? bytes : SLICE("hub/devices/d"));
    amqp_write_end(b, map, 6);
    amqp_message_value_begin(b);
    amqp_write_string(b, how & 8 ? SLICE("SharedAccessSignature sr=hub&sig=AA&se=99999999999") : bytes);
    buffer_clear(&id);
}

static void send_one(struct world *w, uint8_t how, struct slice bytes)
{
    struct buffer b = {0};
    if (how & 1)
        put_token(how, bytes, &b);
    else
        buffer_put(&b, bytes);
    if (w->requests)
        (void)!amqp_link_send(w->requests, &(struct amqp_send){.settled = how & 2}, buffer_slice(&b));
    buffer_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct sim *sim = sim_new(1);
    struct world w = {.loop = sim_loop_new(sim, "hub")};
    struct listener *listener;
    if (listener_open(&(struct listen_config){.loop = w.loop, .host = "hub", .port = 5671, .on_accept = on_accept, .arg = &w},
                      &listener) != OK)
        abort();
    w.stream = stream_connect(&(struct connect_config){.loop = w.loop, .host = "hub", .port = 5671},
                              &stream_table, &w);
    w.client = amqp_connection_new(&(struct amqp_connection_config){.client = true,
                                                                    .container_id = "fuzz",
                                                                    .events = &client_events,
                                                                    .arg = &w},
                                   loop_now_ms(w.loop));
    sim_run(sim, sim_now_ms(sim) + 10);
    struct reader r = reader_of(slice_from(at, len));
    while (r.rest.len > 2) {
        uint8_t how = reader_u8(&r), size = reader_u8(&r);
        send_one(&w, how, reader_bytes(&r, size < r.rest.len ? size : r.rest.len));
        if (how & 16)
            sim_run(sim, sim_now_ms(sim) + 10);
    }
    sim_run(sim, sim_now_ms(sim) + 10);
    if (w.held)
        heads_amqp_checked(w.held, UNAUTHORIZED, NULL);
    w.held = NULL;
    if (!w.closed)
        stream_close(w.stream);
    sim_run(sim, sim_now_ms(sim) + 10000);
    if (!w.gone)
        abort();
    amqp_connection_free(&w.client);
    listener_close(&listener);
    sim_free(&sim);
    return 0;
}
