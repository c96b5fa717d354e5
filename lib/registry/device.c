/* The registry's side for devices that are there: who they are, their own twin, and what is noted of them. */
#include "registry/registry.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "registry/tables.h"

/* ---- identities for sign in ---- */

struct lookup {
    struct arena arena;
    struct iot_id id;
    const struct heads_identity *found;
    registry_identity_fn *fn;
    void *arg;
};

static enum status run_lookup(struct store_table *t, void *arg)
{
    struct lookup *l = arg;
    struct registry_row row;
    enum status s = registry_row_get(t, l->id, &row);
    if (s == OK) {
        l->found = heads_identity_new(&row.i);
        store_reset(t, SQL_IDENTITY_GET);
    }
    return s;
}

static void end_lookup(void *arg, enum status why)
{
    struct lookup *l = arg;
    l->fn(l->arg, why, l->found);
    heads_identity_unref(&l->found);
    arena_clear(&l->arena);
    free(l);
}

void registry_identity(struct registry *r, struct loop *loop, struct iot_id id,
                       registry_identity_fn *fn, void *arg)
{
    struct lookup *l = MEMORY_NEW(struct lookup);
    l->id = iot_id_copy(&l->arena, id);
    l->fn = fn;
    l->arg = arg;
    registry_post(r, loop, run_lookup, end_lookup, l);
}

/* ---- authorities ---- */

struct authorities {
    struct buffer ders;
    registry_authorities_fn *fn;
    void *arg;
};

static enum status run_authorities(struct store_table *t, void *arg)
{
    return registry_certificates_verified(t, &((struct authorities *)arg)->ders);
}

static void end_authorities(void *arg, enum status why)
{
    struct authorities *a = arg;
    a->fn(a->arg, why, buffer_slice(&a->ders));
    buffer_clear(&a->ders);
    free(a);
}

void registry_authorities(struct registry *r, struct loop *loop, registry_authorities_fn *fn,
                          void *arg)
{
    struct authorities *a = MEMORY_NEW(struct authorities);
    a->fn = fn;
    a->arg = arg;
    registry_post(r, loop, run_authorities, end_authorities, a);
}

/* ---- the device's own twin ---- */

struct twin_errand {
    const struct registry *registry;
    struct registry_announcements announcements;
    struct arena arena;
    struct iot_id id;
    struct slice patch;
    struct buffer json;
    uint64_t version, now_ms;
    registry_twin_fn *twin_fn;
    registry_report_fn *report_fn;
    void *arg;
};

static struct twin_errand *twin_errand_new(const struct registry *r, struct loop *loop,
                                           struct iot_id id, void *arg)
{
    struct twin_errand *e = MEMORY_NEW(struct twin_errand);
    e->registry = r;
    e->id = iot_id_copy(&e->arena, id);
    e->now_ms = loop_wall_ms(loop);
    e->arg = arg;
    return e;
}

static void twin_errand_free(struct twin_errand *e)
{
    buffer_clear(&e->json);
    arena_clear(&e->arena);
    free(e);
}

static enum status run_twin(struct store_table *t, void *arg)
{
    struct twin_errand *e = arg;
    struct iot_twin twin;
    enum status s = registry_twin_load(t, &e->arena, e->id, &twin);
    if (s == OK) {
        struct json_writer w = json_writer(&e->json);
        iot_twin_put_device(&twin, &w);
    }
    return s;
}

static void end_twin(void *arg, enum status why)
{
    struct twin_errand *e = arg;
    e->twin_fn(e->arg, why, buffer_slice(&e->json));
    twin_errand_free(e);
}

void registry_twin(struct registry *r, struct loop *loop, struct iot_id id, registry_twin_fn *fn,
                   void *arg)
{
    struct twin_errand *e = twin_errand_new(r, loop, id, arg);
    e->twin_fn = fn;
    registry_post(r, loop, run_twin, end_twin, e);
}

static enum status run_report(struct store_table *t, void *arg)
{
    struct twin_errand *e = arg;
    struct iot_twin twin = {0};
    struct json_doc *doc = NULL;
    const char *why = NULL;
    enum status s = e->patch.len > IOT_TWIN_TEXT_MAX
                        ? TOO_LARGE
                        : json_parse(e->patch, JSON_STRICT, &doc, NULL);
    if (s == OK)
        s = registry_twin_load(t, &e->arena, e->id, &twin);
    const struct iot_twin before = twin;
    if (s == OK)
        s = iot_twin_report(&twin, &e->registry->limits->twin, &e->arena, json_root(doc), e->now_ms,
                            &why);
    if (s == OK)
        s = registry_twin_store(t, e->id, &before, &twin);
    if (s == OK) {
        e->version = twin.reported.version;
        registry_announce_twin(
            &e->announcements, e->registry, &e->arena,
            &(struct registry_announce_change){
                .id = e->id, .twin = &twin, .reported = json_root(doc), .now_ms = e->now_ms});
    }
    if (why)
        log_info("report refused device=%.*s reason=\"%s\"", SLICE_FMT(e->id.device), why);
    json_free(&doc);
    return s;
}

static void end_report(void *arg, enum status why)
{
    struct twin_errand *e = arg;
    if (why == OK)
        registry_announce(&e->announcements, e->registry);
    e->report_fn(e->arg, why, e->version);
    twin_errand_free(e);
}

void registry_report(struct registry *r, struct loop *loop, struct iot_id id, struct slice patch,
                     registry_report_fn *fn, void *arg)
{
    struct twin_errand *e = twin_errand_new(r, loop, id, arg);
    e->patch = arena_copy(&e->arena, patch);
    e->report_fn = fn;
    registry_post(r, loop, run_report, end_report, e);
}

/* ---- connection state ---- */

struct connection_errand {
    struct arena arena;
    struct iot_id id;
    bool connected;
    uint64_t wall_ms;
};

static enum status run_connection(struct store_table *t, void *arg)
{
    struct connection_errand *e = arg;
    store_bind(t, SQL_CONNECTION, 1, e->id.device);
    store_bind(t, SQL_CONNECTION, 2, e->id.module);
    store_bind_i64(t, SQL_CONNECTION, 3, e->connected);
    store_bind_i64(t, SQL_CONNECTION, 4, (int64_t)e->wall_ms);
    enum status s = store_run(t, SQL_CONNECTION);
    arena_clear(&e->arena);
    free(e);
    return s;
}

void registry_connection(struct registry *r, struct iot_id id, bool connected, uint64_t wall_ms)
{
    struct connection_errand *e = MEMORY_NEW(struct connection_errand);
    e->id = iot_id_copy(&e->arena, id);
    e->connected = connected;
    e->wall_ms = wall_ms;
    if (store_table_post(r->table, NULL, run_connection, NULL, e) != OK) {
        arena_clear(&e->arena);
        free(e);
    }
}

/* ---- activity ---- */

struct activity_errand {
    struct arena arena;
    struct registry_activity *all;
    size_t count;
};

static enum status run_activity(struct store_table *t, void *arg)
{
    struct activity_errand *e = arg;
    enum status s = OK;
    for (size_t i = 0; s == OK && i < e->count; i++) {
        store_bind(t, SQL_ACTIVE, 1, e->all[i].id.device);
        store_bind(t, SQL_ACTIVE, 2, e->all[i].id.module);
        store_bind_i64(t, SQL_ACTIVE, 3, (int64_t)e->all[i].wall_ms);
        s = store_run(t, SQL_ACTIVE);
    }
    arena_clear(&e->arena);
    free(e);
    return s;
}

void registry_active(struct registry *r, const struct registry_activity *all, size_t count)
{
    struct activity_errand *e = MEMORY_NEW(struct activity_errand);
    e->count = count;
    e->all = ARENA_TAKE_N(&e->arena, struct registry_activity, count ? count : 1);
    for (size_t i = 0; i < count; i++)
        e->all[i] = (struct registry_activity){iot_id_copy(&e->arena, all[i].id), all[i].wall_ms};
    if (store_table_post(r->table, NULL, run_activity, NULL, e) != OK) {
        arena_clear(&e->arena);
        free(e);
    }
}

/* ---- what heads keep ---- */

struct keep_errand {
    struct arena arena;
    struct iot_id id;
    unsigned what;
};

static enum status run_keep(struct store_table *t, void *arg)
{
    struct keep_errand *e = arg;
    store_bind(t, SQL_KEEP, 1, e->id.device);
    store_bind(t, SQL_KEEP, 2, e->id.module);
    store_bind_i64(t, SQL_KEEP, 3, e->what);
    enum status s = store_run(t, SQL_KEEP);
    arena_clear(&e->arena);
    free(e);
    return s;
}

void registry_keep(struct registry *r, struct iot_id id, unsigned what)
{
    struct keep_errand *e = MEMORY_NEW(struct keep_errand);
    e->id = iot_id_copy(&e->arena, id);
    e->what = what;
    if (store_table_post(r->table, NULL, run_keep, NULL, e) != OK) {
        log_warn("registry: too busy to keep a session device=%.*s", SLICE_FMT(id.device));
        arena_clear(&e->arena);
        free(e);
    }
}

struct model_errand {
    struct arena arena;
    struct iot_id id;
    struct slice model_id;
};

static enum status run_model(struct store_table *t, void *arg)
{
    struct model_errand *e = arg;
    store_bind(t, SQL_MODEL, 1, e->id.device);
    store_bind(t, SQL_MODEL, 2, e->id.module);
    store_bind(t, SQL_MODEL, 3, e->model_id);
    enum status s = store_run(t, SQL_MODEL);
    arena_clear(&e->arena);
    free(e);
    return s;
}

void registry_model(struct registry *r, struct iot_id id, struct slice model_id)
{
    if (model_id.len == 0 || model_id.len > REGISTRY_MODEL_ID_MAX)
        return;
    struct model_errand *e = MEMORY_NEW(struct model_errand);
    e->id = iot_id_copy(&e->arena, id);
    e->model_id = arena_copy(&e->arena, model_id);
    if (store_table_post(r->table, NULL, run_model, NULL, e) != OK) {
        arena_clear(&e->arena);
        free(e);
    }
}
