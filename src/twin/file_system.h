/*
 * Files and directories of a server (OPC UA Part 20), as FileSystemObject {nodeId, browsePath,
 * name}. What is asked of them is a call of one of their methods, by its name; the bytes of a file go
 * the way of opcua/file.h.
 */
#pragma once

#include "opcua/method.h"
#include "twin/request.h"

#define FILE_BYTES_MAX (16u << 20) /* of a file that is sent or taken in one request */

/* Calls object.name(inputs), see opcua/method.h. */
static inline void file_call(struct twin_request *r, const UA_NodeId *object, const char *name,
                             const UA_Variant *inputs, size_t input_count, opcua_method_fn *fn,
                             void *arg)
{
    opcua_method_call(r->session, object, opcua_method_name(name), inputs, input_count, fn, arg,
                      twin_request_left_ms(r));
}

/* ---- file_parent.c ---- */

/* `directory` is NULL when it is in none, and lives until the callback returns. */
typedef void file_parent_fn(void *arg, UA_StatusCode status,
                            const UA_ReferenceDescription *directory);
/* What `node` points to ends with the request, at the earliest. */
void file_parent_find(struct twin_request *r, const UA_NodeId *node, file_parent_fn *fn, void *arg);

/* ---- file_list.c ---- */

/* {"nodeId":…,"name":…} */
void file_put(struct twin_request *r, const UA_NodeId *id, struct slice name);
