/* Telemetry: what was acknowledged against what the hub has. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "events/partition.h"
#include "sim/world.h"

/* ---- sets of numbers ---- */

bool world_set_has(const struct world_set *s, uint64_t n)
{
    return n < s->cap && (s->bits[n / 64] >> n % 64 & 1);
}

static void grow(struct world_set *s, uint64_t n)
{
    size_t cap = (n * 2 + 1024) / 64 * 64;
    uint64_t *bigger = memory_new(cap / 8);
    if (s->cap)
        memcpy(bigger, s->bits, s->cap / 8);
    free(s->bits);
    s->bits = bigger;
    s->cap = cap;
}

bool world_set_add(struct world_set *s, uint64_t n)
{
    if (world_set_has(s, n))
        return false;
    if (n >= s->cap)
        grow(s, n);
    s->bits[n / 64] |= 1ull << n % 64;
    s->count++;
    return true;
}

void world_set_clear(struct world_set *s)
{
    free(s->bits);
    *s = (struct world_set){0};
}

void world_wrong(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(&w->wrong, format, args);
    va_end(args);
    buffer_u8(&w->wrong, '\n');
}

/* ---- the books ---- */

struct book {
    const char *name;
    struct world_set seen;
    uint64_t newest;           /* highest number seen */
    uint64_t late, late_first; /* came after a higher one */
    uint64_t late_last, late_after;
};

bool world_books_drained(const struct world *w)
{
    if (w->edge == NULL || w->hub == NULL)
        return false;
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        if (w->modules[i].last_acked < w->modules[i].sent)
            return false;
    return store_cursor_get(w->edge->log, SLICE("upstream")) == store_log_durable(w->edge->log);
}

/* In order: a number that comes for the first time is higher than all before it. */
static void note(struct book *b, uint64_t n)
{
    if (n > b->newest) {
        b->newest = n;
        return;
    }
    b->late_first = b->late++ ? b->late_first : n;
    b->late_last = n;
    b->late_after = b->newest;
}

static void enter(struct world *w, struct book *books, const struct iot_event *e)
{
    unsigned i = 0;
    unsigned long long n = 0;
    char text[64];
    snprintf(text, sizeof(text), "%.*s", SLICE_FMT(slice_first(e->message.body, sizeof(text) - 1)));
    if (sscanf(text, "m%u %llu", &i, &n) != 2 || i >= WORLD_MODULES || n == 0 ||
        n > w->modules[i].sent) {
        world_wrong(w, "an event that nobody sent: '%s'", text);
        return;
    }
    w->count.delivered++;
    if (world_set_add(&books[i].seen, n))
        note(&books[i], n);
    else
        w->count.doubles++;
}

static void read_partition(struct world *w, struct book *books, unsigned i)
{
    struct store_log *log = partition_log(w->hub->partitions[i]);
    struct store_reader *r = store_reader_open(log, 1);
    struct store_record record;
    while (store_reader_next(r, &record) == OK) {
        struct iot_event e;
        if (iot_event_decode(record.bytes, &e) == OK)
            enter(w, books, &e);
        else
            world_wrong(w, "partition %u: a record that is no event", i);
    }
    store_reader_close(&r);
    if (store_log_damaged(log))
        world_wrong(w, "partition %u: %llu damaged", i, (unsigned long long)store_log_damaged(log));
}

static void close_book(struct world *w, struct book *b, const struct world_module *m)
{
    uint64_t lost = 0, first = 0;
    for (uint64_t n = m->sent; n; n--)
        if (world_set_has(&m->acked, n) && !world_set_has(&b->seen, n)) {
            first = n;
            lost++;
        }
    if (lost)
        world_wrong(w, "%s: %llu acknowledged and lost, the first is %llu", m->name,
                    (unsigned long long)lost, (unsigned long long)first);
    if (b->late)
        world_wrong(w, "%s: %llu out of order, the first is %llu, the last %llu, after %llu",
                    m->name, (unsigned long long)b->late, (unsigned long long)b->late_first,
                    (unsigned long long)b->late_last, (unsigned long long)b->late_after);
    world_set_clear(&b->seen);
}

void world_books_check(struct world *w)
{
    struct book books[WORLD_MODULES] = {0};
    for (unsigned i = 0; i < WORLD_PARTITIONS; i++)
        read_partition(w, books, i);
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        close_book(w, &books[i], &w->modules[i]);
    if (store_log_damaged(w->edge->log))
        world_wrong(w, "edge: %llu damaged", (unsigned long long)store_log_damaged(w->edge->log));
}
