#include "twin/walk.h"

#include <stdlib.h>

#include "base/memory.h"

static void next_turn(struct twin_walk *s);
static void browse_some(struct twin_walk *s);

static void on_end(void *arg)
{
    struct twin_walk *s = arg;
    if (s->user->end)
        s->user->end(s->arg);
    for (size_t i = 0; i < s->point_count; i++)
        UA_ByteString_clear(&s->points[i]);
    map_clear(&s->seen);
    arena_clear(&s->memory);
    free(s->queue);
    free(s);
}

/* ---- what was found ---- */

static UA_NodeId copy_id(struct twin_walk *s, const UA_NodeId *id)
{
    UA_NodeId copy = *id;
    if (id->identifierType == UA_NODEIDTYPE_STRING ||
        id->identifierType == UA_NODEIDTYPE_BYTESTRING)
        copy.identifier.string =
            opcua_string_of(arena_copy(&s->memory, opcua_slice(id->identifier.string)));
    return copy;
}

bool twin_walk_knows(const struct twin_walk *s, const UA_NodeId *id)
{
    struct buffer text = {0};
    opcua_node_id_print(id, NULL, OPCUA_ID_INDEX, &text);
    bool known = map_get(&s->seen, buffer_slice(&text)) != NULL;
    buffer_clear(&text);
    return known;
}

/* Into the queue, unless it was there. */
static void add(struct twin_walk *s, const UA_NodeId *id, UA_NodeClass node_class,
                const UA_NodeId *type)
{
    struct buffer text = {0};
    opcua_node_id_print(id, NULL, OPCUA_ID_INDEX, &text);
    bool known = map_get(&s->seen, buffer_slice(&text)) != NULL;
    if (!known && s->count < TWIN_WALK_NODES_MAX) {
        map_put(&s->seen, arena_copy(&s->memory, buffer_slice(&text)), s);
        if (s->count == s->cap) {
            s->cap = s->cap ? 2 * s->cap : TWIN_WALK_BATCH;
            s->queue = memory_resize(s->queue, s->cap * sizeof(*s->queue));
        }
        s->queue[s->count++] = (struct twin_walk_node){
            .id = copy_id(s, id), .type_definition = copy_id(s, type), .node_class = node_class};
    }
    buffer_clear(&text);
}

/* ---- references ---- */

const UA_NodeId *twin_walk_source(const struct twin_walk *s, size_t node)
{
    return &s->queue[s->at + node].id;
}

/* Where more is browsed than is followed. */
static bool leads_on(const struct twin_walk *s, const UA_ReferenceDescription *d)
{
    return s->follow == NULL ||
           (d->isForward && twin_subtypes_have(s->follow, &d->referenceTypeId));
}

/* False: the server can keep no more places, and is to be asked for this one alone. */
static bool take_result(struct twin_walk *s, size_t node, UA_BrowseResult *result, bool alone)
{
    if (result->statusCode == UA_STATUSCODE_BADNOCONTINUATIONPOINTS && !alone)
        return false;
    if (UA_StatusCode_isBad(result->statusCode))
        s->user->failed(s->arg, node, result->statusCode);
    for (size_t i = 0; i < result->referencesSize; i++) {
        const UA_ReferenceDescription *d = &result->references[i];
        s->user->reference(s->arg, node, d);
        if (s->recurse && d->nodeId.serverIndex == 0 && leads_on(s, d))
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
    struct twin_walk *s = arg;
    UA_BrowseNextResponse *answer = response;
    size_t count = s->point_count;
    size_t of[TWIN_WALK_BATCH];
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

static void ask_for_more(struct twin_walk *s)
{
    UA_BrowseNextRequest request;
    UA_BrowseNextRequest_init(&request);
    request.continuationPoints = s->points;
    request.continuationPointsSize = s->point_count;
    TWIN_CALL(s->request, BROWSENEXT, &request, on_more, s);
}

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    struct twin_walk *s = arg;
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

static bool is_too_large(struct twin_walk *s)
{
    struct twin_request *r = s->request;
    if (r->out.len + s->bytes <= TWIN_WALK_BYTES_MAX && s->count < TWIN_WALK_NODES_MAX)
        return false;
    twin_request_fail(r, TOO_LARGE,
                      "There is more below than one answer can have: browse "
                      "smaller parts.");
    return true;
}

static void browse_some(struct twin_walk *s)
{
    UA_BrowseDescription what[TWIN_WALK_BATCH];
    UA_BrowseRequest request;
    if (is_too_large(s)) /* one node can have references without end */
        return;
    if (s->point_count) {
        ask_for_more(s);
        return;
    }
    if (s->todo_count == 0) {
        if (s->user->turn_end)
            s->user->turn_end(s->arg);
        s->at += s->nodes.count;
        next_turn(s);
        return;
    }
    s->sent = s->todo_count < s->width ? s->todo_count : s->width;
    for (size_t i = 0; i < s->sent; i++) {
        what[i] = s->how;
        what[i].nodeId = *twin_walk_source(s, s->todo[i]);
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
    struct twin_walk *s = arg;
    s->todo_count = 0;
    for (size_t i = 0; i < s->nodes.count; i++) {
        bool wanted = s->user->node(s->arg, i);
        if (wanted && s->nodes.nodes[i].status == UA_STATUSCODE_GOOD)
            s->todo[s->todo_count++] = i;
    }
    browse_some(s);
}

static size_t turn_max(const struct twin_walk *s)
{
    size_t limit = opcua_session_limits(s->request->session)->nodes_per_browse;
    return limit && limit < TWIN_WALK_BATCH ? limit : TWIN_WALK_BATCH;
}

static void read_turn(struct twin_walk *s)
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
        const struct twin_walk_node *f = &s->queue[s->at + i];
        s->nodes.nodes[i] = (struct twin_node){.id = f->id,
                                               .type_definition = f->type_definition,
                                               .node_class = f->node_class,
                                               .with_value = s->with_values};
    }
    if (s->bare)
        on_nodes(s);
    else
        twin_nodes_read(&s->nodes);
}

static void next_turn(struct twin_walk *s)
{
    struct twin_request *r = s->request;
    twin_request_forget(r);
    if (is_too_large(s))
        return;
    if (s->at == s->count) {
        s->user->done(s->arg);
    } else {
        read_turn(s);
    }
}

/* ---- the beginning ---- */

/* "nodeId": ids, or one; nothing: `root`. */
static bool add_roots(struct twin_walk *s, const uint32_t *roots, size_t root_count)
{
    struct twin_request *r = s->request;
    const UA_NodeId none = UA_NODEID_NULL;
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
    for (size_t i = 0; count == 0 && i < root_count; i++) {
        const UA_NodeId root = UA_NODEID_NUMERIC(0, roots[i]);
        add(s, &root, 0, &none);
    }
    return true;
}

struct twin_walk *twin_walk_new(struct twin_request *r, const struct twin_walk_user *user)
{
    struct twin_walk *s = MEMORY_NEW(struct twin_walk);
    s->request = r;
    s->user = user;
    s->recurse = true;
    r->on_end = on_end;
    r->on_end_arg = s;
    UA_BrowseDescription_init(&s->how);
    return s;
}

void twin_walk_begin(struct twin_walk *s, const uint32_t *roots, size_t count)
{
    if (!add_roots(s, roots, count))
        return;
    s->how.referenceTypeId = copy_id(s, &s->how.referenceTypeId); /* longer than a turn */
    s->view.viewId = copy_id(s, &s->view.viewId);
    next_turn(s);
}
