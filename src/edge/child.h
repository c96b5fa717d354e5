/*
 * A module or device below this edge: its session here, and its connection to the hub, which the edge
 * opens in its name. It exists while either does, or while something of it waits in the log.
 */
#pragma once

#include "client/device.h"
#include "edge/edge.h"
#include "edge/lane.h"
#include "edge/reports.h"
#include "heads/attendance.h"

struct edge_child {
    struct heads_place place;               /* first: who is there */
    unsigned refs;
    struct edge *edge;
    struct iot_id id;                       /* its bytes are `key` */
    char *key;                              /* "device" or "device/module" */
    bool full;                              /* was told FULL, waits for room */
    struct device_client *up;               /* made by upstream.c; NULL: not needed yet */
    uint64_t up_in_flight;                  /* messages on their way to the hub */
    uint64_t up_heard_ms;                   /* when it last connected or acknowledged one */
    struct edge_lane lane;                  /* how they go */
    bool asking;                            /* the hub, what has become of its identity */
    struct loop_timer idle;                 /* frees `up` some time after the last use */
    struct edge_reports reports;            /* of its twin, on their way up */
    bool stale, fetching;                   /* the copy of its twin may be older than the hub's; is asked for */
    struct loop_timer again;                /* tries what the hub has not answered */
};

struct edge_child *edge_child_get(struct edge *e, struct iot_id id); /* a new reference */
struct edge_child *edge_child_find(struct edge *e, struct iot_id id); /* NULL; no reference */
struct edge_child *edge_child_ref(struct edge_child *c);
void edge_child_unref(struct edge_child **c);

static inline struct edge_child *edge_child_of(const struct heads_attendance *a)
{
    return (struct edge_child *)a->place;
}

/* Its live session here; NULL when it is not connected. */
static inline struct heads_session *edge_child_session(const struct edge_child *c)
{
    return c->place.live ? c->place.live->session : NULL;
}
