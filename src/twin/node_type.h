/* What the values of a variable are: the data type and rank that the node says. */
#pragma once

#include "twin/request.h"

struct twin_node_type {
    struct twin_request *request;
    UA_NodeId node; /* borrowed */
    const UA_DataType *type;
    int32_t rank;
    const UA_DataType *current; /* of a node that takes several types: what its value has now; or
                                   NULL */
    void (*done)(void *arg);
    void *arg;
};

/* Fills in type and rank, then calls done(arg), unless the request has ended with the reason. */
void twin_node_type_read(struct twin_node_type *t);

/* A value out of JSON. `current` may be NULL; where it does not fit, what the JSON suggests is
 * taken. null is no value, but where a type has one that is nothing (a text, an id, a structure).
 * As opcua_value_json_read(). */
CHECKED enum status twin_value_make(struct twin_request *r, const struct json *v,
                                    const UA_DataType *type, int32_t rank,
                                    const UA_DataType *current, UA_Variant *out,
                                    struct buffer *why);
