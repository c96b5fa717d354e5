/* From an open stream to a connection that is up: CONNECT with a token, CONNACK, SUBACK; pings and
 * a new token as long as it lasts. */
#include "base/encoding.h"
#include "base/log.h"
#include "client/device_mqtt_priv.h"
#include "mqtt/connect.h"
#include "mqtt/subscribe.h"

#define SIGN_IN_MS 30000 /* from CONNECT to SUBACK */
#define KEEP_ALIVE_S 60
#define PING_MS 30000 /* and nothing heard until the next one: the link is dead */
#define RENEWAL_MS (DEVICE_TOKEN_MS / 4 * 3) /* and up to 5 more, so that many do not come at once */
#define RENEWAL_SPREAD_MS 300000

/* ---- CONNECT ---- */

static void put_id(const struct device_client *c, struct buffer *out)
{
    buffer_text(out, c->config.device_id);
    if (c->config.module_id)
        buffer_printf(out, "/%s", c->config.module_id);
}

static void put_username(struct device_client *c, struct buffer *out)
{
    const struct device_client_config *k = &c->config;
    buffer_printf(out, "%s/", k->hub_host);
    put_id(c, out);
    buffer_text(out, "/?api-version=" DEVICE_API_VERSION "&DeviceClientType=");
    percent_encode(slice_of(k->product), out);
    if (k->auth_chain) {
        buffer_text(out, "&auth-chain=");
        percent_encode(slice_of(k->auth_chain), out);
    }
}

static void on_sign_in_late(void *arg)
{
    device_mqtt_end(arg, TIMED_OUT);
}

void device_mqtt_hello(void *arg)
{
    struct device_client *c = arg;
    struct device_mqtt *l = device_mqtt_of(c);
    struct buffer username = {0}, password = {0};
    enum status s = device_has_token(c) ? device_put_token(c, &password) : OK;
    if (s != OK) {
        device_mqtt_end(c, s);
        buffer_clear(&password);
        return;
    }
    put_username(c, &username);
    buffer_reset(&c->scratch);
    put_id(c, &c->scratch);
    struct mqtt_connect m = {
        .client_id = buffer_slice(&c->scratch),
        .username = buffer_slice(&username),
        .password = buffer_slice(&password),
        .has_username = true,
        .has_password = password.len > 0,
        .keep_alive_s = KEEP_ALIVE_S,
    };
    mqtt_connect_encode(&m, stream_out(l->stream));
    stream_flush(l->stream);
    c->state = DEVICE_SIGNING_IN;
    loop_timer_start(c->config.loop, &l->timer, SIGN_IN_MS, on_sign_in_late, c);
    buffer_clear(&username);
    buffer_clear(&password);
}

/* ---- what the hub answers ---- */

static void on_ping_time(void *arg)
{
    struct device_client *c = arg;
    struct device_mqtt *l = device_mqtt_of(c);
    if (l->pinged_ms && l->heard_ms < l->pinged_ms) {
        device_mqtt_end(c, TIMED_OUT);
        return;
    }
    mqtt_packet_bare_encode(MQTT_PINGREQ, stream_out(l->stream));
    stream_flush(l->stream);
    l->pinged_ms = loop_now_ms(c->config.loop);
    loop_timer_start(c->config.loop, &l->timer, PING_MS, on_ping_time, c);
}

/* A new token needs a new connection. */
static void on_renewal_time(void *arg)
{
    struct device_client *c = arg;
    struct device_mqtt *l = device_mqtt_of(c);
    log_debug("token renewal device=%s module=%s", device_who(c), device_who_module(c));
    c->backoff.attempts = 0;
    l->why = CLOSED;
    mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(l->stream));
    stream_flush(l->stream);
    stream_close(l->stream);
}

static enum status connack_status(enum mqtt_connack_code code)
{
    switch (code) {
    case MQTT_CONNACK_VERSION:
        return UNSUPPORTED;
    case MQTT_CONNACK_CLIENT_ID:
        return BAD_ARGUMENT;
    case MQTT_CONNACK_CREDENTIALS:
    case MQTT_CONNACK_UNAUTHORIZED:
        return UNAUTHORIZED;
    default:
        return BUSY;
    }
}

enum status device_mqtt_connack(struct device_client *c, const struct mqtt_packet *p)
{
    struct mqtt_connack ack;
    if (c->state != DEVICE_SIGNING_IN || mqtt_connack_decode(p->body, &ack) != OK)
        return BAD_FORMAT;
    enum status s = ack.code == MQTT_CONNACK_ACCEPTED ? OK : connack_status(ack.code);
    if (s != OK)
        return s == UNAUTHORIZED ? device_refused(c, s) : s;
    device_mqtt_subscribe(c);
    device_subscribing(c);
    if (c->config.key) {
        uint64_t spread = loop_random_u64(c->config.loop) % RENEWAL_SPREAD_MS;
        loop_timer_start(c->config.loop, &device_mqtt_of(c)->renewal, RENEWAL_MS + spread,
                         on_renewal_time, c);
    }
    return OK;
}

enum status device_mqtt_suback(struct device_client *c, const struct mqtt_packet *p)
{
    struct device_mqtt *l = device_mqtt_of(c);
    uint16_t id;
    struct slice codes;
    if (c->state != DEVICE_SUBSCRIBING || mqtt_suback_decode(p->body, &id, &codes) != OK)
        return BAD_FORMAT;
    if (slice_find(codes, MQTT_SUBACK_FAILED) < codes.len)
        log_warn("a subscription was refused device=%s module=%s", device_who(c),
                 device_who_module(c));
    l->pinged_ms = 0;
    loop_timer_start(c->config.loop, &l->timer, PING_MS, on_ping_time, c);
    device_up(c, stream_peer(l->stream));
    return OK;
}
