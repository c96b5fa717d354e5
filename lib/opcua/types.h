/*
 * Structures of a server's own, as it describes them (DataTypeDefinition, Part 3, 5.8.3): asked for
 * when a value or a node first has one, then remembered for all who work with that server. What it
 * does not describe stays in its bytes. On the OPC UA thread.
 *
 * What it does not tell for now (opcua/refusal.h) is not remembered as that: it may be asked for again
 * after OPCUA_TYPES_AGAIN_MS, then after twice that, and with every new connection.
 *
 * A server may describe as many types in each other as it likes. Of these, OPCUA_TYPES_MAX are known, or
 * under way, with OPCUA_TYPES_BYTES_MAX in their descriptions; what needs one more is as not described,
 * and so is a structure with more than OPCUA_TYPES_NESTED_MAX of them in each other's place.
 */
#pragma once

#include "base/list.h"
#include "opcua/dictionaries.h"
#include "opcua/node_id.h"
#include "opcua/session.h"

#define OPCUA_TYPES_MAX 1000      /* known of one server; more are not asked for */
#define OPCUA_TYPES_BYTES_MAX (4u << 20)
#define OPCUA_TYPES_ID_BYTES_MAX 4096 /* of a type or an encoding; one with a longer id is not asked for */
#define OPCUA_TYPES_NESTED_MAX 64
#define OPCUA_TYPES_CACHES_MAX 64 /* servers whose types are remembered; the oldest goes */
#define OPCUA_TYPES_REFUSED_MAX 32 /* refused for now; when none of them is due, no others are asked for */
#define OPCUA_TYPES_AGAIN_MS 10000
#define OPCUA_TYPES_AGAIN_MS_MAX 600000

struct opcua_types; /* those of one server: opcua_session_types(). NULL: nothing is known */

/* Those of the session's server, made when there are none. `all` is who owns them: the thread's
 * list. A reference. */
struct opcua_types *opcua_types_get(struct list *all, struct opcua_session *s);
struct opcua_types *opcua_types_ref(struct opcua_types *t);
void opcua_types_unref(struct opcua_types **t);
/* All of them: at once, or when the last reference goes. */
void opcua_types_forget_all(struct list *all);

/* By its node's id or its binary encoding's; NULL: not known here, see opcua_types_load(). Lives as
 * long as *t. */
const UA_DataType *opcua_types_find(const struct opcua_types *t, const UA_NodeId *id);

/* `type` NULL: the server does not describe it, or not as something that can be read here, or not for
 * now. */
typedef void opcua_types_fn(void *arg, const UA_DataType *type);

struct opcua_types_load;

struct opcua_types_question {
    const UA_NodeId *id; /* the data type's, or */
    bool encoding;       /* perhaps that of an encoding, as it stands beside a value */
    uint32_t timeout_ms;
    opcua_types_fn *fn; /* once, perhaps before opcua_types_load() returns */
    void *arg;
    struct opcua_types_load **out; /* set until fn is called, for who may go before; or NULL */
};

/* Asks for a type and all that its fields are. Holds `t` and `s` until the answer. */
void opcua_types_load(struct opcua_types *t, struct opcua_session *s,
                      const struct opcua_types_question *q);
/* `fn` will not be called; harmless for NULL. What the server tells is remembered nevertheless. */
void opcua_types_cancel(struct opcua_types_load **l);
/* It was asked for as `id` before, and not told for now. */
bool opcua_types_was_refused(const struct opcua_types *t, const UA_NodeId *id);

/* ---- definitions of servers that have none (opcua/dictionaries.h) ---- */

struct opcua_types_waiter;

struct opcua_types_wish {
    uint32_t timeout_ms;
    void (*fn)(void *arg); /* once, perhaps before opcua_types_ask_dictionaries() returns */
    void *arg;
    struct opcua_types_waiter **out; /* set until fn is called, for who may go before; or NULL */
};

/* Asks for all that the server describes: once, for all who want it, and kept. What it does not tell for
 * now is asked for again as types are. */
void opcua_types_ask_dictionaries(struct opcua_types *t, struct opcua_session *s,
                                  const struct opcua_types_wish *wish);
/* `fn` will not be called; harmless for NULL. */
void opcua_types_wait_no_more(struct opcua_types_waiter **w);

/* By either id; NULL: not described, or not asked for yet. */
const struct opcua_described *opcua_types_described(const struct opcua_types *t,
                                                    const UA_NodeId *id);

/* ---- values ---- */

/* The first encoding in the value, however deep, that is in its bytes and may be asked for: cleared by
 * the caller. False: there is none. */
bool opcua_types_wanted(const struct opcua_types *t, const UA_Variant *v, UA_NodeId *out);

/* A value out of the bytes of one object, UA_delete() it; NULL: not known, or it does not fit. */
void *opcua_types_read(const struct opcua_types *t, const UA_ExtensionObject *o,
                       const UA_DataType **type);

/* Reads the bytes of all that is known. What does not fit its description stays as it is. */
void opcua_types_decode(const struct opcua_types *t, UA_Variant *v);

/* The bytes of a value of one of these types, or of the stack's: a ByteString of the caller's. */
CHECKED UA_StatusCode opcua_types_write(const struct opcua_types *t, const void *value,
                                        const UA_DataType *type, UA_ByteString *out);
/* What the stack cannot write by itself, for it has matrices inside, becomes bytes; the rest stays. */
CHECKED UA_StatusCode opcua_types_encode(const struct opcua_types *t, UA_ExtensionObject *o);
CHECKED UA_StatusCode opcua_types_encode_variant(const struct opcua_types *t, UA_Variant *v);
