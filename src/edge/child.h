/*
 * A module or device below this edge: its session here, and its connection to the hub, which the edge
 * opens in its name. It exists while either does, or while something of it waits in the log.
 */
#pragma once

#include "client/device.h"
#include "edge/edge.h"
#include "edge/lane.h"
#include "edge/reports.h"
#include "heads/identity.h"

struct edge_child {
    unsigned refs;
    struct edge *edge;
    struct iot_id id;                       /* its bytes are `key` */
    char *key;                              /* "device" or "device/module" */
    const struct heads_identity *identity;  /* NULL until it has signed in here */
    char auth_method[128];
    struct heads_session *session;          /* NULL: not connected here */
    bool subscribed[HEADS_FEATURE_COUNT];
    bool full;                              /* was told FULL, waits for room */
    struct loop_timer expiry;
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

void edge_child_connect(struct edge_child *c, struct heads_session *s,
                        const struct heads_identity *identity, uint64_t expires_ms);
void edge_child_disconnect(struct edge_child *c, struct heads_session *s);
