/* BrowseStream: nodes and all that hangs below them, as an array of chunks. */
#include "twin/browse_what.h"
#include "twin/methods.h"
#include "twin/walk.h"

static struct json_writer *begin_chunk(struct twin_walk *s, size_t node)
{
    struct json_writer *w = &s->request->writer;
    json_object(w);
    twin_put_node_id(s->request, "sourceId", twin_walk_source(s, node));
    return w;
}

static void put_target(struct twin_walk *s, const UA_ReferenceDescription *d)
{
    struct json_writer *w = &s->request->writer;
    struct buffer *text = &s->request->scratch;
    const char *node_class = twin_node_class_name(d->nodeClass);
    json_name(w, "target");
    json_object(w);
    buffer_reset(text);
    opcua_expanded_id_print(&d->nodeId, &s->request->names, s->request->form.format, text);
    json_member(w, "nodeId", buffer_slice(text));
    buffer_reset(text);
    opcua_qualified_name_print(&d->browseName, &s->request->names, s->request->form.format, text);
    json_member(w, "browseName", buffer_slice(text));
    json_member(w, "displayName", opcua_slice(d->displayName.text));
    if (node_class)
        json_member(w, "nodeClass", slice_of(node_class));
    twin_put_node_id(s->request, "typeDefinitionId", &d->typeDefinition.nodeId);
    json_end_object(w);
}

static void put_reference(void *arg, size_t node, const UA_ReferenceDescription *d)
{
    struct twin_walk *s = arg;
    struct json_writer *w = begin_chunk(s, node);
    json_name(w, "reference");
    json_object(w);
    twin_put_node_id(s->request, "referenceTypeId", &d->referenceTypeId);
    json_name(w, "direction"), json_put_text(w, d->isForward ? "Forward" : "Backward");
    put_target(s, d);
    json_end_object(w);
    json_end_object(w);
}

static void put_failure(void *arg, size_t node, UA_StatusCode why)
{
    struct json_writer *w = begin_chunk(arg, node);
    opcua_put_error(w, why, NULL);
    json_end_object(w);
}

static void put_node(void *arg, size_t node)
{
    struct twin_walk *s = arg;
    struct json_writer *w = begin_chunk(s, node);
    json_name(w, "attributes");
    twin_put_node(s->nodes, node);
    json_end_object(w);
}

static void done(void *arg)
{
    struct twin_walk *s = arg;
    json_end_array(&s->request->writer);
    twin_request_done(s->request);
}

static const struct twin_walk_user stream = {
    .node = put_node, .reference = put_reference, .failed = put_failure, .done = done};

void twin_browse_stream(struct twin_request *r)
{
    static const uint32_t root = UA_NS0ID_ROOTFOLDER;
    struct twin_walk *s = twin_walk_new(r, &stream);
    s->arg = s;
    s->names_told = true;
    s->recurse = !json_bool(json_get_nocase(r->body, "noRecurse"), false);
    s->with_values = json_bool(json_get_nocase(r->body, "readVariableValues"), false);
    if (!twin_browse_describe(r, &s->how) || !twin_browse_view(r, &s->view))
        return;
    json_array(&r->writer);
    twin_walk_begin(s, &root, 1);
}
