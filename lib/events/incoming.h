/*
 * What a client of Event Hubs sends into a stream: one message, or a batch of Microsoft's format,
 * as records. Pure. The hub keeps the message as it is from its properties on (part 3, section 3.2:
 * the bare message does not change), its partition key, and its annotations but for those that a
 * hub sets itself: a client cannot make its event look like a device's.
 */
#pragma once

#include "amqp/connection.h"
#include "events/partition.h"

#define EVENTS_KEY_MAX 128 /* bytes of a partition key, Event Hubs' limit */

struct events_incoming {
    struct partition_append *append; /* the records are added to it */
    struct arena *arena;        /* holds the key */
    struct slice partition_key; /* found; empty when there was none */
    const char *text;           /* for a person, when refused */
};

/* BAD_FORMAT: no AMQP message. BAD_ARGUMENT: an empty batch, or a key that is too long or not a
 * string. */
CHECKED enum status events_incoming_read(struct events_incoming *in, uint32_t format,
                                         struct slice bytes, uint64_t wall_ms);
