/*
 * What a server of before OPC UA 1.04 says of its structures: its type dictionaries
 * (opcua/dictionary.h), and to which data types and encodings what stands in them belongs, as the
 * StructureDefinitions that later servers have. Asked for as a whole, once. On the session's thread.
 *
 * Bounds: OPCUA_DICTIONARIES_MAX documents, OPCUA_DICTIONARIES_BYTES_MAX of them together, and types
 * and fields as one document may have. What is beyond stays unknown.
 */
#pragma once

#include "opcua/session.h"

#define OPCUA_DICTIONARIES_MAX 64
#define OPCUA_DICTIONARIES_BYTES_MAX (16u << 20)

struct opcua_described {
    UA_NodeId data_type; /* of a type that no node stands for: its name, in its namespace */
    UA_NodeId encoding;  /* null: none */
    UA_QualifiedName name;
    UA_StructureDefinition definition;
};

struct opcua_dictionaries;

/* By either id; NULL: it is not described. `d` may be NULL. */
const struct opcua_described *opcua_dictionaries_find(const struct opcua_dictionaries *d,
                                                      const UA_NodeId *id);
/* How many ids something is found by. `d` may be NULL. */
size_t opcua_dictionaries_count(const struct opcua_dictionaries *d);
void opcua_dictionaries_free(struct opcua_dictionaries **d);

/* The callee's; without any when the server has none. Not `whole`: some of it was not told for now, or,
 * NULL, all of it (opcua/refusal.h). */
typedef void opcua_dictionaries_fn(void *arg, struct opcua_dictionaries *d, bool whole);

/* Calls fn once, after it returned, within timeout_ms. Whoever asks holds the session until then. */
void opcua_dictionaries_load(struct opcua_session *s, opcua_dictionaries_fn *fn, void *arg,
                             uint32_t timeout_ms);
