/*
 * An event of the stream as the AMQP message that Event Hubs' SDKs expect: where it stands in
 * message annotations (x-opt-*), who sent it and how in iothub-*, system properties in properties
 * with the types that they came with, the device's own properties in application properties, the
 * body as it was. What a client sent into the stream comes out as it went in.
 */
#pragma once

#include "base/buffer.h"
#include "iot/message.h"

/* The newest of the partition, for readers that ask to be told with every event. */
struct events_newest {
    int64_t sequence;
    uint64_t enqueued_ms;
    uint64_t asked_ms;
};

/* iothub-message-source: "Telemetry", "twinChangeEvents"; empty for what a client sent. */
struct slice events_source_name(enum iot_source source);

/* Appends. `sequence` counts from 0; `newest` may be NULL. */
void events_encode(const struct iot_event *e, int64_t sequence, const struct events_newest *newest,
                   struct buffer *out);
