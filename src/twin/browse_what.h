/* What is browsed for: direction, references, node classes and view, as all browsing methods have
 * them in their body. */
#pragma once

#include "twin/request.h"

/* All but the node. False after the request has ended with the reason. */
bool twin_browse_describe(struct twin_request *r, UA_BrowseDescription *d);
bool twin_browse_view(struct twin_request *r, UA_ViewDescription *out);
