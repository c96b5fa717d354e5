/*
 * A device's or module's connection to a hub or an edge: what the publisher, twin, discovery and the
 * edge's upstream use. It connects by itself, again and again with back-off, renews its SAS token,
 * subscribes again, and tells what became of every message. One loop owns it.
 *
 * Ways to the hub are MQTT and AMQP 1.0, each also as WebSocket, and HTTPS (device_transport.c has
 * the table). When several are allowed and one cannot be connected, the next is tried, as Azure's
 * SDKs do; the one that came up is the first to be tried again.
 */
#pragma once

#include "io/stream.h"
#include "iot/message.h"

struct device_client;

#define DEVICE_CLIENT_WINDOW                                                                       \
    1024 /* messages in flight; device_client_send() answers FULL beyond it */
#define DEVICE_CLIENT_WINDOW_BYTES                                                                 \
    (16u << 20)                   /* of these messages together, topics too; FULL beyond it */
#define DEVICE_CLIENT_TWIN_MAX 32 /* twin requests under way; FULL beyond it */
#define DEVICE_CLIENT_METHODS_MAX                                                                  \
    256 /* methods under way; with one more, the reply to the oldest is dropped */

enum device_way { /* a set of them: in this order */
    DEVICE_MQTT = 1,
    DEVICE_MQTT_WEBSOCKET = 2,
    DEVICE_AMQP = 4,
    DEVICE_AMQP_WEBSOCKET = 8,
    /* Telemetry, and messages to a device by asking for them; direct methods and twins are not to be
     * had: twin requests are answered with UNSUPPORTED. It is "connected" from the first request on
     * that was answered. Not together with others. */
    DEVICE_HTTPS = 16,
};
#define DEVICE_WAYS_MAX 5
#define DEVICE_CLIENT_POLL_MS 60000 /* between questions for messages over HTTPS */

struct device_client_config {
    struct loop *loop;
    const char *host;       /* to connect to: GatewayHostName, or HostName */
    unsigned ways;          /* of enum device_way, together; 0: DEVICE_MQTT */
    int port;               /* 0: the way's own; else the first way alone is tried, at this port */
    struct tls_client *tls; /* NULL: plain, for tests and the simulation. Shows the certificate, too */
    /* The same for HTTPS, which has no use for `tls` but to know that it is not NULL. */
    const char *ca_file, *certificate_file, *key_file;
    const char *hub_host;   /* HostName: in the user name and the token's audience; NULL: host */
    const char *device_id;
    const char *module_id; /* NULL for a device */
    const char *key;       /* base64; signs tokens */
    const char *signature; /* a token ready to use, without a key. Neither: the certificate signs in */
    /* MQTT alone: to speak for the id as somebody else (an edge for its modules): "target;actor"; the key is
     * the actor's. */
    const char *auth_chain; /* NULL: for itself */
    const char *actor_device_id,
        *actor_module_id;     /* whose audience the token has, with auth_chain */
    const char *product;      /* DeviceClientType; NULL: "millrace/VERSION" */
    uint64_t twin_timeout_ms; /* 0: 30 s */
    const struct device_client_events *events;
    void *arg;
};

struct device_client_events {
    void (*on_connected)(void *arg); /* may be NULL */
    void (*on_disconnected)(
        void *arg, enum status why); /* after on_connected; may be NULL; it goes on trying */
    /* The hub answered the sign-in with "no" (CONNACK 4 or 5): the identity is gone, disabled or
     * has another key. It goes on trying, with back-off. May be NULL. */
    void (*on_refused)(void *arg, enum status why);
    /* Every send ends in one of these: OK acknowledged, CANCELLED the client was freed or the
     * message recalled; over AMQP and HTTPS the hub can also say that it will never take it:
     * TOO_LARGE, BAD_ARGUMENT, FORBIDDEN. While the link is down the message stays in flight and is sent again: at
     * least once, in order. */
    void (*on_sent)(void *arg, uint64_t token, enum status why);
    void (*on_room)(void *arg); /* sends that answered FULL may be tried again. May be NULL */
    /* Setting one of these subscribes. */
    void (*on_method)(void *arg, uint64_t rid, struct slice name, struct slice payload);
    void (*on_desired)(void *arg, struct slice patch, uint64_t version);
    void (*on_message)(void *arg, const struct iot_message *m); /* C2D or module input */
};

/* Copies what the config points to, but for the loop, TLS and events. BAD keys show when it
 * connects. */
struct device_client *device_client_new(const struct device_client_config *config);
/* No callback after it returned, but on_sent(CANCELLED) and the twin requests' (CANCELLED) during
 * it. */
void device_client_free(struct device_client **c);
bool device_client_connected(const struct device_client *c);

/* What OPC Publisher calls them, in any case: "Mqtt" (both), "MqttOverTcp", "Any" and so on, and
 * "Https". 0: not known. */
unsigned device_ways_of(struct slice word);
#define DEVICE_WAY_WORDS                                                                          \
    "Mqtt|MqttOverTcp|MqttOverWebsocket|Amqp|AmqpOverTcp|AmqpOverWebsocket|Tcp|Websocket|Any|Https"

/* Copies. FULL: wait for on_room. TOO_LARGE: over IOT_MESSAGE_MAX, or 64 KB of properties as they
 * are encoded. BAD_ARGUMENT: a property that is not UTF-8, or has a zero character. Neither would
 * ever pass. */
CHECKED enum status device_client_send(struct device_client *c, const struct iot_message *m,
                                       uint64_t token);

/* Ends all messages that are not acknowledged with on_sent(CANCELLED), in their order, before it
 * returns; the connection stays. Those already written may arrive all the same. */
void device_client_recall(struct device_client *c);

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload);

typedef void device_client_twin_fn(void *arg, enum status why, struct slice json);
typedef void device_client_report_fn(void *arg, enum status why, uint64_t version);

/* OFFLINE at once (on the next turn) when there is no connection, and when it is lost; TIMED_OUT
 * after twin_timeout_ms; UNSUPPORTED over HTTPS. */
void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg);
void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg);
