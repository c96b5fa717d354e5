/*
 * The registry's REST API, 2.8, reading: gateways (edge devices) and the modules on them that
 * supervise, discover and publish. What a module reports in its twin (site, log level) is not shown
 * yet.
 */
#include "base/memory.h"
#include "services/ids.h"
#include "services/replies.h"
#include "services/services.h"
#include "json/write.h"

#define AGE_MS 2000

enum kind { GATEWAYS, SUPERVISORS, DISCOVERERS, PUBLISHERS };

static const char *module_of(const struct services *app, enum kind kind)
{
    return kind == SUPERVISORS   ? app->twin_module
           : kind == DISCOVERERS ? app->discovery_module
                                 : app->publisher_module;
}

static bool is_of(const struct services *app, enum kind kind, const struct services_fleet_member *m)
{
    if (kind == GATEWAYS)
        return m->module == NULL;
    return m->module && strcmp(m->module, module_of(app, kind)) == 0;
}

static void put_member(struct json_writer *w, enum kind kind, const struct services_fleet_member *m)
{
    struct buffer id = {0};
    services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
    json_object(w);
    json_name(w, "id"), json_put_string(w, buffer_slice(&id));
    if (kind == DISCOVERERS)
        json_name(w, "discovery"), json_put_text(w, "Off");
    json_name(w, "connected"), json_put_bool(w, m->connected);
    json_end_object(w);
    buffer_clear(&id);
}

/* ---- a list, whole or only of those that are (not) connected ---- */

struct look {
    struct rest_request *request;
    enum kind kind;
    int connected; /* -1: all */
};

static void answer_list(const struct look *l, const struct services_fleet_list *list)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "items"), json_array(&w);
    for (size_t i = 0; i < list->count; i++)
        if (is_of(l->request->app, l->kind, &list->members[i]) &&
            (l->connected < 0 || l->connected == list->members[i].connected))
            put_member(&w, l->kind, &list->members[i]);
    json_end_array(&w);
    json_end_object(&w);
    rest_reply_json(l->request, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static const struct services_fleet_member *find(const struct services *app, enum kind kind,
                                                const struct services_fleet_list *list,
                                                struct iot_id id)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (is_of(app, kind, m) &&
            iot_id_eq(id, (struct iot_id){slice_of(m->device), slice_of(m->module)}))
            return m;
    }
    return NULL;
}

static void put_gateway(struct json_writer *w, const struct services *app,
                        const struct services_fleet_list *list,
                        const struct services_fleet_member *gateway)
{
    static const struct {
        enum kind kind;
        const char *name;
    } parts[] = {
        {SUPERVISORS, "supervisor"}, {PUBLISHERS, "publisher"}, {DISCOVERERS, "discoverer"}};
    json_object(w);
    json_name(w, "gateway"), put_member(w, GATEWAYS, gateway);
    json_name(w, "modules"), json_object(w);
    for (size_t i = 0; i < 3; i++) {
        struct iot_id id = {slice_of(gateway->device), slice_of(module_of(app, parts[i].kind))};
        const struct services_fleet_member *m = find(app, parts[i].kind, list, id);
        if (m)
            json_name(w, parts[i].name), put_member(w, parts[i].kind, m);
    }
    json_end_object(w);
    json_end_object(w);
}

static void answer_one(const struct look *l, const struct services_fleet_list *list)
{
    struct rest_request *r = l->request;
    const struct services_fleet_member *m =
        find(r->app, l->kind, list, services_ids_module(rest_param(r, "id")));
    if (m == NULL) {
        services_replies_fail(r, NOT_FOUND, "the hub does not know it");
        return;
    }
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    if (l->kind == GATEWAYS)
        put_gateway(&w, r->app, list, m);
    else
        put_member(&w, l->kind, m);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void on_list(void *arg, enum status why, const struct services_fleet_list *list)
{
    const struct look *l = arg;
    if (why != OK)
        services_replies_fail(l->request, why, "the hub does not tell its modules");
    else if (rest_param(l->request, "id").len > 0)
        answer_one(l, list);
    else
        answer_list(l, list);
}

static void look(struct rest_request *r, enum kind kind, int connected)
{
    struct services *app = r->app;
    if (app->fleet == NULL) {
        rest_reply_problem(r, 503, "no hub is configured");
        return;
    }
    struct look *l = ARENA_TAKE(&r->arena, struct look);
    *l = (struct look){r, kind, connected};
    services_fleet_look(app->fleet, AGE_MS, on_list, l);
}

static void query(struct rest_request *r, enum kind kind)
{
    struct slice wanted = rest_query(r, "connected");
    bool yes = slice_eq_nocase(wanted, SLICE("true"));
    if (r->body.len > 0) {
        struct json_doc *doc;
        if (json_parse(r->body, JSON_STRICT, &doc, NULL) != OK) {
            services_replies_fail(r, BAD_ARGUMENT, "the body is not JSON");
            return;
        }
        const struct json *given = json_get_nocase(json_root(doc), "connected");
        int connected = json_is(given, JSON_BOOL) ? json_bool(given, false) : -1;
        json_free(&doc);
        look(r, kind, connected);
    } else if (wanted.len > 0 && !yes && !slice_eq_nocase(wanted, SLICE("false"))) {
        services_replies_fail(r, BAD_ARGUMENT, "connected: not true or false");
    } else {
        look(r, kind, wanted.len > 0 ? yes : -1);
    }
}

static void gateways(struct rest_request *r)
{
    look(r, GATEWAYS, -1);
}

static void query_gateways(struct rest_request *r)
{
    query(r, GATEWAYS);
}

static void supervisors(struct rest_request *r)
{
    look(r, SUPERVISORS, -1);
}

static void query_supervisors(struct rest_request *r)
{
    query(r, SUPERVISORS);
}

static void discoverers(struct rest_request *r)
{
    look(r, DISCOVERERS, -1);
}

static void query_discoverers(struct rest_request *r)
{
    query(r, DISCOVERERS);
}

static void publishers(struct rest_request *r)
{
    look(r, PUBLISHERS, -1);
}

static void query_publishers(struct rest_request *r)
{
    query(r, PUBLISHERS);
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/v2/gateways", gateways, REST_READ, "GetListOfGateway", NULL, "GatewayList"},
    {"GET", "/v2/gateways/query", query_gateways, REST_READ, "GetFilteredListOfGateway", NULL, "GatewayList"},
    {"POST", "/v2/gateways/query", query_gateways, REST_READ, "QueryGateway", "GatewayQuery", "GatewayList"},
    {"GET", "/v2/gateways/{id}", gateways, REST_READ, "GetGateway", NULL, "GatewayInfo"},
    {"GET", "/v2/supervisors", supervisors, REST_READ, "GetListOfSupervisors", NULL, "SupervisorList"},
    {"GET", "/v2/supervisors/query", query_supervisors, REST_READ, "GetFilteredListOfSupervisors", NULL, "SupervisorList"},
    {"POST", "/v2/supervisors/query", query_supervisors, REST_READ, "QuerySupervisors", "SupervisorQuery", "SupervisorList"},
    {"GET", "/v2/supervisors/{id}", supervisors, REST_READ, "GetSupervisor", NULL, "Supervisor"},
    {"GET", "/v2/discovery", discoverers, REST_READ, "GetListOfDiscoverers", NULL, "DiscovererList"},
    {"GET", "/v2/discovery/query", query_discoverers, REST_READ, "GetFilteredListOfDiscoverers", NULL, "DiscovererList"},
    {"POST", "/v2/discovery/query", query_discoverers, REST_READ, "QueryDiscoverers", "DiscovererQuery", "DiscovererList"},
    {"GET", "/v2/discovery/{id}", discoverers, REST_READ, "GetDiscoverer", NULL, "Discoverer"},
    {"GET", "/v2/publishers", publishers, REST_READ, "GetListOfPublisher", NULL, "PublisherList"},
    {"GET", "/v2/publishers/query", query_publishers, REST_READ, "GetFilteredListOfPublisher", NULL, "PublisherList"},
    {"POST", "/v2/publishers/query", query_publishers, REST_READ, "QueryPublisher", "PublisherQuery", "PublisherList"},
    {"GET", "/v2/publishers/{id}", publishers, REST_READ, "GetPublisher", NULL, "Publisher"},
};
/* clang-format on */

struct rest_table services_fleet_table(void)
{
    return REST_TABLE("/registry", routes, NULL);
}
