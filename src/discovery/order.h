/*
 * The numbers 0 … n-1 in an order that looks random, without a table: a permutation out of a small
 * Feistel network. So that a scan strikes no host with all its ports at once.
 */
#pragma once

#include <stdint.h>

struct order {
    uint64_t count;
    unsigned half_bits;
    uint64_t keys[4];
};

/* n up to 2^62. */
struct order discovery_order_of(uint64_t count, uint64_t seed);

/* The number at place i < count; each comes once. */
uint64_t discovery_order_at(const struct order *o, uint64_t i);
