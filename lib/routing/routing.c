#include "routing/routing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "routing/routing_priv.h"

/* ---- for people ---- */

const struct routing_config *routing_now(struct routing *r, const struct loop *loop)
{
    for (unsigned i = 0; i < r->setup.loop_count; i++)
        if (r->setup.loops[i] == loop)
            return r->loops[i].config;
    return r->loops[0].config;
}

void routing_etag(const struct routing_config *c, char out[ROUTING_ETAG_LEN + 1])
{
    snprintf(out, ROUTING_ETAG_LEN + 1, "%016llx", (unsigned long long)slice_hash(c->text));
}

bool routing_next_endpoint(struct routing *r, void **at, struct routing_endpoint_view *out)
{
    struct routing_known *e = *at ? ((struct routing_known *)*at)->next
                                  : __atomic_load_n(&r->endpoints, __ATOMIC_ACQUIRE);
    while (e && __atomic_load_n(&e->gone, __ATOMIC_RELAXED))
        e = e->next;
    if (e == NULL)
        return false;
    *at = e;
    *out = (struct routing_endpoint_view){e->name, e->kind, &e->state,
                                          e->kind == ROUTING_ENDPOINT_STREAM ? &e->stream : NULL};
    return true;
}

bool routing_is_idle(const struct routing *r)
{
    for (unsigned n = 0; n < r->setup.loop_count; n++)
        for (size_t i = 0; i < r->loops[n].outlet_count; i++)
            if (!outlet_is_idle(r->loops[n].outlets[i]))
                return false;
    for (const struct routing_known *e = r->endpoints; e; e = e->next)
        if (e->file && !sink_file_is_idle(e->file))
            return false;
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

enum status routing_open(const struct routing_setup *setup, struct routing **out)
{
    struct routing *r = MEMORY_NEW(struct routing);
    struct buffer text = {0};
    r->setup = *setup;
    r->path = memory_text(setup->path);
    r->folder = memory_text(setup->folder);
    r->state_path = path_in(setup->folder, "state.json");
    r->next_id = 1;
    r->webhooks = sink_webhooks_new(setup->loops[0], setup->hub_name, r->folder);
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
        routing_close(&r);
    return s;
}

static void close_loop(struct routing *r, unsigned loop)
{
    struct routing_loop *l = &r->loops[loop];
    for (size_t i = 0; i < l->outlet_count; i++)
        outlet_free(&l->outlets[i]);
    routing_config_unref(&l->config);
    routing_scratch_clear(&l->scratch);
    r->setup.on_taken_over(r->setup.arg, loop, NULL);
}

static void endpoint_free(struct routing_known *e)
{
    sink_file_free(&e->file);
    for (unsigned i = 0; i < EVENTS_PARTITIONS_MAX; i++)
        partition_close(&e->stream.partitions[i]);
    free(e->name);
    free(e);
}

void routing_close(struct routing **routing)
{
    struct routing *r = *routing;
    *routing = NULL;
    if (r == NULL)
        return;
    if (r->busy) { /* a helper thread may still write its files */
        log_warn("a change of the routes was under way at the end");
        return;
    }
    sink_webhooks_free(&r->webhooks);
    for (unsigned i = 0; i < r->setup.loop_count; i++)
        close_loop(r, i);
    for (struct routing_known *e = r->endpoints, *next; e; e = next) {
        next = e->next;
        endpoint_free(e);
    }
    free(r->path);
    free(r->folder);
    free(r->state_path);
    free(r);
}
