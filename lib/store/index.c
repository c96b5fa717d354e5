#include "store/index.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/reader.h"
#include "store/crc32c.h"

#define MAGIC 0x4d524958u /* MRIX */
#define HEADER 24u
#define ENTRY 24u
#define CRC 4u

static void add(struct store_index *i, struct store_index_entry e)
{
    if (i->count == i->cap) {
        i->cap = i->cap ? i->cap * 2 : 8;
        i->entries = memory_resize(i->entries, i->cap * sizeof(*i->entries));
    }
    i->entries[i->count++] = e;
}

void store_index_note(struct store_index *i, uint64_t sequence, uint64_t at)
{
    if (i->count && at - i->entries[i->count - 1].at < STORE_INDEX_STEP)
        return;
    add(i, (struct store_index_entry){sequence, at, i->wall_newest});
}

void store_index_stamp(struct store_index *i, uint64_t wall_ms)
{
    if (wall_ms > i->wall_newest)
        i->wall_newest = wall_ms;
}

typedef bool before_fn(const struct store_index_entry *e, uint64_t what);

static const struct store_index_entry *last_before(const struct store_index *i, before_fn *before,
                                                   uint64_t what)
{
    size_t low = 0, high = i->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (before(&i->entries[middle], what))
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &i->entries[low - 1] : NULL;
}

static bool not_behind(const struct store_index_entry *e, uint64_t sequence)
{
    return e->sequence <= sequence;
}

static bool older(const struct store_index_entry *e, uint64_t wall_ms)
{
    return e->wall_before < wall_ms;
}

const struct store_index_entry *store_index_by_sequence(const struct store_index *i,
                                                        uint64_t sequence)
{
    return last_before(i, not_behind, sequence);
}

const struct store_index_entry *store_index_by_time(const struct store_index *i, uint64_t wall_ms)
{
    return last_before(i, older, wall_ms);
}

void store_index_encode(const struct store_index *i, uint32_t salt, struct buffer *out)
{
    size_t start = out->len;
    buffer_u32(out, MAGIC);
    buffer_u32(out, (uint32_t)i->count);
    buffer_u64(out, i->wall_newest);
    buffer_u64(out, i->age_ms);
    for (size_t n = 0; n < i->count; n++) {
        buffer_u64(out, i->entries[n].sequence);
        buffer_u64(out, i->entries[n].at);
        buffer_u64(out, i->entries[n].wall_before);
    }
    struct slice all = slice_skip(buffer_slice(out), start);
    buffer_u32(out, store_crc32c(salt, all));
}

static bool is_whole(struct slice bytes, uint32_t salt)
{
    if (bytes.len < HEADER + CRC)
        return false;
    struct reader r = reader_of(bytes);
    bool magic = reader_u32(&r) == MAGIC;
    uint64_t count = reader_u32(&r);
    struct slice body = slice_first(bytes, bytes.len - CRC);
    r = reader_of(slice_skip(bytes, body.len));
    return magic && body.len == HEADER + count * ENTRY &&
           reader_u32(&r) == store_crc32c(salt, body);
}

enum status store_index_decode(struct slice bytes, uint32_t salt, uint64_t size,
                               struct store_index *out)
{
    if (!is_whole(bytes, salt))
        return BAD_FORMAT;
    struct store_index i = {0};
    struct reader r = reader_of(slice_skip(bytes, 4));
    uint32_t count = reader_u32(&r);
    i.wall_newest = reader_u64(&r);
    i.age_ms = reader_u64(&r);
    bool fits = true;
    for (uint32_t n = 0; n < count; n++) {
        struct store_index_entry e;
        e.sequence = reader_u64(&r);
        e.at = reader_u64(&r);
        e.wall_before = reader_u64(&r);
        fits = fits && e.at <= size;
        add(&i, e);
    }
    if (!fits) {
        store_index_clear(&i);
        return BAD_FORMAT;
    }
    *out = i;
    return OK;
}

void store_index_clear(struct store_index *i)
{
    free(i->entries);
    *i = (struct store_index){0};
}
