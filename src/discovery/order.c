#include "discovery/order.h"

/* splitmix64's finisher: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

struct order discovery_order_of(uint64_t count, uint64_t seed)
{
    struct order o = {.count = count, .half_bits = 1};
    while (o.half_bits < 31 && (uint64_t)1 << (2 * o.half_bits) < count)
        o.half_bits++;
    for (int i = 0; i < 4; i++)
        o.keys[i] = mix(seed + (uint64_t)i * 0x9e3779b97f4a7c15u);
    return o;
}

static uint64_t permute(const struct order *o, uint64_t x)
{
    uint64_t mask = ((uint64_t)1 << o->half_bits) - 1;
    uint64_t left = x >> o->half_bits, right = x & mask;
    for (int i = 0; i < 4; i++) {
        uint64_t next = left ^ (mix(right ^ o->keys[i]) & mask);
        left = right;
        right = next;
    }
    return left << o->half_bits | right;
}

/* The network permutes a power of four; numbers beyond the end are sent through it again. */
uint64_t discovery_order_at(const struct order *o, uint64_t i)
{
    do
        i = permute(o, i);
    while (i >= o->count);
    return i;
}
