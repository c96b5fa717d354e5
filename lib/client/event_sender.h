/*
 * Sends to an event hub over AMQP, the endpoint of a Millrace hub included: it connects by itself,
 * again and again with back-off, signs in over $cbs and renews its token, and tells what became of
 * every message. What is not settled is sent again after a reconnection, in its order: at least once.
 * One loop owns it.
 *
 * Messages of one partition key stand in one partition, in the order of their sending.
 */
#pragma once

#include "io/stream.h"
#include "iot/message.h"

struct event_sender;

#define EVENT_SENDER_WINDOW 512
#define EVENT_SENDER_WINDOW_BYTES (8u << 20)

struct event_sender_config {
    struct loop *loop;
    const char *host;
    int port;               /* 5671 */
    struct tls_client *tls; /* NULL: plain */
    const char *hub_host;   /* in the token's audience; NULL: host */
    const char *entity;     /* the event hub's name */
    const char *policy, *key;
    const struct event_sender_events *events;
    void *arg;
};

struct event_sender_events {
    /* OK: it is stored; TOO_LARGE, FORBIDDEN, BAD_ARGUMENT: it will never be; CANCELLED: the sender was
     * freed. Never from inside of event_sender_send(). */
    void (*on_sent)(void *arg, uint64_t token, enum status why);
    void (*on_room)(void *arg);
};

/* Copies what the config points to, but for loop, TLS and events. */
struct event_sender *event_sender_new(const struct event_sender_config *config);
/* on_sent(CANCELLED) during it, nothing after it. */
void event_sender_free(struct event_sender **s);
bool event_sender_connected(const struct event_sender *s);

struct event_sender_message {
    struct slice body, content_type, content_encoding, subject;
    struct slice properties;    /* as in iot_message */
    struct slice partition_key; /* up to 128 letters; empty: none */
};

/* Copies. FULL: wait for on_room. TOO_LARGE: over IOT_MESSAGE_MAX. */
CHECKED enum status event_sender_send(struct event_sender *s, const struct event_sender_message *m,
                                      uint64_t token);
