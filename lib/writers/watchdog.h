/*
 * A writer's watchdog: nodes that say nothing for a while are late. When any or all of them are,
 * that is logged, and the subscription made anew, or the program ended, as the configuration says
 * (OpcNodeWatchdogTimespan). Looks once in that span. On the OPC UA thread.
 */
#pragma once

#include "writers/item.h"

struct watchdog;

/* For the two behaviors that end the program; in the place of what really does it, for tests. */
typedef void watchdog_end_fn(enum watchdog_behavior behavior);

struct watchdog_home {
    struct loop *loop;
    struct item *const *const *items; /* the writer's, which may move */
    const size_t *count;
    uint64_t *late;       /* of all writers together: moved by what changes here */
    watchdog_end_fn *end; /* NULL: abort(), or exit */
};

/* NULL: the plan has none. */
struct watchdog *watchdog_new(const struct watchdog_home *home, const struct plan_writer *plan);
void watchdog_free(struct watchdog **w);

/* The time for item.heard_ms. */
static inline uint32_t watchdog_now(const struct loop *l)
{
    return (uint32_t)loop_now_ms(l);
}
