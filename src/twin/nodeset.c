/*
 * ExportNodeSet: what is of a server's own namespaces, as a NodeSet2 document in "nodeSet". All
 * that hangs below Objects, Types and Views (or "nodeId") is walked through; nodes of OPC UA itself
 * are passed by. Values are left out: they are what changes.
 */
#include "twin/nodeset.h"

#include <stdlib.h>

#include "base/memory.h"
#include "twin/methods.h"

struct export
{
    struct twin_subtypes hierarchy; /* outlives the request's turns */
    struct twin_walk *walk;
    struct buffer references[TWIN_WALK_BATCH]; /* of each node of the turn */
    struct buffer xml;
};

static void put_answer(void *arg)
{
    struct export *e = arg;
    struct twin_request *r = e->hierarchy.request;
    nodeset_put_end(&e->xml);
    json_object(&r->writer);
    json_name(&r->writer, "nodeSet"), json_put_string(&r->writer, buffer_slice(&e->xml));
    json_end_object(&r->writer);
    twin_request_done(r);
}

static void on_end(void *arg)
{
    struct export *e = arg;
    for (size_t i = 0; i < e->hierarchy.count; i++)
        UA_NodeId_clear(&e->hierarchy.types[i]);
    for (size_t i = 0; i < TWIN_WALK_BATCH; i++)
        buffer_clear(&e->references[i]);
    buffer_clear(&e->xml);
    free(e);
}

/* ---- a turn ---- */

static void on_reference(void *arg, size_t node, const UA_ReferenceDescription *d)
{
    struct export *e = arg;
    size_t before = e->references[node].len;
    if (twin_walk_source(e->walk, node)->namespaceIndex && d->nodeId.serverIndex == 0)
        nodeset_put_reference(d, &e->references[node]);
    e->walk->bytes += e->references[node].len - before;
}

static void on_failed(void *arg, size_t node, UA_StatusCode why)
{
    (void)arg, (void)node, (void)why; /* it stands without references */
}

static void on_turn_end(void *arg)
{
    struct export *e = arg;
    for (size_t i = 0; i < e->walk->nodes->count; i++) {
        if (e->walk->nodes->nodes[i].id.namespaceIndex)
            nodeset_put_node(e->walk->nodes, i, buffer_slice(&e->references[i]), &e->xml);
        buffer_reset(&e->references[i]);
    }
    e->walk->bytes = e->xml.len;
}

static const struct twin_walk_user user = {.reference = on_reference,
                                           .failed = on_failed,
                                           .turn_end = on_turn_end,
                                           .done = put_answer,
                                           .end = on_end};

/* ---- the method ---- */

static void on_hierarchy(void *arg)
{
    static const uint32_t roots[] = {UA_NS0ID_OBJECTSFOLDER, UA_NS0ID_TYPESFOLDER,
                                     UA_NS0ID_VIEWSFOLDER};
    const struct twin_subtypes *hierarchy = arg;
    struct twin_request *r = hierarchy->request;
    struct export *e = MEMORY_NEW(struct export);
    e->hierarchy = *hierarchy;
    for (size_t i = 0; i < hierarchy->count; i++)
        UA_NodeId_copy(&hierarchy->types[i], &e->hierarchy.types[i]);
    e->walk = twin_walk_new(r, &user);
    e->walk->arg = e;
    e->walk->follow = &e->hierarchy;
    e->walk->how.browseDirection = UA_BROWSEDIRECTION_BOTH;
    e->walk->how.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_REFERENCES);
    e->walk->how.includeSubtypes = true;
    e->walk->how.resultMask = UA_BROWSERESULTMASK_ALL;
    nodeset_put_head(r, &e->xml);
    twin_walk_begin(e->walk, roots, 3);
}

void twin_export_node_set(struct twin_request *r)
{
    struct twin_subtypes *hierarchy = ARENA_TAKE(&r->arena, struct twin_subtypes);
    hierarchy->request = r;
    hierarchy->done = on_hierarchy;
    hierarchy->arg = hierarchy;
    twin_subtypes_read(hierarchy, UA_NS0ID_HIERARCHICALREFERENCES);
}
