/*
 * Scheduled jobs: a direct method or a change of the twin for every device or module that a
 * condition is true for. A job's row and a row for each of its devices are in the registry's
 * tables, so that a job goes on after a restart with the devices that were not done. What jobs do
 * is in jobs.c; here are their rows, on the table's thread.
 *
 * A device that was under way when the hub died is done once more: its method may come twice.
 */
#pragma once

#include "query/job.h"
#include "query/query.h"
#include "registry/tables.h"

#define JOBS_WAITING_MAX 1000 /* queued and running; more are refused with FULL */
#define JOB_SECONDS_DEFAULT 3600
#define JOB_SECONDS_MAX (30u * 24 * 3600)

enum job_status {
    JOB_QUEUED,  /* for its time, and for a place among those that run: RUNNING, CANCELLED */
    JOB_RUNNING, /* COMPLETED, FAILED, CANCELLED */
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
};

struct job {
    int64_t number;
    struct slice id, condition;
    enum query_job_type type;
    struct slice what; /* JSON: cloudToDeviceMethod or updateTwin */
    uint64_t created_ms, start_ms, began_ms, end_ms, max_ms;
    enum job_status status;
    struct slice failure, message;
    int64_t listed; /* documents up to this number have been asked whether the condition is true */
    bool all_listed;
    uint64_t devices, pending, running, succeeded, failed;
};

/* ---- for services: asked for with registry_ask(), by name; the answer is a JobResponse ---- */

extern const struct registry_work job_put;
extern const struct registry_work job_get;
extern const struct registry_work job_cancel; /* an end stays as it is */

/* Jobs, the oldest first, in pages as query_run() has them. `type` and `status` in IoT
 * Hub's words; empty: any. */
void jobs_list(struct registry *r, struct loop *loop, struct slice type, struct slice status,
               size_t page, struct slice continuation, query_fn *fn, void *arg);

/* As JobResponse. */
void job_print(const struct job *job, struct json_writer *w);

/* The statement gave a row of JOB_COLUMNS; the texts go into the arena. */
struct job job_read(struct store_table *t, size_t statement, struct arena *a);

/* ---- steps of jobs.c ---- */

/* Those whose time has come are set running; with `open` those that ran before the restart, too. */
struct jobs_due {
    uint64_t now_ms, history_ms; /* those that ended longer ago are forgotten */
    size_t limit;
    bool open;
    struct arena arena;
    struct job *jobs;
    size_t count;
    uint64_t next_ms; /* when the next one's time comes; 0: there is none */
};
CHECKED enum status jobs_due(struct store_table *t, struct jobs_due *d);

enum job_next {
    JOB_TURN_AGAIN,   /* there is more to do: ask again */
    JOB_TURN_DEVICES, /* do these */
    JOB_TURN_WAIT,    /* for those under way */
    JOB_TURN_ENDED,
};

struct job_device {
    int64_t number;
    struct iot_id id;
};

/* What is next in one job: finding its devices, giving some out, or ending. */
struct job_turn {
    int64_t job;
    size_t want;   /* devices */
    int64_t after; /* the last one that was given out */
    uint64_t now_ms;
    struct arena arena;
    enum job_next turn;
    struct job_device *devices; /* they are running now */
    size_t count;
};
CHECKED enum status job_turn(struct store_table *t, struct job_turn *turn);

/* A device is done. */
struct job_result {
    int64_t job, number;
    bool done;            /* else it failed */
    struct slice outcome; /* JSON: the method's answer; empty: none */
    struct slice error;   /* JSON: code and description; empty: none */
    uint64_t now_ms;
};
CHECKED enum status job_record(struct store_table *t, const struct job_result *r);

/* The job's time has run out: it failed, and what is pending will be canceled. */
struct job_expire {
    int64_t job;
    uint64_t now_ms;
};
CHECKED enum status job_expire(struct store_table *t, const struct job_expire *e);
