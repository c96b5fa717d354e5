#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "services/registry_priv.h"
#include "json/write.h"

struct services_registry {
    struct store_table *table;
    struct loop *loop;
    uint64_t version;
    size_t jobs; /* not answered yet */
    bool closed;
    services_registry_news_fn *on_news; /* may be NULL */
    void *on_news_arg;
    services_registry_changed_fn *on_changed; /* may be NULL */
    void *on_changed_arg;
};

static const struct what {
    registry_run *run;
    bool changes;
} whats[REGISTRY_WHAT_COUNT] = {
    [REGISTRY_APPLICATIONS] = {registry_applications, false},
    [REGISTRY_APPLICATION] = {registry_application, false},
    [REGISTRY_SITES] = {registry_sites, false},
    [REGISTRY_ENDPOINTS] = {registry_endpoints, false},
    [REGISTRY_ENDPOINT] = {registry_endpoint, false},
    [REGISTRY_POSITIONS] = {registry_positions, false},
    [REGISTRY_CREATE] = {registry_create, true},
    [REGISTRY_PATCH] = {registry_patch, true},
    [REGISTRY_DISABLE] = {registry_disable, true},
    [REGISTRY_ENABLE] = {registry_enable, true},
    [REGISTRY_DELETE] = {registry_delete, true},
    [REGISTRY_PURGE] = {registry_purge, true},
    [REGISTRY_ACTIVATE] = {registry_activate, true},
    [REGISTRY_DEACTIVATE] = {registry_deactivate, true},
    [REGISTRY_STATE] = {registry_state, false},
    [REGISTRY_MERGE] = {registry_merge, true},
    [REGISTRY_REMEMBER] = {registry_remember, false},
    [REGISTRY_MIRROR_NEXT] = {registry_mirror_next, false},
    [REGISTRY_MIRROR_WRITTEN] = {registry_mirror_written, false},
    [REGISTRY_MIRROR_LEARN] = {registry_mirror_learn, true},
    [REGISTRY_MIRROR_SWEEP] = {registry_mirror_sweep, false},
};

/* ---- an ask, there and back ---- */

static enum status run_thread(struct store_table *t, void *arg)
{
    struct registry_job *j = arg;
    j->table = t;
    if (j->ask.body.len > 0) {
        j->body = registry_parse(j->ask.body, &j->body_doc);
        if (j->body == NULL)
            return BAD_FORMAT;
    }
    buffer_reset(&j->out);
    j->news = NULL; /* a job may run twice */
    j->news_end = &j->news;
    buffer_reset(&j->told);
    enum status s = whats[j->ask.what].run(j);
    if (s == OK && j->news && j->registry->on_news)
        s = registry_put_news(j);
    for (size_t i = 0; i < SERVICES_STATEMENT_COUNT; i++)
        store_reset(t,
                    i); /* a row that was read and left would keep the log from being folded in */
    return s;
}

static void tell_news(const struct registry_job *j)
{
    const struct services_registry *r = j->registry;
    struct slice rest = buffer_slice(&j->told), line;
    while (rest.len > 0 && slice_split(&rest, '\n', &line))
        if (line.len > 0)
            r->on_news(r->on_news_arg, line.at[0] == 'e', slice_skip(line, 1));
}

static void done(void *arg, enum status why)
{
    struct registry_job *j = arg;
    bool changed = why == OK && whats[j->ask.what].changes;
    if (changed)
        j->registry->version++;
    if (why == OK && j->registry->on_news)
        tell_news(j);
    j->fn(j->arg, why, why == OK ? buffer_slice(&j->out) : (struct slice){0});
    json_free(&j->body_doc);
    json_free(&j->fields_doc);
    buffer_clear(&j->out);
    buffer_clear(&j->told);
    arena_clear(&j->arena);
    struct services_registry *r = j->registry;
    free(j);
    if (changed && r->on_changed && !r->closed)
        r->on_changed(r->on_changed_arg);
    if (--r->jobs == 0 && r->closed)
        free(r);
}

static void refuse(void *arg)
{
    done(arg, BUSY);
}

static void copy_fields(struct registry_job *j, const struct json *fields)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, fields);
    j->ask.fields = registry_parse(buffer_slice(&text), &j->fields_doc);
    buffer_clear(&text);
}

static void copy_ask(struct registry_job *j, const struct services_registry_ask *ask)
{
    j->ask = *ask;
    struct slice *const texts[] = {&j->ask.id,   &j->ask.body,       &j->ask.after,
                                   &j->ask.user, &j->ask.discoverer, &j->ask.supervisor, &j->ask.filter,
                                   &j->ask.connected, &j->ask.connecting};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = arena_copy(&j->arena, *texts[i]);
    if (ask->fields)
        copy_fields(j, ask->fields);
    if (j->ask.limit == 0)
        j->ask.limit = 100;
    if (j->ask.limit > SERVICES_PAGE_MAX)
        j->ask.limit = SERVICES_PAGE_MAX;
    if (ask->position_count == 0)
        return;
    struct services_position *copy =
        ARENA_TAKE_N(&j->arena, struct services_position, ask->position_count);
    memcpy(copy, ask->positions, sizeof(*copy) * ask->position_count);
    j->ask.positions = copy;
}

void services_registry_ask(struct services_registry *r, const struct services_registry_ask *ask,
                           services_registry_fn *fn, void *arg)
{
    struct registry_job *j = MEMORY_NEW(struct registry_job);
    j->registry = r;
    j->fn = fn;
    j->arg = arg;
    j->now_ms = loop_wall_ms(r->loop);
    copy_ask(j, ask);
    r->jobs++;
    if (store_table_post(r->table, r->loop, run_thread, done, j) != OK)
        loop_defer(r->loop, refuse, j);
}

/* ---- what the others share ---- */

const struct json *registry_parse(struct slice text, struct json_doc **doc)
{
    return json_parse(text, JSON_STRICT, doc, NULL) == OK ? json_root(*doc) : NULL;
}

struct application_row application_row_copy(struct registry_job *j,
                                            const struct application_row *row)
{
    struct application_row copy = *row;
    copy.id = arena_copy(&j->arena, row->id);
    copy.site = arena_copy(&j->arena, row->site);
    copy.discoverer = arena_copy(&j->arena, row->discoverer);
    copy.info = arena_copy(&j->arena, row->info);
    return copy;
}

void registry_tell(struct registry_job *j, bool endpoint, const char *type, struct slice id)
{
    struct registry_news *n = ARENA_TAKE(&j->arena, struct registry_news);
    *n = (struct registry_news){.type = type, .id = arena_copy(&j->arena, id), .endpoint = endpoint};
    *j->news_end = n;
    j->news_end = &n->next;
}

struct slice registry_site_or_gateway(struct slice site, struct slice discoverer)
{
    return site.len > 0 ? site : services_ids_module(discoverer).device;
}

/* ---- beginning and end ---- */

enum status services_registry_open(const char *path, struct loop *loop,
                                   struct services_registry **out)
{
    struct services_registry *r = MEMORY_NEW(struct services_registry);
    r->loop = loop;
    r->version = 1;
    struct store_table_config config = {.path = path,
                                        .inline_errands = strcmp(path, ":memory:") == 0};
    services_registry_tables(&config);
    enum status s = store_table_open(&config, &r->table);
    if (s != OK) {
        free(r);
        return s;
    }
    *out = r;
    return OK;
}

void services_registry_close(struct services_registry **r)
{
    if (*r == NULL)
        return;
    store_table_close(&(*r)->table);
    (*r)->closed = true;
    if ((*r)->jobs == 0)
        free(*r);
    *r = NULL;
}

void services_registry_on_news(struct services_registry *r, services_registry_news_fn *fn, void *arg)
{
    r->on_news = fn;
    r->on_news_arg = arg;
}

void services_registry_on_changed(struct services_registry *r, services_registry_changed_fn *fn, void *arg)
{
    r->on_changed = fn;
    r->on_changed_arg = arg;
}

uint64_t services_registry_version(const struct services_registry *r)
{
    return r->version;
}
