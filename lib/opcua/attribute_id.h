/* A node's attributes by name (Part 6, A.1). */
#pragma once

#include "base/slice.h"

/* "EventNotifier" in any case: 12. 0 when there is none of that name. */
uint32_t opcua_attribute_id(struct slice name);
/* NULL when there is none. */
const char *opcua_attribute_name(uint32_t id);
