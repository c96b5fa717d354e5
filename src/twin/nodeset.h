/* Nodes as a NodeSet2 document (OPC UA Part 6, annex F): written in turns, each node with its
 * references. */
#pragma once

#include "twin/walk.h"

/* The beginning, with the server's namespaces; what is between is nodes; the end. */
void nodeset_put_head(struct twin_request *r, struct buffer *out);
void nodeset_put_end(struct buffer *out);

/* <Reference>: one of a node's. */
void nodeset_put_reference(const UA_ReferenceDescription *d, struct buffer *out);
/* <UAVariable …>: the node of the turn, with the references that were written. Nothing for a node
 * whose class is not known. */
void nodeset_put_node(const struct twin_nodes *n, size_t node, struct slice references,
                      struct buffer *out);
