#include "twin/method.h"

#include "opcua/browse.h"
#include "twin/read.h"

static const UA_Argument *arguments_of(const UA_DataValue *v, size_t *count)
{
    bool some = v->hasValue && UA_Variant_hasArrayType(&v->value, &UA_TYPES[UA_TYPES_ARGUMENT]);
    *count = some ? v->value.arrayLength : 0;
    return some ? v->value.data : NULL;
}

static void on_arguments(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_method *m = arg;
    size_t at = 0;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(m->request, status, NULL);
        return;
    }
    if (!UA_NodeId_isNull(&m->properties[0]))
        m->input = arguments_of(&values[at++], &m->input_count);
    if (!UA_NodeId_isNull(&m->properties[1]))
        m->output = arguments_of(&values[at++], &m->output_count);
    m->done(m->arg);
}

static void read_arguments(struct twin_method *m)
{
    UA_ReadValueId *ids = ARENA_TAKE_N(&m->request->arena, UA_ReadValueId, 2);
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        if (!UA_NodeId_isNull(&m->properties[i]))
            ids[count++] =
                (UA_ReadValueId){.nodeId = m->properties[i], .attributeId = UA_ATTRIBUTEID_VALUE};
    twin_read(m->request, ids, count, on_arguments, m);
}

static void take(struct twin_method *m, UA_ReferenceDescription *d, UA_NodeId *out)
{
    if (!UA_NodeId_isNull(out) || d->nodeId.serverIndex)
        return;
    *out = d->nodeId.nodeId;
    UA_NodeId_init(&d->nodeId.nodeId); /* moved */
    twin_request_own_id(m->request, out);
}

static bool is_named(const UA_ReferenceDescription *d, const char *name)
{
    return d->browseName.namespaceIndex == 0 &&
           slice_eq(opcua_slice(d->browseName.name), slice_of(name));
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                          size_t count)
{
    struct twin_method *m = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(m->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!refs[i].isForward)
            take(m, &refs[i], &m->object);
        else if (is_named(&refs[i], "InputArguments"))
            take(m, &refs[i], &m->properties[0]);
        else if (is_named(&refs[i], "OutputArguments"))
            take(m, &refs[i], &m->properties[1]);
    }
    read_arguments(m);
}

/* Aggregates are HasComponent from the object, and HasProperty to the arguments. */
void twin_method_read(struct twin_method *m)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = m->node;
    d.browseDirection = UA_BROWSEDIRECTION_BOTH;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_AGGREGATES);
    d.includeSubtypes = true;
    d.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(m->request->session, &d, on_references, m, twin_request_left_ms(m->request));
}
