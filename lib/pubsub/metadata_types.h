/*
 * The data types of a data set's fields, and those inside them, as far as they are of the server's
 * own: defined by it, or described in its dictionaries. On the OPC UA thread.
 */
#pragma once

#include "opcua/session.h"

struct metadata_types;

/* NULL: the server could not be asked. Good while the callback runs. */
typedef void metadata_types_fn(void *arg, const struct metadata_types *t);

/* `fn` once, perhaps before it returns; *out is set until then. Before `s` goes, it is to be
 * cancelled. */
void metadata_types_load(struct opcua_session *s, const UA_NodeId *ids, size_t count,
                         metadata_types_fn *fn, void *arg, struct metadata_types **out);
/* `fn` will not be called; harmless for NULL. */
void metadata_types_cancel(struct metadata_types **t);

/* The built-in type that values of a data type have (Part 6, 5.1.2). */
uint8_t metadata_types_builtin(const struct metadata_types *t, const UA_NodeId *id);
/* Fills in what metadata has of them. */
void metadata_types_describe(const struct metadata_types *t, UA_DataSetMetaDataType *m);
