/* Packets of an MQTT 5 broker. */
#include "mqtt/v5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_from(data, size);
    struct mqtt5_connack c;
    struct mqtt5_ack a;
    uint8_t sum = 0;
    if (mqtt5_connack_decode(body, &c) == OK)
        for (size_t i = 0; i < c.reason_text.len; i++)
            sum ^= c.reason_text.at[i];
    if (mqtt5_ack_decode(body, &a) == OK || mqtt5_disconnect_decode(body, &a) == OK)
        for (size_t i = 0; i < a.reason_text.len; i++)
            sum ^= a.reason_text.at[i];
    struct mqtt5_publish p;
    if (size && mqtt5_publish_decode(data[0] & 15, slice_skip(body, 1), &p) == OK) {
        struct buffer b = {0};
        p.base.qos = MQTT_QOS_0; /* one of QoS 2 is not for us to write */
        p.base.packet_id = 0;
        mqtt5_publish_encode(&p, &b);
        buffer_clear(&b);
    }
    if (mqtt5_suback_decode(body, &a) == OK)
        sum ^= a.reason;
    if (sum == 7)
        size = 0; /* the bytes are read */
    return size > (1u << 30);
}
