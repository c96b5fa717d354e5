/*
 * What was missed is read from the server's historian. An item notes the time of the last value
 * that it was told. When notifications were lost, or the subscription was made anew, what is
 * between that time and the next live value is a gap: it is read (HistoryRead, raw, in pages, in
 * the order of time) and told as late. Live values go on meanwhile and are never held up: an item's
 * late values are older than the live ones beside them, and in order among themselves. A gap that
 * cannot be read is told as lost.
 *
 * One call at a time on a session, no faster than the rate, and only while messages have room. A
 * connection that breaks in the midst is waited for; what was told is not told again.
 *
 * Bounds: BACKFILL_GAPS_MAX for each item, further ones are told as lost; BACKFILL_PAGE values in a
 * call. On the OPC UA thread.
 */
#pragma once

#include "base/list.h"
#include "opcua/session.h"

#define BACKFILL_GAPS_MAX 8
#define BACKFILL_PAGE 1000
#define BACKFILL_TRIES_MAX 5         /* of a call that fails while the connection stands */
#define BACKFILL_CHECKED_AT_ONCE 200 /* items that are asked whether they have history */

struct backfill; /* of one session */
struct backfill_item;

struct backfill_events {
    void (*on_late)(void *arg, const UA_DataValue *v);
    /* The time of the last value before the gap, and of the first one behind it. */
    void (*on_lost)(void *arg, UA_DateTime from, UA_DateTime until);
    bool (*has_room)(void *arg);
};

struct backfill_counts {         /* of all items together */
    uint64_t gaps, values, lost; /* lost: gaps */
    uint64_t waiting;            /* items with gaps, now */
};

struct backfill_config {
    const struct backfill_events *events;
    struct backfill_counts *counts;
    uint32_t rate; /* values a second, of a session; 0: as fast as it goes */
};

/* Those of a session; `all` is who owns them: one list a thread. */
struct backfill *backfill_get(struct list *all, struct opcua_session *s,
                              const struct backfill_config *config);
void backfill_unref(struct backfill **b);

/* `node`, `path` and `index_range` (both may be empty) are as in opcua_lookup() and opcua_item, and
 * borrowed. Refers to `b`. */
struct backfill_item *backfill_item_new(struct backfill *b, struct slice node, struct slice path,
                                        struct slice index_range, void *arg);
/* Nothing is told any more. */
void backfill_item_free(struct backfill_item **i);

/* Before its first value: an earlier start told what there was until `last`. */
void backfill_resume(struct backfill_item *i, UA_DateTime last);
/* Until when all was told; 0: nothing was. */
UA_DateTime backfill_told(const struct backfill_item *i);
/* A live value was told. `now`: by the clock of the server or by ours, whichever is ahead; what is more than a day
 * ahead of that is not believed. */
void backfill_value(struct backfill_item *i, const UA_DataValue *v, UA_DateTime now);
/* Values may be missing; `anew`: and the server tells the present one again. */
void backfill_gap(struct backfill_item *i, bool anew, UA_DateTime now);
