/*
 * One endpoint's way out of one partition: a cursor on the partition's log, on the loop that owns
 * it. It reads what is for the endpoint, gives a batch to the endpoint's sink, and moves the cursor
 * when the sink says that it was delivered. One batch at a time, so a device's events come in their
 * order; at least once, since the cursor may be older than what was delivered.
 *
 * A batch that fails is tried again after OUTLET_RETRY_MS, twice as long each time up to
 * OUTLET_RETRY_MS_MAX, for as long as the sink says AGAIN. An endpoint that stalls holds up nobody:
 * what waits for it is in the log alone, and what the log drops meanwhile is counted as lost, and
 * logged.
 */
#pragma once

#include "events/partition.h"
#include "io/loop.h"
#include "routing/config.h"

#define OUTLET_RETRY_MS 500
#define OUTLET_RETRY_MS_MAX 60000
#define OUTLET_LOOKS_MAX 4096 /* records in one turn of the loop, whomever they are for */

/* An endpoint's state for people, from any thread: relaxed atomics. */
struct routing_endpoint_state {
    uint64_t delivered, failures, dead, lost; /* events; attempts; given up; dropped by retention */
    uint64_t success_ms, failure_ms, attempt_ms; /* wall clock of the last one */
    uint64_t http_status;                        /* of the last failure; 0: no answer */
    uint64_t behind[EVENTS_PARTITIONS_MAX];      /* records that wait, by partition */
};

struct outlet;

/* What is to be delivered; the sink's from deliver() until outlet_batch_done(). */
struct outlet_batch {
    struct outlet *outlet;
    struct routing_config *config; /* a reference, as long as the sink has it */
    const struct routing_endpoint *endpoint;
    struct buffer records;   /* encoded events, one after the other */
    struct buffer ends;      /* uint32_t each */
    struct buffer sequences; /* uint64_t each */
    size_t count;
    unsigned partition;
    unsigned attempts;     /* before this one */
    uint64_t first_try_ms; /* wall clock */
    struct loop *home;
    enum status why;
    struct { /* the sink's */
        struct link node;
        struct buffer text;
        void *more;
        unsigned left;
        bool dead;
        int http_status;
    } sink;
};

/* Decodes the n-th. */
CHECKED enum status outlet_batch_event(const struct outlet_batch *b, size_t n, struct iot_event *e,
                                       uint64_t *sequence);

/* From any thread. OK: delivered, or given up and kept elsewhere (batch->sink.dead). Anything else:
 * to be tried again. */
void outlet_batch_done(struct outlet_batch *b, enum status why);

/* When no loop runs any more: the sink does not have it any longer. */
void outlet_batch_drop(struct outlet_batch *b);

struct sink_ops {
    /* On the outlet's loop. */
    void (*deliver)(void *sink, struct outlet_batch *b);
};

struct outlet_config {
    struct loop *loop;
    struct partition *partition;
    unsigned index; /* of the partition */
    struct routing_config *config;
    const struct routing_endpoint *endpoint;
    struct routing_endpoint_state *state;
    const struct sink_ops *ops;
    void *sink;
    bool from_now; /* a new endpoint: what is in the log is not its */
};

/* On the partition's loop, as all that follows. */
struct outlet *outlet_new(const struct outlet_config *config);
/* The same endpoint in a newer config; used from the next batch on. */
void outlet_change(struct outlet *o, struct routing_config *config,
                   const struct routing_endpoint *endpoint);
uint16_t outlet_id(const struct outlet *o);
unsigned outlet_partition(const struct outlet *o);
bool outlet_is_idle(const struct outlet *o); /* no sink has a batch of it */
/* Freed when the batch that is under way is done. */
void outlet_stop(struct outlet **o);
/* When no loop runs any more. One whose batch a helper thread may still have is left to the system.
 */
void outlet_free(struct outlet **o);

/* The endpoint is no more: what is remembered of it goes. */
void outlet_forget(struct partition *p, uint16_t id);

/* Whoever has a reference to a config drops it here: routing_config's `refs`. */
struct routing_config *routing_config_ref(struct routing_config *c);
void routing_config_unref(struct routing_config **c);
