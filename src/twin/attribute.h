/* A node's attributes: what Azure calls them, which nodes have them, and how each stands in a
 * NodeModel. */
#pragma once

#include "twin/request.h"

struct twin_attribute {
    const char *name;   /* "DisplayName", as in NodeAttribute */
    const char *member; /* "displayName", as in NodeModel; NULL: not there */
    UA_AttributeId id;
    size_t type;      /* in UA_TYPES; UA_TYPES_VARIANT for the value */
    int32_t rank;     /* of its value: -1, or 1 for an array */
    uint32_t classes; /* which node classes have it: the bits of UA_NodeClass */
    /* Writes the member out of a good value; nothing when it says nothing. */
    void (*put)(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v);
};

extern const struct twin_attribute twin_attributes[];
extern const size_t twin_attribute_count;

/* By name in any case; NULL when there is none. */
const struct twin_attribute *twin_attribute_find(struct slice name);

/* "Object"; NULL for none. */
const char *twin_node_class_name(UA_NodeClass c);
/* "Scalar", "OneDimension", …; NULL when a number must do. */
void twin_put_value_rank(struct json_writer *w, const char *name, int32_t rank);

/* Node classes by name, an array or "Object, Variable". False: one is not known. */
bool twin_node_classes_parse(const struct json *v, uint32_t *mask);
