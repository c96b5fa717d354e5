/*
 * Owned bytes that grow: what is written to a wire, a file or a person. Numbers go in network order.
 * Lives inside another struct: `{0}` is empty, buffer_clear() frees its inside.
 */
#pragma once

#include <stdarg.h>

#include "base/slice.h"

struct buffer {
    uint8_t *at;
    size_t len;
    size_t cap;
};

uint8_t *buffer_grow(struct buffer *b, size_t more);

/* Room for `more` bytes behind the end; returns where they go. They count after buffer_added(). */
static inline uint8_t *buffer_reserve(struct buffer *b, size_t more)
{
    bool fits = b->at && b->cap - b->len >= more;
    return fits ? b->at + b->len : buffer_grow(b, more);
}

static inline void buffer_added(struct buffer *b, size_t len)
{
    b->len += len;
}

static inline void buffer_put(struct buffer *b, struct slice s)
{
    if (s.len) {
        memcpy(buffer_reserve(b, s.len), s.at, s.len);
        b->len += s.len;
    }
}

static inline void buffer_u8(struct buffer *b, uint8_t v)
{
    *buffer_reserve(b, 1) = v;
    b->len += 1;
}

static inline void buffer_u16(struct buffer *b, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(buffer_reserve(b, 2), &v, 2);
    b->len += 2;
}

static inline void buffer_u32(struct buffer *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(buffer_reserve(b, 4), &v, 4);
    b->len += 4;
}

static inline void buffer_u64(struct buffer *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(buffer_reserve(b, 8), &v, 8);
    b->len += 8;
}

static inline struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){b->at, b->len};
}

static inline void buffer_text(struct buffer *b, const char *text)
{
    buffer_put(b, slice_of(text));
}

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *b, const char *format, va_list args);

/* Ends it with a zero that does not count, and gives it as a C string, alive until the next change. */
const char *buffer_cstr(struct buffer *b);

/* Drops the first `len` bytes. */
void buffer_drop(struct buffer *b, size_t len);

/* Empties it, keeps the memory. */
static inline void buffer_reset(struct buffer *b)
{
    b->len = 0;
}

/* Gives back the memory behind the end, where that is worth it. */
void buffer_trim(struct buffer *b);
void buffer_clear(struct buffer *b);
/* The same for what nobody is to find in memory afterwards. */
void buffer_wipe(struct buffer *b);
