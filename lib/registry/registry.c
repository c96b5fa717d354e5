#include "registry/registry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "registry/tables.h"

/* What was under way when the hub ended. */
static const enum registry_statement at_start[] = {
    SQL_NOBODY_CONNECTED,
    SQL_TRANSFERS_RESTART, /* what ran goes on, before what waits behind it */
    SQL_TRANSFER_LINES_ORPHANS,
    SQL_JOB_DEVICES_AGAIN, /* pending again */
    SQL_JOBS_AGAIN,
};

static enum status begin_anew(struct store_table *t, void *arg)
{
    struct registry *r = arg;
    enum status s = OK;
    for (size_t i = 0; s == OK && i < sizeof(at_start) / sizeof(at_start[0]); i++)
        s = store_run(t, at_start[i]);
    if (s == OK)
        s = store_step(t, SQL_MESSAGES_WAITING);
    if (s == OK) {
        r->messages.waiting = (uint64_t)store_column_i64(t, SQL_MESSAGES_WAITING, 0);
        store_reset(t, SQL_MESSAGES_WAITING);
    }
    return s;
}

enum status registry_open(const char *path, const struct iot_limits *limits,
                          const struct registry_events *events, struct registry **out)
{
    struct registry *r = MEMORY_NEW(struct registry);
    r->limits = limits;
    r->events = *events;
    enum status s = store_table_open(
        &(struct store_table_config){
            .path = path,
            .migrations = registry_migrations,
            .migration_count = registry_migration_count,
            .statements = registry_statements,
            .statement_count = SQL_COUNT,
            .first = begin_anew,
            .first_arg = r,
            .inline_errands = strcmp(path, ":memory:") == 0,
        },
        &r->table);
    if (s != OK) {
        free(r);
        return s;
    }
    *out = r;
    return OK;
}

void registry_close(struct registry **registry)
{
    struct registry *r = *registry;
    if (r == NULL)
        return;
    store_table_close(&r->table);
    if (r->configurations.forget)
        r->configurations.forget(r);
    free(r);
    *registry = NULL;
}

/* ---- errands to the table's thread ---- */

struct refused {
    store_table_done *done;
    void *arg;
};

static void answer_full(void *arg)
{
    struct refused *f = arg;
    f->done(f->arg, BUSY);
    free(f);
}

/* From another loop's thread, too. */
static void refuse(struct loop *loop, store_table_done *done, void *arg)
{
    struct refused *f = MEMORY_NEW(struct refused);
    f->done = done;
    f->arg = arg;
    loop_post(loop, answer_full, f);
}

void registry_post(struct registry *r, struct loop *loop, store_table_errand *run,
                   store_table_done *done, void *arg)
{
    if (store_table_post(r->table, loop, run, done, arg) != OK)
        refuse(loop, done, arg);
}

/* ---- services ---- */

static enum status run_ask(struct store_table *t, void *arg)
{
    struct registry_errand *e = arg;
    return e->ask.what->run(t, e);
}

static void tell(const struct registry_errand *e)
{
    const struct registry_events *events = &e->registry->events;
    __atomic_fetch_sub(&e->registry->messages.waiting, e->messages_gone, __ATOMIC_RELAXED);
    if (e->tell_identity && events->on_identity) {
        events->on_identity(events->arg, e->ask.id);
        for (size_t n = 0; n < e->module_count; n++)
            events->on_identity(events->arg, (struct iot_id){e->ask.id.device, e->modules[n]});
    }
    for (size_t n = 0; n < e->news_count && events->on_desired; n++)
        events->on_desired(events->arg, e->news[n].id, e->news[n].patch, e->news[n].version);
    if (e->configure && e->registry->configurations.changed)
        e->registry->configurations.changed(e->registry->configurations.arg);
    if (e->tell_desired && events->on_desired)
        events->on_desired(events->arg, e->ask.id, e->desired_patch, e->desired_version);
    registry_announce(&e->announcements, e->registry);
}

static void answer(void *arg)
{
    struct registry_errand *e = arg;
    e->fn(e->arg, &e->answer);
    buffer_clear(&e->json);
    arena_clear(&e->arena);
    free(e);
}

/* Without a reason of ours, FULL is the disk. */
static enum iot_thing thing(const struct registry_errand *e, enum status why)
{
    if (e->ask.what->of != IOT_DEVICE)
        return e->ask.what->of;
    if (e->ask.id.module.len && !e->no_device)
        return IOT_MODULE;
    return why == FULL ? IOT_REGISTRY : IOT_DEVICE;
}

void registry_errand_name(struct registry_errand *e, enum status why)
{
    if (e->answer.of == IOT_DEVICE) /* the work may have said it more closely */
        e->answer.of = thing(e, why);
    if (why != OK && e->answer.text == NULL)
        e->answer.text =
            why == NOT_FOUND ? "there is no such identity" : "the registry could not do it";
}

/* On the loop that owns the device, if it is known, else on the one that asked; the commit is
 * behind us. */
static void end_ask(void *arg, enum status why)
{
    struct registry_errand *e = arg;
    if (why == OK && !e->nothing_done)
        tell(e);
    if (why == FULL && e->answer.text == NULL)
        why = IO_FAILED;
    e->answer.why = why;
    registry_errand_name(e, why);
    e->answer.json = buffer_slice(&e->json);
    if (e->told_on == e->asked_on)
        answer(e);
    else
        loop_post(e->asked_on, answer, e);
}

static struct registry_errand *errand_new(struct registry *r, struct loop *loop,
                                          const struct registry_ask *ask, registry_fn *fn,
                                          void *arg)
{
    struct registry_errand *e = MEMORY_NEW(struct registry_errand);
    e->registry = r;
    e->ask = *ask;
    e->ask.id = iot_id_copy(&e->arena, ask->id);
    e->ask.target = iot_id_copy(&e->arena, ask->target);
    e->ask.name = arena_copy(&e->arena, ask->name);
    e->ask.body = arena_copy(&e->arena, ask->body);
    e->ask.if_match = arena_copy(&e->arena, ask->if_match);
    e->fn = fn;
    e->arg = arg;
    e->now_ms = loop_wall_ms(loop);
    e->asked_on = e->told_on = loop;
    if (ask->what->changes && r->events.owner)
        e->told_on = r->events.owner(r->events.arg, e->ask.id);
    return e;
}

void registry_ask(struct registry *r, struct loop *loop, const struct registry_ask *ask,
                  registry_fn *fn, void *arg)
{
    struct registry_errand *e = errand_new(r, loop, ask, fn, arg);
    registry_post(r, e->told_on, run_ask, end_ask, e);
}

void registry_ask_all(struct registry *r, struct loop *loop, const struct registry_ask *asks,
                      size_t count, registry_fn *fn, void *const *args)
{
    struct arena a = {0};
    struct store_table_ask *posts = ARENA_TAKE_N(&a, struct store_table_ask, count);
    for (size_t i = 0; i < count; i++) {
        struct registry_errand *e = errand_new(r, loop, &asks[i], fn, args[i]);
        posts[i] = (struct store_table_ask){e->told_on, run_ask, end_ask, e};
    }
    if (store_table_post_all(r->table, posts, count) != OK)
        for (size_t i = 0; i < count; i++)
            refuse(posts[i].loop, posts[i].done, posts[i].arg);
    arena_clear(&a);
}
