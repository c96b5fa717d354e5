/*
 * Sources of values: subscriptions that are shared by all writers of the same session, interval and
 * subscription settings, up to SOURCE_ITEMS_MAX items each; more items make more of them. Nodes
 * that are read by us in a cycle (opcua/sampler.h) have sources of their own, one for each rate and
 * age. On the OPC UA thread.
 */
#pragma once

#include "opcua/subscription.h"
#include "outbox/outbox.h"
#include "published/plan.h"
#include "writers/backfill.h"

#define SOURCE_ITEMS_MAX 10000

struct source;
struct source_spec;
struct sources;
struct writer;

/* An item's place on a source, and what the source needs of it: the rest of what the server is told its writer says
 * when it is asked. Lives inside the writer's item. */
struct source_item {
    struct source *source;
    struct writer *writer;
    uint32_t index;
    UA_StatusCode status;
    int32_t sampling_ms; /* as in opcua_item, like those that follow */
    uint32_t queue_size : 23, attribute : 5, late_filter : 1, discard_new : 1, registered : 1, linked : 1;
};

#define SOURCE_QUEUE_SIZE_MAX ((1u << 23) - 1) /* more than any server keeps */

/* What writers do with what comes. */
struct source_events {
    /* Adds the item's texts and its filter. */
    void (*describe)(const struct source_item *item, struct opcua_item *out);
    /* False: it cannot take anything yet; asked while sources_hold() was called more often than
     * sources_release(). */
    bool (*takes)(const struct writer *w);
    /* The values of this writer in `values`: `first`, then linked by next[], SOURCE_NO_VALUE at the
     * end. */
    void (*on_values)(struct writer *w, struct source *s,
                      const UA_MonitoredItemNotification *values, const uint32_t *next,
                      uint32_t first, UA_DateTime now);
    void (*on_event)(struct writer *w, struct source_item *item, const UA_EventFieldList *event,
                     UA_DateTime now);
    void (*on_keep_alive)(struct writer *w, UA_DateTime now);
    /* A notification of the server was told to all writers that it is for. */
    void (*on_notified)(struct writer *w);
    /* Values of the item may be missing; `anew`: and its present one is told again. */
    void (*on_gap)(struct source_item *item, bool anew);
    /* Values can come, or not. */
    void (*on_state)(struct writer *w, struct source *s, bool alive);
    /* item->status is another one: the server took the node, or refused it. */
    void (*on_item)(struct source_item *item);
    /* The filter of an event item for this server; not good: it cannot be made, or not yet (then
     * source_retry() says when). */
    UA_StatusCode (*filter)(struct source_item *item, const UA_ExtensionObject **out);
    /* The server took the event item, or refused it: what it says of the filter. */
    void (*on_filter)(struct source_item *item, UA_StatusCode status,
                      const UA_ExtensionObject *result);
    /* The pace that the writer is to have from now on; NULL: what it has. stays(): it will not have
     * it, for sources_move() could not do it. */
    const struct source_spec *(*moves_to)(const struct writer *w);
    void (*stays)(struct writer *w);
    /* False: on_event is not to be called before source_retry(). */
    bool (*is_event_ready)(struct source_item *item, const UA_EventFieldList *event);
};

#define SOURCE_NO_VALUE UINT32_MAX

struct loop *sources_loop(const struct sources *s);

struct sources_config {
    struct opcua_thread *thread;
    struct outbox *outbox;
    const struct source_events *events;
    uint32_t items_max;      /* of a subscription; 0: SOURCE_ITEMS_MAX */
    uint32_t lifetime_count; /* of subscriptions; 0: see opcua/subscription.h */
};

struct sources *sources_new(const struct sources_config *config);
/* After all items are gone. */
void sources_free(struct sources **s);

/* There is room for messages again. */
void sources_resume(struct sources *s);

/* A writer takes nothing for a while; and does again. */
void sources_hold(struct sources *s);
void sources_release(struct sources *s);

struct source_spec { /* what makes a subscription another one */
    struct opcua_connection connection;
    int64_t publishing_ms;
    uint32_t keep_alive_count;
    uint8_t priority;
    bool no_transfer;
};

/* Changes the intervals of those sources all of whose writers have the same other pace. The writers
 * on others are told that they stay. Later moves_to() is to say NULL. */
void sources_move(struct sources *s);

struct source_wish {
    struct opcua_item item;
    bool cyclic; /* read by us, every item.sampling_ms */
    double max_age_ms;
    const struct source_item
        *trigger; /* reported when that one is; on a source already. NULL: by itself */
};

/* Puts it on a source. The texts of a cyclic one must live until source_remove(). */
void source_add(struct sources *s, const struct source_spec *spec, struct source_item *place,
                const struct source_wish *wish);
/* A reference to the session that these are on. */
struct opcua_session *sources_session(struct sources *s, const struct source_spec *spec);
void source_remove(struct source_item *place);
/* Another sampling interval, queue, discard policy, or filter as it is described; of one that is not cyclic. */
void source_modify(struct source_item *place, const struct opcua_item *item);
/* What was not good or not ready for the item is tried again, on another turn. */
void source_retry(struct source_item *place);

/* Its subscription begins anew at the server. */
void source_reset(struct source *s);

struct source_item *source_item_at(struct source *s, uint32_t index);
struct opcua_session *source_session(const struct source *s);
bool source_is_cyclic(const struct source *s); /* read by us, in cycles */
bool source_is_alive(const struct source *s);  /* as on_state() said last, also to who was not there yet */
/* When the server published what is being told. */
UA_DateTime source_published(const struct source *s);
/* False also asks for writers to be told when there is. */
bool source_has_room(const struct source_item *place);
/* What the server calls them; false: it does not know the item at present. */
bool source_ids(const struct source_item *place, uint32_t *subscription, uint32_t *item);
/* What servers say of their event types (opcua/event_types.h). */
struct list *sources_event_types(struct sources *s);
/* What is read from servers' histories (writers/backfill.h). */
struct list *sources_backfills(struct sources *s);
struct backfill_counts *sources_backfill_counts(struct sources *s);

struct source_counts {
    struct backfill_counts backfill;
    uint64_t subscriptions, items, live, failed, gaps, unknown_gaps, notifications, republished,
        transferred;
    uint64_t samplers, cyclic_reads, missed_cycles;
    uint64_t modified; /* items whose parameters the server changed */
};
struct source_counts sources_counts(const struct sources *s);
