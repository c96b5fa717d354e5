#include "published/plan.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "published/config_key.h"
#include "published/plan_values.h"

#define NODES_PER_WRITER 1000

/* While it is made, everything is in lists that grow. */

/* Those that were there before; 0 is none. Of the nodes of a large file, so no map. */
struct keys {
    uint64_t *at;
    size_t cap, count;
};

/* Becomes a writer: nodes of one kind and route. */
struct draft_part {
    struct plan_route route;
    bool events;
    uint64_t own; /* key of its only node, with routing by browse names; 0: it may have more */
    struct plan_item *items;
    size_t count, cap;
    struct draft_part *next;
};

/* As many nodes as a writer may have. */
struct draft_batch {
    size_t count;
    struct draft_part *first, *last;
    struct draft_batch *next;
};

struct draft_writer {
    struct plan_writer writer;
    struct keys items;
    struct draft_batch *first, *last;
    size_t part_count;
    struct draft_writer *next;
};

struct draft_group {
    struct plan_group group;
    struct map writers; /* by key */
    struct draft_writer *first, *last;
    struct draft_group *next;
};

struct draft {
    const struct plan_defaults *defaults;
    struct plan_values values;
    struct plan *plan;
    struct map groups; /* by key */
    struct draft_group *first, *last;
    struct buffer key;
};

static struct slice take_key(struct draft *d)
{
    return arena_copy(&d->plan->arena, buffer_slice(&d->key));
}

/* ---- keys of nodes ---- */

static uint64_t *find_key(const struct keys *k, uint64_t key)
{
    size_t i = key * 0x9e3779b97f4a7c15u >> 7 & (k->cap - 1);
    while (k->at[i] != 0 && k->at[i] != key)
        i = (i + 1) & (k->cap - 1);
    return &k->at[i];
}

static void grow_keys(struct keys *k)
{
    struct keys old = *k;
    k->cap = old.cap ? 2 * old.cap : 16;
    k->at = memory_new(k->cap * sizeof *k->at);
    for (size_t i = 0; i < old.cap; i++)
        if (old.at[i] != 0)
            *find_key(k, old.at[i]) = old.at[i];
    free(old.at);
}

/* False: it is there. */
static bool add_key(struct keys *k, uint64_t key)
{
    if (k->count * 4 >= k->cap * 3)
        grow_keys(k);
    uint64_t *at = find_key(k, key);
    if (*at != 0)
        return false;
    *at = key;
    k->count++;
    return true;
}

static uint64_t key_of(struct draft *d, const struct config_node *n)
{
    buffer_reset(&d->key);
    config_node_key(n, false, &d->key);
    uint64_t hash = slice_hash(buffer_slice(&d->key));
    return hash ? hash : 1;
}

/* ---- groups ---- */

static struct draft_group *find_group(struct draft *d, const struct config_entry *e)
{
    buffer_reset(&d->key);
    config_entry_key(e, OF_GROUP, false, &d->key);
    struct draft_group *found = map_get(&d->groups, buffer_slice(&d->key));
    if (found)
        return found;
    found = ARENA_TAKE(&d->plan->arena, struct draft_group);
    found->group = plan_group_of(&d->values, e);
    map_put(&d->groups, take_key(d), found);
    config_entry_key(e, OF_GROUP_TOLD, false, &d->key);
    found->group.key = take_key(d);
    *(d->last ? &d->last->next : &d->first) = found;
    d->last = found;
    d->plan->group_count++;
    return found;
}

/* ---- writers ---- */

/* `given_ms` may be CONFIG_UNSET: one that is given is another, even when it is the default. */
static struct draft_writer *find_writer(struct draft *d, struct draft_group *g,
                                        const struct config_entry *e, int64_t given_ms)
{
    buffer_reset(&d->key);
    config_entry_key(e, OF_WRITER, false, &d->key);
    buffer_u64(&d->key, (uint64_t)given_ms);
    struct draft_writer *found = map_get(&g->writers, buffer_slice(&d->key));
    if (found)
        return found;
    int64_t publishing_ms = given_ms == CONFIG_UNSET ? d->defaults->publishing_ms : given_ms;
    found = ARENA_TAKE(&d->plan->arena, struct draft_writer);
    found->writer = plan_writer_of(&d->values, e, publishing_ms < 1 ? 1 : publishing_ms);
    map_put(&g->writers, take_key(d), found);
    config_entry_key(e, OF_WRITER_TOLD, false, &d->key);
    found->writer.key = take_key(d);
    buffer_reset(&d->key);
    config_entry_key(e, OF_WRITER, false, &d->key);
    config_entry_key(e, OF_WRITER_TOLD, false, &d->key);
    found->writer.same_key = take_key(d);
    *(g->last ? &g->last->next : &g->first) = found;
    g->last = found;
    return found;
}

/* ---- items ---- */

static void add_triggered(struct draft *d, const struct config_entry *e,
                          const struct config_node *n, int64_t publishing_ms, struct plan_item *i)
{
    size_t count = n->rare->triggered_count;
    if (!count)
        return;
    i->triggered = ARENA_TAKE_N(&d->plan->arena, struct plan_item, count);
    for (; i->triggered_count < count; i->triggered_count++) {
        const struct config_node *t = &n->rare->triggered[i->triggered_count];
        struct plan_item *out = &i->triggered[i->triggered_count];
        *out = plan_item_of(&d->values, e, t, publishing_ms);
        out->key = key_of(d, t);
    }
    d->plan->item_count += count;
}

/* ---- parts ---- */

static size_t per_writer(const struct draft *d)
{
    return d->defaults->nodes_per_writer ? d->defaults->nodes_per_writer : NODES_PER_WRITER;
}

static struct draft_batch *batch_with_room(struct draft *d, struct draft_writer *w)
{
    if (w->last && w->last->count < per_writer(d))
        return w->last;
    struct draft_batch *b = ARENA_TAKE(&d->plan->arena, struct draft_batch);
    *(w->last ? &w->last->next : &w->first) = b;
    w->last = b;
    return b;
}

static bool is_part(const struct draft_part *p, const struct plan_route *route, bool events)
{
    return p->events == events && p->route.qos == route->qos &&
           slice_eq(p->route.topic, route->topic);
}

/* Most nodes go where the one before went. */
static struct draft_part *find_part(struct draft *d, struct draft_writer *w, struct draft_batch *b,
                                    const struct config_node *n, uint64_t key)
{
    struct plan_route route = w->writer.route;
    if (n->rare->topic.len)
        route.topic = n->rare->topic;
    if (n->rare->qos)
        route.qos = (uint8_t)n->rare->qos;
    bool alone = w->writer.routing != ROUTING_NONE;
    if (!alone && b->last && is_part(b->last, &route, plan_is_event(n)))
        return b->last;
    struct draft_part *p = alone ? NULL : b->first;
    while (p && !is_part(p, &route, plan_is_event(n)))
        p = p->next;
    if (p)
        return p;
    p = ARENA_TAKE(&d->plan->arena, struct draft_part);
    p->route = route;
    p->events = plan_is_event(n);
    p->own = alone ? key : 0;
    p->cap = alone ? 1 : b != w->first && b->first == NULL ? per_writer(d) : 4;
    p->items = ARENA_TAKE_N(&d->plan->arena, struct plan_item, p->cap);
    *(b->last ? &b->last->next : &b->first) = p;
    b->last = p;
    w->part_count++;
    return p;
}

static void put_item(struct draft *d, struct draft_part *p, struct plan_item i)
{
    if (p->count == p->cap) {
        p->cap = 2 * p->cap < per_writer(d) ? 2 * p->cap : per_writer(d);
        struct plan_item *grown = ARENA_TAKE_N(&d->plan->arena, struct plan_item, p->cap);
        memcpy(grown, p->items, p->count * sizeof *grown);
        p->items = grown;
    }
    p->items[p->count++] = i;
}

static void add_node(struct draft *d, struct draft_writer *w, const struct config_entry *e,
                     const struct config_node *n)
{
    uint64_t key = key_of(d, n);
    if (!add_key(&w->items, key)) {
        d->plan->duplicates++;
        return;
    }
    struct plan_item i = plan_item_of(&d->values, e, n, w->writer.publishing_ms);
    i.key = key;
    add_triggered(d, e, n, w->writer.publishing_ms, &i);
    struct draft_batch *b = batch_with_room(d, w);
    put_item(d, find_part(d, w, b, n, key), i);
    b->count++;
    d->plan->item_count++;
}

/* Most nodes of an entry have the same interval: the writer of the one before is tried first. */
static void add_entry(struct draft *d, const struct config_entry *e)
{
    struct draft_group *g = find_group(d, e);
    struct draft_writer *w = NULL;
    int64_t before_ms = 0;
    for (size_t i = 0; i < e->node_count; i++) {
        const struct config_node *n = &e->nodes[i];
        int64_t given_ms = d->defaults->one_publishing_interval ? CONFIG_UNSET
                           : n->publishing_ms != CONFIG_UNSET   ? n->publishing_ms
                                                                : e->publishing_ms;
        if (!w || given_ms != before_ms)
            w = find_writer(d, g, e, given_ms);
        before_ms = given_ms;
        add_node(d, w, e, n);
    }
}

/* ---- from draft to plan ---- */

static size_t count_writers(const struct draft_group *g)
{
    size_t n = 0;
    for (const struct draft_writer *w = g->first; w; w = w->next)
        n += w->part_count;
    return n;
}

/* Appends 1, 2, … to a name that another writer of the group has. `tried`: how far it went before,
 * by name. */
static struct slice unique_name(struct draft *d, struct map *names, struct slice name)
{
    struct slice unique = name;
    size_t *tried = map_get(names, name);
    if (!tried)
        tried = ARENA_TAKE(&d->plan->arena, size_t);
    else
        do
            unique = slice_of(arena_printf(&d->plan->arena, "%.*s%zu", SLICE_FMT(name), ++*tried));
        while (map_get(names, unique));
    map_put(names, unique, unique.at == name.at ? tried : ARENA_TAKE(&d->plan->arena, size_t));
    return unique;
}

/* Of the batch's part, from the key of the whole writer. */
static struct slice part_key(struct draft *d, const struct draft_writer *w, struct slice key,
                             size_t batch, const struct draft_part *p)
{
    const struct plan_route *common = &w->writer.route;
    if (batch == 0 && !p->own && is_part(p, common, false))
        return key;
    buffer_reset(&d->key);
    buffer_put(&d->key, key);
    buffer_u32(&d->key, (uint32_t)batch);
    buffer_u8(&d->key, p->events);
    buffer_u8(&d->key, p->route.qos);
    buffer_u32(&d->key, (uint32_t)p->route.topic.len);
    buffer_put(&d->key, p->route.topic);
    if (p->own)
        buffer_u64(&d->key, p->own);
    return take_key(d);
}

static void finish_writer(struct draft *d, struct draft_writer *w, struct map *names,
                          struct plan_group *out)
{
    size_t batch = 0;
    for (const struct draft_batch *b = w->first; b; b = b->next, batch++) {
        for (const struct draft_part *p = b->first; p; p = p->next) {
            struct plan_writer *made = &out->writers[out->writer_count++];
            *made = w->writer;
            made->key = part_key(d, w, w->writer.key, batch, p);
            made->same_key = part_key(d, w, w->writer.same_key, batch, p);
            made->name = unique_name(d, names, made->name);
            made->route = p->route;
            made->items = p->items;
            made->item_count = p->count;
        }
    }
    free(w->items.at);
}

static void finish_group(struct draft *d, struct draft_group *g, struct plan_group *out)
{
    struct map names = {0};
    *out = g->group;
    out->writers = ARENA_TAKE_N(&d->plan->arena, struct plan_writer, count_writers(g) + 1);
    for (struct draft_writer *w = g->first; w; w = w->next)
        finish_writer(d, w, &names, out);
    d->plan->writer_count += out->writer_count;
    map_clear(&g->writers);
    map_clear(&names);
}

void plan_make(const struct config *c, const struct plan_defaults *defaults, struct plan *out)
{
    *out = (struct plan){0};
    struct draft d = {.defaults = defaults, .values = {defaults, &out->arena}, .plan = out};
    for (size_t i = 0; i < c->entry_count; i++)
        if (c->entries[i].node_count)
            add_entry(&d, &c->entries[i]);
    out->groups = ARENA_TAKE_N(&out->arena, struct plan_group, out->group_count + 1);
    size_t at = 0;
    for (struct draft_group *g = d.first; g; g = g->next)
        finish_group(&d, g, &out->groups[at++]);
    map_clear(&d.groups);
    buffer_clear(&d.key);
}

void plan_clear(struct plan *p)
{
    arena_clear(&p->arena);
    *p = (struct plan){0};
}
