#include "store/job.h"

#include "io/loop.h"

void store_job_init(struct store_job *j)
{
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->ended, NULL);
    j->phase = STORE_JOB_WAITS;
}

void store_job_clear(struct store_job *j)
{
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->ended);
}

void store_job_run(struct store_job *j)
{
    pthread_mutex_lock(&j->lock);
    bool mine = j->phase == STORE_JOB_WAITS;
    if (mine)
        j->phase = STORE_JOB_RUNS;
    pthread_mutex_unlock(&j->lock);
    if (!mine)
        return;
    j->run(j);
    pthread_mutex_lock(&j->lock);
    j->phase = STORE_JOB_RAN;
    pthread_cond_signal(&j->ended);
    pthread_mutex_unlock(&j->lock);
}

static void run(void *arg)
{
    store_job_run(arg);
}

static void done(void *arg)
{
    struct store_job *j = arg;
    if (j->let_go)
        j->drop(j);
    else
        j->done(j);
}

/* The owner outlives the loop: he still lets it go. */
static void drop(void *arg)
{
    struct store_job *j = arg;
    if (j->let_go)
        j->drop(j);
    else
        j->let_go = true;
}

void store_job_start(struct store_job *j, struct loop *loop)
{
    loop_work_or_drop(loop, run, done, drop, j);
}

void store_job_finish(struct store_job *j)
{
    store_job_run(j);
    pthread_mutex_lock(&j->lock);
    while (j->phase != STORE_JOB_RAN)
        pthread_cond_wait(&j->ended, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

/* The loop, or what is left of it, frees it; unless the loop has gone already. */
void store_job_let_go(struct store_job *j)
{
    if (j->let_go)
        j->drop(j);
    else
        j->let_go = true;
}
