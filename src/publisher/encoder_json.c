/* Data set messages as JSON, in network messages or without (OPC UA Part 14, 7.2.3). */
#include "base/encoding.h"
#include "publisher/encoder.h"

/* ---- network messages ---- */

/* Not for secrets: only unlikely to come twice. */
static void put_message_id(struct encoder *e, struct buffer *out)
{
    uint64_t random[2];
    for (int i = 0; i < 2; i++) {
        e->random ^= e->random << 13;
        e->random ^= e->random >> 7;
        e->random ^= e->random << 17;
        random[i] = e->random;
    }
    char text[UUID_TEXT_LEN + 1];
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    uuid_text(bytes, text);
    buffer_put(out, slice_from(text, UUID_TEXT_LEN));
}

static void put_network_head(struct encoder *e, struct buffer *out)
{
    buffer_put(out, SLICE("{\"MessageId\":\""));
    put_message_id(e, out);
    buffer_put(out, SLICE("\",\"MessageType\":\"ua-data\""));
    buffer_put(out, e->publisher);
    buffer_put(out, SLICE(",\"Messages\":["));
}

static void begin(struct encoder *e, struct buffer *out)
{
    if (e->array)
        buffer_u8(out, '[');
    else if (e->form->network && !e->network_each)
        put_network_head(e, out);
}

static void end(struct encoder *e, struct buffer *out, encoder_emit_fn *emit, void *arg)
{
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
    [FRAME_KEEP_ALIVE] = SLICE_INIT("\"ua-keepalive\""),
};

static void put_writer(const struct encoder *e, const struct data_set *d, struct buffer *out)
{
    if (e->value_form.strict && e->form->head_mask & HEAD_WRITER_ID) {
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        encoder_put_number(out, d->id);
    } else if (!e->value_form.strict) { /* 2.8 and all documents have the name there */
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        buffer_put(out, buffer_slice(&d->name));
    } else {
        buffer_put(out, SLICE("\"DataSetWriterName\":"));
        buffer_put(out, buffer_slice(&d->name));
    }
}

static void put_head(struct encoder *e, struct buffer *out, UA_DateTime now)
{
    const struct data_set *d = e->set;
    buffer_u8(out, '{');
    put_writer(e, d, out);
    buffer_put(out, SLICE(",\"SequenceNumber\":"));
    encoder_put_number(out, d->sequence);
    buffer_put(out, SLICE(",\"MetaDataVersion\":{\"MajorVersion\":1,\"MinorVersion\":0},"
                          "\"Timestamp\":"));
    opcua_value_json_time(now, out);
    buffer_put(out, SLICE(",\"MessageType\":"));
    buffer_put(out, frame_names[e->frame]);
    if (e->value_form.strict && e->form->head_mask & HEAD_WRITER_ID) {
        buffer_put(out, SLICE(",\"DataSetWriterName\":"));
        buffer_put(out, buffer_slice(&d->name));
    }
    if (e->frame != FRAME_KEEP_ALIVE)
        buffer_put(out, SLICE(",\"Payload\":"));
}

static void open(struct encoder *e, struct buffer *out, const struct data_set *d, enum frame frame,
                 UA_DateTime now)
{
    e->set = d;
    e->frame = frame;
    e->fields = 0;
    if (e->members)
        buffer_u8(out, ',');
    if (e->network_each)
        put_network_head(e, out);
    if (e->form->head)
        put_head(e, out, now);
    if (frame != FRAME_KEEP_ALIVE)
        buffer_u8(out, '{');
}

static void field(struct encoder *e, struct buffer *out, struct slice head, const UA_DataValue *v)
{
    if (e->fields)
        buffer_u8(out, ',');
    buffer_put(out, head);
    encode_data_value(v, e->form->field_mask, &e->value_form, &e->clock, out);
}

static void close(struct encoder *e, struct buffer *out)
{
    if (e->set->extra.len) {
        buffer_u8(out, ',');
        buffer_put(out, buffer_slice(&e->set->extra));
    }
    if (e->frame != FRAME_KEEP_ALIVE)
        buffer_u8(out, '}');
    if (e->form->head)
        buffer_u8(out, '}');
    if (e->network_each)
        buffer_put(out, SLICE("]}"));
}

const struct encoder_ops encoder_json = {
    .content_type = "application/json",
    .begin = begin,
    .open = open,
    .field = field,
    .close = close,
    .end = end,
};
