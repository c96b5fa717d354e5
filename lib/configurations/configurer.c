#include "configurations/configurer.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "configurations/rows.h"

struct configurer {
    struct registry *registry;
    struct loop *loop;
    struct loop_timer timer;
    bool looking, woken;
    size_t under_way; /* twins */
};

static void look(struct configurer *c);

static void on_timer(void *arg)
{
    look(arg);
}

/* ---- one twin ---- */

struct one {
    struct configurer *of;
    struct loop *owner;
    struct arena arena;
    struct iot_id id;
    struct configuring work;
};

static void one_done(void *arg)
{
    struct configurer *c = arg;
    if (--c->under_way == 0)
        look(c);
}

static enum status run_one(struct store_table *t, void *arg)
{
    struct one *o = arg;
    return configure_identity(t, &o->work, o->id);
}

static void end_one(void *arg, enum status why)
{
    struct one *o = arg;
    struct configurer *c = o->of;
    const struct registry_events *events = &c->registry->events;
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

static void begin_one(struct configurer *c, struct iot_id id)
{
    const struct registry_events *events = &c->registry->events;
    struct one *o = MEMORY_NEW(struct one);
    o->of = c;
    o->id = iot_id_copy(&o->arena, id);
    o->owner = events->owner ? events->owner(events->arg, o->id) : c->loop;
    o->work = (struct configuring){
        .registry = c->registry, .arena = &o->arena, .now_ms = loop_wall_ms(c->loop)};
    c->under_way++;
    registry_post(c->registry, o->owner, run_one, end_one, o);
}

/* ---- what is to be done ---- */

struct page {
    struct configurer *of;
    struct arena arena;
    struct configuring work;
    struct iot_id ids[CONFIGURER_PAGE];
    size_t count, configurations;
    bool more;
};

static enum status run_page(struct store_table *t, void *arg)
{
    struct page *p = arg;
    const struct configuration *const *list;
    enum status s = configurations_ranked(p->work.registry, t, &list, &p->configurations);
    if (s == OK)
        s = configure_next(t, &p->work, CONFIGURER_PAGE, p->ids, &p->count, &p->more);
    return s;
}

static void end_page(void *arg, enum status why)
{
    struct page *p = arg;
    struct configurer *c = p->of;
    c->looking = false;
    for (size_t n = 0; why == OK && n < p->count; n++)
        begin_one(c, p->ids[n]);
    bool again = c->woken || (why == OK && p->more);
    c->woken = false;
    if (c->under_way == 0 && (again || why != OK || p->configurations))
        loop_timer_start(c->loop, &c->timer, again && why == OK ? 0 : CONFIGURER_MS, on_timer, c);
    arena_clear(&p->arena);
    free(p);
}

static void look(struct configurer *c)
{
    if (c->looking || c->under_way) {
        c->woken = true;
        return;
    }
    loop_timer_stop(&c->timer);
    struct page *p = MEMORY_NEW(struct page);
    p->of = c;
    p->work = (struct configuring){
        .registry = c->registry, .arena = &p->arena, .now_ms = loop_wall_ms(c->loop)};
    c->looking = true;
    registry_post(c->registry, c->loop, run_page, end_page, p);
}

/* ---- beginning and end ---- */

/* From any thread. */
static void on_changed(void *arg)
{
    struct configurer *c = arg;
    loop_post(c->loop, on_timer, c);
}

struct configurer *configurer_start(struct registry *r, struct loop *loop)
{
    struct configurer *c = MEMORY_NEW(struct configurer);
    c->registry = r;
    c->loop = loop;
    r->configurations.changed = on_changed;
    r->configurations.arg = c;
    look(c);
    return c;
}

void configurer_stop(struct configurer **configurer)
{
    struct configurer *c = *configurer;
    if (c == NULL)
        return;
    loop_timer_stop(&c->timer);
    c->registry->configurations.changed = NULL;
    free(c);
    *configurer = NULL;
}
