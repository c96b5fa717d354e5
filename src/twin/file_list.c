/* What there is: file systems, directories and files in a directory, where one stands, and what is
 * known of a file. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/browse.h"
#include "twin/file_system.h"
#include "twin/methods.h"
#include "twin/properties.h"
#include "twin/subtypes.h"
#include "twin/target.h"
#include "twin/walk.h"

void file_put(struct twin_request *r, const UA_NodeId *id, struct slice name)
{
    struct json_writer *w = &r->writer;
    json_object(w);
    twin_put_node_id(r, "nodeId", id);
    json_member(w, "name", name);
    json_end_object(w);
}

struct listing {
    struct twin_request *request;
    UA_NodeId node;
    struct twin_subtypes types;
    uint32_t type; /* of those that are listed */
};

/* ---- one directory ---- */

static void answer_children(struct listing *l, const UA_ReferenceDescription *refs, size_t count)
{
    struct json_writer *w = &l->request->writer;
    json_object(w);
    json_name(w, "result");
    json_array(w);
    for (size_t i = 0; i < count; i++)
        if (twin_subtypes_have(&l->types, &refs[i].typeDefinition.nodeId))
            file_put(l->request, &refs[i].nodeId.nodeId, opcua_slice(refs[i].browseName.name));
    json_end_array(w);
    json_end_object(w);
    twin_request_done(l->request);
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                          size_t count)
{
    struct listing *l = arg;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(l->request, status, NULL);
    else
        answer_children(l, refs, count);
}

static void on_types(void *arg)
{
    struct listing *l = arg;
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = l->node;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    d.includeSubtypes = true;
    d.nodeClassMask = UA_NODECLASS_OBJECT;
    d.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(l->request->session, &d, on_references, l, twin_request_left_ms(l->request));
}

static void on_directory(void *arg, const UA_NodeId *node)
{
    struct listing *l = arg;
    l->node = *node;
    l->types.done = on_types;
    twin_subtypes_read(&l->types, l->type);
}

static struct listing *listing_new(struct twin_request *r, uint32_t type)
{
    struct listing *l = ARENA_TAKE(&r->arena, struct listing);
    l->request = r;
    l->type = type;
    l->types.request = r;
    l->types.arg = l;
    return l;
}

void twin_file_directories(struct twin_request *r)
{
    struct listing *l = listing_new(r, UA_NS0ID_FILEDIRECTORYTYPE);
    twin_target_find(r, "nodeId", "browsePath", NULL, on_directory, l);
}

void twin_file_files(struct twin_request *r)
{
    struct listing *l = listing_new(r, UA_NS0ID_FILETYPE);
    twin_target_find(r, "nodeId", "browsePath", NULL, on_directory, l);
}

/* ---- where it stands ---- */

static void answer_parent(void *arg, UA_StatusCode status, const UA_ReferenceDescription *directory)
{
    struct twin_request *r = arg;
    struct json_writer *w = &r->writer;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    json_object(w);
    if (directory) {
        json_name(w, "result");
        file_put(r, &directory->nodeId.nodeId, opcua_slice(directory->browseName.name));
    } else {
        opcua_put_error(w, UA_STATUSCODE_BADNOTFOUND, "It is in no directory.");
    }
    json_end_object(w);
    twin_request_done(r);
}

static void find_parent(void *arg, const UA_NodeId *node)
{
    file_parent_find(arg, node, answer_parent, arg);
}

void twin_file_parent(struct twin_request *r)
{
    twin_target_find(r, "nodeId", "browsePath", NULL, find_parent, r);
}

/* ---- file systems: directories that stand in no other ---- */

struct systems {
    struct twin_subtypes types; /* outlives the request's turns */
    struct twin_walk *walk;
    struct twin_walk_queue told; /* a directory may be found by several ways */
};

static bool is_searched(void *arg, const struct twin_walk_node *n)
{
    const struct systems *s = arg;
    return !twin_subtypes_have(&s->types, &n->type_definition);
}

static void on_found(void *arg, size_t node, const UA_ReferenceDescription *d)
{
    struct systems *s = arg;
    struct twin_request *r = s->types.request;
    const struct twin_walk_node found = {.id = d->nodeId.nodeId};
    (void)node;
    if (!twin_subtypes_have(&s->types, &d->typeDefinition.nodeId) ||
        twin_walk_queue_met(&s->told, &found.id))
        return;
    twin_walk_queue_put(&s->told, &found);
    json_object(&r->writer);
    json_name(&r->writer, "result");
    file_put(r, &d->nodeId.nodeId, opcua_slice(d->browseName.name));
    json_end_object(&r->writer);
}

/* What cannot be browsed is not looked through. */
static void on_failed(void *arg, size_t node, UA_StatusCode why)
{
    (void)arg, (void)node, (void)why;
}

static void on_searched(void *arg)
{
    struct systems *s = arg;
    json_end_array(&s->types.request->writer);
    twin_request_done(s->types.request);
}

static void on_ended(void *arg)
{
    struct systems *s = arg;
    for (size_t i = 0; i < s->types.count; i++)
        UA_NodeId_clear(&s->types.types[i]);
    twin_walk_queue_clear(&s->told);
    free(s);
}

static const struct twin_walk_user search = {.wanted = is_searched,
                                             .reference = on_found,
                                             .failed = on_failed,
                                             .done = on_searched,
                                             .end = on_ended};

static void on_directory_types(void *arg)
{
    static const uint32_t root = UA_NS0ID_OBJECTSFOLDER;
    const struct twin_subtypes *types = arg;
    struct systems *s = MEMORY_NEW(struct systems);
    s->types = *types;
    for (size_t i = 0; i < types->count; i++)
        UA_NodeId_copy(&types->types[i], &s->types.types[i]);
    s->walk = twin_walk_new(types->request, &search);
    s->walk->arg = s;
    s->walk->bare = true;
    s->walk->how.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    s->walk->how.includeSubtypes = true;
    s->walk->how.nodeClassMask = UA_NODECLASS_OBJECT;
    s->walk->how.resultMask = UA_BROWSERESULTMASK_ALL;
    json_array(&types->request->writer);
    twin_walk_begin(s->walk, &root, 1);
}

void twin_file_systems(struct twin_request *r)
{
    struct twin_subtypes *types = ARENA_TAKE(&r->arena, struct twin_subtypes);
    types->request = r;
    types->done = on_directory_types;
    types->arg = types;
    twin_subtypes_read(types, UA_NS0ID_FILEDIRECTORYTYPE);
}

/* ---- a file ---- */

/* clang-format off */
static const struct twin_property info[] = {
    {"size", "Size", TWIN_PROPERTY_VALUE, NULL, 0},
    {"writable", "Writable", TWIN_PROPERTY_VALUE, NULL, 0},
    {"openCount", "OpenCount", TWIN_PROPERTY_VALUE, NULL, 0},
    {"mimeType", "MimeType", TWIN_PROPERTY_VALUE, NULL, 0},
    {"maxBufferSize", "MaxByteStringLength", TWIN_PROPERTY_LIMIT, NULL, 0},
    {"lastModified", "LastModifiedTime", TWIN_PROPERTY_VALUE, NULL, 0},
};
/* clang-format on */

static void answer_info(void *arg)
{
    struct twin_properties *p = arg;
    struct json_writer *w = &p->request->writer;
    json_object(w);
    json_name(w, "result");
    json_object(w);
    twin_properties_put(p, 0, p->count);
    json_end_object(w);
    json_end_object(w);
    twin_request_done(p->request);
}

static void on_file(void *arg, const UA_NodeId *node)
{
    struct twin_properties *p = arg;
    p->from = *node;
    twin_properties_read(p);
}

void twin_file_info(struct twin_request *r)
{
    struct twin_properties *p = ARENA_TAKE(&r->arena, struct twin_properties);
    *p = (struct twin_properties){.request = r,
                                  .table = info,
                                  .count = sizeof(info) / sizeof(info[0]),
                                  .done = answer_info,
                                  .arg = p};
    twin_target_find(r, "nodeId", "browsePath", NULL, on_file, p);
}
