#include "base/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

uint8_t *buffer_grow(struct buffer *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < more)
        cap += cap / 2 + 64;
    b->at = memory_resize(b->at, cap);
    b->cap = cap;
    return b->at + b->len;
}

void buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int len = vsnprintf(room ? (char *)b->at + b->len : NULL, room, format, again);
    va_end(again);
    assert(len >= 0);
    if ((size_t)len >= room) /* it was only measured */
        vsnprintf((char *)buffer_reserve(b, (size_t)len + 1), (size_t)len + 1, format, args);
    b->len += (size_t)len;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(b, format, args);
    va_end(args);
}

const char *buffer_cstr(struct buffer *b)
{
    *buffer_reserve(b, 1) = 0;
    return (const char *)b->at;
}

void buffer_drop(struct buffer *b, size_t len)
{
    assert(len <= b->len);
    b->len -= len;
    if (b->len && len)
        memmove(b->at, b->at + len, b->len);
}

void buffer_trim(struct buffer *b)
{
    if (b->len == 0 || b->cap - b->len < b->cap / 8)
        return;
    b->at = memory_resize(b->at, b->len);
    b->cap = b->len;
}

void buffer_clear(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){0};
}

void buffer_wipe(struct buffer *b)
{
    if (b->at)
        explicit_bzero(b->at, b->cap);
    buffer_clear(b);
}
