#include "hub/routing_twins.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/routed.h"

#define AGAIN_MS 20 /* the partition had no room */

struct hub_routing_twin {
    struct hub_device *device; /* it belongs to it */
    struct json_doc *doc;
    bool asked, loaded;
    struct list waiting;
    size_t bytes;
    struct list full; /* attendances that were told FULL */
    struct loop_timer timer;
};

struct waiting {
    struct link node;
    struct heads_attendance *from;
    uint64_t token;
    struct buffer record;
};

const struct json *hub_routing_twin(const struct hub_device *d)
{
    return d->twin && d->twin->doc ? json_root(d->twin->doc) : NULL;
}

static struct hub_routing_twin *state(struct hub_device *d)
{
    if (d->twin == NULL) {
        d->twin = MEMORY_NEW(struct hub_routing_twin);
        d->twin->device = d;
        list_init(&d->twin->waiting);
        list_init(&d->twin->full);
    }
    return d->twin;
}

static void waiting_free(struct waiting *w)
{
    heads_attendance_unref(&w->from);
    buffer_clear(&w->record);
    free(w);
}

void hub_routing_twin_free(struct hub_routing_twin **twin)
{
    struct hub_routing_twin *t = *twin;
    *twin = NULL;
    if (t == NULL)
        return;
    loop_timer_stop(&t->timer);
    json_free(&t->doc);
    free(t);
}

/* ---- what has waited goes on ---- */

static enum status send(struct waiting *w)
{
    struct iot_event e;
    struct hub_loop *owner = hub_device_of(w->from)->owner;
    enum status s = iot_event_decode(buffer_slice(&w->record), &e);
    if (s != OK)
        return s;
    if (owner->routing) /* the routes may have gone meanwhile */
        return hub_routed_send_now(w->from, &e, w->token);
    return partition_send(hub_device_of(w->from)->partition, &e, w->from, w->token);
}

static void resume(struct hub_routing_twin *t)
{
    struct link *l;
    while ((l = list_pop(&t->full))) {
        struct waiting *w = LIST_OF(l, struct waiting, node);
        heads_attendance_resume(w->from);
        waiting_free(w);
    }
}

static void go_on(void *arg)
{
    struct hub_routing_twin *t = arg;
    struct hub_device *d = hub_device_ref(t->device); /* the last that waits may hold it */
    struct link *l;
    while ((l = list_first(&t->waiting))) {
        struct waiting *w = LIST_OF(l, struct waiting, node);
        enum status s = send(w);
        if (s == FULL) {
            loop_timer_start(d->owner->loop, &t->timer, AGAIN_MS, go_on, t);
            break;
        }
        if (s != OK)
            heads_attendance_accepted(w->from, w->token, s);
        list_remove(&w->node);
        t->bytes -= w->record.len;
        waiting_free(w);
    }
    if (list_empty(&t->waiting))
        resume(t);
    hub_device_unref(&d);
}

/* ---- loading ---- */

static void set(struct hub_routing_twin *t, struct slice json)
{
    json_free(&t->doc);
    if (json_parse(json, JSON_STRICT, &t->doc, NULL) != OK)
        t->doc = NULL;
}

static void on_twin(void *arg, const struct registry_answer *a)
{
    struct hub_device *d = arg;
    struct hub_routing_twin *t = d->twin;
    if (a->why == OK)
        set(t, a->json);
    else if (a->why != NOT_FOUND)
        log_error("a twin could not be read for the routes device=%s status=%s", d->key,
                  status_name(a->why));
    t->loaded = true;
    go_on(t);
    hub_device_unref(&d);
}

static void load(struct hub_routing_twin *t)
{
    struct hub_loop *owner = t->device->owner;
    t->asked = true;
    registry_ask(owner->hub->registry, owner->loop,
                 &(struct registry_ask){.what = &registry_twin_get, .id = t->device->id}, on_twin,
                 hub_device_ref(t->device));
}

static struct waiting *waiting_new(struct heads_attendance *from, uint64_t token)
{
    struct waiting *w = MEMORY_NEW(struct waiting);
    w->from = heads_attendance_ref(from);
    w->token = token;
    return w;
}

enum status hub_routing_twin_ready(struct heads_attendance *from, const struct iot_event *e,
                                   uint64_t token)
{
    struct hub_routing_twin *t = state(hub_device_of(from));
    if (t->loaded && list_empty(&t->waiting))
        return OK;
    if (!t->asked)
        load(t);
    struct waiting *w = waiting_new(from, token);
    if (t->bytes >= HUB_TWIN_WAITING_BYTES_MAX) {
        list_push(&t->full, &w->node);
        return FULL;
    }
    iot_event_encode(e, &w->record);
    t->bytes += w->record.len;
    list_push(&t->waiting, &w->node);
    return AGAIN;
}

/* What is not loaded yet is loaded with the change in it. */
void hub_routing_twin_changed(struct hub_loop *owner, struct iot_id id, struct slice json)
{
    struct hub_device *d = hub_device_find(owner, id);
    if (d && d->twin && d->twin->loaded)
        set(d->twin, json);
}
