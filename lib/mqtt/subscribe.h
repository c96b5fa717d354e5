/* SUBSCRIBE, SUBACK and UNSUBSCRIBE, MQTT 3.1.1 sections 3.8 to 3.10. UNSUBACK is
 * mqtt_packet_id_encode(). */
#pragma once

#include "mqtt/packet.h"

struct mqtt_filter {
    struct slice topic; /* may have wildcards */
    enum mqtt_qos qos;  /* asked for; not used in UNSUBSCRIBE */
};

/* The filters stay as they came: mqtt_subscribe_next() walks them. */
struct mqtt_subscribe {
    uint16_t packet_id;
    struct slice filters;
    size_t count; /* at least 1 */
};

CHECKED enum status mqtt_subscribe_decode(struct slice body, struct mqtt_subscribe *out);
CHECKED enum status mqtt_unsubscribe_decode(struct slice body, struct mqtt_subscribe *out);

/* Takes the first off `filters` of a decoded packet; false at the end. */
bool mqtt_subscribe_next(struct slice *filters, struct mqtt_filter *out);
bool mqtt_unsubscribe_next(struct slice *filters, struct mqtt_filter *out);

void mqtt_subscribe_encode(uint16_t packet_id, const struct mqtt_filter *filters, size_t count,
                           struct buffer *out);
void mqtt_unsubscribe_encode(uint16_t packet_id, const struct mqtt_filter *filters, size_t count,
                             struct buffer *out);

#define MQTT_SUBACK_FAILED 0x80

/* One byte a filter: the QoS that was granted, or MQTT_SUBACK_FAILED. */
CHECKED enum status mqtt_suback_decode(struct slice body, uint16_t *packet_id, struct slice *codes);
void mqtt_suback_encode(uint16_t packet_id, struct slice codes, struct buffer *out);
