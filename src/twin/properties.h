/*
 * Members of an answer that are the values of nodes below one node, found by the names that OPC UA
 * gives them: {"maxNodesPerRead": 1000, …}. What the server lacks is left out.
 */
#pragma once

#include "twin/request.h"

enum twin_property_kind {
    TWIN_PROPERTY_VALUE,    /* as it is */
    TWIN_PROPERTY_LIMIT,    /* a number; 0 is none, and left out */
    TWIN_PROPERTY_DURATION, /* milliseconds, told as a time span */
    TWIN_PROPERTY_NAMES,    /* an object of its children: {"Average": "i=2342"} */
};

struct twin_property {
    const char *member;
    const char *path; /* of names in namespace 0: "OperationLimits/MaxNodesPerRead" */
    enum twin_property_kind kind;
    const char *const *names; /* of an enumeration's values; NULL: none */
    size_t name_count;
};

struct twin_properties {
    struct twin_request *request;
    UA_NodeId from; /* borrowed */
    const struct twin_property *table;
    size_t count;
    void (*done)(void *arg);
    void *arg;

    /* inside */
    UA_NodeId *nodes; /* null: not there */
    UA_DataValue **values;
    struct buffer *children; /* of NAMES: the JSON object */
    size_t at;
};

/* Looks for all of them and reads them, then calls done(arg), unless a service failed: then the
 * request has ended. */
void twin_properties_read(struct twin_properties *p);

/* Members first to last-1 into the object that is open. */
void twin_properties_put(struct twin_properties *p, size_t first, size_t last);
