/* GetMetadata: what a node is, and what its type says that it has. */
#include "opcua/browse.h"
#include "twin/method_arguments.h"
#include "twin/methods.h"
#include "twin/target.h"
#include "twin/type_definition.h"

struct metadata {
    struct twin_request *request;
    struct twin_nodes node; /* the only one */
    struct twin_method_arguments method;
    struct twin_type_definition type;
    bool has_type;
};

/* ---- the answer ---- */

static void put_variable(struct metadata *m)
{
    struct json_writer *w = &m->request->writer;
    json_name(w, "variableMetadata");
    json_object(w);
    json_name(w, "dataType");
    json_object(w);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_DATATYPE);
    json_end_object(w);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_VALUERANK);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_ARRAYDIMENSIONS);
    json_end_object(w);
}

static void put_data_type(struct metadata *m)
{
    struct json_writer *w = &m->request->writer;
    json_name(w, "dataTypeMetadata");
    json_object(w);
    twin_put_node_id(m->request, "dataType", &m->node.nodes[0].id);
    json_end_object(w);
}

static void put_method(struct metadata *m)
{
    struct json_writer *w = &m->request->writer;
    json_name(w, "nethodMetadata"); /* as published */
    json_object(w);
    twin_method_arguments_put(&m->method);
    json_end_object(w);
}

static void answer(void *arg)
{
    struct metadata *m = arg;
    struct twin_request *r = m->request;
    struct json_writer *w = &r->writer;
    UA_NodeClass node_class = m->node.nodes[0].node_class;
    json_object(w);
    twin_put_node_id(r, "nodeId", &m->node.nodes[0].id);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_NODECLASS);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_DISPLAYNAME);
    twin_put_node_attribute(&m->node, 0, UA_ATTRIBUTEID_DESCRIPTION);
    if (node_class == UA_NODECLASS_VARIABLE || node_class == UA_NODECLASS_VARIABLETYPE)
        put_variable(m);
    if (node_class == UA_NODECLASS_DATATYPE)
        put_data_type(m);
    if (node_class == UA_NODECLASS_METHOD)
        put_method(m);
    if (m->has_type) {
        json_name(w, "typeDefinition");
        twin_type_definition_put(&m->type);
    }
    json_end_object(w);
    twin_request_done(r);
}

/* ---- its type ---- */

static void read_type(struct metadata *m, const UA_NodeId *type)
{
    m->has_type = true;
    m->type = (struct twin_type_definition){.request = m->request, .done = answer, .arg = m};
    twin_type_definition_read(&m->type, type);
}

static void on_type(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct metadata *m = arg;
    if (status != UA_STATUSCODE_GOOD || count == 0) {
        answer(m); /* it does not say its type */
        return;
    }
    UA_NodeId type = refs->nodeId.nodeId;
    UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    twin_request_own_id(m->request, &type);
    read_type(m, &type);
}

static void find_type(struct metadata *m)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = m->node.nodes[0].id;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASTYPEDEFINITION);
    d.includeSubtypes = true;
    opcua_browse_all(m->request->session, &d, on_type, m, twin_request_left_ms(m->request));
}

static void read_method(struct metadata *m)
{
    m->method = (struct twin_method_arguments){
        .method = {.request = m->request, .node = m->node.nodes[0].id}, .done = answer, .arg = m};
    twin_method_arguments_read(&m->method);
}

static void on_node(void *arg)
{
    struct metadata *m = arg;
    const struct twin_node *n = &m->node.nodes[0];
    if (n->status != UA_STATUSCODE_GOOD) {
        twin_request_fault(m->request, n->status, NULL);
        return;
    }
    switch (n->node_class) {
    case UA_NODECLASS_OBJECT:
    case UA_NODECLASS_VARIABLE:
        find_type(m);
        break;
    case UA_NODECLASS_OBJECTTYPE:
    case UA_NODECLASS_VARIABLETYPE:
    case UA_NODECLASS_DATATYPE:
        read_type(m, &n->id);
        break;
    case UA_NODECLASS_METHOD:
        read_method(m);
        break;
    default:
        answer(m);
    }
}

static void read_node(void *arg, const UA_NodeId *node)
{
    struct metadata *m = arg;
    m->node = (struct twin_nodes){.request = m->request, .count = 1, .done = on_node, .arg = m};
    m->node.nodes = ARENA_TAKE(&m->request->arena, struct twin_node);
    m->node.nodes[0] = (struct twin_node){.id = *node};
    twin_nodes_read(&m->node);
}

void twin_metadata(struct twin_request *r)
{
    struct metadata *m = ARENA_TAKE(&r->arena, struct metadata);
    m->request = r;
    twin_target_find(r, "nodeId", "browsePath", NULL, read_node, m);
}
