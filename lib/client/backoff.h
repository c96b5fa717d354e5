/*
 * How long to wait before the next attempt to connect: BACKOFF_MS_MIN, twice as long each time up
 * to BACKOFF_MS_MAX, half of it by chance, so that those who lost a server together do not come
 * back together. A connection that was up for BACKOFF_LASTED_MS makes it start anew. `{0}` has not
 * tried yet.
 */
#pragma once

#include "io/loop.h"

#define BACKOFF_MS_MIN 250
#define BACKOFF_MS_MAX 30000
#define BACKOFF_LASTED_MS 30000

struct backoff {
    unsigned attempts;    /* in a row that did not last */
    uint64_t up_since_ms; /* 0: not up */
};

/* Before the next attempt, which it counts. */
uint64_t backoff_next_ms(struct backoff *b, struct loop *loop);
void backoff_up(struct backoff *b, struct loop *loop);
/* The connection is over; whether it had been up. */
bool backoff_down(struct backoff *b, struct loop *loop);
