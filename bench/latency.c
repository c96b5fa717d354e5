#include "bench/latency.h"

double latency_ms(const struct latency *l, unsigned per_mille)
{
    uint64_t want = (l->total * per_mille + 999) / 1000, seen = 0;
    for (uint32_t us = 0; us <= LATENCY_US_MAX; us++) {
        seen += l->counts[us];
        if (seen >= want)
            return us / 1000.0;
    }
    return LATENCY_US_MAX / 1000.0;
}
