/* The way down: what the hub asks and tells of a child, handed to its session here. */
#pragma once

#include "edge/child.h"

#define EDGE_DOWNSTREAM_AGAIN_MS 5000

/* device_client_events' on_method and on_desired; `arg` is the struct edge_child. */
void edge_downstream_method(void *arg, uint64_t rid, struct slice name, struct slice payload);
void edge_downstream_desired(void *arg, struct slice patch, uint64_t version);

/* The hub's twin, whole, becomes the copy. The session is told of desired properties that are new
 * in it, unless it is the one that gets it whole. */
void edge_downstream_learn(struct edge_child *c, struct slice json,
                           const struct heads_session *gets_it);

/* The copy may have missed something: the twin is fetched, now or when the hub is there. */
void edge_downstream_stale(struct edge_child *c);

/* The hub may be there: send what was reported while it was away, fetch what may have been missed.
 */
void edge_downstream_refresh(struct edge_child *c);

/* It was there and did not answer: the same, EDGE_DOWNSTREAM_AGAIN_MS later. */
void edge_downstream_again(struct edge_child *c);
