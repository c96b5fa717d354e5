/*
 * One discovery into the registry (2.8's onboarding). The body is an array of DiscoveryEvent
 * {timeStamp, index, registration, application} and one {…, result}. An application that is new,
 * disabled, or owned by this discoverer is written, enabled and owned by it; another's stays as it
 * is; what the discoverer owned and did not find is disabled, never deleted, unless it only came to
 * register.
 */
#include <ctype.h>

#include "base/log.h"
#include "base/map.h"
#include "services/registry_priv.h"
#include "json/write.h"

/* What this discovery found: id to &owned or &foreign. The keys are in the job's arena. */
static char owned, foreign;

struct merge {
    struct registry_job *j;
    const struct json *result;
    const struct json *filter; /* EndpointActivationFilter */
    struct map applications, endpoints;
    unsigned added, patched, left, disabled;
};

/* ---- applications ---- */

static bool may_take(uint64_t not_seen_ms, struct slice owner, struct slice discoverer)
{
    return not_seen_ms != 0 || owner.len == 0 || slice_eq(owner, discoverer);
}

static enum status write_application(struct merge *m, struct slice id, struct slice site,
                                     const struct json *said, const struct application_row *before)
{
    struct registry_job *j = m->j;
    struct json_doc *old = NULL;
    const struct json *old_info = before ? registry_parse(before->info, &old) : NULL;
    struct buffer info = {0};
    services_documents_put_application(
        &(struct services_documents_application){.id = id,
                                                 .site = site,
                                                 .discoverer = j->ask.discoverer,
                                                 .said = said,
                                                 .created = json_get(old_info, "created"),
                                                 .now = {j->ask.discoverer, j->now_ms},
                                                 .update = before != NULL},
        &info);
    enum status s = application_row_put(
        j->table,
        &(struct application_row){.id = id,
                                  .site = registry_site_or_gateway(site, j->ask.discoverer),
                                  .discoverer = j->ask.discoverer,
                                  .info = buffer_slice(&info)});
    buffer_clear(&info);
    json_free(&old);
    return s;
}

static struct slice site_of(const struct json *event)
{
    struct slice site =
        json_string(json_get_nocase(json_get_nocase(event, "application"), "siteId"));
    return site.len > 0
               ? site
               : json_string(json_get_nocase(json_get_nocase(event, "registration"), "siteId"));
}

/* *found: the entry of m->applications. */
static enum status merge_application(struct merge *m, const struct json *event,
                                     struct map_entry *found)
{
    struct registry_job *j = m->j;
    const struct json *said = json_get_nocase(event, "application");
    struct slice site = site_of(event), uri = json_string(json_get_nocase(said, "applicationUri"));
    char text[SERVICES_ID_MAX];
    services_ids_application(registry_site_or_gateway(site, j->ask.discoverer),
                             services_documents_type(said), uri, text);
    found->value = map_get(&m->applications, slice_of(text));
    found->key = arena_copy(&j->arena, slice_of(text));
    if (found->value)
        return OK; /* written with its first endpoint */
    struct application_row row;
    enum status s = application_row_get(j->table, found->key, &row);
    if (s != OK && s != NOT_FOUND)
        return s;
    bool there = s == OK;
    if (there)
        row = application_row_copy(j, &row);
    bool take = !there || may_take(row.not_seen_ms, row.discoverer, j->ask.discoverer);
    found->value = take ? &owned : &foreign;
    map_put(&m->applications, found->key, found->value);
    m->added += !there;
    m->patched += there && take;
    m->left += !take;
    if (take && !there)
        registry_tell(j, false, "New", found->key);
    if (take)
        registry_tell(j, false, !there || row.not_seen_ms ? "Enabled" : "Updated", found->key);
    return take ? write_application(m, found->key, site, said, there ? &row : NULL) : OK;
}

/* ---- endpoints ---- */

static struct slice lower(struct arena *a, struct slice s)
{
    uint8_t *copy = (uint8_t *)arena_copy(a, s).at;
    for (size_t i = 0; i < s.len; i++)
        copy[i] = (uint8_t)tolower(copy[i]);
    return slice_from(copy, s.len);
}

static enum status write_endpoint(struct merge *m, struct slice id, struct slice application,
                                  const struct json *event, bool activated)
{
    struct registry_job *j = m->j;
    const struct json *said = json_get_nocase(event, "registration");
    const struct json *endpoint = json_get_nocase(said, "endpoint");
    struct slice site = site_of(event);
    struct buffer text = {0};
    services_documents_put_endpoint(
        &(struct services_documents_endpoint){.id = id,
                                              .site = site,
                                              .discoverer = j->ask.discoverer,
                                              .supervisor = j->ask.supervisor,
                                              .said = said},
        &text);
    enum status s = endpoint_row_put(
        j->table, &(struct endpoint_row){
                      .id = id,
                      .application = application,
                      .site = registry_site_or_gateway(site, j->ask.discoverer),
                      .discoverer = j->ask.discoverer,
                      .supervisor = j->ask.supervisor,
                      .url = lower(&j->arena, services_documents_url(said)),
                      .mode = services_documents_mode(said),
                      .policy = services_documents_policy(said),
                      .certificate = json_string(json_get_nocase(endpoint, "certificate")),
                      .activated = activated || services_documents_filter_matches(m->filter, said),
                      .registration = buffer_slice(&text)});
    buffer_clear(&text);
    return s;
}

static enum status merge_endpoint(struct merge *m, const struct json *event,
                                  struct slice application)
{
    struct registry_job *j = m->j;
    const struct json *said = json_get_nocase(event, "registration");
    struct slice url = services_documents_url(said);
    if (url.len == 0)
        return OK; /* an application that answered without endpoints */
    char text[SERVICES_ID_MAX];
    services_ids_endpoint(url, application, services_documents_mode(said),
                          services_documents_policy(said), text);
    struct slice id = arena_copy(&j->arena, slice_of(text));
    struct endpoint_row row;
    enum status s = endpoint_row_get(j->table, id, &row);
    if (s != OK && s != NOT_FOUND)
        return s;
    bool take = s == NOT_FOUND || may_take(row.not_seen_ms, row.discoverer, j->ask.discoverer);
    bool activated = s == OK && row.activated;
    if (take && s == NOT_FOUND)
        registry_tell(j, true, "New", id);
    if (take)
        registry_tell(j, true, s == NOT_FOUND || row.not_seen_ms ? "Enabled" : "Updated", id);
    map_put(&m->endpoints, id, take ? &owned : &foreign);
    return take ? write_endpoint(m, id, application, event, activated) : OK;
}

static enum status merge_events(struct merge *m)
{
    struct json_walk w = json_walk(m->j->body);
    while (json_next(&w)) {
        const struct json *application = json_get_nocase(w.value, "application");
        if (json_string(json_get_nocase(application, "applicationUri")).len == 0)
            continue;
        struct map_entry found = {0};
        enum status s = merge_application(m, w.value, &found);
        if (s == OK && found.value == &owned)
            s = merge_endpoint(m, w.value, found.key);
        if (s != OK)
            return s;
    }
    return OK;
}

/* ---- what was not found ---- */

struct missing {
    struct missing *next;
    struct slice id;
};

static void miss(struct merge *m, struct missing **list, struct slice id)
{
    struct missing *one = ARENA_TAKE(&m->j->arena, struct missing);
    one->id = arena_copy(&m->j->arena, id);
    one->next = *list;
    *list = one;
}

static enum status find_missing(struct merge *m, struct missing **applications,
                                struct missing **endpoints)
{
    struct registry_job *j = m->j;
    struct application_row application;
    struct endpoint_row endpoint;
    enum status s;
    store_bind(j->table, APPLICATION_OWNED, 1, j->ask.discoverer);
    while ((s = application_row_next(j->table, APPLICATION_OWNED, &application)) == OK)
        if (!map_get(&m->applications, application.id))
            miss(m, applications, application.id);
    if (s != NOT_FOUND)
        return s;
    store_bind(j->table, ENDPOINT_OWNED, 1, j->ask.discoverer);
    while ((s = endpoint_row_next(j->table, ENDPOINT_OWNED, &endpoint)) == OK)
        if (!map_get(&m->endpoints, endpoint.id))
            miss(m, endpoints, endpoint.id);
    return s == NOT_FOUND ? OK : s;
}

static enum status disable(struct merge *m, enum services_statement statement,
                           const struct missing *list)
{
    enum status s = OK;
    for (; list && s == OK; list = list->next) {
        store_bind(m->j->table, statement, 1, list->id);
        store_bind_i64(m->j->table, statement, 2, (int64_t)m->j->now_ms);
        s = store_run(m->j->table, statement);
        registry_tell(m->j, statement == ENDPOINT_SEEN, "Disabled", list->id);
        m->disabled++;
    }
    return s;
}

static enum status disable_missing(struct merge *m)
{
    struct missing *applications = NULL, *endpoints = NULL;
    enum status s = find_missing(m, &applications, &endpoints);
    if (s == OK)
        s = disable(m, APPLICATION_SEEN, applications);
    if (s == OK)
        s = disable(m, ENDPOINT_SEEN, endpoints);
    return s;
}

/* ---- all of it ---- */

/* Upstream, too, takes none of a discovery that speaks for two sites. */
static bool is_of_one_site(const struct json *events)
{
    struct slice site = {0};
    bool first = true;
    struct json_walk w = json_walk(events);
    while (json_next(&w)) {
        if (!json_get_nocase(w.value, "application"))
            continue;
        struct slice this = site_of(w.value);
        if (!first && !slice_eq(this, site))
            return false;
        site = this;
        first = false;
    }
    return true;
}

static const struct json *find_result(const struct json *events)
{
    struct json_walk w = json_walk(events);
    while (json_next(&w)) {
        const struct json *result = json_get_nocase(w.value, "result");
        if (json_is(result, JSON_OBJECT))
            return result;
    }
    return NULL;
}

enum status registry_merge(struct registry_job *j)
{
    struct merge m = {.j = j, .result = find_result(j->body)};
    struct json_doc *filter = NULL;
    m.filter = json_get_nocase(json_get_nocase(m.result, "discoveryConfig"), "activationFilter");
    if (!json_is(m.filter, JSON_OBJECT) && j->ask.filter.len)
        m.filter = registry_parse(j->ask.filter, &filter);
    enum status s = OK;
    if (!is_of_one_site(j->body)) {
        log_error("discovery dropped: it speaks for more than one site discoverer=%.*s",
                  SLICE_FMT(j->ask.discoverer));
    } else {
        s = merge_events(&m);
        if (s == OK && !json_bool(json_get_nocase(m.result, "registerOnly"), false))
            s = disable_missing(&m);
    }
    if (s == OK)
        s = registry_remember(j);
    if (s == OK)
        log_info("discovery merged discoverer=%.*s new=%u patched=%u left=%u disabled=%u",
                 SLICE_FMT(j->ask.discoverer), m.added, m.patched, m.left, m.disabled);
    map_clear(&m.applications);
    map_clear(&m.endpoints);
    json_free(&filter);
    return s;
}
