/*
 * A row of devices.jobs as queries and routes see it: what became of a scheduled job on one device, as JSON. On the table's
 * thread; the rows are lib/jobs'.
 */
#pragma once

#include "iot/query.h"
#include "json/write.h"
#include "store/table.h"

enum query_job_type { QUERY_JOB_METHOD, QUERY_JOB_TWIN };

/* In IoT Hub's words. */
extern const char *const query_job_types[];

enum query_job_status {
    QUERY_JOB_PENDING, /* RUNNING; FAILED: it has gone; CANCELED: the job ended before */
    QUERY_JOB_RUNNING, /* COMPLETED, FAILED */
    QUERY_JOB_COMPLETED,
    QUERY_JOB_FAILED,
    QUERY_JOB_CANCELED,
};

/* By its number. NOT_FOUND. */
CHECKED enum status query_job_print(struct store_table *t, int64_t number, struct json_writer *w);

/* A path that no such row has: *why says so. */
CHECKED enum status query_job_check(const struct iot_query *q, struct arena *a, const char **why);
