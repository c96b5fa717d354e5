#include "client/device.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/device_private.h"
#include "mqtt/publish.h"
#include "mqtt/text.h"

#define BACKOFF_MS_MIN 250
#define BACKOFF_MS_MAX 30000
#define LASTED_MS 30000 /* a link that was up for so long makes the back-off start anew */
#define UNSENT_BYTES_MAX (4u << 20) /* that a hub does not read, while it sends */

static void dispose(struct device_client *c);

void device_enter(struct device_client *c)
{
    c->busy++;
}

void device_leave(struct device_client *c)
{
    if (--c->busy == 0 && c->freed)
        dispose(c);
}

/* ---- sending ---- */

void device_publish(struct device_client *c, struct slice payload)
{
    if (c->topic.len > MQTT_TEXT_MAX)
        return;
    struct mqtt_publish m = {.topic = buffer_slice(&c->topic), .payload = payload};
    mqtt_publish_encode(&m, stream_out(c->stream));
    stream_flush(c->stream);
}

/* What is in the window goes as far as the peer takes it; on_drain goes on. */
void device_pump(struct device_client *c)
{
    if (c->state < DEVICE_SUBSCRIBING || !c->stream)
        return;
    struct slice packet;
    while (stream_unsent(c->stream) <= STREAM_HIGH_BYTES &&
           (packet = device_window_next(&c->window)).len)
        stream_write(c->stream, packet);
}

static bool properties_ok(const struct iot_message *m)
{
    const struct slice texts[] = {m->user_id, m->to,      m->content_type, m->content_encoding,
                                  m->output,  m->subject, m->interface_id, m->schema};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!mqtt_text_ok(texts[i]))
            return false;
    if (m->message_id_type == IOT_MESSAGE_ID_STRING && !mqtt_text_ok(m->message_id))
        return false;
    if (m->correlation_id_type == IOT_MESSAGE_ID_STRING && !mqtt_text_ok(m->correlation_id))
        return false;
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        if (!mqtt_text_ok(name) || !mqtt_text_ok(value))
            return false;
    return true;
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    if (m->body.len + m->properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    if (!properties_ok(m))
        return BAD_ARGUMENT;
    buffer_reset(&c->topic);
    buffer_put(&c->topic, c->base);
    buffer_text(&c->topic, "messages/events/");
    iot_bag_encode(m, &c->topic);
    if (c->topic.len > MQTT_TEXT_MAX)
        return TOO_LARGE;
    if (!device_window_room(&c->window, c->topic.len + m->body.len)) {
        c->refused = true;
        return FULL;
    }
    struct mqtt_publish p = {.topic = buffer_slice(&c->topic),
                             .payload = m->body,
                             .qos = MQTT_QOS_1,
                             .packet_id = device_window_id(&c->window)};
    struct buffer packet = {0};
    mqtt_publish_encode(&p, &packet);
    device_window_push(&c->window, &packet, token);
    device_pump(c);
    return OK;
}

/* ---- what the hub acknowledges ---- */

static void tell_sent(struct device_client *c, bool any, enum status why)
{
    uint64_t token;
    while (device_window_pop(&c->window, any, &token))
        if (c->config.events->on_sent)
            c->config.events->on_sent(c->config.arg, token, why);
}

void device_client_recall(struct device_client *c)
{
    device_enter(c);
    tell_sent(c, true, CANCELLED);
    device_leave(c);
}

/* Not at the first free place: who waits then gets a batch. */
static void tell_room(struct device_client *c)
{
    bool roomy = device_window_count(&c->window) <= DEVICE_CLIENT_WINDOW / 4 * 3 &&
                 c->window.bytes <= DEVICE_CLIENT_WINDOW_BYTES / 4 * 3;
    if (!c->refused || !roomy || c->freed)
        return;
    c->refused = false;
    if (c->config.events->on_room)
        c->config.events->on_room(c->config.arg);
}

static enum status on_puback(struct device_client *c, const struct mqtt_packet *p)
{
    uint16_t id;
    if (c->state < DEVICE_SUBSCRIBING || mqtt_packet_id_decode(p->body, &id) != OK)
        return BAD_FORMAT;
    device_window_ack(&c->window, id); /* a late one of before the reconnection is no error */
    tell_sent(c, false, OK);
    return OK;
}

/* ---- reading ---- */

static enum status packet(struct device_client *c, const struct mqtt_packet *p)
{
    switch (p->type) {
    case MQTT_PUBLISH:
        return c->state < DEVICE_SUBSCRIBING ? BAD_FORMAT : device_down(c, p);
    case MQTT_PUBACK:
        return on_puback(c, p);
    case MQTT_CONNACK:
        return device_connack(c, p);
    case MQTT_SUBACK:
        return device_suback(c, p);
    case MQTT_PINGRESP:
        return OK;
    default:
        return BAD_FORMAT;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct device_client *c = arg;
    c->heard_ms = loop_now_ms(c->config.loop);
    device_enter(c);
    struct mqtt_packet p;
    enum status s = OK;
    while (s == OK && !c->freed && (s = mqtt_framer_next(&c->framer, &bytes, &p)) == OK)
        s = packet(c, &p);
    if (s != OK && s != AGAIN && !c->freed)
        device_link_end(c, s == BAD_FORMAT || s == TOO_LARGE ? PEER_FAILED : s);
    if (!c->freed && c->stream && stream_unsent(c->stream) > UNSENT_BYTES_MAX)
        device_link_end(c, PEER_FAILED);
    tell_room(c);
    device_leave(c);
}

static void on_drain(void *arg)
{
    device_pump(arg);
}

/* ---- connecting, again and again ---- */

static void connect_again(struct device_client *c);

void device_link_end(struct device_client *c, enum status why)
{
    c->why = why;
    if (c->stream)
        stream_abort(c->stream, why);
}

static void on_close(void *arg, enum status stream_why)
{
    struct device_client *c = arg;
    enum status why = c->why != OK ? c->why : stream_why;
    bool was_up = c->state == DEVICE_UP;
    device_enter(c);
    if (was_up && loop_now_ms(c->config.loop) - c->up_since_ms >= LASTED_MS)
        c->attempts = 0;
    log_line(was_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s device=%s module=%s status=%s",
             was_up ? "hub disconnected" : "hub could not be connected", device_who(c),
             device_who_module(c), status_name(why));
    c->stream = NULL;
    c->why = OK;
    c->state = DEVICE_WAITING;
    mqtt_framer_clear(&c->framer);
    loop_timer_stop(&c->renewal);
    device_methods_forget(c);
    connect_again(c);
    device_twin_fail(c, OFFLINE);
    if (was_up && !c->freed && c->config.events->on_disconnected)
        c->config.events->on_disconnected(c->config.arg, why);
    device_leave(c);
}

static const struct stream_events events = {
    .on_open = device_hello, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void on_attempt_time(void *arg)
{
    struct device_client *c = arg;
    c->state = DEVICE_CONNECTING;
    c->why = OK;
    mqtt_framer_init(&c->framer, DEVICE_PACKET_MAX);
    c->stream = stream_connect(
        &(struct connect_config){
            .loop = c->config.loop,
            .host = c->config.host,
            .port = c->config.port,
            .tls = c->config.tls,
        },
        &events, c);
}

/* Twice as long with every attempt, and half of it by chance: those who lost the hub together do
 * not come back together. */
static uint64_t backoff_ms(struct device_client *c)
{
    uint64_t most = BACKOFF_MS_MAX;
    if (c->attempts < 7)
        most = BACKOFF_MS_MIN << c->attempts;
    most = most < BACKOFF_MS_MAX ? most : BACKOFF_MS_MAX;
    return most / 2 + loop_random_u64(c->config.loop) % (most / 2 + 1);
}

static void connect_again(struct device_client *c)
{
    uint64_t wait_ms = backoff_ms(c);
    c->attempts++;
    loop_timer_start(c->config.loop, &c->timer, wait_ms, on_attempt_time, c);
}

/* ---- life ---- */

static const char *copy(struct device_client *c, const char *text)
{
    return text ? arena_text(&c->arena, slice_of(text)) : NULL;
}

static void copy_config(struct device_client *c, const struct device_client_config *config)
{
    struct device_client_config *k = &c->config;
    *k = *config;
    k->host = copy(c, config->host);
    k->hub_host = copy(c, config->hub_host ? config->hub_host : config->host);
    k->device_id = copy(c, config->device_id);
    k->module_id = copy(c, config->module_id);
    k->key = copy(c, config->key);
    k->auth_chain = copy(c, config->auth_chain);
    k->actor_device_id = copy(c, config->actor_device_id);
    k->actor_module_id = copy(c, config->actor_module_id);
    k->product = copy(c, config->product ? config->product : "millrace/" MILLRACE_VERSION);
}

struct device_client *device_client_new(const struct device_client_config *config)
{
    struct device_client *c = MEMORY_NEW(struct device_client);
    copy_config(c, config);
    const char *module = c->config.module_id;
    c->base = slice_of(arena_printf(&c->arena, "devices/%s%s%s/", c->config.device_id,
                                    module ? "/modules/" : "", module ? module : ""));
    device_window_init(&c->window);
    list_init(&c->twin_requests);
    c->state = DEVICE_WAITING;
    loop_timer_start(c->config.loop, &c->timer, 0, on_attempt_time, c);
    return c;
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

/* The stream says goodbye by itself, and knows the client no more. */
static void let_go(struct device_client *c)
{
    struct stream *s = c->stream;
    c->stream = NULL;
    if (s == NULL)
        return;
    if (c->state >= DEVICE_SUBSCRIBING) {
        mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(s));
        stream_flush(s);
    }
    stream_events(s, &goodbye, NULL);
    stream_close(s);
}

static void dispose(struct device_client *c)
{
    mqtt_framer_clear(&c->framer);
    device_window_clear(&c->window);
    iot_bag_clear(&c->bag);
    buffer_clear(&c->scratch);
    buffer_clear(&c->topic);
    device_methods_forget(c);
    free(c->methods);
    arena_clear(&c->arena);
    free(c);
}

void device_client_free(struct device_client **client)
{
    struct device_client *c = *client;
    *client = NULL;
    if (c == NULL || c->freed)
        return;
    device_enter(c);
    c->freed = true;
    let_go(c);
    c->state = DEVICE_WAITING;
    loop_timer_stop(&c->timer);
    loop_timer_stop(&c->renewal);
    tell_sent(c, true, CANCELLED);
    device_twin_fail(c, CANCELLED);
    device_leave(c);
}

bool device_client_connected(const struct device_client *c)
{
    return c->state == DEVICE_UP;
}
