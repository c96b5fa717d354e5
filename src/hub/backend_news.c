/*
 * The registry's news, brought to the loops that own the devices. Who is connected and may not be any
 * more is disconnected: because of its own identity, or because of the edge that it came through.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/backend.h"
#include "hub/device.h"
#include "hub/service_links.h"

struct loop *hub_backend_owner(void *hub, struct iot_id id)
{
    return hub_owner(hub, id)->loop;
}

struct news {
    struct hub *hub;
    struct iot_id id;
    struct slice patch;
    uint64_t version;
    struct arena arena;
};

static struct news *news_new(void *hub, struct iot_id id)
{
    struct news *n = MEMORY_NEW(struct news);
    n->hub = hub;
    n->id = iot_id_copy(&n->arena, id);
    return n;
}

static void news_free(struct news *n)
{
    arena_clear(&n->arena);
    free(n);
}

static void tell_desired(void *arg)
{
    struct news *n = arg;
    struct hub_device *d = hub_device_find(hub_owner(n->hub, n->id), n->id);
    struct heads_session *s = d ? heads_place_listens(&d->place, HEADS_DESIRED) : NULL;
    if (s)
        s->ops->desired(s, n->patch, n->version);
    news_free(n);
}

void hub_backend_desired_changed(void *hub, struct iot_id id, struct slice patch, uint64_t version)
{
    struct news *n = news_new(hub, id);
    n->patch = arena_copy(&n->arena, patch);
    n->version = version;
    loop_post(hub_owner(n->hub, n->id)->loop, tell_desired, n);
}

static void tell_message(void *arg)
{
    struct news *n = arg;
    struct hub_device *d = hub_device_find(hub_owner(n->hub, n->id), n->id);
    if (d)
        hub_deliveries_wake(d);
    news_free(n);
}

void hub_backend_message_waits(void *hub, struct iot_id id)
{
    struct news *n = news_new(hub, id);
    loop_post(hub_owner(n->hub, n->id)->loop, tell_message, n);
}

void hub_backend_feedback_waits(void *hub)
{
    struct hub *h = hub;
    if (h->service)
        hub_service_feedback_waits(h->service);
}

/* ---- who may not be here any more ---- */

/* A leaf that came through an edge has to be in its scope still. */
static bool moved(const struct hub_device *d, const struct heads_identity *now)
{
    const struct heads_identity *was = d->place.live->identity;
    return d->through && !(slice_eq(was->device_scope, now->device_scope) &&
                           slice_eq(was->parent_scope, now->parent_scope));
}

static void on_identity_again(void *arg, enum status why, const struct heads_identity *identity)
{
    struct news *n = arg;
    struct hub_device *d = hub_device_find(hub_owner(n->hub, n->id), n->id);
    if (d && d->place.live &&
        (why != OK || !heads_identity_same_rights(d->place.live->identity, identity) || moved(d, identity))) {
        log_info("disconnected: its identity has changed device=%s", d->key);
        heads_place_close(&d->place, UNAUTHORIZED);
    }
    news_free(n);
}

static void look_again(void *arg)
{
    struct news *n = arg;
    struct hub_loop *l = hub_owner(n->hub, n->id);
    struct hub_device *d = hub_device_find(l, n->id);
    hub_sign_ins_again(l, n->id);
    if (d && d->place.live)
        registry_identity(n->hub->registry, l->loop, n->id, on_identity_again, n);
    else
        news_free(n);
}

/* An edge's $edgeHub has changed, and others came through it, on any loop. */
struct edge_news {
    struct news *news;
    struct hub_loop *on;
};

static bool came_through(const struct hub_device *d, struct iot_id edge_hub)
{
    return d->through && d->place.live && iot_id_eq(d->through->id, edge_hub);
}

/* Those that are to go, held: closing one may take it out of the map. */
static struct hub_device **collect(struct edge_news *e, const struct heads_identity *now, size_t *count)
{
    size_t at = 0;
    struct hub_device **all = arena_take(&e->news->arena, e->on->devices.count * sizeof(*all) + 1);
    *count = 0;
    for (struct map_entry *m; (m = map_next(&e->on->devices, &at));) {
        struct hub_device *d = m->value;
        if (came_through(d, e->news->id) && !(now && heads_identity_same_rights(d->through, now)))
            all[(*count)++] = hub_device_ref(d);
    }
    return all;
}

static void on_edge_again(void *arg, enum status why, const struct heads_identity *identity)
{
    struct edge_news *e = arg;
    size_t count;
    struct hub_device **all = collect(e, why == OK ? identity : NULL, &count);
    for (size_t i = 0; i < count; i++) {
        log_info("disconnected: the edge that it came through has changed device=%s", all[i]->key);
        heads_place_close(&all[i]->place, UNAUTHORIZED);
        hub_device_unref(&all[i]);
    }
    news_free(e->news);
    free(e);
}

static void look_at_edge(void *arg)
{
    struct edge_news *e = arg;
    hub_sign_ins_again(e->on, e->news->id);
    registry_identity(e->news->hub->registry, e->on->loop, e->news->id, on_edge_again, e);
}

static void tell_loops(struct hub *hub, struct iot_id edge_hub)
{
    for (unsigned i = 0; i < hub->loop_count; i++) {
        struct edge_news *e = MEMORY_NEW(struct edge_news);
        e->news = news_new(hub, edge_hub);
        e->on = &hub->loops[i];
        loop_post(e->on->loop, look_at_edge, e);
    }
}

void hub_backend_identity_changed(void *hub, struct iot_id id)
{
    struct news *n = news_new(hub, id);
    loop_post(hub_owner(n->hub, n->id)->loop, look_again, n);
    if (slice_eq(id.module, SLICE("$edgeHub")))
        tell_loops(hub, id);
}
