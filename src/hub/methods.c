#include "hub/methods.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/device.h"

/* One direct method on its way: asked on one loop, carried out on the device's. */
struct hub_call {
    struct link link; /* in the device's calls while it waits */
    struct hub *hub;
    struct hub_device *device;
    struct loop *asked_on;
    iot_method_fn *fn;
    void *arg;
    struct arena arena; /* what the slices point into */
    struct iot_method_call wanted;
    uint64_t rid; /* 0: not sent yet */
    struct loop_timer deadline;
    enum status why;
    int status;
    struct slice answer;
};

static void give_answer(void *arg)
{
    struct hub_call *c = arg;
    c->fn(c->arg, c->why, c->status, c->answer);
    arena_clear(&c->arena);
    free(c);
}

static void finish(struct hub_call *c, enum status why, int status, struct slice payload)
{
    log_debug("method ended device=%s method=%.*s call=%s status=%s", c->device->key,
              SLICE_FMT(c->wanted.name), c->wanted.call_id, status_name(why));
    loop_timer_stop(&c->deadline);
    if (list_linked(&c->link)) {
        list_remove(&c->link);
        c->device->call_count--;
    }
    hub_device_unref(&c->device);
    c->why = why;
    c->status = status;
    c->answer = arena_copy(&c->arena, payload);
    loop_post(c->asked_on, give_answer, c);
}

static void on_no_answer(void *arg)
{
    finish(arg, TIMED_OUT, 0, (struct slice){0});
}

static void on_not_connected(void *arg)
{
    finish(arg, OFFLINE, 0, (struct slice){0});
}

static void send(struct hub_call *c)
{
    struct hub_device *d = c->device;
    c->rid = ++d->owner->next_rid;
    loop_timer_start(d->owner->loop, &c->deadline, c->wanted.response_timeout_ms, on_no_answer, c);
    __atomic_fetch_add(&d->owner->count.methods, 1, __ATOMIC_RELAXED);
    struct heads_session *s = d->place.live->session;
    s->ops->method(s, c->rid, c->wanted.name, c->wanted.payload);
}

static void begin(void *arg)
{
    struct hub_call *c = arg;
    struct hub_device *d = c->device = hub_device_get(hub_owner(c->hub, c->wanted.id), c->wanted.id);
    bool listens = heads_place_listens(&d->place, HEADS_METHODS) != NULL;
    if (!listens && c->wanted.connect_timeout_ms == 0) {
        finish(c, OFFLINE, 0, (struct slice){0});
        return;
    }
    if (d->call_count == HUB_DEVICE_CALLS_MAX) {
        finish(c, BUSY, 0, (struct slice){0});
        return;
    }
    list_push(&d->calls, &c->link);
    d->call_count++;
    if (listens)
        send(c);
    else
        loop_timer_start(d->owner->loop, &c->deadline, c->wanted.connect_timeout_ms,
                         on_not_connected, c);
}

void hub_method_invoke(struct hub *hub, struct loop *loop, const struct iot_method_call *call,
                       iot_method_fn *fn, void *arg)
{
    struct hub_call *c = MEMORY_NEW(struct hub_call);
    c->hub = hub;
    c->asked_on = loop;
    c->fn = fn;
    c->arg = arg;
    c->wanted = *call;
    c->wanted.id = iot_id_copy(&c->arena, call->id);
    c->wanted.name = arena_copy(&c->arena, call->name);
    c->wanted.payload = arena_copy(&c->arena, call->payload);
    c->wanted.call_id = arena_text(&c->arena, slice_of(call->call_id ? call->call_id : "-"));
    loop_post(hub_owner(hub, c->wanted.id)->loop, begin, c);
}

void hub_device_methods_open(struct hub_device *d)
{
    LIST_EACH(l, &d->calls) {
        struct hub_call *c = LIST_OF(l, struct hub_call, link);
        if (c->rid == 0)
            send(c);
    }
}

void hub_device_method_reply(struct hub_device *d, uint64_t rid, int status, struct slice payload)
{
    LIST_EACH(l, &d->calls) {
        struct hub_call *c = LIST_OF(l, struct hub_call, link);
        if (c->rid != rid)
            continue;
        if (payload.len > d->owner->hub->limits.method_bytes)
            finish(c, TOO_LARGE, 0, (struct slice){0});
        else
            finish(c, OK, status, payload);
        return;
    }
    log_debug("late method answer device=%s rid=%llu", d->key, (unsigned long long)rid);
}
