/* A binary heap of nodes that live inside other structs, least `key` first; equal keys in order of entry. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t order; /* set by the heap */
    size_t index;   /* 1-based place in the heap; 0 when it is in none */
};

struct heap {
    struct heap_node **nodes;
    size_t count, cap;
    uint64_t next_order;
};

void heap_push(struct heap *h, struct heap_node *n);
void heap_remove(struct heap *h, struct heap_node *n); /* harmless when it is in none */
struct heap_node *heap_first(const struct heap *h);    /* NULL when empty */
void heap_clear(struct heap *h);
