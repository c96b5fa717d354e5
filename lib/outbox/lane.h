/*
 * The way to one other side: a transport, and the queues before it, one for each priority. The
 * higher priority goes first; within one, messages go in their order. Schemas of messages have a
 * queue of their own: they go before all messages that may name them, and grow never too old; one that is
 * refused is offered again (refused_schemas.h). What
 * grew too old is given up here, what was given up is told with the next message (gaps.h), and what was sent is counted. On
 * the module's loop.
 *
 * Bounds: LANE_FLIGHTS_MAX messages and LANE_FLIGHT_BYTES_MAX are with the transport and not
 * acknowledged.
 */
#pragma once

#include "outbox/queue.h"
#include "outbox/transport.h"

#define LANE_FLIGHTS_MAX 1024
#define LANE_FLIGHT_BYTES_MAX (4u << 20)
#define LANE_PRIORITIES 256
#define LANE_QUEUES (LANE_PRIORITIES + 1) /* the last is that of schemas */

struct lane;

struct lane_counts { /* of all lanes together */
    uint64_t sent, sent_bytes, sent_values;
    uint64_t dropped[GAP_REASON_COUNT], dropped_values;
    uint64_t lost; /* with the transport when it ended, and in no queue */
    uint64_t gaps; /* told in the stream */
};

struct lane_config {
    struct loop *loop;
    const struct transport_ops *ops; /* NULL: there is none of the kind that was asked for */
    struct transport_config transport; /* events and arg are filled in here */
    struct store_disk *disk;
    const char *directory; /* NULL: in memory alone. Copied */
    enum store_durability durability;
    uint64_t bytes_max, memory_bytes; /* of each queue */
    uint64_t age_ms;                  /* messages are kept so long, at most; 0: any */
    enum queue_policy policy;
    struct lane_counts *counts;
    void (*on_memory)(void *arg, uint64_t bytes); /* see queue.h */
    /* A message that nobody put comes into memory: a schema that is offered again. on_memory follows. */
    void (*on_enter)(void *arg, const struct outgoing *m);
    void *arg;
};

/* A lane whose transport cannot be opened gives up what comes; the log line says why. IO_FAILED:
 * the directory cannot be used. */
CHECKED enum status lane_open(const struct lane_config *config, struct lane **out);
void lane_close(struct lane **l);

/* Takes it over. */
void lane_put(struct lane *l, struct outgoing *m);

/* NULL: could not be opened. */
struct transport *lane_transport(const struct lane *l);

struct queue_counts lane_queue_counts(const struct lane *l);
