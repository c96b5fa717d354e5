#include "opcua/attribute_id.h"

static const char *const names[] = {
    /* by their ids */
    NULL,
    "NodeId",
    "NodeClass",
    "BrowseName",
    "DisplayName",
    "Description",
    "WriteMask",
    "UserWriteMask",
    "IsAbstract",
    "Symmetric",
    "InverseName",
    "ContainsNoLoops",
    "EventNotifier",
    "Value",
    "DataType",
    "ValueRank",
    "ArrayDimensions",
    "AccessLevel",
    "UserAccessLevel",
    "MinimumSamplingInterval",
    "Historizing",
    "Executable",
    "UserExecutable",
    "DataTypeDefinition",
    "RolePermissions",
    "UserRolePermissions",
    "AccessRestrictions",
    "AccessLevelEx",
};

#define COUNT (sizeof names / sizeof names[0])

uint32_t opcua_attribute_id(struct slice name)
{
    for (uint32_t i = 1; i < COUNT; i++)
        if (slice_eq_nocase(name, slice_of(names[i])))
            return i;
    return 0;
}

const char *opcua_attribute_name(uint32_t id)
{
    return id < COUNT ? names[id] : NULL;
}
