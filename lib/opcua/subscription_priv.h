/*
 * The inside of a subscription, for its files: subscription.c (its life at the server), receive.c
 * (sequence numbers, gaps, back-pressure), notification.c (what came), items.c (monitored items), publish.c (the publish
 * requests of a session, which all of its subscriptions share).
 */
#pragma once

#include "opcua/notification.h"
#include "opcua/session_priv.h"
#include "opcua/subscription.h"

enum subscription_state {
    SUBSCRIPTION_NONE,     /* the server has none of ours; → CREATING */
    SUBSCRIPTION_CREATING, /* → LIVE, NONE */
    SUBSCRIPTION_LIVE,     /* → DETACHED, NONE */
    SUBSCRIPTION_DETACHED, /* without connection, it may live there still; → LIVE, TRANSFERRING,
                              NONE */
    SUBSCRIPTION_TRANSFERRING, /* to the new session; → LIVE, NONE, DETACHED */
};

/* A notification that waits: for the ones before it, or for room behind the callback. */
struct held_message {
    struct link link;
    struct notification message; /* moved out of its response */
    size_t told;                 /* parts of it that were delivered */
    size_t bytes;
    bool old;                    /* of a subscription that the server no longer has, or without a number */
};

enum item_state {
    ITEM_FREE,     /* → NEW */
    ITEM_NEW,      /* to be created; → LOOKING, CREATING, FREE */
    ITEM_LOOKING,  /* for its node id, at the server; → FOUND, FAILED, NEW, REMOVED */
    ITEM_FOUND,    /* in `found`; → CREATING, NEW, FREE */
    ITEM_CREATING, /* → LIVE, FAILED, NEW, REMOVED */
    ITEM_LIVE,     /* → NEW (a new subscription), DELETING */
    ITEM_FAILED,   /* until `retry_s`; → NEW, FREE */
    ITEM_REMOVED,  /* to be deleted as soon as its id is known; → DELETING, FREE */
    ITEM_DELETING, /* → FREE */
};

/* What the item is, its owner knows (events->item): there may be a million, and most of the time nobody asks. */
struct item_slot {
    uint32_t server_id;
    UA_StatusCode status;
    uint32_t retry_s; /* of the loop's clock; when FREE: the next free index */
    uint8_t state;
    uint8_t failures;
    bool changed; /* the server has it with other parameters than it is to have */
    bool plain;   /* the server takes no filter on it */
};
_Static_assert(sizeof(struct item_slot) <= 16, "100,000 items are to fit into 64 MB with all else of the program");

/* A call about some items. */
struct item_call {
    struct link link;
    struct opcua_subscription *subscription;
    struct opcua_call *call;
    uint64_t sent_ms;
    size_t count;
    uint32_t indexes[];
};

/* One item that is reported when another is. */
struct item_link {
    uint32_t trigger, index;
    bool made;
};

/* An item whose node id the server has told. */
struct found_item {
    UA_NodeId node;
    uint32_t index;
};

struct opcua_subscription {
    struct opcua_session *session;
    struct loop *loop;
    struct opcua_subscription_config config;
    struct opcua_session_listener listener;
    struct link link; /* in the session's publishing */

    enum subscription_state state;
    uint32_t id;
    double publishing_ms; /* revised */
    uint32_t keep_alive_count, lifetime_count;
    bool outdated;             /* the server has other intervals than the configuration */
    struct opcua_call *call;   /* CREATING, TRANSFERRING */
    struct opcua_call *modify; /* in LIVE */
    struct loop_timer again;   /* after a refusal */
    struct loop_timer restart; /* for restart_why */
    UA_StatusCode restart_why;
    struct loop_timer watchdog;
    uint64_t heard_ms;

    /* receive.c */
    uint32_t expected;   /* the next sequence number */
    uint32_t known_next; /* what the server's next one is at least */
    struct list held;    /* in order of their sequence numbers */
    size_t held_count, held_bytes;
    bool paused;  /* the callback said no */
    bool telling; /* in the midst of it */
    UA_DateTime published; /* the notification that is told, or was last */
    struct opcua_call *republish;
    uint32_t asked;      /* what `republish` is for */
    unsigned unanswered; /* of these in a row */
    unsigned repeated;   /* messages in a row that seem to be repetitions */
    uint64_t misunderstood_ms; /* when something was, and it was said; 0: never */
    uint32_t *available; /* sequence numbers that the server keeps, as it last said */
    size_t available_count;
    struct list anew;    /* messages in a row with numbers from before, the last of them */
    size_t anew_count;   /* all of them */
    uint32_t anew_first; /* the number of the first of all */
    uint32_t anew_next;  /* the number that would follow them */

    /* items.c */
    struct item_slot *slots;
    uint32_t slot_count, slot_cap, free_index;
    uint32_t new_from; /* no NEW item before it */
    uint32_t used_count, new_count, failed_count, live_count;
    struct found_item *found;
    size_t found_count, found_cap;
    uint32_t *to_delete; /* indexes */
    size_t to_delete_count, to_delete_cap;
    bool deletes_wait; /* the server refused to; until the next retry */
    uint32_t *to_modify; /* indexes; some may be gone since */
    size_t to_modify_count, to_modify_cap;
    struct item_link *links; /* items_link.c */
    size_t link_count, link_cap;
    bool links_due; /* some may be made now */
    uint32_t batch; /* of calls, learned; 0: as the profile begins */
    bool shrunk;    /* it was, for a refusal that may be of one item; until the next retry */
    bool looks_for_one; /* it was, and no call for a single item was refused since */
    bool takes_some;    /* a call was answered since */
    bool takes_none;    /* none was, and one for a single item was refused: until one is answered */
    struct list item_calls;
    unsigned item_call_count;
    bool uncertain; /* a call was lost: who knows which items the server has */
    struct loop_timer retry, pump;

    struct opcua_subscription_counts counts;
};

/* ---- subscription.c ---- */

/* The server's subscription is gone or silent: begins anew, on another turn. */
void subscription_restart(struct opcua_subscription *s, UA_StatusCode why);

/* ---- publish.c ---- */

/* Subscriptions that are LIVE get publish requests; both may be called twice. */
void publish_join(struct opcua_subscription *s);
void publish_leave(struct opcua_subscription *s);
/* A subscription is being made, or that has ended. */
void publish_creating(struct opcua_session *session, bool begins);
/* The server has been busy for a while with monitored items of any of the session's subscriptions: that it tells
 * nothing says nothing, and to begin anew would make it busier. Those calls have their own time. */
bool publish_waits_for_items(const struct opcua_session *session);
/* Sends as many as are due. */
void publish_refill(struct opcua_session *session);
void publish_acknowledge(struct opcua_subscription *s, uint32_t sequence);

/* ---- receive.c ---- */

/* Takes what it keeps out of *message. */
void receive_message(struct opcua_subscription *s, struct notification *message);
/* What the server says it keeps for Republish. Borrowed. */
void receive_available(struct opcua_subscription *s, const uint32_t *sequences, size_t count);
/* A new subscription at the server: sequence numbers begin at 1. Held ones stay to be told. */
void receive_restart(struct opcua_subscription *s);
/* Asks for what is missing, when the server can be asked. */
void receive_resume(struct opcua_subscription *s);
void receive_stop(struct opcua_subscription *s); /* the connection is gone */
void receive_clear(struct opcua_subscription *s);

/* ---- items.c ---- */

void items_init(struct opcua_subscription *s);
void items_pump(struct opcua_subscription *s);    /* creates and deletes what is due */
/* Likewise after a call. One that was lost is repeated when the session is back, or later where it is not seen to
 * have gone: not at once. */
void items_pump_after(struct opcua_subscription *s, UA_StatusCode status);
void items_stop(struct opcua_subscription *s);    /* the connection is gone */
void items_restart(struct opcua_subscription *s); /* all are to be created again */
void items_clear(struct opcua_subscription *s);

/* For the files of items: */
void items_pump_soon(struct opcua_subscription *s);
struct opcua_item items_what(const struct opcua_subscription *s, uint32_t index);
void items_make_new(struct opcua_subscription *s, uint32_t index);
void items_free_index(struct opcua_subscription *s, uint32_t index);
void items_fail(struct opcua_subscription *s, uint32_t index, UA_StatusCode why);
void items_tell(struct opcua_subscription *s, uint32_t index, UA_StatusCode status, bool first);
void items_delete_later(struct opcua_subscription *s, uint32_t index);

/* ---- items_call.c ---- */

uint32_t items_batch(const struct opcua_subscription *s); /* of one call */
struct item_call *items_call_new(struct opcua_subscription *s, size_t room);
void items_call_free(struct item_call *c);
/* Calls grow while the server is quick with them, and shrink when it is not. */
void items_call_answered(const struct item_call *c);
/* The whole call failed. */
void items_call_failed(struct opcua_subscription *s, size_t count, UA_StatusCode why);
/* Sent once more at once: the connection was lost, fewer may be borne, or the subscription begins anew. Otherwise the
 * server would say the same again, as often as it is asked. */
bool items_call_again(UA_StatusCode why, size_t count);
/* It may be one of them that made the server refuse all. */
bool items_may_be_of_one(const struct opcua_subscription *s, UA_StatusCode why, size_t count);
/* As opcua_call_was_lost(), and by some more. */
bool items_call_was_lost(UA_StatusCode why);

/* ---- items_find.c ---- */

void items_look_up(struct opcua_subscription *s, uint32_t index,
                   const struct opcua_item *i); /* NEW → LOOKING */
void items_look_again(struct opcua_subscription *s);              /* all FOUND → NEW */
void items_forget_found(struct opcua_subscription *s, uint32_t index);
void items_stop_looking(struct opcua_subscription *s);

/* ---- items_modify.c ---- */

void items_modify(struct opcua_subscription *s, uint32_t index); /* a LIVE one is as it is not to be */
bool items_modify_some(struct opcua_subscription *s);            /* false: nothing to do */

/* ---- items_link.c ---- */

bool items_link_some(struct opcua_subscription *s); /* false: nothing to do */
void items_unlink_all(struct opcua_subscription *s); /* the server has none any more */
void items_forget_links(struct opcua_subscription *s, uint32_t index);
