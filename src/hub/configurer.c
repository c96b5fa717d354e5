#include "hub/configurer.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/registry_configurations.h"

struct hub_configurer {
    struct hub_registry *registry;
    struct loop *loop;
    struct loop_timer timer;
    bool looking, woken;
    size_t under_way; /* twins */
};

static void look(struct hub_configurer *c);

static void on_timer(void *arg)
{
    look(arg);
}

/* ---- one twin ---- */

struct one {
    struct hub_configurer *of;
    struct loop *owner;
    struct arena arena;
    struct iot_id id;
    struct registry_configuring work;
};

static void one_done(void *arg)
{
    struct hub_configurer *c = arg;
    if (--c->under_way == 0)
        look(c);
}

static enum status run_one(struct store_table *t, void *arg)
{
    struct one *o = arg;
    return registry_configure(t, &o->work, o->id);
}

static void end_one(void *arg, enum status why)
{
    struct one *o = arg;
    struct hub_configurer *c = o->of;
    const struct hub_registry_events *events = &c->registry->events;
    if (why == OK)
        registry_announce(&o->work.announcements, o->work.registry);
    for (size_t n = 0; why == OK && events->on_desired && n < o->work.count; n++)
        events->on_desired(events->arg, o->work.news[n].id, o->work.news[n].patch,
                           o->work.news[n].version);
    if (why != OK)
        log_warn("not configured, it is tried again device=%.*s status=%s", SLICE_FMT(o->id.device),
                 status_name(why));
    arena_clear(&o->arena);
    free(o);
    loop_post(c->loop, one_done, c);
}

static void begin_one(struct hub_configurer *c, struct iot_id id)
{
    const struct hub_registry_events *events = &c->registry->events;
    struct one *o = MEMORY_NEW(struct one);
    o->of = c;
    o->id = iot_id_copy(&o->arena, id);
    o->owner = events->owner ? events->owner(events->arg, o->id) : c->loop;
    o->work = (struct registry_configuring){
        .registry = c->registry, .arena = &o->arena, .now_ms = loop_wall_ms(c->loop)};
    c->under_way++;
    registry_post(c->registry, o->owner, run_one, end_one, o);
}

/* ---- what is to be done ---- */

struct page {
    struct hub_configurer *of;
    struct arena arena;
    struct registry_configuring work;
    struct iot_id ids[HUB_CONFIGURER_PAGE];
    size_t count, configurations;
    bool more;
};

static enum status run_page(struct store_table *t, void *arg)
{
    struct page *p = arg;
    const struct hub_configuration *const *list;
    enum status s = registry_configurations(p->work.registry, t, &list, &p->configurations);
    if (s == OK)
        s = registry_configure_next(t, &p->work, HUB_CONFIGURER_PAGE, p->ids, &p->count, &p->more);
    return s;
}

static void end_page(void *arg, enum status why)
{
    struct page *p = arg;
    struct hub_configurer *c = p->of;
    c->looking = false;
    for (size_t n = 0; why == OK && n < p->count; n++)
        begin_one(c, p->ids[n]);
    bool again = c->woken || (why == OK && p->more);
    c->woken = false;
    if (c->under_way == 0 && (again || why != OK || p->configurations))
        loop_timer_start(c->loop, &c->timer, again && why == OK ? 0 : HUB_CONFIGURER_MS, on_timer,
                         c);
    arena_clear(&p->arena);
    free(p);
}

static void look(struct hub_configurer *c)
{
    if (c->looking || c->under_way) {
        c->woken = true;
        return;
    }
    loop_timer_stop(&c->timer);
    struct page *p = MEMORY_NEW(struct page);
    p->of = c;
    p->work = (struct registry_configuring){
        .registry = c->registry, .arena = &p->arena, .now_ms = loop_wall_ms(c->loop)};
    c->looking = true;
    registry_post(c->registry, c->loop, run_page, end_page, p);
}

/* ---- beginning and end ---- */

struct hub_configurer *hub_configurer_start(struct hub_registry *r, struct loop *loop)
{
    struct hub_configurer *c = MEMORY_NEW(struct hub_configurer);
    c->registry = r;
    c->loop = loop;
    r->configurer = c;
    look(c);
    return c;
}

void hub_configurer_stop(struct hub_configurer **configurer)
{
    struct hub_configurer *c = *configurer;
    if (c == NULL)
        return;
    loop_timer_stop(&c->timer);
    c->registry->configurer = NULL;
    free(c);
    *configurer = NULL;
}

void hub_configurer_wake(struct hub_configurer *c)
{
    if (c)
        loop_post(c->loop, on_timer, c);
}
