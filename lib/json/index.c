#include "json/index.h"

#include <stdlib.h>

#include "base/memory.h"

#define SMALL 16 /* up to here walking is faster than sorting */

static int compare(const void *a, const void *b)
{
    struct slice x = ((const struct json_index_entry *)a)->name;
    struct slice y = ((const struct json_index_entry *)b)->name;
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return x.len ? memcmp(x.at, y.at, x.len) : 0;
}

struct json_index json_index(const struct json *object)
{
    struct json_index i = {.object = object};
    if (!json_is(object, JSON_OBJECT) || json_count(object) <= SMALL)
        return i;
    i.sorted = memory_new(json_count(object) * sizeof(*i.sorted));
    for (struct json_walk w = json_walk(object); json_next(&w);)
        i.sorted[i.count++] = (struct json_index_entry){w.name, w.value};
    qsort(i.sorted, i.count, sizeof(*i.sorted), compare);
    return i;
}

void json_index_clear(struct json_index *i)
{
    free(i->sorted);
    *i = (struct json_index){0};
}

const struct json *json_index_get(const struct json_index *i, struct slice name)
{
    if (!i->sorted)
        return json_get_slice(i->object, name);
    struct json_index_entry key = {.name = name};
    const struct json_index_entry *e = bsearch(&key, i->sorted, i->count, sizeof(key), compare);
    return e ? e->value : NULL;
}

static const struct json *duplicate_in_small(const struct json *object)
{
    for (struct json_walk w = json_walk(object); json_next(&w);)
        if (json_get_slice(object, w.name) != w.value) /* finds the first of that name */
            return w.value;
    return NULL;
}

const struct json *json_index_duplicate(const struct json_index *i)
{
    if (!i->sorted)
        return duplicate_in_small(i->object);
    for (size_t n = 1; n < i->count; n++)
        if (slice_eq(i->sorted[n - 1].name, i->sorted[n].name))
            return i->sorted[n].value > i->sorted[n - 1].value ? i->sorted[n].value
                                                               : i->sorted[n - 1].value;
    return NULL;
}
