/*
 * The way up. Reads the log in order and sends every message on as the module or device that it came
 * from: one connection to the hub for each of them, opened by the edge in its name. What the hub has
 * acknowledged without a gap is remembered in the log's cursor "upstream", and may then be dropped.
 *
 * In flight at once: EDGE_UPSTREAM_WINDOW messages and EDGE_UPSTREAM_BYTES; then it waits. A child whose
 * messages the hub refuses, or does not take for EDGE_UPSTREAM_PATIENCE_MS while it answers others, steps
 * aside (lane.h). The hub is asked about whom it refuses. When it knows him no more, his messages are set
 * aside and counted; when he is disabled they wait, and are set aside only if the log has become so full
 * (EDGE_UPSTREAM_DISABLED_PART of it) that they would soon hold up everybody.
 */
#pragma once

#include "edge/child.h"

#define EDGE_UPSTREAM_WINDOW 4096
#define EDGE_UPSTREAM_BYTES (16u << 20)
#define EDGE_UPSTREAM_TURN 4096 /* records read before others on the loop have their turn */
#define EDGE_UPSTREAM_PATIENCE_MS 2000
#define EDGE_UPSTREAM_DISABLED_PART(bytes) ((bytes) / 4 * 3)
#define EDGE_UPSTREAM_TWIN_MS 20000 /* for the hub's answer: less than the child waits for ours */
#define EDGE_UPSTREAM_IDLE_MS (60u * 1000) /* a connection that neither session nor log needs is closed */

struct edge_upstream *edge_upstream_new(struct edge *e);
void edge_upstream_free(struct edge_upstream **u);

/* More can be read from the log. */
void edge_upstream_durable(struct edge_upstream *u);

/* A child has a session here, so its methods and twin need a connection to the hub; or has it no more. */
void edge_upstream_wanted(struct edge_upstream *u, struct edge_child *c);
void edge_upstream_unwanted(struct edge_upstream *u, struct edge_child *c);

uint64_t edge_upstream_backlog(const struct edge_upstream *u); /* messages the hub has not acknowledged */
bool edge_upstream_connected(const struct edge_upstream *u);   /* at least one connection is up */

/* ---- for lane.c ---- */

struct list *edge_upstream_lanes(struct edge_upstream *u);  /* struct edge_child, lane.link */
uint64_t edge_upstream_passed(const struct edge_upstream *u); /* the reader of all is behind it */
/* OK; FULL; BAD_ARGUMENT: set aside; AGAIN: it is not this child's. */
CHECKED enum status edge_upstream_send_aside(struct edge_child *c, const struct store_record *r);
/* What has changed may let the cursor go on, and the reader of all. */
void edge_upstream_settle(struct edge_upstream *u);
