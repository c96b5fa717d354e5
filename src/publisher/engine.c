#include "publisher/engine.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

struct running_group {
    struct link link;
    struct buffer key;
    struct group *group;
    struct map writers; /* by key */
    uint32_t next_id;
    bool wanted;
};

struct engine {
    struct engine_config config;
    struct sources *sources;
    struct list groups;
    struct group_counts group_counts;
    struct writer_counts writer_counts;
    uint64_t group_count, writer_count;
    uint32_t groups_made;
    bool ending; /* of the program, not of what it publishes */
};

struct engine *engine_new(const struct engine_config *config)
{
    struct engine *e = MEMORY_NEW(struct engine);
    e->config = *config;
    e->sources = sources_new(config->thread, config->outbox, &writer_source_events);
    list_init(&e->groups);
    return e;
}

/* ---- applying ---- */

static struct running_group *find(struct engine *e, struct slice key)
{
    LIST_EACH(l, &e->groups)
    {
        struct running_group *g = LIST_OF(l, struct running_group, link);
        if (slice_eq(buffer_slice(&g->key), key))
            return g;
    }
    return NULL;
}

static struct running_group *start_group(struct engine *e, const struct plan_group *plan)
{
    struct running_group *g = MEMORY_NEW(struct running_group);
    struct group_sink sink = {.loop = opcua_thread_loop(e->config.thread),
                              .outbox = e->config.outbox,
                              .epoch = e->config.epoch,
                              .body_max = e->config.body_max,
                              .topics = e->config.topics,
                              .site = e->config.site,
                              .counts = &e->group_counts,
                              .id = (uint16_t)++e->groups_made};
    buffer_put(&g->key, plan->key);
    g->group = group_new(&sink, plan);
    list_push(&e->groups, &g->link);
    e->group_count++;
    log_info("publisher group started name=\"%.*s\" writers=%zu", SLICE_FMT(plan->name),
             plan->writer_count);
    return g;
}

static void mark_all(struct running_group *g, bool wanted)
{
    size_t at = 0;
    struct map_entry *entry;
    while ((entry = map_next(&g->writers, &at)))
        writer_mark(entry->value, wanted);
}

static void stop_writer(struct engine *e, struct running_group *g, struct writer *w)
{
    map_remove(&g->writers, writer_key(w));
    writer_free(&w, !e->ending);
    e->writer_count--;
}

static struct writer *first_unwanted(const struct running_group *g)
{
    size_t at = 0;
    struct map_entry *entry;
    while ((entry = map_next(&g->writers, &at)))
        if (!writer_marked(entry->value))
            return entry->value;
    return NULL;
}

static void apply_writer(struct engine *e, struct running_group *g, const struct plan_group *plan,
                         const struct plan_writer *writer)
{
    struct writer *w = map_get(&g->writers, writer->key);
    if (w) {
        writer_update(w, writer);
    } else {
        struct writer_config config = {.group = g->group,
                                       .sources = e->sources,
                                       .counts = &e->writer_counts,
                                       .plan_group = plan,
                                       .id = g->next_id++};
        w = writer_new(&config, writer);
        map_put(&g->writers, writer_key(w), w);
        e->writer_count++;
    }
    writer_mark(w, true);
}

static void apply_group(struct engine *e, const struct plan_group *plan)
{
    struct running_group *g = find(e, plan->key);
    if (!g)
        g = start_group(e, plan);
    g->wanted = true;
    mark_all(g, false);
    for (size_t i = 0; i < plan->writer_count; i++)
        apply_writer(e, g, plan, &plan->writers[i]);
    struct writer *w;
    while ((w = first_unwanted(g)))
        stop_writer(e, g, w);
}

static void stop_group(struct engine *e, struct running_group *g)
{
    mark_all(g, false);
    struct writer *w;
    while ((w = first_unwanted(g)))
        stop_writer(e, g, w);
    group_free(&g->group);
    map_clear(&g->writers);
    buffer_clear(&g->key);
    list_remove(&g->link);
    free(g);
    e->group_count--;
}

void engine_apply(struct engine *e, const struct plan *plan)
{
    LIST_EACH(l, &e->groups)
    LIST_OF(l, struct running_group, link)->wanted = false;
    for (size_t i = 0; i < plan->group_count; i++)
        apply_group(e, &plan->groups[i]);
    LIST_EACH(l, &e->groups)
    {
        struct running_group *g = LIST_OF(l, struct running_group, link);
        if (!g->wanted)
            stop_group(e, g);
    }
}

void engine_resume(void *engine)
{
    struct engine *e = engine;
    sources_resume(e->sources);
}

void engine_free(struct engine **engine)
{
    struct engine *e = *engine;
    if (!e)
        return;
    e->ending = true;
    LIST_EACH(l, &e->groups)
    stop_group(e, LIST_OF(l, struct running_group, link));
    sources_free(&e->sources);
    free(e);
    *engine = NULL;
}

struct engine_counts engine_counts(const struct engine *e)
{
    return (struct engine_counts){.groups = e->group_counts,
                                  .writers = e->writer_counts,
                                  .sources = sources_counts(e->sources),
                                  .group_count = e->group_count,
                                  .writer_count = e->writer_count};
}
