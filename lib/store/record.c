#include "store/record.h"

#include "base/reader.h"
#include "store/crc32c.h"

static void put_u32(uint8_t *at, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(at, &v, 4);
}

static void put_u64(uint8_t *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, 8);
}

void store_record_begin(uint8_t *at, uint64_t sequence, uint64_t wall_ms, struct slice head,
                        size_t rest_len)
{
    put_u32(at + 4, (uint32_t)(head.len + rest_len));
    put_u64(at + 8, sequence);
    put_u64(at + 16, wall_ms);
    put_u32(at + 24, 0);
    if (head.len)
        memcpy(at + STORE_RECORD_HEADER, head.at, head.len);
}

void store_record_put(uint8_t *at, uint64_t sequence, uint64_t wall_ms, struct slice head,
                      struct slice body)
{
    store_record_begin(at, sequence, wall_ms, head, body.len);
    if (body.len)
        memcpy(at + STORE_RECORD_HEADER + head.len, body.at, body.len);
}

void store_record_seal(uint8_t *at, uint32_t before, uint32_t salt, struct slice rest)
{
    put_u32(at + 24, before);
    uint32_t crc = store_crc32c(salt, slice_from(at + 4, store_record_size(at) - rest.len - 4));
    put_u32(at, rest.len ? store_crc32c(crc, rest) : crc);
}

struct store_record store_record_view(const uint8_t *at)
{
    struct reader r = reader_of(slice_from(at + 4, STORE_RECORD_HEADER - 4));
    size_t len = reader_u32(&r);
    struct store_record v = {.bytes = slice_from(at + STORE_RECORD_HEADER, len)};
    v.sequence = reader_u64(&r);
    v.wall_ms = reader_u64(&r);
    return v;
}

uint64_t store_record_commit(const uint8_t *at)
{
    struct reader r = reader_of(slice_from(at + 8, STORE_RECORD_HEADER - 8));
    uint64_t sequence = reader_u64(&r);
    reader_u64(&r);
    return sequence - reader_u32(&r);
}

enum status store_record_decode(struct slice bytes, uint32_t salt, struct store_record *out)
{
    if (bytes.len < STORE_RECORD_HEADER)
        return AGAIN;
    size_t size = store_record_size(bytes.at);
    if (size > STORE_RECORD_HEADER + STORE_RECORD_MAX)
        return BAD_FORMAT;
    if (bytes.len < size)
        return AGAIN;
    struct reader r = reader_of(bytes);
    if (reader_u32(&r) != store_crc32c(salt, slice_from(bytes.at + 4, size - 4)))
        return BAD_FORMAT;
    struct store_record view = store_record_view(bytes.at);
    uint64_t commit = store_record_commit(bytes.at);
    if (commit == 0 || commit > view.sequence) /* before the first: no log wrote that */
        return BAD_FORMAT;
    *out = view;
    return OK;
}
