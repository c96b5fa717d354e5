/*
 * Message routing as it runs. An event is decided about once, on the loop that owns its device, and
 * written once, into its device's partition, with the set of endpoints that it is for; the readers
 * of the built-in stream pass over what is not for them, and each further endpoint is a cursor on
 * the partitions (outlet.h). Knows loops and partitions, and no device.
 *
 * The configuration (config.h) is one file, replaced whole, also while the loops run: loop 0
 * checks it, gives each new endpoint an id that no other ever had, opens new streams, writes the
 * file, and then every loop takes it over. What an endpoint has been told so far is kept as long as
 * its name and kind stay.
 */
#pragma once

#include "events/events.h"
#include "routing/decide.h"
#include "routing/outlet.h"
#include "routing/sink.h"
#include "store/log.h"

#define ROUTING_LOOPS_MAX 64

struct routing;

/* What one loop has of it, for that loop's thread alone. */
struct routing_loop {
    struct routing_config *config; /* a reference */
    struct routing_scratch scratch;
    struct outlet *outlets[ROUTING_ENDPOINTS_MAX * EVENTS_PARTITIONS_MAX];
    size_t outlet_count;
};

/* What it points to outlives the routing, but for the paths. */
struct routing_setup {
    const char *hub_name, *events_name; /* of the built-in stream */
    const struct iot_limits *limits;
    struct loop *loops[ROUTING_LOOPS_MAX];
    unsigned loop_count, partition_count;
    struct partition *const *partitions; /* each on loop n % loop_count */
    struct events *events;
    const char *path; /* of the configuration; need not be there */
    const char
        *folder; /* for streams, files, dead letters, and what is remembered; made when absent */
    struct store_disk *disk;
    enum store_durability durability;
    /* On the loop, or before it runs: it has taken a configuration over. NULL: all goes to the
     * built-in stream, as it is. */
    void (*on_taken_over)(void *arg, unsigned loop, struct routing_loop *now);
    /* On loop 0, after all have: bits of enum iot_source that routes want; and whether any looks at
     * twins. */
    void (*on_wants)(void *arg, unsigned sources, bool twins);
    void *arg; /* of both */
};

/* Before the loops run. BAD_ARGUMENT, BAD_FORMAT: the log line says file, line and what. Blocks. */
CHECKED enum status routing_open(const struct routing_setup *setup, struct routing **out);
/* When no loop runs any more, and before the partitions close. */
void routing_close(struct routing **r);

/* `problem` is set for BAD_FORMAT and BAD_ARGUMENT, and lives until the call returns. */
typedef void routing_fn(void *arg, enum status why, const struct routing_problem *problem);
/* From any loop; fn(arg) comes on `loop` when every loop has the new configuration. CONFLICT:
 * if_match is neither empty nor "*" nor the etag. BUSY: another one is being taken over. IO_FAILED:
 * the old one stays. */
void routing_replace(struct routing *r, struct loop *loop, struct slice text, struct slice if_match,
                     routing_fn *fn, void *arg);

/* On a hub's loop: the configuration as it is there. Never NULL. */
const struct routing_config *routing_now(struct routing *r, const struct loop *loop);
/* 16 digits that differ when the text does. */
#define ROUTING_ETAG_LEN 16
void routing_etag(const struct routing_config *c, char out[ROUTING_ETAG_LEN + 1]);

/* Endpoints for people, from any thread: each once, those that are gone are left out. */
struct routing_endpoint_view {
    const char *name;
    enum routing_endpoint_kind kind;
    const struct routing_endpoint_state *state;
    const struct routing_stream *stream; /* NULL: it is none */
};
/* Start with *at NULL; false at the end. */
bool routing_next_endpoint(struct routing *r, void **at, struct routing_endpoint_view *out);

/* No sink has a batch. Where one loop alone is there, on it; for tests. */
bool routing_is_idle(const struct routing *r);
