/*
 * A loop: one thread, and all that is given to it is called on that thread. It is the one way to
 * time, randomness, sockets (io/stream.h) and helper threads. Two makes: loop_new() runs on libuv;
 * sim_loop_new() in io/sim.h runs in simulated time on a simulated network, replayable from a seed.
 *
 * A callback is never called before the function that took it returns.
 */
#pragma once

#include "base/heap.h"
#include "base/slice.h"
#include "base/status.h"

struct loop;

typedef void loop_fn(void *arg);

struct loop *loop_new(void);

/* Runs until loop_stop(). */
void loop_run(struct loop *l);

/* From any thread: the loop returns from loop_run() after the current turn. */
void loop_stop(struct loop *l);

/* After loop_run() returned. Closes what is still open, without callbacks. */
void loop_free(struct loop **l);

/* For tests, instead of loop_run(): until done(arg), asked between turns; false when `timeout_ms` ran out. */
bool loop_run_until(struct loop *l, bool (*done)(void *arg), void *arg, uint64_t timeout_ms);

/* Calls fn(arg) on the loop when the process is asked to end (SIGTERM, SIGINT). */
void loop_on_signal(struct loop *l, loop_fn *fn, void *arg);

/* The time at the start of this turn; the first does not jump, the second may. */
uint64_t loop_now_ms(const struct loop *l);
uint64_t loop_wall_ms(const struct loop *l);

void loop_random(struct loop *l, void *out, size_t len);
uint64_t loop_random_u64(struct loop *l);

/* ---- timers: live inside other structs, `{0}` is stopped ---- */

struct loop_timer {
    struct heap_node node;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

/* Once, after at least `after_ms`. Starting a running one moves it. */
void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms, loop_fn *fn, void *arg);
void loop_timer_stop(struct loop_timer *t); /* harmless when stopped */

/* ---- between threads ---- */

/* From any thread: fn(arg) on `l`, in the order of one sender's calls. The mailbox has no bound of its
 * own; whoever posts has a window, and says where. */
void loop_post(struct loop *l, loop_fn *fn, void *arg);

/* On the loop's own thread: fn(arg) at the end of this turn, before it waits again. */
void loop_defer(struct loop *l, loop_fn *fn, void *arg);

/* run(arg) on a helper thread (what blocks: a file, a name lookup), then done(arg) on the loop. */
void loop_work(struct loop *l, loop_fn *run, loop_fn *done, void *arg);

/* The same; when the loop is freed first (or killed, in a simulation), drop(arg) instead of done(arg). */
void loop_work_or_drop(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg);
