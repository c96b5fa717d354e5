#include "heads/mqtt.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "heads/calls.h"
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

static struct fake *fake_of(struct heads_backend *b)
{
    return (struct fake *)b;
}

static struct loop *fake_owner(struct heads_backend *b, struct iot_id id)
{
    assert_true(id.device.len > 0);
    return fake_of(b)->owner;
}

static void fake_sign_in(struct heads_backend *b, const struct heads_credentials *c,
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

static void fake_sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *d)
{
    struct fake *f = fake_of(b);
    buffer_printf(&f->heard, "sign_out %s\n", d ? "device" : "nobody");
    if (f->session == s)
        f->session = NULL;
}

static enum status fake_telemetry(struct heads_device *d, const struct iot_message *m,
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

static void fake_twin_get(struct heads_device *d, uint64_t token)
{
    struct fake *f = (struct fake *)d;
    f->tokens[f->token_count++] = token;
    buffer_text(&f->heard, "twin_get\n");
}

static void fake_twin_report(struct heads_device *d, struct slice patch, uint64_t token)
{
    struct fake *f = (struct fake *)d;
    f->tokens[f->token_count++] = token;
    buffer_printf(&f->heard, "twin_report %.*s\n", SLICE_FMT(patch));
}

static void fake_subscribe(struct heads_device *d, enum heads_feature feature, bool on)
{
    static const char *const names[] = {"methods", "desired", "c2d", "inputs"};
    buffer_printf(&((struct fake *)d)->heard, "subscribe %s %s\n", names[feature],
                  on ? "on" : "off");
}

static void fake_method_reply(struct heads_device *d, uint64_t rid, int status,
                              struct slice payload)
{
    buffer_printf(&((struct fake *)d)->heard, "method_reply %llu %d %.*s\n",
                  (unsigned long long)rid, status, SLICE_FMT(payload));
}

static void fake_delivered(struct heads_device *d, uint64_t token, enum heads_outcome how)
{
    static const char *const names[] = {"complete", "abandon", "reject", "return"};
    buffer_printf(&((struct fake *)d)->heard, "delivered %llu %s\n", (unsigned long long)token,
                  names[how]);
}

static void fake_allow(struct heads_device *d, enum heads_feature feature, uint32_t more)
{
    (void)feature;
    ((struct fake *)d)->allowed += more;
}

static void fake_keep(struct heads_device *d, unsigned what)
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

static void note_publish(struct wire *w, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    assert_int_equal(mqtt_publish_decode(p->flags, p->body, &m), OK);
    w->publishes++;
    if (w->quiet)
        return;
    buffer_printf(&w->heard, "PUBLISH %d %u %.*s %.*s\n", m.qos, m.packet_id, SLICE_FMT(m.topic),
                  SLICE_FMT(m.payload));
}

static void note(struct wire *w, const struct mqtt_packet *p)
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

static void wire_data(void *arg, struct slice bytes)
{
    struct wire *w = arg;
    struct mqtt_packet p;
    enum status s;
    while ((s = mqtt_framer_next(&w->framer, &bytes, &p)) == OK)
        note(w, &p);
    assert_int_equal(s, AGAIN);
}

static void wire_close(void *arg, enum status why)
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

static void on_accept(void *arg, struct stream *s)
{
    heads_mqtt_accept(((struct test *)arg)->head, s);
}

static void wire_open(struct test *t, struct wire *w)
{
    struct connect_config c = {
        .loop = t->loop, .host = "127.0.0.1", .port = listener_port(t->listener)};
    mqtt_framer_init(&w->framer, HEADS_MQTT_PACKET_MAX);
    w->stream = stream_connect(&c, &wire_events, w);
}

static void wire_clear(struct wire *w)
{
    mqtt_framer_clear(&w->framer);
    buffer_clear(&w->heard);
    buffer_clear(&w->puback_ids);
}

static int setup_on(void **state, struct sim *sim)
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

static int setup(void **state)
{
    return setup_on(state, NULL);
}

static int setup_sim(void **state)
{
    return setup_on(state, sim_new(1));
}

static int teardown(void **state)
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

static bool stands_there(void *arg)
{
    struct wanted *w = arg;
    return slice_find_slice(buffer_slice(w->where), slice_of(w->line)) < w->where->len;
}

/* Waits for a text, and forgets what came up to it. */
static void expect(struct test *t, struct buffer *where, const char *line)
{
    struct wanted w = {where, line};
    if (!loop_run_until(t->loop, stands_there, &w, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", line, buffer_cstr(where));
    buffer_drop(where, slice_find_slice(buffer_slice(where), slice_of(line)) + strlen(line));
}

static void told(struct test *t, const char *line)
{
    expect(t, &t->fake.heard, line);
}

static void got(struct test *t, const char *line)
{
    expect(t, &t->wire.heard, line);
}

static void send(struct test *t)
{
    stream_write(t->wire.stream, buffer_slice(&t->out));
    buffer_reset(&t->out);
}

static struct mqtt_connect hello(const char *client_id, const char *username)
{
    return (struct mqtt_connect){.client_id = slice_of(client_id),
                                 .username = slice_of(username),
                                 .password = SLICE("SharedAccessSignature x"),
                                 .has_username = true,
                                 .has_password = true,
                                 .keep_alive_s = 60};
}

static void connect_as(struct test *t, const char *client_id, const char *username)
{
    struct mqtt_connect c = hello(client_id, username);
    mqtt_connect_encode(&c, &t->out);
    send(t);
}

static void connect_device(struct test *t)
{
    connect_as(t, "d", "hub/d/?api-version=2021-04-12");
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

static void connect_module(struct test *t)
{
    connect_as(t, "d/m", "hub/d/m/?api-version=2021-04-12");
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

static void publish(struct test *t, const char *topic, const char *payload, uint16_t id)
{
    struct mqtt_publish m = {.topic = slice_of(topic),
                             .payload = slice_of(payload),
                             .packet_id = id,
                             .qos = id ? MQTT_QOS_1 : MQTT_QOS_0};
    mqtt_publish_encode(&m, &t->out);
}

static void subscribe(struct test *t, const char *filter, enum mqtt_qos qos)
{
    struct mqtt_filter f = {slice_of(filter), qos};
    mqtt_subscribe_encode(5, &f, 1, &t->out);
    send(t);
    got(t, "SUBACK");
}

#define EVENTS "devices/d/messages/events/"

/* ---- signing in ---- */

static void signs_in_with_what_the_user_name_says(void **state)
{
    struct test *t = *state;
    connect_as(
        t, "d/m",
        "hub:1/d/m/"
        "?api-version=2021-04-12&DeviceClientType=x%20y&model-id=dtmi:a;1&auth-chain=d%2Fm%3Be");
    told(t, "sign_in d/m host=hub:1 api=2021-04-12 client=x y model=dtmi:a;1 chain=d/m;e "
            "sas=SharedAccessSignature x\n");
    got(t, "CONNACK 0 0\n");
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "PINGRESP\nclosed\n");
    told(t, "sign_out device\n");
}

static void says_why_nobody_signs_in(void **state)
{
    struct test *t = *state;
    static const struct {
        enum status answer;
        const char *connack;
    } cases[] = {
        {UNAUTHORIZED, "CONNACK 0 5\nclosed\n"}, {NOT_FOUND, "CONNACK 0 5\nclosed\n"},
        {FORBIDDEN, "CONNACK 0 5\nclosed\n"},    {BUSY, "CONNACK 0 3\nclosed\n"},
        {IO_FAILED, "CONNACK 0 3\nclosed\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i > 0) {
            wire_clear(&t->wire);
            wire_open(t, &t->wire);
        }
        t->fake.sign_in_answer = cases[i].answer;
        connect_as(t, "d", "hub/d");
        got(t, cases[i].connack);
    }
}

static void refuses_a_connect(struct test *t, struct slice packet, const char *answer)
{
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    wire_open(t, &t->wire);
    stream_write(t->wire.stream, packet);
    got(t, answer);
    assert_int_equal(t->fake.heard.len, 0);
}

static void refuses_bad_connects(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *client_id, *username, *answer;
    } cases[] = {
        {"", "hub/", "CONNACK 0 2\nclosed\n"},
        {"a/b/c", "hub/a/b/c", "CONNACK 0 2\nclosed\n"},
        {"sp ace", "hub/sp ace", "CONNACK 0 2\nclosed\n"},
        {"d", "hub/e", "CONNACK 0 4\nclosed\n"},
        {"d", "", "CONNACK 0 4\nclosed\n"},
        {"d", "hub/d/?api-version=1999-01-01", "CONNACK 0 1\nclosed\n"},
    };
    struct buffer b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqtt_connect c = hello(cases[i].client_id, cases[i].username);
        buffer_reset(&b);
        mqtt_connect_encode(&c, &b);
        refuses_a_connect(t, buffer_slice(&b), cases[i].answer);
    }
    refuses_a_connect(t, SLICE("\x10\x0d\0\4MQTT\5\0\0\0\0\0\1d"),
                      "CONNACK 0 1\nclosed\n");                        /* MQTT 5 */
    refuses_a_connect(t, SLICE("\xc0\0"), "closed\n");                 /* PINGREQ before CONNECT */
    refuses_a_connect(t, SLICE("GET / HTTP/1.1\r\n\r\n"), "closed\n"); /* another protocol */
    refuses_a_connect(t, SLICE("\x10\xff\xff\xff\x7f"), "closed\n");   /* 256 MB */

    struct mqtt_connect c = hello("d", "hub/d");
    c.has_will = true, c.will_topic = SLICE("devices/e/messages/events/");
    buffer_reset(&b);
    mqtt_connect_encode(&c, &b);
    refuses_a_connect(t, buffer_slice(&b), "CONNACK 0 5\nclosed\n");
    buffer_clear(&b);
}

static void refuses_a_second_connect(void **state)
{
    struct test *t = *state;
    connect_device(t);
    connect_as(t, "d", "hub/d");
    got(t, "closed\n");
    told(t, "sign_out device\n");
}

static void signs_out_who_left_before_the_answer(void **state)
{
    struct test *t = *state;
    t->fake.sign_in_answer = AGAIN;
    connect_as(t, "d", "hub/d");
    told(t, "sign_in d/");
    stream_abort(t->wire.stream, CANCELLED);
    t->fake.sign_in_answer = OK;
    /* While signing in nothing is read, so the loss shows when the answer comes. */
    t->fake.session->ops->signed_in(t->fake.session, OK, (struct heads_device *)&t->fake);
    told(t, "sign_out device\n");
}

static void handles_what_came_with_connect_after_it(void **state)
{
    struct test *t = *state;
    t->fake.accepts = true;
    struct mqtt_connect c = hello("d", "hub/d");
    mqtt_connect_encode(&c, &t->out);
    publish(t, EVENTS, "early", 1);
    publish(t, EVENTS, "bird", 2);
    send(t);
    got(t, "CONNACK 0 0\nPUBACK 1\nPUBACK 2\n");
    told(t, "telemetry early");
    told(t, "telemetry bird");
}

/* ---- telemetry ---- */

static void acknowledges_in_order_and_only_what_is_accepted(void **state)
{
    struct test *t = *state;
    connect_device(t);
    publish(t, EVENTS "%24.mid=m1&%24.ct=a%2Fb&k=v%26", "one", 1);
    publish(t, "$iothub/twin/GET/?$rid=1", "", 2); /* QoS 1, as Python does */
    publish(t, EVENTS, "three", 3);
    publish(t, EVENTS, "zero", 0);
    send(t);
    told(t, "telemetry one mid=m1 ct=a/b on= k=v&\n");
    told(t, "telemetry zero mid= ct= on=\n");
    assert_int_equal(t->wire.pubacks, 0);
    struct heads_session *s = t->fake.session;
    s->ops->accepted(s, t->fake.tokens[0], OK);
    got(t, "PUBACK 1\nPUBACK 2\n");
    assert_int_equal(t->wire.pubacks, 2);
    s->ops->accepted(s, t->fake.tokens[2], OK);
    got(t, "PUBACK 3\n");
    s->ops->accepted(s, t->fake.tokens[3], OK);
    s->ops->accepted(s, t->fake.tokens[3] ^ 1ull << 32, OK); /* of another connection: ignored */
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PINGRESP\n");
    assert_int_equal(t->wire.pubacks, 3);
}

static void takes_a_modules_output_with_nodes_slash(void **state)
{
    struct test *t = *state;
    connect_module(t);
    publish(t, "devices/d/modules/m/messages/events/%24.on=out1/", "x", 1);
    send(t);
    told(t, "telemetry x mid= ct= on=out1\n");
}

static void marks_retained_messages(void **state)
{
    struct test *t = *state;
    connect_device(t);
    struct mqtt_publish m = {.topic = SLICE(EVENTS "a=b"), .payload = SLICE("x"), .retain = true};
    mqtt_publish_encode(&m, &t->out);
    send(t);
    told(t, "telemetry x mid= ct= on= a=b mqtt-retain=true\n");
}

static void ends_with_a_message_that_is_refused(void **state)
{
    struct test *t = *state;
    connect_device(t);
    publish(t, EVENTS, "x", 1);
    send(t);
    told(t, "telemetry x");
    t->fake.session->ops->accepted(t->fake.session, t->fake.tokens[0], IO_FAILED);
    got(t, "closed\n");
    told(t, "sign_out device\n");
    assert_int_equal(t->wire.pubacks, 0);
}

static void closes_on(struct test *t, struct slice packet)
{
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    buffer_reset(&t->fake.heard);
    wire_open(t, &t->wire);
    connect_device(t);
    stream_write(t->wire.stream, packet);
    got(t, "closed\n");
    told(t, "sign_out device\n");
}

static void closes_on_what_the_hub_does_not_take(void **state)
{
    struct test *t = *state;
    closes_on(t, SLICE("\x34\5\0\1a\0\1")); /* QoS 2 */
    closes_on(t, SLICE("\x30\3\0\1a"));     /* no such topic */
    closes_on(t, SLICE("\x30\x1d\0\x1b"
                       "devices/e/messages/events/x"));   /* another device's */
    closes_on(t, SLICE("\x30\x21\0\x1f" EVENTS "a=%00")); /* U+0000 would come out */
    closes_on(t, SLICE("\x82\6\0\1\0\1#\0"));             /* no such filter */
    closes_on(t, SLICE("\x40\3\0\1\0"));                  /* broken PUBACK */
    closes_on(t, SLICE("\x20\2\0\0"));                    /* a server's packet */
    closes_on(t, SLICE("\x62\2\0\1"));                    /* PUBREL */
    closes_on(t, SLICE("\x30\xff\xff\xff\x7f"));          /* too long */
    t->fake.telemetry_answer = TOO_LARGE;
    struct buffer b = {0};
    struct mqtt_publish m = {.topic = SLICE(EVENTS), .payload = SLICE("x")};
    mqtt_publish_encode(&m, &b);
    closes_on(t, buffer_slice(&b));
    buffer_clear(&b);
}

static bool acknowledged_all(void *arg)
{
    struct test *t = arg;
    return t->wire.pubacks == 3000;
}

static bool unanswered_max_reached(void *arg)
{
    return ((struct test *)arg)->fake.token_count >= HEADS_MQTT_UNANSWERED_MAX;
}

/* More than the bound: no more is read, nothing is lost, order stays. */
static void stops_reading_when_too_many_wait(void **state)
{
    struct test *t = *state;
    struct fake *f = &t->fake;
    connect_device(t);
    f->quiet = t->wire.quiet = true;
    for (uint16_t i = 1; i <= 3000; i++)
        publish(t, EVENTS, "0123456789", i);
    send(t);
    assert_true(loop_run_until(t->loop, unanswered_max_reached, t, WAIT_MS));
    loop_run_until(t->loop, acknowledged_all, t, 20);
    assert_int_equal(f->token_count, HEADS_MQTT_UNANSWERED_MAX);
    for (size_t i = 0; i < HEADS_MQTT_UNANSWERED_MAX; i++)
        f->session->ops->accepted(f->session, f->tokens[i], OK);
    f->accepts = true;
    assert_true(loop_run_until(t->loop, acknowledged_all, t, WAIT_MS));
    assert_int_equal(f->bytes, 30000);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(t->wire.puback_ids.at[2 * i] << 8 | t->wire.puback_ids.at[2 * i + 1],
                         i + 1);
}

/* FULL: the same message is tried again after resume(), and those behind it wait. */
static void tries_again_when_there_is_room(void **state)
{
    struct test *t = *state;
    connect_device(t);
    t->fake.telemetry_answer = FULL;
    publish(t, EVENTS, "one", 1);
    publish(t, EVENTS, "two", 2);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 20);
    publish(t, EVENTS, "three", 3);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 20);
    assert_int_equal(t->fake.heard.len, 0);
    t->fake.telemetry_answer = OK;
    t->fake.accepts = true;
    t->fake.session->ops->resume(t->fake.session);
    told(t, "telemetry one");
    told(t, "telemetry two");
    told(t, "telemetry three");
    got(t, "PUBACK 1\nPUBACK 2\nPUBACK 3\n");
}

/* A device that asks and does not read is not read on; when it reads, every question has its
 * answer. */
static void does_not_read_who_does_not_read(void **state)
{
    struct test *t = *state;
    enum { QUESTIONS = 150000 };
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_0);
    buffer_reset(&t->fake.heard);
    t->wire.quiet = true;
    stream_pause(t->wire.stream, true);
    for (int i = 0; i < QUESTIONS; i++)
        publish(t, "$iothub/twin/GET/?$rid=x", "", 0);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 300);
    assert_true(stream_unsent(t->wire.stream) > 0);
    stream_pause(t->wire.stream, false);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PINGRESP\n");
    assert_int_equal(t->wire.publishes, QUESTIONS - HEADS_MQTT_TWIN_REQUESTS_MAX);
}

/* ---- last will ---- */

static void connect_with_will(struct test *t)
{
    struct mqtt_connect c = hello("d", "hub/d");
    c.has_will = true, c.will_qos = MQTT_QOS_1, c.will_retain = true;
    c.will_topic = SLICE(EVENTS "a=b"), c.will_payload = SLICE("gone");
    mqtt_connect_encode(&c, &t->out);
    send(t);
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

#define WILL                                                                                       \
    "telemetry gone mid= ct= on= a=b mqtt-retain=true iothub-MessageType=Will\nsign_out device\n"

static void publishes_the_will_of_who_is_lost(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    stream_abort(t->wire.stream, CANCELLED);
    told(t, WILL);
}

static void publishes_the_will_of_who_is_replaced(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    t->fake.session->ops->close(t->fake.session, REPLACED);
    assert_slice(buffer_slice(&t->fake.heard),
                 SLICE(WILL)); /* signed out before close() returned */
    got(t, "closed\n");
    assert_slice(buffer_slice(&t->fake.heard), SLICE(WILL));
}

static void forgets_the_will_of_who_says_goodbye_or_may_not_speak(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "closed\n");
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    wire_open(t, &t->wire);
    connect_with_will(t);
    t->fake.session->ops->close(t->fake.session, UNAUTHORIZED);
    assert_slice(buffer_slice(&t->fake.heard), SLICE("sign_out device\n"));
    got(t, "closed\n");
}

/* ---- twin ---- */

static void answers_twin_requests_with_their_rid(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_1);
    publish(t, "$iothub/twin/GET/?$rid=uu-id", " ", 0);
    publish(t, "$iothub/twin/PATCH/properties/reported/?$rid=2", "{\"a\":1}", 0);
    publish(t, "$iothub/twin/GET/?$rid=3", "", 0);
    send(t);
    told(t, "twin_get\ntwin_report {\"a\":1}\ntwin_get\n");
    struct heads_session *s = t->fake.session;
    s->ops->reported(s, t->fake.tokens[1], OK, 17);
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{}"));
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{}")); /* answered already */
    s->ops->twin(s, t->fake.tokens[2], BUSY, (struct slice){0});
    got(t, "PUBLISH 0 0 $iothub/twin/res/204/?$rid=2&$version=17 \n"
           "PUBLISH 0 0 $iothub/twin/res/200/?$rid=uu-id {}\n"
           "PUBLISH 0 0 $iothub/twin/res/429/?$rid=3 {\"errorCode\":429");
    got(t, "\"trackingId\":");
    got(t, "\"timestampUtc\":");
}

static void refuses_too_many_twin_requests(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_0);
    for (int i = 0; i <= HEADS_MQTT_TWIN_REQUESTS_MAX; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "$iothub/twin/GET/?$rid=%d", i);
        publish(t, topic, "", 0);
    }
    send(t);
    got(t, "PUBLISH 0 0 $iothub/twin/res/429/?$rid=32 ");
}

static void tells_desired_properties_to_subscribers(void **state)
{
    struct test *t = *state;
    connect_device(t);
    struct heads_session *s = t->fake.session;
    s->ops->desired(s, SLICE("{\"before\":1}"), 4);
    subscribe(t, "$iothub/twin/PATCH/properties/desired/#", MQTT_QOS_0);
    told(t, "subscribe desired on\n");
    s->ops->desired(s, SLICE("{\"a\":null,\"$version\":5}"), 5);
    got(t, "PUBLISH 0 0 $iothub/twin/PATCH/properties/desired/?$version=5 "
           "{\"a\":null,\"$version\":5}\n");
    struct mqtt_filter f = {SLICE("$iothub/twin/PATCH/properties/desired/#"), 0};
    mqtt_unsubscribe_encode(6, &f, 1, &t->out);
    send(t);
    got(t, "UNSUBACK 0 6\n");
    told(t, "subscribe desired off\n");
}

/* ---- methods ---- */

static void carries_methods_and_their_replies(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    s->ops->method(s, 1234567890123, SLICE("reboot"), SLICE("{\"in\":5}"));
    s->ops->method(s, 99, SLICE("other"), SLICE(""));
    got(t, "PUBLISH 0 0 $iothub/methods/POST/reboot/?$rid=1 {\"in\":5}\n");
    got(t, "PUBLISH 0 0 $iothub/methods/POST/other/?$rid=2 \n");
    publish(t, "$iothub/methods/res/404/?$rid=2", "null", 7);
    publish(t, "$iothub/methods/res/200/?$rid=1", "{\"ok\":true}", 0);
    publish(t, "$iothub/methods/res/200/?$rid=1", "again", 0);
    publish(t, "$iothub/methods/res/200/?$rid=ff", "forged", 0);
    publish(t, "$iothub/methods/res/200/?$rid=xyz", "forged", 0);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PUBACK 7\nPINGRESP\n");
    assert_slice(buffer_slice(&t->fake.heard),
                 SLICE("method_reply 99 404 null\nmethod_reply 1234567890123 200 {\"ok\":true}\n"));
}

static void answer(struct test *t, uint32_t number)
{
    char topic[64];
    snprintf(topic, sizeof topic, "$iothub/methods/res/200/?$rid=%x", number);
    publish(t, topic, "1", 0);
    send(t);
}

static void remembers_a_slow_method_among_many_quick_ones(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    s->ops->method(s, 7000000, SLICE("slow"), SLICE(""));
    for (uint32_t i = 2; i < 2 * HEADS_CALLS_MAX; i++) {
        char line[64];
        snprintf(line, sizeof line, "method_reply %u 200 1\n", i);
        s->ops->method(s, i, SLICE("quick"), SLICE(""));
        answer(t, i);
        told(t, line);
    }
    answer(t, 1);
    told(t, "method_reply 7000000 200 1\n");
}

static void forgets_the_oldest_of_too_many_methods(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    for (uint32_t i = 1; i <= HEADS_CALLS_MAX + 1; i++)
        s->ops->method(s, i, SLICE("never"), SLICE(""));
    answer(t, 1);
    answer(t, 2);
    told(t, "method_reply 2 200 1\n");
    assert_int_equal(slice_find_slice(buffer_slice(&t->fake.heard), SLICE("method_reply 1 ")),
                     t->fake.heard.len);
}

/* ---- messages ---- */

static void hand_over_acked(struct heads_session *s, uint64_t token, const struct iot_message *m,
                            struct slice ack)
{
    s->ops->message(s, &(struct heads_delivery){.token = token, .message = m, .ack = ack});
}

static void hand_over(struct heads_session *s, uint64_t token, const struct iot_message *m)
{
    hand_over_acked(s, token, m, (struct slice){0});
}

static void delivers_to_inputs_and_reports_acknowledgements(void **state)
{
    struct test *t = *state;
    connect_module(t);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("body"), .input = SLICE("in1"), .message_id = SLICE("7")};
    hand_over(s, 40, &m);
    told(t, "delivered 40 return\n"); /* nobody has subscribed */
    subscribe(t, "devices/d/modules/m/inputs/#", MQTT_QOS_2);
    told(t, "subscribe inputs on\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX);
    hand_over(s, 41, &m);
    hand_over(s, 42, &m);
    got(t, "PUBLISH 1 1 devices/d/modules/m/inputs/in1/%24.mid=7 body\n");
    got(t, "PUBLISH 1 2 devices/d/modules/m/inputs/in1/%24.mid=7 body\n");
    mqtt_packet_id_encode(MQTT_PUBACK, 2, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 2, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 77, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 1, &t->out);
    send(t);
    told(t, "delivered 42 complete\ndelivered 41 complete\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX + 2);
}

static void delivers_to_devices(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_0);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("b"), .to = SLICE("/devices/d/messages/devicebound")};
    hand_over_acked(s, 1, &m, SLICE("full"));
    got(t, "PUBLISH 0 0 devices/d/messages/devicebound/"
           "%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&iothub-ack=full b\n");
    told(t, "delivered 1 complete\n"); /* QoS 0: nobody will say */
    m.to = (struct slice){0};
    hand_over_acked(s, 2, &m, SLICE("none"));
    got(t, "PUBLISH 0 0 devices/d/messages/devicebound/iothub-ack=none b\n");
}

static void go_away(struct test *t)
{
    stream_abort(t->wire.stream, CANCELLED);
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    memset(&t->wire, 0, sizeof(t->wire));
    wire_open(t, &t->wire);
}

static void come_as(struct test *t, bool clean)
{
    struct mqtt_connect c = hello("d", "hub/d/?api-version=2021-04-12");
    c.clean_session = clean;
    mqtt_connect_encode(&c, &t->out);
    send(t);
}

static void a_session_that_is_not_clean_is_found_again(void **state)
{
    struct test *t = *state;
    come_as(t, false);
    got(t, "CONNACK 0 0\n");
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    assert_int_equal(t->fake.kept, 0); /* of messages alone */
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_1);
    told(t, "subscribe c2d on\nkeep 2\n");
    go_away(t);

    t->fake.allowed = 0;
    come_as(t, false);
    got(t, "CONNACK 1 0\n");
    told(t, "subscribe c2d on\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX);
    hand_over(t->fake.session, 1, &(struct iot_message){.body = SLICE("b")});
    got(t, "PUBLISH 1 1 devices/d/messages/devicebound/ b\n");
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_0);
    told(t, "keep 1\n");
    struct mqtt_filter f = {.topic = SLICE("devices/d/messages/devicebound/#")};
    mqtt_unsubscribe_encode(6, &f, 1, &t->out);
    send(t);
    told(t, "subscribe c2d off\nkeep 0\n");
}

static void a_clean_session_forgets(void **state)
{
    struct test *t = *state;
    t->fake.kept = 2;
    come_as(t, true);
    got(t, "CONNACK 0 0\n");
    told(t, "keep 0\n");
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_1);
    told(t, "subscribe c2d on\n");
    assert_int_equal(t->fake.kept, 0);
}

static void gives_back_what_is_too_much(void **state)
{
    struct test *t = *state;
    connect_module(t);
    subscribe(t, "devices/d/modules/m/#", MQTT_QOS_1);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("b"), .input = SLICE("i")};
    for (uint64_t i = 0; i <= HEADS_MQTT_DELIVERIES_MAX; i++)
        hand_over(s, i, &m);
    told(t, "delivered 64 return\n");
}

/* ---- loops ---- */

struct other_loop {
    struct test *t;
    pthread_t thread;
};

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void moves_to_the_loop_that_owns_the_device(void **state)
{
    struct test *t = *state;
    pthread_t thread;
    struct loop *other = loop_new();
    t->fake.owner = other;
    t->fake.accepts = true;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, other), 0);
    struct mqtt_connect c = hello("d", "hub/d");
    mqtt_connect_encode(&c, &t->out);
    publish(t, EVENTS, "early", 1);
    send(t);
    got(t, "CONNACK 0 0\nPUBACK 1\n");
    publish(t, EVENTS, "late", 2);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "PUBACK 2\nclosed\n");
    loop_stop(other);
    pthread_join(thread, NULL);
    loop_free(&other);
    told(t, "telemetry early");
    told(t, "telemetry late");
    told(t, "sign_out device\n");
}

/* ---- silence, in simulated time ---- */

static uint64_t ms_until_closed(struct test *t, uint16_t keep_alive_s)
{
    struct mqtt_connect c = hello("d", "hub/d");
    c.keep_alive_s = keep_alive_s;
    mqtt_connect_encode(&c, &t->out);
    send(t);
    got(t, "CONNACK 0 0\n");
    uint64_t since_ms = sim_now_ms(t->sim);
    struct wanted closed = {&t->wire.heard, "closed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, 7200000));
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    wire_open(t, &t->wire);
    return sim_now_ms(t->sim) - since_ms;
}

static void ends_who_is_silent(void **state)
{
    struct test *t = *state;
    assert_in_range(ms_until_closed(t, 1), 1500, 1600);
    assert_in_range(ms_until_closed(t, 240), 360000, 360100);
    assert_in_range(ms_until_closed(t, 65535), 1767000, 1767100);
    assert_in_range(ms_until_closed(t, 0), 1767000, 1767100);
}

static void hears_any_packet(void **state)
{
    struct test *t = *state;
    connect_device(t); /* 60 s */
    for (int i = 0; i < 20; i++) {
        sim_run(t->sim, sim_now_ms(t->sim) + 80000);
        publish(t, EVENTS, "x", 0);
        send(t);
        told(t, "telemetry x");
    }
    assert_int_equal(t->wire.heard.len, 0);
}

/* ---- another on the same port ---- */

struct guest {
    struct stream *stream;
    struct buffer read;
};

static bool guest_claims(struct slice username, struct slice client_id)
{
    return slice_starts(username, SLICE("guest/")) && client_id.len;
}

static void guest_data(void *arg, struct slice bytes)
{
    struct guest *g = arg;
    buffer_put(&g->read, bytes);
    mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(g->stream));
    stream_flush(g->stream);
}

static void guest_close(void *arg, enum status why)
{
    (void)why;
    ((struct guest *)arg)->stream = NULL;
}

static const struct stream_events guest_events = {.on_data = guest_data, .on_close = guest_close};

static void guest_accept(void *arg, struct stream *s, struct slice bytes)
{
    struct guest *g = arg;
    g->stream = s;
    stream_events(s, &guest_events, g);
    guest_data(g, bytes);
}

static void gives_away_a_connect_that_is_anothers(void **state)
{
    struct test *t = *state;
    struct guest g = {0};
    heads_mqtt_divert(t->head, &(struct heads_mqtt_other){guest_claims, guest_accept, &g});
    struct mqtt_connect c = hello("d", "guest/d");
    mqtt_connect_encode(&c, &t->out);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out); /* what came with it is not lost */
    size_t sent = t->out.len;
    send(t);
    got(t, "PINGRESP");
    assert_int_equal(g.read.len, sent);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out); /* and it is read on */
    send(t);
    got(t, "PINGRESP");
    assert_int_equal(g.read.len, sent + 2);
    assert_int_equal(t->fake.heard.len, 0);
    buffer_clear(&g.read);
}

static void ends_who_does_not_sign_in(void **state)
{
    struct test *t = *state;
    struct wanted closed = {&t->wire.heard, "closed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, HEADS_MQTT_CONNECT_MS + 1000));
    assert_int_equal(t->fake.heard.len, 0);
}

static void gives_up_on_a_backend_that_does_not_answer(void **state)
{
    struct test *t = *state;
    t->fake.sign_in_answer = AGAIN;
    connect_as(t, "d", "hub/d");
    told(t, "sign_in d/");
    struct wanted closed = {&t->wire.heard, "CONNACK 0 3\nclosed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, HEADS_MQTT_CONNECT_MS + 1000));
    told(t, "sign_out nobody\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_TIME(name) cmocka_unit_test_setup_teardown(name, setup_sim, teardown)
    const struct CMUnitTest tests[] = {
        TEST(signs_in_with_what_the_user_name_says),
        TEST(says_why_nobody_signs_in),
        TEST(refuses_bad_connects),
        TEST(gives_away_a_connect_that_is_anothers),
        TEST(refuses_a_second_connect),
        TEST(signs_out_who_left_before_the_answer),
        TEST(handles_what_came_with_connect_after_it),
        TEST(acknowledges_in_order_and_only_what_is_accepted),
        TEST(takes_a_modules_output_with_nodes_slash),
        TEST(marks_retained_messages),
        TEST(ends_with_a_message_that_is_refused),
        TEST(closes_on_what_the_hub_does_not_take),
        TEST(stops_reading_when_too_many_wait),
        TEST(tries_again_when_there_is_room),
        TEST(does_not_read_who_does_not_read),
        TEST(publishes_the_will_of_who_is_lost),
        TEST(publishes_the_will_of_who_is_replaced),
        TEST(forgets_the_will_of_who_says_goodbye_or_may_not_speak),
        TEST(answers_twin_requests_with_their_rid),
        TEST(refuses_too_many_twin_requests),
        TEST(tells_desired_properties_to_subscribers),
        TEST(carries_methods_and_their_replies),
        TEST(remembers_a_slow_method_among_many_quick_ones),
        TEST(forgets_the_oldest_of_too_many_methods),
        TEST(delivers_to_inputs_and_reports_acknowledgements),
        TEST(delivers_to_devices),
        TEST(a_session_that_is_not_clean_is_found_again),
        TEST(a_clean_session_forgets),
        TEST(gives_back_what_is_too_much),
        TEST(moves_to_the_loop_that_owns_the_device),
        TEST_TIME(ends_who_is_silent),
        TEST_TIME(hears_any_packet),
        TEST_TIME(ends_who_does_not_sign_in),
        TEST_TIME(gives_up_on_a_backend_that_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
