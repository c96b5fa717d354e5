/* What was there before a change, for the audit log: of the registry, of a twin in the hub, of the
 * module. */
#include "services/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "services/aside.h"
#include "services/fleet_twin.h"
#include "services/ids.h"
#include "services/twin_call.h"
#include "json/json.h"
#include "json/write.h"

static void on_value(struct rest_request *r, struct slice payload)
{
    services_change_record(r, payload);
}

/* It is changed all the same: that it could not be asked for is no reason. */
static void on_no_value(struct rest_request *r)
{
    services_change_record(r, (struct slice){0});
}

/* ---- of the registry ---- */

static void on_entry(void *arg, enum status why, struct slice json)
{
    services_change_record(arg, why == OK ? json : (struct slice){0});
}

static void ask_registry(struct rest_request *r, enum services_registry_what what,
                         const char *parameter)
{
    struct services *app = r->app;
    services_registry_ask(
        app->registry,
        &(struct services_registry_ask){.what = what, .id = rest_param(r, parameter)}, on_entry, r);
}

static void application(struct rest_request *r)
{
    ask_registry(r, REGISTRY_APPLICATION, "applicationId");
}

static void endpoint(struct rest_request *r)
{
    ask_registry(r, REGISTRY_ENDPOINT, "endpointId");
}

/* ---- of a gateway's or a module's twin ---- */

/* The first word of "gateways", "supervisors", … in "/registry/v2/gateways/{id}" says it. */
static enum fleet_kind kind_of(const struct rest_request *r)
{
    static const char *const words[] = {[FLEET_GATEWAY] = "/v2/gateways/",
                                        [FLEET_SUPERVISOR] = "/v2/supervisors/",
                                        [FLEET_DISCOVERER] = "/v2/discovery/",
                                        [FLEET_PUBLISHER] = "/v2/publishers/"};
    for (enum fleet_kind kind = FLEET_GATEWAY; kind < FLEET_PUBLISHER; kind++)
        if (slice_starts(slice_of(r->route->path), slice_of(words[kind])))
            return kind;
    return FLEET_PUBLISHER;
}

static void on_twin(void *arg, enum status why, const struct services_fleet_twin *t)
{
    struct rest_request *r = arg;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    if (why == OK)
        fleet_documents_put(kind_of(r), &t->member, t->twin, &w);
    services_change_record(r, buffer_slice(&out));
    buffer_clear(&out);
}

static void fleet(struct rest_request *r)
{
    struct iot_id id = services_ids_module(rest_param(r, "id"));
    if (services_fleet_twin_ask(r, kind_of(r), id, TWIN_QUESTION_MS, on_twin, r) != OK)
        on_no_value(r);
}

/* ---- of a module: a question that is made of the request ---- */

typedef void put_fn(struct json_writer *w, const struct json *request);

struct question {
    struct rest_request *request;
    put_fn *put; /* writes its members */
    struct services_twin_ask ask;
    struct buffer text;
    enum status status;
};

static void make_question(void *arg)
{
    struct question *q = arg;
    struct json_doc *doc = NULL;
    struct json_writer w = json_writer(&q->text);
    q->status = json_parse(q->request->body, JSON_STRICT, &doc, NULL);
    if (q->status != OK)
        return;
    json_object(&w);
    q->put(&w, json_root(doc));
    json_end_object(&w);
    json_free(&doc);
}

/* `q` is the request's, and may go with it. */
static void ask_question(void *arg)
{
    struct question *q = arg;
    struct buffer text = q->text;
    if (q->status == OK) {
        q->ask.request = buffer_slice(&text);
        services_twin_call(q->request, &q->ask);
    } else {
        on_no_value(q->request);
    }
    if (text.len)
        explicit_bzero(text.at, text.len); /* a password may stand in the header */
    buffer_clear(&text);
}

static void ask_module(struct rest_request *r, const char *method, enum services_payload payload, put_fn *put,
                       services_twin_fn *answer)
{
    struct question *q = ARENA_TAKE(&r->arena, struct question);
    *q = (struct question){.request = r,
                           .put = put,
                           .ask = {.method = method,
                                   .payload = payload,
                                   .question = true,
                                   .answer = answer,
                                   .failed = on_no_value}};
    services_aside(r->loop, r->body.len, make_question, ask_question, q);
}

static void put_members(struct json_writer *w, const struct json *from, const char *const *names,
                        size_t count)
{
    for (size_t n = 0; n < count; n++) {
        const struct json *v = json_get_nocase(from, names[n]);
        if (v)
            json_name(w, names[n]), json_put_value(w, v);
    }
}

static void put_header(struct json_writer *w, const struct json *request)
{
    static const char *const header[] = {"header"};
    put_members(w, request, header, 1);
}

/* ---- of a node: the read of what is to be written ---- */

static void put_value(struct json_writer *w, const struct json *request)
{
    static const char *const names[] = {"nodeId", "browsePath", "indexRange"};
    put_members(w, request, names, 3);
    put_header(w, request);
}

static void value(struct rest_request *r)
{
    ask_module(r, "ValueRead_V2", PAYLOAD_CONNECTION, put_value, on_value);
}

static void put_attributes(struct json_writer *w, const struct json *request)
{
    static const char *const names[] = {"nodeId", "attribute"};
    json_name(w, "attributes"), json_array(w);
    for (struct json_walk each = json_walk(json_get_nocase(request, "attributes")); json_next(&each);) {
        json_object(w);
        put_members(w, each.value, names, 2);
        json_end_object(w);
    }
    json_end_array(w);
    put_header(w, request);
}

static void attributes(struct rest_request *r)
{
    ask_module(r, "NodeRead_V2", PAYLOAD_CONNECTION, put_attributes, on_value);
}

/* ---- of what is published ---- */

static void configuration(struct rest_request *r)
{
    services_module_call(r, rest_param(r, "publisherId"),
                         &(struct services_twin_ask){.method = "GetConfiguredEndpoints_V2",
                                                     .request = SLICE("{\"includeNodes\":true}"),
                                                     .payload = PAYLOAD_REQUEST,
                                                     .question = true,
                                                     .answer = on_value,
                                                     .failed = on_no_value});
}

static void name(struct map *names, const struct json *id)
{
    struct slice trimmed = slice_trim(json_string(id)); /* as the module compares them */
    if (trimmed.len > 0)
        map_put(names, trimmed, names);
}

/* The ids of nodes in a request to start, to stop, or for many. */
static void name_all(struct map *names, const struct json *request)
{
    const struct json *item = json_get_nocase(request, "item");
    name(names, json_get_nocase(item ? item : request, "nodeId"));
    for (struct json_walk w = json_walk(json_get_nocase(request, "nodesToAdd")); json_next(&w);)
        name(names, json_get_nocase(w.value, "nodeId"));
    for (struct json_walk w = json_walk(json_get_nocase(request, "nodesToRemove")); json_next(&w);)
        name(names, w.value);
}

struct picking {
    struct rest_request *request;
    struct buffer list, out;
};

static void pick(void *arg)
{
    struct picking *p = arg;
    struct json_doc *list = NULL, *request = NULL;
    struct map names = {0};
    struct json_writer w = json_writer(&p->out);
    if (json_parse(buffer_slice(&p->list), JSON_STRICT, &list, NULL) == OK &&
        json_parse(p->request->body, JSON_STRICT, &request, NULL) == OK) {
        name_all(&names, json_root(request));
        json_array(&w);
        for (struct json_walk each = json_walk(json_get_nocase(json_root(list), "items"));
             json_next(&each);)
            if (map_get(&names, json_string(json_get_nocase(each.value, "nodeId"))))
                json_put_value(&w, each.value);
        json_end_array(&w);
    }
    map_clear(&names);
    json_free(&list);
    json_free(&request);
}

static void on_picked(void *arg)
{
    struct picking *p = arg;
    services_change_record(p->request, buffer_slice(&p->out));
    buffer_clear(&p->list);
    buffer_clear(&p->out);
    free(p);
}

/* How the nodes that the request names are published; an empty list: they are not. */
static void on_published(struct rest_request *r, struct slice payload)
{
    struct picking *p = MEMORY_NEW(struct picking);
    p->request = r;
    buffer_put(&p->list, payload);
    services_aside(r->loop, payload.len + r->body.len, pick, on_picked, p);
}

/* Whose user is in the header: the module has the nodes of each in an entry of its own. */
static void published(struct rest_request *r)
{
    ask_module(r, "PublishList_V2", PAYLOAD_PUBLISHER, put_header, on_published);
}

/* ---- which of them ---- */

static const struct old {
    const char *operation;
    void (*ask)(struct rest_request *r);
    bool hub; /* it is asked for this */
} olds[] = {
    {"UpdateApplicationRegistration", application, false},
    {"DeleteApplication", application, false},
    {"DisableApplication", application, false},
    {"EnableApplication", application, false},
    {"ActivateEndpoint", endpoint, false},
    {"DeactivateEndpoint", endpoint, false},
    {"UpdateGateway", fleet, true},
    {"UpdateSupervisor", fleet, true},
    {"UpdateDiscoverer", fleet, true},
    {"SetDiscoveryMode", fleet, true},
    {"UpdatePublisher", fleet, true},
    {"SetConfiguredEndpoints", configuration, true},
    {"StartPublishingValues", published, true},
    {"StopPublishingValues", published, true},
    {"BulkPublishValues", published, true},
    {"WriteValue", value, true},
    {"WriteAttributes", attributes, true},
};

bool services_change_ask_old(struct rest_request *r)
{
    const struct services *app = r->app;
    for (size_t i = 0; i < sizeof(olds) / sizeof(olds[0]); i++)
        if (r->route->operation && strcmp(r->route->operation, olds[i].operation) == 0 &&
            (!olds[i].hub || (app->hub && app->fleet))) {
            olds[i].ask(r);
            return true;
        }
    return false;
}
