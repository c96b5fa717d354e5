/* MethodMetadata: what a method wants and gives. */
#include "twin/method.h"
#include "twin/methods.h"
#include "twin/node.h"
#include "twin/target.h"

struct metadata {
    struct twin_method method;
    struct twin_nodes types; /* of the input's arguments, then the output's */
};

static void put_argument(struct metadata *d, const UA_Argument *a, size_t type)
{
    struct json_writer *w = &d->method.request->writer;
    json_object(w);
    json_member(w, "name", opcua_slice(a->name));
    json_member(w, "description", opcua_slice(a->description.text));
    json_name(w, "type"), twin_put_node(&d->types, type);
    twin_put_value_rank(w, "valueRank", a->valueRank);
    if (a->arrayDimensionsSize) {
        json_name(w, "arrayDimensions");
        json_array(w);
        for (size_t i = 0; i < a->arrayDimensionsSize; i++)
            json_put_u64(w, a->arrayDimensions[i]);
        json_end_array(w);
    }
    json_end_object(w);
}

static void put_arguments(struct metadata *d, const char *name, const UA_Argument *arguments,
                          size_t count, size_t first_type)
{
    struct json_writer *w = &d->method.request->writer;
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        put_argument(d, &arguments[i], first_type + i);
    json_end_array(w);
}

static void answer(void *arg)
{
    struct metadata *d = arg;
    struct twin_method *m = &d->method;
    struct json_writer *w = &m->request->writer;
    json_object(w);
    twin_put_node_id(m->request, "objectId", &m->object);
    put_arguments(d, "inputArguments", m->input, m->input_count, 0);
    put_arguments(d, "outputArguments", m->output, m->output_count, m->input_count);
    json_end_object(w);
    twin_request_done(m->request);
}

static void add_type(struct metadata *d, const UA_Argument *a)
{
    d->types.nodes[d->types.count++] =
        (struct twin_node){.id = a->dataType, .node_class = UA_NODECLASS_DATATYPE};
}

static void read_types(void *arg)
{
    struct metadata *d = arg;
    struct twin_method *m = &d->method;
    d->types = (struct twin_nodes){.request = m->request, .done = answer, .arg = d};
    d->types.nodes =
        ARENA_TAKE_N(&m->request->arena, struct twin_node, m->input_count + m->output_count + 1);
    for (size_t i = 0; i < m->input_count; i++)
        add_type(d, &m->input[i]);
    for (size_t i = 0; i < m->output_count; i++)
        add_type(d, &m->output[i]);
    twin_nodes_read(&d->types);
}

static void read_method(void *arg, const UA_NodeId *node)
{
    struct metadata *d = arg;
    d->method.node = *node;
    d->method.done = read_types;
    d->method.arg = d;
    twin_method_read(&d->method);
}

void twin_method_metadata(struct twin_request *r)
{
    struct metadata *d = ARENA_TAKE(&r->arena, struct metadata);
    d->method.request = r;
    twin_target_find(r, "methodId", "methodBrowsePath", NULL, read_method, d);
}
