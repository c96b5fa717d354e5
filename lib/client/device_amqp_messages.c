#include "client/device_amqp_messages.h"

/* ---- parts ---- */

static void write_correlation(struct buffer *b, struct slice encoded)
{
    struct amqp_properties p = amqp_properties_none();
    p.correlation_id = encoded;
    amqp_properties_write(b, &p);
}

static struct slice text_of(const struct amqp_value *map, struct slice name)
{
    struct amqp_value v;
    return amqp_map_find(map, name, &v) && amqp_is_text(&v) ? v.bytes : (struct slice){0};
}

static bool number_of(const struct amqp_value *map, struct slice name, int64_t *out)
{
    struct amqp_value v;
    return amqp_map_find(map, name, &v) && amqp_to_i64(&v, out);
}

/* ---- direct methods ---- */

enum status device_amqp_method_read(struct slice bytes, struct device_amqp_method *out)
{
    struct amqp_message m;
    struct device_amqp_method r;
    if (amqp_message_read(bytes, &m) != OK)
        return BAD_FORMAT;
    r.id = m.properties.correlation_id;
    r.name = text_of(&m.application_properties, SLICE("IoThub-methodname"));
    if (r.id.len == 0 || r.name.len == 0 || !amqp_message_bytes(&m, &r.payload))
        return BAD_ARGUMENT;
    *out = r;
    return OK;
}

void device_amqp_reply_write(struct buffer *b, struct slice id, int status, struct slice payload)
{
    write_correlation(b, id);
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(b, SLICE("IoThub-status"));
    amqp_write_int(b, status);
    amqp_write_end(b, map, 2);
    amqp_message_data(b, payload);
}

/* ---- twins ---- */

void device_amqp_twin_write(struct buffer *b, enum device_amqp_twin_ask what, struct slice id,
                            struct slice body)
{
    static const struct {
        struct slice operation, resource;
    } asks[] = {
        [DEVICE_AMQP_TWIN_GET] = {SLICE_INIT("GET"), {0}},
        [DEVICE_AMQP_TWIN_REPORT] = {SLICE_INIT("PATCH"), SLICE_INIT("/properties/reported")},
        [DEVICE_AMQP_TWIN_SUBSCRIBE] = {SLICE_INIT("PUT"),
                                        SLICE_INIT("/notifications/twin/properties/desired")},
    };
    struct buffer correlation = {0};
    uint32_t items = 2;
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("operation"));
    amqp_write_string(b, asks[what].operation);
    if (asks[what].resource.len) {
        amqp_write_symbol(b, SLICE("resource"));
        amqp_write_string(b, asks[what].resource);
        items += 2;
    }
    amqp_write_end(b, map, items);
    amqp_write_string(&correlation, id);
    write_correlation(b, buffer_slice(&correlation));
    amqp_message_data(b, body.len ? body : SLICE(" "));
    buffer_clear(&correlation);
}

static bool take_id(struct slice encoded, struct slice *id)
{
    struct amqp_value v;
    if (encoded.len == 0)
        return true;
    if (amqp_value_of(encoded, &v) != OK || !amqp_is_text(&v))
        return false;
    *id = v.bytes;
    return v.bytes.len > 0;
}

enum status device_amqp_twin_read(struct slice bytes, struct device_amqp_twin *out)
{
    struct amqp_message m;
    struct device_amqp_twin t = {0};
    int64_t status = 0, version = 0;
    if (amqp_message_read(bytes, &m) != OK || !take_id(m.properties.correlation_id, &t.id))
        return BAD_FORMAT;
    bool said = number_of(&m.message_annotations, SLICE("status"), &status);
    if ((t.id.len && (!said || status < 100 || status > 599)) || !amqp_message_bytes(&m, &t.body))
        return BAD_ARGUMENT;
    if (number_of(&m.message_annotations, SLICE("version"), &version) && version > 0)
        t.version = (uint64_t)version;
    t.status = (int)status;
    *out = t;
    return OK;
}

/* ---- messages to modules ---- */

struct slice device_amqp_input(struct slice bytes)
{
    struct amqp_message m;
    if (amqp_message_read(bytes, &m) != OK)
        return (struct slice){0};
    return text_of(&m.message_annotations, SLICE("x-opt-input-name"));
}
