/*
 * How long to wait for a host that has not answered yet: RFC 6298's estimate out of the round trips
 * that its neighbours needed, one for each /24 (those that share a slot share the estimate).
 */
#pragma once

#include <stdint.h>

#define PATIENCE_SLOTS 1024

struct patience {
    uint32_t floor_ms, cap_ms;
    struct estimate {
        uint32_t network;  /* whose it is */
        uint32_t smoothed; /* in eighths of a millisecond */
        uint32_t variance; /* in quarters */
        uint8_t known;
    } slots[PATIENCE_SLOTS];
};

void discovery_patience_init(struct patience *p, uint32_t floor_ms, uint32_t cap_ms);
void discovery_patience_measured(struct patience *p, uint32_t address, uint64_t round_trip_ms);
/* The cap where nothing was measured. */
uint32_t discovery_patience_ms(const struct patience *p, uint32_t address);
