#include "twin/node.h"

#include "twin/points.h"
#include "twin/read.h"

#define BROWSE_MAX 200 /* nodes in one call when the server names no limit */

struct children {
    struct twin_nodes *nodes;
    UA_BrowseDescription *what;
    size_t *of; /* which node each is about */
    size_t count, at, sent;
};

static bool has(const struct twin_node *n, const struct twin_attribute *a)
{
    bool wanted = a->id != UA_ATTRIBUTEID_VALUE || n->with_value;
    return wanted && a->classes & (uint32_t)n->node_class;
}

static bool is_told(const struct twin_node *n, const struct twin_attribute *a)
{
    return n->told && (a->id == UA_ATTRIBUTEID_NODECLASS || a->id == UA_ATTRIBUTEID_BROWSENAME ||
                       a->id == UA_ATTRIBUTEID_DISPLAYNAME);
}

static bool is_read(const struct twin_node *n, const struct twin_attribute *a)
{
    return has(n, a) && !is_told(n, a);
}

static struct arena *arena_of(struct twin_nodes *n)
{
    return n->keep ? &n->keep->arena : &n->request->arena;
}

static void read(struct twin_nodes *n, UA_ReadValueId *ids, size_t count, twin_read_fn *fn)
{
    struct twin_owned **owned = n->keep ? &n->keep->owned : &n->request->owned;
    twin_read_into(n->request, arena_of(n), owned, ids, count, fn, n);
}

static void fail(struct twin_nodes *n, UA_StatusCode why)
{
    if (n->failed)
        n->failed(n->arg, why);
    else
        twin_request_fault(n->request, why, NULL);
}

/* ---- children ---- */

static void browse_some(struct children *c);

/* One reference was enough; the server need not keep the others ready. */
static void release(struct twin_request *r, const UA_BrowseResult *results, size_t count)
{
    UA_ByteString points[BROWSE_MAX];
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (results[i].continuationPoint.length)
            points[found++] = results[i].continuationPoint;
    twin_points_release(r, points, found);
}

static void on_children(void *arg, UA_StatusCode status, void *response)
{
    struct children *c = arg;
    struct twin_nodes *n = c->nodes;
    UA_BrowseResponse *answer = response;
    if (status != UA_STATUSCODE_GOOD || answer->resultsSize != c->sent) {
        n->done(n->arg); /* not known, then */
        return;
    }
    for (size_t i = 0; i < c->sent; i++) {
        struct twin_node *node = &n->nodes[c->of[c->at++]];
        UA_BrowseResult *result = &answer->results[i];
        /* More than the server can keep ready: there are some, then. */
        bool many = result->statusCode == UA_STATUSCODE_BADNOCONTINUATIONPOINTS;
        node->children_known = many || result->statusCode == UA_STATUSCODE_GOOD;
        node->has_children = many || result->referencesSize > 0;
    }
    release(n->request, answer->results, answer->resultsSize);
    if (c->at < c->count)
        browse_some(c);
    else
        n->done(n->arg);
}

static void browse_some(struct children *c)
{
    struct twin_request *r = c->nodes->request;
    size_t limit = opcua_session_limits(r->session)->nodes_per_browse;
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    if (limit == 0 || limit > BROWSE_MAX)
        limit = BROWSE_MAX;
    c->sent = c->count - c->at < limit ? c->count - c->at : limit;
    request.requestedMaxReferencesPerNode = 1;
    request.nodesToBrowse = c->what + c->at;
    request.nodesToBrowseSize = c->sent;
    TWIN_CALL(r, BROWSE, &request, on_children, c);
}

static void find_children(struct twin_nodes *n)
{
    struct arena *a = arena_of(n);
    struct children *c = ARENA_TAKE(a, struct children);
    c->nodes = n;
    c->what = ARENA_TAKE_N(a, UA_BrowseDescription, n->count + 1);
    c->of = ARENA_TAKE_N(a, size_t, n->count + 1);
    for (size_t i = 0; i < n->count; i++) {
        if (!n->nodes[i].with_children || n->nodes[i].status != UA_STATUSCODE_GOOD)
            continue;
        UA_BrowseDescription *d = &c->what[c->count];
        d->nodeId = n->nodes[i].id;
        d->browseDirection = UA_BROWSEDIRECTION_FORWARD;
        d->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
        d->includeSubtypes = true;
        c->of[c->count++] = i;
    }
    if (c->count)
        browse_some(c);
    else
        n->done(n->arg);
}

/* ---- attributes ---- */

static void on_attributes(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_nodes *n = arg;
    if (status != UA_STATUSCODE_GOOD) {
        fail(n, status);
        return;
    }
    n->values = values;
    find_children(n);
}

static void read_attributes(struct twin_nodes *n)
{
    UA_ReadValueId *ids =
        ARENA_TAKE_N(arena_of(n), UA_ReadValueId, n->count * twin_attribute_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < n->count; i++) {
        n->nodes[i].first = count;
        for (size_t a = 0; a < twin_attribute_count; a++)
            if (is_read(&n->nodes[i], &twin_attributes[a]))
                ids[count++] = (UA_ReadValueId){.nodeId = n->nodes[i].id,
                                                .attributeId = twin_attributes[a].id};
    }
    read(n, ids, count, on_attributes);
}

/* ---- classes ---- */

static void on_classes(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_nodes *n = arg;
    size_t at = 0;
    if (status != UA_STATUSCODE_GOOD) {
        fail(n, status);
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        if (n->nodes[i].node_class)
            continue;
        UA_DataValue *v = &values[at++];
        const UA_Int32 *c = twin_read_scalar(v, UA_TYPES_INT32);
        if (c)
            n->nodes[i].node_class = (UA_NodeClass)*c;
        else
            n->nodes[i].status =
                v->hasStatus && v->status ? v->status : UA_STATUSCODE_BADNODECLASSINVALID;
    }
    read_attributes(n);
}

void twin_nodes_read(struct twin_nodes *n)
{
    UA_ReadValueId *ids = ARENA_TAKE_N(arena_of(n), UA_ReadValueId, n->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < n->count; i++)
        if (n->nodes[i].node_class == 0)
            ids[count++] =
                (UA_ReadValueId){.nodeId = n->nodes[i].id, .attributeId = UA_ATTRIBUTEID_NODECLASS};
    read(n, ids, count, on_classes);
}

/* ---- the model ---- */

static void put_attribute(struct twin_request *r, const struct twin_attribute *a,
                          const UA_DataValue *v)
{
    bool bad = v->hasStatus && UA_StatusCode_isBad(v->status);
    if (a->id == UA_ATTRIBUTEID_VALUE && v->hasStatus)
        opcua_put_error(&r->writer, v->status, NULL);
    if (!bad && v->hasValue && !UA_Variant_isEmpty(&v->value))
        a->put(r, a, v);
}

static void put_told(struct twin_request *r, const struct twin_attribute *a,
                     const struct twin_walk_node *told)
{
    struct json_writer *w = &r->writer;
    const char *node_class = twin_node_class_name(told->node_class);
    if (a->id == UA_ATTRIBUTEID_NODECLASS) {
        json_member(w, a->member, slice_of(node_class ? node_class : ""));
    } else if (a->id == UA_ATTRIBUTEID_DISPLAYNAME) {
        json_member(w, a->member, opcua_slice(told->display_name));
    } else {
        buffer_reset(&r->scratch);
        opcua_qualified_name_print(&told->browse_name, &r->names, r->form.format, &r->scratch);
        json_member(w, a->member, buffer_slice(&r->scratch));
    }
}

const UA_DataValue *twin_node_value(const struct twin_nodes *n, size_t index, UA_AttributeId id)
{
    const struct twin_node *node = &n->nodes[index];
    size_t at = node->first;
    for (size_t a = 0; a < twin_attribute_count; a++) {
        if (!is_read(node, &twin_attributes[a]))
            continue;
        if (twin_attributes[a].id == id)
            return &n->values[at];
        at++;
    }
    return NULL;
}

void twin_put_node_attribute(const struct twin_nodes *n, size_t index, UA_AttributeId id)
{
    const UA_DataValue *v = twin_node_value(n, index, id);
    for (size_t a = 0; v && a < twin_attribute_count; a++)
        if (twin_attributes[a].id == id)
            put_attribute(n->request, &twin_attributes[a], v);
}

void twin_put_node_names(const struct twin_nodes *n, size_t index)
{
    twin_put_node_attribute(n, index, UA_ATTRIBUTEID_DISPLAYNAME);
    twin_put_node_attribute(n, index, UA_ATTRIBUTEID_BROWSENAME);
    twin_put_node_attribute(n, index, UA_ATTRIBUTEID_DESCRIPTION);
}

void twin_put_node(const struct twin_nodes *n, size_t index)
{
    const struct twin_node *node = &n->nodes[index];
    struct twin_request *r = n->request;
    struct json_writer *w = &r->writer;
    size_t at = node->first;
    json_object(w);
    twin_put_node_id(r, "nodeId", &node->id);
    for (size_t a = 0; a < twin_attribute_count; a++)
        if (is_told(node, &twin_attributes[a]))
            put_told(r, &twin_attributes[a], node->told);
        else if (has(node, &twin_attributes[a]))
            put_attribute(r, &twin_attributes[a], &n->values[at++]);
    twin_put_node_id(r, "typeDefinitionId", &node->type_definition);
    if (node->children_known)
        json_name(w, "children"), json_put_bool(w, node->has_children);
    opcua_put_error(w, node->status, NULL);
    json_end_object(w);
}
