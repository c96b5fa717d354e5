/* What the files of the device client share: device.c its life, device_sign_in.c how it
 * comes up, device_down.c what the hub sends, device_twin.c twin requests. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "client/device.h"
#include "client/device_window.h"
#include "iot/bag.h"
#include "mqtt/framer.h"

#define DEVICE_PACKET_MAX ((256u << 10) + (64u << 10) + 16) /* of a packet from the hub */
#define DEVICE_RID_MAX 256                                  /* of a method's $rid */

enum device_state {
    DEVICE_WAITING,     /* for the next attempt; then CONNECTING */
    DEVICE_CONNECTING,  /* the stream is; then SIGNING_IN or WAITING */
    DEVICE_SIGNING_IN,  /* CONNECT is sent; after CONNACK SUBSCRIBING, or WAITING */
    DEVICE_SUBSCRIBING, /* telemetry flows already; after SUBACK UP */
    DEVICE_UP,          /* until the stream ends: WAITING */
};

struct device_method; /* device_down.c */

struct device_client {
    struct device_client_config config; /* its texts are in `arena` */
    struct arena arena;
    struct slice base; /* "devices/d/modules/m/" */
    enum device_state state;
    struct stream *stream; /* NULL while WAITING */
    struct mqtt_framer framer;
    struct device_window window;
    bool refused;    /* a send was answered FULL: on_room is owed */
    bool freed;      /* inside of a callback: what is left goes when that returns */
    unsigned busy;   /* callbacks of ours that we are in */
    enum status why; /* the link ends, if we know better than the stream */

    struct loop_timer timer;   /* next attempt; CONNACK's deadline; pings */
    struct loop_timer renewal; /* of the token */
    unsigned attempts;         /* in a row that did not last */
    uint64_t up_since_ms;
    uint64_t heard_ms, pinged_ms;

    struct buffer scratch, topic;
    struct iot_bag bag;
    struct list twin_requests;
    size_t twin_count;
    uint32_t twin_next;
    struct device_method *methods; /* DEVICE_CLIENT_METHODS_MAX, NULL until the first */
    uint64_t method_next;
};

static inline const char *device_who(const struct device_client *c)
{
    return c->config.device_id;
}

static inline const char *device_who_module(const struct device_client *c)
{
    return c->config.module_id ? c->config.module_id : "-";
}

/* Callbacks may free the client: they run between these two. */
void device_enter(struct device_client *c);
void device_leave(struct device_client *c);

/* Ends the link; on_close goes on from there. */
void device_link_end(struct device_client *c, enum status why);

/* Sends on what is in the window and not sent. */
void device_pump(struct device_client *c);

/* device_sign_in.c: the stream is open; CONNACK and SUBACK have come. The status ends the link
 * unless it is OK. */
void device_hello(void *client);
CHECKED enum status device_connack(struct device_client *c, const struct mqtt_packet *p);
CHECKED enum status device_suback(struct device_client *c, const struct mqtt_packet *p);

/* Publishes to c->topic at QoS 0. */
void device_publish(struct device_client *c, struct slice payload);

/* device_down.c: PUBLISH from the hub. BAD_FORMAT: not what a hub sends. */
CHECKED enum status device_down(struct device_client *c, const struct mqtt_packet *p);
void device_down_subscribe(struct device_client *c);
void device_methods_forget(struct device_client *c);

/* device_twin.c */
void device_twin_answer(struct device_client *c, struct slice topic_tail, struct slice payload);
void device_twin_fail(struct device_client *c, enum status why); /* all of them */
