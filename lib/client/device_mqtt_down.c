/* What the hub sends: methods, desired properties, messages. */
#include "client/device_mqtt_priv.h"
#include "iot/status_wire.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

#define SUBSCRIBE_ID 65535 /* outside of the window's ids */

/* ---- subscriptions ---- */

void device_mqtt_subscribe(struct device_client *c)
{
    struct device_mqtt *l = device_mqtt_of(c);
    const struct device_client_events *e = c->config.events;
    struct mqtt_filter filters[4];
    size_t n = 0;
    filters[n++] = (struct mqtt_filter){SLICE("$iothub/twin/res/#"), MQTT_QOS_0};
    if (e->on_method)
        filters[n++] = (struct mqtt_filter){SLICE("$iothub/methods/POST/#"), MQTT_QOS_0};
    if (e->on_desired)
        filters[n++] =
            (struct mqtt_filter){SLICE("$iothub/twin/PATCH/properties/desired/#"), MQTT_QOS_0};
    buffer_reset(&c->scratch);
    buffer_put(&c->scratch, c->base);
    buffer_text(&c->scratch, c->config.module_id ? "inputs/#" : "messages/devicebound/#");
    if (e->on_message)
        filters[n++] = (struct mqtt_filter){buffer_slice(&c->scratch), MQTT_QOS_1};
    mqtt_subscribe_encode(SUBSCRIBE_ID, filters, n, stream_out(l->stream));
    stream_flush(l->stream);
}

/* ---- methods ---- */

/* "{name}/?$rid={rid}" */
static void on_method(struct device_client *c, struct slice tail, struct slice payload)
{
    size_t at = slice_find_slice(tail, SLICE("/?$rid="));
    struct slice rid = slice_skip(tail, at + 7);
    device_method_called(c, slice_first(rid, slice_find(rid, '&')), slice_first(tail, at), payload);
}

/* ---- twins ---- */

/* "{status}/?$rid={rid}[&$version={v}]" */
static void on_twin(struct device_client *c, struct slice tail, struct slice payload)
{
    uint64_t http = 0, version = 0, rid = 0;
    size_t slash = slice_find(tail, '/');
    struct slice rest = slice_skip(tail, slash + 2), pair;
    if (!slice_to_u64(slice_first(tail, slash), &http))
        return;
    while (rest.len && slice_split(&rest, '&', &pair)) {
        if (slice_starts(pair, SLICE("$rid=")))
            rid = device_twin_rid(slice_skip(pair, 5));
        else if (slice_starts(pair, SLICE("$version=")))
            slice_to_u64(slice_skip(pair, 9), &version);
    }
    device_twin_answered(c, rid, iot_status_of_http((int)http), payload, version);
}

/* ---- desired properties ---- */

/* "?$version={v}" */
static void on_desired(struct device_client *c, struct slice tail, struct slice payload)
{
    uint64_t version = 0;
    struct slice rest = slice_skip(tail, 1), pair;
    while (rest.len && slice_split(&rest, '&', &pair))
        if (slice_starts(pair, SLICE("$version=")))
            slice_to_u64(slice_skip(pair, 9), &version);
    if (c->config.events->on_desired)
        c->config.events->on_desired(c->config.arg, payload, version);
}

/* ---- messages ---- */

static void message(struct device_client *c, struct slice bag, struct slice input,
                    struct slice payload)
{
    struct iot_message m = {.body = payload, .input = input};
    if (c->config.events->on_message && iot_bag_decode(bag, &c->bag, &m) == OK)
        c->config.events->on_message(c->config.arg, &m);
}

static void on_devicebound(struct device_client *c, struct slice tail, struct slice payload)
{
    message(c, tail, (struct slice){0}, payload);
}

/* "{input}/{bag}" */
static void on_input(struct device_client *c, struct slice tail, struct slice payload)
{
    size_t slash = slice_find(tail, '/');
    message(c, slice_skip(tail, slash + 1), slice_first(tail, slash), payload);
}

/* ---- which is which ---- */

static const struct {
    struct slice start;
    bool own; /* behind the client's own base */
    void (*run)(struct device_client *c, struct slice tail, struct slice payload);
} topics[] = {
    {SLICE_INIT("$iothub/twin/res/"), false, on_twin},
    {SLICE_INIT("$iothub/methods/POST/"), false, on_method},
    {SLICE_INIT("$iothub/twin/PATCH/properties/desired/"), false, on_desired},
    {SLICE_INIT("messages/devicebound/"), true, on_devicebound},
    {SLICE_INIT("inputs/"), true, on_input},
};

/* A topic that nobody knows is passed over: a newer hub may have more of them. */
static void dispatch(struct device_client *c, const struct mqtt_publish *m)
{
    bool own = slice_starts(m->topic, c->base);
    struct slice topic = own ? slice_skip(m->topic, c->base.len) : m->topic;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        if (topics[i].own == own && slice_starts(topic, topics[i].start)) {
            topics[i].run(c, slice_skip(topic, topics[i].start.len), m->payload);
            return;
        }
    }
}

enum status device_mqtt_down(struct device_client *c, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    if (mqtt_publish_decode(p->flags, p->body, &m) != OK || m.qos > MQTT_QOS_1)
        return BAD_FORMAT;
    dispatch(c, &m);
    struct device_mqtt *l = device_mqtt_of(c);
    if (m.qos == MQTT_QOS_1 && l->stream) {
        mqtt_packet_id_encode(MQTT_PUBACK, m.packet_id, stream_out(l->stream));
        stream_flush(l->stream);
    }
    return OK;
}
