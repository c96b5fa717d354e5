#include "outbox/gaps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "iot/message.h"

#define NUMBER_MAX 24

struct gap {
    struct link link;
    uint64_t number, epoch, first, last;
    enum gap_reason why;
    bool maybe;
    bool telling; /* a message with it is on its way */
    size_t source_len;
    char source[];
};

static const char *const words[GAP_REASON_COUNT] = {
    [GAP_BYTES] = "bytes",     [GAP_AGE] = "age",         [GAP_TTL] = "ttl",
    [GAP_REFUSED] = "refused", [GAP_LARGE] = "too-large", [GAP_DAMAGED] = "damaged",
};

const char *gap_reason_word(enum gap_reason why)
{
    return words[why];
}

static bool number_of(struct slice properties, struct slice name, uint64_t *out)
{
    struct slice value;
    return iot_property_find(properties, name, &value) && slice_to_u64(value, out);
}

bool gap_key_of(struct slice properties, struct gap_key *out)
{
    return iot_property_find(properties, SLICE("millrace-source"), &out->source) &&
           number_of(properties, SLICE("millrace-epoch"), &out->epoch) &&
           number_of(properties, SLICE("millrace-sequence"), &out->sequence);
}

void gaps_init(struct gaps *g)
{
    *g = (struct gaps){0};
    list_init(&g->list);
}

static void forget(struct gaps *g, struct gap *gap)
{
    list_remove(&gap->link);
    g->count--;
    free(gap);
}

void gaps_clear(struct gaps *g)
{
    struct link *l;
    while ((l = list_first(&g->list)))
        forget(g, LIST_OF(l, struct gap, link));
}

static bool is_of(const struct gap *gap, struct slice source)
{
    return slice_eq(slice_from(gap->source, gap->source_len), source);
}

/* ---- adding ---- */

static struct gap *put(struct gaps *g, const struct gap_key *key, uint64_t last,
                       enum gap_reason why, bool maybe)
{
    struct gap *gap = memory_new(sizeof(*gap) + key->source.len + 1);
    gap->number = ++g->numbers;
    gap->epoch = key->epoch;
    gap->first = key->sequence;
    gap->last = last;
    gap->why = why;
    gap->maybe = maybe;
    gap->source_len = key->source.len;
    memcpy(gap->source, key->source.at, key->source.len);
    list_push(&g->list, &gap->link);
    g->count++;
    return gap;
}

/* The newest of that kind; mostly the last of all. */
static struct gap *newest(struct gaps *g, const struct gap_key *key, bool maybe)
{
    for (struct link *l = g->list.head.prev; l != &g->list.head; l = l->prev) {
        struct gap *gap = LIST_OF(l, struct gap, link);
        if (gap->maybe == maybe && !gap->telling && gap->epoch == key->epoch &&
            is_of(gap, key->source))
            return gap;
    }
    return NULL;
}

static void add(struct gaps *g, const struct gap_key *key, uint64_t last, enum gap_reason why,
                bool maybe)
{
    struct gap *gap = newest(g, key, maybe);
    bool next = gap && gap->why == why && key->sequence == gap->last + 1;
    bool full = g->count >= GAPS_MAX;
    if (gap && (next || full)) {
        gap->first = key->sequence < gap->first ? key->sequence : gap->first;
        gap->last = last > gap->last ? last : gap->last;
        return;
    }
    if (full) {
        g->unnamed += last - key->sequence + 1;
        return;
    }
    put(g, key, last, why, maybe);
}

void gaps_add(struct gaps *g, const struct gap_key *key, enum gap_reason why, bool maybe)
{
    add(g, key, key->sequence, why, maybe);
}

void gaps_add_range(struct gaps *g, const struct gap_key *key, uint64_t last, enum gap_reason why)
{
    add(g, key, last, why, false);
}

/* Cuts it out of what may be lost. */
static void cut(struct gaps *g, struct gap *gap, const struct gap_key *key)
{
    if (key->sequence == gap->first && key->sequence == gap->last) {
        forget(g, gap);
    } else if (key->sequence == gap->first) {
        gap->first++;
    } else if (key->sequence == gap->last) {
        gap->last--;
    } else {
        struct gap_key rest = {key->source, gap->epoch, key->sequence + 1};
        put(g, &rest, gap->last, gap->why, true);
        gap->last = key->sequence - 1;
    }
}

void gaps_arrived(struct gaps *g, const struct gap_key *key)
{
    LIST_EACH(l, &g->list)
    {
        struct gap *gap = LIST_OF(l, struct gap, link);
        if (gap->maybe && gap->epoch == key->epoch && key->sequence >= gap->first &&
            key->sequence <= gap->last && is_of(gap, key->source)) {
            cut(g, gap, key);
            return;
        }
    }
}

/* ---- telling ---- */

static void put_number(struct buffer *properties, struct slice name, uint64_t n)
{
    char digits[NUMBER_MAX];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    iot_property_put(properties, name, slice_from(digits, (size_t)len));
}

uint64_t gaps_tell(struct gaps *g, struct slice source, struct buffer *properties)
{
    LIST_EACH(l, &g->list)
    {
        struct gap *gap = LIST_OF(l, struct gap, link);
        if (gap->maybe || gap->telling || !is_of(gap, source))
            continue;
        put_number(properties, SLICE("millrace-gap-epoch"), gap->epoch);
        put_number(properties, SLICE("millrace-gap-first"), gap->first);
        put_number(properties, SLICE("millrace-gap-last"), gap->last);
        iot_property_put(properties, SLICE("millrace-gap-reason"), slice_of(words[gap->why]));
        gap->telling = true;
        return gap->number;
    }
    return 0;
}

void gaps_told(struct gaps *g, uint64_t number, bool acknowledged)
{
    LIST_EACH(l, &g->list)
    {
        struct gap *gap = LIST_OF(l, struct gap, link);
        if (gap->number != number)
            continue;
        gap->telling = false;
        if (acknowledged)
            forget(g, gap);
        return;
    }
}

/* ---- as text: epoch first last reason source ---- */

void gaps_put(const struct gaps *g, struct buffer *out)
{
    for (const struct link *l = g->list.head.next; l != &g->list.head; l = l->next) {
        const struct gap *gap = LIST_OF(l, struct gap, link);
        buffer_printf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s %.*s\n", gap->epoch, gap->first,
                      gap->last, words[gap->why], (int)gap->source_len, gap->source);
    }
}

static bool read_reason(struct slice word, enum gap_reason *out)
{
    for (int i = 0; i < GAP_REASON_COUNT; i++)
        if (slice_eq(word, slice_of(words[i]))) {
            *out = (enum gap_reason)i;
            return true;
        }
    return false;
}

void gaps_read(struct gaps *g, struct slice text)
{
    struct slice line, epoch, first, last, reason;
    while (text.len && slice_split(&text, '\n', &line)) {
        struct gap_key key;
        uint64_t to;
        enum gap_reason why;
        bool good = slice_split(&line, ' ', &epoch) && slice_split(&line, ' ', &first) &&
                    slice_split(&line, ' ', &last) && slice_split(&line, ' ', &reason) &&
                    slice_to_u64(epoch, &key.epoch) && slice_to_u64(first, &key.sequence) &&
                    slice_to_u64(last, &to) && to >= key.sequence && read_reason(reason, &why);
        key.source = line;
        if (good && key.source.len && g->count < GAPS_MAX)
            put(g, &key, to, why, false);
    }
}
