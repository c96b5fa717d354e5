#include "client/cbs.h"

#include "base/encoding.h"
#include "iot/status_wire.h"
#include "token/sas.h"

size_t cbs_request_begin(struct buffer *b, struct slice reply_to)
{
    struct buffer id = {0};
    struct amqp_properties p = amqp_properties_none();
    amqp_write_string(&id, SLICE("1"));
    p.message_id = buffer_slice(&id);
    p.reply_to = reply_to;
    buffer_reset(b);
    amqp_properties_write(b, &p);
    buffer_clear(&id);
    return amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
}

uint32_t cbs_request_put(struct buffer *b, const char *name, struct slice value)
{
    amqp_write_string(b, slice_of(name));
    amqp_write_string(b, value);
    return 2;
}

/* Event Hubs take the key's text for the key; so does our hub. */
enum status cbs_event_hub_token(const struct cbs_event_hub *t, struct buffer *audience,
                                struct buffer *token)
{
    struct buffer key = {0}, resource = {0};
    buffer_printf(audience, "sb://%s/%s", t->host, t->entity);
    percent_encode(buffer_slice(audience), &resource);
    base64_encode(slice_of(t->key), &key);
    enum status s = sas_make(buffer_slice(&resource), buffer_slice(&key), slice_of(t->policy),
                             t->expires_ms, token);
    buffer_clear(&key);
    buffer_clear(&resource);
    return s;
}

void cbs_put_token(struct slice audience, struct slice token, struct buffer *b)
{
    size_t map = cbs_request_begin(b, SLICE("cbs"));
    uint32_t items = cbs_request_put(b, "operation", SLICE("put-token"));
    items += cbs_request_put(b, "type", SLICE("servicebus.windows.net:sastoken"));
    items += cbs_request_put(b, "name", audience);
    amqp_write_end(b, map, items);
    amqp_message_value_begin(b);
    amqp_write_string(b, token);
}

enum status cbs_answer(const struct amqp_message *m)
{
    struct amqp_value v;
    int64_t code;
    if (!amqp_map_find(&m->application_properties, SLICE("status-code"), &v) ||
        !amqp_to_i64(&v, &code))
        return PEER_FAILED;
    return iot_status_of_http((int)code);
}
