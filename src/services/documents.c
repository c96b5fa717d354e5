#include "services/documents.h"

#include "services/models.h"

/* ---- members ---- */

static bool is_given(const struct json *v)
{
    return v && !json_is(v, JSON_NULL);
}

static bool is_empty(const struct json *v)
{
    return json_is(v, JSON_STRING) ? json_string(v).len == 0 : json_count(v) == 0;
}

static void put_member(struct json_writer *w, const char *name, const struct json *v)
{
    if (is_given(v) && (!json_is(v, JSON_STRING) || json_string(v).len > 0))
        json_name(w, name), json_put_value(w, v);
}

/* The patch's value when it gives one, and nothing when that is empty; else what was said before.
 */
static void put_patched(struct json_writer *w, const char *name, const struct json *said,
                        const struct json *patch)
{
    const struct json *newer = json_get_nocase(patch, name);
    if (!is_given(newer))
        put_member(w, name, json_get_nocase(said, name));
    else if (!is_empty(newer))
        put_member(w, name, newer);
}

/* The word as the model spells it; empty when it is none of the model's. */
static struct slice spelled(const char *model, struct slice word)
{
    const struct rest_model *m = rest_model_find(&services_models, slice_of(model));
    struct slice left = slice_of(m->words), one;
    while (left.len > 0 && slice_split(&left, '|', &one))
        if (slice_eq_nocase(one, word))
            return one;
    return (struct slice){0};
}

static void put_stamp(struct json_writer *w, const char *name,
                      const struct services_documents_stamp *stamp)
{
    json_name(w, name), json_object(w);
    json_name(w, "authorityId"), json_put_string(w, stamp->authority);
    json_name(w, "time"), json_put_time(w, stamp->time_ms);
    json_end_object(w);
}

/* ---- applications ---- */

struct slice services_documents_type(const struct json *application)
{
    struct slice type =
        spelled("ApplicationType", json_string(json_get_nocase(application, "applicationType")));
    return type.len > 0 ? type : SLICE("Server");
}

static void put_history(struct json_writer *w, const struct services_documents_application *a)
{
    if (a->created)
        json_name(w, "created"), json_put_value(w, a->created);
    else if (!a->update)
        put_stamp(w, "created", &a->now);
    if (a->update)
        put_stamp(w, "updated", &a->now);
}

void services_documents_put_application(const struct services_documents_application *a,
                                        struct buffer *out)
{
    static const char *const patched[] = {"productUri",          "applicationName", "locale",
                                          "localizedNames",      "capabilities",    "discoveryUrls",
                                          "discoveryProfileUri", "gatewayServerUri"};
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "applicationId", a->id);
    json_member(&w, "applicationType", services_documents_type(a->said));
    put_member(&w, "applicationUri", json_get_nocase(a->said, "applicationUri"));
    for (size_t i = 0; i < sizeof(patched) / sizeof(patched[0]); i++)
        put_patched(&w, patched[i], a->said, a->patch);
    put_member(&w, "hostAddresses", json_get_nocase(a->said, "hostAddresses"));
    json_member(&w, "siteId", a->site);
    json_member(&w, "discovererId", a->discoverer);
    put_history(&w, a);
    json_end_object(&w);
}

/* ---- endpoints ---- */

static const struct json *endpoint_of(const struct json *registration)
{
    return json_get_nocase(registration, "endpoint");
}

struct slice services_documents_url(const struct json *registration)
{
    struct slice url = json_string(json_get_nocase(registration, "endpointUrl"));
    return url.len > 0 ? url : json_string(json_get_nocase(endpoint_of(registration), "url"));
}

struct slice services_documents_mode(const struct json *registration)
{
    return spelled("SecurityMode",
                   json_string(json_get_nocase(endpoint_of(registration), "securityMode")));
}

struct slice services_documents_policy(const struct json *registration)
{
    return json_string(json_get_nocase(endpoint_of(registration), "securityPolicy"));
}

static void put_endpoint_model(struct json_writer *w, const struct json *registration)
{
    const struct json *e = endpoint_of(registration);
    json_name(w, "endpoint"), json_object(w);
    struct slice url = json_string(json_get_nocase(e, "url"));
    json_member(w, "url", url.len > 0 ? url : services_documents_url(registration));
    put_member(w, "alternativeUrls", json_get_nocase(e, "alternativeUrls"));
    json_member(w, "securityMode", services_documents_mode(registration));
    put_member(w, "securityPolicy", json_get_nocase(e, "securityPolicy"));
    put_member(w, "certificate", json_get_nocase(e, "certificate"));
    json_end_object(w);
}

void services_documents_put_endpoint(const struct services_documents_endpoint *e,
                                     struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "id", e->id);
    json_member(&w, "endpointUrl", services_documents_url(e->said));
    json_member(&w, "siteId", e->site);
    json_member(&w, "supervisorId", e->supervisor);
    json_member(&w, "discovererId", e->discoverer);
    put_endpoint_model(&w, e->said);
    put_member(&w, "securityLevel", json_get_nocase(e->said, "securityLevel"));
    put_member(&w, "authenticationMethods", json_get_nocase(e->said, "authenticationMethods"));
    json_end_object(&w);
}

/* ---- activation ---- */

static bool has_word(const struct json *list, struct slice word)
{
    struct json_walk w = json_walk(list);
    while (json_next(&w))
        if (slice_eq_nocase(json_string(w.value), word))
            return true;
    return false;
}

bool services_documents_filter_matches(const struct json *filter, const struct json *registration)
{
    if (!json_is(filter, JSON_OBJECT))
        return false;
    const struct json *policies = json_get_nocase(filter, "securityPolicies");
    if (json_count(policies) > 0 && !has_word(policies, services_documents_policy(registration)))
        return false;
    struct slice mode = json_string(json_get_nocase(filter, "securityMode"));
    return mode.len == 0 || slice_eq_nocase(mode, SLICE("Best")) ||
           slice_eq_nocase(mode, services_documents_mode(registration));
}
