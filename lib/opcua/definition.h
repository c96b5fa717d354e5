/*
 * Kinds of a StructureDefinition that the stack has no names for (Part 3, 5.8.3 of 1.05): values of
 * some of its fields (isOptional says which) may be of subtypes, and then say themselves what they
 * are. Pure.
 */
#pragma once

#include "opcua/stack.h"

#define OPCUA_STRUCTURE_WITH_SUBTYPES 3
#define OPCUA_UNION_WITH_SUBTYPES 4

static inline bool opcua_definition_is_subtyped(const UA_StructureDefinition *d)
{
    unsigned type = d->structureType;
    return type == OPCUA_STRUCTURE_WITH_SUBTYPES || type == OPCUA_UNION_WITH_SUBTYPES;
}

/* The kind without that. */
static inline UA_StructureType opcua_definition_plain(const UA_StructureDefinition *d)
{
    unsigned type = d->structureType;
    return type == OPCUA_STRUCTURE_WITH_SUBTYPES ? UA_STRUCTURETYPE_STRUCTURE
           : type == OPCUA_UNION_WITH_SUBTYPES   ? UA_STRUCTURETYPE_UNION
                                                 : d->structureType;
}
