/*
 * A record as it lies in a segment: CRC32C, length, sequence, wall clock, how many records of the
 * same commit lie before it, bytes; numbers in network order. The CRC covers all behind it and starts
 * from the segment's salt, so that bytes which someone sent as a payload never pass for a record when
 * a damaged segment is searched. The commit tells a torn end from damage: what was committed before
 * a record's own commit was durable before that was written.
 */
#pragma once

#include "base/status.h"
#include "store/log.h"

#define STORE_RECORD_HEADER 28u

/* Writes header and bytes, those of `head` first, all but what store_record_seal() adds when the commit is
 * known: the CRC, and that `before` records of the commit lie before this one. `rest`: the record's last bytes,
 * where they are elsewhere. */
void store_record_put(uint8_t *at, uint64_t sequence, uint64_t wall_ms, struct slice head,
                      struct slice body);
void store_record_seal(uint8_t *at, uint32_t before, uint32_t salt, struct slice rest);
/* store_record_put() without the last `rest_len` bytes. */
void store_record_begin(uint8_t *at, uint64_t sequence, uint64_t wall_ms, struct slice head,
                        size_t rest_len);

static inline size_t store_record_size(const uint8_t *at)
{
    uint32_t len;
    memcpy(&len, at + 4, 4);
    return STORE_RECORD_HEADER + __builtin_bswap32(len);
}

/* Without any check: for what is known to be whole. */
struct store_record store_record_view(const uint8_t *at);

/* The first sequence of its commit. The same. */
uint64_t store_record_commit(const uint8_t *at);

/* AGAIN: the bytes end before the record does. BAD_FORMAT: no record with this salt. */
CHECKED enum status store_record_decode(struct slice bytes, uint32_t salt,
                                        struct store_record *out);
