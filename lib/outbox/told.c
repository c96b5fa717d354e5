#include "outbox/told.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/reader.h"

#define MAGIC SLICE("millrace told 1\n")

void told_put(struct told *t, uint64_t key, int64_t time)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->at = memory_resize(t->at, t->cap * sizeof *t->at);
    }
    t->at[t->count++] = (struct told_entry){key, time};
}

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct told_entry *)a)->key, y = ((const struct told_entry *)b)->key;
    return x < y ? -1 : x > y;
}

static size_t first_of(const struct told *t, uint64_t key)
{
    size_t from = 0, until = t->count;
    while (from < until) {
        size_t middle = from + (until - from) / 2;
        if (t->at[middle].key < key)
            from = middle + 1;
        else
            until = middle;
    }
    return from;
}

int64_t told_take(struct told *t, uint64_t key)
{
    for (size_t i = first_of(t, key); i < t->count && t->at[i].key == key; i++) {
        int64_t time = t->at[i].time;
        t->at[i].time = 0;
        if (time)
            return time;
    }
    return 0;
}

void told_put_left(struct told *t, const struct told *left)
{
    for (size_t i = 0; i < left->count; i++)
        if (left->at[i].time)
            told_put(t, left->at[i].key, left->at[i].time);
}

void told_clear(struct told *t)
{
    free(t->at);
    *t = (struct told){0};
}

void told_print(const struct told *t, struct buffer *out)
{
    size_t at = out->len;
    buffer_put(out, MAGIC);
    buffer_reserve(out, t->count * sizeof *t->at + sizeof(uint64_t));
    for (size_t i = 0; i < t->count; i++)
        if (t->at[i].time) {
            buffer_u64(out, t->at[i].key);
            buffer_u64(out, (uint64_t)t->at[i].time);
        }
    buffer_u64(out, slice_hash(slice_skip(buffer_slice(out), at)));
}

enum status told_read(struct slice bytes, struct told *out)
{
    const size_t frame = MAGIC.len + sizeof(uint64_t), each = 2 * sizeof(uint64_t);
    if (!slice_starts(bytes, MAGIC) || bytes.len < frame || (bytes.len - frame) % each)
        return BAD_FORMAT;
    size_t count = (bytes.len - frame) / each;
    if (count > TOLD_MAX)
        return TOO_LARGE;
    struct reader end = reader_of(slice_skip(bytes, bytes.len - sizeof(uint64_t)));
    if (reader_u64(&end) != slice_hash(slice_first(bytes, bytes.len - sizeof(uint64_t))))
        return BAD_FORMAT;
    struct told t = {0};
    struct reader r = reader_of(slice_skip(bytes, MAGIC.len));
    for (size_t i = 0; i < count; i++) {
        uint64_t key = reader_u64(&r);
        told_put(&t, key, (int64_t)reader_u64(&r));
    }
    if (count)
        qsort(t.at, t.count, sizeof *t.at, compare);
    *out = t;
    return OK;
}
