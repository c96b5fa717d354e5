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

/* One as it was at the last look; in the map by its kind's number and its id. */
struct seen {
    uint64_t hash;
    uint64_t look;
    char key[]; /* "1edge_module_opc" */
};

struct services_fleet_watch {
    struct services *app;
    struct map seen;
    uint64_t look; /* counts them */
    bool based;    /* a first look was had */
    bool looking, again;
    struct loop_timer timer;
};

static void on_timer(void *arg);

static bool anybody(const struct services_fleet_watch *w)
{
    for (size_t kind = 0; kind < sizeof(told) / sizeof(told[0]); kind++)
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

static void compare(struct services_fleet_watch *w, enum fleet_kind kind, struct slice id,
                    struct slice document)
{
    struct buffer key = {0};
    buffer_u8(&key, (uint8_t)('0' + kind));
    buffer_put(&key, id);
    uint64_t hash = slice_hash(document);
    struct seen *s = map_get(&w->seen, buffer_slice(&key));
    const char *type = s == NULL ? "New" : s->hash != hash ? "Updated" : NULL;
    if (s == NULL) {
        s = memory_new(sizeof(*s) + key.len + 1);
        memcpy(s->key, key.at, key.len);
        s->key[key.len] = 0;
        map_put(&w->seen, slice_of(s->key), s);
    }
    s->hash = hash;
    s->look = w->look;
    buffer_clear(&key);
    if (type && w->based)
        tell(w, kind, type, id, document);
}

/* A module may be several of them. */
static void look_at(struct services_fleet_watch *w, const struct services_fleet_member *m)
{
    struct json_doc *twin = NULL;
    struct buffer id = {0}, document = {0};
    if (json_parse(slice_of(m->twin), JSON_STRICT, &twin, NULL) != OK)
        return;
    services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
    for (enum fleet_kind kind = FLEET_GATEWAY; kind <= FLEET_PUBLISHER; kind++)
        if (services_fleet_is(w->app, kind, m)) {
            struct json_writer j = json_writer(&document);
            buffer_reset(&document);
            fleet_documents_put(kind, m, json_root(twin), &j);
            compare(w, kind, buffer_slice(&id), buffer_slice(&document));
        }
    json_free(&twin);
    buffer_clear(&id);
    buffer_clear(&document);
}

static void tell_gone(struct services_fleet_watch *w)
{
    struct buffer gone = {
        0}; /* keys, each with its zero: the map is not changed while it is walked */
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&w->seen, &at));) {
        struct seen *s = e->value;
        if (s->look != w->look)
            buffer_put(&gone, slice_from(s->key, strlen(s->key) + 1));
    }
    for (struct slice left = buffer_slice(&gone); left.len > 0;) {
        struct slice key = slice_first(left, slice_find(left, 0));
        left = slice_skip(left, key.len + 1);
        struct seen *s = map_remove(&w->seen, key);
        tell(w, (enum fleet_kind)(key.at[0] - '0'), "Deleted", slice_skip(key, 1),
             (struct slice){0});
        free(s);
    }
    buffer_clear(&gone);
}

/* ---- looking ---- */

static void on_look(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct services_fleet_watch *w = arg;
    w->looking = false;
    if (why == CANCELLED) /* the end */
        return;
    w->look++;
    for (size_t i = 0; list && i < list->count; i++)
        look_at(w, &list->members[i]);
    if (list)
        tell_gone(w);
    w->based |= list != NULL;
    bool again = w->again;
    w->again = false;
    loop_timer_start(w->app->loop, &w->timer, again ? 0 : FLEET_WATCH_MS, on_timer, w);
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
