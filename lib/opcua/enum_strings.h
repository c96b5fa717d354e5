/*
 * Enumerations of servers that do not define them (DataTypeDefinition came with OPC UA 1.04): the
 * names of their values stand in a property of the type, EnumStrings or EnumValues (Part 3, 5.8.3).
 * On the session's thread.
 */
#pragma once

#include "opcua/session.h"

struct opcua_enum_strings;

/* Once, never before opcua_enum_strings() returned. `of` has a definition for each type, without
 * fields where the server tells none; they may be moved out. NULL: the connection went. */
typedef void opcua_enum_strings_fn(void *arg, UA_EnumDefinition *of);

/* The types are copied. Before the session goes, it is to be cancelled. */
struct opcua_enum_strings *opcua_enum_strings(struct opcua_session *s, const UA_NodeId *types,
                                              size_t count, opcua_enum_strings_fn *fn, void *arg,
                                              uint32_t timeout_ms);
/* `fn` will not be called; harmless for NULL. */
void opcua_enum_strings_cancel(struct opcua_enum_strings **e);
