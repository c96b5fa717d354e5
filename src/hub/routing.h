/*
 * Message routing as it runs. An event is decided about once, on the loop that owns its device, and
 * written once, into its device's partition, with the set of endpoints that it is for; the readers
 * of the built-in stream pass over what is not for them, and each further endpoint is a cursor on
 * the partitions (outlet.h). A hub without routes has none of this: hub_loop.routing is NULL.
 *
 * The configuration (routing_config.h) is one file, replaced whole, also while the hub runs: loop 0
 * checks it, gives each new endpoint an id that no other ever had, opens new streams, writes the
 * file, and then every loop takes it over. What an endpoint has been told so far is kept as long as
 * its name and kind stay.
 */
#pragma once

#include "events/events.h"
#include "hub/device.h"
#include "hub/outlet.h"
#include "hub/routing_decide.h"
#include "store/log.h"

struct hub_routing;

/* What one loop has of it. */
struct hub_routing_loop {
    struct hub_loop *owner;
    struct hub_routing_config *config; /* a reference */
    struct hub_routing_scratch scratch;
    struct hub_outlet *outlets[HUB_ENDPOINTS_MAX * EVENTS_PARTITIONS_MAX];
    size_t outlet_count;
    /* sources.c */
    size_t telling;
    uint64_t connection_number;
};

struct hub_routing_setup {
    struct hub *hub;
    struct events *events;
    const char *path; /* of the configuration; need not be there */
    const char
        *folder; /* for streams, files, dead letters, and what is remembered; made when absent */
    struct store_disk *disk;
    enum store_durability durability;
};

/* Before the loops run. BAD_ARGUMENT, BAD_FORMAT: the log line says file, line and what. Blocks. */
CHECKED enum status hub_routing_open(const struct hub_routing_setup *setup,
                                     struct hub_routing **out);
/* When no loop runs any more, and before the partitions close. */
void hub_routing_close(struct hub_routing **r);

/* `problem` is set for BAD_FORMAT and BAD_ARGUMENT, and lives until the call returns. */
typedef void hub_routing_fn(void *arg, enum status why, const struct hub_routing_problem *problem);
/* From any loop; fn(arg) comes on `loop` when every loop has the new configuration. CONFLICT:
 * if_match is neither empty nor "*" nor the etag. BUSY: another one is being taken over. IO_FAILED:
 * the old one stays. */
void hub_routing_replace(struct hub_routing *r, struct loop *loop, struct slice text,
                         struct slice if_match, hub_routing_fn *fn, void *arg);

/* On a hub's loop: the configuration as it is there. Never NULL. */
const struct hub_routing_config *hub_routing_now(struct hub_routing *r, const struct loop *loop);
/* 16 digits that differ when the text does. */
#define HUB_ROUTING_ETAG_LEN 16
void hub_routing_etag(const struct hub_routing_config *c, char out[HUB_ROUTING_ETAG_LEN + 1]);

/* Endpoints for people, from any thread: each once, those that are gone are left out. */
struct hub_endpoint_view {
    const char *name;
    enum hub_endpoint_kind kind;
    const struct hub_endpoint_state *state;
};
/* Start with *at NULL; false at the end. */
bool hub_routing_next_endpoint(struct hub_routing *r, void **at, struct hub_endpoint_view *out);

/* ---- on the loop that owns the device, and only where hub_loop.routing is not NULL ---- */

/* False: no route takes it. */
bool hub_routing_decide_on(struct hub_loop *owner, struct iot_id id, struct iot_event *e);
/* What a device sends: as partition_send(). */
CHECKED enum status hub_routing_send(struct heads_attendance *from, struct iot_event *e,
                                     uint64_t token);
/* The same with what is known of its twin: routing_twins.c has waited for it. */
CHECKED enum status hub_routing_send_now(struct heads_attendance *from, struct iot_event *e,
                                         uint64_t token);
