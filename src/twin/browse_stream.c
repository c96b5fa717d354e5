/*
 * BrowseStream: nodes and all that hangs below them, as an array of chunks. Level by level, many
 * nodes in a call; a node that was met before is told as a target, and not gone into again.
 */
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "twin/browse_what.h"
#include "twin/methods.h"
#include "twin/node.h"

#define BATCH 100                    /* nodes of a turn */
#define STREAM_BYTES_MAX (64u << 20) /* of the answer */
#define STREAM_NODES_MAX 500000

struct found {
    UA_NodeId id, type_definition; /* in the stream's arena */
    UA_NodeClass node_class;       /* 0: not known */
};

struct stream {
    struct twin_request *request;
    struct arena memory;
    struct map seen;
    struct found *queue;
    size_t count, cap, at;
    UA_BrowseDescription how;
    UA_ViewDescription view;
    bool recurse, with_values;

    /* a turn */
    struct twin_nodes nodes;
    size_t todo[BATCH], todo_count; /* which of the nodes are to be browsed */
    size_t sent, width;
    UA_ByteString points[BATCH]; /* of those whose references were more than one answer */
    size_t point_of[BATCH], point_count;
};

static void next_turn(struct stream *s);
static void browse_some(struct stream *s);

static void on_end(void *arg)
{
    struct stream *s = arg;
    for (size_t i = 0; i < s->point_count; i++)
        UA_ByteString_clear(&s->points[i]);
    map_clear(&s->seen);
    arena_clear(&s->memory);
    free(s->queue);
    free(s);
}

/* ---- what was found ---- */

static UA_NodeId copy_id(struct stream *s, const UA_NodeId *id)
{
    UA_NodeId copy = *id;
    if (id->identifierType == UA_NODEIDTYPE_STRING ||
        id->identifierType == UA_NODEIDTYPE_BYTESTRING)
        copy.identifier.string =
            opcua_string_of(arena_copy(&s->memory, opcua_slice(id->identifier.string)));
    return copy;
}

/* Into the queue, unless it was there. */
static void add(struct stream *s, const UA_NodeId *id, UA_NodeClass node_class,
                const UA_NodeId *type)
{
    struct buffer text = {0};
    opcua_node_id_print(id, NULL, OPCUA_ID_INDEX, &text);
    bool known = map_get(&s->seen, buffer_slice(&text)) != NULL;
    if (!known && s->count < STREAM_NODES_MAX) {
        map_put(&s->seen, arena_copy(&s->memory, buffer_slice(&text)), s);
        if (s->count == s->cap) {
            s->cap = s->cap ? 2 * s->cap : BATCH;
            s->queue = memory_resize(s->queue, s->cap * sizeof(*s->queue));
        }
        s->queue[s->count++] = (struct found){
            .id = copy_id(s, id), .type_definition = copy_id(s, type), .node_class = node_class};
    }
    buffer_clear(&text);
}

/* ---- chunks ---- */

static struct json_writer *begin_chunk(struct stream *s, const UA_NodeId *source)
{
    struct json_writer *w = &s->request->writer;
    json_object(w);
    twin_put_node_id(s->request, "sourceId", source);
    return w;
}

static void put_target(struct stream *s, const UA_ReferenceDescription *d)
{
    struct json_writer *w = &s->request->writer;
    struct buffer text = {0};
    const char *node_class = twin_node_class_name(d->nodeClass);
    json_name(w, "target");
    json_object(w);
    opcua_expanded_id_print(&d->nodeId, &s->request->names, s->request->form.format, &text);
    json_member(w, "nodeId", buffer_slice(&text));
    buffer_reset(&text);
    opcua_qualified_name_print(&d->browseName, &s->request->names, s->request->form.format, &text);
    json_member(w, "browseName", buffer_slice(&text));
    json_member(w, "displayName", opcua_slice(d->displayName.text));
    if (node_class)
        json_member(w, "nodeClass", slice_of(node_class));
    twin_put_node_id(s->request, "typeDefinitionId", &d->typeDefinition.nodeId);
    json_end_object(w);
    buffer_clear(&text);
}

static void put_reference(struct stream *s, const UA_NodeId *source,
                          const UA_ReferenceDescription *d)
{
    struct json_writer *w = begin_chunk(s, source);
    json_name(w, "reference");
    json_object(w);
    twin_put_node_id(s->request, "referenceTypeId", &d->referenceTypeId);
    json_name(w, "direction"), json_put_text(w, d->isForward ? "Forward" : "Backward");
    put_target(s, d);
    json_end_object(w);
    json_end_object(w);
}

static void put_failure(struct stream *s, const UA_NodeId *source, UA_StatusCode why)
{
    struct json_writer *w = begin_chunk(s, source);
    twin_put_error(w, why, NULL);
    json_end_object(w);
}

/* ---- references ---- */

static const UA_NodeId *source_of(const struct stream *s, size_t node)
{
    return &s->queue[s->at + node].id;
}

/* False: the server can keep no more places, and is to be asked for this one alone. */
static bool take_result(struct stream *s, size_t node, UA_BrowseResult *result, bool alone)
{
    UA_NodeId source = *source_of(s, node); /* the queue moves */
    if (result->statusCode == UA_STATUSCODE_BADNOCONTINUATIONPOINTS && !alone)
        return false;
    if (UA_StatusCode_isBad(result->statusCode))
        put_failure(s, &source, result->statusCode);
    for (size_t i = 0; i < result->referencesSize; i++) {
        const UA_ReferenceDescription *d = &result->references[i];
        put_reference(s, &source, d);
        if (s->recurse && d->nodeId.serverIndex == 0)
            add(s, &d->nodeId.nodeId, d->nodeClass, &d->typeDefinition.nodeId);
    }
    if (result->continuationPoint.length) {
        s->point_of[s->point_count] = node;
        s->points[s->point_count++] = result->continuationPoint;
        UA_ByteString_init(&result->continuationPoint); /* moved */
    }
    return true;
}

static void on_more(void *arg, UA_StatusCode status, void *response)
{
    struct stream *s = arg;
    UA_BrowseNextResponse *answer = response;
    size_t count = s->point_count;
    size_t of[BATCH];
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != count)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(s->request, status, NULL);
        return;
    }
    memcpy(of, s->point_of, sizeof(of));
    for (size_t i = 0; i < count; i++)
        UA_ByteString_clear(&s->points[i]);
    s->point_count = 0;
    for (size_t i = 0; i < count; i++)
        take_result(s, of[i], &answer->results[i], true);
    browse_some(s);
}

static void ask_for_more(struct stream *s)
{
    UA_BrowseNextRequest request;
    UA_BrowseNextRequest_init(&request);
    request.continuationPoints = s->points;
    request.continuationPointsSize = s->point_count;
    TWIN_CALL(s->request, BROWSENEXT, &request, on_more, s);
}

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    struct stream *s = arg;
    UA_BrowseResponse *answer = response;
    size_t again = 0;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != s->sent)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(s->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < s->sent; i++)
        if (!take_result(s, s->todo[i], &answer->results[i], s->sent == 1))
            s->todo[again++] = s->todo[i];
    if (again)
        s->width = 1;
    memmove(&s->todo[again], &s->todo[s->sent], (s->todo_count - s->sent) * sizeof(s->todo[0]));
    s->todo_count -= s->sent - again;
    browse_some(s);
}

static bool is_too_large(struct stream *s)
{
    struct twin_request *r = s->request;
    if (r->out.len <= STREAM_BYTES_MAX && s->count < STREAM_NODES_MAX)
        return false;
    twin_request_fail(r, TOO_LARGE,
                      "There is more below than one answer can have: browse "
                      "smaller parts.");
    return true;
}

static void browse_some(struct stream *s)
{
    UA_BrowseDescription what[BATCH];
    UA_BrowseRequest request;
    if (is_too_large(s)) /* one node can have references without end */
        return;
    if (s->point_count) {
        ask_for_more(s);
        return;
    }
    if (s->todo_count == 0) {
        s->at += s->nodes.count;
        next_turn(s);
        return;
    }
    s->sent = s->todo_count < s->width ? s->todo_count : s->width;
    for (size_t i = 0; i < s->sent; i++) {
        what[i] = s->how;
        what[i].nodeId = *source_of(s, s->todo[i]);
    }
    UA_BrowseRequest_init(&request);
    request.view = s->view;
    request.nodesToBrowse = what;
    request.nodesToBrowseSize = s->sent;
    TWIN_CALL(s->request, BROWSE, &request, on_browsed, s);
}

/* ---- nodes ---- */

static void on_nodes(void *arg)
{
    struct stream *s = arg;
    s->todo_count = 0;
    for (size_t i = 0; i < s->nodes.count; i++) {
        struct json_writer *w = begin_chunk(s, source_of(s, i));
        json_name(w, "attributes");
        twin_put_node(&s->nodes, i);
        json_end_object(w);
        if (s->nodes.nodes[i].status == UA_STATUSCODE_GOOD)
            s->todo[s->todo_count++] = i;
    }
    browse_some(s);
}

static size_t turn_max(const struct stream *s)
{
    size_t limit = opcua_session_limits(s->request->session)->nodes_per_browse;
    return limit && limit < BATCH ? limit : BATCH;
}

static void read_turn(struct stream *s)
{
    struct twin_request *r = s->request;
    size_t count = s->count - s->at;
    s->width = turn_max(s);
    if (count > s->width)
        count = s->width;
    s->nodes = (struct twin_nodes){.request = r,
                                   .nodes = ARENA_TAKE_N(&r->arena, struct twin_node, count),
                                   .count = count,
                                   .done = on_nodes,
                                   .arg = s};
    for (size_t i = 0; i < count; i++) {
        const struct found *f = &s->queue[s->at + i];
        s->nodes.nodes[i] = (struct twin_node){.id = f->id,
                                               .type_definition = f->type_definition,
                                               .node_class = f->node_class,
                                               .with_value = s->with_values};
    }
    twin_nodes_read(&s->nodes);
}

static void next_turn(struct stream *s)
{
    struct twin_request *r = s->request;
    twin_request_forget(r);
    if (is_too_large(s))
        return;
    if (s->at == s->count) {
        json_end_array(&r->writer);
        twin_request_done(r);
    } else {
        read_turn(s);
    }
}

/* ---- the method ---- */

/* "nodeId": ids, or one; nothing: Root. */
static bool add_roots(struct stream *s)
{
    struct twin_request *r = s->request;
    const UA_NodeId none = UA_NODEID_NULL, root = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    struct slice *ids;
    size_t count;
    if (!twin_request_texts(r, json_get_nocase(r->body, "nodeId"), &ids, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        UA_NodeId id;
        if (!twin_request_node_id(r, ids[i], &id))
            return false;
        add(s, &id, 0, &none);
    }
    if (count == 0)
        add(s, &root, 0, &none);
    return true;
}

void twin_browse_stream(struct twin_request *r)
{
    struct stream *s = MEMORY_NEW(struct stream);
    s->request = r;
    s->recurse = !json_bool(json_get_nocase(r->body, "noRecurse"), false);
    s->with_values = json_bool(json_get_nocase(r->body, "readVariableValues"), false);
    r->on_end = on_end;
    r->on_end_arg = s;
    UA_BrowseDescription_init(&s->how);
    if (!twin_browse_describe(r, &s->how) || !twin_browse_view(r, &s->view) || !add_roots(s))
        return;
    s->how.referenceTypeId = copy_id(s, &s->how.referenceTypeId); /* longer than a turn */
    s->view.viewId = copy_id(s, &s->view.viewId);
    json_array(&r->writer);
    next_turn(s);
}
