#include "base/slice.h"

#include <stdlib.h>

#include "base/memory.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

size_t slice_find(struct slice s, uint8_t byte)
{
    const uint8_t *p = s.len ? memchr(s.at, byte, s.len) : NULL;
    return p ? (size_t)(p - s.at) : s.len;
}

size_t slice_find_slice(struct slice s, struct slice part)
{
    if (part.len == 0)
        return 0;
    const uint8_t *p = s.len ? memmem(s.at, s.len, part.at, part.len) : NULL;
    return p ? (size_t)(p - s.at) : s.len;
}

bool slice_split(struct slice *rest, uint8_t by, struct slice *part)
{
    if (rest->at == NULL)
        return false;
    size_t i = slice_find(*rest, by);
    *part = slice_first(*rest, i);
    *rest = i < rest->len ? slice_skip(*rest, i + 1) : (struct slice){0};
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len && is_space(s.at[0]))
        s = slice_skip(s, 1);
    while (s.len && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
    uint64_t n = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s.at[i] - '0', &n))
            return false;
    }
    *out = n;
    return true;
}

bool slice_to_i64(struct slice s, int64_t *out)
{
    bool minus = s.len && s.at[0] == '-';
    uint64_t n;
    if (!slice_to_u64(slice_skip(s, minus), &n) || n > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

uint64_t slice_hash(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.at[i]) * 0x100000001b3u;
    return h;
}

char *slice_dup(struct slice s)
{
    char *text = memory_new(s.len + 1);
    if (s.len)
        memcpy(text, s.at, s.len);
    text[s.len] = 0;
    return text;
}
