#include "discovery/report.h"

#include "json/write.h"

static void put_texts(struct json_writer *w, const char *name, const struct found_texts *texts)
{
    if (texts->count == 0)
        return;
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < texts->count; i++)
        json_put_string(w, texts->items[i]);
    json_end_array(w);
}

static void put_application(struct json_writer *w, const struct report *r,
                            const struct found_application *a)
{
    json_object(w);
    json_member(w, "applicationId", a->id);
    json_name(w, "applicationType"), json_put_text(w, a->type);
    json_member(w, "applicationUri", a->uri);
    json_member(w, "productUri", a->product_uri);
    json_member(w, "applicationName", a->name);
    json_member(w, "locale", a->locale);
    if (a->name.len && a->locale.len) {
        json_name(w, "localizedNames");
        json_object(w);
        json_name_slice(w, a->locale), json_put_string(w, a->name);
        json_end_object(w);
    }
    put_texts(w, "capabilities", &a->capabilities);
    put_texts(w, "discoveryUrls", &a->discovery_urls);
    json_member(w, "discoveryProfileUri", a->profile_uri);
    json_member(w, "gatewayServerUri", a->gateway_uri);
    put_texts(w, "hostAddresses", &a->addresses);
    json_member(w, "siteId", r->site);
    json_member(w, "discovererId", r->discoverer_id);
    json_end_object(w);
}

static void put_endpoint_model(struct json_writer *w, const struct found_endpoint *e)
{
    json_object(w);
    json_member(w, "url", e->reachable);
    put_texts(w, "alternativeUrls", &e->alternatives);
    json_name(w, "securityMode"), json_put_text(w, e->mode);
    json_member(w, "securityPolicy", e->policy);
    json_member(w, "certificate", e->thumbprint);
    json_end_object(w);
}

static void put_methods(struct json_writer *w, const struct found_endpoint *e)
{
    json_name(w, "authenticationMethods");
    json_array(w);
    for (size_t i = 0; i < e->method_count; i++) {
        json_object(w);
        json_name(w, "id"), json_put_string(w, e->methods[i].id);
        json_name(w, "credentialType"), json_put_text(w, e->methods[i].type);
        json_member(w, "securityPolicy", e->methods[i].policy);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_registration(struct json_writer *w, const struct report *r,
                             const struct found_endpoint *e)
{
    json_object(w);
    json_member(w, "id", e->id);
    json_member(w, "endpointUrl", e->url);
    json_member(w, "siteId", r->site);
    json_member(w, "discovererId", r->discoverer_id);
    json_name(w, "endpoint"), put_endpoint_model(w, e);
    json_name(w, "securityLevel"), json_put_u64(w, e->level);
    put_methods(w, e);
    json_end_object(w);
}

static void begin(struct json_writer *w, const struct report *r, size_t index)
{
    json_object(w);
    json_name(w, "timeStamp"), json_put_time(w, r->wall_ms);
    json_name(w, "index"), json_put_u64(w, index);
}

void discovery_report_put_endpoint(const struct report *r, const struct found_endpoint *e,
                                   size_t index, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    begin(&w, r, index);
    json_name(&w, "registration"), put_registration(&w, r, e);
    json_name(&w, "application"), put_application(&w, r, e->application);
    json_end_object(&w);
}

void discovery_report_put_registration(const struct report *r,
                                       const struct found_endpoint *const *endpoints, size_t count,
                                       struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "application"), put_application(&w, r, endpoints[0]->application);
    json_name(&w, "endpoints"), json_array(&w);
    for (size_t i = 0; i < count; i++)
        put_registration(&w, r, endpoints[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static void put_raw(struct json_writer *w, const char *name, struct slice json)
{
    if (json.len)
        json_name(w, name), json_put_raw(w, json);
}

/* An Off request asks single servers: what it does not find is not gone. */
static bool registers_only(const struct plan *p)
{
    return p->mode == PLAN_OFF;
}

void discovery_report_put_result(const struct report *r, size_t index, const char *failure,
                                 struct buffer *out)
{
    struct json_writer w = json_writer(out);
    begin(&w, r, index);
    json_name(&w, "result");
    json_object(&w);
    json_member(&w, "id", r->plan->id);
    put_raw(&w, "discoveryConfig", r->plan->configuration);
    json_name(&w, "registerOnly"), json_put_bool(&w, registers_only(r->plan) || failure != NULL);
    if (failure)
        json_name(&w, "diagnostics"), json_put_text(&w, failure);
    put_raw(&w, "context", r->plan->context);
    json_end_object(&w);
    json_end_object(&w);
}

static void put_request(struct json_writer *w, const struct plan *p)
{
    json_object(w);
    json_member(w, "id", p->id);
    json_name(w, "discovery"), json_put_text(w, discovery_plan_mode_name(p->mode));
    put_raw(w, "configuration", p->configuration);
    put_raw(w, "context", p->context);
    json_end_object(w);
}

void discovery_report_put_request(const struct plan *p, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    put_request(&w, p);
}

void discovery_report_put_progress(const struct report *r, const struct report_progress *p,
                                   struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "timeStamp"), json_put_time(&w, p->wall_ms);
    json_name(&w, "eventType"), json_put_text(&w, p->event);
    json_member(&w, "requestId", r->plan->id);
    json_member(&w, "discovererId", r->discoverer_id);
    json_name(&w, "workers"), json_put_u64(&w, p->workers);
    json_name(&w, "progress"), json_put_u64(&w, p->progress);
    json_name(&w, "total"), json_put_u64(&w, p->total);
    json_name(&w, "discovered"), json_put_u64(&w, p->discovered);
    if (p->result)
        json_name(&w, "result"), json_put_text(&w, p->result);
    json_name(&w, "request"), put_request(&w, r->plan);
    json_end_object(&w);
}
