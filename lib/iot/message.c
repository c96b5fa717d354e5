#include "iot/message.h"

#include "base/encoding.h"

#include <stddef.h>

#include "base/reader.h"

void iot_message_id_print(struct slice id, uint8_t type, struct buffer *out)
{
    if (type == IOT_MESSAGE_ID_STRING) {
        buffer_put(out, id);
    } else if (type == IOT_MESSAGE_ID_ULONG && id.len == 8) {
        uint64_t v;
        memcpy(&v, id.at, 8);
        buffer_printf(out, "%llu", (unsigned long long)__builtin_bswap64(v));
    } else if (type == IOT_MESSAGE_ID_UUID && id.len == 16) {
        char uuid[UUID_TEXT_LEN + 1];
        uuid_print(id.at, uuid);
        buffer_text(out, uuid);
    } else {
        hex_encode(id, out);
    }
}

bool iot_property_put(struct buffer *list, struct slice name, struct slice value)
{
    if (name.len > IOT_PROPERTY_MAX || value.len > IOT_PROPERTY_MAX)
        return false;
    buffer_u16(list, (uint16_t)name.len);
    buffer_put(list, name);
    buffer_u16(list, (uint16_t)value.len);
    buffer_put(list, value);
    return true;
}

bool iot_property_next(struct slice *list, struct slice *name, struct slice *value)
{
    struct reader r = reader_of(*list);
    struct slice n = reader_bytes(&r, reader_u16(&r));
    struct slice v = reader_bytes(&r, reader_u16(&r));
    if (!reader_ok(&r))
        return false;
    *list = r.rest;
    *name = n;
    *value = v;
    return true;
}

bool iot_property_find(struct slice list, struct slice name, struct slice *value)
{
    struct slice n, v;
    while (iot_property_next(&list, &n, &v)) {
        if (slice_eq(n, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

bool iot_stamp_next(struct slice *list, uint16_t *endpoint, struct slice *name, struct slice *value)
{
    struct reader r = reader_of(*list);
    uint16_t n = reader_u16(&r);
    struct slice rest = r.rest;
    if (!reader_ok(&r) || !iot_property_next(&rest, name, value))
        return false;
    *list = rest;
    *endpoint = n;
    return true;
}

bool iot_event_goes_to(const struct iot_event *e, uint16_t endpoint)
{
    for (size_t i = 0; i + 1 < e->endpoints.len; i += 2)
        if ((e->endpoints.at[i] << 8 | e->endpoints.at[i + 1]) == endpoint)
            return true;
    return e->endpoints.len == 0 && endpoint == 0;
}

static bool is_stamped(struct slice stamps, uint16_t endpoint, struct slice name)
{
    uint16_t n;
    struct slice stamp, value;
    while (iot_stamp_next(&stamps, &n, &stamp, &value))
        if (n == endpoint && slice_eq(stamp, name))
            return true;
    return false;
}

struct slice iot_event_properties(const struct iot_event *e, uint16_t endpoint,
                                  struct buffer *scratch)
{
    struct slice list = e->message.properties, stamps = e->stamps, name, value;
    uint16_t n;
    if (stamps.len == 0)
        return list;
    buffer_reset(scratch);
    while (iot_property_next(&list, &name, &value))
        if (!is_stamped(e->stamps, endpoint, name))
            (void)iot_property_put(scratch, name, value);
    while (iot_stamp_next(&stamps, &n, &name, &value))
        if (n == endpoint)
            (void)iot_property_put(scratch, name, value);
    return buffer_slice(scratch);
}

/*
 * The record: version, source, types of ids, three times, then a bit for every slice that is there
 * and those in order, each with its length in groups of seven bits, low first; the body is the
 * rest. Version 1 has 16 bits and the first 16 slices, and is what nearly every event needs;
 * version 2 has 32 bits, and the sources behind deviceJobLifecycleEvents.
 */
#define RECORD_V1 1
#define RECORD_V2 2

static const size_t slices[] = {
    offsetof(struct iot_event, from.device),
    offsetof(struct iot_event, from.module),
    offsetof(struct iot_event, generation_id),
    offsetof(struct iot_event, auth_method),
    offsetof(struct iot_event, message.message_id),
    offsetof(struct iot_event, message.correlation_id),
    offsetof(struct iot_event, message.user_id),
    offsetof(struct iot_event, message.to),
    offsetof(struct iot_event, message.content_type),
    offsetof(struct iot_event, message.content_encoding),
    offsetof(struct iot_event, message.output),
    offsetof(struct iot_event, message.input),
    offsetof(struct iot_event, message.subject),
    offsetof(struct iot_event, message.interface_id),
    offsetof(struct iot_event, message.schema),
    offsetof(struct iot_event, message.properties),
    /* version 2 */
    offsetof(struct iot_event, partition_key),
    offsetof(struct iot_event, annotations),
    offsetof(struct iot_event, endpoints),
    offsetof(struct iot_event, stamps),
};

#define SLICES (sizeof(slices) / sizeof(slices[0]))
#define V1_SLICES 16
#define SENDER_SLICES 4
#define FIXED_BYTES 32 /* at most: what stands before the slices */
#define LENGTH_BYTES 5

static struct slice *slice_in(struct iot_event *e, size_t n)
{
    return (struct slice *)((char *)e + slices[n]);
}

static struct slice slice_at(const struct iot_event *e, size_t n)
{
    return *slice_in((struct iot_event *)(uintptr_t)e, n);
}

static uint32_t present(const struct iot_event *e, size_t from, size_t to)
{
    uint32_t bits = 0;
    for (size_t n = from; n < to; n++)
        bits |= (uint32_t)(slice_at(e, n).len > 0) << n;
    return bits;
}

static bool needs_v2(enum iot_source source, uint32_t bits)
{
    return source > IOT_SOURCE_DEVICE_JOB_LIFECYCLE || bits >> V1_SLICES;
}

/* What is put here has its room already. */
static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, 8);
    return at + 8;
}

static uint8_t *put_bytes(uint8_t *at, struct slice s)
{
    if (s.len)
        memcpy(at, s.at, s.len);
    return at + s.len;
}

static uint8_t *put_slices(uint8_t *at, const struct iot_event *e, uint32_t bits)
{
    for (; bits; bits &= bits - 1) {
        struct slice s = slice_at(e, (size_t)__builtin_ctz(bits));
        size_t len = s.len;
        for (; len >= 0x80; len >>= 7)
            *at++ = (uint8_t)(len | 0x80);
        *at++ = (uint8_t)len;
        at = put_bytes(at, s);
    }
    return at;
}

static size_t room_for(const struct iot_event *e, uint32_t bits)
{
    size_t bytes = 0;
    for (; bits; bits &= bits - 1)
        bytes += slice_at(e, (size_t)__builtin_ctz(bits)).len + LENGTH_BYTES;
    return bytes;
}

/* Which of its slices there are, and these. */
void iot_event_sender_encode(const struct iot_event *e, struct buffer *out)
{
    uint32_t bits = present(e, 0, SENDER_SLICES);
    uint8_t *start = buffer_reserve(out, 1 + room_for(e, bits)), *at = start;
    *at++ = (uint8_t)bits;
    buffer_added(out, (size_t)(put_slices(at, e, bits) - start));
}

/* This runs for every message. */
void iot_event_encode(const struct iot_event *e, struct buffer *out)
{
    const struct iot_message *m = &e->message;
    bool known = e->sender.len > 0;
    uint32_t sender = known ? e->sender.at[0] : present(e, 0, SENDER_SLICES);
    uint32_t others = present(e, SENDER_SLICES, SLICES), bits = sender | others;
    bool v2 = needs_v2(e->source, bits);
    size_t room = FIXED_BYTES + (known ? e->sender.len : room_for(e, sender)) +
                  room_for(e, others) + m->body.len;
    uint8_t *start = buffer_reserve(out, room), *at = start;
    *at++ = v2 ? RECORD_V2 : RECORD_V1;
    *at++ = (uint8_t)e->source;
    *at++ = (uint8_t)(m->message_id_type << 4 | m->correlation_id_type);
    at = put_u64(at, e->enqueued_ms);
    at = put_u64(at, m->expiry_ms);
    at = put_u64(at, m->creation_ms);
    for (int shift = v2 ? 24 : 8; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(bits >> shift);
    at = known ? put_bytes(at, slice_skip(e->sender, 1)) : put_slices(at, e, sender);
    at = put_bytes(put_slices(at, e, others), m->body);
    buffer_added(out, (size_t)(at - start));
}

static size_t read_length(struct reader *r)
{
    size_t len = 0;
    for (unsigned shift = 0; shift <= 28; shift += 7) {
        uint8_t group = reader_u8(r);
        len |= (size_t)(group & 0x7f) << shift;
        if (group < 0x80) {
            if (len == 0 ||
                (shift > 0 && group == 0)) /* an empty slice has no bit, a short length no zeros */
                r->failed = true;
            return len;
        }
    }
    r->failed = true;
    return 0;
}

static bool properties_ok(struct slice list)
{
    struct slice name, value;
    while (iot_property_next(&list, &name, &value))
        ;
    return list.len == 0;
}

static bool id_ok(struct slice id, uint8_t type)
{
    return id.len == 0 || type == IOT_MESSAGE_ID_STRING || type == IOT_MESSAGE_ID_BINARY ||
           (type == IOT_MESSAGE_ID_UUID && id.len == 16) ||
           (type == IOT_MESSAGE_ID_ULONG && id.len == 8);
}

static bool stamps_ok(struct slice list)
{
    uint16_t endpoint;
    struct slice name, value;
    while (iot_stamp_next(&list, &endpoint, &name, &value))
        ;
    return list.len == 0;
}

enum status iot_event_decode(struct slice record, struct iot_event *out)
{
    struct reader r = reader_of(record);
    struct iot_event e = {0};
    struct iot_message *m = &e.message;
    uint8_t version = reader_u8(&r), source = reader_u8(&r), types = reader_u8(&r);
    if ((version != RECORD_V1 && version != RECORD_V2) || source >= IOT_SOURCE_COUNT)
        return BAD_FORMAT;
    e.source = (enum iot_source)source;
    m->message_id_type = types >> 4;
    m->correlation_id_type = types & 15;
    e.enqueued_ms = reader_u64(&r);
    m->expiry_ms = reader_u64(&r);
    m->creation_ms = reader_u64(&r);
    uint32_t bits = version == RECORD_V1 ? reader_u16(&r) : reader_u32(&r);
    if (bits >> SLICES || (version == RECORD_V2) != needs_v2(e.source, bits))
        return BAD_FORMAT;
    for (size_t n = 0; n < SLICES; n++)
        if (bits >> n & 1)
            *slice_in(&e, n) = reader_bytes(&r, read_length(&r));
    m->body = reader_rest(&r);
    if (!reader_ok(&r) || m->message_id_type > IOT_MESSAGE_ID_BINARY ||
        m->correlation_id_type > IOT_MESSAGE_ID_BINARY || !properties_ok(m->properties) ||
        !id_ok(m->message_id, m->message_id_type) ||
        !id_ok(m->correlation_id, m->correlation_id_type) || e.endpoints.len % 2 ||
        !stamps_ok(e.stamps))
        return BAD_FORMAT;
    *out = e;
    return OK;
}
