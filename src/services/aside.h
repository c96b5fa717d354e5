/*
 * Work for which a loop has no time when it is about much: parsing a few MiB holds up all other
 * requests for some tens of milliseconds. What is done with little is done at once.
 */
#pragma once

#include "io/loop.h"

#define ASIDE_BYTES (1u << 20) /* from so many on */

/* run(arg), on a helper thread when it is about many bytes, and then done(arg), on the loop; with
 * few, both before this returns. */
void services_aside(struct loop *l, size_t bytes, loop_fn *run, loop_fn *done, void *arg);
