#include "writers/writer_priv.h"

#include "base/map.h"
#include "base/memory.h"

static struct slice key_of(const uint64_t *key)
{
    return slice_from(key, sizeof *key);
}

static void make_room(struct writer *w, size_t more)
{
    if (w->item_count + more <= w->item_cap)
        return;
    w->item_cap = w->item_count + more;
    w->items = memory_resize(w->items, w->item_cap * sizeof(struct item *));
}

static void add_item(struct writer *w, struct item *i)
{
    i->wanted = true;
    w->items[w->item_count++] = i;
}

static void drop_unwanted(struct writer *w)
{
    size_t kept = 0;
    for (size_t n = 0; n < w->item_count; n++)
        if (w->items[n]->wanted)
            w->items[kept++] = w->items[n];
        else
            item_free(w->items[n]);
    w->item_count = kept;
}

/* Its messages are others, with the numbers of the writer's. */
static void set_late(struct writer *w, const struct plan_writer *plan)
{
    bool wanted = false;
    for (size_t n = 0; n < plan->item_count && !wanted; n++)
        wanted = plan->items[n].backfill;
    if (!wanted || w->late)
        return;
    w->late = MEMORY_NEW(struct data_set);
    w->late->id = w->data_set.id;
    group_join_late(w->config.group, w->late, plan);
}

struct data_set *writer_begin_late(struct writer *w)
{
    struct batch *batch = w->late->batch;
    *w->late = w->data_set; /* borrowed */
    w->late->batch = batch;
    return w->late;
}

void writer_end_late(struct writer *w)
{
    w->data_set.sequence = w->late->sequence;
}

/* A plan's items and those that they trigger, one after the other. */
struct plan_walk {
    const struct plan_writer *plan;
    size_t at, inner; /* inner: 0 is the item itself, then its triggered ones */
    struct item *trigger;
    const struct plan_item *item;
};

static bool next_item(struct plan_walk *p)
{
    if (p->item && p->inner < p->plan->items[p->at].triggered_count) {
        p->item = &p->plan->items[p->at].triggered[p->inner++];
        return true;
    }
    p->at += p->item != NULL;
    p->inner = 0;
    p->trigger = NULL;
    p->item = p->at < p->plan->item_count ? &p->plan->items[p->at] : NULL;
    return p->item != NULL;
}

/* An item that stays is the trigger of those that follow it. */
static void note_trigger(struct plan_walk *p, struct item *i)
{
    if (p->inner == 0 && p->plan->items[p->at].triggered_count)
        p->trigger = i;
}

static void know(struct map *known, struct item *i, const uint64_t *key)
{
    if (!map_get(known, key_of(key)))
        map_put(known, key_of(key), i);
}

/* Those of which nothing changed. Returns how many the plan has that are not there. */
static size_t keep_same(struct writer *w, const struct plan_writer *plan)
{
    struct map known = {0};
    size_t others = 0;
    for (size_t n = 0; n < w->item_count; n++) {
        w->items[n]->wanted = false;
        know(&known, w->items[n], &w->items[n]->key);
    }
    for (struct plan_walk p = {.plan = plan}; next_item(&p);) {
        uint64_t key = item_key(p.item, p.trigger);
        struct item *i = w->item_count ? map_get(&known, key_of(&key)) : NULL;
        if (i)
            i->wanted = true;
        others += !i;
        note_trigger(&p, i);
    }
    map_clear(&known);
    return others;
}

/* The same node under other conditions goes on; what is left is new. */
static void take_others(struct writer *w, const struct plan_writer *plan)
{
    struct map same = {0}, nodes = {0};
    size_t before = w->item_count;
    for (size_t n = 0; n < before; n++) {
        struct item *i = w->items[n];
        know(i->wanted ? &same : &nodes, i, i->wanted ? &i->key : &i->node_key);
    }
    for (struct plan_walk p = {.plan = plan}; next_item(&p);) {
        uint64_t key = item_key(p.item, p.trigger), node = item_node_key(p.item, p.trigger);
        struct item *i = before ? map_get(&same, key_of(&key)) : NULL;
        if (!i && before && (i = map_remove(&nodes, key_of(&node)))) {
            i->wanted = true;
            item_modify(i, &w->home, p.item, p.trigger);
        } else if (!i) {
            i = item_new(&w->home, p.item, p.trigger);
            add_item(w, i);
        }
        note_trigger(&p, i);
    }
    map_clear(&same);
    map_clear(&nodes);
}

/* Of what its fields are, in their order. */
static uint64_t hash_of_fields(const struct writer *w)
{
    uint64_t hash = w->item_count;
    for (size_t n = 0; w->metadata && n < w->item_count; n++)
        hash = (hash ^ item_field_key(w->items[n])) * 0x100000001b3u;
    return hash;
}

/* At another pace, or with another queue, fields are what they were: so is their version. */
static void tell_metadata(struct writer *w, uint64_t fields_before, struct opcua_session *before)
{
    bool same = hash_of_fields(w) == fields_before;
    if (!same)
        writer_metadata_changed(w->metadata);
    if (!same || writer_session(w) != before)
        writer_ask_again(w);
}

void writer_update(struct writer *w, const struct plan_writer *plan)
{
    set_late(w, plan);
    uint64_t fields_before = hash_of_fields(w);
    struct opcua_session *session_before = writer_session(w);
    size_t before = w->item_count, others = keep_same(w, plan);
    make_room(w, others);
    if (others > 0)
        take_others(w, plan);
    drop_unwanted(w);
    for (size_t n = 0; n < w->item_count; n++)
        w->items[n]->number = (uint16_t)n;
    w->data_set.field_count = (uint32_t)w->item_count;
    if (w->metadata && before && (others > 0 || before != w->item_count))
        tell_metadata(w, fields_before, session_before);
}
