/* The registry's paths that ask a module, of 2.8 and 2.9: about an endpoint, and about what a
 * publisher publishes. */
#include "services/fleet.h"
#include "services/ids.h"
#include "services/long_answer.h"
#include "services/replies.h"
#include "services/twin_call.h"
#include "json/write.h"

static void get_certificate(struct rest_request *r)
{
    services_twin_call(
        r, &(struct services_twin_ask){.method = r->route->calls, .payload = PAYLOAD_ENDPOINT});
}

/* ---- a publisher's configuration ---- */

/* {"endpoints": […]} to […]. */
static void put_entries(const struct json *answer, size_t from, size_t limit, struct json_writer *w)
{
    (void)from, (void)limit;
    json_array(w);
    for (struct json_walk walk = json_walk(json_get_nocase(answer, "endpoints")); json_next(&walk);)
        json_put_value(w, walk.value);
    json_end_array(w);
}

static void answer_entries(struct rest_request *r, struct slice payload)
{
    long_answer_make(r, payload, put_entries, 0, 0);
}

static void answer_nothing(struct rest_request *r, struct slice payload)
{
    (void)payload;
    rest_reply_empty(r, 200);
}

static void get_entries(struct rest_request *r)
{
    bool nodes = slice_eq_nocase(rest_query(r, "IncludeNodes"), SLICE("true"));
    services_module_call(r, rest_param(r, "publisherId"),
                         &(struct services_twin_ask){
                             .method = r->route->calls,
                             .request = nodes ? SLICE("{\"includeNodes\":true}") : SLICE("{}"),
                             .payload = PAYLOAD_REQUEST,
                             .answer = answer_entries});
}

static void set_entries(struct rest_request *r)
{
    services_module_call(r, rest_param(r, "publisherId"),
                         &(struct services_twin_ask){.method = r->route->calls,
                                                     .request = r->body,
                                                     .payload = PAYLOAD_REQUEST,
                                                     .answer = answer_nothing});
}

/* ---- a server's endpoint into the registry, as if it had been discovered ---- */

#define DISCOVERERS_AGE_MS 10000

/* The most secure endpoint is the one whose id is told. */
static const struct json *best_of(const struct json *endpoints)
{
    const struct json *best = NULL;
    int64_t highest = -1, level = 0;
    for (struct json_walk w = json_walk(endpoints); json_next(&w);) {
        if (!json_i64(json_get_nocase(w.value, "securityLevel"), &level))
            level = 0;
        if (level > highest) {
            highest = level;
            best = w.value;
        }
    }
    return best;
}

struct registration {
    struct rest_request *request;
    struct slice id;
};

static void on_registered(void *arg, enum status why, struct slice json)
{
    struct registration *g = arg;
    struct buffer out = {0};
    (void)json;
    if (why != OK) {
        services_replies_fail(g->request, why, "the registry could not take it");
        return;
    }
    json_escape(&out, g->id);
    rest_reply_json(g->request, 200, buffer_slice(&out));
    buffer_clear(&out);
}

/* What a discovery that only registers would send: an event for each endpoint, and the result. */
static void put_events(const struct json *found, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    uint64_t index = 0;
    json_array(&w);
    for (struct json_walk e = json_walk(json_get_nocase(found, "endpoints")); json_next(&e);) {
        json_object(&w);
        json_name(&w, "index"), json_put_u64(&w, index++);
        json_name(&w, "application");
        json_put_value(&w, json_get_nocase(found, "application"));
        json_name(&w, "registration"), json_put_value(&w, e.value);
        json_end_object(&w);
    }
    json_put_raw(&w, SLICE("{\"result\":{\"registerOnly\":true}}"));
    json_end_array(&w);
}

static void merge(struct rest_request *r, const struct json *found, const struct json *best)
{
    struct services *app = r->app;
    struct registration *g = ARENA_TAKE(&r->arena, struct registration);
    struct slice discoverer =
        json_string(json_get_nocase(json_get_nocase(found, "application"), "discovererId"));
    struct iot_id twin = {services_ids_module(discoverer).device, slice_of(app->twin_module)};
    struct buffer supervisor = {0}, events = {0};
    *g = (struct registration){r, arena_copy(&r->arena, json_string(json_get_nocase(best, "id")))};
    services_ids_put_module(twin, &supervisor);
    put_events(found, &events);
    services_registry_ask(app->registry,
                          &(struct services_registry_ask){.what = REGISTRY_MERGE,
                                                          .body = buffer_slice(&events),
                                                          .user = r->user,
                                                          .discoverer = discoverer,
                                                          .supervisor = buffer_slice(&supervisor)},
                          on_registered, g);
    buffer_clear(&supervisor);
    buffer_clear(&events);
}

static void answer_found(struct rest_request *r, struct slice payload)
{
    struct json_doc *doc = NULL;
    const struct json *best = NULL;
    if (json_parse(payload, JSON_STRICT, &doc, NULL) == OK)
        best = best_of(json_get_nocase(json_root(doc), "endpoints"));
    if (best)
        merge(r, json_root(doc), best);
    else
        services_replies_fail(r, PEER_FAILED, "the module's answer is not an application");
    json_free(&doc);
}

static void find_server(struct rest_request *r, struct slice discoverer)
{
    services_module_call(r, discoverer,
                         &(struct services_twin_ask){.method = r->route->calls,
                                                     .request = r->body,
                                                     .payload = PAYLOAD_REQUEST,
                                                     .answer = answer_found});
}

static void on_fleet(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct rest_request *r = arg;
    const struct services *app = r->app;
    struct buffer id = {0};
    for (size_t i = 0; list && i < list->count && id.len == 0; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (m->connected && m->module && strcmp(m->module, app->discovery_module) == 0)
            services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
    }
    if (id.len > 0)
        find_server(r, buffer_slice(&id));
    else if (why != OK)
        services_replies_no_fleet(r, why);
    else
        services_replies_fail(r, NOT_FOUND, "no discoverer is connected");
    buffer_clear(&id);
}

/* By the discoverer that is named; else the first that is connected. */
static void register_endpoint(struct rest_request *r)
{
    struct services *app = r->app;
    struct slice discoverer = rest_query(r, "discovererId");
    if (discoverer.len > 0)
        find_server(r, discoverer);
    else if (app->fleet)
        services_fleet_look_a_while(app->fleet, DISCOVERERS_AGE_MS, on_fleet, r);
    else
        rest_reply_problem(r, 503, "no hub is configured");
}

/* ---- a module's sessions ---- */

static void reset(struct rest_request *r)
{
    services_module_call(r, rest_param(r, "supervisorId"),
                         &(struct services_twin_ask){.method = r->route->calls,
                                                     .request = SLICE("{}"),
                                                     .payload = PAYLOAD_REQUEST,
                                                     .answer = answer_nothing});
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/v2/endpoints/{endpointId}/certificate", get_certificate, REST_READ, "GetEndpointCertificate", NULL, "X509CertificateChain",
     .calls = "GetEndpointCertificate_V2"},
    {"POST", "/v2/endpoints/{endpointId}/test", services_twin_pass, REST_READ, "TestConnection", "TestConnectionRequest", "TestConnectionResponse",
     .calls = "TestConnection_V2"},
    {"PUT", "/v2/endpoints", register_endpoint, REST_ADMIN, "RegisterEndpoint", "ServerEndpointQuery", "str",
     .query = "discovererId:str", .calls = "FindServer_V2"},
    {"POST", "/v2/supervisors/{supervisorId}/reset", reset, REST_ADMIN, "ResetSupervisor", NULL, NULL,
     .calls = "ResetAllConnections_V2"},
    {"GET", "/v2/publishers/{publisherId}/endpoints", get_entries, REST_WRITE, "GetConfiguredEndpoints", NULL, "[any]",
     .query = "IncludeNodes:bool", .calls = "GetConfiguredEndpoints_V2"},
    {"PUT", "/v2/publishers/{publisherId}/endpoints", set_entries, REST_ADMIN, "SetConfiguredEndpoints", "SetConfiguredEndpointsRequest", NULL,
     .calls = "SetConfiguredEndpoints_V2"},
};
/* clang-format on */

struct rest_table services_module_table(void)
{
    return REST_TABLE("/registry", routes, NULL);
}
