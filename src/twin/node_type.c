#include "twin/node_type.h"

#include "twin/read.h"
#include "twin/types.h"

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct twin_node_type *t = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, "The node's data type is not known.");
        return;
    }
    t->type = type;
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
