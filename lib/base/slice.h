/* Borrowed bytes: who made the slice keeps them alive. Never freed through it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *at;
    size_t len;
};

#define SLICE(literal) ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})
/* For a constant table. */
#define SLICE_INIT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* For printf: "%.*s", SLICE_FMT(s). */
#define SLICE_FMT(s) (int)(s).len, (const char *)(s).at

static inline struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline struct slice slice_from(const void *at, size_t len)
{
    return (struct slice){at, len};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_starts(struct slice s, struct slice start)
{
    return s.len >= start.len && (start.len == 0 || memcmp(s.at, start.at, start.len) == 0);
}

static inline bool slice_ends(struct slice s, struct slice end)
{
    return s.len >= end.len && (end.len == 0 || memcmp(s.at + s.len - end.len, end.at, end.len) == 0);
}

/* The bytes from `start` on; empty when there are not so many. */
static inline struct slice slice_skip(struct slice s, size_t start)
{
    if (s.at == NULL) /* NULL + 0 is undefined in C */
        return (struct slice){0};
    return start >= s.len ? (struct slice){s.at + s.len, 0} : (struct slice){s.at + start, s.len - start};
}

static inline struct slice slice_first(struct slice s, size_t len)
{
    return (struct slice){s.at, len < s.len ? len : s.len};
}

/* ASCII letters compare alike in both cases. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Where `byte` or `part` first stands, or s.len. */
size_t slice_find(struct slice s, uint8_t byte);
size_t slice_find_slice(struct slice s, struct slice part);

/* Takes what stands before the first `by` out of *rest, and the separator with it; the last part is
 * what remains. False when *rest was used up before. Start with a non-NULL rest. */
bool slice_split(struct slice *rest, uint8_t by, struct slice *part);

/* Without ASCII white space at both ends. */
struct slice slice_trim(struct slice s);

/* The whole slice as a decimal number; false for anything else or past the type. */
bool slice_to_u64(struct slice s, uint64_t *out);
bool slice_to_i64(struct slice s, int64_t *out);

/* FNV-1a, for spreading ids over loops and partitions: the same everywhere and for ever. */
uint64_t slice_hash(struct slice s);

/* Allocates a C string; the caller frees it. */
char *slice_dup(struct slice s);
