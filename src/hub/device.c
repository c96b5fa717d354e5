#include "hub/device.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

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
    d->partition = owner->hub->partitions[hub_partition_of(owner->hub, id)];
    list_init(&d->calls);
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
    assert(d->session == NULL && list_empty(&d->calls));
    map_remove(&d->owner->devices, slice_of(d->key));
    loop_timer_stop(&d->expiry);
    heads_identity_unref(&d->identity);
    free(d->key);
    free(d);
}

static void on_expiry(void *arg)
{
    struct hub_device *d = arg;
    log_info("token expired device=%s", d->key);
    d->session->ops->close(d->session, UNAUTHORIZED);
}

/* Loop timers take milliseconds from now; a token may live longer than a timer should wait. */
static void watch_expiry(struct hub_device *d, uint64_t expires_ms)
{
    uint64_t now = loop_wall_ms(d->owner->loop);
    loop_timer_start(d->owner->loop, &d->expiry, expires_ms > now ? expires_ms - now : 0, on_expiry, d);
}

static void tell_registry(struct hub_device *d, bool connected)
{
    hub_registry_connection(d->owner->hub->registry, d->id, connected, loop_wall_ms(d->owner->loop));
}

void hub_device_connect(struct hub_device *d, struct heads_session *s,
                        const struct heads_identity *identity, uint64_t expires_ms)
{
    if (d->session) {
        log_info("replaced by a newer connection device=%s", d->key);
        struct heads_session *old = d->session;
        d->session = NULL;
        memset(d->subscribed, 0, sizeof(d->subscribed));
        old->ops->close(old, REPLACED);
    } else {
        hub_device_ref(d); /* one reference for whichever session is there */
        tell_registry(d, true);
        __atomic_fetch_add(&d->owner->count.connected, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&d->owner->count.connects, 1, __ATOMIC_RELAXED);
    const struct heads_identity *before = d->identity;
    d->identity = heads_identity_ref(identity);
    heads_identity_unref(&before);
    d->session = s;
    if (expires_ms)
        watch_expiry(d, expires_ms);
}

void hub_device_disconnect(struct hub_device *d, struct heads_session *s)
{
    if (d->session != s)
        return;
    d->session = NULL;
    tell_registry(d, false);
    memset(d->subscribed, 0, sizeof(d->subscribed));
    loop_timer_stop(&d->expiry);
    __atomic_fetch_sub(&d->owner->count.connected, 1, __ATOMIC_RELAXED);
    hub_device_unref(&d);
}

void hub_device_accepted(struct hub_device *d, uint64_t token, enum status why)
{
    if (d->session)
        d->session->ops->accepted(d->session, token, why);
}

void hub_device_resume(struct hub_device *d)
{
    if (d->session)
        d->session->ops->resume(d->session);
}
