/* Samples: a value by itself with its node, as OPC Publisher has always sent them. */
#include "publisher/encoder.h"

static void begin(struct encoder *e, struct buffer *out)
{
    if (e->array)
        buffer_u8(out, '[');
}

static void end(struct encoder *e, struct buffer *out, encoder_emit_fn *emit, void *arg)
{
    if (e->array)
        buffer_u8(out, ']');
    emit(arg, out);
}

static void put_event(struct encoder *e, struct buffer *out, const struct sample *s)
{
    for (size_t i = 0; i < s->event->eventFieldsSize; i++) {
        buffer_u8(out, i ? ',' : '{');
        buffer_put(out, buffer_slice(&s->heads[i]));
        opcua_value_json_variant(&s->event->eventFields[i], &e->value_form, out);
    }
    buffer_u8(out, '}');
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
    .content_type = "application/json",
    .begin = begin,
    .sample = sample,
    .end = end,
};
