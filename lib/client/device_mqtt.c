/* The transport MQTT, on TCP or a WebSocket. */
#include <stdlib.h>

#include "base/memory.h"
#include "client/device_mqtt_priv.h"
#include "mqtt/publish.h"
#include "mqtt/text.h"
#include "rest/websocket.h"

#define UNSENT_BYTES_MAX (4u << 20) /* that a hub does not read, while it sends */

void device_mqtt_publish(struct device_client *c, struct slice topic, struct slice payload)
{
    struct device_mqtt *l = device_mqtt_of(c);
    if (topic.len > MQTT_TEXT_MAX || l->stream == NULL)
        return;
    mqtt_publish_encode(&(struct mqtt_publish){.topic = topic, .payload = payload},
                        stream_out(l->stream));
    stream_flush(l->stream);
}

/* ---- messages ---- */

static enum status encode(struct device_client *c, const struct iot_message *m, uint16_t id,
                          struct buffer *out)
{
    struct buffer *topic = &c->scratch;
    buffer_reset(topic);
    buffer_put(topic, c->base);
    buffer_text(topic, "messages/events/");
    iot_bag_encode(m, topic);
    if (topic->len > MQTT_TEXT_MAX)
        return TOO_LARGE;
    struct mqtt_publish p = {
        .topic = buffer_slice(topic), .payload = m->body, .qos = MQTT_QOS_1, .packet_id = id};
    if (m->owner)
        mqtt_publish_head_encode(&p, out);
    else
        mqtt_publish_encode(&p, out);
    return OK;
}

static enum status decode(struct device_client *c, struct slice kept, struct iot_message *out)
{
    static const struct slice events = SLICE_INIT("messages/events/");
    struct mqtt_packet packet;
    struct mqtt_publish p;
    if (mqtt_packet_next(&kept, kept.len, &packet) != OK ||
        mqtt_publish_decode(packet.flags, packet.body, &p) != OK)
        return BAD_FORMAT;
    out->body = p.payload;
    return iot_bag_decode(slice_skip(p.topic, c->base.len + events.len), &c->bag, out);
}

/* What is in the window goes as far as the peer takes it; on_drain goes on. */
static void pump(struct device_client *c)
{
    struct device_mqtt *l = device_mqtt_of(c);
    struct device_window_item item;
    if (c->state < DEVICE_SUBSCRIBING || !l->stream)
        return;
    while (stream_unsent(l->stream) <= STREAM_HIGH_BYTES && device_window_next(&c->window, &item)) {
        if (item.again)
            mqtt_publish_set_dup(item.at);
        stream_write(l->stream, slice_from(item.at, item.len));
        stream_write(l->stream, item.rest);
    }
}

/* ---- reading ---- */

static enum status on_puback(struct device_client *c, const struct mqtt_packet *p)
{
    uint16_t id;
    if (c->state < DEVICE_SUBSCRIBING || mqtt_packet_id_decode(p->body, &id) != OK)
        return BAD_FORMAT;
    device_window_ack(&c->window, id); /* a late one of before the reconnection is no error */
    device_tell_sent(c, false, OK);
    return OK;
}

static enum status packet(struct device_client *c, const struct mqtt_packet *p)
{
    switch (p->type) {
    case MQTT_PUBLISH:
        return c->state < DEVICE_SUBSCRIBING ? BAD_FORMAT : device_mqtt_down(c, p);
    case MQTT_PUBACK:
        return on_puback(c, p);
    case MQTT_CONNACK:
        return device_mqtt_connack(c, p);
    case MQTT_SUBACK:
        return device_mqtt_suback(c, p);
    case MQTT_PINGRESP:
        return OK;
    default:
        return BAD_FORMAT;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct device_client *c = arg;
    struct device_mqtt *l = device_mqtt_of(c);
    l->heard_ms = loop_now_ms(c->config.loop);
    device_enter(c);
    struct mqtt_packet p;
    enum status s = OK;
    while (s == OK && !c->freed && (s = mqtt_framer_next(&l->framer, &bytes, &p)) == OK)
        s = packet(c, &p);
    if (s != OK && s != AGAIN && !c->freed)
        device_mqtt_end(c, s == BAD_FORMAT || s == TOO_LARGE ? PEER_FAILED : s);
    if (!c->freed && l->stream && stream_unsent(l->stream) > UNSENT_BYTES_MAX)
        device_mqtt_end(c, PEER_FAILED);
    device_tell_room(c);
    device_leave(c);
}

static void on_drain(void *arg)
{
    pump(arg);
}

/* ---- life ---- */

static void dispose(struct device_client *c)
{
    struct device_mqtt *l = device_mqtt_of(c);
    c->link = NULL;
    loop_timer_stop(&l->timer);
    loop_timer_stop(&l->renewal);
    mqtt_framer_clear(&l->framer);
    free(l);
}

void device_mqtt_end(struct device_client *c, enum status why)
{
    struct device_mqtt *l = device_mqtt_of(c);
    l->why = why;
    if (l->stream)
        stream_abort(l->stream, why);
}

static void on_close(void *arg, enum status stream_why)
{
    struct device_client *c = arg;
    enum status why = device_mqtt_of(c)->why;
    dispose(c);
    device_lost(c, why != OK ? why : stream_why);
}

static const struct stream_events events = {
    .on_open = device_mqtt_hello, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void connect(struct device_client *c)
{
    struct device_mqtt *l = MEMORY_NEW(struct device_mqtt);
    struct connect_config to = device_connect_config(c);
    c->link = l;
    mqtt_framer_init(&l->framer, DEVICE_PACKET_MAX);
    if (device_way(c)->websocket)
        l->stream = rest_websocket_connect(
            &(struct rest_websocket_config){
                .connect = to, .target = DEVICE_WEBSOCKET_TARGET, .protocol = "mqtt"},
            &events, c);
    else
        l->stream = stream_connect(&to, &events, c);
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
static void leave(struct device_client *c)
{
    struct device_mqtt *l = device_mqtt_of(c);
    struct stream *s = l->stream;
    l->stream = NULL;
    loop_timer_stop(&l->timer);
    loop_timer_stop(&l->renewal);
    if (s == NULL)
        return;
    if (c->state >= DEVICE_SUBSCRIBING) {
        mqtt_packet_bare_encode(MQTT_DISCONNECT, stream_out(s));
        stream_flush(s);
    }
    stream_events(s, &goodbye, NULL);
    stream_close(s);
}

/* ---- methods and twins ---- */

static void method_reply(struct device_client *c, struct slice id, int status, struct slice payload)
{
    buffer_reset(&c->scratch);
    buffer_printf(&c->scratch, "$iothub/methods/res/%d/?$rid=%.*s", status, SLICE_FMT(id));
    device_mqtt_publish(c, buffer_slice(&c->scratch), payload);
}

static void ask_twin(struct device_client *c, const char *what, uint32_t rid, struct slice payload)
{
    buffer_reset(&c->scratch);
    buffer_printf(&c->scratch, "$iothub/twin/%s/?$rid=%x", what, rid);
    device_mqtt_publish(c, buffer_slice(&c->scratch), payload);
}

static void twin_get(struct device_client *c, uint32_t rid)
{
    ask_twin(c, "GET", rid, (struct slice){0});
}

static void twin_report(struct device_client *c, uint32_t rid, struct slice patch)
{
    ask_twin(c, "PATCH/properties/reported", rid, patch);
}

const struct device_transport_ops device_mqtt = {
    .answers = true,
    .shares = true,
    .encode = encode,
    .decode = decode,
    .connect = connect,
    .pump = pump,
    .leave = leave,
    .dispose = dispose,
    .method_reply = method_reply,
    .twin_get = twin_get,
    .twin_report = twin_report,
};
