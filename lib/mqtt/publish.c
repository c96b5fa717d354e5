#include "mqtt/publish.h"

#include <assert.h>

#include "base/reader.h"
#include "mqtt/text.h"

enum { RETAIN = 1, QOS_SHIFT = 1, DUP = 8 };

enum status mqtt_publish_decode(uint8_t flags, struct slice body, struct mqtt_publish *out)
{
    uint8_t qos = flags >> QOS_SHIFT & 3;
    if (qos > MQTT_QOS_2) /* [MQTT-3.3.1-4] */
        return BAD_FORMAT;
    if (qos == MQTT_QOS_0 && flags & DUP) /* [MQTT-3.3.1-2] */
        return BAD_FORMAT;

    struct reader r = reader_of(body);
    struct slice topic = reader_bytes(&r, reader_u16(&r));
    uint16_t packet_id = qos > 0 ? reader_u16(&r) : 0;
    if (!reader_ok(&r) || topic.len == 0) /* [MQTT-4.7.3-1] */
        return BAD_FORMAT;
    if (qos > 0 && packet_id == 0) /* [MQTT-2.3.1-1] */
        return BAD_FORMAT;
    if (!mqtt_text_ok(topic)) /* [MQTT-3.3.2-1] */
        return BAD_FORMAT;

    out->topic = topic;
    out->payload = r.rest;
    out->packet_id = packet_id;
    out->qos = qos;
    out->retain = flags & RETAIN;
    out->dup = flags & DUP;
    return OK;
}

bool mqtt_publish_topic_ok(struct slice topic)
{
    return slice_find(topic, '+') == topic.len && slice_find(topic, '#') == topic.len;
}

/* Of what follows the fixed header. */
static size_t head_len(const struct mqtt_publish *p)
{
    return 2 + p->topic.len + (p->qos ? 2 : 0);
}

void mqtt_publish_head_encode(const struct mqtt_publish *p, struct buffer *out)
{
    assert((p->qos == MQTT_QOS_0) == (p->packet_id == 0));
    uint8_t flags = (p->retain ? RETAIN : 0) | p->qos << QOS_SHIFT | (p->dup ? DUP : 0);
    mqtt_packet_head_encode(MQTT_PUBLISH, flags, head_len(p) + p->payload.len, out);
    mqtt_packet_text_encode(p->topic, out);
    if (p->qos)
        buffer_u16(out, p->packet_id);
}

void mqtt_publish_encode(const struct mqtt_publish *p, struct buffer *out)
{
    buffer_reserve(out, 5 + head_len(p) + p->payload.len);
    mqtt_publish_head_encode(p, out);
    buffer_put(out, p->payload);
}

void mqtt_publish_set_dup(uint8_t *packet)
{
    assert(packet[0] >> 4 == MQTT_PUBLISH);
    packet[0] |= DUP;
}
