/*
 * All nodes below some, level by level, many in a call: each node with its attributes, then its
 * references. A node that was met before is told as a target, and not gone into again.
 *
 * The server works on the next question while what came is told, and is not asked while the caller
 * has enough (twin_request_pass_on()).
 */
#pragma once

#include "twin/node.h"
#include "twin/subtypes.h"
#include "twin/walk_queue.h"

#define TWIN_WALK_BATCH 200             /* nodes of a turn */
#define TWIN_WALK_REFERENCES 20000      /* that one answer of the server may have, all in all */
#define TWIN_WALK_REFERENCES_EACH 5000  /* and of one node; more come page after page */
#define TWIN_WALK_BYTES_MAX (64u << 20) /* of an answer that is not passed on in pieces */
#define TWIN_WALK_NODES_MAX 500000

/* Who walks. `node` is a node of the turn at hand: an index into walk->nodes->nodes. */
struct twin_walk_user {
    bool (*wanted)(void *arg, const struct twin_walk_node *n); /* its references; NULL: always */
    void (*node)(void *arg, size_t node);                      /* may be NULL */
    void (*reference)(void *arg, size_t node, const UA_ReferenceDescription *d);
    void (*failed)(void *arg, size_t node, UA_StatusCode why); /* it could not be browsed */
    void (*turn_end)(void *arg); /* all of the turn's nodes have their references; may be NULL */
    void (*done)(void *arg);     /* ends the request */
    void (*end)(void *arg);      /* the request has ended, however that was; may be NULL */
};

/* Nodes that are asked for together. */
struct twin_walk_turn {
    struct twin_keep keep;
    struct twin_nodes nodes;
    struct twin_walk_node *of;                /* what is known of each */
    size_t todo[TWIN_WALK_BATCH], todo_count; /* those that are to be browsed */
    size_t width;                             /* of them in one call */
    size_t sent[TWIN_WALK_BATCH], sent_count; /* those that were asked for last */
    UA_ByteString points[TWIN_WALK_BATCH]; /* of those whose references were more than one answer */
    size_t point_of[TWIN_WALK_BATCH], point_count;
    bool going_on; /* what was asked for last is what follows */
    bool alone; /* the server can keep no place at all: it gives all or nothing */
    bool fresh; /* its nodes are still to be told */
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
    bool names_told;                    /* names are what references say, and are not read again */
    const struct twin_subtypes *follow; /* the references that are followed; NULL: all */

    struct twin_nodes *nodes; /* of the turn at hand */
    size_t bytes;             /* what the user has made beside the answer, for the bound */

    /* inside */
    struct twin_walk_queue queue;
    struct twin_walk_turn turns[2];
    struct twin_walk_turn *turn;    /* that is asked for */
    struct twin_walk_turn *at_hand; /* that is told */
    UA_BrowseResult *results;       /* what has come */
    size_t result_count;
    int under_way; /* calls */
    UA_StatusCode failed;
    bool too_large;
};

/* Ends with the request. */
struct twin_walk *twin_walk_new(struct twin_request *r, const struct twin_walk_user *user);

/* From "nodeId" of the body, or from these nodes of namespace 0. */
void twin_walk_begin(struct twin_walk *s, const uint32_t *roots, size_t count);

/* The node that is at hand. */
const UA_NodeId *twin_walk_source(const struct twin_walk *s, size_t node);
