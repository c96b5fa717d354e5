#include "hub/registry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "hub/configurer.h"
#include "hub/registry_configurations.h"
#include "hub/registry_jobs.h"
#include "hub/registry_tables.h"

static enum status begin_anew(struct store_table *t, void *arg)
{
    struct hub_registry *r = arg;
    enum status s = store_run(t, SQL_NOBODY_CONNECTED);
    if (s == OK)
        s = store_step(t, SQL_MESSAGES_WAITING);
    if (s == OK) {
        r->messages.waiting = (uint64_t)store_column_i64(t, SQL_MESSAGES_WAITING, 0);
        store_reset(t, SQL_MESSAGES_WAITING);
    }
    if (s == OK)
        s = registry_transfers_restart(t);
    return s == OK ? registry_jobs_again(t) : s;
}

enum status hub_registry_open(const char *path, const struct hub_limits *limits,
                              const struct hub_registry_events *events, struct hub_registry **out)
{
    struct hub_registry *r = MEMORY_NEW(struct hub_registry);
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

void hub_registry_close(struct hub_registry **registry)
{
    struct hub_registry *r = *registry;
    if (r == NULL)
        return;
    store_table_close(&r->table);
    registry_configurations_forget(r);
    free(r);
    *registry = NULL;
}

/* ---- jobs of the table's thread ---- */

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

void registry_post(struct hub_registry *r, struct loop *loop, store_table_job *run,
                   store_table_done *done, void *arg)
{
    if (store_table_post(r->table, loop, run, done, arg) != OK)
        refuse(loop, done, arg);
}

/* ---- services ---- */

enum status (*const registry_work[])(struct store_table *t, struct registry_errand *j) = {
    [HUB_IDENTITY_GET] = registry_identity_get,
    [HUB_IDENTITY_PUT] = registry_identity_put,
    [HUB_IDENTITY_DELETE] = registry_identity_delete,
    [HUB_IDENTITY_LIST] = registry_identity_list,
    [HUB_TWIN_GET] = registry_twin_get,
    [HUB_TWIN_PATCH] = registry_twin_change,
    [HUB_TWIN_PUT] = registry_twin_change,
    [HUB_DIGITAL_TWIN_GET] = registry_digital_twin_get,
    [HUB_DIGITAL_TWIN_PATCH] = registry_digital_twin_patch,
    [HUB_STATISTICS_DEVICES] = registry_statistics_devices,
    [HUB_STATISTICS_SERVICE] = registry_statistics_service,
    [HUB_SCOPE_LIST] = registry_scope_list,
    [HUB_SCOPE_ONE] = registry_scope_one,
    [HUB_TRANSFER_CREATE] = registry_transfer_create,
    [HUB_TRANSFER_GET] = registry_transfer_get,
    [HUB_TRANSFER_LIST] = registry_transfer_list,
    [HUB_TRANSFER_CANCEL] = registry_transfer_cancel,
    [HUB_TRANSFER_BEGIN] = registry_transfer_begin,
    [HUB_TRANSFER_PROGRESS] = registry_transfer_progress,
    [HUB_TRANSFER_MARK] = registry_transfer_mark,
    [HUB_TRANSFER_END] = registry_transfer_end,
    [HUB_TRANSFER_LINE] = registry_transfer_line,
    [HUB_EXPORT] = registry_export,
    [HUB_IMPORT] = registry_import,
    [HUB_CERTIFICATE_LIST] = registry_certificate_list,
    [HUB_CERTIFICATE_GET] = registry_certificate_get,
    [HUB_CERTIFICATE_PUT] = registry_certificate_put,
    [HUB_CERTIFICATE_DELETE] = registry_certificate_delete,
    [HUB_CERTIFICATE_CODE] = registry_certificate_code,
    [HUB_CERTIFICATE_VERIFY] = registry_certificate_verify,
    [HUB_CONFIGURATION_LIST] = registry_configuration_list,
    [HUB_CONFIGURATION_GET] = registry_configuration_get,
    [HUB_CONFIGURATION_PUT] = registry_configuration_put,
    [HUB_CONFIGURATION_DELETE] = registry_configuration_delete,
    [HUB_CONFIGURATION_CONTENT] = registry_configuration_content,
    [HUB_CONFIGURATION_TEST] = registry_configuration_test,
    [HUB_JOB_PUT] = registry_job_put,
    [HUB_JOB_GET] = registry_job_get,
    [HUB_JOB_CANCEL] = registry_job_cancel,
};

static enum status run_ask(struct store_table *t, void *arg)
{
    struct registry_errand *j = arg;
    return registry_work[j->ask.what](t, j);
}

static void tell(const struct registry_errand *j)
{
    const struct hub_registry_events *events = &j->registry->events;
    __atomic_fetch_sub(&j->registry->messages.waiting, j->messages_gone, __ATOMIC_RELAXED);
    if (j->tell_identity && events->on_identity) {
        events->on_identity(events->arg, j->ask.id);
        for (size_t n = 0; n < j->module_count; n++)
            events->on_identity(events->arg, (struct iot_id){j->ask.id.device, j->modules[n]});
    }
    for (size_t n = 0; n < j->news_count && events->on_desired; n++)
        events->on_desired(events->arg, j->news[n].id, j->news[n].patch, j->news[n].version);
    if (j->configure)
        hub_configurer_wake(j->registry->configurer);
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
    enum hub_registry_what what = j->ask.what;
    if (what >= HUB_CONFIGURATION_LIST && what <= HUB_CONFIGURATION_TEST && what != HUB_CONFIGURATION_CONTENT)
        return IOT_CONFIGURATION;
    if ((what >= HUB_TRANSFER_CREATE && what <= HUB_TRANSFER_END) ||
        (what >= HUB_JOB_PUT && what <= HUB_JOB_CANCEL))
        return IOT_JOB;
    if (j->ask.name.len && what != HUB_TRANSFER_LINE)
        return IOT_CERTIFICATE;
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

static bool changes(enum hub_registry_what what)
{
    return what == HUB_IDENTITY_PUT || what == HUB_IMPORT || what == HUB_TRANSFER_LINE || what == HUB_IDENTITY_DELETE || what == HUB_TWIN_PATCH ||
           what == HUB_TWIN_PUT || what == HUB_DIGITAL_TWIN_PATCH || what == HUB_CONFIGURATION_CONTENT;
}

static struct registry_errand *errand_new(struct hub_registry *r, struct loop *loop,
                                    const struct hub_registry_ask *ask, hub_registry_fn *fn, void *arg)
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
    if (changes(ask->what) && r->events.owner)
        j->told_on = r->events.owner(r->events.arg, j->ask.id);
    return j;
}

void hub_registry_ask(struct hub_registry *r, struct loop *loop, const struct hub_registry_ask *ask,
                      hub_registry_fn *fn, void *arg)
{
    struct registry_errand *j = errand_new(r, loop, ask, fn, arg);
    registry_post(r, j->told_on, run_ask, end_ask, j);
}

void hub_registry_ask_all(struct hub_registry *r, struct loop *loop, const struct hub_registry_ask *asks,
                          size_t count, hub_registry_fn *fn, void *const *args)
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
