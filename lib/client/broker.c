#include "client/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/broker_priv.h"
#include "mqtt/text.h"
#include "mqtt/v5.h"

#define SIGN_IN_MS 30000
#define KEEP_ALIVE_S 60
#define PACKET_MAX (64u << 10) /* from the broker: acknowledgements and their reasons */
#define PACKET_OVERHEAD 16     /* of a PUBLISH beside topic, properties and payload */

static void dispose(struct broker *b);

static void enter(struct broker *b)
{
    b->busy++;
}

static void leave(struct broker *b)
{
    if (--b->busy == 0 && b->freed)
        dispose(b);
}

static void end_link(struct broker *b, enum status why)
{
    b->why = why;
    if (b->stream)
        stream_abort(b->stream, why);
}

/* ---- telling ---- */

static void tell(struct broker *b, bool any)
{
    uint64_t token;
    enum status why;
    while (broker_window_pop(&b->window, any, &token, &why))
        b->config.events->on_sent(b->config.arg, token, why);
    bool roomy = broker_window_count(&b->window) <= BROKER_WINDOW / 4 * 3 &&
                 b->window.bytes <= BROKER_WINDOW_BYTES / 4 * 3;
    if (!b->refused || !roomy || b->freed)
        return;
    b->refused = false;
    b->config.events->on_room(b->config.arg);
}

static void on_told(void *arg)
{
    struct broker *b = arg;
    enter(b);
    tell(b, false);
    leave(b);
}

/* ---- sending ---- */

static void write_entry(struct broker *b, const struct broker_entry *e)
{
    if (e->step == BROKER_RECEIVED)
        mqtt_packet_id_encode(MQTT_PUBREL, e->packet_id, stream_out(b->stream));
    else
        buffer_put(stream_out(b->stream), buffer_slice(&e->packet));
    stream_flush(b->stream);
}

static void pump(struct broker *b)
{
    struct broker_entry *e;
    bool written = false;
    if (b->state != BROKER_UP)
        return;
    while (stream_unsent(b->stream) <= STREAM_HIGH_BYTES &&
           (e = broker_window_next(&b->window, b->flying_max))) {
        write_entry(b, e);
        written |= e->qos == 0;
    }
    if (written)
        loop_timer_start(b->config.loop, &b->told, 0, on_told, b);
}

static bool topic_ok(struct slice topic)
{
    return topic.len > 0 && topic.len <= MQTT_TEXT_MAX && mqtt_text_ok(topic) &&
           mqtt_publish_topic_ok(topic);
}

static uint8_t qos_of(struct broker *b, uint8_t wanted)
{
    return wanted > b->qos_max ? b->qos_max : wanted;
}

static void encode(struct broker *b, const struct broker_message *m, uint8_t qos, uint16_t id,
                   struct buffer *out)
{
    struct mqtt5_publish p = {
        .base = {.topic = m->topic,
                 .payload = m->payload,
                 .qos = qos,
                 .packet_id = id,
                 .retain = m->retain && b->retain_available},
        .expiry_s = m->expiry_s,
        .is_text = m->is_text,
        .content_type = m->content_type,
        .correlation = m->correlation,
        .user_properties = m->user_properties,
    };
    if (b->config.v5)
        mqtt5_publish_encode(&p, out);
    else
        mqtt_publish_encode(&p.base, out);
}

enum status broker_send(struct broker *b, const struct broker_message *m, uint64_t token)
{
    size_t len = m->topic.len + m->payload.len + m->user_properties.len + m->content_type.len +
                 m->correlation.len + PACKET_OVERHEAD;
    if (!topic_ok(m->topic))
        return BAD_ARGUMENT;
    if (len > MQTT_REMAINING_MAX || len > b->packet_max)
        return TOO_LARGE;
    if (!broker_window_room(&b->window, len)) {
        b->refused = true;
        return FULL;
    }
    uint8_t qos = qos_of(b, m->qos);
    uint16_t id = qos ? broker_window_id(&b->window) : 0;
    struct buffer packet = {0};
    encode(b, m, qos, id, &packet);
    broker_window_push(&b->window, &packet, qos, id, token);
    pump(b);
    return OK;
}

/* ---- what the broker says ---- */

/* Each reason once, until something else happens. */
void broker_say(struct broker *b, const char *what, uint8_t code, struct slice text)
{
    char said[sizeof b->said];
    snprintf(said, sizeof said, "%s%u", what, code);
    if (strcmp(said, b->said) == 0)
        return;
    memcpy(b->said, said, sizeof said);
    log_error("broker %s host=%s port=%d reason=\"%s\" code=%u%s%.*s%s", what, b->config.host,
              b->config.port, mqtt5_reason_name(code), code, text.len ? " text=\"" : "",
              SLICE_FMT(slice_first(text, 200)), text.len ? "\"" : "");
}

/* A refusal that is about this message; others are about the connection. */
static enum status final_of(uint8_t reason)
{
    switch (reason) {
    case 0x87:
        return FORBIDDEN;
    case 0x90:
    case 0x99:
        return BAD_ARGUMENT;
    case 0x95:
        return TOO_LARGE;
    default:
        return OK;
    }
}

static enum status read_ack(struct broker *b, struct slice body, struct mqtt5_ack *out)
{
    *out = (struct mqtt5_ack){0};
    return b->config.v5 ? mqtt5_ack_decode(body, out)
                        : mqtt_packet_id_decode(body, &out->packet_id);
}

static enum status on_ack(struct broker *b, const struct mqtt_packet *p)
{
    struct mqtt5_ack a;
    if (b->state != BROKER_UP || read_ack(b, p->body, &a) != OK)
        return BAD_FORMAT;
    struct broker_entry *e = broker_window_find(&b->window, a.packet_id);
    if (e == NULL)
        return OK; /* a late one of before a reconnection */
    if (a.reason >= MQTT5_REASON_FAILED && p->type != MQTT_PUBCOMP) {
        broker_say(b, "refused a message", a.reason, a.reason_text);
        if (final_of(a.reason) == OK)
            return BUSY; /* again, on another connection */
        broker_window_done(&b->window, e, final_of(a.reason));
    } else if (p->type == MQTT_PUBREC && e->qos == 2) {
        e->step = BROKER_RECEIVED;
        write_entry(b, e);
    } else if ((p->type == MQTT_PUBACK) == (e->qos == 1)) {
        broker_window_done(&b->window, e, OK);
    }
    return OK;
}

static void on_ping_time(void *arg)
{
    struct broker *b = arg;
    if (b->pinged_ms && b->heard_ms < b->pinged_ms) {
        end_link(b, TIMED_OUT);
        return;
    }
    mqtt_packet_bare_encode(MQTT_PINGREQ, stream_out(b->stream));
    stream_flush(b->stream);
    b->pinged_ms = loop_now_ms(b->config.loop);
    loop_timer_start(b->config.loop, &b->timer, b->keep_alive_s * 500ull, on_ping_time, b);
}

static enum status take_connack(struct broker *b, struct slice body, struct mqtt5_connack *c)
{
    struct mqtt_connack old;
    *c = (struct mqtt5_connack){
        .receive_max = 65535, .qos_max = 2, .retain_available = true, .packet_max = UINT32_MAX};
    if (b->config.v5)
        return mqtt5_connack_decode(body, c);
    if (mqtt_connack_decode(body, &old) != OK)
        return BAD_FORMAT;
    c->reason = (uint8_t)old.code;
    c->session_present = old.session_present;
    return OK;
}

static void come_up(struct broker *b, const struct mqtt5_connack *c)
{
    b->state = BROKER_UP;
    b->said[0] = 0;
    backoff_up(&b->backoff, b->config.loop);
    b->pinged_ms = 0;
    b->flying_max = c->receive_max;
    b->packet_max = c->packet_max;
    b->retain_available = c->retain_available;
    if (c->qos_max < b->qos_max)
        log_warn("broker allows less host=%s qos=%u", b->config.host, c->qos_max);
    b->qos_max = c->qos_max;
    if (c->keep_alive_s)
        b->keep_alive_s = c->keep_alive_s;
    loop_timer_start(b->config.loop, &b->timer, b->keep_alive_s * 500ull, on_ping_time, b);
    log_info("broker connected host=%s port=%d client=%s version=%s peer=%s", b->config.host,
             b->config.port, b->config.client_id, b->config.v5 ? "5" : "3.1.1",
             stream_peer(b->stream));
    broker_subscribe(b);
    broker_window_again(&b->window, c->session_present);
    pump(b);
    if (b->config.events->on_connected)
        b->config.events->on_connected(b->config.arg);
}

static enum status on_connack(struct broker *b, const struct mqtt_packet *p)
{
    struct mqtt5_connack c;
    if (b->state != BROKER_SIGNING_IN || take_connack(b, p->body, &c) != OK)
        return BAD_FORMAT;
    if (c.reason) {
        broker_say(b, "refused the connection", c.reason, c.reason_text);
        return UNAUTHORIZED;
    }
    bool clears = b->fresh && !b->config.v5;
    b->fresh = false;
    if (clears) { /* in 3.1.1 a session that begins empty also ends with its connection */
        b->backoff.attempts = 0;
        mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(b->stream));
        stream_flush(b->stream);
        return CLOSED;
    }
    come_up(b, &c);
    return OK;
}

static enum status on_disconnect(struct broker *b, const struct mqtt_packet *p)
{
    struct mqtt5_ack a;
    if (!b->config.v5 || mqtt5_disconnect_decode(p->body, &a) != OK)
        return BAD_FORMAT;
    broker_say(b, "ends the connection", a.reason, a.reason_text);
    return CLOSED;
}

static enum status packet(struct broker *b, const struct mqtt_packet *p)
{
    switch (p->type) {
    case MQTT_CONNACK:
        return on_connack(b, p);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        return on_ack(b, p);
    case MQTT_DISCONNECT:
        return on_disconnect(b, p);
    case MQTT_PUBLISH:
        return b->state == BROKER_UP ? broker_down(b, p) : BAD_FORMAT;
    case MQTT_SUBACK:
        return broker_suback(b, p);
    case MQTT_PINGRESP:
        return OK;
    default:
        return BAD_FORMAT;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct broker *b = arg;
    struct mqtt_packet p;
    enum status s = OK;
    b->heard_ms = loop_now_ms(b->config.loop);
    enter(b);
    while (s == OK && !b->freed && (s = mqtt_framer_next(&b->framer, &bytes, &p)) == OK)
        s = packet(b, &p);
    if (s != OK && s != AGAIN && !b->freed)
        end_link(b, s == BAD_FORMAT || s == TOO_LARGE ? PEER_FAILED : s);
    if (!b->freed)
        tell(b, false);
    if (!b->freed)
        pump(b);
    leave(b);
}

/* ---- connecting, again and again ---- */

static void on_late(void *arg)
{
    end_link(arg, TIMED_OUT);
}

static void on_open(void *arg)
{
    struct broker *b = arg;
    const struct broker_config *k = &b->config;
    struct mqtt_connect c = {
        .client_id = slice_of(k->client_id),
        .username = slice_of(k->username),
        .password = slice_of(k->password),
        .has_username = k->username || (k->password && !k->v5),
        .has_password = k->password != NULL,
        .keep_alive_s = b->keep_alive_s,
        .clean_session = b->fresh,
    };
    if (k->v5)
        mqtt5_connect_encode(&c, BROKER_SESSION_S, stream_out(b->stream));
    else
        mqtt_connect_encode(&c, stream_out(b->stream));
    stream_flush(b->stream);
    b->state = BROKER_SIGNING_IN;
    loop_timer_start(k->loop, &b->timer, SIGN_IN_MS, on_late, b);
}

static void on_drain(void *arg)
{
    pump(arg);
}

static void connect_again(struct broker *b);

static void log_end(struct broker *b, bool was_up, enum status why)
{
    bool expected = why == CLOSED && !was_up; /* a session was cleared */
    char said[sizeof b->said];
    snprintf(said, sizeof said, "end %d %d", was_up, (int)why);
    if (expected || why == UNAUTHORIZED || strcmp(said, b->said) == 0)
        return;
    if (b->said[0] == 0 || was_up || strncmp(b->said, "end", 3) == 0)
        memcpy(b->said, said, sizeof said);
    log_line(was_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s host=%s port=%d status=%s",
             was_up ? "broker disconnected" : "broker could not be connected", b->config.host,
             b->config.port, status_name(why));
}

static void on_close(void *arg, enum status stream_why)
{
    struct broker *b = arg;
    enum status why = b->why != OK ? b->why : stream_why;
    bool was_up = backoff_down(&b->backoff, b->config.loop);
    enter(b);
    if (stream_why == UNAUTHORIZED && b->why == OK)
        log_error("broker's certificate is not trusted host=%s port=%d", b->config.host,
                  b->config.port);
    else
        log_end(b, was_up, why);
    b->stream = NULL;
    b->why = OK;
    b->state = BROKER_WAITING;
    mqtt_framer_clear(&b->framer);
    connect_again(b);
    leave(b);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void on_attempt(void *arg)
{
    struct broker *b = arg;
    b->state = BROKER_CONNECTING;
    b->why = OK;
    mqtt_framer_init(&b->framer, b->config.filter ? BROKER_INCOMING_MAX : PACKET_MAX);
    b->stream = stream_connect(&(struct connect_config){.loop = b->config.loop,
                                                        .host = b->config.host,
                                                        .port = b->config.port,
                                                        .tls = b->config.tls,
                                                        .quiet = b->backoff.attempts > 1},
                               &events, b);
}

static void connect_again(struct broker *b)
{
    loop_timer_start(b->config.loop, &b->timer, backoff_next_ms(&b->backoff, b->config.loop),
                     on_attempt, b);
}

/* ---- life ---- */

static const char *copy(struct broker *b, const char *text)
{
    return text ? arena_text(&b->arena, slice_of(text)) : NULL;
}

struct broker *broker_new(const struct broker_config *config)
{
    struct broker *b = MEMORY_NEW(struct broker);
    b->config = *config;
    b->config.host = copy(b, config->host);
    b->config.client_id = copy(b, config->client_id);
    b->config.filter = copy(b, config->filter);
    b->config.username = copy(b, config->username);
    b->config.password = copy(b, config->password);
    b->keep_alive_s = config->keep_alive_s ? config->keep_alive_s : KEEP_ALIVE_S;
    b->fresh = true;
    b->flying_max = b->packet_max = UINT32_MAX;
    b->qos_max = 2;
    b->retain_available = true;
    loop_timer_start(config->loop, &b->timer, 0, on_attempt, b);
    return b;
}

static void on_nothing(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_gone(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events goodbye = {.on_data = on_nothing, .on_close = on_gone};

static void dispose(struct broker *b)
{
    mqtt_framer_clear(&b->framer);
    broker_window_clear(&b->window);
    arena_clear(&b->arena);
    free(b);
}

void broker_free(struct broker **broker)
{
    struct broker *b = *broker;
    *broker = NULL;
    if (b == NULL || b->freed)
        return;
    enter(b);
    b->freed = true;
    if (b->stream) {
        if (b->state == BROKER_UP)
            mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(b->stream));
        stream_flush(b->stream);
        stream_events(b->stream, &goodbye, NULL);
        stream_close(b->stream);
        b->stream = NULL;
    }
    b->state = BROKER_WAITING;
    loop_timer_stop(&b->timer);
    loop_timer_stop(&b->told);
    tell(b, true);
    leave(b);
}

bool broker_connected(const struct broker *b)
{
    return b->state == BROKER_UP;
}
