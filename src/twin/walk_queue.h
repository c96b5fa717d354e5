/*
 * The nodes that a walk has met and has still to go to, first in, first out, in few bytes each; and
 * all that it has met at all, eight bytes each: two nodes with the same hash are taken for one,
 * which among a million happens once in some ten million walks.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "opcua/stack.h"

/* Of a node that a reference led to, what the reference says of it. */
struct twin_walk_node {
    UA_NodeId id, type_definition;
    UA_NodeClass node_class; /* 0: not known; then the names are not, either */
    UA_QualifiedName browse_name;
    UA_String display_name;
};

struct twin_walk_queue {
    struct buffer bytes;
    size_t taken; /* of them */
    size_t count; /* of nodes in it */
    uint64_t *met;
    size_t met_count, met_cap;
};

void twin_walk_queue_clear(struct twin_walk_queue *q);

/* Copies, unless it was met before. */
void twin_walk_queue_put(struct twin_walk_queue *q, const struct twin_walk_node *n);
bool twin_walk_queue_met(const struct twin_walk_queue *q, const UA_NodeId *id);

/* The next one, its texts in the arena; there must be one. */
void twin_walk_queue_take(struct twin_walk_queue *q, struct arena *a, struct twin_walk_node *out);
