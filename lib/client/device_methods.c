/* Direct methods under way: what the program knows a call by, and what the hub does. */
#include <stdlib.h>

#include "base/memory.h"
#include "client/device_priv.h"

#define ID_MAX 256 /* of what the hub calls it */

struct device_method {
    uint64_t rid; /* what the program knows it by; 0: free */
    char *id;     /* what the hub does: `id_len` bytes */
    size_t id_len;
};

/* rid 0 finds a free place. NULL: there is none. */
static struct device_method *find(struct device_client *c, uint64_t rid)
{
    for (int i = 0; c->methods && i < DEVICE_CLIENT_METHODS_MAX; i++)
        if (c->methods[i].rid == rid)
            return &c->methods[i];
    return NULL;
}

static struct device_method *oldest(struct device_client *c)
{
    struct device_method *m = c->methods;
    for (int i = 1; i < DEVICE_CLIENT_METHODS_MAX; i++)
        if (c->methods[i].rid < m->rid)
            m = &c->methods[i];
    return m;
}

static void drop(struct device_method *m)
{
    free(m->id);
    *m = (struct device_method){0};
}

void device_method_called(struct device_client *c, struct slice id, struct slice name,
                          struct slice payload)
{
    if (!c->config.events->on_method || id.len == 0 || id.len > ID_MAX || name.len == 0)
        return;
    if (c->methods == NULL)
        c->methods = memory_new(DEVICE_CLIENT_METHODS_MAX * sizeof *c->methods);
    uint64_t number = ++c->method_next;
    struct device_method *m = find(c, 0);
    if (m == NULL)
        drop(m = oldest(c));
    *m = (struct device_method){number, slice_dup(id), id.len};
    c->config.events->on_method(c->config.arg, number, name, payload);
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    struct device_method *m = rid ? find(c, rid) : NULL;
    if (m == NULL || c->link == NULL)
        return; /* it was called over a connection that is gone: nobody waits for it */
    device_way(c)->ops->method_reply(c, slice_from(m->id, m->id_len), status, payload);
    drop(m);
}

void device_methods_forget(struct device_client *c)
{
    for (int i = 0; c->methods && i < DEVICE_CLIENT_METHODS_MAX; i++)
        drop(&c->methods[i]);
}

void device_methods_clear(struct device_client *c)
{
    device_methods_forget(c);
    free(c->methods);
}
