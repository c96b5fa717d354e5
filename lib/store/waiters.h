/*
 * Who waits for which record of a log to be durable, in the order of the records. Bounded by what the
 * log gathers (STORE_GATHER_MAX). `{0}` is empty; lives inside another struct.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

struct store_waiter {
    uint64_t sequence;
    void *who;
    uint64_t token;
};

struct store_waiters {
    struct store_waiter *ring;
    size_t cap, first, count; /* cap is a power of two */
};

void store_waiters_add(struct store_waiters *w, uint64_t sequence, void *who, uint64_t token);

/* Takes the first that waits for a record up to `sequence`; false when there is none. */
static inline bool store_waiters_take(struct store_waiters *w, uint64_t sequence, struct store_waiter *out)
{
    if (w->count == 0 || w->ring[w->first & (w->cap - 1)].sequence > sequence)
        return false;
    *out = w->ring[w->first++ & (w->cap - 1)];
    w->count--;
    return true;
}

void store_waiters_clear(struct store_waiters *w);
