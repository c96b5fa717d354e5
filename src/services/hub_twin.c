#include "services/hub_twin.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "json/write.h"

/* How a member of the API's document stands in a twin. */
enum form {
    AS_IT_IS,
    AS_LIST, /* ["a"] as {"0":"a"} */
    AS_SET,  /* ["a"] as {"A":true} */
};

struct member {
    const char *api, *twin;
    enum form form;
};

/* clang-format off */
static const struct member application_members[] = {
    {"applicationId",       "ApplicationId",       AS_IT_IS},
    {"applicationType",     "ApplicationType",     AS_IT_IS},
    {"applicationUri",      "ApplicationUri",      AS_IT_IS},
    {"productUri",          "ProductUri",          AS_IT_IS},
    {"applicationName",     "ApplicationName",     AS_IT_IS},
    {"locale",              "Locale",              AS_IT_IS},
    {"localizedNames",      "LocalizedNames",      AS_IT_IS},
    {"capabilities",        "Capabilities",        AS_SET},
    {"discoveryUrls",       "DiscoveryUrls",       AS_LIST},
    {"discoveryProfileUri", "DiscoveryProfileUri", AS_IT_IS},
    {"gatewayServerUri",    "GatewayServerUri",    AS_IT_IS},
    {"hostAddresses",       "HostAddresses",       AS_LIST},
    {"siteId",              "SiteId",              AS_IT_IS},
    {"discovererId",        "DiscovererId",        AS_IT_IS},
    {NULL, NULL, AS_IT_IS},
};
/* Of a RegistryOperation. */
static const struct member created[] = {
    {"authorityId", "CreateAuthorityId", AS_IT_IS}, {"time", "CreateTime", AS_IT_IS}, {NULL, NULL, AS_IT_IS},
};
static const struct member updated[] = {
    {"authorityId", "UpdateAuthorityId", AS_IT_IS}, {"time", "UpdateTime", AS_IT_IS}, {NULL, NULL, AS_IT_IS},
};
static const struct member registration_tags[] = {
    {"siteId",                "SiteId",                  AS_IT_IS},
    {"supervisorId",          "SupervisorId",            AS_IT_IS},
    {"discovererId",          "DiscovererId",            AS_IT_IS},
    {"endpointUrl",           "EndpointRegistrationUrl", AS_IT_IS},
    {"securityLevel",         "SecurityLevel",           AS_IT_IS},
    {"authenticationMethods", "AuthenticationMethods",   AS_LIST},
    {NULL, NULL, AS_IT_IS},
};
static const struct member endpoint_desired[] = {
    {"url",             "EndpointUrl",     AS_IT_IS},
    {"alternativeUrls", "AlternativeUrls", AS_LIST},
    {"securityMode",    "SecurityMode",    AS_IT_IS},
    {"securityPolicy",  "SecurityPolicy",  AS_IT_IS},
    {"certificate",     "Thumbprint",      AS_IT_IS},
    {NULL, NULL, AS_IT_IS},
};
/* What the twins have besides. */
static const char *const application_more[] = {
    "DeviceType", "Server", "Client", "DiscoveryServer", "ApplicationUriLC", "SiteOrGatewayId", "IsDisabled", "NotSeenSince", NULL,
};
static const char *const endpoint_more[] = {
    "DeviceType", "ApplicationId", "SiteOrGatewayId", "EndpointUrlLC", "Activated", "IsDisabled", "NotSeenSince", NULL,
};
/* clang-format on */

#define KEY_MAX 128

/* ---- to a twin ---- */

static void put_lower(struct json_writer *w, const char *name, struct slice text)
{
    struct buffer lower = {0};
    for (size_t i = 0; i < text.len; i++)
        buffer_u8(&lower, (uint8_t)tolower(text.at[i]));
    json_member(w, name, buffer_slice(&lower));
    buffer_clear(&lower);
}

static void put_list(struct json_writer *w, const struct json *list)
{
    unsigned n = 0;
    json_object(w);
    for (struct json_walk each = json_walk(list); json_next(&each);) {
        char name[16];
        snprintf(name, sizeof(name), "%u", n++);
        json_name(w, name), json_put_value(w, each.value);
    }
    json_end_object(w);
}

/* A word that cannot be a name in a twin is left out: it would make the hub refuse the whole. */
static bool put_word(const struct json *word, char out[KEY_MAX])
{
    struct slice text = json_string(word);
    if (text.len == 0 || text.len >= KEY_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
            return false;
        out[i] = (char)toupper(text.at[i]);
    }
    out[text.len] = '\0';
    return true;
}

static void put_set(struct json_writer *w, const struct json *list)
{
    char words[64][KEY_MAX];
    size_t count = 0;
    json_object(w);
    for (struct json_walk each = json_walk(list); json_next(&each) && count < 64;) {
        bool known = !put_word(each.value, words[count]);
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(words[i], words[count]) == 0;
        if (!known)
            json_name(w, words[count++]), json_put_bool(w, true);
    }
    json_end_object(w);
}

static void put_members(struct json_writer *w, const struct member *members, const struct json *from)
{
    for (const struct member *m = members; m->api; m++) {
        const struct json *v = json_get(from, m->api);
        if (v == NULL || json_is(v, JSON_NULL))
            continue;
        json_name(w, m->twin);
        if (m->form == AS_LIST)
            put_list(w, v);
        else if (m->form == AS_SET)
            put_set(w, v);
        else
            json_put_value(w, v);
    }
}

static void put_not_seen(struct json_writer *w, uint64_t not_seen_ms)
{
    if (not_seen_ms == 0)
        return;
    json_name(w, "IsDisabled"), json_put_bool(w, true);
    json_name(w, "NotSeenSince"), json_put_time(w, not_seen_ms);
}

static void put_type(struct json_writer *w, struct slice type)
{
    bool both = slice_eq(type, SLICE("ClientAndServer"));
    json_name(w, "Server"), json_put_bool(w, both || slice_eq(type, SLICE("Server")));
    json_name(w, "Client"), json_put_bool(w, both || slice_eq(type, SLICE("Client")));
    json_name(w, "DiscoveryServer"), json_put_bool(w, slice_eq(type, SLICE("DiscoveryServer")));
}

void services_hub_twin_put_application(const struct application_row *row, struct buffer *out)
{
    struct json_doc *doc = NULL;
    if (json_parse(row->info, JSON_STRICT, &doc, NULL) != OK)
        doc = NULL; /* what we wrote ourselves */
    const struct json *info = json_root(doc);
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "tags"), json_object(&w);
    json_name(&w, "DeviceType"), json_put_text(&w, "Application");
    put_members(&w, application_members, info);
    put_type(&w, json_string(json_get(info, "applicationType")));
    put_lower(&w, "ApplicationUriLC", json_string(json_get(info, "applicationUri")));
    json_member(&w, "SiteOrGatewayId", row->site);
    put_members(&w, created, json_get(info, "created"));
    put_members(&w, updated, json_get(info, "updated"));
    put_not_seen(&w, row->not_seen_ms);
    json_end_object(&w);
    json_end_object(&w);
    json_free(&doc);
}

void services_hub_twin_put_endpoint(const struct endpoint_row *row, struct buffer *out)
{
    struct json_doc *doc = NULL;
    if (json_parse(row->registration, JSON_STRICT, &doc, NULL) != OK)
        doc = NULL;
    const struct json *registration = json_root(doc);
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "tags"), json_object(&w);
    json_name(&w, "DeviceType"), json_put_text(&w, "Endpoint");
    json_member(&w, "ApplicationId", row->application);
    json_member(&w, "SiteOrGatewayId", row->site);
    json_member(&w, "EndpointUrlLC", row->url);
    put_members(&w, registration_tags, registration);
    json_name(&w, "Activated"), json_put_bool(&w, row->activated);
    put_not_seen(&w, row->not_seen_ms);
    json_end_object(&w);
    json_name(&w, "properties"), json_object(&w);
    json_name(&w, "desired"), json_object(&w);
    put_members(&w, endpoint_desired, json_get(registration, "endpoint"));
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    json_free(&doc);
}

/* ---- what of a twin is ours ---- */

static const struct json *tags_of(const struct json *twin)
{
    return json_get(twin, "tags");
}

static const struct json *desired_of(const struct json *twin)
{
    return json_get(json_get(twin, "properties"), "desired");
}

static struct slice tag(const struct json *twin, const char *name)
{
    return json_string(json_get(tags_of(twin), name));
}

static void put_own(struct json_writer *w, const char *name, const struct json *from)
{
    const struct json *v = json_get(from, name);
    if (v && !json_is(v, JSON_NULL))
        json_name(w, name), json_put_value(w, v);
}

static void put_own_members(struct json_writer *w, const struct member *members, const struct json *from)
{
    for (const struct member *m = members; m->api; m++)
        put_own(w, m->twin, from);
}

static void put_own_names(struct json_writer *w, const char *const *names, const struct json *from)
{
    for (; *names; names++)
        put_own(w, *names, from);
}

static bool is_endpoint(const struct json *twin)
{
    return slice_eq(tag(twin, "DeviceType"), SLICE("Endpoint"));
}

static bool is_ours(const struct json *twin)
{
    struct slice id = json_string(json_get(twin, "deviceId"));
    if (is_endpoint(twin))
        return slice_starts(id, SLICE("uat"));
    return slice_eq(tag(twin, "DeviceType"), SLICE("Application")) &&
           (slice_starts(id, SLICE("uas")) || slice_starts(id, SLICE("uac")));
}

bool services_hub_twin_own(const struct json *twin, struct buffer *out)
{
    if (!is_ours(twin))
        return false;
    bool endpoint = is_endpoint(twin);
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "tags"), json_object(&w);
    put_own_names(&w, endpoint ? endpoint_more : application_more, tags_of(twin));
    put_own_members(&w, endpoint ? registration_tags : application_members, tags_of(twin));
    if (!endpoint) {
        put_own_members(&w, created, tags_of(twin));
        put_own_members(&w, updated, tags_of(twin));
    }
    json_end_object(&w);
    if (endpoint) {
        json_name(&w, "properties"), json_object(&w);
        json_name(&w, "desired"), json_object(&w);
        put_own_members(&w, endpoint_desired, desired_of(twin));
        json_end_object(&w);
        json_end_object(&w);
    }
    json_end_object(&w);
    return true;
}

/* ---- from a twin ---- */

/* Back to the API's members. */
static void put_back(struct json_writer *w, const struct member *members, const struct json *from)
{
    for (const struct member *m = members; m->api; m++) {
        const struct json *v = json_get(from, m->twin);
        if (v == NULL || json_is(v, JSON_NULL) || (m->form == AS_SET && json_count(v) == 0))
            continue;
        json_name(w, m->api);
        if (m->form == AS_IT_IS) {
            json_put_value(w, v);
            continue;
        }
        json_array(w);
        for (struct json_walk each = json_walk(v); json_next(&each);)
            if (m->form == AS_LIST)
                json_put_value(w, each.value);
            else
                json_put_string(w, each.name);
        json_end_array(w);
    }
}

static void put_operation(struct json_writer *w, const char *name, const struct member *members,
                          const struct json *tags)
{
    if (json_string(json_get(tags, members[1].twin)).len == 0)
        return;
    json_name(w, name), json_object(w);
    put_back(w, members, tags);
    json_end_object(w);
}

static struct slice settle(struct arena *a, struct buffer *text)
{
    struct slice copy = arena_copy(a, buffer_slice(text));
    buffer_clear(text);
    return copy;
}

static struct slice keep(struct arena *a, const struct json *from, const char *name)
{
    return arena_copy(a, json_string(json_get(from, name)));
}

/* When it was disabled; without a time, at the beginning. */
static uint64_t not_seen_of(const struct json *tags)
{
    uint64_t ms = 0;
    if (clock_parse_iso8601(json_string(json_get(tags, "NotSeenSince")), &ms) && ms > 0)
        return ms;
    return json_bool(json_get(tags, "IsDisabled"), false);
}

bool services_hub_twin_read_application(const struct json *twin, struct arena *a,
                                        struct application_row *out)
{
    const struct json *tags = tags_of(twin);
    if (!is_ours(twin) || is_endpoint(twin) || tag(twin, "ApplicationUri").len == 0)
        return false;
    struct buffer info = {0};
    struct json_writer w = json_writer(&info);
    json_object(&w);
    put_back(&w, application_members, tags);
    put_operation(&w, "created", created, tags);
    put_operation(&w, "updated", updated, tags);
    json_end_object(&w);
    *out = (struct application_row){
        .id = keep(a, twin, "deviceId"),
        .site = keep(a, tags, "SiteOrGatewayId"),
        .discoverer = keep(a, tags, "DiscovererId"),
        .not_seen_ms = not_seen_of(tags),
        .info = settle(a, &info),
    };
    return true;
}

static struct slice registration_of(const struct json *twin, struct arena *a)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_member(&w, "id", json_string(json_get(twin, "deviceId")));
    put_back(&w, registration_tags, tags_of(twin));
    json_name(&w, "endpoint"), json_object(&w);
    put_back(&w, endpoint_desired, desired_of(twin));
    json_end_object(&w);
    json_end_object(&w);
    return settle(a, &text);
}

bool services_hub_twin_read_endpoint(const struct json *twin, struct arena *a, struct endpoint_row *out)
{
    const struct json *tags = tags_of(twin), *desired = desired_of(twin);
    if (!is_ours(twin) || !is_endpoint(twin) || tag(twin, "ApplicationId").len == 0 ||
        json_string(json_get(desired, "EndpointUrl")).len == 0)
        return false;
    *out = (struct endpoint_row){
        .id = keep(a, twin, "deviceId"),
        .application = keep(a, tags, "ApplicationId"),
        .site = keep(a, tags, "SiteOrGatewayId"),
        .discoverer = keep(a, tags, "DiscovererId"),
        .supervisor = keep(a, tags, "SupervisorId"),
        .url = keep(a, tags, "EndpointUrlLC"),
        .mode = keep(a, desired, "SecurityMode"),
        .policy = keep(a, desired, "SecurityPolicy"),
        .certificate = keep(a, desired, "Thumbprint"),
        .activated = json_bool(json_get(tags, "Activated"), false),
        .not_seen_ms = not_seen_of(tags),
        .registration = registration_of(twin, a),
    };
    return true;
}
