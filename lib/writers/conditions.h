/*
 * The conditions of an event item that are of interest now (Retain): what a server tells of its
 * alarms, each with its last event, and when to send all of them as a snapshot. A refresh of the
 * server tells all of them again; what it leaves out is gone. Pure: time comes in.
 *
 * Bounds: CONDITIONS_MAX and CONDITIONS_BYTES_MAX; what goes beyond is not kept, counted, and said
 * once.
 */
#pragma once

#include "opcua/stack.h"
#include "published/event_filter.h"

#define CONDITIONS_MAX 20000
#define CONDITIONS_BYTES_MAX (32u << 20) /* as they were on the wire */
#define CONDITIONS_REFRESH_MS_MAX 60000  /* from RefreshStart: then it counts as ended */
#define CONDITIONS_QUIET_MS                                                                        \
    10000 /* after a refresh without a start: then what was not told is gone */

struct conditions;

struct conditions *conditions_new(uint64_t snapshot_ms, uint64_t update_ms);
void conditions_free(struct conditions **c);

/* An event of the item. False: it is no condition. */
bool conditions_take(struct conditions *c, const UA_EventFieldList *event,
                     const struct event_filter *f);

/* ---- a refresh: asked for, perhaps begun and ended by events, answered ---- */

void conditions_refresh_asked(struct conditions *c);
void conditions_refresh_begins(struct conditions *c, uint64_t now_ms);
void conditions_refresh_ends(struct conditions *c);
void conditions_refresh_answered(struct conditions *c, uint64_t now_ms);

/* ---- sending ---- */

/* Time to send all of them: every snapshot interval, or when something changed, update interval
 * after the last time. True once. */
bool conditions_due(struct conditions *c, uint64_t now_ms);

size_t conditions_count(const struct conditions *c);
/* Walks them in no particular order: start with *at = 0. False at the end. The fields are good
 * until the next event. */
bool conditions_next(const struct conditions *c, size_t *at, UA_EventFieldList *out);
