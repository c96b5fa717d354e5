/*
 * What a server says of its event types: the fields that events of a type have, its supertypes'
 * included, and what the type is called. Asked once for each session with the server; who asked
 * too early is told when it is worth asking again. On the OPC UA thread.
 */
#pragma once

#include "base/list.h"
#include "opcua/node_id.h"
#include "opcua/session.h"

#define OPCUA_EVENT_TYPE_FIELDS_MAX 240 /* of one type; the rest is left out, and said */
#define OPCUA_EVENT_TYPE_DEPTH_MAX 5    /* of a field's path */
#define OPCUA_EVENT_TYPES_MAX 2000      /* known of one server; more are not asked for */
#define OPCUA_EVENT_TYPE_NODES_MAX 1000 /* of one type with its supertypes, that are looked at; the rest is left out */

struct opcua_event_types; /* of one session */

/* Those of a session, made when there are none yet. `all` is who owns them: one list a thread. */
struct opcua_event_types *opcua_event_types_get(struct list *all, struct opcua_session *s);
/* After the last one they are forgotten. */
void opcua_event_types_unref(struct opcua_event_types **t);

/* Lives inside who waits. `fn` is called once, and may ask again. */
struct opcua_event_types_waiter {
    struct link link;
    void (*fn)(void *arg);
    void *arg;
};

struct opcua_event_type_field {
    UA_NodeId type; /* that has it first */
    UA_QualifiedName path[OPCUA_EVENT_TYPE_DEPTH_MAX];
    size_t depth;
};

struct opcua_event_type_fields {
    const struct opcua_event_type_field *fields;
    size_t count;
};

/* OK: *out is good until the caller returns to the loop. AGAIN: `w` waits. NOT_FOUND: the server
 * has no such event type (the next call asks it again). FULL beyond OPCUA_EVENT_TYPES_MAX. */
CHECKED enum status opcua_event_types_fields(struct opcua_event_types *t, const UA_NodeId *type,
                                             struct opcua_event_types_waiter *w,
                                             struct opcua_event_type_fields *out);

/* The type's DisplayName; empty when the server does not say. AGAIN: `w` waits. */
CHECKED enum status opcua_event_types_name(struct opcua_event_types *t, const UA_NodeId *type,
                                           struct opcua_event_types_waiter *w, struct slice *out);

/* Stops waiting; harmless when it does not. */
static inline void opcua_event_types_forget(struct opcua_event_types_waiter *w)
{
    list_remove(&w->link);
}
