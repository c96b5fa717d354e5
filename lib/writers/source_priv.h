/* The inside of sources, for their files: source.c, and source_move.c (when only intervals change), source_types.c (structures of a
 * server's own). */
#pragma once

#include "writers/source.h"

#include "opcua/sampler.h"

struct source {
    struct sources *owner;
    struct link link;
    struct buffer key;
    struct opcua_session *session;
    struct opcua_subscription *subscription; /* or: */
    struct opcua_sampler *sampler;
    struct source_item **items; /* by index; NULL when free */
    uint32_t item_cap, item_count;
    uint64_t gaps, unknown_gaps;
    bool refused; /* a notification waits for room */
    const struct source_item *waits_for; /* a notification waits until its event is ready */
    struct loop_timer retry;
    bool alive; /* values can come, as was told to writers */
    struct opcua_session_listener news; /* of a sampler: for that */
    struct opcua_types_load *asking; /* a type of the server's; NULL: none */
    bool waits_for_type;             /* values do; not for one that was refused before */
    struct opcua_session_listener back; /* listens while they wait without a connection to ask on */
};

struct sources {
    struct opcua_thread *thread;
    struct outbox *outbox;
    const struct source_events *events;
    struct list list;
    struct list event_types, backfills;
    struct backfill_counts backfill_counts;
    uint32_t held; /* writers that take nothing yet */
    struct loop_timer released; /* one takes again: from the loop, not from its callback */
    uint32_t items_max, lifetime_count;
    /* Scratch, grown to the largest notification. */
    uint32_t *next;
    size_t next_cap;
};

/* ---- source_types.c ---- */

/* False: values of a type that is being asked for wait, and are told again. */
bool source_types_are_known(struct source *s, const UA_MonitoredItemNotification *values,
                            size_t count);
bool source_types_of_events_are_known(struct source *s, const UA_EventFieldList *events,
                                      size_t count);
/* Before the source goes. */
void source_types_leave(struct source *s);

/* ---- source_move.c ---- */

/* What makes a source another one; `cyclic`: an item of it, NULL: it is a subscription. */
void source_key_put(const struct source_spec *spec, const struct opcua_item *cyclic,
                    double max_age_ms, struct buffer *out);
