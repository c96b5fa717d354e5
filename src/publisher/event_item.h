/*
 * What an item that watches events has beside other items: its filter for the server of now, and
 * what it asked that server. On the OPC UA thread.
 */
#pragma once

#include "publisher/event_filter.h"
#include "publisher/plan.h"

struct event_item;

struct event_item_home {
    struct list *types; /* what servers say of event types, of all sessions of the thread */
    enum opcua_id_format format;
    void (*on_ready)(
        void *arg); /* event_item_filter() or event_item_name() is worth asking again */
    void *arg;
};

/* NULL: not an event item. The plan's texts are copied. */
struct event_item *event_item_new(const struct event_item_home *home, const struct plan_item *plan);
/* Before the session goes. */
void event_item_free(struct event_item **e);

/* The filter for this server. AGAIN: home.on_ready() says when. Otherwise it cannot be made, and
 * *why has a sentence. *out is good until the next call. */
CHECKED enum status event_item_filter(struct event_item *e, struct opcua_session *s,
                                      const UA_ExtensionObject **out, struct buffer *why);

/* As it was made last; NULL: never. */
const struct event_filter *event_item_made(const struct event_item *e);

/* The DisplayName of the event's type, or nothing; AGAIN as above. */
CHECKED enum status event_item_name(struct event_item *e, struct opcua_session *s,
                                    const UA_EventFieldList *event, struct slice *out);
