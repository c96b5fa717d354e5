/* Files and directories are made in a directory, and deleted by the one that they are in. */
#include "twin/before.h"
#include "twin/file_system.h"
#include "twin/methods.h"
#include "twin/target.h"

struct change {
    struct twin_request *request;
    bool directory;
    struct slice name;
    UA_NodeId directory_id, node;
};

/* ---- create ---- */

static void on_created(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct change *c = arg;
    struct twin_request *r = c->request;
    const UA_NodeId *id = opcua_method_output(outputs, count, 0, UA_TYPES_NODEID);
    if (status == UA_STATUSCODE_GOOD && id == NULL)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    json_object(&r->writer);
    json_name(&r->writer, "result");
    file_put(r, id, c->name);
    json_end_object(&r->writer);
    twin_request_done(r);
}

static void create_in(void *arg, const UA_NodeId *directory)
{
    struct change *c = arg;
    UA_String name = opcua_string_of(c->name);
    UA_Boolean open = false;
    UA_Variant inputs[2];
    UA_Variant_setScalar(&inputs[0], &name, &UA_TYPES[UA_TYPES_STRING]);
    UA_Variant_setScalar(&inputs[1], &open, &UA_TYPES[UA_TYPES_BOOLEAN]);
    twin_before_nothing(c->request);
    file_call(c->request, directory, c->directory ? "CreateDirectory" : "CreateFile", inputs,
              c->directory ? 1 : 2, on_created, c);
}

static void create(struct twin_request *r, bool directory)
{
    struct change *c = ARENA_TAKE(&r->arena, struct change);
    *c = (struct change){.request = r,
                         .directory = directory,
                         .name = json_string(json_get_nocase(r->parameters, "name"))};
    if (c->name.len == 0)
        twin_request_fail(r, BAD_ARGUMENT, "There is no name.");
    else
        twin_target_find(r, "nodeId", "browsePath", NULL, create_in, c);
}

void twin_file_create(struct twin_request *r)
{
    create(r, false);
}

void twin_file_create_directory(struct twin_request *r)
{
    create(r, true);
}

/* ---- delete ---- */

static void end_delete(struct change *c, UA_StatusCode status)
{
    opcua_put_result(&c->request->writer, status, NULL);
    twin_request_done(c->request);
}

static void on_deleted(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    (void)outputs, (void)count;
    end_delete(arg, status);
}

static void delete_now(void *arg)
{
    struct change *c = arg;
    UA_Variant input;
    UA_Variant_setScalar(&input, &c->node, &UA_TYPES[UA_TYPES_NODEID]);
    file_call(c->request, &c->directory_id, "Delete", &input, 1, on_deleted, c);
}

static void delete_from(struct change *c, const UA_NodeId *directory)
{
    UA_NodeId_copy(directory, &c->directory_id);
    twin_request_own_id(c->request, &c->directory_id);
    twin_before_file(c->request, &c->node, delete_now, c);
}

static void on_parent(void *arg, UA_StatusCode status, const UA_ReferenceDescription *directory)
{
    struct change *c = arg;
    if (directory)
        delete_from(c, &directory->nodeId.nodeId);
    else
        end_delete(c, status != UA_STATUSCODE_GOOD ? status : UA_STATUSCODE_BADNOTFOUND);
}

static void find_parent(void *arg, const UA_NodeId *node)
{
    struct change *c = arg;
    c->node = *node;
    file_parent_find(c->request, node, on_parent, c);
}

void twin_file_delete(struct twin_request *r)
{
    struct change *c = ARENA_TAKE(&r->arena, struct change);
    c->request = r;
    twin_target_find(r, "nodeId", "browsePath", NULL, find_parent, c);
}

static void on_directory(void *arg, const UA_NodeId *directory)
{
    delete_from(arg, directory);
}

void twin_file_delete_in(struct twin_request *r)
{
    struct change *c = ARENA_TAKE(&r->arena, struct change);
    struct slice id = json_string(json_get_nocase(r->parameters, "fileOrDirectoryNodeId"));
    c->request = r;
    if (id.len == 0)
        twin_request_fail(r, BAD_ARGUMENT, "There is no fileOrDirectoryNodeId.");
    else if (twin_request_node_id(r, id, &c->node))
        twin_target_find(r, "nodeId", "browsePath", NULL, on_directory, c);
}
