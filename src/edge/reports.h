/*
 * What a child reports of its twin, on its way to the hub: one report at a time, so that the hub
 * has them in the order in which they were made, whatever fails between. While the hub is away or
 * does not answer, all that waits is merged into what is pending (twins.h), which is sent before
 * anything newer.
 *
 * How many wait is bounded by the heads: HEADS_MQTT_TWIN_REQUESTS_MAX of a session.
 */
#pragma once

#include "base/list.h"
#include "base/slice.h"

struct edge_child;
struct heads_attendance;

struct edge_reports {
    struct list queue; /* struct report; the first is under way, unless it is what is pending */
    bool under_way;
};

void edge_reports_init(struct edge_reports *r);

/* The session it comes from is answered with reported(token): when the hub has taken it, or the
 * file. */
void edge_reports_put(struct heads_attendance *from, struct slice patch, uint64_t token);

/* There is a connection, or time has passed: what waits is tried. */
void edge_reports_go_on(struct edge_child *c);

/* Does the child's connection to the hub have to stay for them? */
bool edge_reports_wait(const struct edge_child *c);
