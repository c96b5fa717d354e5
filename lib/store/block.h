/*
 * Records in memory, one behind the other as they will lie on disk: first they wait here for their
 * commit, then tail readers are served from here. Only the loop's thread counts references.
 */
#pragma once

#include "base/list.h"
#include "base/shared.h"
#include "store/log.h"

#define STORE_BLOCK_BYTES (64u << 10) /* a larger record has a block of its own, and one whose end is shared */

struct store_block {
    struct link link;
    unsigned refs;
    uint64_t first, last; /* sequences; last < first when it is empty */
    uint64_t age_ms;      /* the log's age when the newest came */
    uint64_t wall_newest;
    size_t len, cap;     /* len: of all records, cap: of `bytes` */
    struct shared *rest; /* the end of its only record, held and not copied; NULL: all is in `bytes` */
    uint8_t bytes[];
};

struct store_block *store_block_new(size_t cap);
void store_block_unref(struct store_block **b);

static inline struct store_block *store_block_ref(struct store_block *b)
{
    b->refs++;
    return b;
}

static inline struct slice store_block_rest(const struct store_block *b)
{
    return b->rest ? buffer_slice(&b->rest->bytes) : (struct slice){0};
}

/* Where record `sequence`, which is in it, begins. */
size_t store_block_find(const struct store_block *b, uint64_t sequence);
