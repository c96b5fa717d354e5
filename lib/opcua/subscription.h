/*
 * A subscription with its monitored items, kept alive by itself: made when the session is ready,
 * taken along (TransferSubscriptions) or made again after a loss, with what was missed asked for
 * again (Republish). An item is known by its index, which is its client handle on the wire; nothing
 * is looked up per value.
 *
 * Notifications come decoded, in order of their sequence numbers and each once, and are not copied.
 * Who cannot take one says so: then it waits here, no more is asked for, and the server's queues
 * fill (back-pressure). What could not be had is told as a gap.
 *
 * All of it on the session's OPC UA thread.
 */
#pragma once

#include "opcua/session.h"

struct opcua_subscription;

#define OPCUA_ITEMS_MAX (1u << 20) /* of one subscription; some servers suffer beyond 10,000 */
#define OPCUA_ITEMS_PER_CALL_MAX 1000 /* or less: opcua/profile.h */
#define OPCUA_SUBSCRIPTION_HELD_MAX                                                                \
    64 /* notifications held while the callback says no; more are left to Republish */
#define OPCUA_SUBSCRIPTION_HELD_BYTES_MAX (64u << 20) /* likewise; the one that is next is held in any case */

/* What to watch. The texts and the filter are borrowed. */
struct opcua_item {
    struct slice node; /* any form of opcua_node_id_parse(); namespaces are looked up at each connect */
    struct slice path; /* from there: a JSON array, see opcua_lookup(); empty: the node itself */
    struct slice index_range;         /* empty: all */
    const UA_ExtensionObject *filter; /* DataChangeFilter, EventFilter; NULL: none */
    double sampling_ms;  /* 0: as fast as the server can; -1: as the subscription publishes */
    uint32_t queue_size; /* 0: the server's least */
    uint16_t attribute;  /* 0: Value (EventNotifier with an event filter) */
    bool late_filter : 1; /* the filter is asked for at each create: its node ids depend on the
                             server */
    bool discard_new : 1;
    bool registered : 1; /* RegisterNodes first: the server may then find it faster */
    bool linked : 1;     /* reported when another item is: see opcua_subscription_link() */
};

struct opcua_subscription_events {
    /* What is to be watched under the index: its owner keeps it, and is asked whenever the server is to be told. What
     * *out borrows lives until the next call. Not called by opcua_subscription_add(), nor after a removal. */
    void (*item)(void *arg, uint32_t index, struct opcua_item *out);
    /* items[i].clientHandle is an index. False: not now, see opcua_subscription_resume(). */
    bool (*on_data)(void *arg, const UA_MonitoredItemNotification *items, size_t count);
    /* For event items. NULL when there are none. */
    bool (*on_events)(void *arg, const UA_EventFieldList *events, size_t count);
    /* `count` notifications from sequence number `first` on are lost; 0: nobody knows how many (the
     * subscription was made again). May be NULL. */
    void (*on_gap)(void *arg, uint32_t first, uint32_t count);
    /* Good: the item is watched. Otherwise why not; it is tried again by itself. May be NULL. */
    void (*on_item)(void *arg, uint32_t index, UA_StatusCode status);
    /* For items with `late_filter`: Good, and what lives until the next call; or why the item cannot
     * be watched (now: see opcua_subscription_retry). */
    UA_StatusCode (*filter)(void *arg, uint32_t index, const UA_ExtensionObject **out);
    /* An item with `late_filter` was made at the server, or refused by it: what it says of the
     * filter. May be NULL. */
    void (*on_filter)(void *arg, uint32_t index, UA_StatusCode status,
                      const UA_ExtensionObject *result);
    void (*on_keep_alive)(void *arg);        /* may be NULL */
    void (*on_state)(void *arg, bool alive); /* notifications can come, or not. May be NULL */
};

struct opcua_subscription_config {
    struct opcua_session *session; /* referred to until it is freed */
    double publishing_ms;          /* at least 1 */
    uint32_t keep_alive_count;     /* 0: one about every ten seconds */
    uint32_t lifetime_count;       /* 0: two minutes, and three keep-alives at least */
    uint32_t notifications_max;    /* per publish; 0: 10,000 */
    uint8_t priority;
    bool no_transfer; /* make it again instead */
    const struct opcua_subscription_events *events;
    void *arg;
};

struct opcua_subscription *opcua_subscription_new(const struct opcua_subscription_config *config);

/* With another publishing interval and number of intervals until a keep-alive: changed at the
 * server (ModifySubscription), its items stay. */
void opcua_subscription_set_intervals(struct opcua_subscription *s, double publishing_ms,
                                      uint32_t keep_alive_count);

/* When the server published the notification that is being told. */
UA_DateTime opcua_subscription_published(const struct opcua_subscription *s);

/* Deleted at the server, too. No callback afterwards. */
void opcua_subscription_free(struct opcua_subscription **s);

/* Gives the new items' indexes, one by one, in `indexes` (may be NULL); events->item() says what
 * they are. FULL beyond OPCUA_ITEMS_MAX. Indexes of removed items are used again, after the server
 * has forgotten them. */
CHECKED enum status opcua_subscription_add(struct opcua_subscription *s, size_t count,
                                           uint32_t *indexes);
/* How many can be added. */
size_t opcua_subscription_room(const struct opcua_subscription *s);
/* Nothing more comes for the index, but what is under way. */
void opcua_subscription_remove(struct opcua_subscription *s, uint32_t index);

/* The item has another sampling interval, queue, filter or discard policy: changed at the server, not made
 * anew. Not for one with `late_filter`. */
void opcua_subscription_modify(struct opcua_subscription *s, uint32_t index);

/* `index`, added as `linked`, is only sampled, and reported when `trigger` is (SetTriggering). A
 * server that cannot do this reports it by itself. Ends with either item. */
void opcua_subscription_link(struct opcua_subscription *s, uint32_t trigger, uint32_t index);

/* An item that could not be watched is tried now instead of later. */
void opcua_subscription_retry(struct opcua_subscription *s, uint32_t index);

/* What the server calls the two. False: it has no such item at present. */
bool opcua_subscription_ids(const struct opcua_subscription *s, uint32_t index,
                            uint32_t *subscription, uint32_t *item);

/* Begins anew at the server: for who does not trust it any more. */
void opcua_subscription_reset(struct opcua_subscription *s);

/* After on_data or on_events said no: what was held is told again from there, before this returns.
 */
void opcua_subscription_resume(struct opcua_subscription *s);

struct opcua_subscription_counts {
    uint32_t items, live, failed; /* now; the rest is under way */
    uint64_t notifications, republished, gaps, duplicates, keep_alives, made, transferred;
    uint64_t modified; /* items, in place */
    size_t held;
};
struct opcua_subscription_counts opcua_subscription_counts(const struct opcua_subscription *s);

