/*
 * Finding things in a server's address space, over several service calls where one does not do:
 * all references of a node, the node at the end of a path, the type behind a data type's node.
 *
 * Each function calls `fn` exactly once, after it returned, on the session's thread, and never
 * later than `timeout_ms`. Answers are the caller's while the callback runs; to keep a part, move
 * it out and zero it there.
 */
#pragma once

#include "opcua/node_id.h"
#include "opcua/session.h"

#define OPCUA_BROWSE_REFERENCES_MAX 20000 /* of one opcua_browse_all(); the rest is left out */
#define OPCUA_BROWSE_PATH_MAX 64          /* elements */
#define OPCUA_BROWSE_SUPERTYPES_MAX 32    /* of a data type */

/* ---- references ---- */

typedef void opcua_browse_all_fn(void *arg, UA_StatusCode status,
                                 UA_ReferenceDescription *references, size_t count);

/* `what` is borrowed until this returns. */
void opcua_browse_all(struct opcua_session *s, const UA_BrowseDescription *what,
                      opcua_browse_all_fn *fn, void *arg, uint32_t timeout_ms);

/* ---- paths ---- */

/*
 * A path of texts, each a qualified name in any form, perhaps with a prefix for the reference that
 * leads there:
 *
 *     /Name    HierarchicalReferences       .Name     Aggregates
 *     <HasComponent>Name  <ns=2;i=5>Name    the reference named, or by its node id
 *     <#HasChild>Name     without subtypes  <!HasChild>Name  the other way round
 *     &/Name              the prefix letter itself. Without prefix: References
 *
 * BAD_ARGUMENT, TOO_LARGE, NOT_FOUND (a namespace) append a sentence to *why, which may be NULL.
 * The caller clears *out.
 */
CHECKED enum status opcua_browse_path_parse(const struct slice *elements, size_t count,
                                            const struct opcua_namespaces *names,
                                            UA_RelativePath *out, struct buffer *why);

/* "HasComponent" in any case, or a node id's text. */
CHECKED enum status opcua_browse_reference_parse(struct slice text,
                                                 const struct opcua_namespaces *names,
                                                 UA_NodeId *out, struct buffer *why);

typedef void opcua_browse_node_fn(void *arg, UA_StatusCode status, UA_NodeId *node);

/* The first node at the end of the path; BadNoMatch when there is none on this server. */
void opcua_browse_path_find(struct opcua_session *s, const UA_NodeId *from,
                            const UA_RelativePath *path, opcua_browse_node_fn *fn, void *arg,
                            uint32_t timeout_ms);

/* ---- data types ---- */

typedef void opcua_browse_type_fn(void *arg, UA_StatusCode status, const UA_DataType *type);

/* What stands on the wire for values of a data type: it, or the nearest super type that the stack
 * knows. */
void opcua_browse_data_type(struct opcua_session *s, const UA_NodeId *data_type,
                            opcua_browse_type_fn *fn, void *arg, uint32_t timeout_ms);
