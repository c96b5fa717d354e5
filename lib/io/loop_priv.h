/*
 * What a loop is made of, for those who make one: loop_uv.c (the machine) and sim.c (simulated).
 * The common part in loop.c does timers, mail and deferred calls; a make tells the time, waits,
 * and has sockets.
 */
#pragma once

#include <stdatomic.h>

#include "base/list.h"
#include "io/handshakes.h"
#include "io/mailbox.h"
#include "io/stream.h"

#define LOOP_FOREVER UINT64_MAX

struct loop_ops {
    /* Waits `ms` at most for the next event, and makes the calls that it brings. */
    void (*wait)(struct loop *l, uint64_t ms);
    void (*wake)(struct loop *l); /* from any thread: wait() returns */
    uint64_t (*now_ms)(struct loop *l);
    uint64_t (*wall_ms)(struct loop *l);
    void (*random)(struct loop *l, void *out, size_t len);
    /* `drop` is called instead of `done` when the loop is freed first. */
    void (*work)(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg);
    void (*on_signal)(struct loop *l, loop_fn *fn, void *arg);
    /* Plain streams; TLS comes on top. The listener's `made` is set. */
    enum status (*listen)(struct listener *listener);
    void (*unlisten)(struct listener *listener);
    struct stream *(*connect)(const struct connect_config *config); /* with its timeout_ms set */
    void (*free)(struct loop *l); /* the streams, listeners and mail are gone already */
};

#define LOOP_TURN_MS 10 /* libuv brings 48,000 events before it comes back */

#define CONNECT_MS 20000 /* a connect_config without timeout_ms */

#define LOOP_SPARE_COUNT 64          /* buffers kept for the next writers, */
#define LOOP_SPARE_BYTES (64u << 10) /* each of this size at most */

struct loop {
    const struct loop_ops *ops;
    struct heap timers;
    struct mailbox mailbox;
    struct calls mail; /* the batch that is being read */
    struct calls deferred, deferring;
    struct list streams, listeners;
    struct list arriving;  /* streams on their way from another loop; under the mailbox's lock */
    struct buffer nowhere; /* what is written to a closed stream */
    struct buffer spare[LOOP_SPARE_COUNT];
    size_t spare_count;
    uint64_t began_ms;        /* the turn's first event; 0: none yet */
    uint64_t now_ms, wall_ms; /* as far as known in this turn */
    bool now_known, wall_known;
    bool running;
    bool freeing;
    bool dead; /* killed in a simulation: nothing is called any more */
    atomic_bool stop;
};

void loop_init(struct loop *l, const struct loop_ops *ops);

/* One turn: waits unless there is something to do, then I/O, mail, timers, deferred calls. */
void loop_turn(struct loop *l);

/* The part of a turn behind the waiting. */
void loop_turn_end(struct loop *l);

/* Behind each event that a make brings: after LOOP_TURN_MS the turn ends here, and what is left of its
 * events is the next one's. Nothing of the caller may lie below on the stack that a callback could take away. */
void loop_breathe(struct loop *l);

/* How long it may wait: 0 when something is to be done. */
uint64_t loop_wait_ms(struct loop *l);

/* The clocks are asked anew. */
void loop_clock_stale(struct loop *l);

/* Forgets deferred calls of fn(arg). */
void loop_undefer(struct loop *l, loop_fn *fn, void *arg);

/* Forgets timers, mail and deferred calls, also those of a turn that is under way. */
void loop_silence(struct loop *l);

/* Closes streams and listeners and drops mail, without callbacks. */
void loop_clear(struct loop *l);

/* Memory for what is written this turn, and back again. */
struct buffer loop_spare_take(struct loop *l);
void loop_spare_give(struct loop *l, struct buffer *b);

/* ---- listeners ---- */

struct listener {
    struct listen_config config;
    char *host;
    int port;
    void *made; /* the make's own */
    struct link in_loop;
    struct handshakes *handshakes; /* one for each of its loops */
    struct loop **loops;
    unsigned loop_count;
    unsigned next; /* whose turn it is */
};

/* From a make: an open plain stream. */
void listener_accepted(struct listener *l, struct stream *s);
