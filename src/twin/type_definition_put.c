#include "twin/read.h"
#include "twin/type_definition.h"

/* NodeType, by what is among the types above. */
static const char *node_type(const struct twin_type_definition *t)
{
    static const struct {
        uint32_t type;
        const char *name;
    } known[] = {
        {UA_NS0ID_BASEEVENTTYPE, "Event"},       {UA_NS0ID_BASEINTERFACETYPE, "Interface"},
        {UA_NS0ID_PROPERTYTYPE, "Property"},     {UA_NS0ID_BASEDATAVARIABLETYPE, "DataVariable"},
        {UA_NS0ID_BASEVARIABLETYPE, "Variable"}, {UA_NS0ID_BASEOBJECTTYPE, "Object"},
        {UA_NS0ID_BASEDATATYPE, "DataType"},
    };
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        const UA_NodeId id = UA_NODEID_NUMERIC(0, known[k].type);
        for (size_t i = 0; i < t->types.count; i++)
            if (UA_NodeId_equal(&t->types.nodes[i].id, &id))
                return known[k].name;
    }
    return "Unknown";
}

static void put_text(struct json_writer *w, const char *name, const UA_DataValue *v)
{
    const UA_LocalizedText *text = twin_read_scalar(v, UA_TYPES_LOCALIZEDTEXT);
    if (text)
        json_member(w, name, opcua_slice(text->text));
}

static void put_variable(struct twin_type_definition *t, const UA_DataValue *values)
{
    struct json_writer *w = &t->request->writer;
    const UA_NodeId *type = twin_read_scalar(&values[1], UA_TYPES_NODEID);
    const UA_Int32 *rank = twin_read_scalar(&values[2], UA_TYPES_INT32);
    json_name(w, "variable");
    json_object(w);
    if (type) {
        json_name(w, "dataType");
        json_object(w);
        twin_put_node_id(t->request, "dataType", type);
        json_end_object(w);
    }
    if (rank)
        twin_put_value_rank(w, "valueRank", *rank);
    if (values[3].hasValue && values[3].value.arrayLength) {
        json_name(w, "arrayDimensions");
        opcua_value_json_variant(&values[3].value, &t->request->form, w->out);
        w->comma = true;
    }
    json_end_object(w);
}

static void put_names(struct twin_type_definition *t, const struct twin_type_member *m)
{
    struct json_writer *w = &t->request->writer;
    struct buffer name = {0};
    if (m->above)
        put_names(t, m->above);
    opcua_qualified_name_print(&m->browse_name, &t->request->names, t->request->form.format, &name);
    json_put_string(w, buffer_slice(&name));
    buffer_clear(&name);
}

static void put_display_path(const struct twin_type_member *m, struct buffer *out)
{
    if (m->above) {
        put_display_path(m->above, out);
        buffer_u8(out, '/');
    }
    buffer_put(out, m->display_name);
}

static void put_member(struct twin_type_definition *t, const struct twin_type_member *m)
{
    struct twin_request *r = t->request;
    struct json_writer *w = &r->writer;
    struct buffer text = {0};
    const char *node_class = twin_node_class_name(m->node_class);
    json_object(w);
    twin_put_node_id(r, "rootTypeId", &t->types.nodes[m->type].id);
    json_name(w, "browsePath");
    json_array(w);
    put_names(t, m);
    json_end_array(w);
    put_display_path(m, &text);
    json_member(w, "displayPath", buffer_slice(&text));
    json_member(w, "modellingRule", m->rule_name);
    twin_put_node_id(r, "modellingRuleId", &m->rule);
    twin_put_node_id(r, "nodeId", &m->id);
    if (node_class)
        json_member(w, "nodeClass", slice_of(node_class));
    buffer_reset(&text);
    opcua_qualified_name_print(&m->browse_name, &r->names, r->form.format, &text);
    json_member(w, "browseName", buffer_slice(&text));
    json_member(w, "displayName", m->display_name);
    put_text(w, "description", &m->values[0]);
    if (m->node_class == UA_NODECLASS_VARIABLE)
        put_variable(t, m->values);
    if (m->overrides) {
        json_name(w, "overriddenDeclaration");
        put_member(t, m->overrides);
    }
    json_end_object(w);
    buffer_clear(&text);
}

void twin_type_definition_put(struct twin_type_definition *t)
{
    struct json_writer *w = &t->request->writer;
    json_object(w);
    twin_put_node_id(t->request, "typeDefinitionId", &t->types.nodes[0].id);
    json_name(w, "nodeType"), json_put_text(w, node_type(t));
    twin_put_node_names(&t->types, 0);
    json_name(w, "typeHierarchy");
    json_array(w);
    for (size_t i = t->types.count; i-- > 1;) /* from the base type down */
        twin_put_node(&t->types, i);
    json_end_array(w);
    json_name(w, "typeMembers");
    json_array(w);
    for (size_t i = 0; i < t->member_count; i++)
        if (!t->members[i]->overridden)
            put_member(t, t->members[i]);
    json_end_array(w);
    json_end_object(w);
}
