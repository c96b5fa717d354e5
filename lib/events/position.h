/*
 * Where a reader of the stream begins: the selector filter that Azure's SDKs put on a link's
 * source, "amqp.annotation.x-opt-offset > '12'". Pure.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

/* The first record to be read, in the log's numbers; what is not decided by the filter alone is
 * decided when the log is there to be asked. */
enum events_start {
    EVENTS_AT,     /* a number; may lie before or behind what is kept */
    EVENTS_TIME,   /* the first one enqueued at or after time_ms */
    EVENTS_LATEST, /* what is appended from now on */
};

struct events_position {
    enum events_start start;
    uint64_t record; /* EVENTS_AT */
    uint64_t time_ms;
};

/* Event Hubs counts from 0, the log from 1. An offset is the event's sequence number as text. */
static inline int64_t events_sequence(uint64_t record)
{
    return (int64_t)record - 1;
}

/* One comparison; no filter (an empty slice) is the oldest that is kept. BAD_ARGUMENT for anything
 * else. */
CHECKED enum status events_position_read(struct slice selector, struct events_position *out);
