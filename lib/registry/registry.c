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
            .inline_jobs = strcmp(path, ":memory:") == 0,
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

void registry_post(struct registry *r, struct loop *loop, store_table_job *run,
                   store_table_done *done, void *arg)
{
    if (store_table_post(r->table, loop, run, done, arg) != OK)
        refuse(loop, done, arg);
}

/* ---- services ---- */

static enum status run_ask(struct store_table *t, void *arg)
{
    struct registry_errand *j = arg;
    return j->ask.what->run(t, j);
}

static void tell(const struct registry_errand *j)
{
    const struct registry_events *events = &j->registry->events;
    __atomic_fetch_sub(&j->registry->messages.waiting, j->messages_gone, __ATOMIC_RELAXED);
    if (j->tell_identity && events->on_identity) {
        events->on_identity(events->arg, j->ask.id);
        for (size_t n = 0; n < j->module_count; n++)
            events->on_identity(events->arg, (struct iot_id){j->ask.id.device, j->modules[n]});
    }
    for (size_t n = 0; n < j->news_count && events->on_desired; n++)
        events->on_desired(events->arg, j->news[n].id, j->news[n].patch, j->news[n].version);
    if (j->configure && j->registry->configurations.changed)
        j->registry->configurations.changed(j->registry->configurations.arg);
    if (j->tell_desired && events->on_desired)
        events->on_desired(events->arg, j->ask.id, j->desired_patch, j->desired_version);
    registry_announce(&j->announcements, j->registry);
}

static void answer(void *arg)
{
    struct registry_errand *j = arg;
    j->fn(j->arg, &j->answer);
    buffer_clear(&j->json);
    arena_clear(&j->arena);
    free(j);
}

/* Without a reason of ours, FULL is the disk. */
static enum iot_thing thing(const struct registry_errand *j, enum status why)
{
    if (j->ask.what->of != IOT_DEVICE)
        return j->ask.what->of;
    if (j->ask.id.module.len && !j->no_device)
        return IOT_MODULE;
    return why == FULL ? IOT_REGISTRY : IOT_DEVICE;
}

void registry_errand_name(struct registry_errand *j, enum status why)
{
    if (j->answer.of == IOT_DEVICE) /* the work may have said it more closely */
        j->answer.of = thing(j, why);
    if (why != OK && j->answer.text == NULL)
        j->answer.text =
            why == NOT_FOUND ? "there is no such identity" : "the registry could not do it";
}

/* On the loop that owns the device, if it is known, else on the one that asked; the commit is
 * behind us. */
static void end_ask(void *arg, enum status why)
{
    struct registry_errand *j = arg;
    if (why == OK && !j->nothing_done)
        tell(j);
    if (why == FULL && j->answer.text == NULL)
        why = IO_FAILED;
    j->answer.why = why;
    registry_errand_name(j, why);
    j->answer.json = buffer_slice(&j->json);
    if (j->told_on == j->asked_on)
        answer(j);
    else
        loop_post(j->asked_on, answer, j);
}

static struct registry_errand *errand_new(struct registry *r, struct loop *loop,
                                          const struct registry_ask *ask, registry_fn *fn,
                                          void *arg)
{
    struct registry_errand *j = MEMORY_NEW(struct registry_errand);
    j->registry = r;
    j->ask = *ask;
    j->ask.id = iot_id_copy(&j->arena, ask->id);
    j->ask.target = iot_id_copy(&j->arena, ask->target);
    j->ask.name = arena_copy(&j->arena, ask->name);
    j->ask.body = arena_copy(&j->arena, ask->body);
    j->ask.if_match = arena_copy(&j->arena, ask->if_match);
    j->fn = fn;
    j->arg = arg;
    j->now_ms = loop_wall_ms(loop);
    j->asked_on = j->told_on = loop;
    if (ask->what->changes && r->events.owner)
        j->told_on = r->events.owner(r->events.arg, j->ask.id);
    return j;
}

void registry_ask(struct registry *r, struct loop *loop, const struct registry_ask *ask,
                  registry_fn *fn, void *arg)
{
    struct registry_errand *j = errand_new(r, loop, ask, fn, arg);
    registry_post(r, j->told_on, run_ask, end_ask, j);
}

void registry_ask_all(struct registry *r, struct loop *loop, const struct registry_ask *asks,
                      size_t count, registry_fn *fn, void *const *args)
{
    struct arena a = {0};
    struct store_table_ask *posts = ARENA_TAKE_N(&a, struct store_table_ask, count);
    for (size_t i = 0; i < count; i++) {
        struct registry_errand *j = errand_new(r, loop, &asks[i], fn, args[i]);
        posts[i] = (struct store_table_ask){j->told_on, run_ask, end_ask, j};
    }
    if (store_table_post_all(r->table, posts, count) != OK)
        for (size_t i = 0; i < count; i++)
            refuse(posts[i].loop, posts[i].done, posts[i].arg);
    arena_clear(&a);
}
