/* What the hub sends: methods, desired properties, messages. */
#include <stdlib.h>

#include "base/memory.h"
#include "client/device_private.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

#define SUBSCRIBE_ID 65535 /* outside of the window's ids */

/* ---- subscriptions ---- */

void device_down_subscribe(struct device_client *c)
{
    const struct device_client_events *e = c->config.events;
    struct mqtt_filter filters[4];
    size_t n = 0;
    filters[n++] = (struct mqtt_filter){SLICE("$iothub/twin/res/#"), MQTT_QOS_0};
    if (e->on_method)
        filters[n++] = (struct mqtt_filter){SLICE("$iothub/methods/POST/#"), MQTT_QOS_0};
    if (e->on_desired)
        filters[n++] =
            (struct mqtt_filter){SLICE("$iothub/twin/PATCH/properties/desired/#"), MQTT_QOS_0};
    buffer_reset(&c->topic);
    buffer_put(&c->topic, c->base);
    buffer_text(&c->topic, c->config.module_id ? "inputs/#" : "messages/devicebound/#");
    if (e->on_message)
        filters[n++] = (struct mqtt_filter){buffer_slice(&c->topic), MQTT_QOS_1};
    mqtt_subscribe_encode(SUBSCRIBE_ID, filters, n, stream_out(c->stream));
    stream_flush(c->stream);
}

/* ---- methods ---- */

struct device_method {
    uint64_t rid;  /* what the program knows it by; 0: free */
    char *hub_rid; /* what the hub does */
};

/* rid 0 finds a free place. NULL: there is none. */
static struct device_method *method_of(struct device_client *c, uint64_t rid)
{
    for (int i = 0; c->methods && i < DEVICE_CLIENT_METHODS_MAX; i++)
        if (c->methods[i].rid == rid)
            return &c->methods[i];
    return NULL;
}

static struct device_method *oldest_method(struct device_client *c)
{
    struct device_method *oldest = c->methods;
    for (int i = 1; i < DEVICE_CLIENT_METHODS_MAX; i++)
        if (c->methods[i].rid < oldest->rid)
            oldest = &c->methods[i];
    return oldest;
}

static void method_drop(struct device_method *m)
{
    free(m->hub_rid);
    *m = (struct device_method){0};
}

/* "{name}/?$rid={rid}" */
static void on_method(struct device_client *c, struct slice tail, struct slice payload)
{
    size_t at = slice_find_slice(tail, SLICE("/?$rid="));
    struct slice rid = slice_skip(tail, at + 7);
    rid = slice_first(rid, slice_find(rid, '&'));
    if (!c->config.events->on_method || at == 0 || rid.len == 0 || rid.len > DEVICE_RID_MAX)
        return;
    if (c->methods == NULL)
        c->methods = memory_new(DEVICE_CLIENT_METHODS_MAX * sizeof *c->methods);
    uint64_t number = ++c->method_next;
    struct device_method *m = method_of(c, 0);
    if (m == NULL)
        method_drop(m = oldest_method(c));
    *m = (struct device_method){number, slice_dup(rid)};
    c->config.events->on_method(c->config.arg, number, slice_first(tail, at), payload);
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    struct device_method *m = rid ? method_of(c, rid) : NULL;
    if (m == NULL)
        return; /* it was called over a connection that is gone: nobody waits for it */
    buffer_reset(&c->topic);
    buffer_printf(&c->topic, "$iothub/methods/res/%d/?$rid=%s", status, m->hub_rid);
    method_drop(m);
    device_publish(c, payload);
}

void device_methods_forget(struct device_client *c)
{
    for (int i = 0; c->methods && i < DEVICE_CLIENT_METHODS_MAX; i++)
        method_drop(&c->methods[i]);
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
    {SLICE_INIT("$iothub/twin/res/"), false, device_twin_answer},
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

enum status device_down(struct device_client *c, const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    if (mqtt_publish_decode(p->flags, p->body, &m) != OK || m.qos > MQTT_QOS_1)
        return BAD_FORMAT;
    dispatch(c, &m);
    if (m.qos == MQTT_QOS_1 && !c->freed && c->stream) {
        mqtt_packet_id_encode(MQTT_PUBACK, m.packet_id, stream_out(c->stream));
        stream_flush(c->stream);
    }
    return OK;
}
