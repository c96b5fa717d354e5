/* Which node a request is about: "nodeId", and a path from there; without an id from the root. */
#pragma once

#include "twin/request.h"

typedef void twin_target_fn(void *arg, const UA_NodeId *node);

/* Calls fn with the node, perhaps before it returns, unless the request has ended with the reason.
 * `otherwise` is where a path begins without an id; NULL: the root. */
void twin_target_find(struct twin_request *r, const char *id_member, const char *path_member,
                      const UA_NodeId *otherwise, twin_target_fn *fn, void *arg);
