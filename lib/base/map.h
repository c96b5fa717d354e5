/*
 * Bytes to pointer. The key's bytes belong to the caller and must outlive the entry: usually they
 * stand inside the value. `{0}` is empty. Not shared between threads.
 */
#pragma once

#include "base/slice.h"

struct map_entry {
    struct slice key;
    void *value; /* never NULL in a used entry */
};

struct map {
    struct map_entry *entries;
    size_t cap;
    size_t count;
};

/* NULL when it is not there. */
void *map_get(const struct map *m, struct slice key);

/* Puts or replaces (the key too); returns the value that was there before, or NULL. */
void *map_put(struct map *m, struct slice key, void *value);

/* Returns what was there, or NULL. */
void *map_remove(struct map *m, struct slice key);

/* Walks all entries: start with *at = 0; NULL ends it. The map must not change meanwhile. */
struct map_entry *map_next(const struct map *m, size_t *at);

/* Frees the table, not the values. */
void map_clear(struct map *m);
