/* Configurations as REST has them: stored, listed, with the counts of those that they reached. */
#include "configurations/rows.h"

#include <stdlib.h>

#include "base/memory.h"
#include "query/query.h"

/* ---- the parsed ones ---- */

struct configurations_cache {
    struct arena arena;
    struct json_doc **docs;
    const struct configuration **list;
    size_t count;
};

void configurations_forget(struct registry *r)
{
    struct configurations_cache *c = r->configurations.read;
    r->configurations.read = NULL;
    if (c == NULL)
        return;
    for (size_t n = 0; n < c->count; n++)
        json_free(&c->docs[n]);
    arena_clear(&c->arena);
    free(c->docs);
    free(c->list);
    free(c);
}

/* A row of SQL_CONFIGURATIONS, which was checked before it was stored. */
static enum status add(struct registry *r, struct configurations_cache *c, struct store_table *t)
{
    struct configuration *one = ARENA_TAKE(&c->arena, struct configuration);
    enum configuration_part part;
    const char *why;
    struct json_doc *doc = NULL;
    enum status s = json_parse(store_column(t, SQL_CONFIGURATIONS, 4), JSON_STRICT, &doc, NULL);
    if (s != OK)
        return s;
    c->docs = memory_resize(c->docs, (c->count + 1) * sizeof(*c->docs));
    c->list = memory_resize(c->list, (c->count + 1) * sizeof(*c->list));
    c->docs[c->count] = doc;
    c->list[c->count++] = one;
    one->id = arena_copy(&c->arena, store_column(t, SQL_CONFIGURATIONS, 0));
    one->created_ms = (uint64_t)store_column_i64(t, SQL_CONFIGURATIONS, 1);
    /* A limit may have been lowered since: what is there goes on. */
    struct iot_limits limits = *r->limits;
    limits.configuration_metrics = limits.configuration_modules = UINT64_MAX;
    return configuration_read(&c->arena, &limits, json_root(doc), one, &why, &part);
}

enum status configurations_ranked(struct registry *r, struct store_table *t,
                                  const struct configuration *const **list, size_t *count)
{
    enum status s = OK;
    struct configurations_cache **read = &r->configurations.read;
    if (*read == NULL) {
        *read = MEMORY_NEW(struct configurations_cache);
        r->configurations.forget = configurations_forget;
        while ((s = store_step(t, SQL_CONFIGURATIONS)) == OK)
            if ((s = add(r, *read, t)) != OK) {
                store_reset(t, SQL_CONFIGURATIONS);
                break;
            }
        if (s != NOT_FOUND) {
            configurations_forget(r);
            return s;
        }
        configuration_rank((*read)->list, (*read)->count);
    }
    *list = (*read)->list;
    *count = (*read)->count;
    return OK;
}

/* ---- printing ---- */

static void put_count(struct store_table *t, struct json_writer *w, const char *name,
                      enum registry_statement statement, struct slice id)
{
    store_bind(t, statement, 1, id);
    json_name(w, name);
    if (store_step(t, statement) == OK) {
        json_put_i64(w, store_column_i64(t, statement, 0));
        store_reset(t, statement);
    } else {
        json_put_i64(w, 0);
    }
}

static void put_query(struct json_writer *w, struct arena *a, const char *name, const char *form,
                      struct slice text)
{
    json_name(w, name), json_put_text(w, arena_printf(a, form, SLICE_FMT(text)));
}

/* Whom it is for, as a query; targets may bring their own FROM. */
static void put_target_query(struct json_writer *w, struct arena *a, const struct configuration *c)
{
    bool modules = c->kind == CONFIGURATION_MODULE;
    struct slice where = slice_eq(c->target, SLICE("*")) ? (struct slice){0} : c->target;
    const char *form = modules     ? "SELECT deviceId, moduleId %.*s"
                       : where.len ? "SELECT deviceId FROM devices WHERE %.*s"
                                   : "SELECT deviceId FROM devices%.*s";
    put_query(w, a, "targetedCount", form, where);
}

static void put_system_metrics(struct store_table *t, struct json_writer *w, struct arena *a,
                               const struct configuration *c)
{
    bool edge = c->kind == CONFIGURATION_EDGE;
    json_name(w, "systemMetrics"), json_object(w);
    json_name(w, "results"), json_object(w);
    put_count(t, w, "targetedCount", SQL_CONFIGURATION_TARGETED, c->id);
    put_count(t, w, "appliedCount", SQL_CONFIGURATION_APPLIED, c->id);
    if (edge) {
        put_count(t, w, "reportedSuccessfulCount", SQL_CONFIGURATION_SUCCESSFUL, c->id);
        put_count(t, w, "reportedFailedCount", SQL_CONFIGURATION_FAILED, c->id);
    }
    json_end_object(w);
    json_name(w, "queries"), json_object(w);
    put_target_query(w, a, c);
    put_query(w, a, "appliedCount",
              c->kind == CONFIGURATION_MODULE
                  ? "SELECT deviceId, moduleId FROM devices.modules WHERE "
                    "configurations.[[%.*s]].status = 'Applied'"
                  : "SELECT deviceId FROM devices WHERE configurations.[[%.*s]].status = 'Applied'",
              c->id);
    json_end_object(w);
    json_end_object(w);
}

static void put_member(struct json_writer *w, const struct json *body, const char *name)
{
    const struct json *v = json_get(body, name);
    json_name(w, name);
    if (v)
        json_put_value(w, v);
    else
        json_put_null(w);
}

/* The row that `statement` stands on. */
static enum status print(struct store_table *t, struct registry_errand *e, size_t statement,
                         struct json_writer *w)
{
    struct configuration c = {.id = arena_copy(&e->arena, store_column(t, statement, 0))};
    struct json_doc *doc = NULL;
    const char *why;
    enum status s = json_parse(store_column(t, statement, 4), JSON_STRICT, &doc, NULL);
    const struct json *body = json_root(doc);
    if (s == OK)
        s = configuration_content_read(&e->arena, json_get(body, "content"), &c, &why);
    if (s != OK) {
        json_free(&doc);
        return s;
    }
    c.target = json_string(json_get(body, "targetCondition"));
    json_object(w);
    json_member(w, "id", c.id);
    put_member(w, body, "schemaVersion");
    put_member(w, body, "labels");
    put_member(w, body, "content");
    put_member(w, body, "targetCondition");
    json_name(w, "createdTimeUtc"), json_put_time(w, (uint64_t)store_column_i64(t, statement, 1));
    json_name(w, "lastUpdatedTimeUtc"),
        json_put_time(w, (uint64_t)store_column_i64(t, statement, 2));
    json_name(w, "priority");
    json_put_i64(w, store_column_i64(t, statement, 5));
    put_system_metrics(t, w, &e->arena, &c);
    json_name(w, "metrics"), json_object(w);
    json_name(w, "results"), json_object(w), json_end_object(w); /* metrics.c */
    json_name(w, "queries");
    const struct json *queries = json_get(json_get(body, "metrics"), "queries");
    if (queries)
        json_put_value(w, queries);
    else
        json_object(w), json_end_object(w);
    json_end_object(w);
    json_member(w, "etag", store_column(t, statement, 3));
    json_end_object(w);
    e->answer.etag = arena_copy(&e->arena, store_column(t, statement, 3));
    json_free(&doc);
    return OK;
}

/* ---- reading ---- */

static enum status find(struct store_table *t, struct registry_errand *e)
{
    store_bind(t, SQL_CONFIGURATION_GET, 1, e->ask.name);
    enum status s = store_step(t, SQL_CONFIGURATION_GET);
    return s == NOT_FOUND ? registry_refuse(e, s, "there is no such configuration") : s;
}

static enum status run_get(struct store_table *t, struct registry_errand *e)
{
    enum status s = find(t, e);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&e->json);
    s = print(t, e, SQL_CONFIGURATION_GET, &w);
    store_reset(t, SQL_CONFIGURATION_GET);
    return s;
}

static enum status run_list(struct store_table *t, struct registry_errand *e)
{
    size_t most = e->registry->limits->configurations;
    size_t top = e->ask.top && e->ask.top < most ? e->ask.top : most, n = 0;
    struct json_writer w = json_writer(&e->json);
    enum status s;
    json_array(&w);
    while ((s = store_step(t, SQL_CONFIGURATIONS)) == OK) {
        if (n++ < top)
            s = print(t, e, SQL_CONFIGURATIONS, &w);
        if (s != OK || n == top) {
            store_reset(t, SQL_CONFIGURATIONS);
            break;
        }
    }
    json_end_array(&w);
    e->answer.etag = (struct slice){0};
    return s == NOT_FOUND ? OK : s;
}

/* ---- writing ---- */

static enum status refuse_part(struct registry_errand *e, enum configuration_part part,
                               const char *why)
{
    static const enum iot_thing things[] = {
        [CONFIGURATION_BODY] = IOT_CONFIGURATION,
        [CONFIGURATION_TARGET] = IOT_CONFIGURATION_TARGET,
        [CONFIGURATION_METRIC] = IOT_CONFIGURATION_METRIC,
    };
    e->answer.of = things[part];
    return registry_refuse(e, BAD_ARGUMENT, why);
}

static enum status check(struct registry_errand *e, const struct json *body)
{
    struct configuration c = {0};
    struct iot_query q;
    enum configuration_part part;
    const char *why;
    struct slice id = json_string(json_get(body, "id"));
    if (!configuration_id_ok(e->ask.name))
        return registry_refuse(e, BAD_ARGUMENT,
                               "an id has up to 128 lower-case letters, digits and "
                               "- : + % _ # * ? ! ( ) , = @ ; '");
    if (id.len && !slice_eq(id, e->ask.name))
        return registry_refuse(e, BAD_ARGUMENT, "the body's id is not the path's");
    enum status s = configuration_read(&e->arena, e->registry->limits, body, &c, &why, &part);
    if (s == OK && c.target.len) {
        part = CONFIGURATION_TARGET;
        s = query_target(c.target, &e->arena, &q, &why);
    }
    for (struct json_walk m = json_walk(json_get(json_get(body, "metrics"), "queries"));
         s == OK && json_next(&m);) {
        part = CONFIGURATION_METRIC;
        s = iot_query_parse(json_string(m.value), &e->arena, &q, &why);
        if (s != OK)
            why = arena_printf(&e->arena, "metrics.queries.%.*s: %s", SLICE_FMT(m.name), why);
    }
    return s == OK ? OK : refuse_part(e, part, why);
}

static bool same_content(const struct json *a, const struct json *b)
{
    return json_equal(a, b) || (json_count(a) == 0 && json_count(b) == 0);
}

/* What may be there already: its content stays as it is for ever. */
static enum status check_update(struct store_table *t, struct registry_errand *e,
                                const struct json *body, bool *exists)
{
    struct json_doc *doc = NULL;
    enum status s = find(t, e);
    *exists = s == OK;
    if (s == NOT_FOUND) {
        e->answer.text = NULL;
        return e->ask.if_match.len && !slice_eq(e->ask.if_match, SLICE("*"))
                   ? registry_refuse(e, NOT_FOUND, "there is no such configuration")
                   : OK;
    }
    if (s != OK)
        return s;
    if (e->ask.if_match.len == 0)
        s = registry_refuse(e, EXISTS, "there is a configuration of this id; If-Match updates it");
    else if (!registry_etag_matches(e, store_column(t, SQL_CONFIGURATION_GET, 3)))
        s = registry_refuse(e, CONFLICT,
                            "it has changed since it was read: its etag is another one");
    else
        s = json_parse(store_column(t, SQL_CONFIGURATION_GET, 4), JSON_STRICT, &doc, NULL);
    if (s == OK && !same_content(json_get(json_root(doc), "content"), json_get(body, "content")))
        s = registry_refuse(e, UNSUPPORTED,
                            "content cannot be changed: make a configuration of another id");
    json_free(&doc);
    store_reset(t, SQL_CONFIGURATION_GET);
    return s;
}

static enum status count_of(struct store_table *t, size_t *count)
{
    enum status s = store_step(t, SQL_CONFIGURATIONS_COUNT);
    *count = s == OK ? (size_t)store_column_i64(t, SQL_CONFIGURATIONS_COUNT, 0) : 0;
    store_reset(t, SQL_CONFIGURATIONS_COUNT);
    return s;
}

static enum status mark_work(struct store_table *t, struct slice name)
{
    store_bind(t, SQL_CONFIGURATION_WORK_INSERT, 1, name);
    return store_run(t, SQL_CONFIGURATION_WORK_INSERT);
}

static enum status store(struct store_table *t, struct registry_errand *e, const struct json *body)
{
    int64_t priority = 0;
    json_i64(json_get(body, "priority"), &priority);
    store_bind(t, SQL_CONFIGURATION_PUT, 1, e->ask.name);
    store_bind_i64(t, SQL_CONFIGURATION_PUT, 2, (int64_t)e->now_ms);
    store_bind(t, SQL_CONFIGURATION_PUT, 3, registry_new_etag(&e->arena));
    store_bind(t, SQL_CONFIGURATION_PUT, 4, e->ask.body);
    store_bind_i64(t, SQL_CONFIGURATION_PUT, 5, priority);
    enum status s = store_run(t, SQL_CONFIGURATION_PUT);
    if (s == OK)
        s = mark_work(t, e->ask.name);
    configurations_forget(e->registry);
    return s;
}

static enum status put(struct store_table *t, struct registry_errand *e, const struct json *body)
{
    bool exists;
    size_t count;
    enum status s = check(e, body);
    if (s == OK)
        s = check_update(t, e, body, &exists);
    if (s != OK)
        return s;
    if (!exists && (s = count_of(t, &count)) == OK && count >= e->registry->limits->configurations)
        return registry_refuse(e, FULL,
                               "there are as many configurations as "
                               "limits.configurations allows");
    if (s == OK)
        s = store(t, e, body);
    e->configure = s == OK;
    return s == OK ? run_get(t, e) : s;
}

static enum status run_put(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (e->ask.body.len > CONFIGURATION_TEXT_MAX ||
        json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_OBJECT)) {
        json_free(&doc);
        return registry_refuse(e, BAD_ARGUMENT, "the body must be a JSON object of at most 512 KB");
    }
    enum status s = put(t, e, json_root(doc));
    json_free(&doc);
    return s;
}

static enum status run_delete(struct store_table *t, struct registry_errand *e)
{
    enum status s = find(t, e);
    if (s != OK)
        return s;
    bool same = e->ask.if_match.len == 0 ||
                registry_etag_matches(e, store_column(t, SQL_CONFIGURATION_GET, 3));
    store_reset(t, SQL_CONFIGURATION_GET);
    if (!same)
        return registry_refuse(e, CONFLICT,
                               "it has changed since it was read: its etag is another one");
    store_bind(t, SQL_CONFIGURATION_DELETE, 1, e->ask.name);
    s = store_run(t, SQL_CONFIGURATION_DELETE);
    if (s == OK)
        s = mark_work(t, e->ask.name);
    configurations_forget(e->registry);
    e->configure = s == OK;
    return s;
}

/* ---- content for one device, and queries to be tried ---- */

static enum status run_content(struct store_table *t, struct registry_errand *e)
{
    struct configuring c = {.registry = e->registry, .arena = &e->arena, .now_ms = e->now_ms};
    struct configuration content = {0};
    struct registry_row row;
    struct json_doc *doc = NULL;
    const char *why = "the body must be a JSON object";
    enum status s = registry_row_get(t, e->ask.id, &row);
    if (s != OK)
        return s;
    store_reset(t, SQL_IDENTITY_GET);
    s = json_parse(e->ask.body, JSON_STRICT, &doc, NULL) == OK
            ? configuration_content_read(&e->arena, json_root(doc), &content, &why)
            : BAD_ARGUMENT;
    if (s == OK && content.kind == CONFIGURATION_MODULE) {
        s = BAD_ARGUMENT;
        why = "moduleContent is for configurations; a device takes modulesContent or deviceContent";
    }
    if (s == BAD_ARGUMENT)
        s = refuse_part(e, CONFIGURATION_BODY, why);
    if (s == OK)
        s = configure_content(t, &c, e->ask.id, &content);
    e->news = c.news;
    e->news_count = s == OK ? c.count : 0;
    e->announcements = c.announcements;
    json_free(&doc);
    return s;
}

/* {"targetCondition":…,"customMetricQueries":{…}} in, what is wrong with them out. */
static enum status run_test(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    struct iot_query q;
    const char *why;
    (void)t;
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK)
        return registry_refuse(e, BAD_ARGUMENT, "the body must be a JSON object");
    struct slice target = slice_trim(json_string(json_get(json_root(doc), "targetCondition")));
    struct json_writer w = json_writer(&e->json);
    json_object(&w);
    json_name(&w, "targetConditionError");
    if (target.len && query_target(target, &e->arena, &q, &why) != OK)
        json_put_text(&w, why);
    else
        json_put_null(&w);
    json_name(&w, "customMetricQueryErrors"), json_object(&w);
    for (struct json_walk m = json_walk(json_get(json_root(doc), "customMetricQueries"));
         json_next(&m);)
        if (iot_query_parse(json_string(m.value), &e->arena, &q, &why) != OK)
            json_name_slice(&w, m.name), json_put_text(&w, why);
    json_end_object(&w);
    json_end_object(&w);
    json_free(&doc);
    return OK;
}

/* ---- what can be asked ---- */

const struct registry_work configuration_list = {run_list, IOT_CONFIGURATION};
const struct registry_work configuration_get = {run_get, IOT_CONFIGURATION};
const struct registry_work configuration_put = {run_put, IOT_CONFIGURATION};
const struct registry_work configuration_delete = {run_delete, IOT_CONFIGURATION};
const struct registry_work configuration_test = {run_test, IOT_CONFIGURATION};
const struct registry_work configuration_content = {run_content, IOT_DEVICE, .changes = true};
