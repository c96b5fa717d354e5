/* MQTT 3.1.1's packets for the ends that a load needs: put together and taken apart here and not
 * with lib/mqtt, whose mistakes must not cancel out. */
#pragma once

#include "base/buffer.h"

enum packet_type {
    CONNECT = 1,
    CONNACK,
    PUBLISH,
    PUBACK,
    SUBSCRIBE = 8,
    SUBACK,
    PINGREQ = 12,
    PINGRESP
};

/* `first` is the type and its flags. */
void packet_put(struct buffer *out, uint8_t first, struct slice body);

/* A text with its length before it. */
void packet_put_text(struct buffer *out, struct slice text);

/* Bytes of the packet at the front; 0 when it is not whole. */
size_t packet_size(struct slice s, struct slice *body);
