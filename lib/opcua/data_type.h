/*
 * The data types of namespace 0 by name: "Double", "Range", "BaseDataType". What stands on the wire
 * for a type is one of the stack's UA_TYPES.
 */
#pragma once

#include "base/slice.h"
#include "opcua/stack.h"

/* NULL or 0 when there is none. Names in any case. */
const char *opcua_data_type_name(uint32_t id);
uint32_t opcua_data_type_id(struct slice name);

/* The type that values of a data type have on the wire: Int32 for enumerations, Double for
 * Duration, Variant for BaseDataType and Number, structures themselves. NULL when the stack does
 * not know it: look for its super type. */
const UA_DataType *opcua_data_type_wire(const UA_NodeId *data_type);

/* The built-in type that a variant names for values of `type`: ExtensionObject for structures. */
const UA_DataType *opcua_data_type_builtin(const UA_DataType *type);
