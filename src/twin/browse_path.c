/* BrowsePath: where paths of names lead to. */
#include "opcua/browse.h"
#include "twin/methods.h"
#include "twin/node.h"
#include "twin/translate.h"

#define PATHS_MAX 256 /* in one request */

struct target {
    const struct json *path;
    int64_t remaining; /* -1: the whole path was resolved */
};

struct walk {
    struct twin_request *request;
    const struct json *json;
    UA_BrowsePath *paths;
    size_t count;
    struct target *targets;       /* of each node */
    struct twin_nodes nodes;
    UA_StatusCode error;
    bool with_values;
    bool ids_only; /* 2.9's nodeIdsOnly: nothing is read */
};

static void put_target(struct walk *p, size_t i)
{
    struct json_writer *w = &p->request->writer;
    json_object(w);
    json_name(w, "browsePath"), json_put_value(w, p->targets[i].path);
    json_name(w, "target"), twin_put_node(&p->nodes, i);
    json_name(w, "remainingPathIndex"), json_put_i64(w, p->targets[i].remaining);
    json_end_object(w);
}

static void answer(void *arg)
{
    struct walk *p = arg;
    struct json_writer *w = &p->request->writer;
    json_object(w);
    json_name(w, "targets");
    json_array(w);
    for (size_t i = 0; i < p->nodes.count; i++)
        put_target(p, i);
    json_end_array(w);
    opcua_put_error(w, p->error, NULL);
    json_end_object(w);
    twin_request_done(p->request);
}

static void add_targets(struct walk *p, const UA_BrowsePathResult *result, const struct json *path)
{
    if (result->statusCode != UA_STATUSCODE_GOOD && p->error == UA_STATUSCODE_GOOD)
        p->error = result->statusCode;
    for (size_t i = 0; i < result->targetsSize; i++) {
        const UA_BrowsePathTarget *t = &result->targets[i];
        if (t->targetId.serverIndex)
            continue;
        p->targets[p->nodes.count].path = path;
        p->targets[p->nodes.count].remaining =
            t->remainingPathIndex == UINT32_MAX ? -1 : (int64_t)t->remainingPathIndex;
        p->nodes.nodes[p->nodes.count++] = (struct twin_node){
            .id = t->targetId.nodeId,
            .with_children = true,
            .with_value = p->with_values,
        };
    }
}

static void on_translated(void *arg, UA_StatusCode status, UA_BrowsePathResult *results)
{
    struct walk *p = arg;
    struct twin_request *r = p->request;
    size_t count = 0;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        count += results[i].targetsSize;
    p->targets = ARENA_TAKE_N(&r->arena, struct target, count + 1);
    p->nodes = (struct twin_nodes){.request = r, .done = answer, .arg = p};
    p->nodes.nodes = ARENA_TAKE_N(&r->arena, struct twin_node, count + 1);
    struct json_walk walk = json_walk(p->json);
    for (size_t i = 0; json_next(&walk); i++)
        add_targets(p, &results[i], walk.value);
    if (p->ids_only)
        answer(p);
    else
        twin_nodes_read(&p->nodes);
}

static bool parse_path(struct walk *p, const struct json *v, UA_BrowsePath *out)
{
    struct twin_request *r = p->request;
    struct slice *elements;
    size_t count;
    struct buffer why = {0};
    if (!twin_request_texts(r, v, &elements, &count))
        return false;
    enum status s = opcua_browse_path_parse(elements, count, &r->names, &out->relativePath, &why);
    if (s == NOT_FOUND)
        twin_request_fault(r, UA_STATUSCODE_BADNOMATCH, buffer_cstr(&why));
    else if (s != OK)
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    buffer_clear(&why);
    return s == OK;
}

/* The paths end with the request; their start, which all share, does on its own. */
static bool parse_paths(struct walk *p, const UA_NodeId *start)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_BROWSEPATH];
    struct json_walk walk = json_walk(p->json);
    size_t count = json_count(p->json);
    p->paths = twin_request_own(p->request, UA_Array_new(count, type), count, type);
    while (json_next(&walk)) {
        UA_BrowsePath *path = &p->paths[p->count++];
        if (UA_NodeId_copy(start, &path->startingNode) != UA_STATUSCODE_GOOD ||
            !parse_path(p, walk.value, path))
            return false;
    }
    return true;
}

void twin_browse_path(struct twin_request *r)
{
    struct walk *p = ARENA_TAKE(&r->arena, struct walk);
    struct slice node = json_string(json_get_nocase(r->body, "nodeId"));
    UA_NodeId start = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    p->request = r;
    p->with_values = json_bool(json_get_nocase(r->body, "readVariableValues"), false);
    p->ids_only = json_bool(json_get_nocase(r->body, "nodeIdsOnly"), false);
    p->json = json_get_nocase(r->body, "browsePaths");
    if (!json_is(p->json, JSON_ARRAY) || json_count(p->json) == 0 ||
        json_count(p->json) > PATHS_MAX) {
        twin_request_fail(r, BAD_ARGUMENT, "browsePaths is an array of 1 to %d paths.", PATHS_MAX);
        return;
    }
    if ((node.len && !twin_request_node_id(r, node, &start)) || !parse_paths(p, &start))
        return;
    twin_translate(r, p->paths, p->count, on_translated, p);
}
