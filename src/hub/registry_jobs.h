/*
 * Scheduled jobs: a direct method or a change of the twin for every device or module that a
 * condition is true for. A job's row and a row for each of its devices are in the registry's
 * tables, so that a job goes on after a restart with the devices that were not done. What jobs do
 * is in jobs.c; here are their rows, on the table's thread.
 *
 * A device that was under way when the hub died is done once more: its method may come twice.
 */
#pragma once

#include "hub/registry_query.h"
#include "hub/registry_tables.h"

#define REGISTRY_JOBS_WAITING_MAX 1000 /* queued and running; more are refused with FULL */
#define REGISTRY_JOB_SECONDS_DEFAULT 3600
#define REGISTRY_JOB_SECONDS_MAX (30u * 24 * 3600)

enum hub_job_type { HUB_JOB_METHOD, HUB_JOB_TWIN };

enum hub_job_status {
    HUB_JOB_QUEUED,  /* for its time, and for a place among those that run: RUNNING, CANCELLED */
    HUB_JOB_RUNNING, /* COMPLETED, FAILED, CANCELLED */
    HUB_JOB_COMPLETED,
    HUB_JOB_FAILED,
    HUB_JOB_CANCELLED,
};

/* What became of a job on one device. */
enum hub_job_device_status {
    HUB_JOB_DEVICE_PENDING, /* RUNNING; FAILED: it has gone; CANCELED: the job ended before */
    HUB_JOB_DEVICE_RUNNING, /* COMPLETED, FAILED */
    HUB_JOB_DEVICE_COMPLETED,
    HUB_JOB_DEVICE_FAILED,
    HUB_JOB_DEVICE_CANCELED,
};

struct hub_job {
    int64_t number;
    struct slice id, condition;
    enum hub_job_type type;
    struct slice what; /* JSON: cloudToDeviceMethod or updateTwin */
    uint64_t created_ms, start_ms, began_ms, end_ms, max_ms;
    enum hub_job_status status;
    struct slice failure, message;
    int64_t listed; /* documents up to this number have been asked whether the condition is true */
    bool all_listed;
    uint64_t devices, pending, running, succeeded, failed;
};

/* ---- for services: HUB_JOB_PUT, HUB_JOB_GET and HUB_JOB_CANCEL of hub_registry_ask() ---- */

enum status registry_job_put(struct store_table *t, struct registry_errand *j);
enum status registry_job_get(struct store_table *t, struct registry_errand *j);
enum status registry_job_cancel(struct store_table *t,
                                struct registry_errand *j); /* an end stays as it is */

/* Jobs, the oldest first, in pages as hub_registry_query() has them. `type` and `status` in IoT
 * Hub's words; empty: any. */
void hub_registry_jobs(struct hub_registry *r, struct loop *loop, struct slice type,
                       struct slice status, size_t page, struct slice continuation,
                       hub_query_fn *fn, void *arg);

/* As JobResponse. */
void registry_job_print(const struct hub_job *job, struct json_writer *w);

/* The statement gave a row of JOB_COLUMNS; the texts go into the arena. */
struct hub_job registry_job_read(struct store_table *t, size_t statement, struct arena *a);

/* A row of devices.jobs by its number, as JSON. */
CHECKED enum status registry_job_device_print(struct store_table *t, int64_t number,
                                              struct json_writer *w);
CHECKED enum status registry_job_device_check(const struct iot_query *q, struct arena *a,
                                              const char **why);

/* ---- steps of jobs.c ---- */

/* At start: what was under way is pending again. */
CHECKED enum status registry_jobs_again(struct store_table *t);

/* Those whose time has come are set running; with `open` those that ran before the restart, too. */
struct registry_jobs_due {
    uint64_t now_ms, history_ms; /* those that ended longer ago are forgotten */
    size_t limit;
    bool open;
    struct arena arena;
    struct hub_job *jobs;
    size_t count;
    uint64_t next_ms; /* when the next one's time comes; 0: there is none */
};
CHECKED enum status registry_jobs_due(struct store_table *t, struct registry_jobs_due *d);

enum hub_job_turn {
    HUB_JOB_TURN_AGAIN,   /* there is more to do: ask again */
    HUB_JOB_TURN_DEVICES, /* do these */
    HUB_JOB_TURN_WAIT,    /* for those under way */
    HUB_JOB_TURN_ENDED,
};

struct registry_job_device {
    int64_t number;
    struct iot_id id;
};

/* What is next in one job: finding its devices, giving some out, or ending. */
struct registry_job_turn {
    int64_t job;
    size_t want;   /* devices */
    int64_t after; /* the last one that was given out */
    uint64_t now_ms;
    struct arena arena;
    enum hub_job_turn turn;
    struct registry_job_device *devices; /* they are running now */
    size_t count;
};
CHECKED enum status registry_job_turn(struct store_table *t, struct registry_job_turn *turn);

/* A device is done. */
struct registry_job_result {
    int64_t job, number;
    bool done;            /* else it failed */
    struct slice outcome; /* JSON: the method's answer; empty: none */
    struct slice error;   /* JSON: code and description; empty: none */
    uint64_t now_ms;
};
CHECKED enum status registry_job_record(struct store_table *t, const struct registry_job_result *r);

/* The job's time has run out: it failed, and what is pending will be canceled. */
struct registry_job_expire {
    int64_t job;
    uint64_t now_ms;
};
CHECKED enum status registry_job_expire(struct store_table *t, const struct registry_job_expire *e);
