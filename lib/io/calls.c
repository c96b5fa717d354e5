#include "io/calls.h"

#include <stdlib.h>

#include "base/memory.h"

void calls_add(struct calls *c, struct call call)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 32;
        c->items = memory_resize(c->items, c->cap * sizeof(*c->items));
    }
    c->items[c->count++] = call;
}

void calls_reset(struct calls *c)
{
    c->count = 0;
    if (c->cap > CALLS_KEEP_MAX) {
        free(c->items);
        *c = (struct calls){0};
    }
}

void calls_drop(struct calls *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].drop)
            c->items[i].drop(c->items[i].arg);
    free(c->items);
    *c = (struct calls){0};
}
