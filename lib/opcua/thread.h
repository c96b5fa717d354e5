/*
 * A thread that runs OPC UA: a loop (io/loop.h) with all the sessions (opcua/session.h) and
 * subscriptions that were given to it. Everything of lib/opcua happens on such a thread, without
 * locks; other threads talk to it through opcua_thread_post(), and it talks back with loop_post().
 *
 * The stack's own event loop is not used: ours (opcua/event_loop.c) puts the clients on the loop's
 * timers and streams, so that neither a name lookup nor a slow server stops the others, and a post
 * wakes it at once.
 *
 * Nothing may wait in a callback on it: no sleep, no synchronous service call.
 */
#pragma once

#include "base/status.h"
#include "io/loop.h"
#include "opcua/stack.h"

struct opcua_pki;
struct opcua_thread;

typedef void opcua_fn(void *arg);

/* How sessions and subscriptions behave where nothing else is said. 0: what stands behind it. */
struct opcua_tuning {
    uint32_t reconnect_ms_min, reconnect_ms_max; /* between tries: 100 ms, doubled up to 10 s */
    uint32_t session_timeout_ms;                 /* asked for: 120 s */
    uint32_t token_ms;                           /* of a secure channel: 1 h */
    uint32_t call_ms;                            /* of a service, where who asks names none: 10 s */
    uint32_t publish_min, publish_percent, publish_max; /* requests of a session: 2; 300 for each
                                                           100 subscriptions; 32 */
    uint32_t item_retry_s, item_retry_s_max; /* after the server refused a node: 10 s, doubled up to
                                                5 min; with the first alone always that */
    uint32_t invalid_retry_s, invalid_retry_s_max; /* after it could not even be asked for; likewise */
    uint32_t subscription_retry_ms;                /* after the server refused to make one: 2 s */
    uint32_t subscription_silence_ms;              /* beyond what its keep-alives promise: 10 s */
    uint32_t items_per_call, nodes_per_read, nodes_per_browse; /* instead of what server and profile
                                                                  say, if that is more */
};

struct opcua_thread_config {
    /* NULL: a thread of its own, with a loop. Otherwise it lives on this loop and its thread. */
    struct loop *loop;
    const char *name; /* of the thread, up to 15 characters; NULL: "opcua" */
    struct opcua_pki
        *pki; /* own certificate and whom to trust (opcua/pki.h); NULL: security None only */
    /* A session is kept this long after its last user left it. 0: 10 s. */
    uint32_t lease_ms;
    uint32_t try_ms; /* one try to connect, all its steps together. 0: 15 s */
    /* A server that said nothing for so long is asked whether it is there, and has twice as long to
     * answer. 0: 5 s. */
    uint32_t silence_ms;
    struct opcua_tuning tuning;
    /* Where servers connect to us (opcua/reverse.h), opened with the first session that waits for
     * one. 0: 4840; -1: any free one. */
    int reverse_port;
};

/* Starts it. */
struct opcua_thread *opcua_thread_new(const struct opcua_thread_config *config);

/* From another thread (with a loop of the caller's: from that one, while it does not run), when
 * nobody posts any more: runs what was posted, drops the sessions, ends the thread. Calls that
 * still wait end with BadShutdown. */
void opcua_thread_free(struct opcua_thread **t);

/* From any thread: fn(arg) on `t`, in the order of one sender's calls, and within a millisecond
 * when it is idle. The mailbox has no bound of its own; whoever posts has a window, and says where.
 */
void opcua_thread_post(struct opcua_thread *t, opcua_fn *fn, void *arg);

/* Posts and waits for its end. From another thread, never from a loop: for start, stop and tests.
 */
void opcua_thread_run(struct opcua_thread *t, opcua_fn *fn, void *arg);

/* Its loop: for timers and time. Only on the thread. */
struct loop *opcua_thread_loop(const struct opcua_thread *t);

/* Where it listens for servers; 0: nowhere yet. Only on the thread. */
int opcua_thread_reverse_port(const struct opcua_thread *t);
