/* What the backend says by itself: acknowledgements, methods, desired properties, messages. */
#include <stdlib.h>

#include "base/memory.h"
#include "heads/mqtt_connection.h"
#include "mqtt/text.h"

static struct heads_mqtt_connection *of(struct heads_session *s)
{
    return (struct heads_mqtt_connection *)s;
}

enum status heads_mqtt_down(struct heads_mqtt_connection *c, struct slice payload,
                            uint16_t packet_id)
{
    if (c->state != HEADS_MQTT_READY || stream_unsent(c->stream) > HEADS_MQTT_UNSENT_MAX)
        return OFFLINE;
    if (c->topic.len > MQTT_TEXT_MAX)
        return TOO_LARGE;
    struct mqtt_publish m = {.topic = buffer_slice(&c->topic),
                             .payload = payload,
                             .packet_id = packet_id,
                             .qos = packet_id ? MQTT_QOS_1 : MQTT_QOS_0};
    mqtt_publish_encode(&m, stream_out(c->stream));
    stream_flush(c->stream);
    return OK;
}

/* ---- acknowledgements ---- */

static void accepted(struct heads_session *s, uint64_t token, enum status why)
{
    struct heads_mqtt_connection *c = of(s);
    if (c->state != HEADS_MQTT_READY || token >> 32 != c->serial)
        return;
    if (why != OK) {
        heads_mqtt_end(c, why, "message was not stored");
        return;
    }
    heads_mqtt_answers_done(&c->answers, (uint32_t)token, stream_out(c->stream));
    stream_flush(c->stream);
    /* In bulk: reading on after every single answer would be a packet a turn. */
    if (c->paused && heads_mqtt_answers_count(&c->answers) <= HEADS_MQTT_UNANSWERED_MAX / 2)
        heads_mqtt_read_on(c);
}

static void resume(struct heads_session *s)
{
    struct heads_mqtt_connection *c = of(s);
    c->full = false;
    heads_mqtt_read_on(c);
}

/* ---- desired properties ---- */

static void desired(struct heads_session *s, struct slice patch, uint64_t version)
{
    struct heads_mqtt_connection *c = of(s);
    if (!c->subscribed[HEADS_MQTT_DESIRED])
        return;
    buffer_reset(&c->topic);
    buffer_printf(&c->topic, "$iothub/twin/PATCH/properties/desired/?$version=%llu",
                  (unsigned long long)version);
    if (heads_mqtt_down(c, patch, 0) != OK)
        heads_mqtt_end(c, FULL, "the device does not read");
}

/* ---- methods: the backend's id never goes on the wire, so no device can answer another's call
 * ---- */

static void method(struct heads_session *s, uint64_t rid, struct slice name, struct slice payload)
{
    struct heads_mqtt_connection *c = of(s);
    if (!c->subscribed[HEADS_MQTT_METHODS] || !mqtt_text_ok(name)) {
        if (c->device)
            heads_mqtt_ops(c)->method_reply(c->device, rid, 400, (struct slice){0});
        return;
    }
    buffer_reset(&c->topic);
    buffer_text(&c->topic, "$iothub/methods/POST/");
    buffer_put(&c->topic, name);
    buffer_printf(&c->topic, "/?$rid=%x", heads_calls_note(&c->calls, rid));
    if (heads_mqtt_down(c, payload, 0) != OK)
        heads_mqtt_end(c, FULL, "the device does not read");
}

static uint32_t parse_hex(struct slice text)
{
    uint32_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i] | 0x20; /* some clients answer in capitals */
        bool digit = c >= '0' && c <= '9';
        if (text.len > 8 || (!digit && (c < 'a' || c > 'f')))
            return 0;
        v = v << 4 | (uint32_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return v;
}

/* An answer that nobody waits for any more is no error of the device. */
void heads_mqtt_method_reply(struct heads_mqtt_connection *c, const struct heads_mqtt_topic *t,
                             struct slice payload)
{
    uint64_t rid;
    if (heads_calls_take(&c->calls, parse_hex(t->rid), &rid))
        heads_mqtt_ops(c)->method_reply(c->device, rid, t->status, payload);
}

/* ---- messages: C2D and a module's inputs ---- */

struct heads_mqtt_delivery {
    uint64_t token;
    enum heads_mqtt_filter filter;
    uint16_t packet_id; /* 0: free */
};

static struct heads_mqtt_delivery *delivery(struct heads_mqtt_connection *c, uint16_t packet_id)
{
    if (c->deliveries == NULL)
        c->deliveries = memory_new(HEADS_MQTT_DELIVERIES_MAX * sizeof *c->deliveries);
    return &c->deliveries[packet_id % HEADS_MQTT_DELIVERIES_MAX];
}

/* What its sender wants to be told stands in the bag, where the device may read it. */
static void put_ack(struct buffer *topic, struct slice ack)
{
    if (ack.len == 0)
        return;
    if (topic->at[topic->len - 1] != '/')
        buffer_u8(topic, '&');
    buffer_text(topic, "iothub-ack=");
    buffer_put(topic, ack);
}

static void message_topic(struct heads_mqtt_connection *c, const struct heads_delivery *d)
{
    const struct iot_message *m = d->message;
    buffer_reset(&c->topic);
    buffer_put(&c->topic, buffer_slice(&c->base));
    if (m->input.len) {
        buffer_text(&c->topic, "inputs/");
        buffer_put(&c->topic, m->input);
        buffer_u8(&c->topic, '/');
    } else {
        buffer_text(&c->topic, "messages/devicebound/");
    }
    iot_bag_encode(m, &c->topic);
    put_ack(&c->topic, d->ack);
}

static enum heads_mqtt_filter filter_of(const struct iot_message *m)
{
    return m->input.len ? HEADS_MQTT_INPUTS : HEADS_MQTT_DEVICEBOUND;
}

/* The next packet id whose place is free; NULL when none is. */
static struct heads_mqtt_delivery *free_place(struct heads_mqtt_connection *c, uint16_t *id)
{
    for (int tries = 0; tries <= HEADS_MQTT_DELIVERIES_MAX; tries++) {
        *id = (uint16_t)(c->next_delivery + 1);
        *id += *id == 0; /* [MQTT-2.3.1-1] */
        c->next_delivery = *id;
        struct heads_mqtt_delivery *d = delivery(c, *id);
        if (d->packet_id == 0)
            return d;
    }
    return NULL;
}

/* OK: the device acknowledges it later, or (QoS 0) is not asked to. */
static enum status deliver(struct heads_mqtt_connection *c, const struct heads_delivery *given,
                           bool *acknowledged)
{
    const struct iot_message *m = given->message;
    enum heads_mqtt_filter f = filter_of(m);
    if (!c->subscribed[f] || !mqtt_text_ok(m->input))
        return OFFLINE;
    message_topic(c, given);
    if (c->qos[f] == MQTT_QOS_0)
        return heads_mqtt_down(c, m->body, 0);
    uint16_t id;
    struct heads_mqtt_delivery *d = free_place(c, &id);
    if (d == NULL)
        return FULL;
    enum status s = heads_mqtt_down(c, m->body, id);
    if (s != OK)
        return s;
    *d = (struct heads_mqtt_delivery){given->token, f, id};
    *acknowledged = true;
    return OK;
}

/* Its place is free for the next one. */
static void allow_more(struct heads_mqtt_connection *c, enum heads_mqtt_filter f, uint32_t more)
{
    enum heads_feature feature = f == HEADS_MQTT_INPUTS ? HEADS_INPUTS : HEADS_C2D;
    if (more && c->subscribed[f] && c->state == HEADS_MQTT_READY)
        heads_mqtt_ops(c)->allow(c->device, feature, more);
}

/* What can never be sent is rejected; what the device does not read now is given back, and its place
 * is held until it reads again. */
static void message(struct heads_session *s, const struct heads_delivery *d)
{
    struct heads_mqtt_connection *c = of(s);
    enum heads_mqtt_filter f = filter_of(d->message);
    bool acknowledged = false;
    enum status why = deliver(c, d, &acknowledged);
    if (c->device == NULL || (why == OK && acknowledged))
        return;
    bool again = why != OK && why != TOO_LARGE;
    heads_mqtt_ops(c)->delivered(c->device, d->token,
                                 why == OK           ? HEADS_COMPLETE
                                 : why == TOO_LARGE ? HEADS_REJECT
                                                    : HEADS_RETURN);
    if (again)
        c->returned[f]++;
    else
        allow_more(c, f, 1);
}

void heads_mqtt_deliver_on(struct heads_mqtt_connection *c)
{
    for (enum heads_mqtt_filter f = HEADS_MQTT_DEVICEBOUND; f <= HEADS_MQTT_INPUTS; f++) {
        uint32_t more = c->returned[f];
        c->returned[f] = 0;
        allow_more(c, f, more);
    }
}

void heads_mqtt_deliver_begin(struct heads_mqtt_connection *c, enum heads_mqtt_filter f)
{
    c->returned[f] = 0;
    uint32_t under_way = 0;
    for (int i = 0; c->deliveries && i < HEADS_MQTT_DELIVERIES_MAX; i++)
        under_way += c->deliveries[i].packet_id && c->deliveries[i].filter == f;
    allow_more(c, f, HEADS_MQTT_DELIVERIES_MAX - under_way);
}

void heads_mqtt_puback(struct heads_mqtt_connection *c, uint16_t packet_id)
{
    struct heads_mqtt_delivery *d = c->deliveries ? delivery(c, packet_id) : NULL;
    if (d == NULL || d->packet_id != packet_id)
        return;
    d->packet_id = 0;
    heads_mqtt_ops(c)->delivered(c->device, d->token, HEADS_COMPLETE);
    allow_more(c, d->filter, 1);
}

void heads_mqtt_down_clear(struct heads_mqtt_connection *c)
{
    heads_calls_clear(&c->calls);
    free(c->deliveries);
}

/* ---- the end ---- */

static const char *close_reason(enum status why)
{
    switch (why) {
    case REPLACED:
        return "a newer connection of the same identity";
    case UNAUTHORIZED:
        return "token expired or identity changed";
    default:
        return "closed by the server";
    }
}

/* Signs out before it returns: the backend may forget the session. */
static void close_session(struct heads_session *s, enum status why)
{
    struct heads_mqtt_connection *c = of(s);
    heads_mqtt_end(c, why, close_reason(why));
    heads_mqtt_leave(c);
}

const struct heads_session_ops heads_mqtt_session_ops = {
    .signed_in = heads_mqtt_signed_in,
    .accepted = accepted,
    .resume = resume,
    .twin = heads_mqtt_twin,
    .reported = heads_mqtt_reported,
    .desired = desired,
    .method = method,
    .message = message,
    .close = close_session,
};
