/* A client of a broker that the test plays, in simulated time. */
#include "client/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/sim.h"
#include "mqtt/framer.h"
#include "mqtt/v5.h"

#include "base/cmocka.h"

#define PORT 1883

struct rig {
    struct sim *sim;
    struct loop *loop, *there;
    struct listener *listener;
    struct stream *stream; /* of the broker; NULL: none */
    struct mqtt_framer framer;
    struct broker *broker;
    bool v5;

    /* How the broker behaves. */
    uint8_t code;        /* of CONNACK */
    bool session;        /* it had one */
    struct slice allows; /* properties of CONNACK in MQTT 5, encoded with their length */
    bool silent;         /* acknowledges nothing */
    uint8_t reason;      /* of acknowledgements, MQTT 5 */
    bool keeps_pubcomp;  /* answers PUBREL with nothing */
    uint8_t granted;     /* to a subscription */

    struct buffer
        said; /* what the broker saw: "C1 " clean, "P1a " PUBLISH QoS 1 of a, "D" dup, "R" PUBREL */
    struct buffer told; /* what the client was told: "1:OK " */
    unsigned rooms, connections;
    const char *filter;
};

/* ---- the broker ---- */

static void answer_connect(struct rig *r, const struct mqtt_packet *p)
{
    struct buffer *out = stream_out(r->stream);
    uint8_t flags = p->body.at[7];
    buffer_printf(&r->said, "C%d ", flags >> 1 & 1);
    r->connections++;
    if (r->v5) {
        mqtt_packet_head_encode(MQTT_CONNACK, 0, 2 + r->allows.len, out);
        buffer_u8(out, r->session);
        buffer_u8(out, r->code);
        buffer_put(out, r->allows);
    } else {
        mqtt_connack_encode(
            (struct mqtt_connack){.code = r->code, .session_present = r->session && !r->code}, out);
    }
}

static void acknowledge(struct rig *r, enum mqtt_type type, uint16_t id)
{
    struct buffer *out = stream_out(r->stream);
    if (!r->v5 || r->reason == 0) {
        mqtt_packet_id_encode(type, id, out);
        return;
    }
    mqtt_packet_head_encode(type, 0, 3, out);
    buffer_u16(out, id);
    buffer_u8(out, r->reason);
}

static void take_publish(struct rig *r, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    assert_int_equal(mqtt_publish_decode(p->flags, p->body, &m), OK);
    buffer_printf(&r->said, "P%d%.*s%s%s ", m.qos, SLICE_FMT(m.topic), m.dup ? "D" : "",
                  m.retain ? "r" : "");
    if (!r->silent && m.qos)
        acknowledge(r, m.qos == MQTT_QOS_1 ? MQTT_PUBACK : MQTT_PUBREC, m.packet_id);
}

/* The one filter stands at the end, before its options. */
static void take_subscribe(struct rig *r, struct slice body)
{
    struct buffer *out = stream_out(r->stream);
    size_t head = 2 + r->v5; /* id; no properties */
    struct slice filter = slice_skip(body, head + 2);
    buffer_printf(&r->said, "S%.*s ", SLICE_FMT(slice_first(filter, filter.len - 1)));
    mqtt_packet_head_encode(MQTT_SUBACK, 0, head + 1, out);
    buffer_put(out, slice_first(body, head));
    buffer_u8(out, r->granted);
}

static void take(struct rig *r, const struct mqtt_packet *p)
{
    uint16_t id;
    switch (p->type) {
    case MQTT_CONNECT:
        answer_connect(r, p);
        break;
    case MQTT_PUBLISH:
        take_publish(r, p);
        break;
    case MQTT_PUBREL:
        assert_int_equal(mqtt_packet_id_decode(p->body, &id), OK);
        buffer_text(&r->said, "R ");
        if (!r->keeps_pubcomp)
            mqtt_packet_id_encode(MQTT_PUBCOMP, id, stream_out(r->stream));
        break;
    case MQTT_SUBSCRIBE:
        take_subscribe(r, p->body);
        break;
    case MQTT_PINGREQ:
        mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(r->stream));
        break;
    default:
        break;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct rig *r = arg;
    struct mqtt_packet p;
    while (r->stream && mqtt_framer_next(&r->framer, &bytes, &p) == OK) {
        take(r, &p);
        stream_flush(r->stream);
    }
}

static void on_close(void *arg, enum status why)
{
    struct rig *r = arg;
    (void)why;
    r->stream = NULL;
    mqtt_framer_clear(&r->framer);
}

static const struct stream_events there_events = {.on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *s)
{
    struct rig *r = arg;
    mqtt_framer_init(&r->framer, 1 << 20);
    r->stream = s;
    stream_events(s, &there_events, r);
}

/* ---- the client ---- */

static void on_sent(void *arg, uint64_t token, enum status why)
{
    buffer_printf(&((struct rig *)arg)->told, "%d:%s ", (int)token, status_name(why));
}

static void on_room(void *arg)
{
    ((struct rig *)arg)->rooms++;
}

static void on_message(void *arg, const struct broker_incoming *m)
{
    struct rig *r = arg;
    buffer_printf(&r->told, "%.*s(%.*s)", SLICE_FMT(m->topic), SLICE_FMT(m->payload));
    buffer_printf(&r->told, "->%.*s", SLICE_FMT(m->response_topic));
    buffer_printf(&r->told, "#%.*s ", SLICE_FMT(m->correlation));
}

static const struct broker_events events = {
    .on_sent = on_sent, .on_room = on_room, .on_message = on_message};

static void pass_time(struct rig *r, uint64_t ms)
{
    sim_run(r->sim, sim_now_ms(r->sim) + ms);
}

static void start(struct rig *r, bool v5)
{
    r->v5 = v5;
    r->broker = broker_new(&(struct broker_config){.loop = r->loop,
                                                   .host = "broker",
                                                   .port = PORT,
                                                   .client_id = "me",
                                                   .v5 = v5,
                                                   .filter = r->filter,
                                                   .events = &events,
                                                   .arg = r});
    pass_time(r, 5000);
}

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->sim = sim_new(1);
    r->loop = sim_loop_new(r->sim, "client");
    r->there = sim_loop_new(r->sim, "broker");
    r->allows = SLICE("\0");
    assert_int_equal(listener_open(&(struct listen_config){.loop = r->there,
                                                           .host = "0.0.0.0",
                                                           .port = PORT,
                                                           .on_accept = on_accept,
                                                           .arg = r},
                                   &r->listener),
                     OK);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    broker_free(&r->broker);
    pass_time(r, 10000);
    listener_close(&r->listener);
    sim_free(&r->sim);
    buffer_clear(&r->said);
    buffer_clear(&r->told);
    free(r);
    return 0;
}

static enum status send(struct rig *r, const char *topic, uint8_t qos, uint64_t token)
{
    return broker_send(
        r->broker,
        &(struct broker_message){.topic = slice_of(topic), .payload = SLICE("x"), .qos = qos},
        token);
}

static void cut(struct rig *r)
{
    stream_abort(r->stream, CLOSED);
}

static void expect(struct buffer *b, const char *wanted)
{
    assert_string_equal(buffer_cstr(b), wanted);
    buffer_reset(b);
}

static void publishes_with_each_quality(void **state)
{
    struct rig *r = *state;
    start(r, true);
    expect(&r->said, "C1 ");
    assert_true(broker_connected(r->broker));
    assert_int_equal(send(r, "a", 0, 1), OK);
    assert_int_equal(send(r, "b", 1, 2), OK);
    assert_int_equal(send(r, "c", 2, 3), OK);
    assert_int_equal(r->told.len, 0); /* not from inside */
    pass_time(r, 1000);
    expect(&r->said, "P0a P1b P2c R ");
    expect(&r->told, "1:OK 2:OK 3:OK ");
}

/* What an earlier process left at the broker must not be taken for this one's. */
static void the_first_connection_clears_the_session_in_311(void **state)
{
    struct rig *r = *state;
    start(r, false);
    expect(&r->said, "C1 C0 ");
    assert_true(broker_connected(r->broker));
    cut(r);
    pass_time(r, 5000);
    expect(&r->said, "C0 ");
}

static void sends_again_what_was_not_acknowledged(void **state)
{
    struct rig *r = *state;
    start(r, true);
    r->silent = true;
    buffer_reset(&r->said);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(send(r, i == 1 ? "a" : i == 2 ? "b" : "c", 1, (uint64_t)i), OK);
    pass_time(r, 1000);
    expect(&r->said, "P1a P1b P1c ");
    cut(r);
    r->silent = false;
    r->session = true;
    pass_time(r, 5000);
    expect(&r->said, "C0 P1aD P1bD P1cD ");
    expect(&r->told, "1:OK 2:OK 3:OK ");
}

static void what_the_broker_received_is_only_released_again(void **state)
{
    struct rig *r = *state;
    start(r, true);
    r->keeps_pubcomp = true;
    buffer_reset(&r->said);
    assert_int_equal(send(r, "a", 2, 1), OK);
    pass_time(r, 1000);
    expect(&r->said, "P2a R ");
    cut(r);
    r->keeps_pubcomp = false;
    r->session = true;
    pass_time(r, 5000);
    expect(&r->said, "C0 R ");
    expect(&r->told, "1:OK ");
}

static void without_its_session_all_is_sent_anew(void **state)
{
    struct rig *r = *state;
    start(r, true);
    r->keeps_pubcomp = true;
    buffer_reset(&r->said);
    assert_int_equal(send(r, "a", 2, 1), OK);
    pass_time(r, 1000);
    cut(r);
    r->keeps_pubcomp = false;
    pass_time(r, 5000);
    expect(&r->said, "P2a R C0 P2aD R ");
    expect(&r->told, "1:OK ");
}

static void keeps_to_what_the_broker_allows(void **state)
{
    struct rig *r = *state;
    r->allows = SLICE("\x0c\x21\0\2\x24\1\x25\0\x27\0\0\0\x40");
    start(r, true);
    buffer_reset(&r->said);
    r->silent = true;
    struct broker_message m = {
        .topic = SLICE("a"), .payload = SLICE("x"), .qos = 2, .retain = true};
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(broker_send(r->broker, &m, i), OK);
    pass_time(r, 1000);
    expect(&r->said, "P1a P1a "); /* two at a time, QoS 1, not retained */
    static const char large[100];
    m.payload = slice_from(large, sizeof large);
    assert_int_equal(broker_send(r->broker, &m, 4), TOO_LARGE);
}

static void a_message_that_is_refused_is_told(void **state)
{
    struct rig *r = *state;
    start(r, true);
    buffer_reset(&r->said);
    r->reason = 0x87;
    assert_int_equal(send(r, "a", 1, 1), OK);
    assert_int_equal(send(r, "b", 2, 2), OK);
    pass_time(r, 1000);
    expect(&r->told, "1:FORBIDDEN 2:FORBIDDEN ");
    assert_true(broker_connected(r->broker));
    r->reason = 0x97; /* a quota: later it may have room */
    assert_int_equal(send(r, "c", 1, 3), OK);
    pass_time(r, 100);
    r->reason = 0;
    pass_time(r, 5000);
    expect(&r->told, "3:OK ");
}

static void topics_that_are_none_are_refused(void **state)
{
    struct rig *r = *state;
    start(r, true);
    assert_int_equal(send(r, "", 1, 1), BAD_ARGUMENT);
    assert_int_equal(send(r, "a/+", 1, 1), BAD_ARGUMENT);
    assert_int_equal(send(r, "a/#", 1, 1), BAD_ARGUMENT);
    assert_int_equal(send(r, "\xff", 1, 1), BAD_ARGUMENT);
}

static void tries_for_ever_and_not_too_often(void **state)
{
    struct rig *r = *state;
    r->code = 0x87;
    start(r, true);
    pass_time(r, 3600000);
    assert_false(broker_connected(r->broker));
    assert_in_range(r->connections, 100, 300); /* every 30 s, or half of that */
    r->code = 0;
    pass_time(r, 31000);
    assert_true(broker_connected(r->broker));
}

static void a_silent_broker_is_left(void **state)
{
    struct rig *r = *state;
    start(r, true);
    unsigned before = r->connections;
    pass_time(r, 300000);
    assert_int_equal(r->connections, before); /* pings are answered */
    sim_link(r->sim, "client", "broker", false);
    pass_time(r, 120000);
    assert_false(broker_connected(r->broker));
    sim_link(r->sim, "client", "broker", true);
    pass_time(r, 60000);
    assert_true(broker_connected(r->broker));
}

static void the_window_has_a_bound(void **state)
{
    struct rig *r = *state;
    start(r, true);
    r->silent = true;
    for (unsigned i = 0; i < BROKER_WINDOW; i++)
        assert_int_equal(send(r, "a", 1, i), OK);
    assert_int_equal(send(r, "a", 1, 9999), FULL);
    pass_time(r, 1000);
    cut(r);
    r->silent = false;
    pass_time(r, 5000);
    assert_int_equal(r->rooms, 1);
    buffer_reset(&r->told);
    for (unsigned i = 0; i < 100; i++) /* ids go on */
        assert_int_equal(send(r, "a", 1 + i % 2, i), OK);
    pass_time(r, 1000);
    assert_int_equal(broker_connected(r->broker), true);
    assert_true(r->told.len > 100 * 5);
}

static void what_is_left_is_cancelled(void **state)
{
    struct rig *r = *state;
    start(r, true);
    r->silent = true;
    assert_int_equal(send(r, "a", 1, 1), OK);
    assert_int_equal(send(r, "b", 2, 2), OK);
    broker_free(&r->broker);
    expect(&r->told, "1:CANCELLED 2:CANCELLED ");
}

static void publish_down(struct rig *r, const char *topic, bool reply)
{
    struct mqtt5_publish m = {.base = {.topic = slice_of(topic), .payload = SLICE("{}")}};
    if (reply) {
        m.response_topic = SLICE("here");
        m.correlation = SLICE("7");
    }
    if (r->v5)
        mqtt5_publish_encode(&m, stream_out(r->stream));
    else
        mqtt_publish_encode(&m.base, stream_out(r->stream));
    stream_flush(r->stream);
    pass_time(r, 1000);
}

/* Anew on each connection. */
static void is_told_of_what_it_subscribes_to(void **state)
{
    struct rig *r = *state;
    r->filter = "p/methods/#";
    start(r, true);
    expect(&r->said, "C1 Sp/methods/# ");
    publish_down(r, "p/methods/Browse", true);
    expect(&r->told, "p/methods/Browse({})->here#7 ");
    cut(r);
    pass_time(r, 5000);
    expect(&r->said, "C0 Sp/methods/# ");
    assert_int_equal(send(r, "a", 1, 1), OK);
    pass_time(r, 1000);
    expect(&r->told, "1:OK ");
}

static void subscribes_in_311_and_survives_a_refusal(void **state)
{
    struct rig *r = *state;
    r->filter = "p/methods/#";
    r->granted = MQTT_SUBACK_FAILED;
    start(r, false);
    expect(&r->said, "C1 C0 Sp/methods/# ");
    assert_true(broker_connected(r->broker));
    publish_down(r, "p/methods/Browse/?$rid=1", false);
    expect(&r->told, "p/methods/Browse/?$rid=1({})-># ");
}

static void what_was_not_asked_for_ends_the_connection(void **state)
{
    struct rig *r = *state;
    start(r, true);
    buffer_reset(&r->said);
    publish_down(r, "p/methods/Browse", true);
    pass_time(r, 5000);
    expect(&r->told, "");
    expect(&r->said, "C0 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(publishes_with_each_quality),
        TEST(the_first_connection_clears_the_session_in_311),
        TEST(sends_again_what_was_not_acknowledged),
        TEST(what_the_broker_received_is_only_released_again),
        TEST(without_its_session_all_is_sent_anew),
        TEST(keeps_to_what_the_broker_allows),
        TEST(a_message_that_is_refused_is_told),
        TEST(topics_that_are_none_are_refused),
        TEST(tries_for_ever_and_not_too_often),
        TEST(a_silent_broker_is_left),
        TEST(the_window_has_a_bound),
        TEST(what_is_left_is_cancelled),
        TEST(is_told_of_what_it_subscribes_to),
        TEST(subscribes_in_311_and_survives_a_refusal),
        TEST(what_was_not_asked_for_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
