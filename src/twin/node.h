/*
 * NodeModel: a node with its attributes, and whether it has children. Made for many nodes at once:
 * their classes where they are not known, then all attributes, then one browse for the children.
 */
#pragma once

#include "twin/attribute.h"
#include "twin/walk_queue.h"

struct twin_node {
    UA_NodeId id;              /* borrowed */
    UA_NodeId type_definition; /* borrowed; null when not known */
    UA_NodeClass node_class;   /* 0: to be read */
    /* What a reference said of it: these are not read. NULL: they are, with the others. */
    const struct twin_walk_node *told;
    bool with_value;
    bool with_children;
    bool has_children;
    bool children_known;
    UA_StatusCode status; /* bad: there is no such node */
    size_t first;         /* of its values */
};

struct twin_nodes {
    struct twin_request *request;
    struct twin_node *nodes; /* in the request's arena */
    size_t count;
    UA_DataValue *values;
    void (*done)(void *arg);
    void (*failed)(void *arg, UA_StatusCode why); /* NULL: the request ends with it */
    void *arg;
    struct twin_keep *keep; /* where they live; NULL: they end with the request */
};

/* Fills the nodes in, and then calls done(arg), unless a service failed: then the request has
 * ended, or failed() was called. */
void twin_nodes_read(struct twin_nodes *n);

/* {"nodeClass":…,"displayName":…,"nodeId":…,…} */
void twin_put_node(const struct twin_nodes *n, size_t index);

/* An attribute that was read; NULL when nodes of its class have none. */
const UA_DataValue *twin_node_value(const struct twin_nodes *n, size_t index, UA_AttributeId id);

/* One of its members, if it has it; and "displayName", "browseName" and "description". Into the
 * object that is open. */
void twin_put_node_attribute(const struct twin_nodes *n, size_t index, UA_AttributeId id);
void twin_put_node_names(const struct twin_nodes *n, size_t index);
