#include "events/encode.h"

#include <stdio.h>

#include "iotamqp/message.h"

enum { NUMBER_MAX = 24 };

static struct slice number(int64_t n, char text[NUMBER_MAX])
{
    return slice_from(text, (size_t)snprintf(text, NUMBER_MAX, "%lld", (long long)n));
}

static void put_newest(struct buffer *b, const struct events_newest *n)
{
    char offset[NUMBER_MAX];
    size_t map = amqp_message_map_begin(b, AMQP_DELIVERY_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("last_enqueued_sequence_number"));
    amqp_write_long(b, n->sequence);
    amqp_write_symbol(b, SLICE("last_enqueued_offset"));
    amqp_write_string(b, number(n->sequence, offset));
    amqp_write_symbol(b, SLICE("last_enqueued_time_utc"));
    amqp_write_timestamp(b, (int64_t)n->enqueued_ms);
    amqp_write_symbol(b, SLICE("runtime_info_retrieval_time_utc"));
    amqp_write_timestamp(b, (int64_t)n->asked_ms);
    amqp_write_end(b, map, 8);
}

static uint32_t put_text(struct buffer *b, struct slice name, struct slice text)
{
    if (text.len == 0)
        return 0;
    amqp_write_symbol(b, name);
    amqp_write_string(b, text);
    return 2;
}

struct slice events_source_name(enum iot_source source)
{
    static const struct slice names[IOT_SOURCE_COUNT] = {
        [IOT_SOURCE_TELEMETRY] = SLICE_INIT("Telemetry"),
        [IOT_SOURCE_TWIN_CHANGE] = SLICE_INIT("twinChangeEvents"),
        [IOT_SOURCE_DEVICE_LIFECYCLE] = SLICE_INIT("deviceLifecycleEvents"),
        [IOT_SOURCE_MODULE_LIFECYCLE] = SLICE_INIT("moduleLifecycleEvents"),
        [IOT_SOURCE_DEVICE_CONNECTION_STATE] = SLICE_INIT("deviceConnectionStateEvents"),
        [IOT_SOURCE_DEVICE_JOB_LIFECYCLE] = SLICE_INIT("deviceJobLifecycleEvents"),
        [IOT_SOURCE_DIGITAL_TWIN_CHANGE] = SLICE_INIT("digitalTwinChangeEvents"),
    };
    return names[source];
}

static uint32_t put_place(struct buffer *b, const struct iot_event *e, int64_t sequence)
{
    char offset[NUMBER_MAX];
    amqp_write_symbol(b, SLICE("x-opt-sequence-number"));
    amqp_write_long(b, sequence);
    amqp_write_symbol(b, SLICE("x-opt-offset"));
    amqp_write_string(b, number(sequence, offset));
    amqp_write_symbol(b, SLICE("x-opt-enqueued-time"));
    amqp_write_timestamp(b, (int64_t)e->enqueued_ms);
    return 6 + put_text(b, SLICE("x-opt-partition-key"), e->partition_key);
}

/* Keys and values that are encoded already. */
static uint32_t put_others(struct buffer *b, struct slice annotations)
{
    struct reader r = reader_of(annotations);
    uint32_t items = 0;
    for (; r.rest.len && reader_ok(&r); items++)
        amqp_read_raw(&r);
    buffer_put(b, annotations);
    return items;
}

static void put_annotations(struct buffer *b, const struct iot_event *e, int64_t sequence)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    uint32_t items = put_place(b, e, sequence) + put_others(b, e->annotations);
    if (e->annotations.len == 0) { /* else a copy, and the time of the first is among them */
        amqp_write_symbol(b, SLICE("iothub-enqueuedtime"));
        amqp_write_timestamp(b, (int64_t)e->enqueued_ms);
        items += 2;
    }
    items += put_text(b, SLICE("iothub-connection-device-id"), e->from.device);
    items += put_text(b, SLICE("iothub-connection-module-id"), e->from.module);
    items += put_text(b, SLICE("iothub-connection-auth-method"), e->auth_method);
    items += put_text(b, SLICE("iothub-connection-auth-generation-id"), e->generation_id);
    items += put_text(b, SLICE("iothub-message-source"), events_source_name(e->source));
    items += put_text(b, SLICE("iothub-outputname"), e->message.output);
    items += put_text(b, SLICE("iothub-interface-id"), e->message.interface_id);
    items += put_text(b, SLICE("dt-subject"), e->message.subject);
    items += put_text(b, SLICE("dt-dataschema"), e->message.schema);
    amqp_write_end(b, map, items);
}

/* What a client sent into the stream: as it was, with its place in the annotations. */
static void put_sent(struct buffer *b, const struct iot_event *e, int64_t sequence)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    uint32_t items = put_place(b, e, sequence) + put_others(b, e->annotations);
    amqp_write_end(b, map, items);
    buffer_put(b, e->message.body);
}

void events_encode(const struct iot_event *e, int64_t sequence, const struct events_newest *newest,
                   struct buffer *out)
{
    if (newest)
        put_newest(out, newest);
    if (e->source == IOT_SOURCE_SENT) {
        put_sent(out, e, sequence);
        return;
    }
    put_annotations(out, e, sequence);
    struct buffer scratch = {0};
    struct iot_message m = e->message;
    m.properties = iot_event_properties(e, 0, &scratch);
    iotamqp_message_write_properties(out, &m);
    iotamqp_message_write_application(out, &m, (struct slice){0});
    buffer_clear(&scratch);
    amqp_message_data(out, e->message.body);
}
