/*
 * Gaps that are not told yet: messages which a queue could not keep or a transport did not take, by
 * source, epoch and sequence ("millrace-source" and so on, see group.h). The next message of the
 * same source that is sent tells one, in properties of its own (docs/protocol/publisher-queue.md);
 * it is forgotten when that message is acknowledged. Pure.
 *
 * Bound: GAPS_MAX ranges; the next one joins the newest range of its source and epoch, and says
 * more than it must, or is only counted.
 */
#pragma once

#include "base/buffer.h"
#include "base/list.h"
#include "base/status.h"

#define GAPS_MAX 1000

enum gap_reason {
    GAP_BYTES,   /* the queue's bound was reached */
    GAP_AGE,     /* older than the queue keeps messages */
    GAP_TTL,     /* older than the message was of use */
    GAP_REFUSED, /* the other side will not take it */
    GAP_LARGE,   /* larger than can be queued */
    GAP_DAMAGED, /* the disk did not give it back */
    GAP_REASON_COUNT,
};

/* "bytes". */
const char *gap_reason_word(enum gap_reason why);

/* Which message it is. */
struct gap_key {
    struct slice source;
    uint64_t epoch, sequence;
};

/* From application properties; false when it has no such name. */
bool gap_key_of(struct slice properties, struct gap_key *out);

struct gaps {
    struct list list; /* oldest first */
    size_t count;
    uint64_t unnamed; /* could not be kept */
    uint64_t numbers; /* given so far */
};

void gaps_init(struct gaps *g);
void gaps_clear(struct gaps *g);

/* `maybe`: the message may still arrive. It is told only when gaps_put() text was read by another
 * start of the program, unless gaps_arrived() came before. */
void gaps_add(struct gaps *g, const struct gap_key *key, enum gap_reason why, bool maybe);
/* The same for all from key->sequence up to `last`, which will not arrive. */
void gaps_add_range(struct gaps *g, const struct gap_key *key, uint64_t last, enum gap_reason why);
void gaps_arrived(struct gaps *g, const struct gap_key *key);

/* Appends the properties that tell the oldest gap of that source; its number, or 0 when there is
 * none. */
uint64_t gaps_tell(struct gaps *g, struct slice source, struct buffer *properties);
/* Was told, and the message is acknowledged; or it was not, and is to be told again. */
void gaps_told(struct gaps *g, uint64_t number, bool acknowledged);

/* As text, for a file. */
void gaps_put(const struct gaps *g, struct buffer *out);
/* Adds what gaps_put() wrote; lines that are broken are left out. */
void gaps_read(struct gaps *g, struct slice text);
