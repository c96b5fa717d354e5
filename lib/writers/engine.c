#include "writers/engine.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "writers/wire_ids.h"

struct running_group {
    struct link link;
    struct buffer key, name;
    struct group *group;
    struct group_counts group_counts;
    struct writer_counts writer_counts;
    uint64_t began_ms;  /* wall time */
    struct map writers; /* by key */
    uint16_t id;
    struct wire_ids ids; /* of writers */
    bool wanted;
};

struct engine {
    struct engine_config config;
    struct sources *sources;
    struct list groups;
    struct group_counts gone_groups; /* what groups counted that are not there any more */
    struct writer_counts gone_writers;
    struct writer_refusals refusals;
    uint64_t group_count, writer_count;
    struct wire_ids ids; /* of groups */
    bool ending; /* of the program, not of what it publishes */
};

struct engine *engine_new(const struct engine_config *config)
{
    struct engine *e = MEMORY_NEW(struct engine);
    e->config = *config;
    e->ids.next = 1; /* 0 is none (Part 14, 6.2.6.1) */
    e->sources =
        sources_new(&(struct sources_config){.thread = config->thread,
                                             .outbox = config->outbox,
                                             .events = &writer_source_events,
                                             .items_max = config->items_per_subscription,
                                             .lifetime_count = config->lifetime_count});
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
    g->id = (uint16_t)wire_ids_take(&e->ids);
    struct group_sink sink = {.loop = opcua_thread_loop(e->config.thread),
                              .outbox = e->config.outbox,
                              .epoch = e->config.epoch,
                              .body_max = e->config.body_max,
                              .topics = e->config.topics,
                              .site = e->config.site,
                              .counts = &g->group_counts,
                              .id = g->id};
    buffer_put(&g->key, plan->key);
    buffer_put(&g->name, plan->name);
    g->began_ms = loop_wall_ms(sink.loop);
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
    wire_ids_give(&g->ids, writer_data_set(w)->id);
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
                                       .counts = &g->writer_counts,
                                       .refusals = &e->refusals,
                                       .plan_group = plan,
                                       .id = wire_ids_take(&g->ids),
                                       .end = e->config.end,
                                       .backfill_rate = e->config.backfill_rate,
                                       .told = e->config.told};
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

/* ---- writers that go on at another pace ---- */

/* A writer that goes on as one of the plan. */
struct move {
    struct running_group *group;
    struct writer *writer;
    const struct plan_writer *plan;
};

struct moves {
    struct move *at;
    size_t count;
};

/* Those that the plan has not, by what is the same of them. */
static void find_unwanted(struct running_group *g, const struct plan_group *plan, struct map *out)
{
    size_t at = 0;
    struct map_entry *entry;
    mark_all(g, false);
    for (size_t i = 0; i < plan->writer_count; i++) {
        struct writer *w = map_get(&g->writers, plan->writers[i].key);
        if (w)
            writer_mark(w, true);
    }
    while ((entry = map_next(&g->writers, &at)))
        if (!writer_marked(entry->value) && writer_same_key(entry->value).len)
            map_put(out, writer_same_key(entry->value), entry->value);
}

static void find_moves(struct running_group *g, const struct plan_group *plan, struct moves *m)
{
    struct map unwanted = {0};
    find_unwanted(g, plan, &unwanted);
    for (size_t i = 0; unwanted.count > 0 && i < plan->writer_count; i++) {
        const struct plan_writer *p = &plan->writers[i];
        struct writer *w = map_get(&g->writers, p->key) ? NULL : map_remove(&unwanted, p->same_key);
        if (!w)
            continue;
        writer_move(w, p);
        m->at = memory_resize(m->at, (m->count + 1) * sizeof *m->at);
        m->at[m->count++] = (struct move){g, w, p};
    }
    map_clear(&unwanted);
}

/* Their subscriptions are modified where that can be; the others end, and new ones begin. */
static void apply_moves(struct engine *e, const struct plan *plan)
{
    struct moves m = {0};
    for (size_t i = 0; i < plan->group_count; i++) {
        struct running_group *g = find(e, plan->groups[i].key);
        if (g)
            find_moves(g, &plan->groups[i], &m);
    }
    if (m.count > 0)
        sources_move(e->sources);
    for (size_t i = 0; i < m.count; i++) {
        struct move *one = &m.at[i];
        map_remove(&one->group->writers, writer_key(one->writer));
        writer_moved(one->writer, one->plan);
        map_put(&one->group->writers, writer_key(one->writer), one->writer);
    }
    free(m.at);
}

static void add_counts(const struct running_group *g, struct group_counts *groups,
                       struct writer_counts *writers)
{
    groups->messages += g->group_counts.messages;
    groups->bytes += g->group_counts.bytes;
    groups->data_sets += g->group_counts.data_sets;
    groups->values += g->group_counts.values;
    groups->too_large += g->group_counts.too_large;
    groups->undescribed += g->group_counts.undescribed;
    groups->metadata += g->group_counts.metadata;
    writers->data_changes += g->writer_counts.data_changes;
    writers->events += g->writer_counts.events;
    writers->heartbeats += g->writer_counts.heartbeats;
    writers->keep_alives += g->writer_counts.keep_alives;
    writers->overflows += g->writer_counts.overflows;
    writers->late += g->writer_counts.late;
}

static void stop_group(struct engine *e, struct running_group *g)
{
    mark_all(g, false);
    struct writer *w;
    while ((w = first_unwanted(g)))
        stop_writer(e, g, w);
    group_free(&g->group);
    add_counts(g, &e->gone_groups, &e->gone_writers);
    map_clear(&g->writers);
    wire_ids_give(&e->ids, g->id);
    wire_ids_clear(&g->ids);
    buffer_clear(&g->key);
    buffer_clear(&g->name);
    list_remove(&g->link);
    free(g);
    e->group_count--;
}

void engine_apply(struct engine *e, const struct plan *plan)
{
    LIST_EACH(l, &e->groups)
    LIST_OF(l, struct running_group, link)->wanted = false;
    apply_moves(e, plan);
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
    wire_ids_clear(&e->ids);
    free(e);
    *engine = NULL;
}

struct engine_counts engine_counts(const struct engine *e)
{
    struct engine_counts c = {.groups = e->gone_groups,
                              .writers = e->gone_writers,
                              .sources = sources_counts(e->sources),
                              .group_count = e->group_count,
                              .writer_count = e->writer_count};
    LIST_EACH(l, &e->groups)
    add_counts(LIST_OF(l, struct running_group, link), &c.groups, &c.writers);
    return c;
}

/* ---- telling about it ---- */

static void survey_group(const struct running_group *g, enum survey_depth depth, struct survey *s,
                         struct survey_group *out)
{
    const struct group_counts *c = &g->group_counts;
    const struct writer_counts *w = &g->writer_counts;
    *out = (struct survey_group){
        .key = arena_copy(&s->arena, buffer_slice(&g->key)),
        .name = arena_copy(&s->arena, buffer_slice(&g->name)),
        .began_ms = g->began_ms,
        .counts = {c->messages, c->bytes, c->data_sets, c->values, c->too_large + c->undescribed, w->data_changes,
                   w->events, w->heartbeats, w->keep_alives, w->model_changes, w->cyclic_reads,
                   w->sampled_values, w->overflows},
        .late = w->late,
    };
    if (depth == SURVEY_COUNTS)
        return;
    size_t at = 0;
    out->writers = arena_take(&s->arena, (g->writers.count + 1) * sizeof *out->writers);
    for (struct map_entry *entry; (entry = map_next(&g->writers, &at));)
        survey_take_writer(s, entry->value, &out->writers[out->writer_count++]);
}

void engine_survey(const struct engine *e, enum survey_depth depth, struct survey *out)
{
    out->wall_ms = loop_wall_ms(opcua_thread_loop(e->config.thread));
    out->failures_left = depth == SURVEY_FAILURES ? SURVEY_FAILURES_MAX : 0;
    out->groups = arena_take(&out->arena, (e->group_count + 1) * sizeof *out->groups);
    LIST_EACH(l, &e->groups)
    survey_group(LIST_OF(l, struct running_group, link), depth, out, &out->groups[out->group_count++]);
}

void engine_told(const struct engine *e, struct told *out)
{
    for (const struct link *l = e->groups.head.next; l != &e->groups.head; l = l->next) {
        const struct running_group *g = LIST_OF(l, struct running_group, link);
        size_t at = 0;
        for (struct map_entry *entry; (entry = map_next(&g->writers, &at));)
            writer_told(entry->value, out);
    }
}

static enum status send_key_frames(struct running_group *g, struct slice writer, bool *found)
{
    enum status s = OK;
    size_t at = 0;
    for (struct map_entry *entry; (entry = map_next(&g->writers, &at));) {
        if (writer.len && !slice_eq(writer_name(entry->value), writer))
            continue;
        *found = true;
        enum status one = writer_send_key_frame(entry->value);
        s = one == OK ? s : one;
    }
    return s;
}

enum status engine_send_key_frames(struct engine *e, struct slice group, struct slice writer)
{
    enum status s = OK;
    bool found = false;
    LIST_EACH(l, &e->groups)
    {
        struct running_group *g = LIST_OF(l, struct running_group, link);
        if (!slice_eq(buffer_slice(&g->name), group))
            continue;
        enum status one = send_key_frames(g, writer, &found);
        s = one == OK ? s : one;
    }
    return found ? s : NOT_FOUND;
}
