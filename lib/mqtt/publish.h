/* PUBLISH, MQTT 3.1.1 section 3.3. PUBACK is mqtt_packet_id_encode() and mqtt_packet_id_decode().
 */
#pragma once

#include "mqtt/packet.h"

struct mqtt_publish {
    struct slice topic;
    struct slice payload;
    uint16_t packet_id; /* 0 for QoS 0 */
    enum mqtt_qos qos;
    bool retain;
    bool dup;
};

/* A topic with + or # in it is passed on: [MQTT-3.3.2-2] forbids it, yet the C device SDK puts
 * content types such as application/x+json there as they are. Who routes by topic asks
 * mqtt_publish_topic_ok(). */
CHECKED enum status mqtt_publish_decode(uint8_t flags, struct slice body, struct mqtt_publish *out);

bool mqtt_publish_topic_ok(struct slice topic);

void mqtt_publish_encode(const struct mqtt_publish *p, struct buffer *out);
/* The same up to the payload, which is to follow. */
void mqtt_publish_head_encode(const struct mqtt_publish *p, struct buffer *out);

/* In an encoded PUBLISH: marks it as sent before [MQTT-3.3.1-1]. */
void mqtt_publish_set_dup(uint8_t *packet);
