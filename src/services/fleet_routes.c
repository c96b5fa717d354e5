/*
 * The registry's REST API, 2.8: gateways (edge devices) and the modules on them that supervise, discover and publish.
 * All of it is in their twins at the hub: read from there, and changed there.
 */
#include "services/fleet_twin.h"
#include "services/ids.h"
#include "services/models.h"
#include "services/replies.h"
#include "services/services.h"

/* ---- one request ---- */

struct look {
    struct rest_request *request;
    enum fleet_kind kind;
    const struct json *wanted; /* of a query; NULL: all, or one */
    bool one;                  /* of a query for the supervisor of an endpoint: */
    struct slice id;           /* no other; empty: none */
    struct json_doc *doc;      /* of `wanted` */
};

static void end(struct look *l)
{
    json_free(&l->doc);
}

static struct json_doc *twin_of(const struct services_fleet_member *m)
{
    struct json_doc *doc;
    return json_parse(slice_of(m->twin), JSON_STRICT, &doc, NULL) == OK ? doc : NULL;
}

/* ---- lists and queries, in pages: a token is the place where the next begins ---- */

static bool says(const struct look *l, const char *name, struct slice value)
{
    struct slice wanted = json_string(json_get_nocase(l->wanted, name));
    return wanted.len == 0 || slice_eq_nocase(wanted, value);
}

static bool is_one(const struct look *l, const struct services_fleet_member *m)
{
    return !l->one ||
           iot_id_eq(services_ids_module(l->id), (struct iot_id){slice_of(m->device), slice_of(m->module)});
}

static bool matches(const struct look *l, const struct services_fleet_member *m, const struct json *twin)
{
    const struct json *connected = json_get_nocase(l->wanted, "connected");
    const struct json *reported = json_get(json_get(twin, "properties"), "reported");
    struct slice mode = json_string(json_get(reported, "Discovery"));
    return is_one(l, m) && says(l, "siteId", fleet_documents_site(twin)) &&
           says(l, "discovery", mode.len ? mode : SLICE("Off")) &&
           (!json_is(connected, JSON_BOOL) || json_bool(connected, false) == m->connected);
}

static void put_page(struct look *l, const struct services_fleet_list *list, size_t from, size_t limit,
                     struct buffer *out)
{
    struct json_writer w = json_writer(out);
    size_t count = 0, next = 0;
    json_object(&w);
    json_name(&w, "items"), json_array(&w);
    for (size_t i = from; i < list->count && next == 0; i++) {
        if (!services_fleet_is(l->request->app, l->kind, &list->members[i]))
            continue;
        struct json_doc *doc = twin_of(&list->members[i]);
        if (matches(l, &list->members[i], json_root(doc))) {
            if (count++ < limit)
                fleet_documents_put(l->kind, &list->members[i], json_root(doc), &w);
            else
                next = i;
        }
        json_free(&doc);
    }
    json_end_array(&w);
    if (next) {
        json_name(&w, "continuationToken");
        json_put_text(&w, arena_printf(&l->request->arena, "%zu", next));
    }
    json_end_object(&w);
}

static void answer_list(struct look *l, const struct services_fleet_list *list)
{
    struct buffer out = {0};
    size_t from, limit;
    if (!services_replies_window(l->request, &from, &limit))
        return;
    put_page(l, list, from, limit, &out);
    rest_reply_json(l->request, 200, buffer_slice(&out));
    buffer_clear(&out);
}

/* ---- one of them ---- */

/* Its twin's document is then the caller's. */
static const struct services_fleet_member *find(const struct services *app, enum fleet_kind kind,
                                                const struct services_fleet_list *list, struct iot_id id,
                                                struct json_doc **twin)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (services_fleet_is(app, kind, m) && iot_id_eq(id, (struct iot_id){slice_of(m->device), slice_of(m->module)})) {
            *twin = twin_of(m);
            return m;
        }
    }
    return NULL;
}

/* The gateway's module of that kind: by its type, whatever its name. */
static void put_part(struct json_writer *w, const struct services *app, const struct services_fleet_list *list,
                     const char *device, enum fleet_kind kind, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (strcmp(m->device, device) != 0 || !services_fleet_is(app, kind, m))
            continue;
        struct json_doc *twin = twin_of(m);
        json_name(w, name), fleet_documents_put(kind, m, json_root(twin), w);
        json_free(&twin);
        return;
    }
}

static void put_gateway(struct json_writer *w, const struct services *app, const struct services_fleet_list *list,
                        const struct services_fleet_member *gateway, const struct json *twin)
{
    json_object(w);
    json_name(w, "gateway"), fleet_documents_put(FLEET_GATEWAY, gateway, twin, w);
    json_name(w, "modules"), json_object(w);
    put_part(w, app, list, gateway->device, FLEET_SUPERVISOR, "supervisor");
    put_part(w, app, list, gateway->device, FLEET_PUBLISHER, "publisher");
    put_part(w, app, list, gateway->device, FLEET_DISCOVERER, "discoverer");
    json_end_object(w);
    json_end_object(w);
}

static void answer_one(struct look *l, const struct services_fleet_list *list)
{
    struct rest_request *r = l->request;
    struct json_doc *twin = NULL;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    const struct services_fleet_member *m = find(r->app, l->kind, list, services_ids_module(rest_param(r, "id")), &twin);
    if (m == NULL) {
        services_replies_fail(r, NOT_FOUND, "the hub does not know it");
        return;
    }
    if (l->kind == FLEET_GATEWAY)
        put_gateway(&w, r->app, list, m, json_root(twin));
    else
        fleet_documents_put(l->kind, m, json_root(twin), &w);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
    json_free(&twin);
}

/* ---- the way there ---- */

static void on_list(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct look *l = arg;
    struct json_doc *doc = l->doc; /* `l` is the request's, and goes with the answer */
    if (why != OK)
        services_replies_no_fleet(l->request, why);
    else if (rest_param(l->request, "id").len > 0)
        answer_one(l, list);
    else
        answer_list(l, list);
    json_free(&doc);
}

/* `l` is copied; its document is ours. */
static void look(const struct look *given)
{
    struct services *app = given->request->app;
    struct look *l = ARENA_TAKE(&given->request->arena, struct look);
    *l = *given;
    if (app->fleet) {
        services_fleet_look_a_while(app->fleet, FLEET_AGE_MS, on_list, l);
        return;
    }
    end(l);
    rest_reply_problem(l->request, 503, "no hub is configured");
}

static void get(struct rest_request *r, enum fleet_kind kind)
{
    look(&(struct look){.request = r, .kind = kind});
}

/* `arg` is in the request's arena, which goes with the answer. */
static void on_served(void *arg, enum status why, struct slice json)
{
    struct look *l = arg;
    struct json_doc *doc = NULL;
    if (why == OK)
        why = json_parse(json, JSON_STRICT, &doc, NULL);
    if (why == OK)
        l->id = arena_copy(&l->request->arena,
                           json_string(json_get(json_get(json_root(doc), "registration"), "supervisorId")));
    json_free(&doc);
    if (why == OK || why == NOT_FOUND) {
        look(l);
        return;
    }
    end(l);
    services_replies_fail(l->request, why, "the registry could not do it now");
}

/* Of the supervisors the one that an endpoint has, whose id the registry knows. */
static void look_for_supervisor(const struct look *given, struct slice endpoint)
{
    struct services *app = given->request->app;
    struct look *l = ARENA_TAKE(&given->request->arena, struct look);
    *l = *given;
    l->one = true;
    services_registry_ask(app->registry, &(struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = endpoint},
                          on_served, l);
}

static void query(struct rest_request *r, enum fleet_kind kind)
{
    static const char *const models[] = {"GatewayQuery", "SupervisorQuery", "DiscovererQuery", "PublisherQuery"};
    struct look l = {.request = r, .kind = kind};
    if (services_replies_query(r, &services_models, models[kind], &l.doc) != OK)
        return;
    l.wanted = json_root(l.doc);
    struct slice endpoint = json_string(json_get_nocase(l.wanted, "endpointId"));
    if (endpoint.len > 0)
        look_for_supervisor(&l, endpoint);
    else
        look(&l);
}

static void change(struct rest_request *r, enum fleet_kind kind)
{
    struct json_doc *update = NULL;
    if (services_replies_body(r, &services_models, r->route->request, &update) == OK)
        services_fleet_twin_change(r, kind, update, (struct slice){0});
}

static void set_discovery_mode(struct rest_request *r)
{
    static const char *const modes[] = {"Off", "Local", "Network", "Fast", "Scan"};
    struct json_doc *config = NULL;
    struct slice mode = {0};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_eq_nocase(rest_query(r, "mode"), slice_of(modes[i])))
            mode = slice_of(modes[i]);
    if (mode.len == 0) {
        services_replies_fail(r, BAD_ARGUMENT, "mode is one of Off, Local, Network, Fast and Scan");
        return;
    }
    if (r->body.len && services_replies_body(r, &services_models, r->route->request, &config) != OK)
        return;
    services_fleet_twin_change(r, FLEET_DISCOVERER, config, mode);
}

/* ---- a supervisor's endpoints ---- */

static void put_activated(struct json_writer *w, const struct json *list)
{
    for (struct json_walk each = json_walk(json_get(list, "items")); json_next(&each);) {
        json_object(w);
        json_name(w, "id"), json_put_value(w, json_get(json_get(each.value, "registration"), "id"));
        json_name(w, "activationState"), json_put_value(w, json_get(each.value, "activationState"));
        json_end_object(w);
    }
}

static void on_endpoints(void *arg, enum status why, struct slice json)
{
    struct rest_request *r = arg;
    struct json_doc *doc = NULL;
    if (why == OK)
        why = json_parse(json, JSON_STRICT, &doc, NULL);
    if (why != OK) {
        services_replies_fail(r, why, NULL);
        return;
    }
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    struct iot_id id = services_ids_module(rest_param(r, "id"));
    json_object(&w);
    json_name(&w, "deviceId"), json_put_string(&w, id.device);
    json_member(&w, "moduleId", id.module);
    json_name(&w, "endpoints"), json_array(&w);
    put_activated(&w, json_root(doc));
    json_end_array(&w);
    json_end_object(&w);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
    json_free(&doc);
}

static void supervisor_status(struct rest_request *r)
{
    struct services *app = r->app;
    struct buffer text = {0};
    struct json_doc *fields = NULL;
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_name(&w, "supervisorId"), json_put_string(&w, rest_param(r, "id"));
    json_name(&w, "activated"), json_put_bool(&w, true);
    json_end_object(&w);
    if (json_parse(buffer_slice(&text), JSON_STRICT, &fields, NULL) == OK)
        services_registry_ask(app->registry,
                              &(struct services_registry_ask){.what = REGISTRY_ENDPOINTS,
                                                              .fields = json_root(fields),
                                                              .limit = SERVICES_PAGE_MAX},
                              on_endpoints, r);
    json_free(&fields);
    buffer_clear(&text);
}

static void get_gateway(struct rest_request *r) { get(r, FLEET_GATEWAY); }
static void query_gateways(struct rest_request *r) { query(r, FLEET_GATEWAY); }
static void change_gateway(struct rest_request *r) { change(r, FLEET_GATEWAY); }
static void get_supervisor(struct rest_request *r) { get(r, FLEET_SUPERVISOR); }
static void query_supervisors(struct rest_request *r) { query(r, FLEET_SUPERVISOR); }
static void change_supervisor(struct rest_request *r) { change(r, FLEET_SUPERVISOR); }
static void get_discoverer(struct rest_request *r) { get(r, FLEET_DISCOVERER); }
static void query_discoverers(struct rest_request *r) { query(r, FLEET_DISCOVERER); }
static void change_discoverer(struct rest_request *r) { change(r, FLEET_DISCOVERER); }
static void get_publisher(struct rest_request *r) { get(r, FLEET_PUBLISHER); }
static void query_publishers(struct rest_request *r) { query(r, FLEET_PUBLISHER); }
static void change_publisher(struct rest_request *r) { change(r, FLEET_PUBLISHER); }

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/v2/gateways", get_gateway, REST_READ, "GetListOfGateway", NULL, "GatewayList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/gateways/query", query_gateways, REST_READ, "GetFilteredListOfGateway", NULL, "GatewayList", .query = "GatewayQuery, continuationToken:str, pageSize:i32"},
    {"POST", "/v2/gateways/query", query_gateways, REST_READ, "QueryGateway", "GatewayQuery", "GatewayList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/gateways/{id}", get_gateway, REST_READ, "GetGateway", NULL, "GatewayInfo"},
    {"PATCH", "/v2/gateways/{id}", change_gateway, REST_WRITE, "UpdateGateway", "GatewayUpdate", NULL},
    {"GET", "/v2/supervisors", get_supervisor, REST_READ, "GetListOfSupervisors", NULL, "SupervisorList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/supervisors/query", query_supervisors, REST_READ, "GetFilteredListOfSupervisors", NULL, "SupervisorList", .query = "SupervisorQuery, onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"POST", "/v2/supervisors/query", query_supervisors, REST_READ, "QuerySupervisors", "SupervisorQuery", "SupervisorList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/supervisors/{id}", get_supervisor, REST_READ, "GetSupervisor", NULL, "Supervisor", .query = "onlyServerState:bool"},
    {"PATCH", "/v2/supervisors/{id}", change_supervisor, REST_WRITE, "UpdateSupervisor", "SupervisorUpdate", NULL},
    {"GET", "/v2/supervisors/{id}/status", supervisor_status, REST_READ, "GetSupervisorStatus", NULL, "SupervisorStatus"},
    {"GET", "/v2/discovery", get_discoverer, REST_READ, "GetListOfDiscoverers", NULL, "DiscovererList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/discovery/query", query_discoverers, REST_READ, "GetFilteredListOfDiscoverers", NULL, "DiscovererList", .query = "DiscovererQuery, continuationToken:str, pageSize:i32"},
    {"POST", "/v2/discovery/query", query_discoverers, REST_READ, "QueryDiscoverers", "DiscovererQuery", "DiscovererList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/discovery/{id}", get_discoverer, REST_READ, "GetDiscoverer", NULL, "Discoverer"},
    {"PATCH", "/v2/discovery/{id}", change_discoverer, REST_WRITE, "UpdateDiscoverer", "DiscovererUpdate", NULL},
    {"POST", "/v2/discovery/{id}", set_discovery_mode, REST_WRITE, "SetDiscoveryMode", "DiscoveryConfig", NULL, .query = "mode*:DiscoveryMode", .may_lack_body = true},
    {"GET", "/v2/publishers", get_publisher, REST_READ, "GetListOfPublisher", NULL, "PublisherList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/publishers/query", query_publishers, REST_READ, "GetFilteredListOfPublisher", NULL, "PublisherList", .query = "PublisherQuery, onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"POST", "/v2/publishers/query", query_publishers, REST_READ, "QueryPublisher", "PublisherQuery", "PublisherList", .query = "onlyServerState:bool, continuationToken:str, pageSize:i32"},
    {"GET", "/v2/publishers/{id}", get_publisher, REST_READ, "GetPublisher", NULL, "Publisher", .query = "onlyServerState:bool"},
    {"PATCH", "/v2/publishers/{id}", change_publisher, REST_WRITE, "UpdatePublisher", "PublisherUpdate", NULL},
};
/* clang-format on */

struct rest_table services_fleet_table(void)
{
    return REST_TABLE("/registry", routes, NULL);
}
