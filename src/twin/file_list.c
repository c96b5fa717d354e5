/* What there is: file systems, directories and files in a directory, where one stands, and what is
 * known of a file. */
#include "opcua/browse.h"
#include "twin/file_system.h"
#include "twin/methods.h"
#include "twin/properties.h"
#include "twin/target.h"

struct listing {
    struct twin_request *request;
    UA_NodeId node;
    struct file_types types;
    bool parent; /* the one above, instead of those below */
    size_t type; /* of GetFileSystems: whose instances are looked for */
    size_t listed;
};

static void browse(struct listing *l, const UA_NodeId *node, uint32_t references,
                   UA_BrowseDirection direction, opcua_browse_all_fn *fn)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = *node;
    d.browseDirection = direction;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, references);
    d.includeSubtypes = true;
    d.nodeClassMask = UA_NODECLASS_OBJECT;
    d.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(l->request->session, &d, fn, l, twin_request_left_ms(l->request));
}

/* ---- one directory ---- */

static void answer_children(struct listing *l, const UA_ReferenceDescription *refs, size_t count)
{
    struct json_writer *w = &l->request->writer;
    json_object(w);
    json_name(w, "result");
    json_array(w);
    for (size_t i = 0; i < count; i++)
        if (file_types_has(&l->types, &refs[i].typeDefinition.nodeId))
            file_put(l->request, &refs[i].nodeId.nodeId, opcua_slice(refs[i].browseName.name));
    json_end_array(w);
    json_end_object(w);
    twin_request_done(l->request);
}

static void answer_parent(struct listing *l, const UA_ReferenceDescription *refs, size_t count)
{
    struct json_writer *w = &l->request->writer;
    size_t i = 0;
    while (i < count && !file_types_has(&l->types, &refs[i].typeDefinition.nodeId))
        i++;
    json_object(w);
    if (i < count) {
        json_name(w, "result");
        file_put(l->request, &refs[i].nodeId.nodeId, opcua_slice(refs[i].browseName.name));
    } else {
        twin_put_error(w, UA_STATUSCODE_BADNOTFOUND, "It is in no directory.");
    }
    json_end_object(w);
    twin_request_done(l->request);
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                          size_t count)
{
    struct listing *l = arg;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(l->request, status, NULL);
    else if (l->parent)
        answer_parent(l, refs, count);
    else
        answer_children(l, refs, count);
}

static void on_types(void *arg)
{
    struct listing *l = arg;
    browse(l, &l->node, UA_NS0ID_HIERARCHICALREFERENCES,
           l->parent ? UA_BROWSEDIRECTION_INVERSE : UA_BROWSEDIRECTION_FORWARD, on_references);
}

static void on_directory(void *arg, const UA_NodeId *node)
{
    struct listing *l = arg;
    l->node = *node;
    l->types.done = on_types;
    file_types_read(&l->types, (uint32_t)l->type);
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

void twin_file_parent(struct twin_request *r)
{
    struct listing *l = listing_new(r, UA_NS0ID_FILEDIRECTORYTYPE);
    l->parent = true;
    twin_target_find(r, "nodeId", "browsePath", NULL, on_directory, l);
}

/* ---- file systems: directories that stand in no other ---- */

static void next_system(struct listing *l);

struct system {
    struct listing *list;
    UA_NodeId id;
    struct slice name;
    struct system *next;
};

struct systems {
    struct listing list;
    struct system *first, *at;
};

static void on_parents(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct systems *s = arg;
    struct json_writer *w = &s->list.request->writer;
    bool inside = false;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count; i++)
        inside = inside || file_types_has(&s->list.types, &refs[i].typeDefinition.nodeId);
    if (!inside) {
        json_object(w);
        json_name(w, "result");
        file_put(s->list.request, &s->at->id, s->at->name);
        json_end_object(w);
    }
    s->at = s->at->next;
    next_system(&s->list);
}

static void next_type(struct systems *s);

static void next_system(struct listing *l)
{
    struct systems *s = (struct systems *)l;
    if (s->at == NULL) {
        json_end_array(&l->request->writer);
        twin_request_done(l->request);
        return;
    }
    browse(l, &s->at->id, UA_NS0ID_HIERARCHICALREFERENCES, UA_BROWSEDIRECTION_INVERSE, on_parents);
}

static void on_instances(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                         size_t count)
{
    struct systems *s = arg;
    struct arena *a = &s->list.request->arena;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count; i++) {
        struct system *one = ARENA_TAKE(a, struct system);
        one->id = refs[i].nodeId.nodeId;
        UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        twin_request_own_id(s->list.request, &one->id);
        one->name = arena_copy(a, opcua_slice(refs[i].browseName.name));
        one->next = s->first;
        s->first = one;
    }
    next_type(s);
}

/* The instances of the next of the types. */
static void next_type(struct systems *s)
{
    struct listing *l = &s->list;
    if (l->listed == l->types.count) {
        s->at = s->first;
        next_system(l);
        return;
    }
    browse(l, &l->types.types[l->listed++], UA_NS0ID_HASTYPEDEFINITION, UA_BROWSEDIRECTION_INVERSE,
           on_instances);
}

static void on_system_types(void *arg)
{
    struct systems *s = arg;
    json_array(&s->list.request->writer);
    next_type(s);
}

void twin_file_systems(struct twin_request *r)
{
    struct systems *s = ARENA_TAKE(&r->arena, struct systems);
    s->list.request = r;
    s->list.types.request = r;
    s->list.types.done = on_system_types;
    s->list.types.arg = s;
    file_types_read(&s->list.types, UA_NS0ID_FILEDIRECTORYTYPE);
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
