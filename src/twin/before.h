/*
 * What is there before it is changed, for the audit log: values, histories, files. It is asked for
 * where somebody looks on (module_watch()), and of as much as a line can have; that it cannot be
 * had is no reason against the change. go_on(arg) is called in any case, perhaps at once.
 */
#pragma once

#include "twin/request.h"

#define TWIN_BEFORE_MAX 100 /* values, attributes or events that are told */
#define TWIN_BEFORE_MS 5000 /* that a change waits for it */

typedef void twin_before_fn(void *arg);

/* A change whose answer says all; nothing is asked for. */
void twin_before_nothing(struct twin_request *r);

/* Attributes: {"results":[{"value":…,"errorInfo":…}]}. The ids are borrowed until this returns. */
void twin_before_attributes(struct twin_request *r, const UA_ReadValueId *ids, size_t count,
                            twin_before_fn *go_on, void *arg);

/* What the details of a HistoryUpdate are about, of the node's history: {"history":[…]}. They are
 * the request's. */
void twin_before_history(struct twin_request *r, const UA_NodeId *node,
                         const UA_ExtensionObject *details, twin_before_fn *go_on, void *arg);

/* {"bytes":…,"sha256":…} of a file. */
void twin_before_file(struct twin_request *r, const UA_NodeId *file, twin_before_fn *go_on,
                      void *arg);
void twin_after_file(struct twin_request *r, const UA_NodeId *file, twin_before_fn *go_on,
                     void *arg);
