/*
 * What goes: whole segments, oldest first, past retain_bytes or retain_ms. Age is the time that the
 * log was open since, not the wall clock's: a clock that jumps cannot empty a log, and what was
 * written before a week of power failure is not a week older for that.
 */
#include "store/log_priv.h"

/* All up to it was read by every named cursor. Before there is a cursor, nothing was. */
static uint64_t read_by_all(const struct store_log *l)
{
    uint64_t least = l->remember.count ? UINT64_MAX : 0;
    for (size_t i = 0; i < l->remember.count; i++)
        if (l->remember.cursors[i].sequence < least)
            least = l->remember.cursors[i].sequence;
    return least;
}

static bool too_old(const struct store_log *l, uint64_t age_ms)
{
    uint64_t now = store_log_age(l);
    return l->config.retain_ms && now > age_ms && now - age_ms > l->config.retain_ms;
}

static bool may_go(const struct store_log *l, uint64_t last)
{
    return !l->config.retain_unread || last <= read_by_all(l);
}

/* ---- in memory ---- */

static uint64_t memory_bytes(const struct store_log *l)
{
    uint64_t wanted = l->config.retain_bytes;
    return wanted && wanted < STORE_MEMORY_MAX ? wanted : STORE_MEMORY_MAX;
}

/* The newest block takes appends; it goes when all of it is read and there is no other room. */
static bool is_in_use(const struct store_log *l, const struct store_block *b)
{
    if (b == store_log_tail(l))
        return !l->config.retain_unread || l->pending;
    return b == l->uncommitted || b->last > l->durable;
}

static void retain_blocks(struct store_log *l, size_t more)
{
    for (struct store_block *b; (b = store_log_head(l)) != NULL;) {
        bool goes = l->bytes + more > memory_bytes(l) || too_old(l, b->age_ms);
        if (!goes || is_in_use(l, b) || !may_go(l, b->last))
            return;
        if (b == l->uncommitted)
            l->uncommitted = NULL;
        store_log_drop_block(l, b);
    }
}

/* ---- on disk ---- */

/* Of its newest record. One whose index cannot be had is not asked for it again here, at each commit: it goes with the
 * next one. The last one has its index always. */
static uint64_t age_of(struct store_log *l, size_t n)
{
    for (; n + 1 < l->segments.count; n++) {
        struct store_segment *s = &l->segments.at[n];
        if (s->indexed || (!s->ageless && store_log_need_index(l, n) == OK))
            break;
        s->ageless = true;
    }
    return l->segments.at[n].index.age_ms;
}

static bool is_too_old(struct store_log *l, size_t n)
{
    return l->config.retain_ms && too_old(l, age_of(l, n));
}

static void drop_oldest(struct store_log *l)
{
    struct store_segment *s = &l->segments.at[0];
    l->bytes -= s->size;
    l->doomed_bytes += s->size;
    store_segments_add(
        &l->doomed,
        (struct store_segment){.first = s->first, .tag = s->tag, .size = s->size, .worn = s->worn});
    store_segments_drop(&l->segments, 0);
    store_log_upkeep_soon(l);
}

static void retain_segments(struct store_log *l, size_t more)
{
    while (l->segments.count > 1) {
        bool too_much = l->config.retain_bytes && l->bytes + more > l->config.retain_bytes;
        if (!too_much && !is_too_old(l, 0) && !l->config.reuse)
            return;
        if (!may_go(l, store_log_limit(l, 0) - 1))
            return;
        drop_oldest(l);
    }
}

void store_log_retain(struct store_log *l)
{
    if (store_in_memory(l))
        retain_blocks(l, 0);
    else
        retain_segments(l, 0);
}

void store_log_doom_spares(struct store_log *l)
{
    while (l->spares.count) {
        struct store_segment *s = &l->spares.at[l->spares.count - 1];
        s->worn = true;
        l->doomed_bytes += s->size;
        store_segments_add(&l->doomed, *s);
        store_segments_drop(&l->spares, l->spares.count - 1);
    }
}

/* What everybody has read goes, though retain_bytes would still keep it: its bytes are what a full disk lacks. */
void store_log_free_read(struct store_log *l)
{
    size_t kept = l->file ? 1 : 0; /* the one that is appended to */
    while (l->config.retain_unread && l->segments.count > kept && may_go(l, store_log_limit(l, 0) - 1))
        drop_oldest(l);
    for (size_t i = 0; i < l->doomed.count; i++)
        l->doomed.at[i].worn = true;
    store_log_doom_spares(l);
    if (l->doomed.count)
        store_log_upkeep_soon(l);
}

/* The segment that takes appends can go only when there is a next one: when all of it is read it
 * does not count, and the next commit begins that next one. */
static bool is_read_through(struct store_log *l)
{
    bool read = l->segments.count == 1 && may_go(l, l->durable);
    l->roll = l->roll || read;
    return read;
}

/* Dropped segments whose files are still there take room, but for the one that is always just going. */
static uint64_t leaving_bytes(const struct store_log *l)
{
    return l->doomed_bytes > l->segment_bytes ? l->doomed_bytes - l->segment_bytes : 0;
}

static bool fits(const struct store_log *l, uint64_t bytes)
{
    return bytes + leaving_bytes(l) <= l->config.retain_bytes;
}

static bool segments_may_grow(struct store_log *l, size_t more)
{
    if (l->config.retain_bytes == 0 || fits(l, l->bytes + more))
        return true;
    retain_segments(l, more);
    return fits(l, l->bytes + more) || (fits(l, more) && is_read_through(l));
}

static bool blocks_may_grow(struct store_log *l, size_t bytes)
{
    if (l->bytes + bytes > memory_bytes(l))
        retain_blocks(l, bytes);
    return l->bytes + bytes <= memory_bytes(l);
}

bool store_log_may_grow(struct store_log *l, size_t bytes)
{
    return store_in_memory(l) ? blocks_may_grow(l, bytes)
                              : segments_may_grow(l, l->pending + bytes);
}
