/*
 * What is wanted of a node's history: the details of HistoryRead out of JSON, in the shapes of 2.8
 * and 2.9. Each fills in *out, which the caller clears, also after a refusal; BAD_ARGUMENT and
 * others append to *why which member it is and what is wrong with it.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/node_id.h"
#include "json/json.h"

#define HISTORY_TIMES_MAX 10000 /* of one request */

/* Where an array of times goes: of ReadAtTimeDetails and of DeleteAtTimeDetails. */
struct history_times {
    size_t count;
    UA_DateTime *at; /* owned */
};

typedef enum status history_details_fn(const struct json *details,
                                       const struct opcua_namespaces *names,
                                       UA_ExtensionObject *out, struct buffer *why);

history_details_fn history_details_values;    /* {startTime,endTime,numValues,returnBounds} */
history_details_fn history_details_modified;  /* {startTime,endTime,numValues} */
history_details_fn history_details_at_times;  /* {reqTimes,useSimpleBounds} */
history_details_fn history_details_processed; /* {startTime,endTime,processingInterval,
                                                 aggregateTypeId, aggregateConfiguration} */
history_details_fn history_details_events;    /* {startTime,endTime,numEvents,filter} */

/* The member's time; *out is 0 when it is absent. */
CHECKED enum status history_details_time(const struct json *details, const char *member,
                                         UA_DateTime *out, struct buffer *why);
/* "reqTimes": at least one. */
CHECKED enum status history_details_times(const struct json *details, struct history_times *out,
                                          struct buffer *why);
/* "filter" of events, an object or a query's text; without one, what all events have is selected.
 */
CHECKED enum status history_details_filter(const struct json *details,
                                           const struct opcua_namespaces *names,
                                           UA_EventFilter *out, struct buffer *why);

/* ---- history_aggregate.c ---- */

/* "Average" in any case, or a node id in any form. The caller clears *out. */
CHECKED enum status history_aggregate_parse(struct slice text, const struct opcua_namespaces *names,
                                            UA_NodeId *out, struct buffer *why);
