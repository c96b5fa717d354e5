/*
 * All references of many nodes, in as few calls as the server bears: it says how many nodes one may
 * ask for, and is asked for less when that was too much, or when it has no room to keep what did
 * not fit into an answer. On the session's thread.
 */
#pragma once

#include "opcua/session.h"

#define OPCUA_BROWSE_MANY_MAX 500 /* nodes of one call */

struct opcua_browsed {
    UA_StatusCode status; /* of the node; bad: it has no references here */
    UA_ReferenceDescription *references;
    size_t count;
};

/* Once, after opcua_browse_many() returned and never later than its time. `status` is of the whole:
 * BadResponseTooLarge for more references than were wanted. What it tells lives until the callback
 * returns; to keep a part, move it out and zero it there. */
typedef void opcua_browse_many_fn(void *arg, UA_StatusCode status, struct opcua_browsed *nodes,
                                  size_t count);

void opcua_browsed_clear(struct opcua_browsed *b);

/* Nodes that are one call. */
size_t opcua_browse_many_most(struct opcua_session *s);

/* `what` is borrowed until this returns; the session is held by who asks. `references_max`: of all
 * nodes together. */
void opcua_browse_many(struct opcua_session *s, const UA_BrowseDescription *what, size_t count,
                       size_t references_max, opcua_browse_many_fn *fn, void *arg,
                       uint32_t timeout_ms);
