/* From an open stream to a connection that is up: CONNECT with a token, CONNACK, SUBACK; pings and
 * a new token as long as it lasts. */
#include "base/encoding.h"
#include "base/log.h"
#include "client/device_private.h"
#include "mqtt/connect.h"
#include "mqtt/subscribe.h"
#include "token/sas.h"

#define API_VERSION "2021-04-12"
#define SIGN_IN_MS 30000 /* from CONNECT to SUBACK */
#define KEEP_ALIVE_S 60
#define PING_MS 30000 /* and nothing heard until the next one: the link is dead */
#define TOKEN_MS 3600000ull
#define RENEWAL_MS 2700000ull /* 45 minutes, and up to 5 more, so that many do not come at once */
#define RENEWAL_SPREAD_MS 300000

/* ---- CONNECT ---- */

static void put_id(struct buffer *out, const char *device, const char *between, const char *module)
{
    buffer_text(out, device);
    if (module) {
        buffer_text(out, between);
        buffer_text(out, module);
    }
}

/* "{hub}/devices/{d}/modules/{m}", encoded: of the client, or of who speaks for it. */
static enum status put_token(struct device_client *c, struct buffer *out)
{
    const struct device_client_config *k = &c->config;
    bool by_actor = k->auth_chain && k->actor_device_id;
    struct buffer plain = {0}, resource = {0};
    buffer_printf(&plain, "%s/devices/", k->hub_host);
    put_id(&plain, by_actor ? k->actor_device_id : k->device_id, "/modules/",
           by_actor ? k->actor_module_id : k->module_id);
    percent_encode(buffer_slice(&plain), &resource);
    enum status s = sas_make(buffer_slice(&resource), slice_of(k->key), (struct slice){0},
                             loop_wall_ms(k->loop) + TOKEN_MS, out);
    buffer_clear(&plain);
    buffer_clear(&resource);
    return s;
}

static void put_username(struct device_client *c, struct buffer *out)
{
    const struct device_client_config *k = &c->config;
    buffer_printf(out, "%s/", k->hub_host);
    put_id(out, k->device_id, "/", k->module_id);
    buffer_text(out, "/?api-version=" API_VERSION "&DeviceClientType=");
    percent_encode(slice_of(k->product), out);
    if (k->auth_chain) {
        buffer_text(out, "&auth-chain=");
        percent_encode(slice_of(k->auth_chain), out);
    }
}

static void on_sign_in_late(void *arg)
{
    device_link_end(arg, TIMED_OUT);
}

void device_hello(void *arg)
{
    struct device_client *c = arg;
    struct buffer username = {0}, password = {0};
    enum status s = put_token(c, &password);
    if (s != OK) {
        log_error("key is not base64 device=%s module=%s", device_who(c), device_who_module(c));
        device_link_end(c, s);
        buffer_clear(&password);
        return;
    }
    put_username(c, &username);
    buffer_reset(&c->scratch);
    put_id(&c->scratch, c->config.device_id, "/", c->config.module_id);
    struct mqtt_connect m = {
        .client_id = buffer_slice(&c->scratch),
        .username = buffer_slice(&username),
        .password = buffer_slice(&password),
        .has_username = true,
        .has_password = true,
        .keep_alive_s = KEEP_ALIVE_S,
    };
    mqtt_connect_encode(&m, stream_out(c->stream));
    stream_flush(c->stream);
    c->state = DEVICE_SIGNING_IN;
    loop_timer_start(c->config.loop, &c->timer, SIGN_IN_MS, on_sign_in_late, c);
    buffer_clear(&username);
    buffer_clear(&password);
}

/* ---- what the hub answers ---- */

static void on_ping_time(void *arg)
{
    struct device_client *c = arg;
    if (c->pinged_ms && c->heard_ms < c->pinged_ms) {
        device_link_end(c, TIMED_OUT);
        return;
    }
    mqtt_packet_bare_encode(MQTT_PINGREQ, stream_out(c->stream));
    stream_flush(c->stream);
    c->pinged_ms = loop_now_ms(c->config.loop);
    loop_timer_start(c->config.loop, &c->timer, PING_MS, on_ping_time, c);
}

/* A new token needs a new connection. */
static void on_renewal_time(void *arg)
{
    struct device_client *c = arg;
    log_debug("token renewal device=%s module=%s", device_who(c), device_who_module(c));
    c->attempts = 0;
    c->why = CLOSED;
    mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(c->stream));
    stream_flush(c->stream);
    stream_close(c->stream);
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

static enum status refused(struct device_client *c, enum status why)
{
    if (why == UNAUTHORIZED && c->config.events->on_refused)
        c->config.events->on_refused(c->config.arg, why);
    return why;
}

enum status device_connack(struct device_client *c, const struct mqtt_packet *p)
{
    struct mqtt_connack ack;
    if (c->state != DEVICE_SIGNING_IN || mqtt_connack_decode(p->body, &ack) != OK)
        return BAD_FORMAT;
    if (ack.code != MQTT_CONNACK_ACCEPTED)
        return refused(c, connack_status(ack.code));
    c->state = DEVICE_SUBSCRIBING;
    device_down_subscribe(c);
    device_window_again(&c->window);
    device_pump(c);
    uint64_t spread = loop_random_u64(c->config.loop) % RENEWAL_SPREAD_MS;
    loop_timer_start(c->config.loop, &c->renewal, RENEWAL_MS + spread, on_renewal_time, c);
    return OK;
}

enum status device_suback(struct device_client *c, const struct mqtt_packet *p)
{
    uint16_t id;
    struct slice codes;
    if (c->state != DEVICE_SUBSCRIBING || mqtt_suback_decode(p->body, &id, &codes) != OK)
        return BAD_FORMAT;
    if (slice_find(codes, MQTT_SUBACK_FAILED) < codes.len)
        log_warn("a subscription was refused device=%s module=%s", device_who(c),
                 device_who_module(c));
    c->state = DEVICE_UP;
    c->up_since_ms = loop_now_ms(c->config.loop);
    c->pinged_ms = 0;
    loop_timer_start(c->config.loop, &c->timer, PING_MS, on_ping_time, c);
    log_info("hub connected device=%s module=%s peer=%s", device_who(c), device_who_module(c),
             stream_peer(c->stream));
    if (c->config.events->on_connected)
        c->config.events->on_connected(c->config.arg);
    return OK;
}
