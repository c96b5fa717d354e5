#include "store/segment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define FIRST_DIGITS 20
#define TAG_DIGITS 16

struct store_path store_path_in(const char *directory, const char *name)
{
    struct store_path p;
    int len = snprintf(p.text, sizeof(p.text), "%s/%s", directory, name);
    assert(len > 0 && (size_t)len < sizeof(p.text));
    return p;
}

struct store_path store_segment_path(const char *directory, const struct store_segment *s,
                                     const char *ending)
{
    char name[64];
    snprintf(name, sizeof(name), "%0*" PRIu64 "-%0*" PRIx64 ".%s", FIRST_DIGITS, s->first,
             TAG_DIGITS, s->tag, ending);
    return store_path_in(directory, name);
}

static bool parse_hex(struct slice digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        const char *all = "0123456789abcdef";
        const char *at = digits.at[i] ? strchr(all, digits.at[i]) : NULL;
        if (at == NULL)
            return false;
        *out = *out << 4 | (uint64_t)(at - all);
    }
    return true;
}

bool store_segment_parse(struct slice name, const char *ending, struct store_segment *out)
{
    const size_t dash = FIRST_DIGITS, dot = FIRST_DIGITS + 1 + TAG_DIGITS;
    *out = (struct store_segment){0};
    return name.len > dot && name.at[dash] == '-' && name.at[dot] == '.' &&
           slice_to_u64(slice_first(name, dash), &out->first) && out->first > 0 &&
           out->first <= INT64_MAX && /* so that counting on never comes round */
           parse_hex(slice_first(slice_skip(name, dash + 1), TAG_DIGITS), &out->tag) &&
           slice_eq(slice_skip(name, dot + 1), slice_of(ending));
}

struct store_segment *store_segments_add(struct store_segments *s, struct store_segment new)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->at = memory_resize(s->at, s->cap * sizeof(*s->at));
    }
    s->at[s->count] = new;
    return &s->at[s->count++];
}

static int compare(const void *a, const void *b)
{
    const struct store_segment *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->tag < y->tag ? -1 : x->tag > y->tag;
}

void store_segments_sort(struct store_segments *s)
{
    if (s->count)
        qsort(s->at, s->count, sizeof(*s->at), compare);
}

void store_segments_drop(struct store_segments *s, size_t n)
{
    store_index_clear(&s->at[n].index);
    memmove(&s->at[n], &s->at[n + 1], (s->count - n - 1) * sizeof(*s->at));
    s->count--;
}

size_t store_segments_find(const struct store_segments *s, uint64_t sequence)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->at[middle].first <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

void store_segments_clear(struct store_segments *s)
{
    while (s->count)
        store_segments_drop(s, s->count - 1);
    free(s->at);
    *s = (struct store_segments){0};
}
