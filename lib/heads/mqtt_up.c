/* What a device sends once it is signed in. */
#include "base/log.h"
#include "heads/mqtt_connection.h"
#include "mqtt/subscribe.h"
#include "mqtt/text.h"

/* ---- telemetry ---- */

static uint64_t token_of(const struct heads_mqtt_connection *c, uint32_t sequence)
{
    return (uint64_t)c->serial << 32 | sequence;
}

/* What Azure's hub adds to the application properties. */
static void put_marks(struct heads_mqtt_connection *c, bool retain, bool is_will,
                      struct iot_message *m)
{
    struct buffer *list = &c->bag.properties;
    if (retain)
        (void)iot_property_put(list, SLICE("mqtt-retain"), SLICE("true"));
    if (is_will)
        (void)iot_property_put(list, SLICE("iothub-MessageType"), SLICE("Will"));
    m->properties = buffer_slice(list);
}

enum status heads_mqtt_telemetry(struct heads_mqtt_connection *c, const struct mqtt_publish *p,
                                 struct slice bag, bool is_will)
{
    struct iot_message m = {.body = p->payload};
    enum status s = iot_bag_decode(bag, &c->bag, &m);
    if (s != OK)
        return s;
    if (c->bag.text.len && !mqtt_text_ok(buffer_slice(&c->bag.text)))
        return BAD_FORMAT; /* it would break every reader of the stream */
    put_marks(c, p->retain, is_will, &m);
    if (m.body.len + m.properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    uint32_t sequence = heads_mqtt_answers_push(&c->answers, p->packet_id);
    s = heads_mqtt_ops(c)->telemetry(c->device, &m, token_of(c, sequence));
    if (s != OK)
        heads_mqtt_answers_undo(&c->answers);
    return s;
}

static void telemetry(struct heads_mqtt_connection *c, const struct mqtt_publish *m,
                      const struct heads_mqtt_topic *t)
{
    enum status s = heads_mqtt_telemetry(c, m, t->bag, false);
    if (s == FULL)
        c->full = true;
    else if (s != OK)
        heads_mqtt_end(c, s, "message refused"); /* MQTT 3.1.1 has no other way to say no */
}

/* ---- the other topics ---- */

/* What the hub itself consumes is done when it was read; its PUBACK keeps its place all the same.
 */
static void acknowledge(struct heads_mqtt_connection *c, uint16_t packet_id)
{
    if (packet_id == 0)
        return;
    uint32_t sequence = heads_mqtt_answers_push(&c->answers, packet_id);
    heads_mqtt_answers_done(&c->answers, sequence, stream_out(c->stream));
}

static void method_reply(struct heads_mqtt_connection *c, const struct mqtt_publish *m,
                         const struct heads_mqtt_topic *t)
{
    acknowledge(c, m->packet_id);
    heads_mqtt_method_reply(c, t, m->payload);
}

static void twin(struct heads_mqtt_connection *c, const struct mqtt_publish *m,
                 const struct heads_mqtt_topic *t)
{
    acknowledge(c, m->packet_id);
    heads_mqtt_twin_ask(c, t, m->payload);
}

typedef void topic_handler(struct heads_mqtt_connection *c, const struct mqtt_publish *m,
                           const struct heads_mqtt_topic *t);

static topic_handler *const topics[] = {
    [HEADS_MQTT_TELEMETRY] = telemetry,
    [HEADS_MQTT_METHOD_REPLY] = method_reply,
    [HEADS_MQTT_TWIN_GET] = twin,
    [HEADS_MQTT_TWIN_REPORT] = twin,
};

/* A topic for the log: the start of it, and nothing that could break a line. */
static void log_topic(struct heads_mqtt_connection *c, struct slice topic)
{
    char text[65] = "";
    for (size_t i = 0; i < topic.len && i < sizeof text - 1; i++)
        text[i] =
            topic.at[i] > ' ' && topic.at[i] < 0x7f && topic.at[i] != '"' ? (char)topic.at[i] : '_';
    log_warn("mqtt topic not known device=" HEADS_MQTT_WHO " topic=%s", HEADS_MQTT_WHO_OF(c), text);
}

static void publish(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    struct heads_mqtt_topic t;
    if (mqtt_publish_decode(p->flags, p->body, &m) != OK) {
        heads_mqtt_end(c, BAD_FORMAT, "broken PUBLISH");
    } else if (m.qos > MQTT_QOS_1) {
        heads_mqtt_end(c, UNSUPPORTED, "PUBLISH of QoS 2");
    } else if (heads_mqtt_topic_parse(m.topic, buffer_slice(&c->base), &t) != OK) {
        log_topic(c, m.topic);
        heads_mqtt_end(c, BAD_ARGUMENT, "PUBLISH to a topic that is not known");
    } else {
        topics[t.kind](c, &m, &t);
    }
}

/* ---- subscriptions ---- */

static const struct {
    bool has_feature;
    enum heads_feature feature;
} features[HEADS_MQTT_FILTER_COUNT] = {
    [HEADS_MQTT_METHODS] = {true, HEADS_METHODS},
    [HEADS_MQTT_DESIRED] = {true, HEADS_DESIRED},
    [HEADS_MQTT_DEVICEBOUND] = {true, HEADS_C2D},
    [HEADS_MQTT_INPUTS] = {true, HEADS_INPUTS},
};

static void subscription(struct heads_mqtt_connection *c, enum heads_mqtt_filter f, bool on)
{
    bool changed = c->subscribed[f] != on;
    c->subscribed[f] = on;
    if (changed && features[f].has_feature && c->state == HEADS_MQTT_READY)
        heads_mqtt_ops(c)->subscribe(c->device, features[f].feature, on);
    if (changed && on && (f == HEADS_MQTT_DEVICEBOUND || f == HEADS_MQTT_INPUTS))
        heads_mqtt_deliver_begin(c, f);
}

/* ---- the session that outlives the connection: of all subscriptions the one to messages, as in
 * Azure, with its QoS ---- */

static void keep(struct heads_mqtt_connection *c, unsigned what)
{
    if (c->session.kept != what)
        heads_mqtt_ops(c)->keep(c->device, what);
    c->session.kept = what;
}

static void keep_subscription(struct heads_mqtt_connection *c)
{
    if (!c->clean && c->state == HEADS_MQTT_READY)
        keep(c, c->subscribed[HEADS_MQTT_DEVICEBOUND] ? 1u + c->qos[HEADS_MQTT_DEVICEBOUND] : 0);
}

void heads_mqtt_restore(struct heads_mqtt_connection *c)
{
    if (c->clean) {
        keep(c, 0); /* [MQTT-3.1.2-6] */
    } else if (c->session.kept) {
        c->qos[HEADS_MQTT_DEVICEBOUND] = c->session.kept > 1 ? MQTT_QOS_1 : MQTT_QOS_0;
        subscription(c, HEADS_MQTT_DEVICEBOUND, true);
    }
}

/* All filters of a packet must be known before one of them counts. */
static size_t known_filters(struct heads_mqtt_connection *c, struct slice filters,
                            bool (*next)(struct slice *, struct mqtt_filter *),
                            enum heads_mqtt_filter kinds[HEADS_MQTT_FILTERS_MAX],
                            uint8_t codes[HEADS_MQTT_FILTERS_MAX])
{
    struct mqtt_filter f;
    size_t n = 0;
    for (; n < HEADS_MQTT_FILTERS_MAX && next(&filters, &f); n++) {
        if (heads_mqtt_topic_filter(f.topic, buffer_slice(&c->base), &kinds[n]) != OK) {
            log_topic(c, f.topic);
            return 0;
        }
        codes[n] = f.qos == MQTT_QOS_0 ? MQTT_QOS_0 : MQTT_QOS_1; /* QoS 2 is granted as 1 */
    }
    return filters.len ? 0 : n;
}

static void subscribe(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    struct mqtt_subscribe s;
    enum heads_mqtt_filter kinds[HEADS_MQTT_FILTERS_MAX];
    uint8_t codes[HEADS_MQTT_FILTERS_MAX];
    if (mqtt_subscribe_decode(p->body, &s) != OK) {
        heads_mqtt_end(c, BAD_FORMAT, "broken SUBSCRIBE");
        return;
    }
    size_t n = known_filters(c, s.filters, mqtt_subscribe_next, kinds, codes);
    if (n == 0) {
        heads_mqtt_end(c, BAD_ARGUMENT, "SUBSCRIBE to a topic that is not known, or to too many");
        return;
    }
    mqtt_suback_encode(s.packet_id, slice_from(codes, n), stream_out(c->stream));
    for (size_t i = 0; i < n; i++) {
        c->qos[kinds[i]] = codes[i];
        subscription(c, kinds[i], true);
    }
    keep_subscription(c);
}

static void unsubscribe(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    struct mqtt_subscribe s;
    struct mqtt_filter f;
    enum heads_mqtt_filter kind;
    if (mqtt_unsubscribe_decode(p->body, &s) != OK || s.count > HEADS_MQTT_FILTERS_MAX) {
        heads_mqtt_end(c, BAD_FORMAT, "broken UNSUBSCRIBE");
        return;
    }
    mqtt_packet_id_encode(MQTT_UNSUBACK, s.packet_id, stream_out(c->stream)); /* [MQTT-3.10.4-5] */
    while (mqtt_unsubscribe_next(&s.filters, &f))
        if (heads_mqtt_topic_filter(f.topic, buffer_slice(&c->base), &kind) == OK)
            subscription(c, kind, false);
    keep_subscription(c);
}

/* ---- the small packets ---- */

static void puback(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    uint16_t id;
    if (mqtt_packet_id_decode(p->body, &id) == OK)
        heads_mqtt_puback(c, id);
    else
        heads_mqtt_end(c, BAD_FORMAT, "broken PUBACK");
}

static void ping(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    if (p->body.len)
        heads_mqtt_end(c, BAD_FORMAT, "broken PINGREQ");
    else
        mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(c->stream));
}

static void disconnect(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    (void)p;
    c->said_goodbye = true; /* [MQTT-3.14.4-3] */
    heads_mqtt_end_gently(c, CLOSED, "DISCONNECT");
}

typedef void packet_handler(struct heads_mqtt_connection *c, const struct mqtt_packet *p);

static packet_handler *const packets[16] = {
    [MQTT_PUBLISH] = publish,         [MQTT_PUBACK] = puback, [MQTT_SUBSCRIBE] = subscribe,
    [MQTT_UNSUBSCRIBE] = unsubscribe, [MQTT_PINGREQ] = ping,  [MQTT_DISCONNECT] = disconnect,
};

void heads_mqtt_up(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    if (packets[p->type])
        packets[p->type](c, p);
    else /* a second CONNECT [MQTT-3.1.0-2], QoS 2's packets, a server's packets */
        heads_mqtt_end(c, BAD_FORMAT, "a packet that a device does not send");
}
