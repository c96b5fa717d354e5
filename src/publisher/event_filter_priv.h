/* The inside of event filters: event_filter.c (what is selected, the whole), event_where.c (which
 * events). */
#pragma once

#include "publisher/event_filter.h"
#include "json/json.h"

struct event_making {
    const struct event_filter_context *context;
    struct event_filter *out;
    UA_EventFilter *filter;
    struct buffer *why; /* never NULL */
};

/* Says it, with the clause in front that `why` begins with. */
enum status event_refuse(struct event_making *m, enum status why, const char *what);

/* TypeDefinitionId (or what a NodeId is called there), BrowsePath, AttributeId, IndexRange. */
CHECKED enum status event_read_attribute(struct event_making *m, const struct json *v,
                                         const char *type_name, UA_SimpleAttributeOperand *out);
CHECKED enum status event_read_attribute_id(struct event_making *m, const struct json *v,
                                            uint32_t *out);

/* {"Elements": […]} */
CHECKED enum status event_read_where(struct event_making *m, const struct json *where);
