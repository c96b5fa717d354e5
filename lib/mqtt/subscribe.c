#include "mqtt/subscribe.h"

#include <assert.h>

#include "base/reader.h"
#include "mqtt/text.h"

static struct mqtt_filter filter_read(struct reader *r, bool has_qos)
{
    struct mqtt_filter f = {.topic = reader_bytes(r, reader_u16(r))};
    uint8_t options = has_qos ? reader_u8(r) : 0;
    /* [MQTT-3.8.3-1] [MQTT-3.10.3-1]; [MQTT-3-8.3-4]: the other bits are reserved */
    if (options > MQTT_QOS_2 || !mqtt_text_ok(f.topic) || !mqtt_text_filter_ok(f.topic))
        r->failed = true;
    f.qos = options;
    return f;
}

static enum status decode(struct slice body, bool has_qos, struct mqtt_subscribe *out)
{
    struct reader r = reader_of(body);
    struct mqtt_subscribe s = {.packet_id = reader_u16(&r)};
    s.filters = r.rest;
    for (; reader_ok(&r) && r.rest.len; s.count++)
        filter_read(&r, has_qos);
    if (!reader_done(&r) || s.packet_id == 0) /* [MQTT-2.3.1-1] */
        return BAD_FORMAT;
    if (s.count == 0) /* [MQTT-3.8.3-3] [MQTT-3.10.3-2] */
        return BAD_FORMAT;
    *out = s;
    return OK;
}

static bool next(struct slice *filters, bool has_qos, struct mqtt_filter *out)
{
    if (filters->len == 0)
        return false;
    struct reader r = reader_of(*filters);
    *out = filter_read(&r, has_qos);
    *filters = r.rest;
    return reader_ok(&r);
}

static void encode(enum mqtt_type type, uint16_t packet_id, const struct mqtt_filter *filters,
                   size_t count, struct buffer *out)
{
    assert(packet_id && count);
    bool has_qos = type == MQTT_SUBSCRIBE;
    size_t remaining = 2;
    for (size_t i = 0; i < count; i++)
        remaining += 2 + filters[i].topic.len + has_qos;
    mqtt_packet_head_encode(type, 2, remaining, out);
    buffer_u16(out, packet_id);
    for (size_t i = 0; i < count; i++) {
        mqtt_packet_text_encode(filters[i].topic, out);
        if (has_qos)
            buffer_u8(out, filters[i].qos);
    }
}

enum status mqtt_subscribe_decode(struct slice body, struct mqtt_subscribe *out)
{
    return decode(body, true, out);
}

enum status mqtt_unsubscribe_decode(struct slice body, struct mqtt_subscribe *out)
{
    return decode(body, false, out);
}

bool mqtt_subscribe_next(struct slice *filters, struct mqtt_filter *out)
{
    return next(filters, true, out);
}

bool mqtt_unsubscribe_next(struct slice *filters, struct mqtt_filter *out)
{
    return next(filters, false, out);
}

void mqtt_subscribe_encode(uint16_t packet_id, const struct mqtt_filter *filters, size_t count,
                           struct buffer *out)
{
    encode(MQTT_SUBSCRIBE, packet_id, filters, count, out);
}

void mqtt_unsubscribe_encode(uint16_t packet_id, const struct mqtt_filter *filters, size_t count,
                             struct buffer *out)
{
    encode(MQTT_UNSUBSCRIBE, packet_id, filters, count, out);
}

enum status mqtt_suback_decode(struct slice body, uint16_t *packet_id, struct slice *codes)
{
    struct reader r = reader_of(body);
    uint16_t id = reader_u16(&r);
    struct slice rest = reader_rest(&r);
    if (!reader_ok(&r) || id == 0 || rest.len == 0)
        return BAD_FORMAT;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] > MQTT_QOS_2 && rest.at[i] != MQTT_SUBACK_FAILED) /* [MQTT-3.9.3-2] */
            return BAD_FORMAT;
    *packet_id = id;
    *codes = rest;
    return OK;
}

void mqtt_suback_encode(uint16_t packet_id, struct slice codes, struct buffer *out)
{
    mqtt_packet_head_encode(MQTT_SUBACK, 0, 2 + codes.len, out);
    buffer_u16(out, packet_id);
    buffer_put(out, codes);
}
