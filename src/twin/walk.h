/*
 * All nodes below some, level by level, many in a call: each node with its attributes, then its
 * references. A node that was met before is told as a target, and not gone into again.
 */
#pragma once

#include "base/map.h"
#include "twin/node.h"
#include "twin/subtypes.h"

#define TWIN_WALK_BATCH 100             /* nodes of a turn */
#define TWIN_WALK_BYTES_MAX (64u << 20) /* of the answer */
#define TWIN_WALK_NODES_MAX 500000

/* Who walks. `node` is a node of the turn: an index into walk->nodes. */
struct twin_walk_user {
    bool (*node)(void *arg, size_t node); /* false: its references are not wanted */
    void (*reference)(void *arg, size_t node, const UA_ReferenceDescription *d);
    void (*failed)(void *arg, size_t node, UA_StatusCode why); /* it could not be browsed */
    void (*turn_end)(void *arg); /* all of the turn's nodes have their references; may be NULL */
    void (*done)(void *arg);     /* ends the request */
    void (*end)(void *arg);      /* the request has ended, however that was; may be NULL */
};

struct twin_walk_node {
    UA_NodeId id, type_definition; /* in the walk's arena */
    UA_NodeClass node_class;       /* 0: not known */
};

struct twin_walk {
    struct twin_request *request;
    const struct twin_walk_user *user;
    void *arg; /* the user's */

    /* to be set before it begins */
    UA_BrowseDescription how; /* all but the node; what it points to is the request's */
    UA_ViewDescription view;
    bool recurse, with_values;
    bool bare;                          /* attributes are not read: nodes are ids and classes */
    const struct twin_subtypes *follow; /* the references that are followed; NULL: all */

    struct twin_nodes nodes; /* of the turn */
    size_t bytes;            /* what the user has made beside the answer, for the bound */

    /* inside */
    struct arena memory;
    struct map seen;
    struct twin_walk_node *queue;
    size_t count, cap, at;
    size_t todo[TWIN_WALK_BATCH], todo_count; /* which of the nodes are to be browsed */
    size_t sent, width;
    UA_ByteString points[TWIN_WALK_BATCH]; /* of those whose references were more than one answer */
    size_t point_of[TWIN_WALK_BATCH], point_count;
};

/* Ends with the request. Between turns the request forgets what was taken from it. */
struct twin_walk *twin_walk_new(struct twin_request *r, const struct twin_walk_user *user);

/* From "nodeId" of the body, or from these nodes of namespace 0. */
void twin_walk_begin(struct twin_walk *s, const uint32_t *roots, size_t count);

/* Whether it was met before. */
bool twin_walk_knows(const struct twin_walk *s, const UA_NodeId *id);

/* The node that is at hand. */
const UA_NodeId *twin_walk_source(const struct twin_walk *s, size_t node);
