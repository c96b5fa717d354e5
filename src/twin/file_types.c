#include "opcua/browse.h"
#include "twin/file_system.h"

static void browse_next(struct file_types *t);

static void on_subtypes(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                        size_t count)
{
    struct file_types *t = arg;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count && t->count < FILE_TYPES_MAX;
         i++) {
        UA_NodeId *id = &t->types[t->count++];
        *id = refs[i].nodeId.nodeId;
        UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        twin_request_own_id(t->request, id);
    }
    browse_next(t);
}

/* A server without the type has none of its subtypes, and that is no failure. */
static void browse_next(struct file_types *t)
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

void file_types_read(struct file_types *t, uint32_t root)
{
    t->types[0] = UA_NODEID_NUMERIC(0, root);
    t->count = 1;
    t->at = 0;
    browse_next(t);
}

bool file_types_has(const struct file_types *t, const UA_NodeId *type)
{
    for (size_t i = 0; i < t->count; i++)
        if (UA_NodeId_equal(&t->types[i], type))
            return true;
    return false;
}

void file_put(struct twin_request *r, const UA_NodeId *id, struct slice name)
{
    struct json_writer *w = &r->writer;
    json_object(w);
    twin_put_node_id(r, "nodeId", id);
    json_member(w, "name", name);
    json_end_object(w);
}
