#include "heads/amqp_device_messages.h"

#include "base/encoding.h"

/* ---- C2D and inputs ---- */

static void write_header(struct buffer *b, uint32_t delivery_count)
{
    amqp_header_write(b, &(struct amqp_header){.priority = AMQP_ABSENT,
                                               .ttl_ms = AMQP_ABSENT,
                                               .delivery_count = delivery_count});
}

static void write_annotations(struct buffer *b, const struct heads_delivery *d)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    uint32_t items = 0;
    if (d->message->input.len) {
        amqp_write_symbol(b, SLICE("x-opt-input-name"));
        amqp_write_string(b, d->message->input);
        items += 2;
    }
    if (d->enqueued_ms) {
        amqp_write_symbol(b, SLICE("iothub-enqueuedtime"));
        amqp_write_timestamp(b, (int64_t)d->enqueued_ms);
        items += 2;
    }
    if (d->sequence) {
        amqp_write_symbol(b, SLICE("x-opt-sequence-number"));
        amqp_write_long(b, (int64_t)d->sequence);
        items += 2;
    }
    if (d->lock.len) {
        amqp_write_symbol(b, SLICE("x-opt-lock-token"));
        amqp_write_string(b, d->lock);
        items += 2;
    }
    amqp_write_end(b, map, items);
}

void heads_amqp_delivery_write(struct buffer *b, const struct heads_delivery *d)
{
    struct buffer ack = {0};
    struct slice before;
    bool said = iot_property_find(d->message->properties, SLICE("iothub-ack"), &before);
    if (d->ack.len && !said)
        (void)iot_property_put(&ack, SLICE("iothub-ack"), d->ack);
    write_header(b, d->count);
    write_annotations(b, d);
    iotamqp_message_write_properties(b, d->message);
    iotamqp_message_write_application(b, d->message, buffer_slice(&ack));
    amqp_message_data(b, d->message->body);
    buffer_clear(&ack);
}

/* ---- twins ---- */

static struct slice text_of(const struct amqp_value *map, struct slice name)
{
    struct amqp_value v;
    if (!amqp_map_find(map, name, &v) || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

static enum heads_amqp_twin_operation operation_of(struct slice verb, struct slice resource)
{
    static const struct {
        struct slice verb, resource;
        enum heads_amqp_twin_operation operation;
    } known[] = {
        {SLICE_INIT("PATCH"), SLICE_INIT("/properties/reported"), HEADS_AMQP_TWIN_REPORT},
        {SLICE_INIT("PUT"), SLICE_INIT("/notifications/twin/properties/desired"),
         HEADS_AMQP_TWIN_SUBSCRIBE},
        {SLICE_INIT("DELETE"), SLICE_INIT("/notifications/twin/properties/desired"),
         HEADS_AMQP_TWIN_UNSUBSCRIBE},
    };
    if (slice_eq_nocase(verb, SLICE("GET")))
        return HEADS_AMQP_TWIN_GET;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_eq_nocase(verb, known[i].verb) && slice_eq_nocase(resource, known[i].resource))
            return known[i].operation;
    return HEADS_AMQP_TWIN_UNKNOWN;
}

enum status heads_amqp_twin_read(struct slice bytes, struct heads_amqp_twin_request *out)
{
    struct amqp_message m;
    struct slice body;
    if (amqp_message_read(bytes, &m) != OK)
        return BAD_FORMAT;
    if (!amqp_message_bytes(&m, &body))
        return BAD_ARGUMENT;
    *out = (struct heads_amqp_twin_request){
        .operation = operation_of(text_of(&m.message_annotations, SLICE("operation")),
                                  text_of(&m.message_annotations, SLICE("resource"))),
        .correlation_id = m.properties.correlation_id,
        .body = body,
    };
    return OK;
}

static void write_correlation(struct buffer *b, struct slice encoded)
{
    struct amqp_properties p = amqp_properties_none();
    if (encoded.len) /* else null: whoever asked without one */
        p.correlation_id = encoded;
    amqp_properties_write(b, &p);
}

static uint32_t write_version(struct buffer *b, uint64_t version)
{
    if (version == 0)
        return 0;
    amqp_write_symbol(b, SLICE("version"));
    amqp_write_long(b, (int64_t)version);
    return 2;
}

void heads_amqp_twin_write(struct buffer *b, struct slice correlation_id, int status,
                           uint64_t version, struct slice body)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("status"));
    amqp_write_int(b, status);
    amqp_write_end(b, map, 2 + write_version(b, version));
    write_correlation(b, correlation_id);
    if (body.len)
        amqp_message_data(b, body);
}

void heads_amqp_desired_write(struct buffer *b, struct slice patch, uint64_t version)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("resource"));
    amqp_write_string(b, SLICE("/notifications/twin/properties/desired"));
    amqp_write_end(b, map, 2 + write_version(b, version));
    amqp_message_data(b, patch);
}

/* ---- direct methods ---- */

void heads_amqp_method_write(struct buffer *b, const uint8_t id[HEADS_AMQP_CALL_LEN],
                             struct slice name, struct slice payload)
{
    uint8_t uuid[1 + HEADS_AMQP_CALL_LEN] = {0x98};
    memcpy(uuid + 1, id, HEADS_AMQP_CALL_LEN);
    write_correlation(b, slice_from(uuid, sizeof(uuid)));
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(b, SLICE("IoThub-methodname"));
    amqp_write_string(b, name);
    amqp_write_end(b, map, 2);
    amqp_message_data(b, payload);
}

static bool read_id(struct slice encoded, uint8_t id[HEADS_AMQP_CALL_LEN])
{
    struct amqp_value v;
    if (encoded.at == NULL || amqp_value_of(encoded, &v) != OK)
        return false;
    if (v.type == AMQP_STRING)
        return uuid_parse(v.bytes, id);
    if (v.bytes.len != HEADS_AMQP_CALL_LEN || (v.type != AMQP_UUID && v.type != AMQP_BINARY))
        return false;
    memcpy(id, v.bytes.at, HEADS_AMQP_CALL_LEN);
    return true;
}

static bool read_status(const struct amqp_value *properties, int *status)
{
    struct amqp_value v;
    int64_t n = 0;
    uint64_t text;
    if (!amqp_map_find(properties, SLICE("IoThub-status"), &v))
        return false;
    if (amqp_is_text(&v) && slice_to_u64(v.bytes, &text) && text <= INT32_MAX)
        n = (int64_t)text;
    else if (v.type == AMQP_DOUBLE && v.f64 >= 0 && v.f64 <= INT32_MAX)
        n = (int64_t)v.f64;
    else if (!amqp_to_i64(&v, &n) || n < INT32_MIN || n > INT32_MAX)
        return false;
    *status = (int)n;
    return true;
}

enum status heads_amqp_method_read(struct slice bytes, struct heads_amqp_method_reply *out)
{
    struct amqp_message m;
    struct heads_amqp_method_reply r = {0};
    if (amqp_message_read(bytes, &m) != OK)
        return BAD_FORMAT;
    if (!amqp_message_bytes(&m, &r.payload) || !read_id(m.properties.correlation_id, r.id) ||
        !read_status(&m.application_properties, &r.status))
        return BAD_ARGUMENT;
    *out = r;
    return OK;
}
