/* A method node: which object it belongs to, and its arguments. */
#pragma once

#include "twin/request.h"

struct twin_method {
    struct twin_request *request;
    UA_NodeId node;
    UA_NodeId object;         /* by an inverse HasComponent; null when there is none */
    const UA_Argument *input; /* end with the request */
    size_t input_count;
    const UA_Argument *output;
    size_t output_count;
    UA_NodeId properties[2]; /* InputArguments, OutputArguments; null: none */
    void (*done)(void *arg);
    void *arg;
};

/* Fills in all but `node`, then calls done(arg), unless the request has ended with the reason. */
void twin_method_read(struct twin_method *m);
