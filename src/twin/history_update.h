/*
 * A change of a node's history: the details out of JSON, then one call. history_update.c is the
 * way of all; the details are made in history_values.c, history_events.c and history_delete.c.
 */
#pragma once

#include "twin/node_type.h"

#define HISTORY_UPDATES_MAX 10000 /* values or events in one request */

struct history_update;
/* Makes the details, and sends or fails; it may ask the server before. */
typedef void history_update_fn(struct history_update *u);

struct history_update {
    struct twin_request *request;
    const struct json *given; /* "details", an object */
    UA_NodeId node;
    UA_ExtensionObject *details; /* ends with the request */
    history_update_fn *make;
    UA_PerformUpdateType how; /* of values and events */
    bool modified;            /* of a delete */
    struct twin_node_type of; /* of values */
};

/* New details of the type, in u->details. */
void *history_update_details(struct history_update *u, size_t type);
void history_update_send(struct history_update *u);
void history_update_fail(struct history_update *u, enum status why, struct buffer *text);

history_update_fn history_update_values, history_update_events;
history_update_fn history_delete_values, history_delete_at_times, history_delete_events;
