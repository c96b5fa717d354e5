#include "writers/wire_ids.h"

#include <stdlib.h>

#include "base/memory.h"

#define CAP_FIRST 16

uint32_t wire_ids_take(struct wire_ids *ids)
{
    if (ids->next <= UINT16_MAX || ids->count == 0)
        return ids->next++;
    uint16_t id = ids->free[ids->at];
    ids->at = (ids->at + 1) % ids->cap;
    ids->count--;
    return id;
}

static void grow(struct wire_ids *ids)
{
    size_t cap = ids->cap ? ids->cap * 2 : CAP_FIRST;
    uint16_t *bigger = memory_new(cap * sizeof *bigger);
    for (size_t i = 0; i < ids->count; i++)
        bigger[i] = ids->free[(ids->at + i) % ids->cap];
    free(ids->free);
    ids->free = bigger;
    ids->cap = cap;
    ids->at = 0;
}

void wire_ids_give(struct wire_ids *ids, uint32_t id)
{
    if (id > UINT16_MAX)
        return;
    if (ids->count == ids->cap)
        grow(ids);
    ids->free[(ids->at + ids->count++) % ids->cap] = (uint16_t)id;
}

void wire_ids_clear(struct wire_ids *ids)
{
    free(ids->free);
    *ids = (struct wire_ids){0};
}
