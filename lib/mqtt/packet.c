#include "mqtt/packet.h"

#include <assert.h>

#include "base/reader.h"

#define ANY 0xff

/* Section 2.2.1 and 2.2.2: names, and the flags that each must carry. */
static const struct {
    const char *name;
    uint8_t flags;
} types[16] = {
    [MQTT_CONNECT] = {"CONNECT", 0},   [MQTT_CONNACK] = {"CONNACK", 0},
    [MQTT_PUBLISH] = {"PUBLISH", ANY}, [MQTT_PUBACK] = {"PUBACK", 0},
    [MQTT_PUBREC] = {"PUBREC", 0},     [MQTT_PUBREL] = {"PUBREL", 2},
    [MQTT_PUBCOMP] = {"PUBCOMP", 0},   [MQTT_SUBSCRIBE] = {"SUBSCRIBE", 2},
    [MQTT_SUBACK] = {"SUBACK", 0},     [MQTT_UNSUBSCRIBE] = {"UNSUBSCRIBE", 2},
    [MQTT_UNSUBACK] = {"UNSUBACK", 0}, [MQTT_PINGREQ] = {"PINGREQ", 0},
    [MQTT_PINGRESP] = {"PINGRESP", 0}, [MQTT_DISCONNECT] = {"DISCONNECT", 0},
};

static bool first_byte_ok(uint8_t first)
{
    uint8_t wanted = types[first >> 4].flags;
    return types[first >> 4].name && (wanted == ANY || wanted == (first & 15)); /* [MQTT-2.2.2-2] */
}

/* The length of the fixed header and of what follows it, section 2.2.3. */
static inline enum status measure(struct slice bytes, size_t max, size_t *head, size_t *body)
{
    if (bytes.len == 0)
        return AGAIN;
    if (!first_byte_ok(bytes.at[0]))
        return BAD_FORMAT;
    size_t remaining = 0;
    for (size_t i = 1; i <= 4; i++) {
        if (i == bytes.len)
            return AGAIN;
        remaining |= (size_t)(bytes.at[i] & 127) << 7 * (i - 1);
        if (bytes.at[i] < 128) {
            *head = i + 1;
            *body = remaining;
            return i + 1 + remaining > max ? TOO_LARGE : OK;
        }
    }
    return BAD_FORMAT;
}

enum status mqtt_packet_measure(struct slice bytes, size_t max, size_t *len)
{
    size_t head, body;
    enum status s = measure(bytes, max, &head, &body);
    if (s == OK)
        *len = head + body;
    return s;
}

enum status mqtt_packet_next(struct slice *bytes, size_t max, struct mqtt_packet *out)
{
    size_t head, body;
    enum status s = measure(*bytes, max, &head, &body);
    if (s != OK)
        return s;
    if (bytes->len - head < body)
        return AGAIN;
    out->type = bytes->at[0] >> 4;
    out->flags = bytes->at[0] & 15;
    out->body = (struct slice){bytes->at + head, body};
    out->whole = (struct slice){bytes->at, head + body};
    bytes->at += head + body;
    bytes->len -= head + body;
    return OK;
}

enum status mqtt_packet_id_decode(struct slice body, uint16_t *packet_id)
{
    struct reader r = reader_of(body);
    uint16_t id = reader_u16(&r);
    if (!reader_done(&r) || id == 0) /* [MQTT-2.3.1-1] */
        return BAD_FORMAT;
    *packet_id = id;
    return OK;
}

void mqtt_packet_id_encode(enum mqtt_type type, uint16_t packet_id, struct buffer *out)
{
    uint8_t flags = type == MQTT_PUBREL ? 2 : 0;
    uint8_t *at = buffer_reserve(out, 4);
    at[0] = (uint8_t)(type << 4) | flags;
    at[1] = 2;
    at[2] = packet_id >> 8;
    at[3] = (uint8_t)packet_id;
    buffer_added(out, 4);
}

void mqtt_packet_bare_encode(enum mqtt_type type, struct buffer *out)
{
    buffer_u16(out, (uint16_t)(type << 12));
}

void mqtt_packet_head_encode(enum mqtt_type type, uint8_t flags, size_t remaining,
                             struct buffer *out)
{
    assert(remaining <= MQTT_REMAINING_MAX);
    uint8_t *at = buffer_reserve(out, 5);
    size_t n = 0;
    at[n++] = (uint8_t)(type << 4) | flags;
    for (; remaining > 127; remaining >>= 7)
        at[n++] = (uint8_t)(remaining | 128);
    at[n++] = (uint8_t)remaining;
    buffer_added(out, n);
}

void mqtt_packet_text_encode(struct slice text, struct buffer *out)
{
    assert(text.len <= MQTT_TEXT_MAX);
    buffer_u16(out, (uint16_t)text.len);
    buffer_put(out, text);
}

const char *mqtt_packet_name(enum mqtt_type type)
{
    return (unsigned)type < 16 && types[type].name ? types[type].name : "unknown";
}
