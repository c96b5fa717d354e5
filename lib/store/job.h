/*
 * Work on a helper thread that its owner may have to finish before he goes: whoever comes first,
 * the thread or store_job_finish(), runs it, once. The job is the first member of what it works on;
 * that is freed by `done`, or by `drop` when the owner has let it go or the loop is freed first.
 */
#pragma once

#include <pthread.h>

#include "io/loop.h"

struct store_job {
    void (*run)(struct store_job *j);  /* on a helper thread */
    void (*done)(struct store_job *j); /* on the loop */
    void (*drop)(struct store_job *j); /* frees it */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    enum { STORE_JOB_WAITS, STORE_JOB_RUNS, STORE_JOB_RAN } phase;
    bool let_go;
};

/* run, done and drop are set. */
void store_job_start(struct store_job *j, struct loop *loop);

/* Without a loop: in the caller's thread, and `done` is not called. */
void store_job_run(struct store_job *j);

/* Blocks until it ran; `done` will not be called. The job stays readable until store_job_let_go().
 */
void store_job_finish(struct store_job *j);
void store_job_let_go(struct store_job *j);

void store_job_init(struct store_job *j);
void store_job_clear(struct store_job *j);
