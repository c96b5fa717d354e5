/* What the tests of devices over MQTT share: the head, a backend that notes what it is asked, and a device. */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/cmocka.h"
#include "base/memory.h"
#include "heads/calls.h"
#include "heads/mqtt.h"
#include "io/sim.h"
#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

#define WAIT_MS 30000

/* ---- a backend that notes what it is asked, line by line, and answers what it is told to ---- */

struct fake {
    struct heads_backend backend; /* first */
    struct loop *owner;
    struct heads_session *session;
    struct buffer heard;
    enum status sign_in_answer; /* AGAIN: none */
    enum status telemetry_answer;
    bool accepts; /* at once, inside telemetry() */
    uint64_t tokens[HEADS_MQTT_UNANSWERED_MAX + 8];
    size_t token_count;
    size_t bytes; /* of bodies */
    bool quiet;   /* count telemetry, do not note it */
    uint32_t allowed;
    unsigned kept; /* for the next session */
};

static inline struct fake *fake_of(struct heads_backend *b)
{
    return (struct fake *)b;
}

static inline struct loop *fake_owner(struct heads_backend *b, struct iot_id id)
{
    assert_true(id.device.len > 0);
    return fake_of(b)->owner;
}

static inline void fake_sign_in(struct heads_backend *b, const struct heads_credentials *c,
                         struct heads_session *s)
{
    struct fake *f = fake_of(b);
    assert_ptr_equal(s->loop, f->owner);
    f->session = s;
    s->kept = f->kept;
    buffer_printf(
        &f->heard,
        "sign_in %.*s/%.*s host=%.*s api=%.*s client=%.*s model=%.*s chain=%.*s sas=%.*s\n",
        SLICE_FMT(c->id.device), SLICE_FMT(c->id.module), SLICE_FMT(c->host),
        SLICE_FMT(c->api_version), SLICE_FMT(c->client_type), SLICE_FMT(c->model_id),
        SLICE_FMT(c->auth_chain), SLICE_FMT(c->sas));
    if (f->sign_in_answer != AGAIN)
        s->ops->signed_in(s, f->sign_in_answer,
                          f->sign_in_answer == OK ? (struct heads_device *)f : NULL);
}

static inline void fake_sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *d)
{
    struct fake *f = fake_of(b);
    buffer_printf(&f->heard, "sign_out %s\n", d ? "device" : "nobody");
    if (f->session == s)
        f->session = NULL;
}

static inline enum status fake_telemetry(struct heads_device *d, const struct iot_message *m,
                                  uint64_t token)
{
    struct fake *f = (struct fake *)d;
    if (f->telemetry_answer != OK)
        return f->telemetry_answer;
    f->tokens[f->token_count++ % (HEADS_MQTT_UNANSWERED_MAX + 8)] = token;
    f->bytes += m->body.len;
    if (!f->quiet) {
        buffer_printf(&f->heard, "telemetry %.*s mid=%.*s ct=%.*s on=%.*s", SLICE_FMT(m->body),
                      SLICE_FMT(m->message_id), SLICE_FMT(m->content_type), SLICE_FMT(m->output));
        struct slice list = m->properties, name, value;
        while (iot_property_next(&list, &name, &value))
            buffer_printf(&f->heard, " %.*s=%.*s", SLICE_FMT(name), SLICE_FMT(value));
        buffer_text(&f->heard, "\n");
    }
    if (f->accepts)
        f->session->ops->accepted(f->session, token, OK);
    return OK;
}

static inline void fake_twin_get(struct heads_device *d, uint64_t token)
{
    struct fake *f = (struct fake *)d;
    f->tokens[f->token_count++] = token;
    buffer_text(&f->heard, "twin_get\n");
}

static inline void fake_twin_report(struct heads_device *d, struct slice patch, uint64_t token)
{
    struct fake *f = (struct fake *)d;
    f->tokens[f->token_count++] = token;
    buffer_printf(&f->heard, "twin_report %.*s\n", SLICE_FMT(patch));
}

static inline void fake_subscribe(struct heads_device *d, enum heads_feature feature, bool on)
{
    static const char *const names[] = {"methods", "desired", "c2d", "inputs"};
    buffer_printf(&((struct fake *)d)->heard, "subscribe %s %s\n", names[feature],
                  on ? "on" : "off");
}

static inline void fake_method_reply(struct heads_device *d, uint64_t rid, int status,
                              struct slice payload)
{
    buffer_printf(&((struct fake *)d)->heard, "method_reply %llu %d %.*s\n",
                  (unsigned long long)rid, status, SLICE_FMT(payload));
}

static inline void fake_delivered(struct heads_device *d, uint64_t token, enum heads_outcome how)
{
    static const char *const names[] = {"complete", "abandon", "reject", "return"};
    buffer_printf(&((struct fake *)d)->heard, "delivered %llu %s\n", (unsigned long long)token,
                  names[how]);
}

static inline void fake_allow(struct heads_device *d, enum heads_feature feature, uint32_t more)
{
    (void)feature;
    ((struct fake *)d)->allowed += more;
}

static inline void fake_keep(struct heads_device *d, unsigned what)
{
    struct fake *f = (struct fake *)d;
    f->kept = what;
    buffer_printf(&f->heard, "keep %u\n", what);
}

static const struct heads_backend_ops fake_ops = {
    .owner = fake_owner,
    .sign_in = fake_sign_in,
    .sign_out = fake_sign_out,
    .telemetry = fake_telemetry,
    .twin_get = fake_twin_get,
    .twin_report = fake_twin_report,
    .subscribe = fake_subscribe,
    .method_reply = fake_method_reply,
    .delivered = fake_delivered,
    .allow = fake_allow,
    .keep = fake_keep,
};

/* ---- a device that notes what it gets, line by line ---- */

struct wire {
    struct stream *stream; /* NULL: closed */
    struct mqtt_framer framer;
    struct buffer heard;
    size_t pubacks, publishes;
    struct buffer puback_ids; /* two bytes each */
    bool quiet;
};

static inline void note_publish(struct wire *w, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    assert_int_equal(mqtt_publish_decode(p->flags, p->body, &m), OK);
    w->publishes++;
    if (w->quiet)
        return;
    buffer_printf(&w->heard, "PUBLISH %d %u %.*s %.*s\n", m.qos, m.packet_id, SLICE_FMT(m.topic),
                  SLICE_FMT(m.payload));
}

static inline void note(struct wire *w, const struct mqtt_packet *p)
{
    if (p->type == MQTT_PUBLISH) {
        note_publish(w, p);
    } else if (p->type == MQTT_PUBACK) {
        w->pubacks++;
        buffer_put(&w->puback_ids, p->body);
        if (!w->quiet)
            buffer_printf(&w->heard, "PUBACK %u\n", p->body.at[0] << 8 | p->body.at[1]);
    } else {
        buffer_text(&w->heard, mqtt_packet_name(p->type));
        for (size_t i = 0; i < p->body.len; i++)
            buffer_printf(&w->heard, " %u", p->body.at[i]);
        buffer_text(&w->heard, "\n");
    }
}

static inline void wire_data(void *arg, struct slice bytes)
{
    struct wire *w = arg;
    struct mqtt_packet p;
    enum status s;
    while ((s = mqtt_framer_next(&w->framer, &bytes, &p)) == OK)
        note(w, &p);
    assert_int_equal(s, AGAIN);
}

static inline void wire_close(void *arg, enum status why)
{
    (void)why;
    struct wire *w = arg;
    w->stream = NULL;
    buffer_text(&w->heard, "closed\n");
}

static const struct stream_events wire_events = {.on_data = wire_data, .on_close = wire_close};

/* ---- both, on one loop ---- */

struct test {
    struct sim *sim; /* NULL: on real sockets */
    struct loop *loop;
    struct listener *listener;
    struct heads_mqtt *head;
    struct fake fake;
    struct wire wire;
    struct buffer out; /* packets to send */
};

static inline void on_accept(void *arg, struct stream *s)
{
    heads_mqtt_accept(((struct test *)arg)->head, s);
}

static inline void wire_open(struct test *t, struct wire *w)
{
    struct connect_config c = {
        .loop = t->loop, .host = "127.0.0.1", .port = listener_port(t->listener)};
    mqtt_framer_init(&w->framer, HEADS_MQTT_PACKET_MAX);
    w->stream = stream_connect(&c, &wire_events, w);
}

static inline void wire_clear(struct wire *w)
{
    mqtt_framer_clear(&w->framer);
    buffer_clear(&w->heard);
    buffer_clear(&w->puback_ids);
}

static inline int setup_on(void **state, struct sim *sim)
{
    struct test *t = MEMORY_NEW(struct test);
    t->sim = sim;
    t->loop = sim ? sim_loop_new(sim, "127.0.0.1") : loop_new();
    t->fake.backend.ops = &fake_ops;
    t->fake.owner = t->loop;
    t->head = heads_mqtt_new(&t->fake.backend);
    struct listen_config c = {
        .loop = t->loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = t};
    if (listener_open(&c, &t->listener) != OK)
        return -1;
    wire_open(t, &t->wire);
    *state = t;
    return 0;
}

static inline int setup(void **state)
{
    return setup_on(state, NULL);
}

static inline int setup_sim(void **state)
{
    return setup_on(state, sim_new(1));
}

static inline int teardown(void **state)
{
    struct test *t = *state;
    listener_close(&t->listener);
    if (t->sim)
        sim_free(&t->sim);
    else
        loop_free(&t->loop);
    heads_mqtt_free(&t->head);
    wire_clear(&t->wire);
    buffer_clear(&t->fake.heard);
    buffer_clear(&t->out);
    free(t);
    return 0;
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
    expect(t, &t->wire.heard, line);
}

static inline void send(struct test *t)
{
    stream_write(t->wire.stream, buffer_slice(&t->out));
    buffer_reset(&t->out);
}

static inline struct mqtt_connect hello(const char *client_id, const char *username)
{
    return (struct mqtt_connect){.client_id = slice_of(client_id),
                                 .username = slice_of(username),
                                 .password = SLICE("SharedAccessSignature x"),
                                 .has_username = true,
                                 .has_password = true,
                                 .keep_alive_s = 60};
}

static inline void connect_as(struct test *t, const char *client_id, const char *username)
{
    struct mqtt_connect c = hello(client_id, username);
    mqtt_connect_encode(&c, &t->out);
    send(t);
}

static inline void connect_device(struct test *t)
{
    connect_as(t, "d", "hub/d/?api-version=2021-04-12");
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

static inline void connect_module(struct test *t)
{
    connect_as(t, "d/m", "hub/d/m/?api-version=2021-04-12");
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

static inline void publish(struct test *t, const char *topic, const char *payload, uint16_t id)
{
    struct mqtt_publish m = {.topic = slice_of(topic),
                             .payload = slice_of(payload),
                             .packet_id = id,
                             .qos = id ? MQTT_QOS_1 : MQTT_QOS_0};
    mqtt_publish_encode(&m, &t->out);
}

static inline void subscribe(struct test *t, const char *filter, enum mqtt_qos qos)
{
    struct mqtt_filter f = {slice_of(filter), qos};
    mqtt_subscribe_encode(5, &f, 1, &t->out);
    send(t);
    got(t, "SUBACK");
}

#define EVENTS "devices/d/messages/events/"
