/*
 * Reads fields off the wire in network order. The first short read sets `failed`, and from then on
 * every read returns zero or an empty slice, so a decoder reads all its fields in a straight line
 * and asks reader_ok() once.
 */
#pragma once

#include "base/slice.h"

struct reader {
    struct slice rest;
    bool failed;
};

static inline struct reader reader_of(struct slice bytes)
{
    return (struct reader){.rest = bytes};
}

static inline bool reader_ok(const struct reader *r)
{
    return !r->failed;
}

static inline bool reader_done(const struct reader *r)
{
    return !r->failed && r->rest.len == 0;
}

static inline struct slice reader_bytes(struct reader *r, size_t len)
{
    if (r->failed || r->rest.len < len) {
        r->failed = true;
        return (struct slice){0};
    }
    struct slice taken = {r->rest.at, len};
    if (len == 0)
        return taken; /* the rest may be NULL */
    r->rest.at += len;
    r->rest.len -= len;
    return taken;
}

static inline uint8_t reader_u8(struct reader *r)
{
    struct slice b = reader_bytes(r, 1);
    return b.len ? b.at[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    struct slice b = reader_bytes(r, 2);
    return b.len ? (uint16_t)(b.at[0] << 8 | b.at[1]) : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    struct slice b = reader_bytes(r, 4);
    uint32_t v = 0;
    if (b.len)
        memcpy(&v, b.at, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t reader_u64(struct reader *r)
{
    struct slice b = reader_bytes(r, 8);
    uint64_t v = 0;
    if (b.len)
        memcpy(&v, b.at, 8);
    return __builtin_bswap64(v);
}

static inline struct slice reader_rest(struct reader *r)
{
    return reader_bytes(r, r->failed ? 0 : r->rest.len);
}
