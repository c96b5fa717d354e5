#include "hub/device.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/routing_twins.h"
#include "hub/sources.h"

static struct hub_device *of(struct heads_place *p)
{
    return (struct hub_device *)p;
}

static void tell_registry(struct hub_device *d, bool connected)
{
    registry_connection(d->owner->hub->registry, d->id, connected, loop_wall_ms(d->owner->loop));
    hub_sources_connection(d, connected);
}

static void came(struct heads_place *p)
{
    tell_registry(of(p), true);
    __atomic_fetch_add(&of(p)->owner->count.connected, 1, __ATOMIC_RELAXED);
}

static void left(struct heads_place *p)
{
    tell_registry(of(p), false);
    __atomic_fetch_sub(&of(p)->owner->count.connected, 1, __ATOMIC_RELAXED);
}

static void hold(struct heads_place *p)
{
    hub_device_ref(of(p));
}

static void release(struct heads_place *p)
{
    struct hub_device *d = of(p);
    hub_device_unref(&d);
}

static const struct heads_place_ops place_ops = {came, left, hold, release};

static struct hub_device *make(struct hub_loop *owner, struct iot_id id)
{
    struct hub_device *d = MEMORY_NEW(struct hub_device);
    struct buffer key = {0};
    iot_id_print(id, &key);
    d->key = slice_dup(buffer_slice(&key));
    buffer_clear(&key);
    d->id.device = slice_from(d->key, id.device.len);
    d->id.module = id.module.len ? slice_from(d->key + id.device.len + 1, id.module.len) : (struct slice){0};
    d->owner = owner;
    d->place = (struct heads_place){.ops = &place_ops, .loop = owner->loop, .key = d->key};
    d->partition = owner->hub->partitions[hub_partition_of(owner->hub, id)];
    list_init(&d->calls);
    hub_deliveries_init(&d->deliveries);
    map_put(&owner->devices, slice_of(d->key), d);
    return d;
}

struct hub_device *hub_device_find(struct hub_loop *owner, struct iot_id id)
{
    struct buffer key = {0};
    iot_id_print(id, &key);
    struct hub_device *d = map_get(&owner->devices, buffer_slice(&key));
    buffer_clear(&key);
    return d;
}

struct hub_device *hub_device_get(struct hub_loop *owner, struct iot_id id)
{
    struct hub_device *d = hub_device_find(owner, id);
    return hub_device_ref(d ? d : make(owner, id));
}

void hub_device_came_through(struct hub_device *d, const struct heads_identity *actor)
{
    heads_identity_unref(&d->through);
    d->through = actor ? heads_identity_ref(actor) : NULL;
}

struct hub_device *hub_device_ref(struct hub_device *d)
{
    d->refs++;
    return d;
}

void hub_device_unref(struct hub_device **device)
{
    struct hub_device *d = *device;
    *device = NULL;
    if (d == NULL || --d->refs)
        return;
    assert(d->place.live == NULL && list_empty(&d->calls));
    map_remove(&d->owner->devices, slice_of(d->key));
    hub_deliveries_clear(&d->deliveries);
    heads_identity_unref(&d->through);
    hub_routing_twin_free(&d->twin);
    free(d->key);
    free(d);
}
