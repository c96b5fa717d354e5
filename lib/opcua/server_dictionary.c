/* Type dictionaries (Part 5, Annex D of before 1.04). */
#include "base/log.h"
#include "opcua/server_priv.h"

struct building {
    UA_Server *server;
    uint16_t space;
    UA_NodeId dictionary;
};

static UA_NodeId ns0(uint32_t id)
{
    return UA_NODEID_NUMERIC(0, id);
}

UA_StatusCode opcua_server_add_encoding(UA_Server *server, UA_NodeId data_type, UA_NodeId encoding)
{
    UA_StatusCode status = UA_Server_addObjectNode(
        server, encoding, UA_NODEID_NULL, UA_NODEID_NULL, UA_QUALIFIEDNAME(0, "Default Binary"),
        ns0(UA_NS0ID_DATATYPEENCODINGTYPE), UA_ObjectAttributes_default, NULL, NULL);
    return status ? status
                  : UA_Server_addReference(server, data_type, ns0(UA_NS0ID_HASENCODING),
                                           (UA_ExpandedNodeId){.nodeId = encoding}, true);
}

static void check(UA_StatusCode status, const char *name)
{
    if (status != UA_STATUSCODE_GOOD)
        log_warn("opcua server node refused name=%s status=%s", name, UA_StatusCode_name(status));
}

static UA_QualifiedName name_of(uint16_t space, const char *name)
{
    return UA_QUALIFIEDNAME(space, (char *)(uintptr_t)name);
}

static void add_variable(const struct building *b, UA_NodeId id, UA_NodeId parent, const char *name,
                         uint32_t type, const void *value, const UA_DataType *value_type)
{
    UA_VariableAttributes a = UA_VariableAttributes_default;
    a.valueRank = UA_VALUERANK_SCALAR;
    a.dataType = value_type->typeId;
    UA_Variant_setScalar(&a.value, (void *)(uintptr_t)value, value_type);
    check(UA_Server_addVariableNode(b->server, id, parent, ns0(UA_NS0ID_HASCOMPONENT),
                                    name_of(b->space, name), ns0(type), a, NULL, NULL),
          name);
}

static void refer(const struct building *b, UA_NodeId from, uint32_t reference, UA_NodeId to,
                  const char *name)
{
    check(UA_Server_addReference(b->server, from, ns0(reference), (UA_ExpandedNodeId){.nodeId = to},
                                 true),
          name);
}

static void add_type(const struct building *b, const struct opcua_server_described *t)
{
    UA_NodeId data_type = UA_NODEID_NUMERIC(b->space, t->data_type);
    UA_NodeId encoding = UA_NODEID_NUMERIC(b->space, t->encoding);
    UA_NodeId description = UA_NODEID_NUMERIC(b->space, t->description);
    UA_String name = UA_STRING((char *)(uintptr_t)t->name);
    check(UA_Server_addDataTypeNode(b->server, data_type, ns0(UA_NS0ID_STRUCTURE),
                                    ns0(UA_NS0ID_HASSUBTYPE), name_of(b->space, t->name),
                                    UA_DataTypeAttributes_default, NULL, NULL),
          t->name);
    check(opcua_server_add_encoding(b->server, data_type, encoding), t->name);
    add_variable(b, description, b->dictionary, t->name, UA_NS0ID_DATATYPEDESCRIPTIONTYPE, &name,
                 &UA_TYPES[UA_TYPES_STRING]);
    refer(b, encoding, UA_NS0ID_HASDESCRIPTION, description, t->name);
}

void opcua_server_add_dictionary(struct opcua_server *s, uint16_t space, const char *xml,
                                 const struct opcua_server_described *types, size_t count)
{
    struct building b = {opcua_server_stack(s), space, UA_NODEID_STRING(space, "dictionary")};
    UA_ByteString bytes = UA_BYTESTRING((char *)(uintptr_t)xml);
    add_variable(&b, b.dictionary, ns0(UA_NS0ID_OPCBINARYSCHEMA_TYPESYSTEM), "dictionary",
                 UA_NS0ID_DATATYPEDICTIONARYTYPE, &bytes, &UA_TYPES[UA_TYPES_BYTESTRING]);
    for (size_t i = 0; i < count; i++)
        add_type(&b, &types[i]);
}
