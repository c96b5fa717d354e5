/* From CONNECT to CONNACK, and the last will that CONNECT left. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/mqtt_connection.h"
#include "heads/mqtt_user.h"

static void refuse(struct heads_mqtt_connection *c, enum mqtt_connack_code code, enum status why,
                   const char *reason)
{
    mqtt_connack_encode((struct mqtt_connack){.code = code}, stream_out(c->stream));
    stream_flush(c->stream);
    heads_mqtt_end_gently(c, why, reason);
}

/* ---- CONNECT ---- */

static bool will_ok(const struct mqtt_connect *m, struct slice base)
{
    struct heads_mqtt_topic t;
    return !m->has_will ||
           (m->will_qos <= MQTT_QOS_1 && heads_mqtt_topic_parse(m->will_topic, base, &t) == OK &&
            t.kind == HEADS_MQTT_TELEMETRY);
}

static struct heads_credentials credentials(struct heads_mqtt_connection *c,
                                            const struct heads_mqtt_user *user)
{
    return (struct heads_credentials){
        .id = c->id,
        .sas = c->hello->connect.password,
        .certificate = stream_peer_certificate(c->stream),
        .host = user->host,
        .api_version = user->api_version,
        .client_type = user->client_type,
        .model_id = user->model_id,
        .auth_chain = user->auth_chain,
        .peer = slice_of(stream_peer(c->stream)),
    };
}

/* The id points into the base, which lives as long as the connection. */
static bool identify(struct heads_mqtt_connection *c, struct slice client_id)
{
    struct iot_id id;
    if (!iot_id_parse(client_id, &id))
        return false;
    heads_mqtt_topic_base(id, &c->base);
    const uint8_t *at = c->base.at;
    c->id.device = slice_from(at + strlen("devices/"), id.device.len);
    if (id.module.len)
        c->id.module = slice_from(at + c->base.len - 1 - id.module.len, id.module.len);
    return true;
}

void heads_mqtt_connect(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    struct heads_mqtt_hello *h = c->hello = MEMORY_NEW(struct heads_mqtt_hello);
    enum status s = mqtt_connect_decode(arena_copy(&h->arena, p->body), &h->connect);
    if (s == UNSUPPORTED) {
        refuse(c, MQTT_CONNACK_VERSION, s, "not version 3.1.1 of MQTT");
        return;
    }
    if (s != OK) {
        heads_mqtt_end(c, s, "broken CONNECT"); /* [MQTT-3.1.4-1] */
        return;
    }
    const struct heads_mqtt_other *other = &c->head->other;
    if (other->claims && other->claims(h->connect.username, h->connect.client_id)) {
        c->state = HEADS_MQTT_DIVERTED;
        buffer_put(&c->held, p->whole);
        heads_mqtt_read_on(c);
        return;
    }
    if (!identify(c, h->connect.client_id)) {
        refuse(c, MQTT_CONNACK_CLIENT_ID, BAD_ARGUMENT, "client id is not device or device/module");
        return;
    }
    struct heads_mqtt_user user;
    s = heads_mqtt_user_parse(h->connect.username, h->connect.client_id, &h->arena, &user);
    if (s == UNSUPPORTED)
        refuse(c, MQTT_CONNACK_VERSION, s, "no such api-version");
    else if (s != OK)
        refuse(c, MQTT_CONNACK_CREDENTIALS, s, "user name is not host/client-id/?api-version=");
    else if (!will_ok(&h->connect, buffer_slice(&c->base)))
        refuse(c, MQTT_CONNACK_UNAUTHORIZED, BAD_ARGUMENT, "will is not telemetry of QoS 0 or 1");
    if (c->state == HEADS_MQTT_ENDING)
        return;
    h->credentials = credentials(c, &user);
    c->state = HEADS_MQTT_SIGNING_IN;
    heads_mqtt_read_on(c);
}

/* ---- on a turn of its own ---- */

static void on_late(void *arg)
{
    struct heads_mqtt_connection *c = arg;
    refuse(c, MQTT_CONNACK_UNAVAILABLE, TIMED_OUT, "signing in took too long");
}

static void ask(struct heads_mqtt_connection *c)
{
    loop_timer_start(c->session.loop, &c->watch, HEADS_MQTT_CONNECT_MS, on_late, c);
    c->signed_out = false;
    heads_mqtt_ops(c)->sign_in(c->head->backend, &c->hello->credentials, &c->session);
}

static void on_arrived(void *arg)
{
    struct heads_mqtt_connection *c = arg;
    c->session.loop = stream_loop(c->stream);
    ask(c);
}

void heads_mqtt_sign_in(struct heads_mqtt_connection *c)
{
    struct loop *owner = heads_mqtt_ops(c)->owner(c->head->backend, c->id);
    if (owner == c->session.loop) {
        ask(c);
        return;
    }
    loop_timer_stop(&c->watch);
    stream_move(c->stream, owner, on_arrived, c); /* from here on it belongs to that loop */
}

/* ---- CONNACK ---- */

static enum mqtt_connack_code connack_code(enum status why)
{
    switch (why) {
    case OK:
        return MQTT_CONNACK_ACCEPTED;
    case UNAUTHORIZED:
    case FORBIDDEN:
    case NOT_FOUND:
        return MQTT_CONNACK_UNAUTHORIZED;
    default:
        return MQTT_CONNACK_UNAVAILABLE;
    }
}

/* Any packet in time will do [MQTT-3.1.2-24]; the timer looks again when it is due, so a packet
 * costs nothing. */
static void on_silence(void *arg)
{
    struct heads_mqtt_connection *c = arg;
    uint64_t now = loop_now_ms(c->session.loop);
    if (c->paused && !c->choked)
        c->heard_ms = now; /* it is we who do not listen */
    uint64_t silent_ms = now - c->heard_ms;
    if (silent_ms < c->silence_ms_max)
        loop_timer_start(c->session.loop, &c->watch, c->silence_ms_max - silent_ms, on_silence, c);
    else
        heads_mqtt_end(c, TIMED_OUT, "nothing heard for 1.5 times the keep-alive");
}

static void watch_silence(struct heads_mqtt_connection *c)
{
    uint64_t asked_ms = c->hello->connect.keep_alive_s * 1500ull;
    uint64_t most_ms = HEADS_MQTT_SILENCE_S_MAX * 1000ull;
    c->silence_ms_max = asked_ms && asked_ms < most_ms ? asked_ms : most_ms;
    c->heard_ms = loop_now_ms(c->session.loop);
    loop_timer_start(c->session.loop, &c->watch, c->silence_ms_max, on_silence, c);
}

static void forget_hello(struct heads_mqtt_connection *c)
{
    arena_clear(&c->hello->arena);
    free(c->hello);
    c->hello = NULL;
}

void heads_mqtt_signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct heads_mqtt_connection *c = (struct heads_mqtt_connection *)s;
    c->device = device;
    if (why != OK)
        c->signed_out = true; /* there is nothing to sign out from */
    if (c->state != HEADS_MQTT_SIGNING_IN)
        return; /* on_close will sign out */
    if (why != OK) {
        refuse(c, connack_code(why), why, "sign in refused");
        return;
    }
    c->clean = c->hello->connect.clean_session;
    mqtt_connack_encode((struct mqtt_connack){.code = MQTT_CONNACK_ACCEPTED,
                                              .session_present = !c->clean && c->session.kept},
                        stream_out(c->stream)); /* [MQTT-3.2.2-2] */
    stream_flush(c->stream);
    log_debug("mqtt connected device=" HEADS_MQTT_WHO " peer=%s client=\"%.*s\"",
              HEADS_MQTT_WHO_OF(c), stream_peer(c->stream),
              SLICE_FMT(c->hello->credentials.client_type));
    watch_silence(c);
    c->state = HEADS_MQTT_READY;
    c->framer.max = HEADS_MQTT_PACKET_MAX;
    heads_mqtt_restore(c);
    if (!c->hello->connect.has_will)
        forget_hello(c);
    heads_mqtt_read_on(c);
}

/* ---- the last will ---- */

/* [MQTT-3.1.2-8]: unless the device said goodbye. Not for one that may not speak any more, and not
 * when it is this program that stops. */
void heads_mqtt_will(struct heads_mqtt_connection *c)
{
    struct heads_mqtt_topic t;
    bool wanted = c->hello && c->hello->connect.has_will && !c->said_goodbye &&
                  c->why != UNAUTHORIZED && c->why != CANCELLED;
    if (!wanted || heads_mqtt_answers_full(&c->answers))
        return;
    const struct mqtt_connect *m = &c->hello->connect;
    struct mqtt_publish will = {.payload = m->will_payload, .retain = m->will_retain};
    if (heads_mqtt_topic_parse(m->will_topic, buffer_slice(&c->base), &t) != OK)
        return;
    enum status s = heads_mqtt_telemetry(c, &will, t.bag, true);
    if (s != OK)
        log_warn("last will lost device=" HEADS_MQTT_WHO " status=%s", HEADS_MQTT_WHO_OF(c),
                 status_name(s));
}
