/* Samples: a value by itself with its node, as OPC Publisher has always sent them. */
#include "pubsub/encoder.h"

static void begin(struct encoder *e, struct buffer *out)
{
    if (e->array)
        buffer_u8(out, '[');
}

static void end(struct encoder *e, struct buffer *out, size_t max, encoder_emit_fn *emit, void *arg)
{
    (void)max;
    if (e->array)
        buffer_u8(out, ']');
    emit(arg, out);
}

/* OPC Publisher's own structure: a dictionary of fields. */
#define EVENT_NAMESPACE "http://microsoft.com/Industrial-IoT/OpcPublisher"
#define COMPATIBLE                                                                                 \
    "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"" EVENT_NAMESPACE                        \
    "#i=1\",\"Encoding\":\"Json\",\"Body\":"
#define STRICT                                                                                     \
    "{\"Type\":22,\"Body\":{\"TypeId\":{\"Id\":1,\"Namespace\":\"" EVENT_NAMESPACE "\"},\"Body\":"

static void put_fields(struct encoder *e, struct buffer *out, const struct sample *s)
{
    buffer_u8(out, '{');
    for (size_t i = 0; i < s->event->eventFieldsSize; i++) {
        if (i)
            buffer_u8(out, ',');
        buffer_put(out, buffer_slice(&s->heads[i]));
        opcua_value_json_variant(&s->event->eventFields[i], &e->value_form, out);
    }
    buffer_u8(out, '}');
}

static void put_event(struct encoder *e, struct buffer *out, const struct sample *s)
{
    if (!e->value_form.reversible) {
        put_fields(e, out, s);
        return;
    }
    buffer_put(out, e->value_form.strict ? SLICE(STRICT) : SLICE(COMPATIBLE));
    put_fields(e, out, s);
    buffer_put(out, SLICE("}}"));
}

static void sample(struct encoder *e, struct buffer *out, const struct data_set *d,
                   const struct sample *s)
{
    if (e->members)
        buffer_u8(out, ',');
    buffer_put(out, s->node);
    buffer_put(out, buffer_slice(&d->origin));
    if (s->label.len) {
        buffer_put(out, s->label);
        buffer_u8(out, ',');
    }
    if (e->form->full) {
        buffer_put(out, SLICE("\"Timestamp\":"));
        opcua_value_json_time(s->now, out);
        buffer_u8(out, ',');
    }
    if (e->form->full && s->heartbeat)
        buffer_put(out, SLICE("\"Heartbeat\":true,"));
    if (s->late)
        buffer_put(out, SLICE("\"Late\":true,"));
    buffer_put(out, SLICE("\"Value\":"));
    if (s->event)
        put_event(e, out, s);
    else
        encode_data_value(s->value, e->form->field_mask, &e->value_form, &e->clock, out);
    if (e->form->full) {
        buffer_put(out, SLICE(",\"SequenceNumber\":"));
        encoder_put_number(out, d->sequence);
        buffer_put(out, SLICE(",\"ExtensionFields\":{"));
        buffer_put(out, buffer_slice(&d->extra));
        buffer_u8(out, '}');
    }
    buffer_u8(out, '}');
}

const struct encoder_ops encoder_samples = {
    .data_set_max = SIZE_MAX,
    .begin = begin,
    .sample = sample,
    .end = end,
    .overhead = encoder_json_overhead,
};
