#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* The first is small: ten thousand connections that sign in at once have one each, or two. Those of
 * an arena that grows become large, for what is large is a mapping of its own in the C library's eyes
 * and goes back to the system whole, while small blocks would leave holes between what stays. */
#define FIRST_BYTES 1008
#define BLOCK_BYTES 4080
#define BLOCK_BYTES_MAX (1u << 20)

struct arena_block {
    struct arena_block *older;
    size_t cap;
    _Alignas(16) uint8_t bytes[];
};

static void add_block(struct arena *a, size_t cap)
{
    struct arena_block *b = memory_resize(NULL, sizeof(*b) + cap);
    b->older = a->blocks;
    b->cap = cap;
    a->blocks = b;
    a->left = cap;
}

static size_t next_bytes(const struct arena *a)
{
    if (a->blocks == NULL)
        return FIRST_BYTES;
    size_t twice = 2 * a->blocks->cap;
    return twice < BLOCK_BYTES ? BLOCK_BYTES : twice > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : twice;
}

void *arena_take(struct arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (a->blocks == NULL || a->left < size) {
        size_t next = next_bytes(a);
        add_block(a, size > next ? size : next);
    }
    uint8_t *at = a->blocks->bytes + (a->blocks->cap - a->left);
    a->left -= size;
    return memset(at, 0, size);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    uint8_t *at = arena_take(a, s.len + 1);
    if (s.len)
        memcpy(at, s.at, s.len);
    return (struct slice){at, s.len};
}

const char *arena_text(struct arena *a, struct slice s)
{
    return (const char *)arena_copy(a, s).at;
}

const char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t len = (size_t)vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = arena_take(a, len + 1);
    vsnprintf(text, len + 1, format, args);
    va_end(args);
    return text;
}

static void free_from(struct arena_block *b)
{
    while (b) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
}

void arena_reset(struct arena *a)
{
    while (a->blocks && a->blocks->cap > BLOCK_BYTES) {
        struct arena_block *large = a->blocks;
        a->blocks = large->older;
        free(large);
    }
    if (a->blocks) {
        free_from(a->blocks->older);
        a->blocks->older = NULL;
    }
    a->left = a->blocks ? a->blocks->cap : 0;
}

void arena_clear(struct arena *a)
{
    free_from(a->blocks);
    *a = (struct arena){0};
}
