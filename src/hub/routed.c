#include "hub/routed.h"

#include "hub/routing_twins.h"

bool hub_routed_decide(struct hub_loop *owner, struct iot_id id, struct iot_event *e)
{
    struct routing_loop *r = owner->routing;
    const struct json *twin = NULL;
    if (r->config->wants_twins) {
        const struct hub_device *d = hub_device_find(owner, id);
        twin = d ? hub_routing_twin(d) : NULL;
    }
    return routing_decide(r->config, slice_of(owner->hub->name), twin, e, &r->scratch);
}

enum status hub_routed_send(struct heads_attendance *from, struct iot_event *e, uint64_t token)
{
    const struct hub_device *d = hub_device_of(from);
    if (!d->owner->routing->config->wants_twins)
        return hub_routed_send_now(from, e, token);
    enum status s = hub_routing_twin_ready(from, e, token);
    return s == OK ? hub_routed_send_now(from, e, token) : s == AGAIN ? OK : s;
}

enum status hub_routed_send_now(struct heads_attendance *from, struct iot_event *e, uint64_t token)
{
    struct hub_device *d = hub_device_of(from);
    struct routing_loop *r = d->owner->routing;
    if (routing_decide(r->config, slice_of(d->owner->hub->name), hub_routing_twin(d), e,
                       &r->scratch))
        return partition_send(d->partition, e, from, token);
    __atomic_fetch_add(&d->owner->count.nowhere, 1, __ATOMIC_RELAXED);
    partition_pass(d->partition, from, token);
    return OK;
}
