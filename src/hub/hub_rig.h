/* For tests: a hub of one loop and one partition, with IoT Hub's limits. What it is to have besides is the test's. */
#pragma once

#include "hub/device.h"
#include "hub/hub.h"

/* `names`, ending with NULL, outlive it: the first is the hub's, all are its aliases. */
static inline void hub_rig_begin(struct hub *hub, struct loop *loop, const char *const *names)
{
    hub->name = names[0];
    hub->aliases = names;
    hub->loop_count = hub->partition_count = 1;
    hub->loops[0].loop = loop;
    hub->limits = iot_limits_azure();
    hub_init(hub);
}

/* Who was heard of lately is remembered, to be written later: not in a test. Before the registry is closed. */
static inline void hub_rig_forget_the_active(struct hub *hub)
{
    struct link *l;
    while ((l = list_pop(&hub->loops[0].activity.devices))) {
        struct hub_device *d = LIST_OF(l, struct hub_device, active.link);
        hub_device_unref(&d);
    }
}
