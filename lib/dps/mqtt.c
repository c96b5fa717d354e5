#include "dps/mqtt.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "dps/mqtt_topic.h"
#include "iot/error.h"
#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

enum state {
    WAITING,    /* for CONNECT. then SIGNING_IN */
    SIGNING_IN, /* the credentials are examined. then READY */
    READY,
    ENDING, /* from each of them: on_close follows */
};

struct connection {
    struct dps *dps;
    struct stream *stream; /* NULL when it is gone */
    struct loop *loop;
    enum state state;
    struct arena arena; /* of CONNECT */
    struct dps_credentials credentials;
    uint16_t keep_alive_s;
    struct mqtt_framer framer;
    struct buffer held;      /* read, and not to be handled yet */
    struct loop_timer watch; /* for CONNACK, then for silence */
    uint64_t heard_ms, silence_ms_max;
    bool subscribed, paused;
    enum mqtt_qos qos; /* that was granted */
    uint16_t next_packet;
    unsigned requests; /* under way: the struct stays until they are answered */
};

struct request {
    struct connection *connection;
    struct buffer rid;
};

static void connection_free(struct connection *c)
{
    if (c->stream || c->requests)
        return;
    mqtt_framer_clear(&c->framer);
    buffer_clear(&c->held);
    arena_clear(&c->arena);
    free(c);
}

static void end(struct connection *c, enum status why, const char *reason)
{
    if (c->state == ENDING || c->stream == NULL)
        return;
    c->state = ENDING;
    loop_timer_stop(&c->watch);
    log_line(why == CLOSED ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
             "provisioning connection ended registration=%.*s peer=%s status=%s reason=\"%s\"",
             SLICE_FMT(c->credentials.registration_id), stream_peer(c->stream), status_name(why),
             reason);
    stream_close(c->stream);
}

/* ---- CONNECT ---- */

static void feed(struct connection *c, struct slice bytes);

static void refuse(struct connection *c, enum mqtt_connack_code code, enum status why,
                   const char *reason)
{
    mqtt_connack_encode((struct mqtt_connack){.code = code}, stream_out(c->stream));
    stream_flush(c->stream);
    end(c, why, reason);
}

static void on_late(void *arg)
{
    end(arg, TIMED_OUT, "CONNECT was not completed in time");
}

static void on_silence(void *arg)
{
    struct connection *c = arg;
    uint64_t silent_ms = loop_now_ms(c->loop) - c->heard_ms;
    if (silent_ms < c->silence_ms_max)
        loop_timer_start(c->loop, &c->watch, c->silence_ms_max - silent_ms, on_silence, c);
    else
        end(c, TIMED_OUT, "nothing heard for 1.5 times the keep-alive");
}

static void read_on(struct connection *c)
{
    struct buffer held = c->held;
    c->held = (struct buffer){0};
    feed(c, buffer_slice(&held));
    buffer_clear(&held);
}

static void signed_in(struct connection *c)
{
    uint64_t asked_ms = c->keep_alive_s * 1500ull, most_ms = DPS_MQTT_SILENCE_S_MAX * 1000ull;
    c->state = READY;
    c->silence_ms_max = asked_ms && asked_ms < most_ms ? asked_ms : most_ms;
    c->heard_ms = loop_now_ms(c->loop);
    loop_timer_start(c->loop, &c->watch, c->silence_ms_max, on_silence, c);
    mqtt_connack_encode((struct mqtt_connack){.code = MQTT_CONNACK_ACCEPTED},
                        stream_out(c->stream));
    stream_flush(c->stream);
    read_on(c);
}

static void on_signed_in(void *arg, const struct dps_device_answer *a)
{
    struct connection *c = arg;
    c->requests--;
    if (c->stream == NULL || c->state == ENDING)
        connection_free(c);
    else if (a->why == OK)
        signed_in(c);
    else
        refuse(c,
               a->why == BUSY || a->why == IO_FAILED ? MQTT_CONNACK_UNAVAILABLE
                                                     : MQTT_CONNACK_UNAUTHORIZED,
               a->why, a->text);
}

static void connect(struct connection *c, const struct mqtt_packet *p)
{
    struct mqtt_connect m;
    struct dps_mqtt_user user;
    if (p->type != MQTT_CONNECT || mqtt_connect_decode(arena_copy(&c->arena, p->body), &m) != OK) {
        end(c, BAD_FORMAT, "broken CONNECT");
        return;
    }
    if (!dps_mqtt_user_parse(m.username, m.client_id, &user)) {
        refuse(c, MQTT_CONNACK_CREDENTIALS, BAD_ARGUMENT, "user name is not of provisioning");
        return;
    }
    c->keep_alive_s = m.keep_alive_s;
    c->credentials = (struct dps_credentials){
        .id_scope = user.id_scope,
        .registration_id = user.registration_id,
        .sas = m.password,
        .certificate = arena_copy(&c->arena, stream_peer_certificate(c->stream)),
        .peer = arena_copy(&c->arena, slice_of(stream_peer(c->stream))),
    };
    c->state = SIGNING_IN;
    c->requests++;
    dps_device(c->dps, c->loop,
               &(struct dps_device_ask){.what = DPS_SIGN_IN, .credentials = c->credentials},
               on_signed_in, c);
}

/* ---- requests ---- */

static void respond(struct connection *c, const struct dps_device_answer *a, struct slice rid)
{
    const struct iot_status_wire *wire = iot_status_wire_provisioning(a->why);
    struct buffer topic = {0}, body = {0};
    struct mqtt_publish m = {.qos = c->qos, .payload = a->json};
    dps_mqtt_topic_put(&topic,
                       a->why != OK   ? wire->http
                       : a->under_way ? 202
                                      : 200,
                       rid, a->retry_s);
    if (a->why != OK) {
        iot_error_twin_body(
            &(struct iot_error){wire, slice_of(a->text), rid, loop_wall_ms(c->loop)}, &body);
        m.payload = buffer_slice(&body);
    }
    m.topic = buffer_slice(&topic);
    if (m.qos == MQTT_QOS_1)
        m.packet_id = c->next_packet = c->next_packet == UINT16_MAX ? 1 : c->next_packet + 1;
    mqtt_publish_encode(&m, stream_out(c->stream));
    stream_flush(c->stream);
    buffer_clear(&topic);
    buffer_clear(&body);
}

static void on_answer(void *arg, const struct dps_device_answer *a)
{
    struct request *r = arg;
    struct connection *c = r->connection;
    c->requests--;
    if (c->stream == NULL) {
        connection_free(c);
    } else if (c->state == READY) {
        if (c->subscribed)
            respond(c, a, buffer_slice(&r->rid));
        read_on(c);
    }
    buffer_clear(&r->rid);
    free(r);
}

static void ask(struct connection *c, const struct dps_mqtt_topic *t, struct slice body)
{
    struct request *r = MEMORY_NEW(struct request);
    r->connection = c;
    buffer_put(&r->rid, t->rid);
    c->requests++;
    dps_device(c->dps, c->loop,
               &(struct dps_device_ask){.what = t->what,
                                        .credentials = c->credentials,
                                        .body = body,
                                        .operation_id = t->operation_id},
               on_answer, r);
}

static void publish(struct connection *c, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    struct dps_mqtt_topic t;
    struct arena arena = {0};
    if (mqtt_publish_decode(p->flags, p->body, &m) != OK || m.qos > MQTT_QOS_1)
        end(c, BAD_FORMAT, "broken PUBLISH, or of QoS 2");
    else if (dps_mqtt_topic_parse(m.topic, &arena, &t) != OK)
        end(c, BAD_ARGUMENT, "PUBLISH to a topic that is not of provisioning");
    else {
        if (m.qos == MQTT_QOS_1)
            mqtt_packet_id_encode(MQTT_PUBACK, m.packet_id, stream_out(c->stream));
        ask(c, &t, m.payload);
    }
    arena_clear(&arena);
}

/* ---- the other packets ---- */

static void subscribe(struct connection *c, const struct mqtt_packet *p)
{
    struct mqtt_subscribe s;
    struct mqtt_filter f;
    if (mqtt_subscribe_decode(p->body, &s) != OK || s.count != 1 ||
        !mqtt_subscribe_next(&s.filters, &f) || !slice_eq(f.topic, SLICE(DPS_MQTT_FILTER))) {
        end(c, BAD_ARGUMENT, "SUBSCRIBE to something else than " DPS_MQTT_FILTER);
        return;
    }
    c->subscribed = true;
    c->qos = f.qos == MQTT_QOS_0 ? MQTT_QOS_0 : MQTT_QOS_1;
    uint8_t code = (uint8_t)c->qos;
    mqtt_suback_encode(s.packet_id, slice_from(&code, 1), stream_out(c->stream));
}

static void unsubscribe(struct connection *c, const struct mqtt_packet *p)
{
    struct mqtt_subscribe s;
    struct mqtt_filter f;
    if (mqtt_unsubscribe_decode(p->body, &s) != OK) {
        end(c, BAD_FORMAT, "broken UNSUBSCRIBE");
        return;
    }
    while (mqtt_unsubscribe_next(&s.filters, &f))
        if (slice_eq(f.topic, SLICE(DPS_MQTT_FILTER)))
            c->subscribed = false;
    mqtt_packet_id_encode(MQTT_UNSUBACK, s.packet_id, stream_out(c->stream));
}

static void puback(struct connection *c, const struct mqtt_packet *p)
{
    uint16_t id; /* an answer that was lost is asked for again: sessions are not kept */
    if (mqtt_packet_id_decode(p->body, &id) != OK)
        end(c, BAD_FORMAT, "broken PUBACK");
}

static void ping(struct connection *c, const struct mqtt_packet *p)
{
    (void)p;
    mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(c->stream));
}

static void disconnect(struct connection *c, const struct mqtt_packet *p)
{
    (void)p;
    end(c, CLOSED, "DISCONNECT");
}

typedef void packet_handler(struct connection *c, const struct mqtt_packet *p);

static packet_handler *const packets[16] = {
    [MQTT_PUBLISH] = publish,         [MQTT_PUBACK] = puback, [MQTT_SUBSCRIBE] = subscribe,
    [MQTT_UNSUBSCRIBE] = unsubscribe, [MQTT_PINGREQ] = ping,  [MQTT_DISCONNECT] = disconnect,
};

static void packet(struct connection *c, const struct mqtt_packet *p)
{
    if (c->state == WAITING)
        connect(c, p);
    else if (packets[p->type])
        packets[p->type](c, p);
    else
        end(c, BAD_FORMAT, "a packet that a device does not send");
}

/* ---- the stream ---- */

static bool takes_packets(const struct connection *c)
{
    return c->state == WAITING || (c->state == READY && c->requests < DPS_MQTT_REQUESTS_MAX &&
                                   stream_unsent(c->stream) <= STREAM_HIGH_BYTES);
}

static void feed(struct connection *c, struct slice bytes)
{
    enum status s = OK;
    struct mqtt_packet p;
    while (takes_packets(c) && (s = mqtt_framer_next(&c->framer, &bytes, &p)) == OK)
        packet(c, &p);
    if (c->state == ENDING)
        return;
    if (s != OK && s != AGAIN) {
        end(c, s, s == TOO_LARGE ? "packet too large" : "not MQTT 3.1.1");
        return;
    }
    buffer_put(&c->held, bytes);
    if (c->paused == takes_packets(c)) {
        c->paused = !c->paused;
        stream_pause(c->stream, c->paused);
    }
    stream_flush(c->stream);
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    c->heard_ms = loop_now_ms(c->loop);
    if (c->state == ENDING)
        return;
    if (c->held.len || !takes_packets(c))
        buffer_put(&c->held, bytes);
    else
        feed(c, bytes);
}

static void on_drain(void *arg)
{
    struct connection *c = arg;
    if (c->state == READY)
        read_on(c);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    (void)why;
    c->state = ENDING;
    loop_timer_stop(&c->watch);
    c->stream = NULL;
    connection_free(c);
}

static const struct stream_events events = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

bool dps_mqtt_claims(struct slice username, struct slice client_id)
{
    struct dps_mqtt_user user;
    return dps_mqtt_user_parse(username, client_id, &user);
}

void dps_mqtt_accept(struct dps *d, struct stream *s, struct slice bytes)
{
    struct connection *c = MEMORY_NEW(struct connection);
    c->dps = d;
    c->stream = s;
    c->loop = stream_loop(s);
    mqtt_framer_init(&c->framer, DPS_MQTT_PACKET_MAX);
    stream_events(s, &events, c);
    loop_timer_start(c->loop, &c->watch, DPS_MQTT_CONNECT_MS, on_late, c);
    feed(c, bytes);
}
