#include "io/trim.h"

#include <malloc.h>

static void on_timer(void *arg);

/* On a helper thread: it takes some milliseconds. */
static void give_back(void *arg)
{
    (void)arg;
    if (mallinfo2().fordblks >= TRIM_FREE_MIN)
        malloc_trim(0);
}

static void given_back(void *arg)
{
    struct trim *t = arg;
    if (t->loop)
        loop_timer_start(t->loop, &t->timer, TRIM_EVERY_MS, on_timer, t);
}

static void on_timer(void *arg)
{
    struct trim *t = arg;
    loop_work(t->loop, give_back, given_back, t);
}

void trim_start(struct trim *t, struct loop *l)
{
    t->loop = l;
    loop_timer_start(l, &t->timer, TRIM_EVERY_MS, on_timer, t);
}

void trim_stop(struct trim *t)
{
    t->loop = NULL;
    loop_timer_stop(&t->timer);
}
