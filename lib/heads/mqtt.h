/*
 * The hub end of a device's or module's MQTT 3.1.1 connection, over any stream, in front of
 * heads/backend.h. Azure's topics: the table in heads/mqtt_topic.c.
 *
 *     mqtt.c             life of a connection, bytes to packets, back-pressure
 *     mqtt_sign_in.c     CONNECT to CONNACK, the move to the owner's loop, the last will
 *     mqtt_up.c          what a device sends
 *     mqtt_twin.c        twin requests and their answers
 *     mqtt_down.c        what the backend says by itself
 *     mqtt_topic.c, mqtt_user.c, mqtt_answers.c   pure parts
 */
#pragma once

#include "heads/backend.h"
#include "io/stream.h"

#define HEADS_MQTT_CONNECT_MAX                                                                     \
    (96u << 10) /* bytes of a CONNECT: a will of 64 KB, names and a token */
#define HEADS_MQTT_PACKET_MAX                                                                      \
    ((256u << 10) + (64u << 10) + 16) /* a message and its topic; more ends the connection */
#define HEADS_MQTT_CONNECT_MS 30000   /* from the connection to CONNACK; then it ends */
#define HEADS_MQTT_SILENCE_S_MAX                                                                   \
    1767 /* without a packet, whatever keep-alive says; 1.5 times that otherwise */
#define HEADS_MQTT_UNANSWERED_MAX 1024  /* messages without PUBACK; more are not read before */
#define HEADS_MQTT_TWIN_REQUESTS_MAX 32 /* under way; more are answered 429 */
#define HEADS_MQTT_DELIVERIES_MAX                                                                  \
    64 /* messages that the device has not acknowledged; no more are asked for */
#define HEADS_MQTT_UNSENT_MAX                                                                      \
    (4u << 20) /* bytes that the device does not read: messages are given back, the rest ends the  \
                  connection */
#define HEADS_MQTT_FILTERS_MAX 16 /* of one SUBSCRIBE or UNSUBSCRIBE; more end the connection */
#define HEADS_MQTT_RID_MAX 256    /* bytes of a $rid; more end the connection */

struct heads_mqtt;

/* One for a program, whatever the number of loops. The backend must outlive it. */
struct heads_mqtt *heads_mqtt_new(struct heads_backend *backend);

/* Who else is served on the same port. `accept` takes the stream over on its loop, with the bytes that were
 * read from it, CONNECT first. */
struct heads_mqtt_other {
    bool (*claims)(struct slice username, struct slice client_id); /* a CONNECT's */
    void (*accept)(void *arg, struct stream *s, struct slice bytes);
    void *arg;
};
/* Before the first connection. */
void heads_mqtt_divert(struct heads_mqtt *h, const struct heads_mqtt_other *other);

/* Takes over a stream that is open: a listener's, or a WebSocket. On the stream's loop. */
void heads_mqtt_accept(struct heads_mqtt *h, struct stream *s);

/* After the loops were freed: with connections that were still there. */
void heads_mqtt_free(struct heads_mqtt **h);
