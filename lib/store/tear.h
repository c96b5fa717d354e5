/*
 * Where a crash tore the last commit of a segment. That one was written and perhaps never synced, so
 * any part of it may be missing, and what lies behind a hole in it was promised to nobody: left in
 * place it would be a record without those before it. A hole before the commit is damage and no
 * tear, for all of that was durable before the commit was written. Pure.
 */
#pragma once

#include "store/scan.h"

struct store_tear {
    uint64_t holes;   /* of any kind */
    uint64_t last;    /* sequence: end of the first hole in the commit; 0: none is in it */
    uint64_t at;      /* byte where that hole begins */
    uint64_t durable; /* all up to it was durable, for a later commit was written; 0: not known */
};

/* After each record of a scan, in order: `expected` is what store_scan_next() said, `at` the scan's
 * good_end before. */
void store_tear_look(struct store_tear *t, const struct store_scan *scan,
                     const struct store_record *r, uint64_t expected, uint64_t at);

/* Is there one? Not where it is known that all up to `durable` had been durable. */
static inline bool store_tear_found(const struct store_tear *t, uint64_t durable)
{
    return t->last > durable;
}
