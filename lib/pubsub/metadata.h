/*
 * What a data set's fields look like, asked from their server: OPC UA's DataSetMetaData (Part 14,
 * 6.2.3.2). Types of the server's own come with their definitions as far as it tells them, and so
 * do the types in these. On the OPC UA thread.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/session.h"

#define METADATA_TYPES_MAX 1000 /* of one data set; the rest is left out */
#define METADATA_MS 20000       /* until one question is given up */

/* A field, and of which node it is; `path` leads there from it (for events: from their type). */
struct metadata_field {
    UA_String name;
    UA_NodeId node;
    UA_QualifiedName *path;
    size_t path_size;
    UA_Guid id;              /* that was configured for it; zeros: none was */
    const UA_DataType *type; /* not NULL: it is of no node, and this is its type */
};

struct metadata_fields {
    struct metadata_field *at;
    size_t count, cap;
};

/* Appends one; name and node are copied. */
struct metadata_field *metadata_add(struct metadata_fields *f, struct slice name,
                                    const UA_NodeId *node);
void metadata_fields_clear(struct metadata_fields *f);

/* NULL: the server could not be asked. Otherwise the fields and the types are filled in, and what
 * is wanted of it may be moved out. */
typedef void metadata_fn(void *arg, UA_DataSetMetaDataType *m);

struct metadata_load;

/* Takes the fields over. `fn` is called once, after this returned; before `s` goes, it is to be
 * cancelled. */
struct metadata_load *metadata_load(struct opcua_session *s, struct metadata_fields *fields,
                                    metadata_fn *fn, void *arg);
/* `fn` will not be called; harmless for NULL. */
void metadata_cancel(struct metadata_load **l);
