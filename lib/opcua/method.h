/*
 * A method of an object, called by its name: which node it is, the server is asked first. On the
 * session's thread.
 */
#pragma once

#include "opcua/session.h"

/* Exactly once, after opcua_method_call() returned. `status` bad: there is no such method
 * (BadMethodInvalid), the service failed, or the server refused the call; then `outputs` is NULL.
 * They live until the callback returns. */
typedef void opcua_method_fn(void *arg, UA_StatusCode status, const UA_Variant *outputs,
                             size_t count);

/* Calls object.name(inputs), within `timeout_ms`. All that is given is borrowed until this returns.
 */
void opcua_method_call(struct opcua_session *s, const UA_NodeId *object, UA_QualifiedName name,
                       const UA_Variant *inputs, size_t input_count, opcua_method_fn *fn, void *arg,
                       uint32_t timeout_ms);

/* The same; *method is which node it is, for who calls it often: null: the server is asked, and it becomes
 * what it said. Borrowed until `fn` is called. */
void opcua_method_call_again(struct opcua_session *s, const UA_NodeId *object,
                             UA_QualifiedName name, UA_NodeId *method, const UA_Variant *inputs,
                             size_t input_count, opcua_method_fn *fn, void *arg,
                             uint32_t timeout_ms);

/* The output of that type, or NULL. */
const void *opcua_method_output(const UA_Variant *outputs, size_t count, size_t at, size_t type);

/* The name of a method of OPC UA's own. Borrowed from `name`. */
UA_QualifiedName opcua_method_name(const char *name);
