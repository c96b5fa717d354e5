#include "pubsub/metadata_read.h"

#include "pubsub/metadata.h"

size_t metadata_nodes_max(size_t limit, size_t each)
{
    size_t max = limit ? limit / each : METADATA_NODES_MAX;
    return max == 0 ? 1 : max < METADATA_NODES_MAX ? max : METADATA_NODES_MAX;
}

struct opcua_call *metadata_read(struct opcua_session *s, const UA_NodeId *const *nodes,
                                 size_t count, const struct metadata_attributes *attributes,
                                 opcua_call_fn *done, void *arg)
{
    UA_ReadValueId ids[METADATA_NODES_MAX * METADATA_ATTRIBUTES_MAX];
    size_t each = attributes->count;
    for (size_t i = 0; i < count * each; i++)
        ids[i] = (UA_ReadValueId){.nodeId = *nodes[i / each],
                                  .attributeId = attributes->which[i % each]};
    UA_ReadRequest request = {.nodesToRead = ids,
                              .nodesToReadSize = count * each,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    return OPCUA_CALL(s, OPCUA_CALL_NOW, READ, &request, done, arg, METADATA_MS);
}

const UA_DataValue *metadata_good(const UA_ReadResponse *r, size_t i, const UA_DataType *type)
{
    const UA_DataValue *v = i < r->resultsSize ? &r->results[i] : NULL;
    bool is = v && v->hasValue && !(v->hasStatus && UA_StatusCode_isBad(v->status)) &&
              (type ? v->value.type == type : v->value.type != NULL);
    return is ? v : NULL;
}
