/* Where paths lead to, as many as there are, in calls of as many as the server takes. */
#pragma once

#include "twin/request.h"

/* `status` bad: a call failed, and `results` is NULL; otherwise there is one for each path. They
 * end with the request. */
typedef void twin_translate_fn(void *arg, UA_StatusCode status, UA_BrowsePathResult *results);

/* The paths stay until then; fn(arg, …) is called after this returned. There is at least one. */
void twin_translate(struct twin_request *r, UA_BrowsePath *paths, size_t count,
                    twin_translate_fn *fn, void *arg);
