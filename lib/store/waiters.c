#include "store/waiters.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

static void grow(struct store_waiters *w)
{
    size_t cap = w->cap ? w->cap * 2 : 256;
    struct store_waiter *ring = memory_new(cap * sizeof(*ring));
    for (size_t i = 0; i < w->count; i++)
        ring[i] = w->ring[(w->first + i) & (w->cap - 1)];
    free(w->ring);
    w->ring = ring;
    w->cap = cap;
    w->first = 0;
}

void store_waiters_add(struct store_waiters *w, uint64_t sequence, void *who, uint64_t token)
{
    if (w->count == w->cap)
        grow(w);
    w->ring[(w->first + w->count++) & (w->cap - 1)] = (struct store_waiter){sequence, who, token};
}

void store_waiters_clear(struct store_waiters *w)
{
    free(w->ring);
    *w = (struct store_waiters){0};
}
