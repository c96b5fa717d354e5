#include "writers/watchdog.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define EXIT_CODE 246 /* OPC Publisher's -10 */

struct watchdog {
    struct watchdog_home home;
    struct loop_timer timer;
    uint64_t span_ms;
    enum watchdog_condition condition;
    enum watchdog_behavior behavior;
    size_t late;
    char *name;
};

static void end(enum watchdog_behavior behavior)
{
    if (behavior == WATCHDOG_FAIL_FAST)
        abort();
    _exit(EXIT_CODE);
}

/* Nodes that the server does not have are not late: their reason is told. */
static bool is_watched(const struct item *i)
{
    return i->place.source && !item_event(i) && i->place.status == UA_STATUSCODE_GOOD;
}

static bool is_late(const struct watchdog *w, const struct item *i)
{
    return watchdog_now(w->home.loop) - i->heard_ms >= w->span_ms;
}

static void set_late(struct watchdog *w, size_t late)
{
    *w->home.late += late - w->late;
    w->late = late;
}

static size_t count(struct watchdog *w)
{
    size_t watched = 0, late = 0;
    for (size_t n = 0; n < *w->home.count; n++) {
        const struct item *i = (*w->home.items)[n];
        watched += is_watched(i);
        late += is_watched(i) && is_late(w, i);
    }
    set_late(w, late);
    return watched;
}

/* Each source once: most writers have one. */
static void reset_sources(const struct watchdog *w)
{
    const struct source *last = NULL;
    for (size_t n = 0; n < *w->home.count; n++) {
        struct item *i = (*w->home.items)[n];
        i->heard_ms = watchdog_now(w->home.loop); /* a new span begins */
        if (i->place.source && i->place.source != last)
            source_reset(i->place.source);
        last = i->place.source;
    }
}

static void bark(struct watchdog *w, size_t watched)
{
    log_warn("publisher nodes are late writer=\"%s\" late=%zu of=%zu", w->name, w->late, watched);
    if (w->behavior == WATCHDOG_RESET)
        reset_sources(w);
    else if (w->behavior == WATCHDOG_FAIL_FAST || w->behavior == WATCHDOG_EXIT) {
        log_error("publisher ends because nodes are late writer=\"%s\" behavior=%s", w->name,
                  w->behavior == WATCHDOG_EXIT ? "ExitProcess" : "FailFast");
        (w->home.end ? w->home.end : end)(w->behavior);
    }
}

static void on_timer(void *arg)
{
    struct watchdog *w = arg;
    loop_timer_start(w->home.loop, &w->timer, w->span_ms, on_timer, w);
    size_t watched = count(w);
    if (w->late > 0 && (w->condition == WATCHDOG_ANY_LATE || w->late == watched))
        bark(w, watched);
}

struct watchdog *watchdog_new(const struct watchdog_home *home, const struct plan_writer *plan)
{
    if (plan->watchdog_ms <= 0)
        return NULL;
    struct watchdog *w = MEMORY_NEW(struct watchdog);
    w->home = *home;
    w->span_ms = (uint64_t)plan->watchdog_ms;
    w->condition = plan->watchdog_condition;
    w->behavior = plan->watchdog_behavior;
    w->name = slice_dup(plan->name);
    loop_timer_start(home->loop, &w->timer, w->span_ms, on_timer, w);
    return w;
}

void watchdog_free(struct watchdog **watchdog)
{
    struct watchdog *w = *watchdog;
    if (!w)
        return;
    set_late(w, 0);
    loop_timer_stop(&w->timer);
    free(w->name);
    free(w);
    *watchdog = NULL;
}
