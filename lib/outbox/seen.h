/*
 * The newest number of each source that left the queue, so that what the disk did not give back is
 * told as a gap (gaps.h) although nobody can read its name: the numbers of a source leave in their
 * order, and after damage those are gone that lie between the one seen before and the next. Pure.
 *
 * Bound: SEEN_SOURCES places, which sources share by their hash. One that lost its place, or of
 * which none was seen before the damage, has a gap that is only counted.
 */
#pragma once

#include "outbox/gaps.h"

#define SEEN_SOURCES 1024

struct seen_source {
    uint64_t hash, epoch, sequence; /* sequence 0: free */
    uint64_t damage;                /* seen when so much had been lost */
};

struct seen {
    struct seen_source *places; /* NULL until the first */
    uint64_t damage;
};

void seen_clear(struct seen *s);

/* The disk did not give back that many messages, of whatever source. */
void seen_damage(struct seen *s, uint64_t count);

/* This one leaves now; again does not matter. True when it is the first of its source after damage
 * and others are missing before it: from *first, of its epoch. */
bool seen_note(struct seen *s, const struct gap_key *key, uint64_t *first);
