/*
 * What all control packets of MQTT 3.1.1 share (section 2): a byte of type and flags, the length of
 * the rest, the rest. Pure: bytes in, fields out; encoders append to a buffer. Slices of a decoded
 * packet point into the bytes it was decoded from. Client and server use the same functions.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

enum mqtt_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK,
    MQTT_PUBLISH,
    MQTT_PUBACK,
    MQTT_PUBREC,
    MQTT_PUBREL,
    MQTT_PUBCOMP,
    MQTT_SUBSCRIBE,
    MQTT_SUBACK,
    MQTT_UNSUBSCRIBE,
    MQTT_UNSUBACK,
    MQTT_PINGREQ,
    MQTT_PINGRESP,
    MQTT_DISCONNECT,
};

enum mqtt_qos { MQTT_QOS_0, MQTT_QOS_1, MQTT_QOS_2 };

#define MQTT_REMAINING_MAX                                                                         \
    268435455u               /* section 2.2.3; callers have a smaller limit of their own           \
                              */
#define MQTT_TEXT_MAX 65535u /* of a topic, name or password, section 1.5.3 */

struct mqtt_packet {
    enum mqtt_type type;
    uint8_t flags;      /* the low half of the first byte; only PUBLISH has a choice */
    struct slice body;  /* what follows the length */
    struct slice whole; /* with the fixed header */
};

/* How long the packet is that `bytes` begins with, header and all. AGAIN: not enough bytes to tell.
 * BAD_FORMAT: no such type, flags that are reserved, a broken length. TOO_LARGE: longer than `max`.
 */
CHECKED enum status mqtt_packet_measure(struct slice bytes, size_t max, size_t *len);

/* Takes the first packet off *bytes. AGAIN: it is not complete, and *bytes stays. */
CHECKED enum status mqtt_packet_next(struct slice *bytes, size_t max, struct mqtt_packet *out);

/* The packets that are only a packet id: PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK. */
CHECKED enum status mqtt_packet_id_decode(struct slice body, uint16_t *packet_id);
void mqtt_packet_id_encode(enum mqtt_type type, uint16_t packet_id, struct buffer *out);

/* The packets that are nothing but a header: PINGREQ, PINGRESP, DISCONNECT. Their body must be
 * empty. */
void mqtt_packet_bare_encode(enum mqtt_type type, struct buffer *out);

/* For the encoders: the fixed header, and a text with its length before it. */
void mqtt_packet_head_encode(enum mqtt_type type, uint8_t flags, size_t remaining,
                             struct buffer *out);
void mqtt_packet_text_encode(struct slice text, struct buffer *out);

/* "PUBLISH", for log lines; never NULL. */
const char *mqtt_packet_name(enum mqtt_type type);
