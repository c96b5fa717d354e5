/* MethodMetadata: what a method wants and gives. */
#include "twin/method_arguments.h"
#include "twin/methods.h"
#include "twin/target.h"

static void answer(void *arg)
{
    struct twin_method_arguments *d = arg;
    struct twin_request *r = d->method.request;
    json_object(&r->writer);
    twin_method_arguments_put(d);
    json_end_object(&r->writer);
    twin_request_done(r);
}

static void read_method(void *arg, const UA_NodeId *node)
{
    struct twin_method_arguments *d = arg;
    d->method.node = *node;
    twin_method_arguments_read(d);
}

void twin_method_metadata(struct twin_request *r)
{
    struct twin_method_arguments *d = ARENA_TAKE(&r->arena, struct twin_method_arguments);
    *d = (struct twin_method_arguments){.method = {.request = r}, .done = answer, .arg = d};
    twin_target_find(r, "methodId", "methodBrowsePath", NULL, read_method, d);
}
