/*
 * What the files of the device client share. device.c is its life: messages in their window,
 * attempts, ways; device_methods.c and device_twin.c hold what is under way; device_token.c signs.
 * What is on the wire is a transport's: device_mqtt.c, device_amqp.c, device_https.c, in the table
 * of device_transport.c.
 */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "client/backoff.h"
#include "client/device.h"
#include "client/device_window.h"
#include "iot/bag.h"
#include "iotamqp/message.h"

enum device_state {
    DEVICE_WAITING,     /* for the next attempt; then CONNECTING */
    DEVICE_CONNECTING,  /* the stream is; then SIGNING_IN or WAITING */
    DEVICE_SIGNING_IN,  /* CONNECT, or a token over $cbs, is sent; then SUBSCRIBING, or WAITING */
    DEVICE_SUBSCRIBING, /* telemetry flows already; then UP, or WAITING */
    DEVICE_UP,          /* until the connection ends: WAITING */
};

/* One protocol. `c->link` is its own, from connect() until it calls device_lost(), or dispose(). */
struct device_transport_ops {
    bool answers; /* there are direct methods and twins */
    bool shares;  /* encode() leaves out a body that has an owner, and it follows on the wire */
    /* The message as the window keeps it until it is acknowledged; `id` is what device_window_id()
     * says. TOO_LARGE: it cannot be carried. */
    enum status (*encode)(struct device_client *c, const struct iot_message *m, uint16_t id,
                          struct buffer *out);
    /* Back, for another transport. The slices point into `kept` and the client's buffers. */
    enum status (*decode)(struct device_client *c, struct slice kept, struct iot_message *out);
    void (*connect)(struct device_client *c); /* device_subscribing(), device_up(), device_lost() */
    void (*pump)(struct device_client *c);    /* sends what is in the window, as far as it goes */
    void (*leave)(struct device_client *c);   /* says good-bye; only dispose() follows */
    void (*dispose)(struct device_client *c);
    void (*clear)(struct device_client *c); /* `c->kept`, at the end. NULL: it keeps nothing */
    /* While SUBSCRIBING or UP; `id` is what the hub calls the call. */
    void (*method_reply)(struct device_client *c, struct slice id, int status,
                         struct slice payload);
    void (*twin_get)(struct device_client *c, uint32_t rid);
    void (*twin_report)(struct device_client *c, uint32_t rid, struct slice patch);
};

extern const struct device_transport_ops device_mqtt, device_amqp, device_https;

/* A row of the table. */
struct device_transport {
    enum device_way way;
    const char *name; /* in log lines, and of the setting */
    int port, port_plain;
    bool websocket;
    const struct device_transport_ops *ops;
};

#define DEVICE_WEBSOCKET_TARGET "/$iothub/websocket"
#define DEVICE_API_VERSION "2021-04-12"

/* Those of `ways`, in their order; how many. */
size_t device_transports_of(unsigned ways, const struct device_transport *out[DEVICE_WAYS_MAX]);

struct device_method; /* device_methods.c */

struct device_client {
    struct device_client_config config; /* its texts are in `arena` */
    struct arena arena;
    struct slice base; /* "devices/d/modules/m/" */
    enum device_state state;
    const struct device_transport *ways[DEVICE_WAYS_MAX];
    size_t way_count, way, tried; /* the current or next one; how many failed in this round */
    void *link;                   /* the transport's */
    void *kept;                   /* the same, over all connections */
    struct device_window window;
    const struct device_transport_ops *kept_by; /* who encoded what is in it */
    bool refused;                               /* a send was answered FULL: on_room is owed */
    bool freed;    /* inside of a callback: what is left goes when that returns */
    unsigned busy; /* callbacks of ours that we are in */

    struct loop_timer timer; /* next attempt */
    struct backoff backoff;
    bool said; /* what HTTPS cannot do */

    struct buffer scratch;        /* of transports */
    struct iot_bag bag;           /* of messages that were read, over MQTT */
    struct iotamqp_memory memory; /* and over AMQP */
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

static inline const struct device_transport *device_way(const struct device_client *c)
{
    return c->ways[c->way];
}

/* ---- device.c, for transports ---- */

/* Callbacks may free the client: they run between these two. */
void device_enter(struct device_client *c);
void device_leave(struct device_client *c);

/* Where to. */
struct connect_config device_connect_config(const struct device_client *c);

/* Telemetry may flow; all of it again. */
void device_subscribing(struct device_client *c);
/* Methods, twins and messages may, too. `peer` for the log line. */
void device_up(struct device_client *c, const char *peer);
/* The connection is over, or there was none. `c->link` is NULL. */
void device_lost(struct device_client *c, enum status why);
/* The hub says "no" to who this is: tells so, and returns `why`. */
enum status device_refused(struct device_client *c, enum status why);
/* What was acknowledged is told, in order; `any`: all of it, with `why`. */
void device_tell_sent(struct device_client *c, bool any, enum status why);
void device_tell_room(struct device_client *c);

/* ---- device_token.c ---- */

#define DEVICE_TOKEN_MS 3600000ull

static inline bool device_has_token(const struct device_client *c)
{
    return c->config.key || c->config.signature;
}

/* "{hub}/devices/{d}/modules/{m}": of the client, or of who speaks for it. */
void device_put_audience(struct device_client *c, struct buffer *out);
/* BAD_ARGUMENT, and a log line: the key is not base64. */
CHECKED enum status device_put_token(struct device_client *c, struct buffer *out);

/* ---- device_methods.c ---- */

void device_method_called(struct device_client *c, struct slice id, struct slice name,
                          struct slice payload);
void device_methods_forget(struct device_client *c);
void device_methods_clear(struct device_client *c);

/* ---- device_twin.c ---- */

void device_twin_answered(struct device_client *c, uint64_t rid, enum status why, struct slice json,
                          uint64_t version);
/* A rid as it stands on the wire, in hex; 0: none. */
uint64_t device_twin_rid(struct slice text);
void device_twin_fail(struct device_client *c, enum status why); /* all of them */
