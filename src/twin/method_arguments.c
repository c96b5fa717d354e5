#include "twin/method_arguments.h"

static void put_argument(struct twin_method_arguments *d, const UA_Argument *a, size_t type)
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

static void put_arguments(struct twin_method_arguments *d, const char *name,
                          const UA_Argument *arguments, size_t count, size_t first_type)
{
    struct json_writer *w = &d->method.request->writer;
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        put_argument(d, &arguments[i], first_type + i);
    json_end_array(w);
}

void twin_method_arguments_put(struct twin_method_arguments *d)
{
    const struct twin_method *m = &d->method;
    twin_put_node_id(m->request, "objectId", &m->object);
    put_arguments(d, "inputArguments", m->input, m->input_count, 0);
    put_arguments(d, "outputArguments", m->output, m->output_count, m->input_count);
}

static void add_type(struct twin_method_arguments *d, const UA_Argument *a)
{
    d->types.nodes[d->types.count++] =
        (struct twin_node){.id = a->dataType, .node_class = UA_NODECLASS_DATATYPE};
}

static void read_types(void *arg)
{
    struct twin_method_arguments *d = arg;
    struct twin_method *m = &d->method;
    d->types = (struct twin_nodes){.request = m->request, .done = d->done, .arg = d->arg};
    d->types.nodes =
        ARENA_TAKE_N(&m->request->arena, struct twin_node, m->input_count + m->output_count + 1);
    for (size_t i = 0; i < m->input_count; i++)
        add_type(d, &m->input[i]);
    for (size_t i = 0; i < m->output_count; i++)
        add_type(d, &m->output[i]);
    twin_nodes_read(&d->types);
}

void twin_method_arguments_read(struct twin_method_arguments *d)
{
    d->method.done = read_types;
    d->method.arg = d;
    twin_method_read(&d->method);
}
