#include "opcua/lookup_priv.h"

#include <stdlib.h>

#include "base/memory.h"

static bool add_to_way(struct opcua_lookup *l, const UA_QualifiedName *name)
{
    return l->way_len < OPCUA_LOOKUP_DEPTH_MAX &&
           UA_Array_appendCopy((void **)&l->way, &l->way_len, name,
                               &UA_TYPES[UA_TYPES_QUALIFIEDNAME]) == UA_STATUSCODE_GOOD;
}

void lookup_give_up_way(struct session_lookups *s, struct opcua_lookup *l)
{
    UA_Array_delete(l->way, l->way_len, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    l->way = NULL;
    l->way_len = 0;
    lookup_go_on(s, l, STAGES);
}

void lookup_take_browse_name(struct session_lookups *s, struct opcua_lookup *l, void *response,
                             size_t i)
{
    UA_Variant *v = &((UA_ReadResponse *)response)->results[i].value;
    if (!UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]) ||
        !add_to_way(l, v->data)) {
        lookup_give_up_way(s, l);
        return;
    }
    UA_NodeId_copy(&l->at, &l->above);
    lookup_go_on(s, l, CLIMB);
}

static struct slice key_of(const UA_NodeId *id, struct buffer *scratch)
{
    buffer_reset(scratch);
    opcua_node_id_print(id, NULL, OPCUA_ID_INDEX, scratch);
    return buffer_slice(scratch);
}

static struct folder *folder_of(const struct session_lookups *s, const UA_NodeId *id)
{
    struct buffer key = {0};
    struct folder *f = map_get(&s->folders, key_of(id, &key));
    buffer_clear(&key);
    return f;
}

/* Kept until nobody asks any more; the node itself is not: it has no children that ask. */
static struct folder *folder_new(struct session_lookups *s, const UA_NodeId *id)
{
    if (s->folders.count >= OPCUA_LOOKUP_FOLDERS_MAX)
        return NULL;
    struct buffer key = {0};
    struct folder *f = MEMORY_NEW(struct folder);
    key_of(id, &key);
    map_put(&s->folders, slice_of(slice_dup(buffer_slice(&key))), f);
    buffer_clear(&key);
    return f;
}

void lookup_forget_folders(struct session_lookups *s)
{
    size_t at = 0;
    struct map_entry *e;
    while ((e = map_next(&s->folders, &at))) {
        struct folder *f = e->value;
        UA_NodeId_clear(&f->parent);
        UA_QualifiedName_clear(&f->parent_name);
        free((char *)(uintptr_t)e->key.at);
        free(f);
    }
    map_clear(&s->folders);
}

static bool is_root(const UA_NodeId *id)
{
    static const UA_NodeId root = {.identifier.numeric = UA_NS0ID_ROOTFOLDER};
    return UA_NodeId_equal(id, &root);
}

/* One level up. False: it has arrived, or there is no way; then it is done. */
static bool step(struct session_lookups *s, struct opcua_lookup *l, const UA_NodeId *parent,
                 const UA_QualifiedName *name)
{
    if (is_root(parent)) {
        lookup_go_on(s, l, STAGES);
        return false;
    }
    if (!add_to_way(l, name)) {
        lookup_give_up_way(s, l);
        return false;
    }
    UA_NodeId_clear(&l->above);
    UA_NodeId_copy(parent, &l->above);
    return true;
}

/* As far up as it is known. False: it is done, or waits for an answer that is under way. */
bool lookup_must_climb(struct session_lookups *s, struct opcua_lookup *l)
{
    if (is_root(&l->above)) {
        lookup_go_on(s, l, STAGES);
        return false;
    }
    while (l->way_len > 1) {
        struct folder *f = folder_of(s, &l->above);
        if (!f) {
            folder_new(s, &l->above);
            return true;
        }
        if (!f->known) {
            list_push(&s->queues[CLIMB], &l->link);
            return false;
        }
        if (f->top) {
            lookup_give_up_way(s, l);
            return false;
        }
        if (!step(s, l, &f->parent, &f->parent_name))
            return false;
    }
    return true;
}

void lookup_send_climb(struct session_lookups *s, struct batch *b)
{
    UA_BrowseDescription *nodes = memory_new(b->count * sizeof *nodes);
    for (size_t i = 0; i < b->count; i++)
        nodes[i] = (UA_BrowseDescription){.nodeId = b->asked[i]->above,
                                          .browseDirection = UA_BROWSEDIRECTION_INVERSE,
                                          .referenceTypeId =
                                              UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES),
                                          .includeSubtypes = true,
                                          .resultMask = UA_BROWSERESULTMASK_BROWSENAME};
    UA_BrowseRequest request = {
        .requestedMaxReferencesPerNode = 1, .nodesToBrowseSize = b->count, .nodesToBrowse = nodes};
    OPCUA_CALL(s->session, OPCUA_CALL_NOW, BROWSE, &request, lookup_on_response, b, LOOKUP_CALL_MS);
    free(nodes);
}

size_t lookup_count_climb(const void *response)
{
    return ((const UA_BrowseResponse *)response)->resultsSize;
}

static void nobody_waits(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

/* Further parents are not looked at: servers have few points where to go on. */
static void release_point(struct session_lookups *s, UA_ByteString *point)
{
    UA_BrowseNextRequest request = {.releaseContinuationPoints = true,
                                    .continuationPointsSize = 1,
                                    .continuationPoints = point};
    if (point->length)
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, BROWSENEXT, &request, nobody_waits, NULL, LOOKUP_CALL_MS);
}

void lookup_take_climb(struct session_lookups *s, struct opcua_lookup *l, void *response, size_t i)
{
    UA_BrowseResult *r = &((UA_BrowseResponse *)response)->results[i];
    const UA_ReferenceDescription *up = r->referencesSize ? &r->references[0] : NULL;
    struct folder *f = l->way_len > 1 ? folder_of(s, &l->above) : NULL;
    release_point(s, &r->continuationPoint);
    if (f && !f->known) {
        f->known = true;
        f->top = !up;
        if (up) {
            UA_NodeId_copy(&up->nodeId.nodeId, &f->parent);
            UA_QualifiedName_copy(&up->browseName, &f->parent_name);
        }
    }
    if (!up)
        lookup_give_up_way(s, l);
    else if (step(s, l, &up->nodeId.nodeId, &up->browseName))
        list_push(&s->queues[CLIMB], &l->link);
}
