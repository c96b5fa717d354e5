/* MethodMetadataModel: a method's arguments with the nodes of their types. */
#pragma once

#include "twin/method.h"
#include "twin/node.h"

struct twin_method_arguments {
    struct twin_method method; /* request and node are the caller's to set */
    struct twin_nodes types;   /* of the input's arguments, then the output's */
    void (*done)(void *arg);
    void *arg;
};

/* Fills them in, then calls done(arg), unless the request has ended with the reason. */
void twin_method_arguments_read(struct twin_method_arguments *d);

/* "objectId", "inputArguments" and "outputArguments" into the object that is open. */
void twin_method_arguments_put(struct twin_method_arguments *d);
