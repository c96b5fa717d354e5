#include "outbox/seen.h"

#include <stdlib.h>

#include "base/memory.h"

void seen_clear(struct seen *s)
{
    free(s->places);
    *s = (struct seen){0};
}

void seen_damage(struct seen *s, uint64_t count)
{
    s->damage += count;
}

/* Each epoch begins at 1, and all of an older one came before it. */
static uint64_t expected(const struct seen_source *at, const struct gap_key *key)
{
    return key->epoch == at->epoch ? at->sequence + 1 : 1;
}

bool seen_note(struct seen *s, const struct gap_key *key, uint64_t *first)
{
    if (s->places == NULL)
        s->places = memory_new(SEEN_SOURCES * sizeof *s->places);
    uint64_t hash = slice_hash(key->source);
    struct seen_source *at = &s->places[hash % SEEN_SOURCES];
    bool known = at->sequence > 0 && at->hash == hash;
    bool newer = !known || key->epoch > at->epoch ||
                 (key->epoch == at->epoch && key->sequence > at->sequence);
    if (!newer) /* it is sent again */
        return false;
    *first = known ? expected(at, key) : key->sequence;
    bool missing = known && at->damage < s->damage && key->sequence > *first;
    *at = (struct seen_source){hash, key->epoch, key->sequence, s->damage};
    return missing;
}
