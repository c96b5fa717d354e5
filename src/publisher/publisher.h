/*
 * OPC Publisher: what publishednodes.json names is subscribed at OPC UA servers and sent as
 * messages of OPC UA PubSub. A role of a module (client/module.h); it works on sessions that it
 * shares with the other roles of the process.
 *
 * The file is watched. A change is applied as a difference; a file that cannot be read leaves what
 * runs as it is.
 */
#pragma once

#include "base/buffer.h"
#include "client/module.h"
#include "opcua/thread.h"
#include "outbox/outbox.h"
#include "published/config_edit.h"
#include "published/plan.h"
#include "published/topic.h"

struct publisher;

struct publisher_config {
    const char *path; /* of publishednodes.json */
    bool create;      /* it is made, empty, when it is not there */
    struct plan_defaults defaults;
    struct outbox_options outbox; /* transports and queues; texts outlive the publisher */
    bool without_hub;             /* the module never connects: there are other transports */
    size_t body_max;      /* of a message; 0: what IoT Hub takes */
    struct topic_templates topics; /* texts outlive the publisher */
    const char *site;              /* NULL: none; outlives the publisher */
    uint32_t backfill_rate;        /* values a second from a server's history; 0: as fast as it goes */
    uint64_t backfill_every_ms;    /* how often it is kept, beside the queues, until when values were told; 0: never */
    /* Of the API that opens encrypted credentials; NULL: there is none. Outlive the publisher. */
    const char *workload_uri, *workload_module, *workload_generation;
    bool credentials_forced; /* entries whose secrets cannot be opened are left out, not asked as Anonymous; methods write them encrypted */
    uint64_t diagnostics_ms;       /* how often what was counted is told; 0: never */
    bool diagnostics_as_events;    /* as messages; else in the log */
    bool runtime_state;            /* messages say that it starts, runs and ends */
    struct audit *audit; /* NULL: none; outlives the publisher */
    const char *init_file, *init_log; /* calls to make at the start; NULL: none, and beside it */

    /* What the process does for the publisher's methods, on the module's loop; NULL: it does not. */
    void *host;
    const char *(*api_key)(void *host);         /* of the HTTP API */
    const char *(*api_certificate)(void *host); /* PEM */
    void (*shut_down)(void *host, bool fail_fast);
    void (*on_reported)(void *host, const struct json *reported); /* of the twin, after connecting */
};

/* Adds the role; before module_start(). Both outlive it. NULL: no transport can be used, or no queue;
 * the log line says why. */
struct audit;
struct publisher *publisher_start(struct module *m, struct opcua_thread *t,
                                  const struct publisher_config *config);

/* On the module's loop: stops the subscriptions, waits until the hub has what was made (5 s at
 * most), then calls fn(arg). Then stop the loops, module_free(), opcua_thread_free(), and last
 * publisher_free(). */
void publisher_stop(struct publisher *p, loop_fn *fn, void *arg);
void publisher_free(struct publisher **p);

/* Asks or changes the configuration by a method of config_edit.h, on the module's loop; fn is told
 * there, later, with an answer that lives until it returns. A change is on the disk before, and
 * made on what the file holds at that time, whoever wrote it. BUSY: too many wait. */
typedef void publisher_edit_fn(void *arg, const struct config_answer *answer);
void publisher_edit(struct publisher *p, struct slice method, struct slice payload,
                    publisher_edit_fn *fn, void *arg);

/* On the module's loop. A second old at most. */
struct publisher_counts {
    uint64_t config_loads,
        config_refused; /* files taken; entries and nodes left out of the last one */
    uint64_t groups, writers, items, live, failed, subscriptions;
    uint64_t values, data_changes, events, heartbeats, messages, too_large, undescribed, metadata;
    uint64_t notifications, republished, transferred, gaps, unknown_gaps;
    uint64_t overflows, late, cyclic_reads, missed_cycles, modified;
    uint64_t backfill_gaps, backfill_values, backfill_lost, backfill_waiting;
    uint64_t sent, sent_bytes, sent_values, waiting, waiting_bytes, held, lost;
    uint64_t stored, unstored, disk_bytes, disk_failures;
    uint64_t dropped_bytes, dropped_age, dropped_ttl, dropped_refused, dropped_large, damaged;
    uint64_t gaps_told, dropped_values;
};
void publisher_counts(const struct publisher *p, struct publisher_counts *out);

/* As Prometheus text. */
void publisher_metrics(struct publisher *p, struct buffer *out);

/* Reads the file and says what is wrong with it, on stderr. 0: nothing is; 2: something was left
 * out, or it cannot be read. */
int publisher_check(const struct publisher_config *config);

/* Prints the JSON schema of the file on stdout. 0. */
int publisher_schema(void);
