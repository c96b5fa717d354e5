#include "client/stream_reader_decode.h"

#include "amqp/message.h"

/* ---- annotations ---- */

static void take_text(const struct amqp_value *v, struct slice *out)
{
    if (amqp_is_text(v))
        *out = v->bytes;
}

static void take_source(const struct amqp_value *v, enum iot_source *out)
{
    static const struct {
        struct slice name;
        enum iot_source source;
    } names[] = {
        {SLICE_INIT("Telemetry"), IOT_SOURCE_TELEMETRY},
        {SLICE_INIT("twinChangeEvents"), IOT_SOURCE_TWIN_CHANGE},
        {SLICE_INIT("deviceLifecycleEvents"), IOT_SOURCE_DEVICE_LIFECYCLE},
        {SLICE_INIT("moduleLifecycleEvents"), IOT_SOURCE_MODULE_LIFECYCLE},
        {SLICE_INIT("deviceConnectionStateEvents"), IOT_SOURCE_DEVICE_CONNECTION_STATE},
        {SLICE_INIT("deviceJobLifecycleEvents"), IOT_SOURCE_DEVICE_JOB_LIFECYCLE},
        {SLICE_INIT("digitalTwinChangeEvents"), IOT_SOURCE_DIGITAL_TWIN_CHANGE},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (amqp_is_text(v) && slice_eq_nocase(v->bytes, names[i].name))
            *out = names[i].source;
}

static const struct {
    struct slice name;
    size_t offset;
} texts[] = {
    {SLICE_INIT("iothub-connection-device-id"), offsetof(struct iot_event, from.device)},
    {SLICE_INIT("iothub-connection-module-id"), offsetof(struct iot_event, from.module)},
    {SLICE_INIT("iothub-connection-auth-method"), offsetof(struct iot_event, auth_method)},
    {SLICE_INIT("iothub-connection-auth-generation-id"), offsetof(struct iot_event, generation_id)},
    {SLICE_INIT("iothub-outputname"), offsetof(struct iot_event, message.output)},
    {SLICE_INIT("iothub-interface-id"), offsetof(struct iot_event, message.interface_id)},
    {SLICE_INIT("dt-subject"), offsetof(struct iot_event, message.subject)},
    {SLICE_INIT("dt-dataschema"), offsetof(struct iot_event, message.schema)},
};

static void take_annotation(struct slice name, const struct amqp_value *v, struct iot_event *e,
                            int64_t *sequence)
{
    int64_t n;
    if (slice_eq(name, SLICE("x-opt-sequence-number")) && amqp_to_i64(v, &n))
        *sequence = n;
    else if (slice_eq(name, SLICE("x-opt-enqueued-time")) && amqp_to_i64(v, &n) && n > 0)
        e->enqueued_ms = (uint64_t)n;
    else if (slice_eq(name, SLICE("iothub-message-source")))
        take_source(v, &e->source);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (slice_eq(name, texts[i].name))
            take_text(v, (struct slice *)((char *)e + texts[i].offset));
}

static bool take_annotations(const struct amqp_value *map, struct iot_event *e, int64_t *sequence)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value name, v;
    while (amqp_items_next(&items, &name) && amqp_items_next(&items, &v))
        if (amqp_is_text(&name))
            take_annotation(name.bytes, &v, e, sequence);
    return reader_ok(&items.reader);
}

/* ---- properties ---- */

static void take_id(struct slice encoded, struct buffer *scratch, struct slice *id, uint8_t *type)
{
    struct amqp_value v;
    if (encoded.at == NULL || amqp_value_of(encoded, &v) != OK)
        return;
    *id = v.bytes;
    if (v.type == AMQP_UUID) {
        *type = IOT_MESSAGE_ID_UUID;
    } else if (v.type == AMQP_BINARY) {
        *type = IOT_MESSAGE_ID_BINARY;
    } else if (v.type == AMQP_ULONG) {
        *type = IOT_MESSAGE_ID_ULONG;
        buffer_u64(scratch, v.u); /* 8 bytes before the properties: see the reserve below */
        *id = slice_from(scratch->at + scratch->len - 8, 8);
    } else {
        *type = IOT_MESSAGE_ID_STRING;
    }
}

static uint64_t time_of(int64_t ms)
{
    return ms > 0 ? (uint64_t)ms : 0;
}

static void take_properties(const struct amqp_properties *p, struct buffer *scratch,
                            struct iot_message *m)
{
    take_id(p->message_id, scratch, &m->message_id, &m->message_id_type);
    take_id(p->correlation_id, scratch, &m->correlation_id, &m->correlation_id_type);
    m->user_id = p->user_id;
    m->to = p->to;
    m->content_type = p->content_type;
    m->content_encoding = p->content_encoding;
    m->expiry_ms = time_of(p->expiry_ms);
    m->creation_ms = time_of(p->creation_ms);
}

/* A simple value as text; false for others. */
static bool print(const struct amqp_value *v, struct buffer *out)
{
    int64_t n;
    if (amqp_is_text(v))
        buffer_put(out, v->bytes);
    else if (v->type == AMQP_BOOLEAN)
        buffer_text(out, v->boolean ? "true" : "false");
    else if (v->type == AMQP_DOUBLE)
        buffer_printf(out, "%.17g", v->f64);
    else if (amqp_to_i64(v, &n))
        buffer_printf(out, "%lld", (long long)n);
    else
        return v->type == AMQP_NULL;
    return true;
}

static bool take_application_properties(const struct amqp_value *map, struct buffer *scratch,
                                        struct slice *list)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value name, v;
    struct buffer text = {0};
    size_t at = scratch->len;
    while (amqp_items_next(&items, &name) && amqp_items_next(&items, &v)) {
        buffer_reset(&text);
        if (amqp_is_text(&name) && print(&v, &text) &&
            !iot_property_put(scratch, name.bytes, buffer_slice(&text)))
            break; /* longer than a hub allows: no event of one */
    }
    bool good = reader_ok(&items.reader) && items.left == 0;
    buffer_clear(&text);
    *list = slice_from(scratch->at + at, scratch->len - at);
    return good;
}

enum status stream_reader_decode(struct slice bytes, struct buffer *scratch,
                                 struct iot_event *event, int64_t *sequence)
{
    struct amqp_message m;
    struct iot_event e = {0};
    int64_t n = -1;
    buffer_reset(scratch);
    buffer_reserve(scratch, bytes.len * 4 + 64); /* never grows below, so slices into it stay */
    if (amqp_message_read(bytes, &m) != OK || !take_annotations(&m.message_annotations, &e, &n) ||
        n < 0)
        return BAD_FORMAT;
    if (!amqp_message_bytes(&m, &e.message.body))
        return BAD_FORMAT;
    take_properties(&m.properties, scratch, &e.message);
    if (!take_application_properties(&m.application_properties, scratch, &e.message.properties))
        return BAD_FORMAT;
    *event = e;
    *sequence = n;
    return OK;
}
