/*
 * Who of a TLS listener's new connections shakes hands now. A handshake costs most of a millisecond
 * of the loop's core and tens of kilobytes while it goes on, so HANDSHAKES_MAX are under way at
 * once and a few begin in a turn; the others wait, first come first served, with hardly any memory
 * and no deadline running.
 *
 * A stranger cannot hold the places: who has said nothing has none, and who has one and is silent
 * while others wait loses it, and his connection, after HANDSHAKE_HURRY_MS. No I/O of its own.
 */
#pragma once

#include "base/list.h"
#include "io/loop.h"

#define HANDSHAKES_MAX 2048
#define HANDSHAKES_PER_TURN 8 /* 5 ms, then others on the loop have their turn */
#define HANDSHAKE_MS 30000    /* for the first bytes; then, from its beginning, for the handshake */
#define HANDSHAKE_HURRY_MS 10000 /* without a word from the peer, while others wait and all places are taken */

struct handshakes {
    struct loop *loop;
    struct list silent, waiting,
        shaking;    /* the last by when they were heard, the longest ago first */
    unsigned count; /* shaking */
    struct loop_timer turn;
};

/* Lives inside the connection; `{0}` is in no list. */
struct handshake {
    struct link link;
    struct handshakes *all;
    enum { HANDSHAKE_OVER, HANDSHAKE_SILENT, HANDSHAKE_WAITING, HANDSHAKE_SHAKING } state;
    struct loop_timer deadline;
    uint64_t heard_ms;
    loop_fn *begin; /* it has a place */
    loop_fn *late;  /* to be ended: handshake_leave() follows */
    void *arg;
};

void handshakes_init(struct handshakes *all, struct loop *loop);

/* With its begin, late and arg set: a new connection, silent as yet. */
void handshake_enter(struct handshake *h, struct handshakes *all);

/* The peer said something. The first time it makes the connection wait for its place; begin() comes
 * on a later turn. */
void handshake_heard(struct handshake *h);

/* It is over, well or not. Harmless when it is already. */
void handshake_leave(struct handshake *h);

/* Any that is not over; NULL when all are. */
struct handshake *handshakes_any(struct handshakes *all);

/* When nobody is left in it. */
void handshakes_clear(struct handshakes *all);
