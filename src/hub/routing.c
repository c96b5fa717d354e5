#include "hub/routing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "hub/routing_change.h"
#include "hub/routing_twins.h"

/* ---- where an event goes ---- */

bool hub_routing_decide_on(struct hub_loop *owner, struct iot_id id, struct iot_event *e)
{
    struct hub_routing_loop *r = owner->routing;
    const struct json *twin = NULL;
    if (r->config->wants_twins) {
        const struct hub_device *d = hub_device_find(owner, id);
        twin = d ? hub_routing_twin(d) : NULL;
    }
    return hub_routing_decide(r->config, slice_of(owner->hub->name), twin, e, &r->scratch);
}

enum status hub_routing_send(struct heads_attendance *from, struct iot_event *e, uint64_t token)
{
    const struct hub_device *d = hub_device_of(from);
    if (!d->owner->routing->config->wants_twins)
        return hub_routing_send_now(from, e, token);
    enum status s = hub_routing_twin_ready(from, e, token);
    return s == OK ? hub_routing_send_now(from, e, token) : s == AGAIN ? OK : s;
}

enum status hub_routing_send_now(struct heads_attendance *from, struct iot_event *e, uint64_t token)
{
    struct hub_device *d = hub_device_of(from);
    struct hub_routing_loop *r = d->owner->routing;
    if (hub_routing_decide(r->config, slice_of(d->owner->hub->name), hub_routing_twin(d), e,
                           &r->scratch))
        return partition_send(d->partition, e, from, token);
    __atomic_fetch_add(&d->owner->count.nowhere, 1, __ATOMIC_RELAXED);
    partition_pass(d->partition, from, token);
    return OK;
}

/* ---- for people ---- */

const struct hub_routing_config *hub_routing_now(struct hub_routing *r, const struct loop *loop)
{
    const struct hub *hub = r->setup.hub;
    for (unsigned i = 0; i < hub->loop_count; i++)
        if (hub->loops[i].loop == loop)
            return r->loops[i].config;
    return r->loops[0].config;
}

void hub_routing_etag(const struct hub_routing_config *c, char out[HUB_ROUTING_ETAG_LEN + 1])
{
    snprintf(out, HUB_ROUTING_ETAG_LEN + 1, "%016llx", (unsigned long long)slice_hash(c->text));
}

bool hub_routing_next_endpoint(struct hub_routing *r, void **at, struct hub_endpoint_view *out)
{
    struct routing_endpoint *e = *at ? ((struct routing_endpoint *)*at)->next
                                     : __atomic_load_n(&r->endpoints, __ATOMIC_ACQUIRE);
    while (e && __atomic_load_n(&e->gone, __ATOMIC_RELAXED))
        e = e->next;
    if (e == NULL)
        return false;
    *at = e;
    *out = (struct hub_endpoint_view){e->name, e->kind, &e->state};
    return true;
}

/* ---- beginning and end ---- */

static char *path_in(const char *folder, const char *name)
{
    struct buffer b = {0};
    buffer_printf(&b, "%s/%s", folder, name);
    char *path = slice_dup(buffer_slice(&b));
    buffer_clear(&b);
    return path;
}

static enum status read_text(const char *path, struct buffer *text)
{
    enum status s = file_read(path, text);
    return s == NOT_FOUND ? OK : s;
}

enum status hub_routing_open(const struct hub_routing_setup *setup, struct hub_routing **out)
{
    struct hub_routing *r = MEMORY_NEW(struct hub_routing);
    struct buffer text = {0};
    r->setup = *setup;
    r->path = memory_text(setup->path);
    r->folder = memory_text(setup->folder);
    r->state_path = path_in(setup->folder, "state.json");
    r->next_id = 1;
    for (unsigned i = 0; i < setup->hub->loop_count; i++)
        r->loops[i].owner = &setup->hub->loops[i];
    r->webhooks = hub_webhooks_new(setup->hub->loops[0].loop, setup->hub->name, r->folder);
    enum status s = file_make_directory(r->folder);
    if (s == OK)
        s = routing_state_load(r);
    if (s == OK)
        s = read_text(r->path, &text);
    if (s == OK)
        s = routing_change_at_start(r, buffer_slice(&text));
    buffer_clear(&text);
    if (s == OK)
        *out = r;
    else
        hub_routing_close(&r);
    return s;
}

static void close_loop(struct hub_routing_loop *l)
{
    for (size_t i = 0; i < l->outlet_count; i++)
        hub_outlet_free(&l->outlets[i]);
    hub_routing_config_unref(&l->config);
    hub_routing_scratch_clear(&l->scratch);
    if (l->owner)
        l->owner->routing = NULL;
}

static void endpoint_free(struct routing_endpoint *e)
{
    hub_file_sink_free(&e->file);
    for (unsigned i = 0; i < HUB_STREAM_PARTITIONS_MAX; i++)
        partition_close(&e->stream.partitions[i]);
    free(e->name);
    free(e);
}

void hub_routing_close(struct hub_routing **routing)
{
    struct hub_routing *r = *routing;
    *routing = NULL;
    if (r == NULL)
        return;
    if (r->busy) { /* a helper thread may still write its files */
        log_warn("a change of the routes was under way at the end");
        return;
    }
    hub_webhooks_free(&r->webhooks);
    for (unsigned i = 0; i < r->setup.hub->loop_count; i++)
        close_loop(&r->loops[i]);
    for (struct routing_endpoint *e = r->endpoints, *next; e; e = next) {
        next = e->next;
        endpoint_free(e);
    }
    free(r->path);
    free(r->folder);
    free(r->state_path);
    free(r);
}
