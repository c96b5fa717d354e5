/*
 * What a server says of its event types: the fields that events of a type have, its supertypes'
 * included, and what the type is called. Asked once for each session with the server; who asked
 * too early is told when it is worth asking again. On the OPC UA thread.
 */
#pragma once

#include "base/list.h"
#include "opcua/node_id.h"
#include "opcua/session.h"

#define EVENT_TYPE_FIELDS_MAX 240 /* of one type; the rest is left out, and said */
#define EVENT_TYPE_DEPTH_MAX 5    /* of a field's path */
#define EVENT_TYPES_MAX 2000      /* known of one server; more are not asked for */

struct event_types; /* of one session */

/* Those of a session, made when there are none yet. `all` is who owns them: one list a thread. */
struct event_types *event_types_get(struct list *all, struct opcua_session *s);
/* After the last one they are forgotten. */
void event_types_unref(struct event_types **t);

/* Lives inside who waits. `fn` is called once, and may ask again. */
struct event_types_waiter {
    struct link link;
    void (*fn)(void *arg);
    void *arg;
};

struct event_type_field {
    UA_NodeId type; /* that has it first */
    UA_QualifiedName path[EVENT_TYPE_DEPTH_MAX];
    size_t depth;
};

struct event_type_fields {
    const struct event_type_field *fields;
    size_t count;
};

/* OK: *out is good until the caller returns to the loop. AGAIN: `w` waits. NOT_FOUND: the server
 * has no such event type (the next call asks it again). FULL beyond EVENT_TYPES_MAX. */
CHECKED enum status event_types_fields(struct event_types *t, const UA_NodeId *type,
                                       struct event_types_waiter *w, struct event_type_fields *out);

/* The type's DisplayName; empty when the server does not say. AGAIN: `w` waits. */
CHECKED enum status event_types_name(struct event_types *t, const UA_NodeId *type,
                                     struct event_types_waiter *w, struct slice *out);

/* Stops waiting; harmless when it does not. */
static inline void event_types_forget(struct event_types_waiter *w)
{
    list_remove(&w->link);
}
