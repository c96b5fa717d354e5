#include "twin/target.h"

#include "opcua/browse.h"

struct target {
    struct twin_request *request;
    twin_target_fn *fn;
    void *arg;
};

static void on_found(void *arg, UA_StatusCode status, UA_NodeId *node)
{
    struct target *t = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, NULL);
        return;
    }
    UA_NodeId found = *node;
    UA_NodeId_init(node); /* moved */
    twin_request_own_id(t->request, &found);
    t->fn(t->arg, &found);
}

static void follow(struct twin_request *r, const UA_NodeId *from, const struct slice *elements,
                   size_t count, struct target *t)
{
    struct buffer why = {0};
    UA_RelativePath path = {0};
    enum status s = opcua_browse_path_parse(elements, count, &r->names, &path, &why);
    if (s == NOT_FOUND)
        twin_request_fault(r, UA_STATUSCODE_BADNOMATCH, buffer_cstr(&why));
    else if (s != OK)
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    else
        opcua_browse_path_find(r->session, from, &path, on_found, t, twin_request_left_ms(r));
    UA_RelativePath_clear(&path);
    buffer_clear(&why);
}

void twin_target_find(struct twin_request *r, const char *id_member, const char *path_member,
                      const UA_NodeId *otherwise, twin_target_fn *fn, void *arg)
{
    UA_NodeId start = otherwise ? *otherwise : UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    struct slice id = json_string(json_get_nocase(r->body, id_member));
    struct slice *elements;
    size_t count;
    if (!twin_request_texts(r, json_get_nocase(r->body, path_member), &elements, &count) ||
        (id.len && !twin_request_node_id(r, id, &start)))
        return;
    if (id.len == 0 && count == 0) {
        twin_request_fail(r, BAD_ARGUMENT, "There is neither %s nor %s.", id_member, path_member);
        return;
    }
    if (count == 0) {
        fn(arg, &start);
        return;
    }
    struct target *t = ARENA_TAKE(&r->arena, struct target);
    *t = (struct target){r, fn, arg};
    follow(r, &start, elements, count, t);
}
