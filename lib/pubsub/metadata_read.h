/*
 * Attributes of many nodes at once, as metadata asks for them. On the OPC UA thread.
 */
#pragma once

#include "opcua/session.h"

#define METADATA_NODES_MAX 250 /* that one question is about */
#define METADATA_ATTRIBUTES_MAX 4

/* How many nodes one question may be about, `each` of which is so many operations; `limit`: of the
 * server, 0: none. */
size_t metadata_nodes_max(size_t limit, size_t each);

struct metadata_attributes {
    const uint32_t *which;
    size_t count;
};

/* `done` gets the attributes of the first node, then those of the next one. */
struct opcua_call *metadata_read(struct opcua_session *s, const UA_NodeId *const *nodes,
                                 size_t count, const struct metadata_attributes *attributes,
                                 opcua_call_fn *done, void *arg);

/* The answer if it is one, of `type` (NULL: of any); otherwise NULL. */
const UA_DataValue *metadata_good(const UA_ReadResponse *r, size_t i, const UA_DataType *type);
