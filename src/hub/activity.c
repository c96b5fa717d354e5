#include "hub/activity.h"

#include <stdlib.h>

#include "base/memory.h"
#include "hub/device.h"

void hub_activity_init(struct hub_activity *a)
{
    list_init(&a->devices);
}

static void on_turn(void *arg)
{
    struct hub_loop *l = arg;
    struct hub_activity *a = &l->activity;
    struct registry_activity *all = memory_new(HUB_ACTIVITY_MAX * sizeof(*all));
    struct hub_device *told[HUB_ACTIVITY_MAX];
    size_t count = 0;
    for (struct link *link; count < HUB_ACTIVITY_MAX && (link = list_pop(&a->devices)); count++) {
        struct hub_device *d = told[count] = LIST_OF(link, struct hub_device, active.link);
        all[count] = (struct registry_activity){d->id, d->active.wall_ms};
    }
    registry_active(l->hub->registry, all, count);
    free(all);
    while (count)
        hub_device_unref(&told[--count]);
    if (!list_empty(&a->devices))
        loop_timer_start(l->loop, &a->timer, HUB_ACTIVITY_MS, on_turn, l);
}

void hub_activity_note(struct hub_device *d, uint64_t wall_ms)
{
    struct hub_activity *a = &d->owner->activity;
    d->active.wall_ms = wall_ms;
    if (list_linked(&d->active.link))
        return;
    if (list_empty(&a->devices))
        loop_timer_start(d->owner->loop, &a->timer, HUB_ACTIVITY_MS, on_turn, d->owner);
    list_push(&a->devices, &hub_device_ref(d)->active.link);
}
