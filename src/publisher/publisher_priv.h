/* The publisher's inside, for the files that make it up: publisher.c (the role, its life),
 * publisher_load.c (file to plan), publisher_counts.c, and methods.c. */
#pragma once

#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/backoff.h"
#include "json/write.h"
#include "opcua/connections.h"
#include "outbox/told_file.h"
#include "published/config_store.h"
#include "published/credentials.h"
#include "publisher/init_run.h"
#include "publisher/publisher.h"
#include "publisher/reports.h"
#include "writers/engine.h"

/* Of a method that goes to the OPC UA thread and comes back: what has not come back when all of it ends
 * is dropped. */
struct server_call {
    struct link link;
    void (*drop)(struct server_call *c);
};

struct publisher {
    struct publisher_config config;
    char *path, *publisher_id;
    struct buffer methods_topic; /* at a broker */
    struct module *module;
    struct module_role_ops ops;
    struct module_role *role;
    struct loop *loop;
    struct opcua_thread *thread;
    struct outbox *outbox;
    struct told told, told_last; /* by an earlier start, until it is taken; at the end */
    struct told_file *told_file; /* NULL: nothing is kept */
    struct engine *engine; /* on the OPC UA thread, from the first plan on */
    uint64_t epoch;

    struct credentials *credentials; /* NULL: there is no workload API */
    struct reports *reports;
    struct connections *connections;
    struct init_run *init;      /* NULL: no such file */
    struct config_store *store; /* NULL once it stops */
    struct load *load;          /* a file that is being read, or its plan on its way */
    struct load *reading;       /* the same, while a helper thread has it */
    bool load_again;
    struct buffer waiting; /* the file's content meanwhile */
    struct loop_timer ask_timer; /* for credentials that are missing; while there is no `load` */
    struct backoff asks;
    uint64_t config_loads, config_refused;
    bool announced; /* "Running" */
    struct list server_calls;
    size_t asset_calls;
    atomic_bool ends; /* for those that are with the OPC UA thread */

    struct loop_timer count_timer, stop_timer;
    struct engine_counts counts;
    bool counting, stopped, stopping;
    uint64_t stop_at_ms;
    loop_fn *on_stopped;
    void *on_stopped_arg;
};

/* ---- publisher.c ---- */

/* What it is at, as an event, where the settings want such: "Running". */
void publisher_announce(struct publisher *p, const char *state);

/* ---- publisher_load.c ---- */

/* The file has this content now; config_store.h calls it. */
void publisher_on_file(void *publisher, enum status s, struct slice content);
/* A helper thread may be reading a file still: it goes on alone, with the credentials. */
void publisher_leave_load(struct publisher *p);

/* ---- publisher_counts.c ---- */


/* Once a second from now on, until `count_timer` is stopped. */
void publisher_count(struct publisher *p);
