/* A list of calls to be made, in order. Lives inside another struct: `{0}` is empty. */
#pragma once

#include "io/loop.h"

struct call {
    loop_fn *fn;
    void *arg;
};

struct calls {
    struct call *items;
    size_t count, cap;
};

#define CALLS_KEEP_MAX 4096 /* a list that grew longer than this gives its memory back */

void calls_add(struct calls *c, struct call call);

/* Empties it. */
void calls_reset(struct calls *c);

void calls_clear(struct calls *c);
