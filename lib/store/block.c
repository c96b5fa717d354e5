#include "store/block.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/record.h"

struct store_block *store_block_new(size_t cap)
{
    struct store_block *b = memory_resize(NULL, sizeof(*b) + cap);
    *b = (struct store_block){.refs = 1, .first = 1, .cap = cap};
    return b;
}

void store_block_unref(struct store_block **b)
{
    if (*b && --(*b)->refs == 0) {
        shared_unref(&(*b)->rest);
        free(*b);
    }
    *b = NULL;
}

size_t store_block_find(const struct store_block *b, uint64_t sequence)
{
    assert(sequence >= b->first && sequence <= b->last);
    size_t at = 0;
    for (uint64_t s = b->first; s < sequence; s++)
        at += store_record_size(b->bytes + at);
    return at;
}
