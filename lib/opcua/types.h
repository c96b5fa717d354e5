/*
 * Structures of a server's own, as it describes them (DataTypeDefinition, Part 3, 5.8.3): asked for
 * when a value or a node first has one, then remembered for all who work with that server. What it
 * does not describe stays in its bytes. On the OPC UA thread.
 */
#pragma once

#include "base/list.h"
#include "opcua/node_id.h"
#include "opcua/session.h"

#define OPCUA_TYPES_MAX 1000      /* known of one server; more are not asked for */
#define OPCUA_TYPES_CACHES_MAX 64 /* servers whose types are remembered; the oldest goes */

struct opcua_types; /* those of one server */

/* Those of the session's server, made when there are none. `all` is who owns them: one list a
 * thread. A reference. */
struct opcua_types *opcua_types_get(struct list *all, struct opcua_session *s);
void opcua_types_unref(struct opcua_types **t);
/* All of them, when nobody has a reference any more. */
void opcua_types_forget_all(struct list *all);

struct opcua_types *opcua_types_ref(struct opcua_types *t);

/* By its node's id or its binary encoding's; NULL: not known here, see opcua_types_load(). Lives as
 * long as *t. */
const UA_DataType *opcua_types_find(const struct opcua_types *t, const UA_NodeId *id);

/* `type` NULL: the server does not describe it, or not as something that can be read here. It is
 * not asked again, unless it did not answer in time. */
typedef void opcua_types_fn(void *arg, const UA_DataType *type);

/* Asks for a type and all that its fields are. `id` is the data type's, or (`encoding`) perhaps
 * that of an encoding, as it stands beside a value. Calls fn once, perhaps before it returns. Whoever asks
 * holds a reference on `t` until then, and the session. */
void opcua_types_load(struct opcua_types *t, struct opcua_session *s, const UA_NodeId *id,
                      bool encoding, opcua_types_fn *fn, void *arg, uint32_t timeout_ms);

/* ---- values ---- */

/* The first encoding in the value that is in its bytes and may be asked for; NULL: none. */
const UA_NodeId *opcua_types_wanted(const struct opcua_types *t, const UA_Variant *v);

/* A value out of the bytes of one object, UA_delete() it; NULL: not known, or it does not fit. */
void *opcua_types_read(const struct opcua_types *t, const UA_ExtensionObject *o,
                       const UA_DataType **type);

/* Reads the bytes of all that is known. What does not fit its description stays as it is. */
void opcua_types_decode(const struct opcua_types *t, UA_Variant *v);
