/* The way down: what the hub asks of a child, handed to its session here. `arg` is the struct edge_child. */
#pragma once

#include "edge/child.h"

void edge_downstream_method(void *arg, uint64_t rid, struct slice name, struct slice payload);
void edge_downstream_desired(void *arg, struct slice patch, uint64_t version);

/* The child's connection to the hub is up, or its session is new: send what it reported while the hub was
 * away, fetch the twin, and tell the session of desired properties that it has not seen. */
void edge_downstream_refresh(struct edge_child *c);
