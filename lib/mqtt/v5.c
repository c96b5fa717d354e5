#include "mqtt/v5.h"

#include <assert.h>

#include "base/reader.h"
#include "mqtt/text.h"

#define LEVEL 5

/* Properties, table 2-4. */
enum {
    PAYLOAD_FORMAT = 0x01,
    MESSAGE_EXPIRY = 0x02,
    CONTENT_TYPE = 0x03,
    RESPONSE_TOPIC = 0x08,
    CORRELATION_DATA = 0x09,
    SESSION_EXPIRY = 0x11,
    SERVER_KEEP_ALIVE = 0x13,
    REASON_STRING = 0x1f,
    RECEIVE_MAXIMUM = 0x21,
    TOPIC_ALIAS = 0x23,
    MAXIMUM_QOS = 0x24,
    RETAIN_AVAILABLE = 0x25,
    USER_PROPERTY = 0x26,
    MAXIMUM_PACKET_SIZE = 0x27,
};

enum kind { NONE, BYTE, TWO, FOUR, VARIABLE, TEXT, PAIR };

static enum kind kind_of(uint8_t id)
{
    static const uint8_t kinds[] = {
        [0x01] = BYTE,     [0x02] = FOUR, [0x03] = TEXT, [0x08] = TEXT, [0x09] = TEXT,
        [0x0b] = VARIABLE, [0x11] = FOUR, [0x12] = TEXT, [0x13] = TWO,  [0x15] = TEXT,
        [0x16] = TEXT,     [0x17] = BYTE, [0x18] = FOUR, [0x19] = BYTE, [0x1a] = TEXT,
        [0x1c] = TEXT,     [0x1f] = TEXT, [0x21] = TWO,  [0x22] = TWO,  [0x23] = TWO,
        [0x24] = BYTE,     [0x25] = BYTE, [0x26] = PAIR, [0x27] = FOUR, [0x28] = BYTE,
        [0x29] = BYTE,     [0x2a] = BYTE};
    return id < sizeof kinds ? kinds[id] : NONE;
}

/* ---- variable byte integers, section 1.5.5 ---- */

static size_t variable_size(size_t n)
{
    return n < 128 ? 1 : n < 16384 ? 2 : n < 2097152 ? 3 : 4;
}

static void put_variable(size_t n, struct buffer *out)
{
    for (; n > 127; n >>= 7)
        buffer_u8(out, (uint8_t)(n | 128));
    buffer_u8(out, (uint8_t)n);
}

static uint32_t variable(struct reader *r)
{
    uint32_t n = 0;
    for (int shift = 0; shift < 28; shift += 7) {
        uint8_t byte = reader_u8(r);
        n |= (uint32_t)(byte & 127) << shift;
        if (byte < 128)
            return n;
    }
    r->failed = true;
    return 0;
}

/* ---- CONNECT ---- */

enum { CLEAN_START = 2, PASSWORD = 64, USERNAME = 128 };

void mqtt5_connect_encode(const struct mqtt_connect *c, uint32_t session_expiry_s,
                          struct buffer *out)
{
    uint8_t flags = (c->has_username ? USERNAME : 0) | (c->has_password ? PASSWORD : 0) |
                    (c->clean_session ? CLEAN_START : 0);
    size_t properties = session_expiry_s ? 5 : 0;
    size_t remaining = 10 + 1 + properties + 2 + c->client_id.len;
    remaining += c->has_username ? 2 + c->username.len : 0;
    remaining += c->has_password ? 2 + c->password.len : 0;
    mqtt_packet_head_encode(MQTT_CONNECT, 0, remaining, out);
    mqtt_packet_text_encode(SLICE("MQTT"), out);
    buffer_u8(out, LEVEL);
    buffer_u8(out, flags);
    buffer_u16(out, c->keep_alive_s);
    put_variable(properties, out);
    if (session_expiry_s) {
        buffer_u8(out, SESSION_EXPIRY);
        buffer_u32(out, session_expiry_s);
    }
    mqtt_packet_text_encode(c->client_id, out);
    if (c->has_username)
        mqtt_packet_text_encode(c->username, out);
    if (c->has_password)
        mqtt_packet_text_encode(c->password, out);
}

/* ---- properties of what comes ---- */

struct property {
    uint8_t id;
    uint32_t number;
    struct slice text;
};

static struct slice text(struct reader *r)
{
    return reader_bytes(r, reader_u16(r));
}

/* False at the end, or when they are broken (r->failed). */
static bool next_property(struct reader *r, struct property *out)
{
    if (r->failed || r->rest.len == 0)
        return false;
    *out = (struct property){.id = reader_u8(r)};
    switch (kind_of(out->id)) {
    case BYTE:
        out->number = reader_u8(r);
        break;
    case TWO:
        out->number = reader_u16(r);
        break;
    case FOUR:
        out->number = reader_u32(r);
        break;
    case VARIABLE:
        out->number = variable(r);
        break;
    case PAIR:
        text(r);
        out->text = text(r);
        break;
    case TEXT:
        out->text = text(r);
        break;
    default:
        r->failed = true;
    }
    return !r->failed;
}

static struct reader properties(struct reader *r)
{
    return reader_of(reader_bytes(r, variable(r)));
}

/* ---- CONNACK ---- */

static void take(struct mqtt5_connack *c, const struct property *p)
{
    switch (p->id) {
    case RECEIVE_MAXIMUM:
        c->receive_max = (uint16_t)p->number;
        break;
    case MAXIMUM_QOS:
        c->qos_max = (uint8_t)p->number;
        break;
    case RETAIN_AVAILABLE:
        c->retain_available = p->number;
        break;
    case MAXIMUM_PACKET_SIZE:
        c->packet_max = p->number;
        break;
    case SERVER_KEEP_ALIVE:
        c->keep_alive_s = (uint16_t)p->number;
        break;
    case REASON_STRING:
        c->reason_text = p->text;
        break;
    default:
        break;
    }
}

enum status mqtt5_connack_decode(struct slice body, struct mqtt5_connack *out)
{
    struct reader r = reader_of(body);
    uint8_t flags = reader_u8(&r);
    struct mqtt5_connack c = {.reason = reader_u8(&r),
                              .session_present = flags,
                              .receive_max = 65535,
                              .qos_max = 2,
                              .retain_available = true,
                              .packet_max = UINT32_MAX};
    struct property p;
    /* A server that does not know 5 answers as 3.1.1 has it: without properties. */
    struct reader list = r.rest.len ? properties(&r) : (struct reader){0};
    while (next_property(&list, &p))
        take(&c, &p);
    if (!reader_done(&r) || list.failed || flags > 1 || c.receive_max == 0 || c.packet_max == 0)
        return BAD_FORMAT; /* [MQTT-3.2.2-…]: zeros are protocol errors */
    *out = c;
    return OK;
}

/* ---- PUBLISH ---- */

bool mqtt5_user_property_put(struct buffer *list, struct slice name, struct slice value)
{
    if (name.len > MQTT_TEXT_MAX || value.len > MQTT_TEXT_MAX)
        return false;
    buffer_u8(list, USER_PROPERTY);
    mqtt_packet_text_encode(name, list);
    mqtt_packet_text_encode(value, list);
    return true;
}

enum { RETAIN = 1, QOS_SHIFT = 1, DUP = 8 };

static size_t properties_size(const struct mqtt5_publish *p)
{
    return (p->is_text ? 2 : 0) + (p->expiry_s ? 5 : 0) +
           (p->content_type.len ? 3 + p->content_type.len : 0) +
           (p->response_topic.len ? 3 + p->response_topic.len : 0) +
           (p->correlation.len ? 3 + p->correlation.len : 0) + p->user_properties.len;
}

static void put_properties(const struct mqtt5_publish *p, struct buffer *out)
{
    put_variable(properties_size(p), out);
    if (p->is_text) {
        buffer_u8(out, PAYLOAD_FORMAT);
        buffer_u8(out, 1);
    }
    if (p->expiry_s) {
        buffer_u8(out, MESSAGE_EXPIRY);
        buffer_u32(out, p->expiry_s);
    }
    if (p->content_type.len) {
        buffer_u8(out, CONTENT_TYPE);
        mqtt_packet_text_encode(p->content_type, out);
    }
    if (p->response_topic.len) {
        buffer_u8(out, RESPONSE_TOPIC);
        mqtt_packet_text_encode(p->response_topic, out);
    }
    if (p->correlation.len) {
        buffer_u8(out, CORRELATION_DATA);
        mqtt_packet_text_encode(p->correlation, out);
    }
    buffer_put(out, p->user_properties);
}

static bool take_property(struct mqtt5_publish *m, const struct property *p)
{
    switch (p->id) {
    case PAYLOAD_FORMAT:
        m->is_text = p->number == 1;
        break;
    case MESSAGE_EXPIRY:
        m->expiry_s = p->number;
        break;
    case CONTENT_TYPE:
        m->content_type = p->text;
        break;
    case RESPONSE_TOPIC:
        m->response_topic = p->text;
        break;
    case CORRELATION_DATA:
        m->correlation = p->text;
        break;
    default:
        return p->id != TOPIC_ALIAS;
    }
    return true;
}

enum status mqtt5_publish_decode(uint8_t flags, struct slice body, struct mqtt5_publish *out)
{
    uint8_t qos = flags >> QOS_SHIFT & 3;
    struct reader r = reader_of(body);
    struct mqtt5_publish m = {.base = {.topic = text(&r),
                                       .qos = (enum mqtt_qos)qos,
                                       .retain = flags & RETAIN,
                                       .dup = flags & DUP}};
    struct property p;
    m.base.packet_id = qos ? reader_u16(&r) : 0;
    struct reader list = properties(&r);
    while (next_property(&list, &p))
        if (!take_property(&m, &p))
            return BAD_FORMAT;
    m.base.payload = reader_rest(&r);
    if (!reader_ok(&r) || list.failed || qos > 2 || m.base.topic.len == 0 ||
        (qos && m.base.packet_id == 0) || !mqtt_text_ok(m.base.topic) ||
        !mqtt_text_ok(m.response_topic) || !mqtt_text_ok(m.content_type))
        return BAD_FORMAT;
    *out = m;
    return OK;
}

/* ---- SUBSCRIBE and SUBACK ---- */

void mqtt5_subscribe_encode(uint16_t packet_id, const struct mqtt_filter *filter,
                            struct buffer *out)
{
    enum { SUBSCRIBE_FLAGS = 2 }; /* [MQTT-3.8.1-1] */
    mqtt_packet_head_encode(MQTT_SUBSCRIBE, SUBSCRIBE_FLAGS, 2 + 1 + 2 + filter->topic.len + 1,
                            out);
    buffer_u16(out, packet_id);
    put_variable(0, out);
    mqtt_packet_text_encode(filter->topic, out);
    buffer_u8(out, (uint8_t)filter->qos);
}

enum status mqtt5_suback_decode(struct slice body, struct mqtt5_ack *out)
{
    struct reader r = reader_of(body);
    struct mqtt5_ack a = {.packet_id = reader_u16(&r)};
    struct property p;
    struct reader list = properties(&r);
    while (next_property(&list, &p))
        if (p.id == REASON_STRING)
            a.reason_text = p.text;
    a.reason = reader_u8(&r);
    if (!reader_done(&r) || list.failed || a.packet_id == 0)
        return BAD_FORMAT;
    *out = a;
    return OK;
}

void mqtt5_publish_encode(const struct mqtt5_publish *p, struct buffer *out)
{
    const struct mqtt_publish *b = &p->base;
    assert((b->qos == MQTT_QOS_0) == (b->packet_id == 0));
    uint8_t flags = (b->retain ? RETAIN : 0) | b->qos << QOS_SHIFT | (b->dup ? DUP : 0);
    size_t list = properties_size(p);
    size_t remaining =
        2 + b->topic.len + (b->qos ? 2 : 0) + variable_size(list) + list + b->payload.len;
    buffer_reserve(out, 5 + remaining);
    mqtt_packet_head_encode(MQTT_PUBLISH, flags, remaining, out);
    mqtt_packet_text_encode(b->topic, out);
    if (b->qos)
        buffer_u16(out, b->packet_id);
    put_properties(p, out);
    buffer_put(out, b->payload);
}

/* ---- acknowledgements ---- */

static enum status read_reason(struct reader *r, struct mqtt5_ack *a)
{
    struct property p;
    a->reason = r->rest.len ? reader_u8(r) : 0;
    struct reader list = r->rest.len ? properties(r) : (struct reader){0};
    while (next_property(&list, &p))
        if (p.id == REASON_STRING)
            a->reason_text = p.text;
    return reader_done(r) && !list.failed ? OK : BAD_FORMAT;
}

enum status mqtt5_ack_decode(struct slice body, struct mqtt5_ack *out)
{
    struct reader r = reader_of(body);
    struct mqtt5_ack a = {.packet_id = reader_u16(&r)};
    if (!reader_ok(&r) || a.packet_id == 0 || read_reason(&r, &a) != OK)
        return BAD_FORMAT;
    *out = a;
    return OK;
}

enum status mqtt5_disconnect_decode(struct slice body, struct mqtt5_ack *out)
{
    struct reader r = reader_of(body);
    struct mqtt5_ack a = {0};
    if (read_reason(&r, &a) != OK)
        return BAD_FORMAT;
    *out = a;
    return OK;
}

/* ---- words ---- */

const char *mqtt5_reason_name(uint8_t reason)
{
    static const char *const names[256] = {
        [0x00] = "success",
        [0x01] = "unacceptable protocol version",
        [0x02] = "client id rejected",
        [0x03] = "server unavailable",
        [0x04] = "bad user name or password",
        [0x05] = "not authorized",
        [0x10] = "no matching subscribers",
        [0x80] = "unspecified error",
        [0x81] = "malformed packet",
        [0x82] = "protocol error",
        [0x83] = "implementation specific error",
        [0x84] = "unsupported protocol version",
        [0x85] = "client id not valid",
        [0x86] = "bad user name or password",
        [0x87] = "not authorized",
        [0x88] = "server unavailable",
        [0x89] = "server busy",
        [0x8a] = "banned",
        [0x8b] = "server shutting down",
        [0x8c] = "bad authentication method",
        [0x8d] = "keep alive timeout",
        [0x8e] = "session taken over",
        [0x90] = "topic name invalid",
        [0x91] = "packet id in use",
        [0x92] = "packet id not found",
        [0x93] = "receive maximum exceeded",
        [0x95] = "packet too large",
        [0x96] = "message rate too high",
        [0x97] = "quota exceeded",
        [0x98] = "administrative action",
        [0x99] = "payload format invalid",
        [0x9a] = "retain not supported",
        [0x9b] = "QoS not supported",
        [0x9c] = "use another server",
        [0x9d] = "server moved",
        [0x9f] = "connection rate exceeded",
    };
    return names[reason] ? names[reason] : "unknown reason";
}
