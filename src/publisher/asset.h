/*
 * What is done to a server for the methods of assets (opcua/asset.h): made, described and its
 * variables found; deleted; all of them listed. On the OPC UA thread.
 *
 * One work is one method call. Its functions call done(arg) exactly once, later, and may follow one
 * another: an asset that is there already is the caller's to judge, who may go on with
 * asset_describe_ua().
 */
#pragma once

#include <stdatomic.h>

#include "opcua/thread.h"
#include "publisher/expand.h"

#define ASSET_CONNECT_MS 10000 /* that a call waits for the server */
#define ASSET_UNDO_MS 5000     /* for taking back what was made, beyond the call's own time */

/* One of those that were listed. */
struct asset_listed {
    struct slice id, name; /* id: text */
};

struct asset_work {
    /* what is wanted; borrowed until done() */
    struct opcua_thread *thread;
    const struct plan_writer *at; /* a writer of the server's */
    struct slice name, thing;     /* of the asset, and what describes it */
    uint64_t wait_ms;             /* from the description to the search for variables */
    uint32_t timeout_ms;          /* for all of it, from the first function on */
    const atomic_bool *ends;      /* true: there is no more time, what was made is taken back */
    void (*done)(void *arg);
    void *arg;

    /* what came of it */
    UA_StatusCode status;
    const char *text;       /* what the status means here; NULL: what it always does */
    bool unreachable;       /* `status` is why there is no server */
    bool exists;            /* it was there: `id` is its own, and nothing was done to it */
    bool made;              /* by asset_create_ua(), and it is still there */
    struct buffer id;       /* of the asset, as text */
    struct expansion found; /* its variables, or those of all */
    struct arena arena;
    struct asset_listed *listed;
    size_t listed_count;

    /* asset.c's own */
    struct opcua_session *session;
    uint64_t ends_ms, find_ms; /* find_ms: when the wait is over */
};

/* Makes the asset `name`, then goes on as asset_describe_ua(). What fails takes it back. */
void asset_create_ua(struct asset_work *w);
/* Gives the asset `id` its description, waits, and finds its variables: BadNotFound when it has
 * none. */
void asset_describe_ua(struct asset_work *w);
/* Deletes the asset `id`. */
void asset_delete_ua(struct asset_work *w);
/* All of the server, with their variables; none of a server without Web of Things connectivity. */
void asset_list_ua(struct asset_work *w);

/* What is inside; the work itself is the caller's. Any thread, after done(). */
void asset_work_clear(struct asset_work *w);
