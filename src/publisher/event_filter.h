/*
 * A node's "EventFilter" of publishednodes.json as OPC UA's EventFilter, and the names of its
 * fields. Node ids in it may name namespaces, so it is built for one server at a time. Pure.
 *
 * The simple form {"TypeDefinitionId": …} selects the fields that every event has, of events of
 * that type.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/node_id.h"
#include "opcua/stack.h"

#define EVENT_FIELDS_MAX 256
#define EVENT_ELEMENTS_MAX 256
#define EVENT_PATH_MAX 16

struct event_filter {
    UA_ExtensionObject object; /* of an UA_EventFilter */
    size_t field_count;
    struct buffer *heads; /* of each field: "name": */
};

/* BAD_FORMAT, BAD_ARGUMENT, NOT_FOUND (a namespace) append a sentence to *why, which may be NULL.
 */
CHECKED enum status event_filter_make(struct slice json, const struct opcua_namespaces *names,
                                      struct event_filter *out, struct buffer *why);
void event_filter_clear(struct event_filter *f);
