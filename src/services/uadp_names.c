#include "services/uadp_names.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"

struct announced {
    struct link link;
    UA_DataSetMetaDataType data;
    size_t bytes, len;
    uint8_t writer[];
};

struct uadp_names {
    struct map by_writer;
    struct list oldest_first;
    size_t count, bytes;
};

struct uadp_names *uadp_names_new(void)
{
    struct uadp_names *n = MEMORY_NEW(struct uadp_names);
    list_init(&n->oldest_first);
    return n;
}

static void forget(struct uadp_names *n, struct announced *a)
{
    map_remove(&n->by_writer, slice_from(a->writer, a->len));
    list_remove(&a->link);
    n->count--;
    n->bytes -= a->bytes;
    UA_DataSetMetaDataType_clear(&a->data);
    free(a);
}

static void forget_oldest(struct uadp_names *n)
{
    forget(n, LIST_OF(list_first(&n->oldest_first), struct announced, link));
}

void uadp_names_free(struct uadp_names **names)
{
    struct uadp_names *n = *names;
    if (n == NULL)
        return;
    while (n->count)
        forget_oldest(n);
    map_clear(&n->by_writer);
    free(n);
    *names = NULL;
}

void uadp_names_put(struct uadp_names *n, struct slice writer, UA_DataSetMetaDataType *data,
                    size_t bytes)
{
    struct announced *before = map_get(&n->by_writer, writer);
    if (before)
        forget(n, before);
    struct announced *a = memory_new(sizeof *a + writer.len);
    *a = (struct announced){.data = *data, .bytes = bytes, .len = writer.len};
    memcpy(a->writer, writer.at, writer.len);
    UA_DataSetMetaDataType_init(data);
    map_put(&n->by_writer, slice_from(a->writer, a->len), a);
    list_push(&n->oldest_first, &a->link);
    n->count++;
    n->bytes += bytes;
    while (n->count > UADP_NAMES_MAX || (n->bytes > UADP_NAMES_BYTES_MAX && n->count > 1))
        forget_oldest(n);
}

const UA_DataSetMetaDataType *uadp_names_get(const struct uadp_names *n, struct slice writer)
{
    const struct announced *a = map_get(&n->by_writer, writer);
    return a ? &a->data : NULL;
}
