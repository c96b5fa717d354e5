/*
 * Files and directories of a server (OPC UA Part 20), as FileSystemObject {nodeId, browsePath,
 * name}. What is asked of them is a call of one of their methods, by its name.
 */
#pragma once

#include "twin/request.h"

#define FILE_BYTES_MAX (16u << 20) /* of a file that is sent or taken in one request */
#define FILE_CHUNK_MAX 65536       /* bytes of one Read or Write */

/* ---- file_call.c: methods by name ---- */

/* `status` bad: there is no such method, or the server refused; then `outputs` is NULL. They live
 * until the callback returns. */
typedef void file_call_fn(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count);

/* Calls object.name(inputs). Object and inputs are borrowed until this returns; a service that
 * failed has its status, too. */
void file_call(struct twin_request *r, const UA_NodeId *object, const char *name,
               const UA_Variant *inputs, size_t input_count, file_call_fn *fn, void *arg);

/* The output of that type, or NULL. */
const void *file_output(const UA_Variant *outputs, size_t count, size_t at, size_t type);

/* ---- file_list.c ---- */

/* {"nodeId":…,"name":…} */
void file_put(struct twin_request *r, const UA_NodeId *id, struct slice name);
