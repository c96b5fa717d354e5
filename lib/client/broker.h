/*
 * A connection to any MQTT broker, 3.1.1 or 5: it connects by itself, again and again with back-off,
 * and tells what became of every message. What is subscribed to comes at QoS 0: at most once, and not
 * later, when nobody waits for it any more. QoS 0, 1 and 2; what is not
 * acknowledged is sent again after a reconnection, in its order. A broker that refuses is named in
 * the log with its reason, once for each reason. One loop owns it.
 *
 * A connection of a new client begins without a session: packet ids of an earlier process would
 * make the broker take new messages for old ones.
 */
#pragma once

#include "io/stream.h"

struct broker;

#define BROKER_WINDOW 1024 /* messages in flight; FULL beyond it */
#define BROKER_WINDOW_BYTES (16u << 20)
#define BROKER_INCOMING_MAX (16u << 20) /* bytes of a packet from the broker, with a filter */
#define BROKER_SESSION_S 3600 /* that a broker of MQTT 5 keeps the session */

struct broker_config {
    struct loop *loop;
    const char *host;
    int port;
    struct tls_client *tls; /* NULL: plain */
    const char *client_id;
    const char *username, *password; /* NULL: none */
    uint16_t keep_alive_s;           /* 0: 60 */
    bool v5;
    const char *filter; /* of topics to be told of; NULL: none */
    const struct broker_events *events;
    void *arg;
};

/* Its bytes are the broker's until the call returns. */
struct broker_incoming {
    struct slice topic, payload;
    struct slice response_topic, correlation; /* MQTT 5 */
    bool retain;                              /* it was kept: not said just now */
};

struct broker_events {
    void (*on_connected)(void *arg); /* may be NULL */
    /* OK: acknowledged, or for QoS 0 written; FORBIDDEN, BAD_ARGUMENT, TOO_LARGE: the broker will
     * not take it; CANCELLED: the client was freed. Never from inside of broker_send(). */
    void (*on_sent)(void *arg, uint64_t token, enum status why);
    void (*on_room)(void *arg); /* sends that answered FULL may be tried again */
    void (*on_message)(void *arg, const struct broker_incoming *m); /* with a filter */
};

struct broker_message {
    struct slice topic, payload;
    uint8_t qos; /* 0 to 2 */
    bool retain;
    /* MQTT 5 alone has these: */
    uint32_t expiry_s; /* 0: none */
    bool is_text;
    struct slice content_type;
    struct slice correlation;
    struct slice user_properties; /* mqtt5_user_property_put() */
};

/* Copies what the config points to, but for loop, TLS and events. */
struct broker *broker_new(const struct broker_config *config);
/* on_sent(CANCELLED) during it, nothing after it. */
void broker_free(struct broker **b);
bool broker_connected(const struct broker *b);

/* Copies. FULL: wait for on_room. TOO_LARGE: larger than a packet can be, or than the broker said.
 * BAD_ARGUMENT: a topic that is empty, no UTF-8, or has wildcards. */
CHECKED enum status broker_send(struct broker *b, const struct broker_message *m, uint64_t token);
