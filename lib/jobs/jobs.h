/*
 * Scheduled jobs at work: begins those whose time has come, does their devices, several at once,
 * and writes down what became of each. On one loop; the rows are those of rows.h. How a device is reached is the
 * hub's.
 *
 * So many run at once as limits.jobs.running says; others wait queued. When the registry cannot
 * take a result (its queue is full, the disk), it is offered again each second, and the job goes on
 * then.
 */
#pragma once

#include "iot/method.h"
#include "registry/registry.h"

#define JOB_DEVICES_MAX 64 /* of one job at once */

struct jobs;

struct jobs_config {
    struct registry *registry;
    struct loop *loop;
    const struct iot_limits *limits;
    /* Calls a direct method; fn(fn_arg) comes exactly once, on the loop. */
    void (*invoke)(void *arg, struct loop *loop, const struct iot_method_call *call, iot_method_fn *fn, void *fn_arg);
    /* A row of devices.jobs has changed: `body` is the row as JSON. Made when somebody wants it, which is asked on the
     * table's thread. */
    bool (*wants_rows)(void *arg);
    void (*on_row)(void *arg, struct iot_id id, struct slice job_id, struct slice body, uint64_t wall_ms);
    void *arg; /* of all three */
};

/* Goes on with what ran when the hub ended. What `config` points to outlives it. */
struct jobs *jobs_new(const struct jobs_config *config);
void jobs_free(struct jobs **jobs); /* when no loop runs any more */

/* From any loop: a job was made or cancelled. */
void jobs_changed(struct jobs *jobs);
