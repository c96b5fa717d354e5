#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

/* Open addressing with linear probing; removal shifts the run back, so there are no tombstones. */

static size_t home(const struct map *m, struct slice key)
{
    return slice_hash(key) * 0x9e3779b97f4a7c15u >> 7 & (m->cap - 1);
}

static struct map_entry *find(const struct map *m, struct slice key)
{
    for (size_t i = home(m, key);; i = (i + 1) & (m->cap - 1)) {
        struct map_entry *e = &m->entries[i];
        if (e->value == NULL || slice_eq(e->key, key))
            return e;
    }
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : 16;
    m->entries = memory_new(m->cap * sizeof(*m->entries));
    for (size_t i = 0; i < old.cap; i++)
        if (old.entries[i].value)
            *find(m, old.entries[i].key) = old.entries[i];
    free(old.entries);
}

void *map_get(const struct map *m, struct slice key)
{
    return m->count ? find(m, key)->value : NULL;
}

void *map_put(struct map *m, struct slice key, void *value)
{
    assert(value != NULL);
    if (m->cap == 0 || m->count * 4 >= m->cap * 3)
        grow(m);
    struct map_entry *e = find(m, key);
    void *before = e->value;
    m->count += before == NULL;
    *e = (struct map_entry){key, value};
    return before;
}

void *map_remove(struct map *m, struct slice key)
{
    if (m->count == 0)
        return NULL;
    struct map_entry *e = find(m, key);
    void *value = e->value;
    if (value == NULL)
        return NULL;
    m->count--;
    size_t hole = (size_t)(e - m->entries);
    for (size_t i = (hole + 1) & (m->cap - 1); m->entries[i].value; i = (i + 1) & (m->cap - 1)) {
        size_t h = home(m, m->entries[i].key);
        if (((i - h) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->entries[hole] = m->entries[i];
            hole = i;
        }
    }
    m->entries[hole] = (struct map_entry){0};
    return value;
}

struct map_entry *map_next(const struct map *m, size_t *at)
{
    while (*at < m->cap) {
        struct map_entry *e = &m->entries[(*at)++];
        if (e->value)
            return e;
    }
    return NULL;
}

void map_clear(struct map *m)
{
    free(m->entries);
    *m = (struct map){0};
}
