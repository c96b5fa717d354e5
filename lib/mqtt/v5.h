/*
 * What MQTT 5 has differently, for a client: the packets that got properties and
 * reason codes. The others, and all headers, are packet.h's. Pure. Numbers of sections are those of
 * MQTT 5.
 */
#pragma once

#include "mqtt/connect.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

/* Section 3.1; the will, if there is one, is not sent. */
void mqtt5_connect_encode(const struct mqtt_connect *c, uint32_t session_expiry_s,
                          struct buffer *out);

#define MQTT5_REASON_FAILED 0x80 /* and above, section 2.4 */

struct mqtt5_connack {
    uint8_t reason;
    bool session_present;
    uint16_t receive_max; /* PUBLISHes above QoS 0 that may be unacknowledged */
    uint8_t qos_max;
    bool retain_available;
    uint32_t packet_max;   /* bytes; UINT32_MAX: any */
    uint16_t keep_alive_s; /* to be used instead of the client's; 0: the client's stays */
    struct slice reason_text;
};

CHECKED enum status mqtt5_connack_decode(struct slice body, struct mqtt5_connack *out);

struct mqtt5_publish {
    struct mqtt_publish base;
    uint32_t expiry_s; /* 0: none */
    bool is_text;      /* the payload is UTF-8 */
    struct slice content_type;
    struct slice response_topic, correlation; /* sections 3.3.2.3.5 and 6; a topic up to MQTT_TEXT_MAX */
    struct slice user_properties; /* encoded: mqtt5_user_property_put(). Not read */
};

/* As mqtt_publish_decode(). BAD_FORMAT also for a topic alias, of which a client that offered none gets
 * none. */
CHECKED enum status mqtt5_publish_decode(uint8_t flags, struct slice body,
                                         struct mqtt5_publish *out);

/* Section 3.8: one filter, with the options that 3.1.1 has. */
void mqtt5_subscribe_encode(uint16_t packet_id, const struct mqtt_filter *filter,
                            struct buffer *out);

/* False, and nothing is put: one is longer than MQTT_TEXT_MAX. */
bool mqtt5_user_property_put(struct buffer *list, struct slice name, struct slice value);
void mqtt5_publish_encode(const struct mqtt5_publish *p, struct buffer *out);

/* PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7), and DISCONNECT
 * (3.14), which has no packet id. */
struct mqtt5_ack {
    uint16_t packet_id;
    uint8_t reason;
    struct slice reason_text;
};

/* SUBACK (3.9) of one filter: whether it was granted. */
CHECKED enum status mqtt5_suback_decode(struct slice body, struct mqtt5_ack *out);
CHECKED enum status mqtt5_ack_decode(struct slice body, struct mqtt5_ack *out);
CHECKED enum status mqtt5_disconnect_decode(struct slice body, struct mqtt5_ack *out);

/* "not authorized"; never NULL. Also for the codes of CONNACK in 3.1.1, which are below 0x80. */
const char *mqtt5_reason_name(uint8_t reason);
