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

static void hub_publish(struct test *t, const char *topic, const char *payload, uint16_t id)
{
    struct mqtt_publish m = {.topic = slice_of(topic),
                             .payload = slice_of(payload),
                             .packet_id = id,
                             .qos = id ? MQTT_QOS_1 : MQTT_QOS_0};
    mqtt_publish_encode(&m, stream_out(t->hub.stream));
    stream_flush(t->hub.stream);
}

static void hub_puback(struct test *t, uint16_t id)
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

static void on_reported(void *arg, enum status why, uint64_t version)
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

static const struct device_client_events few_events = {.on_sent = on_sent};

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

static enum status send(struct test *t, const char *body, uint64_t token)
{
    struct iot_message m = {.body = slice_of(body)};
    return device_client_send(t->client, &m, token);
}

#define EVENTS "devices/d/modules/m/messages/events/"

/* ---- connecting ---- */

static void signs_in_with_a_token_of_its_own(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    assert_false(device_client_connected(t->client));
    hub_heard(t, "CONNECT d/m clean=0 keep=60\n");
    hub_heard(t, "SUBSCRIBE $iothub/twin/res/# $iothub/methods/POST/# "
                 "$iothub/twin/PATCH/properties/desired/# "
                 "devices/d/modules/m/inputs/#\n");
    told(t, "connected\n");
    assert_true(slice_starts(
        buffer_slice(&t->hub.username),
        SLICE("hub.example/d/m/?api-version=2021-04-12&DeviceClientType=millrace%2F")));

    struct sas sas;
    const char *const hosts[] = {"hub.example", NULL};
    assert_int_equal(sas_parse(buffer_slice(&t->hub.password), &sas), OK);
    assert_int_equal(sas_verify(&sas, SLICE(KEY)), OK);
    assert_true(sas_covers(&sas, hosts, SLICE("/devices/d/modules/m")));
    assert_slice(sas.resource, SLICE("hub.example%2Fdevices%2Fd%2Fmodules%2Fm"));
    uint64_t left_ms = sas.expires_ms - loop_wall_ms(t->loop);
    assert_true(left_ms > 3590000 && left_ms <= 3600000);
}

static void speaks_for_another_with_its_own_audience(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.auth_chain = "d/m;e/$edgeHub", c.actor_device_id = "e", c.actor_module_id = "$edgeHub";
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d/m ");
    assert_true(
        slice_ends(buffer_slice(&t->hub.username), SLICE("&auth-chain=d%2Fm%3Be%2F%24edgeHub")));
    struct sas sas;
    assert_int_equal(sas_parse(buffer_slice(&t->hub.password), &sas), OK);
    assert_slice(sas.resource, SLICE("hub.example%2Fdevices%2Fe%2Fmodules%2F%24edgeHub"));
}

static void subscribes_to_what_it_has_callbacks_for(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.events = &few_events, c.module_id = NULL;
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d clean");
    hub_heard(t, "SUBSCRIBE $iothub/twin/res/#\n");
}

static void tries_again_when_it_is_refused(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAUTHORIZED;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "closed\nCONNECT d/m");
    told(t, "refused UNAUTHORIZED\nrefused UNAUTHORIZED\n");
    t->hub.connack = MQTT_CONNACK_ACCEPTED;
    told(t, "connected\n");
    assert_int_equal(t->told.len, 0); /* it never was disconnected */
}

/* Who is only busy has refused nobody. */
static void tells_a_refusal_from_a_hub_that_is_busy(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAVAILABLE;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "closed\nCONNECT d/m");
    assert_int_equal(t->told.len, 0);
    t->hub.connack = MQTT_CONNACK_CREDENTIALS;
    t->frees_in_callback = true;
    told(t, "refused UNAUTHORIZED\n");
    assert_null(t->client);
}

static void gives_back_what_is_not_acknowledged(void **state)
{
    struct test *t = *state;
    connect_up(t);
    assert_int_equal(send(t, "a", 1), OK);
    assert_int_equal(send(t, "b", 2), OK);
    hub_heard(t, "PUBLISH 2 ");
    device_client_recall(t->client);
    told(t, "sent 1 CANCELLED\nsent 2 CANCELLED\n");
    assert_true(device_client_connected(t->client));
    assert_int_equal(send(t, "c", 3), OK);
    hub_heard(t, "PUBLISH 3 ");
    hub_puback(t, 1); /* too late: they are told of already */
    hub_puback(t, 2);
    hub_puback(t, 3);
    told(t, "sent 3 OK\n");
    assert_int_equal(t->told.len, 0);
}

static void tries_again_when_nobody_listens(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    int port = listener_port(t->hub.listener);
    listener_close(&t->hub.listener);
    t->client = device_client_new(&c);
    sim_run(t->sim, sim_now_ms(t->sim) + 100);
    struct listen_config again = {.loop = t->hub_loop,
                                  .host = "0.0.0.0",
                                  .port = port,
                                  .on_accept = on_accept,
                                  .arg = &t->hub};
    assert_int_equal(listener_open(&again, &t->hub.listener), OK);
    told(t, "connected\n");
}

static void gives_up_on_a_hub_that_speaks_nonsense(void **state)
{
    struct test *t = *state;
    static const struct slice nonsense[] = {
        SLICE_INIT("HTTP/1.1 400\r\n"),     SLICE_INIT("\xc0\0"),
        SLICE_INIT("\x20\2\0\0"),           SLICE_INIT("\x40\2\0\0"),
        SLICE_INIT("\x30\xff\xff\xff\x7f"), SLICE_INIT("\x34\5\0\1a\0\1"),
        SLICE_INIT("\x90\3\xff\xff\x05")};
    connect_up(t);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        if (i > 3) /* the back-off grows: start over */
            break;
        stream_write(t->hub.stream, nonsense[i]);
        told(t, "disconnected PEER_FAILED\nconnected\n");
    }
    device_client_free(&t->client);
    hub_heard(t, "DISCONNECT\n");
    for (size_t i = 4; i < sizeof nonsense / sizeof *nonsense; i++) {
        hub_heard(t, "closed\n");
        connect_up(t);
        stream_write(t->hub.stream, nonsense[i]);
        told(t, "disconnected PEER_FAILED\n");
        device_client_free(&t->client);
    }
}

/* ---- with time ---- */

static void pass_time(struct test *t, uint64_t ms)
{
    sim_run(t->sim, sim_now_ms(t->sim) + ms);
}

/* Ten minutes of being refused: quick at first, then twice a minute or three times. */
static void waits_longer_and_longer(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAVAILABLE;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    pass_time(t, 2000);
    assert_in_range(t->hub.connects, 3, 6);
    pass_time(t, 598000);
    assert_in_range(t->hub.connects, 25, 50);
    t->hub.connack = MQTT_CONNACK_ACCEPTED;
    told(t, "connected\n");
    /* A link that lasted makes it quick again, one that did not does not. */
    unsigned before = t->hub.connects;
    pass_time(t, 60000);
    stream_abort(t->hub.stream, CANCELLED);
    pass_time(t, 500);
    assert_int_equal(t->hub.connects, before + 1);
    for (int i = 0; i < 20; i++) {
        pass_time(t, 1000);
        if (t->hub.stream)
            stream_abort(t->hub.stream, CANCELLED);
    }
    assert_in_range(t->hub.connects, before + 4, before + 8);
}

static void renews_its_token_before_it_expires(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer first = {0};
    buffer_put(&first, buffer_slice(&t->hub.password));
    uint64_t connected_ms = sim_now_ms(t->sim);
    hub_heard(t, "DISCONNECT\nclosed\nCONNECT d/m");
    uint64_t after_ms = sim_now_ms(t->sim) - connected_ms;
    assert_in_range(after_ms, 45 * 60 * 1000, 51 * 60 * 1000);
    told(t, "disconnected CLOSED\nconnected\n");
    assert_false(slice_eq(buffer_slice(&first), buffer_slice(&t->hub.password)));
    buffer_clear(&first);
}

static void notices_a_link_that_is_dead(void **state)
{
    struct test *t = *state;
    connect_up(t);
    send(t, "a", 1);
    hub_heard(t, "PUBLISH 1 ");
    sim_link(t->sim, "site", "hub", false);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "disconnected ");
    assert_true(sim_now_ms(t->sim) - since_ms <= 61000);
    assert_int_equal(send(t, "b", 2), OK);
    pass_time(t, 300000);
    sim_link(t->sim, "site", "hub", true);
    told(t, "connected\n");
    hub_heard(t, "PUBLISH 1 dup " EVENTS " a\nPUBLISH 2 " EVENTS " b\n");
}

static void keeps_a_quiet_link_alive(void **state)
{
    struct test *t = *state;
    connect_up(t);
    pass_time(t, 40 * 60 * 1000);
    assert_int_equal(t->told.len, 0);
    hub_heard(t, "PINGREQ\nPINGREQ\nPINGREQ\n");
}

static void gives_up_on_a_hub_that_says_nothing(void **state)
{
    struct test *t = *state;
    t->hub.mute = true;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d/m");
    uint64_t since_ms = sim_now_ms(t->sim);
    hub_heard(t, "closed\nCONNECT d/m");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 30000, 32000);
}

static void does_not_wait_for_a_twin_for_ever(void **state)
{
    struct test *t = *state;
    connect_up(t);
    device_client_twin_get(t->client, on_twin, t);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "twin TIMED_OUT \n");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 30000, 30100);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0); /* too late */
    pass_time(t, 1000);
    assert_int_equal(t->told.len, 0);
}

static void waits_for_a_twin_as_long_as_it_was_told(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.twin_timeout_ms = 5000;
    t->client = device_client_new(&c);
    told(t, "connected\n");
    device_client_twin_get(t->client, on_twin, t);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "twin TIMED_OUT \n");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 5000, 5100);
}

/* ---- telemetry ---- */

static void tells_what_became_of_each_message(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer list = {0};
    iot_property_put(&list, SLICE("k y"), SLICE("v"));
    struct iot_message m = {.body = SLICE("one"),
                            .message_id = SLICE("1"),
                            .output = SLICE("out"),
                            .content_type = SLICE("application/json"),
                            .properties = buffer_slice(&list)};
    assert_int_equal(device_client_send(t->client, &m, 11), OK);
    buffer_clear(&list);
    assert_int_equal(send(t, "two", 12), OK);
    hub_heard(t,
              "PUBLISH 1 " EVENTS "%24.mid=1&%24.ct=application%2Fjson&%24.on=out&k%20y=v one\n");
    hub_heard(t, "PUBLISH 2 " EVENTS " two\n");
    assert_int_equal(t->told.len, 0);
    hub_puback(t, 2);
    hub_puback(t, 1);
    told(t, "sent 11 OK\nsent 12 OK\n");
}

static void refuses_what_would_never_pass(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer big = {0};
    memset(buffer_reserve(&big, IOT_MESSAGE_MAX + 1), 'x', IOT_MESSAGE_MAX + 1);
    buffer_added(&big, IOT_MESSAGE_MAX + 1);
    struct iot_message m = {.body = buffer_slice(&big)};
    assert_int_equal(device_client_send(t->client, &m, 1), TOO_LARGE);
    m = (struct iot_message){.content_type = slice_first(buffer_slice(&big), 70000)};
    assert_int_equal(device_client_send(t->client, &m, 1), TOO_LARGE);
    m = (struct iot_message){.subject = SLICE("\xff")};
    assert_int_equal(device_client_send(t->client, &m, 1), BAD_ARGUMENT);
    struct buffer list = {0};
    iot_property_put(&list, SLICE("a"), SLICE("\0"));
    m = (struct iot_message){.properties = buffer_slice(&list)};
    assert_int_equal(device_client_send(t->client, &m, 1), BAD_ARGUMENT);
    buffer_clear(&list);
    m = (struct iot_message){.body = slice_first(buffer_slice(&big), IOT_MESSAGE_MAX)};
    assert_int_equal(device_client_send(t->client, &m, 2), OK);
    hub_heard(t, "PUBLISH 1 " EVENTS);
    hub_puback(t, 1);
    told(t, "sent 2 OK\n");
    buffer_clear(&big);
}

/* What was not acknowledged comes again, in order, and before what is new. */
static void sends_again_after_a_reconnection(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(send(t, "x", (uint64_t)i), OK);
    hub_heard(t, "PUBLISH 4 ");
    hub_puback(t, 1);
    hub_puback(t, 3);
    told(t, "sent 1 OK\n");
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "disconnected ");
    assert_int_equal(send(t, "new", 5), OK); /* while it is away */
    hub_heard(t, "CONNECT ");
    hub_heard(t,
              "PUBLISH 2 dup " EVENTS " x\nPUBLISH 4 dup " EVENTS " x\nPUBLISH 5 " EVENTS " new\n");
    for (uint16_t id = 1; id <= 5; id++)
        hub_puback(t, id); /* some for the second time */
    told(t, "sent 2 OK\nsent 3 OK\nsent 4 OK\nsent 5 OK\n");
}

static void has_a_window(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (uint64_t i = 0; i < DEVICE_CLIENT_WINDOW; i++)
        assert_int_equal(send(t, "x", i), OK);
    assert_int_equal(send(t, "x", 9999), FULL);
    hub_heard(t, "PUBLISH 1024 ");
    for (uint16_t id = 1; id < 200; id++)
        hub_puback(t, id);
    told(t, "sent 198 OK\n");
    assert_int_equal(t->told.len, 0); /* no room told yet: who waits gets a batch */
    for (uint16_t id = 200; id <= 300; id++)
        hub_puback(t, id);
    told(t, "sent 299 OK\nroom\n");
    assert_int_equal(send(t, "x", 9999), OK);
}

static void has_a_window_of_bytes(void **state)
{
    struct test *t = *state;
    t->hub.pubacks = true;
    connect_up(t);
    struct buffer big = {0};
    memset(buffer_reserve(&big, IOT_MESSAGE_MAX), 'x', IOT_MESSAGE_MAX);
    buffer_added(&big, IOT_MESSAGE_MAX);
    struct iot_message m = {.body = buffer_slice(&big)};
    unsigned sent = 0;
    while (device_client_send(t->client, &m, sent) == OK)
        sent++;
    assert_in_range(sent, DEVICE_CLIENT_WINDOW_BYTES / IOT_MESSAGE_MAX - 1,
                    DEVICE_CLIENT_WINDOW_BYTES / IOT_MESSAGE_MAX);
    told(t, "room\n");
    told(t, "sent 62 OK\n");
    buffer_clear(&big);
}

static void cancels_what_is_left_when_it_is_freed(void **state)
{
    struct test *t = *state;
    connect_up(t);
    send(t, "a", 1);
    send(t, "b", 2);
    device_client_twin_get(t->client, on_twin, t);
    device_client_free(&t->client);
    assert_null(t->client);
    assert_slice(buffer_slice(&t->told),
                 SLICE("sent 1 CANCELLED\nsent 2 CANCELLED\ntwin CANCELLED \n"));
    hub_heard(t, "DISCONNECT\nclosed\n");
}

static void may_be_freed_in_its_callbacks(void **state)
{
    struct test *t = *state;
    connect_up(t);
    t->frees_in_callback = true;
    send(t, "a", 1);
    send(t, "b", 2);
    hub_heard(t, "PUBLISH 2 ");
    hub_puback(t, 1);
    hub_puback(t, 2);
    told(t, "sent 1 OK\nsent 2 CANCELLED\n");
    hub_heard(t, "closed\n");

    t->frees_in_callback = false;
    connect_up(t);
    t->frees_in_callback = true;
    device_client_twin_get(t->client, on_twin, t);
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "twin OFFLINE \ndisconnected ");
    assert_null(t->client);
}

static void may_be_sent_to_in_its_callbacks(void **state)
{
    struct test *t = *state;
    connect_up(t);
    t->sends_in_callback = true;
    send(t, "a", 1);
    hub_heard(t, "PUBLISH 1 ");
    hub_puback(t, 1);
    hub_heard(t, "PUBLISH 2 " EVENTS " more\n");
    hub_puback(t, 2);
    told(t, "sent 1 OK\nsent 101 OK\n");
}

/* ---- twin, methods, messages ---- */

static void asks_for_its_twin(void **state)
{
    struct test *t = *state;
    connect_up(t);
    device_client_twin_get(t->client, on_twin, t);
    device_client_twin_report(t->client, SLICE("{\"a\":1}"), on_reported, t);
    device_client_twin_report(t->client, SLICE("{\"b\":1}"), on_reported, t);
    hub_heard(t, "PUBLISH 0 $iothub/twin/GET/?$rid=1 \n");
    hub_heard(t, "PUBLISH 0 $iothub/twin/PATCH/properties/reported/?$rid=2 {\"a\":1}\n");
    hub_publish(t, "$iothub/twin/res/204/?$rid=2&$version=8", "", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=zz", "{}", 0);
    hub_publish(t, "$iothub/twin/res/x", "{}", 0);
    hub_publish(t, "$iothub/twin/res/429/?$rid=3", "{\"errorCode\":429001}", 0);
    told(t, "reported OK 8\ntwin OK {}\nreported BUSY 0\n");
    assert_int_equal(t->told.len, 0);
}

static void says_that_it_is_offline(void **state)
{
    struct test *t = *state;
    t->hub.mute = true;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT ");
    device_client_twin_get(t->client, on_twin, t);
    assert_int_equal(t->told.len, 0); /* not before the call returned */
    told(t, "twin OFFLINE \n");
}

static void bounds_twin_requests(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (int i = 0; i <= DEVICE_CLIENT_TWIN_MAX; i++)
        device_client_twin_get(t->client, on_twin, t);
    told(t, "twin FULL \n");
    stream_abort(t->hub.stream, CANCELLED);
    for (int i = 0; i < DEVICE_CLIENT_TWIN_MAX; i++)
        told(t, "twin OFFLINE \n");
    told(t, "disconnected ");
}

static void runs_methods(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/methods/POST/reboot/?$rid=ab-c", "{\"in\":1}", 0);
    hub_publish(t, "$iothub/methods/POST/", "no name", 0);
    hub_publish(t, "$iothub/methods/POST/again/?$rid=2", "", 0);
    told(t, "method 1 reboot {\"in\":1}\nmethod 2 again \n");
    device_client_method_reply(t->client, 2, 500, SLICE("null"));
    device_client_method_reply(t->client, 1, 200, SLICE("{\"out\":2}"));
    device_client_method_reply(t->client, 1, 200, SLICE("again"));
    device_client_method_reply(t->client, 77, 200, SLICE("nobody"));
    device_client_method_reply(t->client, 0, 200, SLICE("nobody"));
    hub_heard(t, "PUBLISH 0 $iothub/methods/res/500/?$rid=2 null\n"
                 "PUBLISH 0 $iothub/methods/res/200/?$rid=ab-c {\"out\":2}\n");
    /* An answer that comes after the connection is gone is for nobody. */
    hub_publish(t, "$iothub/methods/POST/slow/?$rid=9", "", 0);
    told(t, "method 3 slow \n");
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "connected\n");
    device_client_method_reply(t->client, 3, 200, SLICE("late"));
    device_client_twin_get(t->client, on_twin, t);
    hub_heard(t, "PUBLISH 0 $iothub/twin/GET");
    assert_int_equal(slice_find_slice(buffer_slice(&t->hub.heard), SLICE("late")),
                     t->hub.heard.len);
}

static void remembers_a_slow_method_among_many_quick_ones(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/methods/POST/slow/?$rid=slow", "", 0);
    for (unsigned i = 2; i < 2 * DEVICE_CLIENT_METHODS_MAX; i++) {
        hub_publish(t, "$iothub/methods/POST/quick/?$rid=q", "", 0);
        char line[64];
        snprintf(line, sizeof line, "method %u quick \n", i);
        told(t, line);
        device_client_method_reply(t->client, i, 200, SLICE("1"));
    }
    device_client_method_reply(t->client, 1, 200, SLICE("done"));
    hub_heard(t, "PUBLISH 0 $iothub/methods/res/200/?$rid=slow done\n");
}

static void passes_on_what_the_hub_says(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/twin/PATCH/properties/desired/?$version=42", "{\"a\":null}", 0);
    hub_publish(t, "devices/d/modules/m/inputs/in1/%24.mid=7&a=b%20c", "body", 3);
    hub_publish(t, "devices/d/modules/x/inputs/in1/", "not ours", 0);
    hub_publish(t, "$iothub/new/thing", "unknown", 4);
    told(t, "desired 42 {\"a\":null}\nmessage input=in1 mid=7 body a=b c\n");
    hub_heard(t, "PUBACK\nPUBACK\n");
    assert_int_equal(t->told.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(signs_in_with_a_token_of_its_own),
        TEST(speaks_for_another_with_its_own_audience),
        TEST(subscribes_to_what_it_has_callbacks_for),
        TEST(tries_again_when_it_is_refused),
        TEST(tells_a_refusal_from_a_hub_that_is_busy),
        TEST(gives_back_what_is_not_acknowledged),
        TEST(tries_again_when_nobody_listens),
        TEST(gives_up_on_a_hub_that_speaks_nonsense),
        TEST(waits_longer_and_longer),
        TEST(renews_its_token_before_it_expires),
        TEST(notices_a_link_that_is_dead),
        TEST(keeps_a_quiet_link_alive),
        TEST(gives_up_on_a_hub_that_says_nothing),
        TEST(does_not_wait_for_a_twin_for_ever),
        TEST(waits_for_a_twin_as_long_as_it_was_told),
        TEST(tells_what_became_of_each_message),
        TEST(refuses_what_would_never_pass),
        TEST(sends_again_after_a_reconnection),
        TEST(has_a_window),
        TEST(has_a_window_of_bytes),
        TEST(cancels_what_is_left_when_it_is_freed),
        TEST(may_be_freed_in_its_callbacks),
        TEST(may_be_sent_to_in_its_callbacks),
        TEST(asks_for_its_twin),
        TEST(says_that_it_is_offline),
        TEST(bounds_twin_requests),
        TEST(runs_methods),
        TEST(remembers_a_slow_method_among_many_quick_ones),
        TEST(passes_on_what_the_hub_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
