#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(struct heap *h, size_t i, struct heap_node *n)
{
    h->nodes[i - 1] = n;
    n->index = i;
}

static void rise(struct heap *h, size_t i, struct heap_node *n)
{
    for (; i > 1 && before(n, h->nodes[i / 2 - 1]); i /= 2)
        place(h, i, h->nodes[i / 2 - 1]);
    place(h, i, n);
}

static void sink(struct heap *h, size_t i, struct heap_node *n)
{
    for (;;) {
        size_t child = 2 * i;
        if (child > h->count)
            break;
        if (child < h->count && before(h->nodes[child], h->nodes[child - 1]))
            child++;
        if (!before(h->nodes[child - 1], n))
            break;
        place(h, i, h->nodes[child - 1]);
        i = child;
    }
    place(h, i, n);
}

void heap_push(struct heap *h, struct heap_node *n)
{
    assert(n->index == 0);
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->nodes = memory_resize(h->nodes, h->cap * sizeof(*h->nodes));
    }
    n->order = h->next_order++;
    h->count++;
    rise(h, h->count, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t i = n->index;
    if (i == 0)
        return;
    struct heap_node *last = h->nodes[h->count - 1];
    h->count--;
    n->index = 0;
    if (last == n)
        return;
    if (i > 1 && before(last, h->nodes[i / 2 - 1]))
        rise(h, i, last);
    else
        sink(h, i, last);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}

void heap_clear(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){0};
}
