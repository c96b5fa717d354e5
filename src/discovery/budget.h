/*
 * How many packets a discovery may send: so many in a second, wherever that second begins. Whoever needs many at once
 * says so, and the others leave him room. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_SLOT_MS 10
#define BUDGET_SLOTS 102 /* a second, and the two slots that it may have in part */

struct budget {
    uint32_t rate; /* packets a second */
    uint32_t sum;  /* in all slots */
    uint32_t reserved;
    uint64_t slot; /* the newest one's number */
    uint32_t slots[BUDGET_SLOTS];
};

void discovery_budget_init(struct budget *b, uint32_t rate);
/* What may be sent now, without what is reserved. */
uint32_t discovery_budget_room(struct budget *b, uint64_t now_ms);
/* Was sent, or is being sent. */
void discovery_budget_spend(struct budget *b, uint64_t now_ms, uint32_t packets);
/* True: they are spent. False: room is made for them, ask again soon. One at a time. */
bool discovery_budget_take(struct budget *b, uint64_t now_ms, uint32_t packets);
