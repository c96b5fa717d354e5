/* How long things took, by the microsecond up to a second; longer ones count as a second. */
#pragma once

#include <stdint.h>

#define LATENCY_US_MAX 1000000u

struct latency {
    uint32_t counts[LATENCY_US_MAX + 1];
    uint64_t total;
};

static inline void latency_add(struct latency *l, uint64_t us)
{
    l->counts[us < LATENCY_US_MAX ? us : LATENCY_US_MAX]++;
    l->total++;
}

/* Milliseconds within which that many of a thousand were done. */
double latency_ms(const struct latency *l, unsigned per_mille);
