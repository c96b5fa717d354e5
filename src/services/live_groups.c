#include "services/live_groups.h"

#include <stdlib.h>

#include "base/memory.h"

struct live_group {
    struct list members;
    bool walked; /* and must not go meanwhile */
    size_t name_len;
    uint8_t name[];
};

static struct slice name_of(const struct live_group *g)
{
    return slice_from(g->name, g->name_len);
}

static struct live_group *get(struct live_groups *all, struct slice name)
{
    struct live_group *g = map_get(&all->by_name, name);
    if (g)
        return g;
    g = memory_new(sizeof *g + name.len);
    list_init(&g->members);
    g->walked = false;
    g->name_len = name.len;
    memcpy(g->name, name.at, name.len);
    map_put(&all->by_name, name_of(g), g);
    return g;
}

static void free_when_empty(struct live_groups *all, struct live_group *g)
{
    if (g->walked || !list_empty(&g->members))
        return;
    map_remove(&all->by_name, name_of(g));
    free(g);
}

static struct live_member *find(struct slice name, struct list *mine, size_t *count)
{
    *count = 0;
    LIST_EACH(l, mine)
    {
        struct live_member *m = LIST_OF(l, struct live_member, of_member);
        ++*count;
        if (slice_eq(name_of(m->group), name))
            return m;
    }
    return NULL;
}

enum status live_groups_join(struct live_groups *all, struct slice name, void *who,
                             struct list *mine, size_t most)
{
    size_t count;
    if (find(name, mine, &count))
        return OK;
    if (count >= most)
        return FULL;
    struct live_member *m = MEMORY_NEW(struct live_member);
    m->group = get(all, name);
    m->who = who;
    list_push(mine, &m->of_member);
    list_push(&m->group->members, &m->of_group);
    return OK;
}

static void leave(struct live_groups *all, struct live_member *m)
{
    list_remove(&m->of_member);
    list_remove(&m->of_group);
    free_when_empty(all, m->group);
    free(m);
}

void live_groups_leave(struct live_groups *all, struct slice name, struct list *mine)
{
    size_t count;
    struct live_member *m = find(name, mine, &count);
    if (m)
        leave(all, m);
}

void live_groups_leave_all(struct live_groups *all, struct list *mine)
{
    for (struct link *l; (l = list_first(mine));)
        leave(all, LIST_OF(l, struct live_member, of_member));
}

bool live_groups_has(const struct live_groups *all, struct slice name)
{
    return map_get(&all->by_name, name) != NULL;
}

void live_groups_each(struct live_groups *all, struct slice name, live_groups_fn *fn, void *arg)
{
    struct live_group *g = map_get(&all->by_name, name);
    if (!g)
        return;
    g->walked = true;
    LIST_EACH(l, &g->members)
    {
        fn(arg, LIST_OF(l, struct live_member, of_group)->who);
    }
    g->walked = false;
    free_when_empty(all, g);
}

void live_groups_names(const struct live_groups *all, live_groups_name_fn *fn, void *arg)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&all->by_name, &at));)
        fn(arg, e->key);
}

void live_groups_clear(struct live_groups *all)
{
    map_clear(&all->by_name);
}
