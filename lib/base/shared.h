/*
 * Bytes that several hold and nobody changes, freed with the last: a large message in a queue and in
 * the window of what is not acknowledged is one message. Holders are on one thread.
 */
#pragma once

#include "base/buffer.h"

struct shared {
    struct buffer bytes;
    unsigned refs;
};

/* Takes over the memory of *bytes; one holder. */
struct shared *shared_new(struct buffer *bytes);

/* NULL stays NULL. */
static inline struct shared *shared_ref(struct shared *s)
{
    if (s)
        s->refs++;
    return s;
}

void shared_unref(struct shared **s);
