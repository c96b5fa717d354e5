#include "services/fleet_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "services/fleet_documents.h"
#include "services/ids.h"
#include "services/live.h"

#define IDLE_MS 250 /* whether somebody is there; asks nobody */

static const struct told {
    enum live_hub hub;
    const char *target, *entity;
} told[] = {
    [FLEET_GATEWAY] = {LIVE_GATEWAYS, "GatewayEvent", "gateway"},
    [FLEET_SUPERVISOR] = {LIVE_SUPERVISORS, "SupervisorEvent", "supervisor"},
    [FLEET_DISCOVERER] = {LIVE_DISCOVERY, "DiscovererEvent", "discoverer"},
    [FLEET_PUBLISHER] = {LIVE_PUBLISHERS, "PublisherEvent", "publisher"},
};

#define KINDS (sizeof(told) / sizeof(told[0]))

/* One as it was at the last look. */
struct seen {
    uint64_t twin;             /* its hash */
    bool is[KINDS];            /* a module may be several of them */
    uint64_t documents[KINDS]; /* their hashes, as they were told; 0: not yet */
    uint64_t look;
    char id[]; /* "edge_module_opc" */
};

struct services_fleet_watch {
    struct services *app;
    struct map seen;
    uint64_t look; /* counts them */
    bool based;    /* a first look was had */
    bool looking, again;
    uint64_t since_ms; /* it is looking */
    struct loop_timer timer;
};

static void on_timer(void *arg);

static bool anybody(const struct services_fleet_watch *w)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        if (live_listens(w->app->live, told[kind].hub))
            return true;
    return false;
}

static void forget_all(struct services_fleet_watch *w)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&w->seen, &at));)
        free(e->value);
    map_clear(&w->seen);
    w->based = false;
}

/* ---- telling ---- */

/* `document` is empty for one that has gone. */
static void tell(const struct services_fleet_watch *w, enum fleet_kind kind, const char *type,
                 struct slice id, struct slice document)
{
    struct buffer body = {0};
    struct json_writer j = json_writer(&body);
    json_object(&j);
    json_name(&j, "eventType"), json_put_text(&j, type);
    json_name(&j, "id"), json_put_string(&j, id);
    if (document.len > 0)
        json_name(&j, told[kind].entity), json_put_raw(&j, document);
    json_end_object(&j);
    live_tell(w->app->live, told[kind].hub, (struct slice){0}, told[kind].target,
              buffer_slice(&body));
    buffer_clear(&body);
}

static struct seen *seen_of(struct services_fleet_watch *w, struct slice id)
{
    struct seen *s = map_get(&w->seen, id);
    if (s)
        return s;
    s = memory_new(sizeof(*s) + id.len + 1);
    memcpy(s->id, id.at, id.len);
    s->id[id.len] = 0;
    map_put(&w->seen, slice_of(s->id), s);
    return s;
}

/* Of the first look there is nothing to tell. */
static void compare(const struct services_fleet_watch *w, struct seen *s, enum fleet_kind kind,
                    const struct services_fleet_member *m, const struct json *twin)
{
    struct buffer document = {0};
    struct json_writer j = json_writer(&document);
    fleet_documents_put(kind, m, twin, &j);
    uint64_t hash = slice_hash(buffer_slice(&document));
    if (!s->is[kind])
        tell(w, kind, "New", slice_of(s->id), buffer_slice(&document));
    else if (s->documents[kind] != hash)
        tell(w, kind, "Updated", slice_of(s->id), buffer_slice(&document));
    s->documents[kind] = hash;
    buffer_clear(&document);
}

static void look_into(const struct services_fleet_watch *w, struct seen *s, const struct services_fleet_member *m)
{
    struct json_doc *twin = NULL;
    if (w->based && json_parse(slice_of(m->twin), JSON_STRICT, &twin, NULL) != OK)
        return;
    for (enum fleet_kind kind = FLEET_GATEWAY; kind < KINDS; kind++) {
        bool is = services_fleet_is(w->app, kind, m);
        if (w->based && is)
            compare(w, s, kind, m, json_root(twin));
        else if (w->based && s->is[kind])
            tell(w, kind, "Deleted", slice_of(s->id), (struct slice){0});
        s->is[kind] = is;
    }
    json_free(&twin);
}

static void look_at(struct services_fleet_watch *w, const struct services_fleet_member *m, struct buffer *id)
{
    buffer_reset(id);
    services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, id);
    struct seen *s = seen_of(w, buffer_slice(id));
    if (s->look == 0 || s->twin != m->hash)
        look_into(w, s, m);
    s->twin = m->hash;
    s->look = w->look;
}

static void tell_gone(struct services_fleet_watch *w)
{
    struct buffer gone = {
        0}; /* ids, each with its zero: the map is not changed while it is walked */
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&w->seen, &at));) {
        struct seen *s = e->value;
        if (s->look != w->look)
            buffer_put(&gone, slice_from(s->id, strlen(s->id) + 1));
    }
    for (struct slice left = buffer_slice(&gone); left.len > 0;) {
        struct slice id = slice_first(left, slice_find(left, 0));
        left = slice_skip(left, id.len + 1);
        struct seen *s = map_remove(&w->seen, id);
        for (enum fleet_kind kind = FLEET_GATEWAY; kind < KINDS; kind++)
            if (s->is[kind])
                tell(w, kind, "Deleted", id, (struct slice){0});
        free(s);
    }
    buffer_clear(&gone);
}

/* ---- looking ---- */

/* A hub that takes its time is not kept busy. */
static uint64_t pause_ms(const struct services_fleet_watch *w)
{
    uint64_t took = loop_now_ms(w->app->loop) - w->since_ms;
    return took * FLEET_WATCH_PAUSE > FLEET_WATCH_MS ? took * FLEET_WATCH_PAUSE : FLEET_WATCH_MS;
}

static void on_look(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct services_fleet_watch *w = arg;
    struct buffer id = {0};
    w->looking = false;
    if (why == CANCELLED) /* the end */
        return;
    w->look++;
    for (size_t i = 0; list && i < list->count; i++)
        look_at(w, &list->members[i], &id);
    if (list)
        tell_gone(w);
    w->based |= list != NULL;
    bool again = w->again;
    w->again = false;
    loop_timer_start(w->app->loop, &w->timer, again ? 0 : pause_ms(w), on_timer, w);
    buffer_clear(&id);
}

static void on_timer(void *arg)
{
    struct services_fleet_watch *w = arg;
    if (!anybody(w)) {
        forget_all(w);
        loop_timer_start(w->app->loop, &w->timer, IDLE_MS, on_timer, w);
        return;
    }
    w->looking = true;
    w->since_ms = loop_now_ms(w->app->loop);
    services_fleet_look(w->app->fleet, w->based ? 0 : FLEET_WATCH_MS, on_look, w);
}

void services_fleet_watch_soon(struct services_fleet_watch *w)
{
    if (w == NULL)
        return;
    w->again = w->looking;
    if (!w->looking)
        loop_timer_start(w->app->loop, &w->timer, 0, on_timer, w);
}

/* ---- beginning and end ---- */

struct services_fleet_watch *services_fleet_watch_new(struct services *app)
{
    struct services_fleet_watch *w = MEMORY_NEW(struct services_fleet_watch);
    w->app = app;
    loop_timer_start(app->loop, &w->timer, IDLE_MS, on_timer, w);
    return w;
}

void services_fleet_watch_free(struct services_fleet_watch **watch)
{
    struct services_fleet_watch *w = *watch;
    if (w == NULL)
        return;
    loop_timer_stop(&w->timer);
    forget_all(w);
    free(w);
    *watch = NULL;
}
