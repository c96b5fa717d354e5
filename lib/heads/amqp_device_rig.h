/*
 * What the tests of devices over AMQP share: the head between a backend on another loop and
 * clients' engines over a simulated network. Both ends note what they hear, line by line.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "heads/backend_double.h"
#include "io/sim.h"

#define WAIT_MS 20000

/* ---- a client that notes what it gets ---- */

struct client_link {
    struct amqp_link *link;
    const char *label;
    uint32_t last; /* delivery to settle */
};

struct client {
    struct test *test;
    struct loop *loop;
    struct stream *stream; /* NULL: closed */
    struct amqp_connection *engine;
    struct amqp_session *session;
    struct client_link links[200];
    size_t link_count;
    struct buffer heard;
    bool opened;
    struct buffer last; /* message */
};

static inline struct buffer *output(void *arg)
{
    struct client *c = arg;
    stream_flush(c->stream);
    return stream_out(c->stream);
}

static inline void on_open(void *arg, const struct amqp_open *peer)
{
    struct client *c = arg;
    (void)peer;
    assert_int_equal(amqp_session_begin(c->engine, &c->session), OK);
    c->opened = true;
}

static inline void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    struct slice there = peer->receiver ? peer->target : peer->source;
    if (there.at)
        buffer_printf(&c->heard, "attached %s\n", cl->label);
}

static inline void print_map(struct buffer *out, const struct amqp_value *map)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value key, v;
    while (amqp_items_next(&items, &key) && amqp_items_next(&items, &v)) {
        buffer_printf(out, " %.*s=", SLICE_FMT(key.bytes));
        if (amqp_is_text(&v))
            buffer_printf(out, "%.*s", SLICE_FMT(v.bytes));
        else
            buffer_printf(out, "%s%lld", v.type == AMQP_INT ? "int:" : "long:", (long long)v.i);
    }
}

static inline void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    struct amqp_message m;
    struct slice body;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    assert_true(amqp_message_bytes(&m, &body));
    cl->last = d->id;
    buffer_reset(&c->last);
    buffer_put(&c->last, d->bytes);
    buffer_printf(&c->heard, "got %s \"%.*s\"", cl->label, SLICE_FMT(body));
    print_map(&c->heard, &m.message_annotations);
    print_map(&c->heard, &m.application_properties);
    if (m.header.delivery_count > 0)
        buffer_printf(&c->heard, " count=%lld", (long long)m.header.delivery_count);
    buffer_text(&c->heard, d->settled ? " settled\n" : "\n");
}

static const char *const outcomes[] = {"none", "accepted", "rejected", "released", "modified"};

static inline void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                              const struct amqp_state *state)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    buffer_printf(&c->heard, "%s %s %llu %.*s\n", outcomes[state->outcome], cl->label,
                  (unsigned long long)token, SLICE_FMT(state->error.condition));
}

static inline void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    buffer_printf(&c->heard, "detached %s %.*s\n", cl->label, SLICE_FMT(why->condition));
    cl->link = NULL;
}

static const struct amqp_events client_events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_transfer = on_transfer,
    .on_settled = on_settled,
    .on_detach = on_detach,
};

static inline void on_data(void *arg, struct slice bytes)
{
    struct client *c = arg;
    amqp_connection_in(c->engine, bytes, loop_now_ms(c->loop));
}

static inline void on_stream_close(void *arg, enum status why)
{
    (void)why;
    ((struct client *)arg)->stream = NULL;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_stream_close};

/* ---- both ---- */

struct test {
    struct sim *sim;
    struct loop *loop; /* the connections' */
    struct listener *listener;
    struct fake fake;
    struct heads_amqp_devices *devices;
    struct heads_amqp_kind kinds[HEADS_AMQP_DEVICE_KINDS];
    struct heads_amqp_config config;
    struct client clients[2];
    unsigned connections;
    uint64_t next_token;
};

static inline void verify(void *arg, struct heads_amqp_check *check,
                          const struct heads_amqp_token *t)
{
    heads_amqp_device_verify(((struct test *)arg)->devices, check, t);
}

static inline void on_gone(void *arg, struct heads_amqp *h)
{
    (void)h;
    ((struct test *)arg)->connections--;
}

static inline void on_accept(void *arg, struct stream *s)
{
    struct test *t = arg;
    t->connections++;
    heads_amqp_new(s, &t->config);
}

static inline bool is_opened(void *arg)
{
    return ((struct client *)arg)->opened;
}

/* Opens it; opened tells when it is. */
static inline void client_begin(struct test *t, struct client *c)
{
    c->test = t;
    c->loop = sim_loop_new(t->sim, "device");
    c->stream = stream_connect(&(struct connect_config){.loop = c->loop,
                                                        .host = "hub",
                                                        .port = listener_port(t->listener)},
                               &stream_table, c);
    c->engine = amqp_connection_new(
        &(struct amqp_connection_config){
            .client = true, .container_id = "me", .events = &client_events, .arg = c},
        loop_now_ms(c->loop));
}

static inline void client_open(struct test *t, struct client *c)
{
    client_begin(t, c);
    assert_true(loop_run_until(t->loop, is_opened, c, WAIT_MS));
}

static inline void rig_start(struct test *t, uint64_t seed)
{
    t->sim = sim_new(seed);
    t->loop = sim_loop_new(t->sim, "hub");
    t->fake.owner = sim_loop_new(t->sim, "hub");
    t->fake.backend.ops = &fake_ops;
    t->devices = heads_amqp_devices_new(&t->fake.backend);
    for (int i = 0; i < HEADS_AMQP_DEVICE_KINDS; i++) {
        t->kinds[i] = heads_amqp_device_kinds[i];
        t->kinds[i].arg = t->devices;
    }
    t->config = (struct heads_amqp_config){.container_id = "hub",
                                           .kinds = t->kinds,
                                           .kind_count = HEADS_AMQP_DEVICE_KINDS,
                                           .verify = verify,
                                           .on_gone = on_gone,
                                           .arg = t};
    assert_int_equal(listener_open(
                         &(struct listen_config){
                             .loop = t->loop, .host = "0.0.0.0", .on_accept = on_accept, .arg = t},
                         &t->listener),
                     OK);
}

static inline bool is_over(void *arg)
{
    return ((struct test *)arg)->connections == 0;
}

static inline void client_close(struct client *c)
{
    if (c->stream)
        stream_close(c->stream);
}

static inline void client_clear(struct client *c)
{
    amqp_connection_free(&c->engine);
    buffer_clear(&c->heard);
    buffer_clear(&c->last);
}

/* Everybody goes, and what the sessions still had to say is heard. */
static inline void rig_stop(struct test *t, struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
    assert_true(loop_run_until(t->loop, is_over, t, 10 * WAIT_MS));
    sim_run(t->sim, sim_now_ms(t->sim) + 1000);
    for (int i = 0; i < DEVICES_MAX; i++)
        assert_null(t->fake.devices[i].session);
    listener_close(&t->listener);
    for (size_t i = 0; i < count; i++)
        client_clear(&clients[i]);
    buffer_clear(&t->fake.heard);
    sim_free(&t->sim);
    heads_amqp_devices_free(&t->devices);
}

struct wanted {
    struct buffer *where;
    const char *line;
};

static inline bool stands_there(void *arg)
{
    struct wanted *w = arg;
    return slice_find_slice(buffer_slice(w->where), slice_of(w->line)) < w->where->len;
}

/* Waits for a text, and forgets what came up to it. */
static inline void expect(struct test *t, struct buffer *where, const char *line)
{
    struct wanted w = {where, line};
    if (!loop_run_until(t->loop, stands_there, &w, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", line, buffer_cstr(where));
    buffer_drop(where, slice_find_slice(buffer_slice(where), slice_of(line)) + strlen(line));
}

static inline void told(struct test *t, const char *line)
{
    expect(t, &t->fake.heard, line);
}

static inline void got(struct test *t, const char *line)
{
    expect(t, &t->clients[0].heard, line);
}

/* Nothing more is on its way, and this was not said. */
static inline void silent(struct test *t, struct buffer *where, const char *line)
{
    sim_run(t->sim, sim_now_ms(t->sim) + 500);
    struct wanted w = {where, line};
    if (stands_there(&w))
        fail_msg("did not want '%s', got '%s'", line, buffer_cstr(where));
}

/* ---- the client's hands ---- */

static inline void put_address(struct buffer *encoded, struct buffer *address, bool source)
{
    if (source)
        amqp_source_write(encoded, &(struct amqp_source){.address = buffer_slice(address),
                                                         .durable = AMQP_ABSENT,
                                                         .timeout = AMQP_ABSENT});
    else
        amqp_target_write(encoded, &(struct amqp_target){.address = buffer_slice(address),
                                                         .durable = AMQP_ABSENT,
                                                         .timeout = AMQP_ABSENT});
}

static inline struct client_link *ask(struct client *c, const char *label, bool receiver,
                                      const char *address)
{
    struct buffer there = {0}, here = {0}, source = {0}, target = {0}, properties = {0};
    struct client_link *cl = &c->links[c->link_count++];
    cl->label = label;
    amqp_write_string(&there, slice_of(address));
    amqp_write_string(&here, slice_of(label));
    put_address(&source, receiver ? &there : &here, true);
    put_address(&target, receiver ? &here : &there, false);
    size_t map = amqp_write_map_begin(&properties);
    amqp_write_symbol(&properties, SLICE("com.microsoft:client-version"));
    amqp_write_string(&properties, SLICE("test/1"));
    amqp_write_end(&properties, map, 2);
    assert_int_equal(
        amqp_link_attach(c->session,
                         &(struct amqp_attach){.name = slice_of(label),
                                               .receiver = receiver,
                                               .send_settle = AMQP_ABSENT,
                                               .receive_settle = AMQP_ABSENT,
                                               .source = buffer_slice(&source),
                                               .target = buffer_slice(&target),
                                               .properties = buffer_slice(&properties)},
                         cl, &cl->link),
        OK);
    buffer_clear(&there), buffer_clear(&here), buffer_clear(&source), buffer_clear(&target);
    buffer_clear(&properties);
    return cl;
}

static inline struct client_link *attach(struct test *t, struct client *c, const char *label,
                                         bool receiver, const char *address)
{
    char line[80];
    struct client_link *cl = ask(c, label, receiver, address);
    snprintf(line, sizeof(line), "attached %s\n", label);
    expect(t, &c->heard, line);
    return cl;
}

static inline void send_as(struct test *t, struct client_link *l, struct slice message,
                           uint32_t format, bool settled)
{
    enum status s = amqp_link_send(
        l->link,
        &(struct amqp_send){.format = format, .settled = settled, .token = t->next_token++},
        message);
    for (int i = 0; s == AGAIN && i < 1000; i++) {
        sim_run(t->sim, sim_now_ms(t->sim) + 1);
        s = amqp_link_send(
            l->link,
            &(struct amqp_send){.format = format, .settled = settled, .token = t->next_token - 1},
            message);
    }
    assert_int_equal(s, OK);
    stream_flush(((struct client *)&t->clients[0])->stream);
}

static inline void send(struct test *t, struct client_link *l, struct buffer *message)
{
    send_as(t, l, buffer_slice(message), 0, false);
    buffer_clear(message);
}

static inline void send_text(struct test *t, struct client_link *l, const char *text)
{
    struct buffer b = {0};
    amqp_message_data(&b, slice_of(text));
    send(t, l, &b);
}

static const char *sas_of(const char *audience, const char *sig)
{
    static char token[256];
    snprintf(token, sizeof(token), "SharedAccessSignature sr=%s&sig=%s&se=4000000000", audience,
             sig);
    return token;
}

static inline void put_token_write(struct buffer *b, const char *audience, const char *sig)
{
    struct amqp_properties p = amqp_properties_none();
    p.message_id = SLICE("\xa1\2id");
    p.reply_to = SLICE("cbs-from");
    amqp_properties_write(b, &p);
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    const char *pairs[] = {"operation", "put-token", "type", "servicebus.windows.net:sastoken",
                           "name",      audience};
    for (int i = 0; i < 6; i++)
        amqp_write_string(b, slice_of(pairs[i]));
    amqp_write_end(b, map, 6);
    amqp_message_value_begin(b);
    amqp_write_string(b, slice_of(sas_of(audience, sig)));
}

/* Through $cbs; the answer's code is noted by on_transfer(). */
static inline void put_token(struct test *t, struct client *c, const char *audience,
                             const char *sig)
{
    struct client_link *to = attach(t, c, "cbs-to", false, "$cbs");
    struct client_link *from = attach(t, c, "cbs-from", true, "$cbs");
    amqp_link_set_window(from->link, 10);
    amqp_connection_flush(c->engine);
    struct buffer b = {0};
    put_token_write(&b, audience, sig);
    send(t, to, &b);
    expect(t, &c->heard, "got cbs-from \"\" status-code=int:");
}

/* A token that is good, and the telemetry link. */
static inline struct client_link *sign_in(struct test *t, struct client *c, const char *audience,
                                          const char *address)
{
    put_token(t, c, audience, "good");
    expect(t, &c->heard, "200");
    return attach(t, c, "telemetry", false, address);
}

static inline void credit(struct client_link *l, uint32_t window)
{
    amqp_link_set_window(l->link, window);
    amqp_connection_flush(amqp_link_connection(l->link));
}

static inline void settle(struct client_link *l, enum amqp_outcome outcome)
{
    amqp_link_settle(l->link, l->last, &(struct amqp_state){.outcome = outcome});
    amqp_connection_flush(amqp_link_connection(l->link));
}

/* Answers what the backend was asked, in order. */
static inline void accept_next(struct test *t, enum status why)
{
    size_t i = t->fake.answered++ % 4096;
    struct fake_device *d = t->fake.from[i];
    if (d)
        d->session->ops->accepted(d->session, t->fake.tokens[i], why);
}

static inline struct heads_session *session_of(struct test *t, const char *name)
{
    struct heads_session *s = device_named(&t->fake, name)->session;
    assert_non_null(s);
    return s;
}

static inline void deliver(struct test *t, const char *device, uint64_t token, const char *input,
                           const char *body)
{
    struct iot_message m = {.body = slice_of(body),
                            .input = slice_of(input),
                            .message_id = SLICE("m1"),
                            .properties = SLICE("\0\1k\0\1v")};
    struct heads_delivery d = {.token = token,
                               .message = &m,
                               .count = 2,
                               .ack = *input ? (struct slice){0} : SLICE("full"),
                               .lock = SLICE("01020304-0506-0708-090a-0b0c0d0e0f10")};
    session_of(t, device)->ops->message(session_of(t, device), &d);
}
