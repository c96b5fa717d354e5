#include "store/log_priv.h"
#include "store/scan.h"

/* Stamps need not grow with the sequence: the first record that is not older, wherever older ones
 * are. */
static uint64_t find_from(struct store_log *l, uint64_t sequence, uint64_t limit, uint64_t wall_ms)
{
    struct store_reader *r = store_reader_open(l, sequence);
    struct store_record record;
    uint64_t found = limit;
    while (store_reader_next(r, &record) == OK && record.sequence < limit) {
        if (record.wall_ms >= wall_ms) {
            found = record.sequence;
            break;
        }
    }
    store_reader_close(&r);
    return found;
}

static uint64_t find_in_memory(struct store_log *l, uint64_t wall_ms)
{
    LIST_EACH(at, &l->blocks)
    {
        struct store_block *b = LIST_OF(at, struct store_block, link);
        uint64_t limit = (b->last < l->durable ? b->last : l->durable) + 1;
        if (b->wall_newest < wall_ms || b->first >= limit)
            continue;
        uint64_t found = find_from(l, b->first, limit, wall_ms);
        if (found < limit)
            return found;
    }
    return l->next;
}

static uint64_t find_in_segment(struct store_log *l, size_t n, uint64_t wall_ms)
{
    uint64_t limit = store_log_limit(l, n);
    if (store_log_need_index(l, n) != OK)
        return limit;
    struct store_segment *s = &l->segments.at[n];
    if (s->index.wall_newest < wall_ms)
        return limit;
    const struct store_index_entry *e = store_index_by_time(&s->index, wall_ms);
    return find_from(l, e ? e->sequence : s->first, limit, wall_ms);
}

uint64_t store_log_find_time(struct store_log *l, uint64_t wall_ms)
{
    if (store_in_memory(l))
        return find_in_memory(l, wall_ms);
    for (size_t n = 0; n < l->segments.count; n++) {
        uint64_t found = find_in_segment(l, n, wall_ms);
        if (found < store_log_limit(l, n))
            return found;
    }
    return l->next;
}
