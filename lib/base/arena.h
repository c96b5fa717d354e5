/*
 * Memory that ends together: a request's, a callback's. What is taken from it lives until the arena
 * is reset or cleared, and is not freed one by one. Not shared between threads.
 */
#pragma once

#include <stdarg.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t left; /* in the newest block */
};

/* Zeroed, aligned for any type. */
void *arena_take(struct arena *a, size_t size) __attribute__((returns_nonnull));

#define ARENA_TAKE(arena, type) ((type *)arena_take(arena, sizeof(type)))
#define ARENA_TAKE_N(arena, type, n) ((type *)arena_take(arena, sizeof(type) * (n)))

/* A copy with a zero behind it that does not count. */
struct slice arena_copy(struct arena *a, struct slice s);
const char *arena_text(struct arena *a, struct slice s);
const char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* Empties it and keeps a block that is not large. */
void arena_reset(struct arena *a);
void arena_clear(struct arena *a);
