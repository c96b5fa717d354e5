#include "twin/node_type.h"

#include "twin/read.h"
#include "twin/types.h"

/* A node that takes any number has one of some type now. */
static void on_current(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_node_type *t = arg;
    const UA_DataType *type =
        status == UA_STATUSCODE_GOOD && values[0].hasValue ? values[0].value.type : NULL;
    if (type && type->typeKind < UA_DATATYPEKIND_EXTENSIONOBJECT)
        t->current = type;
    t->done(t->arg);
}

static void read_current(struct twin_node_type *t)
{
    UA_ReadValueId *id = ARENA_TAKE(&t->request->arena, UA_ReadValueId);
    *id = (UA_ReadValueId){.nodeId = t->node, .attributeId = UA_ATTRIBUTEID_VALUE};
    twin_read(t->request, id, 1, on_current, t);
}

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct twin_node_type *t = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, "The node's data type is not known.");
        return;
    }
    t->type = type;
    if (type->typeKind == UA_DATATYPEKIND_VARIANT)
        read_current(t);
    else
        t->done(t->arg);
}

static void on_node(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_node_type *t = arg;
    struct twin_request *r = t->request;
    if (status == UA_STATUSCODE_GOOD && values[0].hasStatus)
        status = values[0].status;
    const UA_NodeId *type =
        status == UA_STATUSCODE_GOOD ? twin_read_scalar(&values[0], UA_TYPES_NODEID) : NULL;
    if (type == NULL) {
        twin_request_fault(r, status ? status : UA_STATUSCODE_BADTYPEMISMATCH, NULL);
        return;
    }
    const UA_Int32 *rank = twin_read_scalar(&values[1], UA_TYPES_INT32);
    t->rank = rank ? *rank : UA_VALUERANK_ANY;
    twin_types_find(r, type, on_type, t);
}

void twin_node_type_read(struct twin_node_type *t)
{
    UA_ReadValueId *ids = ARENA_TAKE_N(&t->request->arena, UA_ReadValueId, 2);
    ids[0] = (UA_ReadValueId){.nodeId = t->node, .attributeId = UA_ATTRIBUTEID_DATATYPE};
    ids[1] = (UA_ReadValueId){.nodeId = t->node, .attributeId = UA_ATTRIBUTEID_VALUERANK};
    twin_read(t->request, ids, 2, on_node, t);
}

/* ---- values ---- */

static bool has_nothing(const UA_DataType *type)
{
    switch (type->typeKind) {
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_BYTESTRING:
    case UA_DATATYPEKIND_XMLELEMENT:
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
    case UA_DATATYPEKIND_QUALIFIEDNAME:
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
        return true;
    default:
        return false;
    }
}

static bool says_its_type(const struct json *v)
{
    return json_get_nocase(v, "Type") && json_get_nocase(v, "Body");
}

enum status twin_value_make(struct twin_request *r, const struct json *v, const UA_DataType *type,
                            int32_t rank, const UA_DataType *current, UA_Variant *out,
                            struct buffer *why)
{
    size_t before = why->len;
    if (json_is(v, JSON_NULL) && type && rank < 0 && has_nothing(type)) {
        UA_Variant_setScalar(out, UA_new(type), type);
        return OK;
    }
    if (current && !says_its_type(v) &&
        opcua_value_json_read(v, current, rank, &r->names, out, why) == OK)
        return OK;
    why->len = before;
    return opcua_value_json_read(v, type, rank, &r->names, out, why);
}
