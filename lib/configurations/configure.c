/* What configurations make of twins. */
#include "base/log.h"
#include "configurations/effect.h"
#include "configurations/rows.h"
#include "query/query.h"
#include "json/merge.h"

#define SYSTEM_MODULE(name) ((name).len && (name).at[0] == '$')

/* ---- one twin ---- */

static void note_news(struct configuring *c, struct iot_id id, struct slice patch, uint64_t version)
{
    if (c->count == c->size) {
        size_t size = c->size ? c->size * 2 : 8;
        struct registry_news *more = ARENA_TAKE_N(c->arena, struct registry_news, size);
        for (size_t n = 0; n < c->count; n++)
            more[n] = c->news[n];
        c->news = more;
        c->size = size;
    }
    c->news[c->count++] = (struct registry_news){iot_id_copy(c->arena, id), patch, version};
}

/* Desired becomes `wanted`; nothing happens when it is that already. */
static enum status change_desired(struct store_table *t, struct configuring *c, struct iot_id id,
                                  struct iot_twin *twin, struct slice wanted)
{
    struct json_doc *from = NULL, *to = NULL, *body = NULL;
    struct buffer text = {0};
    struct iot_twin_change made = {0};
    const struct iot_twin before = *twin;
    const char *why = NULL;
    enum status s = json_parse(twin->desired.values, JSON_STRICT, &from, NULL);
    if (s == OK)
        s = json_parse(wanted, JSON_STRICT, &to, NULL);
    if (s == OK && !json_equal(json_root(from), json_root(to))) {
        struct json_writer w = json_writer(&text);
        json_object(&w);
        json_name(&w, "properties"), json_object(&w);
        json_name(&w, "desired"), json_difference(json_root(from), json_root(to), &w);
        json_end_object(&w);
        json_end_object(&w);
        s = json_parse(buffer_slice(&text), JSON_STRICT, &body, NULL);
        if (s == OK)
            s = iot_twin_update(twin, &c->registry->limits->twin, c->arena, json_root(body),
                                IOT_TWIN_MERGE, c->now_ms, &made, &why);
        if (s == OK)
            s = registry_twin_store(t, id, &before, twin);
        if (s == OK) {
            note_news(c, id, made.desired_patch, twin->desired.version);
            registry_announce_update(&c->announcements, c->registry, c->arena, id, twin,
                                     json_root(body), &made, IOT_TWIN_MERGE, c->now_ms);
        }
    }
    if (why)
        log_warn("configuration does not fit the twin device=%.*s module=%.*s reason=\"%s\"",
                 SLICE_FMT(id.device), SLICE_FMT(id.module), why);
    json_free(&from);
    json_free(&to);
    json_free(&body);
    buffer_clear(&text);
    return why ? OK : s; /* one twin that is too large holds up no other */
}

static struct slice paths_before(struct store_table *t, struct arena *a, struct iot_id id,
                                 enum configuration_kind kind)
{
    struct slice paths = {0};
    store_bind(t, SQL_CONFIGURED_GET, 1, id.device);
    store_bind(t, SQL_CONFIGURED_GET, 2, id.module);
    store_bind_i64(t, SQL_CONFIGURED_GET, 3, kind);
    if (store_step(t, SQL_CONFIGURED_GET) == OK) {
        paths = arena_copy(a, store_column(t, SQL_CONFIGURED_GET, 0));
        store_reset(t, SQL_CONFIGURED_GET);
    }
    return paths;
}

static enum status remember_paths(struct store_table *t, struct iot_id id,
                                  enum configuration_kind kind, struct slice paths)
{
    bool none = slice_eq(paths, SLICE("[]"));
    size_t n = none ? SQL_CONFIGURED_DELETE : SQL_CONFIGURED_PUT;
    store_bind(t, n, 1, id.device);
    store_bind(t, n, 2, id.module);
    store_bind_i64(t, n, 3, kind);
    if (!none)
        store_bind(t, n, 4, paths);
    return store_run(t, n);
}

/* `kind`: whose settings of before go. CONFIGURATION_EMPTY: nobody's, and none are remembered.
 */
static enum status apply(struct store_table *t, struct configuring *c, struct iot_id id,
                         const struct configuration_effect *e, enum configuration_kind kind)
{
    bool remember = kind != CONFIGURATION_EMPTY;
    struct iot_twin twin;
    struct buffer desired = {0}, paths = {0};
    struct slice before = remember ? paths_before(t, c->arena, id, kind) : (struct slice){0};
    enum status s = registry_twin_load(t, c->arena, id, &twin);
    if (s == OK)
        s = configuration_apply(e, id.module, twin.desired.values, before, &desired, &paths);
    if (s == OK)
        s = change_desired(t, c, id, &twin, buffer_slice(&desired));
    if (s == OK && remember && !slice_eq(before, buffer_slice(&paths)))
        s = remember_paths(t, id, kind, buffer_slice(&paths));
    buffer_clear(&desired);
    buffer_clear(&paths);
    return s;
}

/* ---- an edge: one device, many modules ---- */

static enum status make_module(struct store_table *t, struct configuring *c, struct iot_id id)
{
    struct registry_errand errand = {
        .registry = c->registry,
        .ask = {.what = &registry_identity_put,
                .id = id,
                .body = SLICE("{\"managedBy\":\"IotEdge\"}")},
        .now_ms = c->now_ms,
    };
    enum status s = registry_identity_put.run(t, &errand);
    if (s != OK)
        log_warn("module of a deployment could not be made device=%.*s module=%.*s reason=\"%s\"",
                 SLICE_FMT(id.device), SLICE_FMT(id.module),
                 errand.answer.text ? errand.answer.text : status_name(s));
    buffer_clear(&errand.json);
    arena_clear(&errand.arena);
    return s;
}

static bool is_there(struct store_table *t, struct iot_id id)
{
    struct registry_row row;
    if (registry_row_get(t, id, &row) != OK)
        return false;
    store_reset(t, SQL_IDENTITY_GET);
    return true;
}

/* Each module that has a setting, once: `seen` by the first of its settings. */
static enum status apply_to_modules(struct store_table *t, struct configuring *c,
                                    struct slice device, const struct configuration_effect *e,
                                    enum configuration_kind kind)
{
    enum status s = OK;
    for (size_t n = 0; n < e->count && s == OK; n++) {
        struct slice module = e->settings[n]->module;
        bool seen = false;
        for (size_t i = 0; i < n && !seen; i++)
            seen = slice_eq(e->settings[i]->module, module);
        struct iot_id id = {device, module};
        if (seen || !iot_id_name_ok(module))
            continue;
        if (!is_there(t, id) && (SYSTEM_MODULE(module) || make_module(t, c, id) != OK))
            continue;
        s = apply(t, c, id, e, kind);
    }
    return s;
}

/* Modules of which a deployment has set something, and now sets nothing: what it had added goes.
 * When there is no deployment any more all stays as it is: what runs on an edge goes on. */
static enum status let_go_of_modules(struct store_table *t, struct configuring *c,
                                     struct slice device, const struct configuration_effect *e)
{
    struct slice modules[CONFIGURATION_SETTINGS_MAX];
    size_t count = 0;
    enum status s = e->count ? OK : NOT_FOUND;
    store_bind(t, SQL_CONFIGURED_MODULES, 1, device);
    store_bind_i64(t, SQL_CONFIGURED_MODULES, 2, CONFIGURATION_EDGE);
    while (s == OK && (s = store_step(t, SQL_CONFIGURED_MODULES)) == OK) {
        struct slice module = store_column(t, SQL_CONFIGURED_MODULES, 0);
        bool set = false;
        for (size_t n = 0; n < e->count && !set; n++)
            set = slice_eq(e->settings[n]->module, module);
        if (!set && count < CONFIGURATION_SETTINGS_MAX)
            modules[count++] = arena_copy(c->arena, module);
    }
    store_reset(t, SQL_CONFIGURED_MODULES);
    for (size_t n = 0; n < count && s == NOT_FOUND; n++)
        if (apply(t, c, (struct iot_id){device, modules[n]}, e, CONFIGURATION_EDGE) != OK)
            s = IO_FAILED;
    return s == NOT_FOUND ? OK : s;
}

/* ---- which configurations are for it ---- */

struct matching {
    const struct configuration **list; /* in order of their rank */
    size_t count;
};

static enum status match(struct store_table *t, struct configuring *c, struct iot_id id,
                         enum configuration_kind kind, struct matching *out)
{
    const struct configuration *const *all;
    size_t count;
    enum status s = configurations_ranked(c->registry, t, &all, &count);
    out->count = 0;
    out->list = s == OK ? ARENA_TAKE_N(c->arena, const struct configuration *, count + 1) : NULL;
    for (size_t n = 0; n < count && s == OK; n++) {
        bool holds = false;
        if (all[n]->kind == kind && all[n]->target.len)
            s = query_holds(t, c->arena, &all[n]->query, id, &holds);
        if (holds)
            out->list[out->count++] = all[n];
    }
    return s;
}

/* The rows say for whom a configuration is, and whether all of it holds there. */
static enum status remember_targets(struct store_table *t, struct iot_id id,
                                    const struct matching *m, const struct configuration_effect *e)
{
    enum status s = OK;
    for (size_t n = 0; n < m->count && s == OK; n++) {
        store_bind(t, SQL_CONFIGURATION_TARGET_PUT, 1, m->list[n]->id);
        store_bind(t, SQL_CONFIGURATION_TARGET_PUT, 2, id.device);
        store_bind(t, SQL_CONFIGURATION_TARGET_PUT, 3, id.module);
        store_bind_i64(t, SQL_CONFIGURATION_TARGET_PUT, 4, e->applied[n]);
        s = store_run(t, SQL_CONFIGURATION_TARGET_PUT);
    }
    return s;
}

static enum status forget_targets(struct store_table *t, struct iot_id id)
{
    store_bind(t, SQL_CONFIGURATION_TARGETS_DELETE, 1, id.device);
    store_bind(t, SQL_CONFIGURATION_TARGETS_DELETE, 2, id.module);
    return store_run(t, SQL_CONFIGURATION_TARGETS_DELETE);
}

static enum status configure_kind(struct store_table *t, struct configuring *c, struct iot_id id,
                                  enum configuration_kind kind)
{
    struct matching m;
    enum status s = match(t, c, id, kind, &m);
    if (s != OK)
        return s;
    struct configuration_effect e = configuration_effect(c->arena, m.list, m.count);
    if (kind == CONFIGURATION_EDGE) {
        s = apply_to_modules(t, c, id.device, &e, kind);
        if (s == OK)
            s = let_go_of_modules(t, c, id.device, &e);
    } else {
        s = apply(t, c, id, &e, kind);
    }
    return s == OK ? remember_targets(t, id, &m, &e) : s;
}

static enum status configure(struct store_table *t, struct configuring *c, struct iot_id id)
{
    struct registry_row row;
    enum status s = registry_row_get(t, id, &row);
    bool edge = s == OK && row.i.edge && id.module.len == 0;
    if (s == OK)
        store_reset(t, SQL_IDENTITY_GET);
    enum status forgotten = forget_targets(t, id);
    if (s == NOT_FOUND)
        return forgotten; /* it has gone; a trigger has forgotten the rest */
    if (s == OK)
        s = forgotten;
    if (s == OK)
        s = configure_kind(t, c, id, id.module.len ? CONFIGURATION_MODULE : CONFIGURATION_DEVICE);
    if (s == OK && edge)
        s = configure_kind(t, c, id, CONFIGURATION_EDGE);
    return s;
}

/* Last: what it wrote itself makes it dirty, too. */
enum status configure_identity(struct store_table *t, struct configuring *c, struct iot_id id)
{
    enum status s = configure(t, c, id);
    if (s != OK)
        return s;
    store_bind(t, SQL_CONFIGURATION_CLEAN, 1, id.device);
    store_bind(t, SQL_CONFIGURATION_CLEAN, 2, id.module);
    return store_run(t, SQL_CONFIGURATION_CLEAN);
}

enum status configure_content(struct store_table *t, struct configuring *c, struct iot_id id,
                              const struct configuration *content)
{
    const struct configuration *one[] = {content};
    struct configuration whole = *content;
    whole.layered = false; /* a content that only adds is laid on what is there */
    one[0] = &whole;
    struct configuration_effect e = configuration_effect(c->arena, one, 1);
    return content->kind == CONFIGURATION_EDGE
               ? apply_to_modules(t, c, id.device, &e, CONFIGURATION_EMPTY)
               : apply(t, c, id, &e, CONFIGURATION_EMPTY);
}

/* ---- what is to be done ---- */

static enum status mark_dirty(struct store_table *t, struct iot_id id)
{
    store_bind(t, SQL_CONFIGURATION_DIRTY_PUT, 1, id.device);
    store_bind(t, SQL_CONFIGURATION_DIRTY_PUT, 2, id.module);
    return store_run(t, SQL_CONFIGURATION_DIRTY_PUT);
}

static const struct configuration *find(struct store_table *t, struct configuring *c,
                                        struct slice name)
{
    const struct configuration *const *all;
    size_t count;
    if (configurations_ranked(c->registry, t, &all, &count) != OK)
        return NULL;
    for (size_t n = 0; n < count; n++)
        if (slice_eq(all[n]->id, name))
            return all[n];
    return NULL;
}

/* The next of those that a changed configuration is for; those that it was for at its beginning. */
static enum status mark_page(struct store_table *t, struct configuring *c, struct slice name,
                             int64_t after, size_t limit)
{
    const struct configuration *one = find(t, c, name);
    struct iot_id *ids = ARENA_TAKE_N(c->arena, struct iot_id, limit);
    size_t count = 0;
    bool end = one == NULL || one->target.len == 0 || one->kind == CONFIGURATION_EMPTY;
    enum status s = OK;
    if (after == 0) {
        store_bind(t, SQL_CONFIGURATION_DIRTY_ALL, 1, name);
        s = store_run(t, SQL_CONFIGURATION_DIRTY_ALL);
    }
    if (s == OK && !end)
        s = query_ids(t, c->arena, &one->query, &after, limit, ids, &count, &end);
    for (size_t n = 0; n < count && s == OK; n++)
        s = mark_dirty(t, ids[n]);
    if (s != OK)
        return s;
    size_t statement = end ? SQL_CONFIGURATION_WORK_DELETE : SQL_CONFIGURATION_WORK_ON;
    store_bind(t, statement, 1, name);
    if (!end)
        store_bind_i64(t, statement, 2, after);
    return store_run(t, statement);
}

static enum status work_on(struct store_table *t, struct configuring *c, size_t limit, bool *more)
{
    *more = false;
    enum status s = store_step(t, SQL_CONFIGURATION_WORK);
    if (s != OK)
        return s == NOT_FOUND ? OK : s;
    struct slice name = arena_copy(c->arena, store_column(t, SQL_CONFIGURATION_WORK, 0));
    int64_t after = store_column_i64(t, SQL_CONFIGURATION_WORK, 1);
    store_reset(t, SQL_CONFIGURATION_WORK);
    *more = true;
    return mark_page(t, c, name, after, limit);
}

enum status configure_next(struct store_table *t, struct configuring *c, size_t limit,
                           struct iot_id *out, size_t *count, bool *more)
{
    enum status s = work_on(t, c, limit, more);
    *count = 0;
    if (s != OK)
        return s;
    store_bind_i64(t, SQL_CONFIGURATION_DIRTY, 1, (int64_t)limit);
    while ((s = store_step(t, SQL_CONFIGURATION_DIRTY)) == OK)
        out[(*count)++] =
            iot_id_copy(c->arena, (struct iot_id){store_column(t, SQL_CONFIGURATION_DIRTY, 0),
                                                  store_column(t, SQL_CONFIGURATION_DIRTY, 1)});
    return s == NOT_FOUND ? OK : s;
}
