#include "iotamqp/message.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "mqtt/text.h"
#include "json/write.h"

void iotamqp_memory_clear(struct iotamqp_memory *memory)
{
    buffer_clear(&memory->text);
    buffer_clear(&memory->properties);
}

/* ---- reading: one value as text ---- */

enum { TEXT_MAX = 40 }; /* the longest is a UUID */

static size_t char_text(uint64_t c, char out[TEXT_MAX])
{
    uint8_t *o = (uint8_t *)out;
    if (c < 0x80) {
        o[0] = (uint8_t)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        o[i] = (uint8_t)(0x80 | (c & 0x3f));
    o[0] = (uint8_t)((len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | c);
    return len;
}

/* The text of a value that has no bytes of its own; false for what has none. */
static bool short_text(const struct amqp_value *v, char out[TEXT_MAX], size_t *len)
{
    switch (v->type) {
    case AMQP_NULL:
        *len = 0;
        return true;
    case AMQP_BOOLEAN:
        *len = (size_t)snprintf(out, TEXT_MAX, "%s", v->boolean ? "true" : "false");
        return true;
    case AMQP_UBYTE:
    case AMQP_USHORT:
    case AMQP_UINT:
    case AMQP_ULONG:
        *len = (size_t)snprintf(out, TEXT_MAX, "%llu", (unsigned long long)v->u);
        return true;
    case AMQP_BYTE:
    case AMQP_SHORT:
    case AMQP_INT:
    case AMQP_LONG:
        *len = (size_t)snprintf(out, TEXT_MAX, "%lld", (long long)v->i);
        return true;
    case AMQP_FLOAT:
        *len = json_print_float(v->f32, out);
        return true;
    case AMQP_DOUBLE:
        *len = json_print_double(v->f64, out);
        return true;
    case AMQP_CHAR:
        *len = char_text(v->u, out);
        return true;
    case AMQP_TIMESTAMP:
        *len = v->i < 0 ? 0 : clock_iso8601((uint64_t)v->i, out);
        return true;
    case AMQP_UUID:
        uuid_print(v->bytes.at, out);
        *len = UUID_TEXT_LEN;
        return true;
    default:
        return false;
    }
}

static enum status put_property(struct buffer *list, struct slice name, const struct amqp_value *v)
{
    char text[TEXT_MAX];
    size_t len;
    if (v->type == AMQP_STRING || v->type == AMQP_SYMBOL) {
        if (!mqtt_text_ok(v->bytes))
            return BAD_FORMAT;
        return iot_property_put(list, name, v->bytes) ? OK : TOO_LARGE;
    }
    if (short_text(v, text, &len)) {
        if (!mqtt_text_ok(slice_from(text, len)))
            return BAD_FORMAT; /* a character that is none */
        return iot_property_put(list, name, slice_from(text, len)) ? OK : TOO_LARGE;
    }
    if (v->type == AMQP_LIST || v->type == AMQP_MAP || v->type == AMQP_ARRAY)
        return BAD_ARGUMENT;    /* part 3, section 3.2.5: simple types only */
    struct buffer base64 = {0}; /* binary, decimals */
    base64_encode(v->bytes, &base64);
    bool fits = iot_property_put(list, name, buffer_slice(&base64));
    buffer_clear(&base64);
    return fits ? OK : TOO_LARGE;
}

/* ---- reading: names that mean a field ---- */

/* clang-format off */
static const struct named {
    struct slice name;
    size_t offset; /* of the slice in struct iot_message */
} annotations[] = {
    {SLICE_INIT("dt-subject"),          offsetof(struct iot_message, subject)},
    {SLICE_INIT("iothub-interface-id"), offsetof(struct iot_message, interface_id)},
    {SLICE_INIT("dt-dataschema"),       offsetof(struct iot_message, schema)},
    {SLICE_INIT("iothub-outputname"),   offsetof(struct iot_message, output)},
}, application[] = {
    {SLICE_INIT("iothub-outputname"),     offsetof(struct iot_message, output)},
    {SLICE_INIT("iothub-message-schema"), offsetof(struct iot_message, schema)},
};
/* clang-format on */

static const struct slice creation_time = SLICE_INIT("iothub-creation-time-utc");

/* True: it was one of these. */
static bool take_named(const struct named *table, size_t count, struct slice name,
                       const struct amqp_value *v, struct iot_message *m)
{
    if (slice_eq(name, creation_time)) {
        if (v->type == AMQP_TIMESTAMP && v->i > 0)
            m->creation_ms = (uint64_t)v->i;
        else if (amqp_is_text(v)) /* a time that is none is as good as not there */
            (void)clock_parse_iso8601(v->bytes, &m->creation_ms);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq(name, table[i].name))
            continue;
        if (amqp_is_text(v))
            *(struct slice *)((char *)m + table[i].offset) = v->bytes;
        return true;
    }
    return false;
}

static enum status read_annotations(const struct amqp_value *map, struct iot_message *m)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value key, v;
    while (amqp_items_next(&items, &key) && amqp_items_next(&items, &v))
        if (amqp_is_text(&key))
            take_named(annotations, sizeof(annotations) / sizeof(annotations[0]), key.bytes, &v, m);
    return reader_ok(&items.reader) ? OK : BAD_FORMAT;
}

static enum status read_application(const struct amqp_value *map, struct buffer *list,
                                    struct iot_message *m)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value key, v;
    while (amqp_items_next(&items, &key) && amqp_items_next(&items, &v)) {
        if (!amqp_is_text(&key) || !mqtt_text_ok(key.bytes))
            return BAD_FORMAT;
        if (take_named(application, sizeof(application) / sizeof(application[0]), key.bytes, &v, m))
            continue;
        enum status s = put_property(list, key.bytes, &v);
        if (s != OK)
            return s;
    }
    return reader_ok(&items.reader) ? OK : BAD_FORMAT;
}

/* ---- reading: the sections ---- */

static enum status read_id(struct slice encoded, struct buffer *text, struct slice *id,
                           uint8_t *type)
{
    struct amqp_value v;
    if (encoded.at == NULL)
        return OK;
    if (amqp_value_of(encoded, &v) != OK)
        return BAD_FORMAT;
    switch (v.type) {
    case AMQP_STRING:
        *type = IOT_MESSAGE_ID_STRING;
        *id = v.bytes;
        return OK;
    case AMQP_UUID:
        *type = IOT_MESSAGE_ID_UUID;
        *id = v.bytes;
        return OK;
    case AMQP_BINARY:
        *type = IOT_MESSAGE_ID_BINARY;
        *id = v.bytes;
        return OK;
    case AMQP_ULONG:
        *type = IOT_MESSAGE_ID_ULONG;
        buffer_u64(text, v.u);
        *id = slice_from(text->at + text->len - 8, 8);
        return OK;
    default:
        return BAD_ARGUMENT;
    }
}

static enum status read_properties(const struct amqp_properties *p, struct buffer *text,
                                   struct iot_message *m)
{
    enum status s = read_id(p->message_id, text, &m->message_id, &m->message_id_type);
    if (s == OK)
        s = read_id(p->correlation_id, text, &m->correlation_id, &m->correlation_id_type);
    m->user_id = p->user_id;
    m->to = p->to;
    m->content_type = p->content_type;
    m->content_encoding = p->content_encoding;
    m->expiry_ms = p->expiry_ms > 0 ? (uint64_t)p->expiry_ms : 0;
    m->creation_ms = p->creation_ms > 0 ? (uint64_t)p->creation_ms : 0;
    return s;
}

static enum status read_body(const struct amqp_message *a, struct buffer *text, struct slice *body)
{
    if (amqp_message_bytes(a, body))
        return OK;
    if (a->body != AMQP_BODY_DATA)
        return BAD_ARGUMENT;
    size_t at = text->len;
    struct slice sections = a->sections, data;
    while (amqp_message_data_next(&sections, &data))
        buffer_put(text, data);
    *body = slice_skip(buffer_slice(text), at);
    return OK;
}

/* What would break every reader of the stream. */
static bool texts_ok(const struct iot_message *m)
{
    const struct slice texts[] = {
        m->message_id_type == IOT_MESSAGE_ID_STRING ? m->message_id : (struct slice){0},
        m->correlation_id_type == IOT_MESSAGE_ID_STRING ? m->correlation_id : (struct slice){0},
        m->to,
        m->content_type,
        m->content_encoding,
        m->output,
        m->subject,
        m->interface_id,
        m->schema,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].len && !mqtt_text_ok(texts[i]))
            return false;
    return true;
}

enum status iotamqp_message_read(struct slice bytes, struct iotamqp_memory *memory,
                                    struct iot_message *out)
{
    struct amqp_message a;
    struct iot_message m = {0};
    enum status s = amqp_message_read(bytes, &a);
    if (s != OK)
        return s;
    buffer_reset(&memory->text);
    buffer_reset(&memory->properties);
    buffer_reserve(&memory->text,
                   16 + (a.section_count > 1 ? bytes.len : 0)); /* it does not move */
    s = read_properties(&a.properties, &memory->text, &m);
    if (s == OK)
        s = read_annotations(&a.message_annotations, &m);
    if (s == OK)
        s = read_application(&a.application_properties, &memory->properties, &m);
    if (s == OK)
        s = read_body(&a, &memory->text, &m.body);
    if (s != OK)
        return s;
    m.properties = buffer_slice(&memory->properties);
    if (!texts_ok(&m))
        return BAD_FORMAT;
    if (m.body.len + m.properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    *out = m;
    return OK;
}

/* ---- writing ---- */

/* An id with the type that it came with; encoded into `into`. */
static struct slice id(struct buffer *into, struct slice bytes, uint8_t type)
{
    if (bytes.len == 0)
        return (struct slice){0};
    size_t at = into->len;
    if (type == IOT_MESSAGE_ID_UUID && bytes.len == 16) {
        amqp_write_uuid(into, bytes.at);
    } else if (type == IOT_MESSAGE_ID_ULONG && bytes.len == 8) {
        uint64_t v;
        memcpy(&v, bytes.at, 8);
        amqp_write_ulong(into, __builtin_bswap64(v));
    } else if (type == IOT_MESSAGE_ID_BINARY) {
        amqp_write_binary(into, bytes);
    } else {
        amqp_write_string(into, bytes);
    }
    return slice_skip(buffer_slice(into), at);
}

static struct slice text(struct slice s)
{
    return s.len ? s : (struct slice){0};
}

void iotamqp_message_write_properties(struct buffer *b, const struct iot_message *m)
{
    struct buffer message_id = {0}, correlation_id = {0};
    struct amqp_properties p = amqp_properties_none();
    p.message_id = id(&message_id, m->message_id, m->message_id_type);
    p.correlation_id = id(&correlation_id, m->correlation_id, m->correlation_id_type);
    p.user_id = text(m->user_id);
    p.to = text(m->to);
    p.content_type = text(m->content_type);
    p.content_encoding = text(m->content_encoding);
    p.expiry_ms = m->expiry_ms ? (int64_t)m->expiry_ms : AMQP_ABSENT;
    p.creation_ms = m->creation_ms ? (int64_t)m->creation_ms : AMQP_ABSENT;
    amqp_properties_write(b, &p);
    buffer_clear(&message_id);
    buffer_clear(&correlation_id);
}

static uint32_t write_list(struct buffer *b, struct slice list)
{
    struct slice name, value;
    uint32_t items = 0;
    for (; iot_property_next(&list, &name, &value); items += 2) {
        amqp_write_string(b, name);
        amqp_write_string(b, value);
    }
    return items;
}

void iotamqp_message_write_application(struct buffer *b, const struct iot_message *m,
                                          struct slice more)
{
    if (m->properties.len == 0 && more.len == 0)
        return;
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    uint32_t items = write_list(b, m->properties);
    items += write_list(b, more);
    amqp_write_end(b, map, items);
}

static uint32_t write_annotation(struct buffer *b, const char *name, struct slice value)
{
    if (value.len == 0)
        return 0;
    amqp_write_symbol(b, slice_of(name));
    amqp_write_string(b, value);
    return 2;
}

void iotamqp_message_write(struct buffer *b, const struct iot_message *m)
{
    struct buffer output = {0};
    if (m->subject.len || m->interface_id.len || m->schema.len) {
        size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
        uint32_t items = write_annotation(b, "dt-subject", m->subject);
        items += write_annotation(b, "iothub-interface-id", m->interface_id);
        items += write_annotation(b, "dt-dataschema", m->schema);
        amqp_write_end(b, map, items);
    }
    if (m->output.len)
        (void)iot_property_put(&output, SLICE("iothub-outputname"), m->output);
    iotamqp_message_write_properties(b, m);
    iotamqp_message_write_application(b, m, buffer_slice(&output));
    amqp_message_data(b, m->body);
    buffer_clear(&output);
}
