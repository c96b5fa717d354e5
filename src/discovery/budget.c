#include "discovery/budget.h"

#include <string.h>

void discovery_budget_init(struct budget *b, uint32_t rate)
{
    *b = (struct budget){.rate = rate};
}

/* What is older than a second is forgotten. */
static void turn(struct budget *b, uint64_t now_ms)
{
    uint64_t slot = now_ms / BUDGET_SLOT_MS;
    if (slot >= b->slot + BUDGET_SLOTS) {
        memset(b->slots, 0, sizeof(b->slots));
        b->sum = 0;
        b->slot = slot;
    }
    while (b->slot < slot) {
        uint32_t *oldest = &b->slots[++b->slot % BUDGET_SLOTS];
        b->sum -= *oldest;
        *oldest = 0;
    }
}

uint32_t discovery_budget_room(struct budget *b, uint64_t now_ms)
{
    turn(b, now_ms);
    uint64_t taken = (uint64_t)b->sum + b->reserved;
    return taken < b->rate ? (uint32_t)(b->rate - taken) : 0;
}

void discovery_budget_spend(struct budget *b, uint64_t now_ms, uint32_t packets)
{
    turn(b, now_ms);
    b->slots[b->slot % BUDGET_SLOTS] += packets;
    b->sum += packets;
}

bool discovery_budget_take(struct budget *b, uint64_t now_ms, uint32_t packets)
{
    b->reserved = 0;
    uint32_t needed = packets < b->rate ? packets : b->rate;
    if (discovery_budget_room(b, now_ms) < needed) {
        b->reserved = needed;
        return false;
    }
    discovery_budget_spend(b, now_ms, packets);
    return true;
}
