/*
 * Memory that a burst needed and nobody needs any more goes back to the system: the C library keeps
 * it for the next one, so that a storm of connections would show in the size of the process for
 * ever. One for each program, on one of its loops; lives inside another struct, `{0}` is stopped.
 */
#pragma once

#include "io/loop.h"

#define TRIM_EVERY_MS 10000
#define TRIM_FREE_MIN (4u << 20) /* bytes that are free and kept, from which on it is worth it */

struct trim {
    struct loop *loop;
    struct loop_timer timer;
    size_t kept; /* bytes that were free when it last looked, or gave back */
};

void trim_start(struct trim *t, struct loop *l);
/* Also before loop_free() of its loop. */
void trim_stop(struct trim *t);

/* For tests: is it worth it, now that so much is free? */
bool trim_is_due(struct trim *t, size_t free_bytes);
