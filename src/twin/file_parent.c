/* The directory that a file or a directory is in: of all that refers to it, the first that is one.
 */
#include "opcua/browse.h"
#include "twin/file_system.h"
#include "twin/subtypes.h"

struct parent {
    struct twin_request *request;
    UA_NodeId node;
    struct twin_subtypes types;
    file_parent_fn *fn;
    void *arg;
};

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                          size_t count)
{
    const struct parent *p = arg;
    size_t i = 0;
    while (i < count && (refs[i].nodeId.serverIndex != 0 ||
                         !twin_subtypes_have(&p->types, &refs[i].typeDefinition.nodeId)))
        i++;
    if (status != UA_STATUSCODE_GOOD)
        p->fn(p->arg, status, NULL);
    else
        p->fn(p->arg, UA_STATUSCODE_GOOD, i < count ? &refs[i] : NULL);
}

static void on_types(void *arg)
{
    struct parent *p = arg;
    UA_BrowseDescription up;
    UA_BrowseDescription_init(&up);
    up.nodeId = p->node;
    up.browseDirection = UA_BROWSEDIRECTION_INVERSE;
    up.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    up.includeSubtypes = true;
    up.nodeClassMask = UA_NODECLASS_OBJECT;
    up.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(p->request->session, &up, on_references, p, twin_request_left_ms(p->request));
}

void file_parent_find(struct twin_request *r, const UA_NodeId *node, file_parent_fn *fn, void *arg)
{
    struct parent *p = ARENA_TAKE(&r->arena, struct parent);
    *p = (struct parent){.request = r, .node = *node, .fn = fn, .arg = arg};
    p->types = (struct twin_subtypes){.request = r, .done = on_types, .arg = p};
    twin_subtypes_read(&p->types, UA_NS0ID_FILEDIRECTORYTYPE);
}
