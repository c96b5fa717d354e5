/* Browse and BrowseNext: a node, what it refers to, and a token for the rest. */
#include "opcua/browse.h"
#include "base/encoding.h"
#include "twin/browse_what.h"
#include "twin/methods.h"
#include "twin/node.h"

struct browse {
    struct twin_request *request;
    UA_ReferenceDescription *references;
    size_t count;
    UA_ByteString token;
    UA_StatusCode error;
    bool with_root; /* nodes.nodes[0] is the node itself */
    bool targets_only;
    bool with_values;
    bool ids_only; /* 2.9's nodeIdsOnly: nothing is read */
    struct twin_nodes nodes;
    size_t *node_of; /* of each reference; SIZE_MAX: a target that was there before */
};

/* ---- the answer ---- */

static void put_reference(struct browse *b, size_t i)
{
    struct json_writer *w = &b->request->writer;
    const UA_ReferenceDescription *d = &b->references[i];
    json_object(w);
    if (!b->targets_only) {
        twin_put_node_id(b->request, "referenceTypeId", &d->referenceTypeId);
        json_name(w, "direction"), json_put_text(w, d->isForward ? "Forward" : "Backward");
    }
    json_name(w, "target");
    twin_put_node(&b->nodes, b->node_of[i]);
    json_end_object(w);
}

static void put_token(struct browse *b)
{
    struct buffer text = {0};
    if (b->token.length == 0)
        return;
    base64url_encode(opcua_slice(b->token), &text);
    json_member(&b->request->writer, "continuationToken", buffer_slice(&text));
    buffer_clear(&text);
    b->request->hold = true;
}

static void answer(void *arg)
{
    struct browse *b = arg;
    struct json_writer *w = &b->request->writer;
    json_object(w);
    if (b->with_root)
        json_name(w, "node"), twin_put_node(&b->nodes, 0);
    json_name(w, "references");
    json_array(w);
    for (size_t i = 0; i < b->count; i++)
        if (b->node_of[i] != SIZE_MAX)
            put_reference(b, i);
    json_end_array(w);
    put_token(b);
    opcua_put_error(w, b->error, NULL);
    json_end_object(w);
    twin_request_done(b->request);
}

/* ---- what the references lead to ---- */

static bool seen(const struct browse *b, const UA_NodeId *id)
{
    for (size_t i = b->with_root; i < b->nodes.count; i++)
        if (UA_NodeId_equal(&b->nodes.nodes[i].id, id))
            return true;
    return false;
}

static void add_target(struct browse *b, size_t i)
{
    const UA_ReferenceDescription *d = &b->references[i];
    b->node_of[i] = SIZE_MAX;
    if (d->nodeId.serverIndex || (b->targets_only && seen(b, &d->nodeId.nodeId)))
        return;
    b->node_of[i] = b->nodes.count;
    b->nodes.nodes[b->nodes.count++] = (struct twin_node){
        .id = d->nodeId.nodeId,
        .type_definition = d->typeDefinition.nodeId,
        .node_class = b->ids_only ? 0 : d->nodeClass,
        .with_children = !b->ids_only,
        .with_value = b->with_values && d->nodeClass == UA_NODECLASS_VARIABLE,
    };
}

static void read_nodes(struct browse *b)
{
    struct twin_request *r = b->request;
    b->node_of = ARENA_TAKE_N(&r->arena, size_t, b->count + 1);
    for (size_t i = 0; i < b->count; i++)
        add_target(b, i);
    b->nodes.request = r;
    b->nodes.done = answer;
    b->nodes.arg = b;
    if (b->ids_only)
        answer(b);
    else
        twin_nodes_read(&b->nodes);
}

/* Room for the root and all targets. */
static void take_nodes(struct browse *b, size_t count)
{
    struct twin_node *nodes = ARENA_TAKE_N(&b->request->arena, struct twin_node, count + 1);
    if (b->with_root)
        nodes[0] = b->nodes.nodes[0];
    b->nodes.nodes = nodes;
}

static void on_result(struct browse *b, UA_BrowseResult *result)
{
    struct twin_request *r = b->request;
    b->error = result->statusCode;
    b->references = result->references;
    b->count = result->referencesSize;
    b->token = result->continuationPoint;
    if (result->references)
        twin_request_own(r, result->references, b->count, &UA_TYPES[UA_TYPES_REFERENCEDESCRIPTION]);
    if (b->token.length)
        b->token = opcua_string_of(arena_copy(&r->arena, opcua_slice(b->token)));
    result->references = NULL; /* moved */
    result->referencesSize = 0;
    take_nodes(b, b->count);
    read_nodes(b);
}

/* ---- Browse ---- */

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    struct browse *b = arg;
    UA_BrowseResponse *browsed = response;
    if (status == UA_STATUSCODE_GOOD && browsed->resultsSize != 1)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(b->request, status, NULL);
    else
        on_result(b, browsed->results);
}

/* What the caller wants, within what one answer can carry. */
static uint32_t references_max(const struct twin_request *r)
{
    uint64_t max;
    if (!json_u64(json_get_nocase(r->body, "maxReferencesToReturn"), &max) ||
        max > TWIN_REFERENCES_MAX)
        return TWIN_REFERENCES_MAX;
    return (uint32_t)max;
}

static void send_browse(struct browse *b, UA_BrowseDescription *d)
{
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    if (!twin_browse_view(b->request, &request.view))
        return;
    request.requestedMaxReferencesPerNode = references_max(b->request);
    request.nodesToBrowse = d;
    request.nodesToBrowseSize = 1;
    TWIN_CALL(b->request, BROWSE, &request, on_browsed, b);
}

static struct browse *browse_new(struct twin_request *r)
{
    struct browse *b = ARENA_TAKE(&r->arena, struct browse);
    b->request = r;
    b->targets_only = json_bool(json_get_nocase(r->body, "targetNodesOnly"), false);
    b->with_values = json_bool(json_get_nocase(r->body, "readVariableValues"), false);
    b->ids_only = json_bool(json_get_nocase(r->body, "nodeIdsOnly"), false);
    return b;
}

void twin_browse(struct twin_request *r)
{
    struct browse *b = browse_new(r);
    struct slice node = json_string(json_get_nocase(r->body, "nodeId"));
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    if ((node.len && !twin_request_node_id(r, node, &d.nodeId)) || !twin_browse_describe(r, &d))
        return;
    b->with_root = true;
    b->nodes.count = 1;
    b->nodes.nodes = ARENA_TAKE_N(&r->arena, struct twin_node, 1);
    b->nodes.nodes[0] =
        (struct twin_node){.id = d.nodeId, .with_children = true, .with_value = b->with_values};
    if (references_max(r) == 0)
        read_nodes(b); /* the node alone */
    else
        send_browse(b, &d);
}

/* ---- BrowseNext ---- */

static void on_next(void *arg, UA_StatusCode status, void *response)
{
    struct browse *b = arg;
    UA_BrowseNextResponse *next = response;
    bool aborted = json_bool(json_get_nocase(b->request->body, "abort"), false);
    if (status == UA_STATUSCODE_GOOD && next->resultsSize != 1 && !aborted)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(b->request, status, NULL);
    else if (next->resultsSize == 1)
        on_result(b, next->results);
    else
        answer(b);
}

void twin_browse_next(struct twin_request *r)
{
    struct browse *b = browse_new(r);
    struct slice token = json_string(json_get_nocase(r->body, "continuationToken"));
    struct buffer bytes = {0};
    if (token.len == 0 || base64url_decode(token, &bytes) != OK || bytes.len == 0) {
        twin_request_fail(r, BAD_ARGUMENT, "continuationToken is not one that Browse gave.");
    } else {
        UA_ByteString point = opcua_string_of(buffer_slice(&bytes));
        UA_BrowseNextRequest request;
        UA_BrowseNextRequest_init(&request);
        request.continuationPoints = &point;
        request.continuationPointsSize = 1;
        request.releaseContinuationPoints = json_bool(json_get_nocase(r->body, "abort"), false);
        TWIN_CALL(r, BROWSENEXT, &request, on_next, b);
    }
    buffer_clear(&bytes);
}
