/* Data set messages as JSON, in network messages or without (OPC UA Part 14, 7.2.3). */
#include "pubsub/encoder.h"

/* ---- network messages ---- */

static void put_network_head(struct encoder *e, struct buffer *out)
{
    buffer_put(out, SLICE("{\"MessageId\":\""));
    encoder_put_id(e, out);
    buffer_put(out, SLICE("\",\"MessageType\":\"ua-data\""));
    buffer_put(out, buffer_slice(&e->head));
    buffer_put(out, SLICE(",\"Messages\":["));
}

static void begin(struct encoder *e, struct buffer *out)
{
    if (e->array)
        buffer_u8(out, '[');
    else if (e->form->network && !e->network_each)
        put_network_head(e, out);
}

static void end(struct encoder *e, struct buffer *out, size_t max, encoder_emit_fn *emit, void *arg)
{
    (void)max;
    if (e->array)
        buffer_u8(out, ']');
    else if (e->form->network && !e->network_each)
        buffer_put(out, SLICE("]}"));
    emit(arg, out);
}

/* ---- data set messages ---- */

static const struct slice frame_names[] = {
    [FRAME_DELTA] = SLICE_INIT("\"ua-deltaframe\""),
    [FRAME_KEY] = SLICE_INIT("\"ua-keyframe\""),
    [FRAME_EVENT] = SLICE_INIT("\"ua-event\""),
    [FRAME_CONDITION] = SLICE_INIT("\"ua-condition\""),
    [FRAME_KEEP_ALIVE] = SLICE_INIT("\"ua-keepalive\""),
};

/* Compatible messages have the name where Part 14 has the number: 2.8 and all documents do. */
static void put_writer_id(const struct encoder *e, struct slice name, struct buffer *out)
{
    if (!e->value_form.strict) {
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        buffer_put(out, name);
        buffer_u8(out, ',');
    } else if (e->form->head_mask & HEAD_WRITER_ID) {
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        encoder_put_number(out, e->set->id);
        buffer_u8(out, ',');
    }
}

static void put_head(const struct encoder *e, struct buffer *out, const struct data_set_head *h)
{
    const struct data_set *d = e->set;
    struct slice name = h->name.len ? h->name : buffer_slice(&d->name);
    buffer_u8(out, '{');
    put_writer_id(e, name, out);
    buffer_put(out, SLICE("\"SequenceNumber\":"));
    encoder_put_number(out, d->sequence);
    buffer_put(out, SLICE(",\"MetaDataVersion\":{\"MajorVersion\":"));
    encoder_put_number(out, d->major);
    buffer_put(out, SLICE(",\"MinorVersion\":"));
    encoder_put_number(out, d->minor);
    buffer_put(out, SLICE("},\"Timestamp\":"));
    opcua_value_json_time(h->now, out);
    buffer_put(out, SLICE(",\"MessageType\":"));
    buffer_put(out, frame_names[h->frame]);
    if (h->late)
        buffer_put(out, SLICE(",\"Late\":true"));
    if (e->value_form.strict) {
        buffer_put(out, SLICE(",\"DataSetWriterName\":"));
        buffer_put(out, name);
    }
    if (h->frame != FRAME_KEEP_ALIVE)
        buffer_put(out, SLICE(",\"Payload\":"));
}

static bool has_payload(const struct encoder *e)
{
    return e->frame != FRAME_KEEP_ALIVE || !e->form->head;
}

static void open(struct encoder *e, struct buffer *out, const struct data_set *d,
                 const struct data_set_head *h)
{
    e->set = d;
    e->frame = h->frame;
    e->fields = 0;
    if (e->members)
        buffer_u8(out, ',');
    e->at = out->len;
    if (e->network_each)
        put_network_head(e, out);
    if (e->form->head)
        put_head(e, out, h);
    e->payload_at = out->len - e->at;
    if (has_payload(e))
        buffer_u8(out, '{');
}

static void field(struct encoder *e, struct buffer *out, struct slice head, uint32_t index,
                  const UA_DataValue *v)
{
    (void)index;
    uint8_t *at =
        buffer_reserve(out, 1 + head.len + ENCODE_VALUE_MAX); /* once for the value, too */
    if (e->fields)
        *at++ = ',';
    else
        e->first_head = head.len;
    memcpy(at, head.at, head.len);
    buffer_added(out, head.len + (e->fields > 0));
    encode_data_value(v, e->form->field_mask, &e->value_form, &e->clock, out);
}

/* The brace and the name before the only value go. */
static void leave_value_alone(struct encoder *e, struct buffer *out)
{
    uint8_t *payload = out->at + e->at + e->payload_at;
    size_t gone = 1 + e->first_head;
    memmove(payload, payload + gone, (size_t)(out->at + out->len - payload) - gone);
    out->len -= gone;
}

static void close(struct encoder *e, struct buffer *out)
{
    bool lone = e->lone_value && e->fields == 1 && e->set->extra.len == 0;
    if (e->set->extra.len && e->frame != FRAME_KEEP_ALIVE) {
        if (e->fields)
            buffer_u8(out, ',');
        buffer_put(out, buffer_slice(&e->set->extra));
    }
    if (lone)
        leave_value_alone(e, out);
    else if (has_payload(e))
        buffer_u8(out, '}');
    if (e->form->head)
        buffer_u8(out, '}');
    if (e->network_each)
        buffer_put(out, SLICE("]}"));
}

/* ---- metadata ---- */

static void put_quoted(struct buffer *out, struct slice name, const struct buffer *value)
{
    buffer_put(out, name);
    buffer_put(out, buffer_slice(value));
}

static void metadata(struct encoder *e, struct buffer *out, const struct data_set *d,
                     const UA_DataSetMetaDataType *m)
{
    struct opcua_value_form form = e->value_form;
    form.reversible = false;
    buffer_put(out, SLICE("{\"MessageId\":\""));
    encoder_put_id(e, out);
    buffer_put(out, SLICE("\",\"MessageType\":\"ua-metadata\""));
    put_quoted(out, SLICE(",\"PublisherId\":"), &e->publisher);
    if (d->id != 0) {
        buffer_put(out, SLICE(",\"DataSetWriterId\":"));
        encoder_put_number(out, d->id);
    }
    put_quoted(out, SLICE(",\"DataSetWriterGroup\":"), &e->group);
    buffer_put(out, SLICE(",\"MetaData\":"));
    opcua_value_json_put(m, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE], &form, out);
    put_quoted(out, SLICE(",\"DataSetWriterName\":"), &d->name);
    buffer_u8(out, '}');
}

const struct encoder_ops encoder_json = {
    .data_set_max = SIZE_MAX,
    .begin = begin,
    .open = open,
    .field = field,
    .close = close,
    .end = end,
    .metadata = metadata,
    .overhead = encoder_json_overhead,
};
