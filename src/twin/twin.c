#include "twin/twin.h"

#include <stdlib.h>

#include "base/memory.h"
#include "twin/methods.h"

struct twin *twin_start(struct module *m, struct opcua_thread *t)
{
    struct twin *twin = MEMORY_NEW(struct twin);
    twin->module = m;
    twin->loop = module_loop(m);
    twin->thread = t;
    list_init(&twin->requests);
    list_init(&twin->holds);
    module_add(m, &twin_role, twin);
    return twin;
}

void twin_stop(struct twin *t)
{
    opcua_thread_post(t->thread, twin_request_drop_holds, t);
}

void twin_free(struct twin **t)
{
    if (*t == NULL)
        return;
    LIST_EACH(l, &(*t)->requests)
    twin_request_free(LIST_OF(l, struct twin_request, link));
    free(*t);
    *t = NULL;
}
