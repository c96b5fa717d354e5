/* The registry's REST API, 2.8: applications, their discovery, endpoints. Who may do what is the
 * `access` column. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "services/discoverers.h"
#include "services/endpoint_probe.h"
#include "services/ids.h"
#include "services/models.h"
#include "services/replies.h"
#include "services/services.h"
#include "services/twin_call.h"
#include "json/write.h"

/* ---- lists and queries ---- */

/* "onlyServerState", for endpoints. */
static bool desired_only(const struct rest_request *r)
{
    return slice_eq_nocase(rest_query(r, "onlyServerState"), SLICE("true"));
}

static void list(struct rest_request *r, enum services_registry_what what,
                 const struct json *fields)
{
    struct services_registry_ask ask = {.what = what, .fields = fields, .desired_only = desired_only(r)};
    if (services_replies_page(r, &ask))
        services_replies_ask(r, &ask);
}

static void query(struct rest_request *r, enum services_registry_what what, const char *model)
{
    struct json_doc *doc;
    if (services_replies_query(r, &services_models, model, &doc) != OK)
        return;
    list(r, what, json_root(doc));
    json_free(&doc);
}

static void list_applications(struct rest_request *r)
{
    list(r, REGISTRY_APPLICATIONS, NULL);
}

static void query_applications(struct rest_request *r)
{
    query(r, REGISTRY_APPLICATIONS, "ApplicationRegistrationQuery");
}

static void list_sites(struct rest_request *r)
{
    list(r, REGISTRY_SITES, NULL);
}

/* ---- endpoints, with who serves them: that is known of the hub ---- */

struct served {
    struct rest_request *request;
    enum services_registry_what what;
    struct slice id;         /* of one */
    struct json_doc *fields; /* of a query */
};

static void put_connected(const struct services *app, const struct services_fleet_list *fleet, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    struct buffer id = {0};
    json_array(&w);
    for (size_t i = 0; i < fleet->count; i++) {
        const struct services_fleet_member *m = &fleet->members[i];
        if (!m->connected || !services_fleet_is(app, FLEET_SUPERVISOR, m))
            continue;
        buffer_reset(&id);
        services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
        json_put_string(&w, buffer_slice(&id));
    }
    json_end_array(&w);
    buffer_clear(&id);
}

/* The answer is of those that are served, or that are not: nobody else can tell. */
static bool chooses_by_it(const struct json *fields)
{
    return json_get_nocase(fields, "connected") || json_get_nocase(fields, "endpointState");
}

static void on_fleet(void *arg, enum status why, const struct services_fleet_list *fleet)
{
    struct served *s = arg;
    struct rest_request *r = s->request;
    const struct services *app = r->app;
    struct json_doc *fields = s->fields; /* `s` goes with the answer */
    struct buffer connected = {0}, connecting = {0};
    connecting_put(services_twin_connecting(app->twin), &connecting);
    if (why == OK)
        put_connected(app, fleet, &connected);
    struct services_registry_ask ask = {
        .what = s->what, .id = s->id, .fields = json_root(fields), .connected = buffer_slice(&connected),
        .connecting = buffer_slice(&connecting), .desired_only = desired_only(r)};
    if (why != OK && app->fleet && chooses_by_it(json_root(fields)))
        services_replies_no_fleet(r, why);
    else if (services_replies_page(r, &ask))
        services_replies_ask(r, &ask);
    json_free(&fields);
    buffer_clear(&connected);
    buffer_clear(&connecting);
}

/* Whether they are connected is told where the hub says it soon; without a hub none is. */
static void ask_served(const struct served *given)
{
    struct rest_request *r = given->request;
    struct services *app = r->app;
    struct served *s = ARENA_TAKE(&r->arena, struct served);
    *s = *given;
    if (app->fleet && chooses_by_it(json_root(s->fields)))
        services_fleet_look_a_while(app->fleet, FLEET_AGE_MS, on_fleet, s);
    else if (app->fleet)
        services_fleet_look_briefly(app->fleet, on_fleet, s);
    else
        on_fleet(s, OFFLINE, NULL);
}

static void list_endpoints(struct rest_request *r)
{
    ask_served(&(struct served){.request = r, .what = REGISTRY_ENDPOINTS});
}

static void query_endpoints(struct rest_request *r)
{
    struct json_doc *fields;
    if (services_replies_query(r, &services_models, "EndpointRegistrationQuery", &fields) == OK)
        ask_served(&(struct served){.request = r, .what = REGISTRY_ENDPOINTS, .fields = fields});
}

static void get_endpoint(struct rest_request *r)
{
    ask_served(&(struct served){.request = r, .what = REGISTRY_ENDPOINT, .id = rest_param(r, "endpointId")});
}

/* ---- one application, one endpoint ---- */

/* As the row of the table says. */
static enum status body(struct rest_request *r, struct json_doc **out)
{
    return services_replies_body(r, &services_models, r->route->request, out);
}

static void ask_with_id(struct rest_request *r, enum services_registry_what what, const char *param)
{
    services_replies_ask(r, &(struct services_registry_ask){
                                .what = what, .id = rest_param(r, param), .user = r->user});
}

static void ask_with_body(struct rest_request *r, enum services_registry_what what)
{
    struct json_doc *doc;
    if (body(r, &doc) != OK)
        return;
    json_free(&doc);
    services_replies_ask(r, &(struct services_registry_ask){.what = what,
                                                            .id = rest_param(r, "applicationId"),
                                                            .body = r->body,
                                                            .user = r->user});
}

static void get_application(struct rest_request *r)
{
    ask_with_id(r, REGISTRY_APPLICATION, "applicationId");
}

static void create_application(struct rest_request *r)
{
    ask_with_body(r, REGISTRY_CREATE);
}

static void patch_application(struct rest_request *r)
{
    ask_with_body(r, REGISTRY_PATCH);
}

static void delete_application(struct rest_request *r)
{
    ask_with_id(r, REGISTRY_DELETE, "applicationId");
}

static void disable_application(struct rest_request *r)
{
    ask_with_id(r, REGISTRY_DISABLE, "applicationId");
}

static void enable_application(struct rest_request *r)
{
    ask_with_id(r, REGISTRY_ENABLE, "applicationId");
}

static void purge_applications(struct rest_request *r)
{
    struct slice span = rest_query(r, "notSeenFor");
    struct services_registry_ask ask = {.what = REGISTRY_PURGE, .user = r->user};
    if (span.len > 0 && !clock_parse_timespan(span, &ask.for_ms))
        services_replies_fail(r, BAD_ARGUMENT, "notSeenFor is not a time span ([d.]hh:mm:ss)");
    else
        services_replies_ask(r, &ask);
}

/* The module connects to it now, as 2.8's did. */
static void on_activated(void *arg, enum status why, struct slice json)
{
    struct rest_request *r = arg;
    if (why == OK)
        services_endpoint_probe(r->app, rest_param(r, "endpointId"));
    services_replies_answer(r, why, json);
}

static void activate_endpoint(struct rest_request *r)
{
    const struct services *app = r->app;
    services_registry_ask(app->registry,
                          &(struct services_registry_ask){
                              .what = REGISTRY_ACTIVATE, .id = rest_param(r, "endpointId"), .user = r->user},
                          on_activated, r);
}

static void deactivate_endpoint(struct rest_request *r)
{
    ask_with_id(r, REGISTRY_DEACTIVATE, "endpointId");
}

/* ---- discovery: direct methods on all discoverers ---- */

static void on_discovered(void *arg, enum status why)
{
    struct rest_request *r = arg;
    if (why == OK)
        rest_reply_empty(r, 200);
    else
        services_replies_fail(r, why,
                              why == NOT_FOUND      ? "there is no such discovery, or no discoverer"
                              : why == BAD_ARGUMENT ? "the discoverers cannot read it"
                                                    : "no discoverer took it");
}

static void call_discoverers(struct rest_request *r, const char *method, struct slice payload)
{
    struct services *app = r->app;
    if (app->discoverers)
        services_discoverers_invoke(app->discoverers, method, rest_query(r, "discovererId"), payload,
                                    r->id, on_discovered, r);
    else
        rest_reply_problem(r, 503, "no hub is configured");
}

/* The caller's id of the discovery, or that of the call; and the call's, for the module's log
 * lines.
 */
static void put_ids(struct json_writer *w, const struct rest_request *r, struct slice said)
{
    json_name(w, "callId"), json_put_text(w, r->id);
    json_name(w, "id"), json_put_string(w, said.len > 0 ? said : slice_of(r->id));
}

static void discover(struct rest_request *r)
{
    struct json_doc *doc;
    if (body(r, &doc) != OK)
        return;
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    put_ids(&w, r, json_string(json_get_nocase(json_root(doc), "id")));
    struct json_walk walk = json_walk(json_root(doc));
    while (json_next(&walk))
        if (!slice_eq_nocase(walk.name, SLICE("id")) &&
            !slice_eq_nocase(walk.name, SLICE("callId")))
            json_name_slice(&w, walk.name), json_put_value(&w, walk.value);
    json_end_object(&w);
    json_free(&doc);
    call_discoverers(r, "Discover_V2", buffer_slice(&payload));
    buffer_clear(&payload);
}

/* Registering a server is a discovery of one URL, with the mode off. */
static void register_server(struct rest_request *r)
{
    struct json_doc *doc;
    if (body(r, &doc) != OK)
        return;
    const struct json *said = json_root(doc), *filter = json_get_nocase(said, "activationFilter");
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    put_ids(&w, r, json_string(json_get_nocase(said, "id")));
    json_name(&w, "discovery"), json_put_text(&w, "Off");
    json_name(&w, "configuration"), json_object(&w);
    json_name(&w, "discoveryUrls"), json_array(&w);
    json_put_value(&w, json_get_nocase(said, "discoveryUrl"));
    json_end_array(&w);
    if (json_is(filter, JSON_OBJECT))
        json_name(&w, "activationFilter"), json_put_value(&w, filter);
    json_end_object(&w);
    json_end_object(&w);
    json_free(&doc);
    call_discoverers(r, "Discover_V2", buffer_slice(&payload));
    buffer_clear(&payload);
}

static void cancel_discovery(struct rest_request *r)
{
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    put_ids(&w, r, rest_param(r, "requestId"));
    json_end_object(&w);
    call_discoverers(r, "Cancel_V2", buffer_slice(&payload));
    buffer_clear(&payload);
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/v2/applications", register_server, REST_ADMIN, "RegisterServer", "ServerRegistrationRequest", NULL, .query = "discovererId:str"},
    {"PUT", "/v2/applications", create_application, REST_ADMIN, "CreateApplication", "ApplicationRegistrationRequest", "ApplicationRegistrationResponse"},
    {"GET", "/v2/applications", list_applications, REST_READ, "GetListOfApplications", NULL, "ApplicationInfoList", .query = "continuationToken:str, pageSize:i32"},
    {"DELETE", "/v2/applications", purge_applications, REST_ADMIN, "DeleteAllDisabledApplications", NULL, NULL, .query = "notSeenFor:timespan"},
    {"POST", "/v2/applications/discover", discover, REST_ADMIN, "DiscoverServer", "DiscoveryRequest", NULL, .query = "discovererId:str"},
    {"DELETE", "/v2/applications/discover/{requestId}", cancel_discovery, REST_ADMIN, "Cancel", NULL, NULL, .query = "discovererId:str"},
    {"GET", "/v2/applications/sites", list_sites, REST_READ, "GetListOfSites", NULL, "ApplicationSiteList", .query = "continuationToken:str, pageSize:i32"},
    {"POST", "/v2/applications/query", query_applications, REST_READ, "QueryApplications", "ApplicationRegistrationQuery", "ApplicationInfoList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/applications/query", query_applications, REST_READ, "GetFilteredListOfApplications", NULL, "ApplicationInfoList", .query = "ApplicationRegistrationQuery, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/applications/{applicationId}", get_application, REST_READ, "GetApplicationRegistration", NULL, "ApplicationRegistration"},
    {"PATCH", "/v2/applications/{applicationId}", patch_application, REST_WRITE, "UpdateApplicationRegistration", "ApplicationRegistrationUpdate", NULL},
    {"DELETE", "/v2/applications/{applicationId}", delete_application, REST_ADMIN, "DeleteApplication", NULL, NULL},
    {"POST", "/v2/applications/{applicationId}/disable", disable_application, REST_ADMIN, "DisableApplication", NULL, NULL},
    {"POST", "/v2/applications/{applicationId}/enable", enable_application, REST_ADMIN, "EnableApplication", NULL, NULL},
    {"GET", "/v2/endpoints", list_endpoints, REST_READ, "GetListOfEndpoints", NULL, "EndpointInfoList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"POST", "/v2/endpoints/query", query_endpoints, REST_READ, "QueryEndpoints", "EndpointRegistrationQuery", "EndpointInfoList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/endpoints/query", query_endpoints, REST_READ, "GetFilteredListOfEndpoints", NULL, "EndpointInfoList", .query = "EndpointRegistrationQuery, onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/endpoints/{endpointId}", get_endpoint, REST_READ, "GetEndpoint", NULL, "EndpointInfo", .query = "onlyServerState:bool"},
    {"POST", "/v2/endpoints/{endpointId}/activate", activate_endpoint, REST_WRITE, "ActivateEndpoint", NULL, NULL},
    {"POST", "/v2/endpoints/{endpointId}/deactivate", deactivate_endpoint, REST_WRITE, "DeactivateEndpoint", NULL, NULL},
};
/* clang-format on */

struct rest_table services_registry_table(void)
{
    return REST_TABLE("/registry", routes, NULL);
}
