#include "services/uadp_names.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"

#define STRING_COST (sizeof(UA_String) + 16) /* and what the allocator needs */

/* Has one at least. */
struct module {
    struct list longest_ago_first;
    struct map by_key;
    size_t count, bytes, len;
    uint8_t name[];
};

struct announced {
    struct link link;
    struct uadp_announced names;
    size_t bytes, len;
    uint8_t key[];
};

struct uadp_names {
    struct map modules;
    size_t count, bytes;
};

struct uadp_names *uadp_names_new(void)
{
    return MEMORY_NEW(struct uadp_names);
}

/* ---- forgetting ---- */

static void forget_module(struct uadp_names *n, struct module *m)
{
    map_remove(&n->modules, slice_from(m->name, m->len));
    map_clear(&m->by_key);
    free(m);
}

/* The module stays, though it has none left. */
static void forget(struct uadp_names *n, struct module *m, struct announced *a)
{
    map_remove(&m->by_key, slice_from(a->key, a->len));
    list_remove(&a->link);
    m->count--, n->count--;
    m->bytes -= a->bytes, n->bytes -= a->bytes;
    UA_String_clear(&a->names.name);
    UA_Array_delete(a->names.fields, a->names.field_count, &UA_TYPES[UA_TYPES_STRING]);
    UA_Array_delete(a->names.namespaces, a->names.namespace_count, &UA_TYPES[UA_TYPES_STRING]);
    free(a);
}

static struct module *with_most(const struct uadp_names *n, bool of_bytes)
{
    struct module *most = NULL;
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&n->modules, &at));) {
        struct module *m = e->value;
        if (!most || (of_bytes ? m->bytes > most->bytes : m->count > most->count))
            most = m;
    }
    return most;
}

static void forget_one(struct uadp_names *n, bool of_bytes)
{
    struct module *m = with_most(n, of_bytes);
    forget(n, m, LIST_OF(list_first(&m->longest_ago_first), struct announced, link));
    if (m->count == 0)
        forget_module(n, m);
}

void uadp_names_free(struct uadp_names **names)
{
    struct uadp_names *n = *names;
    if (n == NULL)
        return;
    while (n->count)
        forget_one(n, false);
    map_clear(&n->modules);
    free(n);
    *names = NULL;
}

/* ---- keeping ---- */

static struct module *module_of(struct uadp_names *n, struct slice name)
{
    struct module *m = map_get(&n->modules, name);
    if (m)
        return m;
    m = memory_new(sizeof *m + name.len);
    *m = (struct module){.len = name.len};
    list_init(&m->longest_ago_first);
    memcpy(m->name, name.at, name.len);
    map_put(&n->modules, slice_from(m->name, m->len), m);
    return m;
}

/* Leaves nothing where it was. */
static UA_String take(UA_String *s, size_t *bytes)
{
    UA_String taken = *s;
    UA_String_init(s);
    *bytes += STRING_COST + taken.length;
    return taken;
}

static void take_names(struct announced *a, UA_DataSetMetaDataType *data)
{
    struct uadp_announced *out = &a->names;
    out->name = take(&data->name, &a->bytes);
    out->fields = UA_Array_new(data->fieldsSize, &UA_TYPES[UA_TYPES_STRING]);
    out->namespaces = UA_Array_new(data->namespacesSize, &UA_TYPES[UA_TYPES_STRING]);
    for (; out->fields && out->field_count < data->fieldsSize; out->field_count++)
        out->fields[out->field_count] = take(&data->fields[out->field_count].name, &a->bytes);
    for (; out->namespaces && out->namespace_count < data->namespacesSize; out->namespace_count++)
        out->namespaces[out->namespace_count] =
            take(&data->namespaces[out->namespace_count], &a->bytes);
}

void uadp_names_put(struct uadp_names *n, struct slice module, struct slice key,
                    UA_DataSetMetaDataType *data)
{
    struct module *m = module_of(n, module);
    struct announced *before = map_get(&m->by_key, key);
    if (before)
        forget(n, m, before);
    struct announced *a = memory_new(sizeof *a + key.len);
    *a = (struct announced){.bytes = sizeof *a + key.len, .len = key.len};
    memcpy(a->key, key.at, key.len);
    take_names(a, data);
    map_put(&m->by_key, slice_from(a->key, a->len), a);
    list_push(&m->longest_ago_first, &a->link);
    m->count++, n->count++;
    m->bytes += a->bytes, n->bytes += a->bytes;
    while (n->count > UADP_NAMES_MAX || n->bytes > UADP_NAMES_BYTES_MAX)
        forget_one(n, n->bytes > UADP_NAMES_BYTES_MAX);
}

const struct uadp_announced *uadp_names_get(struct uadp_names *n, struct slice module,
                                            struct slice key)
{
    struct module *m = map_get(&n->modules, module);
    struct announced *a = m ? map_get(&m->by_key, key) : NULL;
    if (!a)
        return NULL;
    list_remove(&a->link);
    list_push(&m->longest_ago_first, &a->link);
    return &a->names;
}

size_t uadp_names_bytes(const struct uadp_names *n)
{
    return n->bytes;
}
