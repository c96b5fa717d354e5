/* What the tests of the MQTT device client share: a hub of few words, and a client whose callbacks
 * are written down. */
#pragma once

#include "client/device.h"
#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "io/sim.h"
#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"
#include "token/sas.h"

#define WAIT_MS 7200000 /* of simulated time */
#define KEY "a2V5a2V5a2V5"

/* ---- a hub of few words: it notes what comes, line by line, and says what the test tells it to
 * ---- */

struct hub {
    struct listener *listener;
    struct stream *stream; /* the newest connection, NULL: none */
    struct mqtt_framer framer;
    struct buffer heard;
    enum mqtt_connack_code connack;
    bool mute;    /* no CONNACK */
    bool pubacks; /* by itself */
    unsigned connects;
    struct buffer password, username;
};

struct test {
    struct sim *sim;
    struct loop *loop;     /* the client's */
    struct loop *hub_loop; /* on another host */
    struct hub hub;
    struct device_client *client;
    struct buffer told; /* by the client's callbacks */
    bool frees_in_callback;
    bool sends_in_callback;
};

static void on_connect(struct hub *h, const struct mqtt_packet *p)
{
    struct mqtt_connect c;
    assert_int_equal(mqtt_connect_decode(p->body, &c), OK);
    h->connects++;
    buffer_reset(&h->password);
    buffer_put(&h->password, c.password);
    buffer_reset(&h->username);
    buffer_put(&h->username, c.username);
    buffer_printf(&h->heard, "CONNECT %.*s clean=%d keep=%u\n", SLICE_FMT(c.client_id),
                  c.clean_session, c.keep_alive_s);
    if (!h->mute)
        mqtt_connack_encode((struct mqtt_connack){.code = h->connack}, stream_out(h->stream));
}

static void on_subscribe(struct hub *h, const struct mqtt_packet *p)
{
    struct mqtt_subscribe s;
    struct mqtt_filter f;
    uint8_t codes[8];
    assert_int_equal(mqtt_subscribe_decode(p->body, &s), OK);
    buffer_text(&h->heard, "SUBSCRIBE");
    size_t n = 0;
    while (mqtt_subscribe_next(&s.filters, &f)) {
        buffer_printf(&h->heard, " %.*s", SLICE_FMT(f.topic));
        codes[n++] = f.qos;
    }
    buffer_text(&h->heard, "\n");
    mqtt_suback_encode(s.packet_id, slice_from(codes, n), stream_out(h->stream));
}

static void on_publish(struct hub *h, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    assert_int_equal(mqtt_publish_decode(p->flags, p->body, &m), OK);
    buffer_printf(&h->heard, "PUBLISH %u%s %.*s %.*s\n", m.packet_id, m.dup ? " dup" : "",
                  SLICE_FMT(m.topic), SLICE_FMT(slice_first(m.payload, 40)));
    if (h->pubacks && m.packet_id)
        mqtt_packet_id_encode(MQTT_PUBACK, m.packet_id, stream_out(h->stream));
}

static void on_packet(struct hub *h, const struct mqtt_packet *p)
{
    switch (p->type) {
    case MQTT_CONNECT:
        on_connect(h, p);
        break;
    case MQTT_SUBSCRIBE:
        on_subscribe(h, p);
        break;
    case MQTT_PUBLISH:
        on_publish(h, p);
        break;
    case MQTT_PINGREQ:
        mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(h->stream)); /* fall through */
    default:
        buffer_printf(&h->heard, "%s\n", mqtt_packet_name(p->type));
    }
}

static void hub_data(void *arg, struct slice bytes)
{
    struct hub *h = arg;
    struct mqtt_packet p;
    enum status s;
    while ((s = mqtt_framer_next(&h->framer, &bytes, &p)) == OK)
        on_packet(h, &p);
    assert_int_equal(s, AGAIN);
    stream_flush(h->stream);
}

static void hub_close(void *arg, enum status why)
{
    (void)why;
    struct hub *h = arg;
    h->stream = NULL;
    mqtt_framer_clear(&h->framer);
    buffer_text(&h->heard, "closed\n");
}

static const struct stream_events hub_events = {.on_data = hub_data, .on_close = hub_close};

static void ignore_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void ignore_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events ignored = {.on_data = ignore_data, .on_close = ignore_close};

/* A new connection takes the place of one that the hub does not know to be dead. */
static void on_accept(void *arg, struct stream *s)
{
    struct hub *h = arg;
    if (h->stream) {
        stream_events(h->stream, &ignored, NULL);
        stream_abort(h->stream, REPLACED);
        mqtt_framer_clear(&h->framer);
    }
    h->stream = s;
    mqtt_framer_init(&h->framer, 1 << 20);
    stream_events(s, &hub_events, h);
}

static inline void hub_publish(struct test *t, const char *topic,
                                                const char *payload, uint16_t id)
{
    struct mqtt_publish m = {.topic = slice_of(topic),
                             .payload = slice_of(payload),
                             .packet_id = id,
                             .qos = id ? MQTT_QOS_1 : MQTT_QOS_0};
    mqtt_publish_encode(&m, stream_out(t->hub.stream));
    stream_flush(t->hub.stream);
}

static inline void hub_puback(struct test *t, uint16_t id)
{
    mqtt_packet_id_encode(MQTT_PUBACK, id, stream_out(t->hub.stream));
    stream_flush(t->hub.stream);
}

/* ---- the client's callbacks ---- */

static void on_connected(void *arg)
{
    buffer_text(&((struct test *)arg)->told, "connected\n");
}

static void on_disconnected(void *arg, enum status why)
{
    struct test *t = arg;
    buffer_printf(&t->told, "disconnected %s\n", status_name(why));
    if (t->frees_in_callback)
        device_client_free(&t->client);
}

static void on_refused(void *arg, enum status why)
{
    struct test *t = arg;
    buffer_printf(&t->told, "refused %s\n", status_name(why));
    if (t->frees_in_callback)
        device_client_free(&t->client);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct test *t = arg;
    buffer_printf(&t->told, "sent %llu %s\n", (unsigned long long)token, status_name(why));
    if (t->frees_in_callback)
        device_client_free(&t->client);
    if (t->sends_in_callback) {
        struct iot_message m = {.body = SLICE("more")};
        assert_int_equal(device_client_send(t->client, &m, token + 100), OK);
        t->sends_in_callback = false;
    }
}

static void on_room(void *arg)
{
    buffer_text(&((struct test *)arg)->told, "room\n");
}

static void on_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    struct test *t = arg;
    buffer_printf(&t->told, "method %llu %.*s %.*s\n", (unsigned long long)rid, SLICE_FMT(name),
                  SLICE_FMT(payload));
}

static void on_desired(void *arg, struct slice patch, uint64_t version)
{
    struct test *t = arg;
    buffer_printf(&t->told, "desired %llu %.*s\n", (unsigned long long)version, SLICE_FMT(patch));
}

static void on_message(void *arg, const struct iot_message *m)
{
    struct test *t = arg;
    buffer_printf(&t->told, "message input=%.*s mid=%.*s %.*s", SLICE_FMT(m->input),
                  SLICE_FMT(m->message_id), SLICE_FMT(m->body));
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        buffer_printf(&t->told, " %.*s=%.*s", SLICE_FMT(name), SLICE_FMT(value));
    buffer_text(&t->told, "\n");
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    buffer_printf(&((struct test *)arg)->told, "twin %s %.*s\n", status_name(why), SLICE_FMT(json));
}

static inline void on_reported(void *arg, enum status why, uint64_t version)
{
    buffer_printf(&((struct test *)arg)->told, "reported %s %llu\n", status_name(why),
                  (unsigned long long)version);
}

static const struct device_client_events all_events = {.on_connected = on_connected,
                                                       .on_disconnected = on_disconnected,
                                                       .on_refused = on_refused,
                                                       .on_sent = on_sent,
                                                       .on_room = on_room,
                                                       .on_method = on_method,
                                                       .on_desired = on_desired,
                                                       .on_message = on_message};

__attribute__((unused)) static const struct device_client_events few_events = {.on_sent = on_sent};

/* ---- both ---- */

static struct device_client_config config(struct test *t)
{
    return (struct device_client_config){.loop = t->loop,
                                         .host = "hub",
                                         .port = listener_port(t->hub.listener),
                                         .hub_host = "hub.example",
                                         .device_id = "d",
                                         .module_id = "m",
                                         .key = KEY,
                                         .events = &all_events,
                                         .arg = t};
}

static int setup(void **state)
{
    struct test *t = MEMORY_NEW(struct test);
    t->sim = sim_new(1);
    t->loop = sim_loop_new(t->sim, "site");
    t->hub_loop = sim_loop_new(t->sim, "hub");
    struct listen_config c = {
        .loop = t->hub_loop, .host = "0.0.0.0", .on_accept = on_accept, .arg = &t->hub};
    if (listener_open(&c, &t->hub.listener) != OK)
        return -1;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    device_client_free(&t->client);
    listener_close(&t->hub.listener);
    sim_free(&t->sim);
    mqtt_framer_clear(&t->hub.framer);
    buffer_clear(&t->hub.heard);
    buffer_clear(&t->hub.password);
    buffer_clear(&t->hub.username);
    buffer_clear(&t->told);
    free(t);
    return 0;
}

struct wanted {
    struct buffer *where;
    const char *text;
};

static bool stands_there(void *arg)
{
    struct wanted *w = arg;
    return slice_find_slice(buffer_slice(w->where), slice_of(w->text)) < w->where->len;
}

static void expect(struct test *t, struct buffer *where, const char *text)
{
    struct wanted w = {where, text};
    if (!loop_run_until(t->loop, stands_there, &w, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", text, buffer_cstr(where));
    buffer_drop(where, slice_find_slice(buffer_slice(where), slice_of(text)) + strlen(text));
}

static void hub_heard(struct test *t, const char *text)
{
    expect(t, &t->hub.heard, text);
}

static void told(struct test *t, const char *text)
{
    expect(t, &t->told, text);
}

static void connect_up(struct test *t)
{
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    told(t, "connected\n");
    assert_true(device_client_connected(t->client));
    buffer_reset(&t->hub.heard);
}

static inline enum status send(struct test *t, const char *body, uint64_t token)
{
    struct iot_message m = {.body = slice_of(body)};
    return device_client_send(t->client, &m, token);
}

#define EVENTS "devices/d/modules/m/messages/events/"
