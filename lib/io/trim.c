#include "io/trim.h"

#include <malloc.h>

static void on_timer(void *arg);

/* What is free between what is used counts as free, also when the system has its pages back. So only what became free
 * since is worth another look, of which each takes longer the more there is. */
bool trim_is_due(struct trim *t, size_t free_bytes)
{
    if (free_bytes < t->kept)
        t->kept = free_bytes;
    size_t grown = free_bytes - t->kept;
    return grown >= TRIM_FREE_MIN && grown >= t->kept / 8;
}

/* On a helper thread; whoever wants memory of the same arena waits: half a millisecond for each megabyte that is free. */
static void give_back(void *arg)
{
    struct trim *t = arg;
    if (!trim_is_due(t, mallinfo2().fordblks))
        return;
    malloc_trim(0);
    t->kept = mallinfo2().fordblks;
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
