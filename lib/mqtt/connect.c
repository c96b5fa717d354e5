#include "mqtt/connect.h"

#include <assert.h>

#include "base/reader.h"
#include "mqtt/text.h"

#define LEVEL 4 /* of 3.1.1 */

/* The connect flags, section 3.1.2.3. */
enum {
    RESERVED = 1,
    CLEAN_SESSION = 2,
    WILL = 4,
    WILL_QOS_SHIFT = 3,
    WILL_RETAIN = 32,
    PASSWORD = 64,
    USERNAME = 128,
};

static bool flags_ok(uint8_t flags)
{
    uint8_t will_qos = flags >> WILL_QOS_SHIFT & 3;
    if (flags & RESERVED) /* [MQTT-3.1.2-3] */
        return false;
    if (will_qos > MQTT_QOS_2) /* [MQTT-3.1.2-14] */
        return false;
    if (!(flags & WILL) && (will_qos || flags & WILL_RETAIN)) /* [MQTT-3.1.2-13] [MQTT-3.1.2-15] */
        return false;
    return flags & USERNAME || !(flags & PASSWORD); /* [MQTT-3.1.2-22] */
}

static enum status version_check(struct slice name, uint8_t level)
{
    bool is_old = slice_eq(name, SLICE("MQIsdp"));
    if (!is_old && !slice_eq(name, SLICE("MQTT"))) /* [MQTT-3.1.2-1] */
        return BAD_FORMAT;
    return is_old || level != LEVEL ? UNSUPPORTED : OK;
}

static struct slice text(struct reader *r)
{
    struct slice s = reader_bytes(r, reader_u16(r));
    if (!mqtt_text_ok(s))
        r->failed = true;
    return s;
}

static struct slice bytes(struct reader *r)
{
    return reader_bytes(r, reader_u16(r));
}

enum status mqtt_connect_decode(struct slice body, struct mqtt_connect *out)
{
    struct reader r = reader_of(body);
    struct slice name = bytes(&r);
    uint8_t level = reader_u8(&r);
    if (!reader_ok(&r))
        return BAD_FORMAT;
    enum status version = version_check(name, level);
    if (version != OK)
        return version;

    uint8_t flags = reader_u8(&r);
    struct mqtt_connect c = {
        .keep_alive_s = reader_u16(&r),
        .has_username = flags & USERNAME,
        .has_password = flags & PASSWORD,
        .has_will = flags & WILL,
        .will_retain = flags & WILL_RETAIN,
        .will_qos = flags >> WILL_QOS_SHIFT & 3,
        .clean_session = flags & CLEAN_SESSION,
    };
    c.client_id = text(&r);
    c.will_topic = c.has_will ? text(&r) : c.will_topic;
    c.will_payload = c.has_will ? bytes(&r) : c.will_payload;
    c.username = c.has_username ? text(&r) : c.username;
    c.password = c.has_password ? bytes(&r) : c.password;
    if (!reader_done(&r) || !flags_ok(flags) || (c.has_will && c.will_topic.len == 0))
        return BAD_FORMAT;
    *out = c;
    return OK;
}

void mqtt_connect_encode(const struct mqtt_connect *c, struct buffer *out)
{
    assert(c->has_username || !c->has_password);
    uint8_t flags = (c->has_username ? USERNAME : 0) | (c->has_password ? PASSWORD : 0) |
                    (c->clean_session ? CLEAN_SESSION : 0);
    if (c->has_will)
        flags |= WILL | c->will_qos << WILL_QOS_SHIFT | (c->will_retain ? WILL_RETAIN : 0);
    size_t remaining = 10 + 2 + c->client_id.len;
    remaining += c->has_will ? 4 + c->will_topic.len + c->will_payload.len : 0;
    remaining += c->has_username ? 2 + c->username.len : 0;
    remaining += c->has_password ? 2 + c->password.len : 0;

    mqtt_packet_head_encode(MQTT_CONNECT, 0, remaining, out);
    mqtt_packet_text_encode(SLICE("MQTT"), out);
    buffer_u8(out, LEVEL);
    buffer_u8(out, flags);
    buffer_u16(out, c->keep_alive_s);
    mqtt_packet_text_encode(c->client_id, out);
    if (c->has_will) {
        mqtt_packet_text_encode(c->will_topic, out);
        mqtt_packet_text_encode(c->will_payload, out);
    }
    if (c->has_username)
        mqtt_packet_text_encode(c->username, out);
    if (c->has_password)
        mqtt_packet_text_encode(c->password, out);
}

enum status mqtt_connack_decode(struct slice body, struct mqtt_connack *out)
{
    struct reader r = reader_of(body);
    uint8_t flags = reader_u8(&r);
    uint8_t code = reader_u8(&r);
    if (!reader_done(&r) || flags > 1 || code > MQTT_CONNACK_UNAUTHORIZED)
        return BAD_FORMAT;
    if (code != MQTT_CONNACK_ACCEPTED && flags) /* [MQTT-3.2.2-4] */
        return BAD_FORMAT;
    *out = (struct mqtt_connack){.code = code, .session_present = flags};
    return OK;
}

void mqtt_connack_encode(struct mqtt_connack c, struct buffer *out)
{
    mqtt_packet_head_encode(MQTT_CONNACK, 0, 2, out);
    buffer_u8(out, c.session_present);
    buffer_u8(out, c.code);
}
