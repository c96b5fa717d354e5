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

void calls_clear(struct calls *c)
{
    free(c->items);
    *c = (struct calls){0};
}
