#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "issuer/issuer.h"

#define EVERY_MS (60u * 60 * 1000)

struct look {
    struct issuer *issuer;
    uint64_t now_ms;
    struct issuer_keys *found;
    enum status why;
};

static void look(void *arg)
{
    struct look *l = arg;
    l->why = issuer_keys_load(&l->issuer->keys_config, l->now_ms, &l->found);
}

static void looked(void *arg)
{
    struct look *l = arg;
    struct issuer *i = l->issuer;
    if (l->why == OK) {
        issuer_keys_unref(&i->keys);
        i->keys = l->found;
    } else {
        log_error("keys could not be looked after status=%s",
                  status_name(l->why)); /* the old ones go on */
    }
    free(l);
    issuer_upkeep_start(i);
}

static void on_time(void *arg)
{
    struct issuer *i = arg;
    struct look *l = MEMORY_NEW(struct look);
    l->issuer = i;
    l->now_ms = loop_wall_ms(i->loop);
    loop_work(i->loop, look, looked, l);
}

void issuer_upkeep_start(struct issuer *i)
{
    loop_timer_start(i->loop, &i->upkeep, EVERY_MS, on_time, i);
}
