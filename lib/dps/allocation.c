#include "dps/allocation.h"

#include <assert.h>

/* FNV-1a spreads its last bytes over the low bits alone: the rest is stirred here. */
static uint64_t stir(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* Rendezvous hashing: the hub with the highest weight for this key. */
size_t dps_allocate_hashed(const struct slice *hubs, size_t count, struct slice key)
{
    assert(count > 0);
    size_t best = 0;
    uint64_t best_weight = 0, hash = slice_hash(key);
    for (size_t i = 0; i < count; i++) {
        uint64_t weight = stir(slice_hash(hubs[i]) ^ stir(hash));
        if (i == 0 || weight > best_weight) {
            best = i;
            best_weight = weight;
        }
    }
    return best;
}
