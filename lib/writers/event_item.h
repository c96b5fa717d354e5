/*
 * What an item that watches events has beside other items: its filter for the server of now, the
 * conditions that it keeps and asks to be told again, or what it follows of the server's model. On
 * the OPC UA thread.
 */
#pragma once

#include "published/event_filter.h"
#include "published/plan.h"
#include "writers/conditions.h"
#include "writers/model_changes.h"

struct event_item;

struct event_item_events {
    /* event_item_filter() or event_item_name() is worth asking again. */
    void (*on_ready)(void *arg);
    /* What the server calls the subscription and the item; false: it does not know them. */
    bool (*ids)(void *arg, uint32_t *subscription, uint32_t *item);
    /* It is time to send all conditions. */
    void (*on_snapshot)(void *arg, const struct conditions *all);
    /* False: messages have no room. */
    bool (*on_model_change)(void *arg, const struct model_change *change);
};

struct event_item_home {
    struct list *types; /* what servers say of event types, of all sessions of the thread */
    struct loop *loop;
    enum opcua_id_format format;
    const struct event_item_events *events;
    void *arg;
};

/* NULL: not an event item. The plan's texts are copied. */
struct event_item *event_item_new(const struct event_item_home *home, const struct plan_item *plan);
/* Before the session goes. */
void event_item_free(struct event_item **e);

/* The filter for this server. AGAIN: on_ready() says when. Otherwise it cannot be made, and *why
 * has a sentence. *out is good until the next call. */
CHECKED enum status event_item_filter(struct event_item *e, struct opcua_session *s,
                                      const UA_ExtensionObject **out, struct buffer *why);

/* It follows the server's model: what it tells is of the publisher's making. */
bool event_item_follows_model(const struct event_item *e);

/* The filter as it was configured, or what stands for it. */
struct slice event_item_query(const struct event_item *e);

/* As it was made last; NULL: never. */
const struct event_filter *event_item_made(const struct event_item *e);

/* The server watches it, anew or as before; or nothing can come any more. */
void event_item_live(struct event_item *e, struct opcua_session *s);
void event_item_lost(struct event_item *e);

/* The DisplayName of the event's type, or nothing; AGAIN as above. */
CHECKED enum status event_item_name(struct event_item *e, struct opcua_session *s,
                                    const UA_EventFieldList *event, struct slice *out);

/* An event of the filter as it was made last. True: it is to be told; false: it was for the item
 * itself. */
bool event_item_take(struct event_item *e, const UA_EventFieldList *event);
