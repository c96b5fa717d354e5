/*
 * Structures of the server's own (opcua/types.h) as requests need them: to read values that have
 * some, to write nodes that want some, and to understand a TypeId in a body.
 */
#pragma once

#include "twin/request.h"

/* Variants that stand in an array of something: the first one, and how far apart they are. */
struct twin_variants {
    UA_Variant *first;
    size_t count, stride; /* bytes */
};

static inline struct twin_variants twin_variants_of(UA_DataValue *values, size_t count)
{
    return (struct twin_variants){count ? &values[0].value : NULL, count, sizeof(UA_DataValue)};
}

typedef void twin_types_fn(void *arg);

/* Makes readable what the server describes, then calls fn: at once when there is nothing to ask.
 * The variants must live until then. */
void twin_types_decode(struct twin_request *r, struct twin_variants v, twin_types_fn *fn,
                       void *arg);

/* Learns the types that a "TypeId" (of 1.05: "UaTypeId") somewhere in it names, then calls fn. */
void twin_types_of_json(struct twin_request *r, const struct json *v, twin_types_fn *fn, void *arg);

/* `type` NULL: `status` says why. */
typedef void twin_type_fn(void *arg, UA_StatusCode status, const UA_DataType *type);

/* What values of a data type are: OPC UA's or the server's own structure; or the nearest super
 * type that is known. Calls fn once, perhaps before it returns. */
void twin_types_find(struct twin_request *r, const UA_NodeId *data_type, twin_type_fn *fn,
                     void *arg);
