#include "services/fleet_documents.h"

#include <ctype.h>
#include <stdio.h>

#include "json/merge.h"
#include "services/ids.h"

/* A member of the API's configurations; in twins its name begins with a capital, and a list is {"0":…}. */
struct member {
    const char *name;
    bool list;
};

static const struct member discovery_config[] = {
    {"addressRangesToScan", false},  {"networkProbeTimeout", false},  {"maxNetworkProbes", false},
    {"portRangesToScan", false},     {"portProbeTimeout", false},     {"maxPortProbes", false},
    {"minPortProbesPercent", false}, {"idleTimeBetweenScans", false}, {"discoveryUrls", true},
    {"locales", true},               {NULL, false},
};

static const struct member publisher_config[] = {
    {"capabilities", false}, {"jobCheckInterval", false},    {"heartbeatInterval", false},
    {"maxWorkers", false},   {"jobOrchestratorUrl", false}, {NULL, false},
};

#define NAME_MAX_BYTES 64

static void twin_name(const char *name, char out[NAME_MAX_BYTES])
{
    snprintf(out, NAME_MAX_BYTES, "%s", name);
    out[0] = (char)toupper(out[0]);
}

static const struct json *properties(const struct json *twin, const char *which)
{
    return json_get(json_get(twin, "properties"), which);
}

static bool is_given(const struct json *v)
{
    return v && !json_is(v, JSON_NULL);
}

/* ---- what is shown ---- */

bool fleet_documents_is(enum fleet_kind kind, const struct services_fleet_member *m, const char *module)
{
    static const char *const types[] = {"", "supervisor", "discoverer", "publisher"};
    if (kind == FLEET_GATEWAY || m->module == NULL)
        return kind == FLEET_GATEWAY && m->module == NULL;
    return (m->type && strcmp(m->type, types[kind]) == 0) || (module && strcmp(m->module, module) == 0);
}

struct slice fleet_documents_site(const struct json *twin)
{
    const struct json *const places[] = {
        json_get(json_get(twin, "tags"), "SiteId"), json_get(json_get(twin, "tags"), "__siteid__"),
        json_get(properties(twin, "reported"), "__siteid__"), json_get(properties(twin, "desired"), "__siteid__")};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (json_string(places[i]).len)
            return json_string(places[i]);
    return (struct slice){0};
}

/* A twin's {"0":…} as a list. */
static void put_list(struct json_writer *w, const struct json *object)
{
    json_array(w);
    for (struct json_walk each = json_walk(object); json_next(&each);)
        if (is_given(each.value))
            json_put_value(w, each.value);
    json_end_array(w);
}

static bool has_any(const struct member *members, const struct json *from)
{
    char name[NAME_MAX_BYTES];
    for (const struct member *m = members; m->name; m++) {
        twin_name(m->name, name);
        if (is_given(json_get(from, name)))
            return true;
    }
    return false;
}

static void put_config_members(struct json_writer *w, const struct member *members, const struct json *from)
{
    char name[NAME_MAX_BYTES];
    for (const struct member *m = members; m->name; m++) {
        twin_name(m->name, name);
        const struct json *v = json_get(from, name);
        if (!is_given(v))
            continue;
        json_name(w, m->name);
        if (m->list && json_is(v, JSON_OBJECT))
            put_list(w, v);
        else
            json_put_value(w, v);
    }
}

static void put_config(struct json_writer *w, const char *as, const struct member *members, const struct json *from)
{
    if (!has_any(members, from))
        return;
    json_name(w, as), json_object(w);
    put_config_members(w, members, from);
    json_end_object(w);
}

static bool has_filter(const struct json *tags)
{
    return is_given(json_get(tags, "SecurityModeFilter")) || is_given(json_get(tags, "SecurityPoliciesFilter")) ||
           is_given(json_get(tags, "TrustListsFilter"));
}

bool fleet_documents_put_filter(const struct json *twin, struct json_writer *w)
{
    const struct json *tags = json_get(twin, "tags");
    const struct json *mode = json_get(tags, "SecurityModeFilter");
    const struct json *policies = json_get(tags, "SecurityPoliciesFilter");
    const struct json *lists = json_get(tags, "TrustListsFilter");
    if (!has_filter(tags))
        return false;
    json_object(w);
    if (is_given(mode))
        json_name(w, "securityMode"), json_put_value(w, mode);
    if (is_given(policies))
        json_name(w, "securityPolicies"), put_list(w, policies);
    if (is_given(lists))
        json_name(w, "trustLists"), put_list(w, lists);
    json_end_object(w);
    return true;
}

/* With the filter, which is in the tags. */
static void put_discovery_config(struct json_writer *w, const struct json *twin, const struct json *from)
{
    bool filters = has_filter(json_get(twin, "tags"));
    if (!filters && !has_any(discovery_config, from))
        return;
    json_name(w, "discoveryConfig"), json_object(w);
    put_config_members(w, discovery_config, from);
    if (filters) {
        json_name(w, "activationFilter");
        fleet_documents_put_filter(twin, w);
    }
    json_end_object(w);
}

/* What is asked for, and not so yet: of what the module tells back. */
static bool is_behind(const struct json *desired, const struct json *reported)
{
    char name[NAME_MAX_BYTES];
    if (!json_equal(json_get(desired, "Discovery"), json_get(reported, "Discovery")) &&
        is_given(json_get(desired, "Discovery")))
        return true;
    for (const struct member *m = discovery_config; m->name; m++) {
        twin_name(m->name, name);
        if (is_given(json_get(desired, name)) && !json_equal(json_get(desired, name), json_get(reported, name)))
            return true;
    }
    return false;
}

static void put_discoverer(struct json_writer *w, const struct json *twin)
{
    const struct json *desired = properties(twin, "desired"), *reported = properties(twin, "reported");
    struct slice mode = json_string(json_get(reported, "Discovery"));
    json_name(w, "discovery"), json_put_string(w, mode.len ? mode : SLICE("Off"));
    put_discovery_config(w, twin, reported);
    json_member(w, "requestedMode", json_string(json_get(desired, "Discovery")));
    put_config(w, "requestedConfig", discovery_config, desired);
    if (is_behind(desired, reported))
        json_name(w, "outOfSync"), json_put_bool(w, true);
}

void fleet_documents_put(enum fleet_kind kind, const struct services_fleet_member *m, const struct json *twin,
                         struct json_writer *w)
{
    struct buffer id = {0};
    services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
    json_object(w);
    json_name(w, "id"), json_put_string(w, buffer_slice(&id));
    json_member(w, "siteId", fleet_documents_site(twin));
    if (kind == FLEET_DISCOVERER)
        put_discoverer(w, twin);
    if (kind == FLEET_PUBLISHER)
        put_config(w, "configuration", publisher_config, properties(twin, "desired"));
    if (kind != FLEET_GATEWAY)
        json_member(w, "logLevel", json_string(json_get(properties(twin, "desired"), "LogLevel")));
    json_name(w, "connected"), json_put_bool(w, m->connected);
    json_end_object(w);
    buffer_clear(&id);
}

/* ---- what is changed ---- */

static bool is_empty(const struct json *v)
{
    return json_is(v, JSON_STRING) ? json_string(v).len == 0
                                   : (json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT)) && json_count(v) == 0;
}

/* A list goes into a twin by places: what the old one had beyond the new one's end is taken away. */
static void put_places(struct json_writer *w, const struct json *list, const struct json *old)
{
    size_t n = 0;
    char place[24];
    json_object(w);
    for (struct json_walk each = json_walk(list); json_next(&each);) {
        snprintf(place, sizeof(place), "%zu", n++);
        json_name(w, place), json_put_value(w, each.value);
    }
    for (struct json_walk each = json_walk(old); json_next(&each);) {
        uint64_t at;
        if (!slice_to_u64(each.name, &at) || at >= n)
            json_name_slice(w, each.name), json_put_null(w);
    }
    json_end_object(w);
}

static void put_change(struct json_writer *w, const char *name, const struct json *v, const struct json *old)
{
    if (!is_given(v))
        return;
    json_name(w, name);
    if (is_empty(v))
        json_put_null(w);
    else if (json_is(v, JSON_ARRAY))
        put_places(w, v, json_get(old, name));
    else
        json_put_value(w, v);
}

static void put_changes(struct json_writer *w, const struct member *members, const struct json *config,
                        const struct json *old)
{
    char name[NAME_MAX_BYTES];
    for (const struct member *m = members; m->name; m++) {
        twin_name(m->name, name);
        put_change(w, name, json_get_nocase(config, m->name), old);
    }
}

static void put_tags(enum fleet_kind kind, const struct json *twin, const struct json *update,
                     const struct json *config, struct json_writer *w)
{
    static const char *const types[] = {"iiotedge", "Supervisor", "Discoverer", "Publisher"};
    const struct json *tags = json_get(twin, "tags"), *filter = json_get_nocase(config, "activationFilter");
    const struct json *site = json_get_nocase(update, "siteId");
    json_name(w, "tags"), json_object(w);
    json_name(w, kind == FLEET_GATEWAY ? "__type__" : "DeviceType"), json_put_text(w, types[kind]);
    put_change(w, "SiteId", site, tags);
    if (kind != FLEET_GATEWAY) {
        struct slice now = is_given(site) ? json_string(site) : fleet_documents_site(twin);
        json_name(w, "SiteOrGatewayId");
        json_put_string(w, now.len ? now : json_string(json_get(twin, "deviceId")));
    }
    put_change(w, "SecurityModeFilter", json_get_nocase(filter, "securityMode"), tags);
    put_change(w, "SecurityPoliciesFilter", json_get_nocase(filter, "securityPolicies"), tags);
    put_change(w, "TrustListsFilter", json_get_nocase(filter, "trustLists"), tags);
    json_end_object(w);
}

void fleet_documents_put_patch(enum fleet_kind kind, const struct json *twin, const struct json *update,
                               struct slice mode, struct buffer *out)
{
    const struct json *desired = properties(twin, "desired");
    const struct json *config = mode.len                  ? update
                                : kind == FLEET_DISCOVERER ? json_get_nocase(update, "discoveryConfig")
                                                           : json_get_nocase(update, "configuration");
    if (mode.len)
        update = NULL;
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_tags(kind, twin, update, config, &w);
    if (kind != FLEET_GATEWAY) {
        json_name(&w, "properties"), json_object(&w);
        json_name(&w, "desired"), json_object(&w);
        put_change(&w, "__siteid__", json_get_nocase(update, "siteId"), desired);
        put_change(&w, "LogLevel", json_get_nocase(update, "logLevel"), desired);
        if (kind == FLEET_DISCOVERER && mode.len)
            json_name(&w, "Discovery"), json_put_string(&w, mode);
        else if (kind == FLEET_DISCOVERER)
            put_change(&w, "Discovery", json_get_nocase(update, "discovery"), desired);
        if (kind != FLEET_SUPERVISOR)
            put_changes(&w, kind == FLEET_DISCOVERER ? discovery_config : publisher_config, config, desired);
        json_end_object(&w);
        json_end_object(&w);
    }
    json_end_object(&w);
}
