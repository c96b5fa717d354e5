#include "discovery/patience.h"

#include <string.h>

static uint32_t slot_of(uint32_t address)
{
    return (address >> 8) * 2654435761u >> 22; /* the upper 10 bits */
}

void discovery_patience_init(struct patience *p, uint32_t floor_ms, uint32_t cap_ms)
{
    memset(p, 0, sizeof(*p));
    p->floor_ms = floor_ms < cap_ms ? floor_ms : cap_ms;
    p->cap_ms = cap_ms;
}

void discovery_patience_measured(struct patience *p, uint32_t address, uint64_t round_trip_ms)
{
    struct estimate *e = &p->slots[slot_of(address)];
    uint32_t r = round_trip_ms < p->cap_ms ? (uint32_t)round_trip_ms : p->cap_ms;
    if (!e->known || e->network != address >> 8) { /* RFC 6298, 2.2 */
        *e = (struct estimate){address >> 8, r * 8, r * 2, 1};
        return;
    }
    uint32_t mean = e->smoothed / 8, off = mean > r ? mean - r : r - mean; /* 2.3 */
    e->variance += off - e->variance / 4;
    e->smoothed += r - mean;
}

uint32_t discovery_patience_ms(const struct patience *p, uint32_t address)
{
    const struct estimate *e = &p->slots[slot_of(address)];
    if (!e->known || e->network != address >> 8)
        return p->cap_ms;
    uint32_t ms = e->smoothed / 8 + e->variance; /* four times the variance */
    return ms < p->floor_ms ? p->floor_ms : ms > p->cap_ms ? p->cap_ms : ms;
}
