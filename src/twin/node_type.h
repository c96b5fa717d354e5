/* What the values of a variable are: the data type and rank that the node says. */
#pragma once

#include "twin/request.h"

struct twin_node_type {
    struct twin_request *request;
    UA_NodeId node; /* borrowed */
    const UA_DataType *type;
    int32_t rank;
    void (*done)(void *arg);
    void *arg;
};

/* Fills in type and rank, then calls done(arg), unless the request has ended with the reason. */
void twin_node_type_read(struct twin_node_type *t);
