/*
 * A thread that runs OPC UA: one event loop with all the clients (opcua/session.h) and
 * subscriptions that were given to it. Everything of lib/opcua happens on such a thread, without
 * locks; other threads talk to it through opcua_thread_post(), and it talks back with loop_post().
 *
 * Nothing may wait in a callback on it: no sleep, no synchronous service call.
 */
#pragma once

#include "base/heap.h"
#include "base/status.h"
#include "opcua/stack.h"

struct opcua_pki;
struct opcua_thread;

typedef void opcua_fn(void *arg);

struct opcua_thread_config {
    const char *name; /* of the thread, up to 15 characters; NULL: "opcua" */
    struct opcua_pki
        *pki; /* own certificate and whom to trust (opcua/pki.h); NULL: security None only */
    /* A session is kept this long after its last user left it. 0: 10 s. */
    uint32_t lease_ms;
};

/* Starts it. */
struct opcua_thread *opcua_thread_new(const struct opcua_thread_config *config);

/* From another thread, when nobody posts any more: runs what was posted, closes the sessions in
 * order (at most 2 s), ends the thread. Calls that still wait end with BadShutdown. */
void opcua_thread_free(struct opcua_thread **t);

/* From any thread: fn(arg) on `t`, in the order of one sender's calls, and within a millisecond
 * when it is idle. Posted from `t` itself it runs after the current callback. The mailbox has no
 * bound of its own; whoever posts has a window, and says where. */
void opcua_thread_post(struct opcua_thread *t, opcua_fn *fn, void *arg);

/* Posts and waits for its end. From another thread, never from a loop: for start, stop and tests.
 */
void opcua_thread_run(struct opcua_thread *t, opcua_fn *fn, void *arg);

bool opcua_thread_is_current(const struct opcua_thread *t);

/* ---- what follows only on the thread ---- */

uint64_t opcua_thread_now_ms(const struct opcua_thread *t); /* monotonic */

/* Lives inside another struct, `{0}` is stopped. */
struct opcua_timer {
    struct heap_node node;
    struct opcua_thread *thread;
    opcua_fn *fn;
    void *arg;
};

/* Once, after at least `after_ms`. Starting a running one moves it. */
void opcua_timer_start(struct opcua_thread *t, struct opcua_timer *timer, uint64_t after_ms,
                       opcua_fn *fn, void *arg);
void opcua_timer_stop(struct opcua_timer *timer); /* harmless when stopped */
