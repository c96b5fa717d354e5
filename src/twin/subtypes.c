#include "twin/subtypes.h"

#include "opcua/browse.h"

static void browse_next(struct twin_subtypes *t);

static void on_subtypes(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                        size_t count)
{
    struct twin_subtypes *t = arg;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count && t->count < TWIN_SUBTYPES_MAX;
         i++) {
        UA_NodeId *id = &t->types[t->count++];
        *id = refs[i].nodeId.nodeId;
        UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        twin_request_own_id(t->request, id);
    }
    browse_next(t);
}

/* A server without the type has none of its subtypes, and that is no failure. */
static void browse_next(struct twin_subtypes *t)
{
    UA_BrowseDescription d;
    if (t->at == t->count) {
        t->done(t->arg);
        return;
    }
    UA_BrowseDescription_init(&d);
    d.nodeId = t->types[t->at++];
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE);
    d.includeSubtypes = true;
    opcua_browse_all(t->request->session, &d, on_subtypes, t, twin_request_left_ms(t->request));
}

void twin_subtypes_read(struct twin_subtypes *t, uint32_t root)
{
    t->types[0] = UA_NODEID_NUMERIC(0, root);
    t->count = 1;
    t->at = 0;
    browse_next(t);
}

bool twin_subtypes_have(const struct twin_subtypes *t, const UA_NodeId *type)
{
    for (size_t i = 0; i < t->count; i++)
        if (UA_NodeId_equal(&t->types[i], type))
            return true;
    return false;
}
