#include "store/tear.h"

void store_tear_look(struct store_tear *t, const struct store_scan *scan,
                     const struct store_record *r, uint64_t expected, uint64_t at)
{
    if (scan->commit > t->durable + 1)
        t->durable = scan->commit - 1;
    if (t->last <= t->durable)
        t->last = 0; /* a later commit was written: it was damage */
    if (r->sequence == expected)
        return;
    t->holes++;
    if (t->last || r->sequence - 1 <= t->durable)
        return;
    t->last = r->sequence - 1;
    t->at = at;
}
