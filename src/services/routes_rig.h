/*
 * What tests of the REST APIs stand on: a caller, the services on real sockets, and a hub that is a
 * route table. Included by one test program each.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "gzip/gzip.h"
#include "services/discoverers.h"
#include "services/fleet_watch.h"
#include "services/ids.h"
#include "services/live.h"
#include "services/services.h"
#include "services/twin_call.h"
#include "services/values.h"
#include "json/json.h"
#include "json/write.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define KEY "c2VjcmV0IGtleSBmb3IgdGVzdHM="

/* What the hub answers to a method of that name; NULL at the end. */
struct answer_to {
    const char *method, *answer;
};

static struct house {
    struct loop *loop;
    struct services services;
    struct rest_server *server, *hub_server;
    struct listener *listener, *hub_listener;
    struct rest_client *caller, *hub_rest;
    char endpoint[SERVICES_ID_MAX], application[SERVICES_ID_MAX];
    /* What the hub answers to a method, and what it was asked last: */
    int hub_status;
    const char *hub_answer;
    const struct answer_to *answers; /* instead, to those named in it; NULL: none */
    const char *too_large; /* instead, to what does not come in pieces */
    char device[64], module[64], id[40];
    struct buffer asked, before; /* and what before that */
    const char *modules, *edges; /* the second pages of modules and of edge devices */
    const char *twin;            /* the discoverer's of "edge"; NULL: as in the query */
    const char *overtaken;       /* and after somebody else's change, just before the next one; then NULL */
    char if_match[32];           /* of the last change */
    int methods, lookups, changes;
    bool down;                 /* queries fail */
    bool hold;                 /* the next query waits: */
    struct rest_request *held; /* here */
    bool hold_method;          /* and the next method: */
    struct rest_request *held_method;
    int in_pieces; /* methods that were called so; what was asked is their whole */
} house;

/* ---- the hub ---- */

/* A call in one piece: as if it had come as a method of its own. */
static void unfold(const struct json *body)
{
    const struct json *piece = json_get(body, "payload");
    struct buffer packed = {0}, whole = {0};
    struct json_writer w = json_writer(&house.asked);
    house.in_pieces++;
    assert_int_equal(base64_decode(json_string(json_get(piece, "payload")), &packed), OK);
    assert_int_equal(gzip_expand(buffer_slice(&packed), 4 << 20, &whole), OK);
    buffer_reset(&house.asked);
    json_object(&w);
    json_name(&w, "methodName"), json_put_value(&w, json_get(piece, "method"));
    json_name(&w, "responseTimeoutInSeconds"), json_put_value(&w, json_get(body, "responseTimeoutInSeconds"));
    json_name(&w, "payload"), json_put_raw(&w, buffer_slice(&whole));
    json_end_object(&w);
    buffer_clear(&packed);
    buffer_clear(&whole);
}

static const char *answer_to_asked(void)
{
    struct json_doc *doc = NULL;
    const char *found = house.hub_answer;
    if (json_parse(buffer_slice(&house.asked), JSON_STRICT, &doc, NULL) == OK)
        for (const struct answer_to *a = house.answers; a && a->method; a++)
            if (slice_eq(json_string(json_get(json_root(doc), "methodName")), slice_of(a->method)))
                found = a->answer;
    json_free(&doc);
    return found;
}

/* The module's answer, as the one piece of a response. */
static void fold_answer(struct rest_request *r)
{
    struct json_doc *doc;
    struct buffer payload = {0}, packed = {0}, text = {0}, out = {0};
    struct json_writer w = json_writer(&payload);
    assert_int_equal(json_parse(slice_of(answer_to_asked()), JSON_STRICT, &doc, NULL), OK);
    json_put_value(&w, json_get(json_root(doc), "payload"));
    gzip_compress(buffer_slice(&payload), &packed);
    base64_encode(buffer_slice(&packed), &text);
    int64_t status = 0;
    assert_true(json_i64(json_get(json_root(doc), "status"), &status));
    buffer_printf(&out, "{\"status\":200,\"payload\":{\"length\":%zu,\"status\":%d,\"payload\":\"%s\"}}", packed.len,
                  (int)status, buffer_cstr(&text));
    rest_reply_json(r, 200, buffer_slice(&out));
    json_free(&doc);
    buffer_clear(&payload);
    buffer_clear(&packed);
    buffer_clear(&text);
    buffer_clear(&out);
}

static void hub_method(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    if (house.hold_method) {
        house.hold_method = false;
        house.held_method = r;
        return;
    }
    house.methods++;
    snprintf(house.device, sizeof(house.device), "%.*s", SLICE_FMT(rest_param(r, "id")));
    snprintf(house.module, sizeof(house.module), "%.*s", SLICE_FMT(rest_param(r, "module")));
    snprintf(house.id, sizeof(house.id), "%s", r->id);
    buffer_reset(&house.before);
    buffer_put(&house.before, buffer_slice(&house.asked));
    buffer_reset(&house.asked);
    buffer_put(&house.asked, r->body);
    bool piece = json_parse(r->body, JSON_STRICT, &doc, NULL) == OK &&
                 slice_eq(json_string(json_get(json_root(doc), "methodName")), SLICE("$call"));
    if (piece) {
        unfold(json_root(doc));
        fold_answer(r);
    } else {
        rest_reply_json(r, house.hub_status, slice_of(house.too_large ? house.too_large : answer_to_asked()));
    }
    json_free(&doc);
}

#define DISCOVERER                                                                                 \
    "{\"deviceId\":\"edge\",\"moduleId\":\"discovery\",\"connectionState\":\"Connected\","             \
    "\"properties\":{\"desired\":{\"DiscoveryUrls\":{\"0\":\"a\",\"1\":\"b\"}},"                       \
    "\"reported\":{\"__type__\":\"discoverer\",\"__siteid__\":\"plant\"}}}"

/* Modules, then edge devices; in two pages each. */
static void hub_query(struct rest_request *r)
{
    if (house.hold) {
        house.hold = false;
        house.held = r;
        return;
    }
    if (house.down) {
        rest_reply_json(r, 500, SLICE("{}"));
        return;
    }
    bool modules = slice_find_slice(r->body, SLICE("devices.modules")) < r->body.len;
    bool second = rest_header(r, "x-ms-continuation").len > 0;
    house.lookups += modules && !second;
    if (!second)
        rest_add_header(r, "x-ms-continuation", SLICE("2"));
    rest_reply_json(r, 200,
                    modules ? (second ? slice_of(house.modules)
                                      : SLICE("[{\"deviceId\":\"edge2\",\"moduleId\":\"$edgeHub\"},"
                                              DISCOVERER ","
                                              "{\"deviceId\":\"edge\",\"moduleId\":\"publisher\",\"connectionState\":\"Connected\"}]"))
                    : second ? slice_of(house.edges)
                             : SLICE("[{\"deviceId\":\"edge\"}]"));
}

/* Of the gateways and of the modules that the settings name; others are not known. */
static void hub_twin(struct rest_request *r)
{
    if (house.hold) {
        house.hold = false;
        house.held = r;
        return;
    }
    struct slice id = rest_param(r, "id"), module = rest_param(r, "module");
    struct buffer out = {0};
    bool edge = slice_eq(id, SLICE("edge")), discovery = slice_eq(module, SLICE("discovery"));
    if (edge && discovery)
        buffer_text(&out, house.twin ? house.twin : DISCOVERER);
    else if (discovery || slice_eq(module, SLICE("twin")) || slice_eq(module, SLICE("publisher")))
        buffer_printf(&out, "{\"deviceId\":\"%.*s\",\"moduleId\":\"%.*s\",\"connectionState\":\"Connected\"}",
                      SLICE_FMT(id), SLICE_FMT(module));
    else if (module.len == 0)
        buffer_printf(&out, "{\"deviceId\":\"%.*s\",\"etag\":\"e7\",\"capabilities\":{\"iotEdge\":%s}}", SLICE_FMT(id),
                      edge || slice_eq(id, SLICE("edge2")) ? "true" : "false");
    rest_reply_json(r, out.len ? 200 : 404, buffer_slice(&out));
    buffer_clear(&out);
}

static inline bool is_held(void *arg)
{
    (void)arg;
    return house.held != NULL;
}

/* What waits gets its answer. */
static inline void hub_let_go(void)
{
    struct rest_request *r = house.held;
    house.held = NULL;
    if (slice_eq(r->method, SLICE("GET")))
        hub_twin(r);
    else
        hub_query(r);
}

static void hub_change(struct rest_request *r)
{
    house.changes++;
    snprintf(house.device, sizeof(house.device), "%.*s", SLICE_FMT(rest_param(r, "id")));
    snprintf(house.module, sizeof(house.module), "%.*s", SLICE_FMT(rest_param(r, "module")));
    buffer_reset(&house.asked);
    buffer_put(&house.asked, r->body);
    snprintf(house.if_match, sizeof(house.if_match), "%.*s", SLICE_FMT(rest_header(r, "If-Match")));
    bool late = house.overtaken != NULL;
    if (late)
        house.twin = house.overtaken;
    house.overtaken = NULL;
    rest_reply_json(r, late ? 412 : 200, SLICE("{}"));
}

static const struct rest_route hub_routes[] = {
    {"POST", "/devices/query", hub_query, REST_PUBLIC},
    {"GET", "/twins/{id}", hub_twin, REST_PUBLIC},
    {"GET", "/twins/{id}/modules/{module}", hub_twin, REST_PUBLIC},
    {"PATCH", "/twins/{id}", hub_change, REST_PUBLIC},
    {"PATCH", "/twins/{id}/modules/{module}", hub_change, REST_PUBLIC},
    {"POST", "/twins/{id}/modules/{module}/methods", hub_method, REST_PUBLIC},
};

static void on_hub_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.hub_server, s);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static struct listener *listen_on(void (*accept)(void *, struct stream *))
{
    struct listener *l;
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = accept};
    assert_int_equal(listener_open(&config, &l), OK);
    return l;
}

/* ---- who may do what: the role stands in a header ---- */

static void authorize(struct rest_request *r)
{
    struct slice role = rest_header(r, "X-Role");
    bool admin = slice_eq(role, SLICE("Admin")), write = admin || slice_eq(role, SLICE("Write"));
    bool good = r->route->access == REST_READ || (r->route->access == REST_WRITE && write) ||
                (r->route->access == REST_ADMIN && admin);
    r->user = SLICE("tester");
    rest_authorized(r, role.len == 0 ? UNAUTHORIZED : good ? OK : FORBIDDEN, NULL);
}

static void open_hub(void)
{
    struct rest_table table = REST_TABLE("", hub_routes, NULL);
    house.hub_server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    house.hub_listener = listen_on(on_hub_accept);
    house.hub_rest = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", listener_port(house.hub_listener));
    struct service_client_config config = {
        .loop = house.loop,
        .rest = house.hub_rest,
        .url = url,
        .connection_string = "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=" KEY};
    assert_int_equal(service_client_new(&config, &house.services.hub), OK);
}

static void on_filled(void *arg, enum status why, struct slice json)
{
    (void)json;
    assert_int_equal(why, OK);
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void fill_registry(void)
{
    bool filled = false;
    services_registry_ask(
        house.services.registry,
        &(struct services_registry_ask){
            .what = REGISTRY_MERGE,
            .discoverer = SLICE("edge_module_discovery"),
            .supervisor = SLICE("edge_module_twin"),
            .body = SLICE("[{\"application\":{\"applicationUri\":\"urn:one\"},\"registration\":{"
                          "\"endpoint\":{"
                          "\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"Sign\"}}}]")},
        on_filled, &filled);
    assert_true(loop_run_until(house.loop, is_true, &filled, WAIT_MS));
    services_ids_application(SLICE("edge"), SLICE("Server"), SLICE("urn:one"), house.application);
    services_ids_endpoint(SLICE("opc.tcp://one:4840"), slice_of(house.application), SLICE("Sign"),
                          SLICE(""), house.endpoint);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .hub_status = 200};
    house.hub_answer = "{\"status\":200,\"payload\":{\"value\":7}}";
    house.modules = "[{\"deviceId\":\"edge\",\"moduleId\":\"$edgeHub\"},"
                    "{\"deviceId\":\"edge2\",\"moduleId\":\"discovery\",\"connectionState\":\"Connected\"},"
                    "{\"deviceId\":\"edge2\",\"moduleId\":\"publisher\",\"connectionState\":\"Connected\"}]";
    house.edges = "[{\"deviceId\":\"edge2\"}]";
    house.services.loop = house.loop;
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.services.registry), OK);
    house.services.metrics = rest_metrics_new(services_metrics, METRIC_COUNT);
    house.services.live = live_new(house.loop);
    house.services.values = services_values_new(house.services.registry, house.services.live);
    house.services.twin = services_twin_new(&(struct services_twin_config){.timeout_ms = 20000});
    open_hub();
    house.services.fleet = services_fleet_new(&(struct services_fleet_config){
        .loop = house.loop, .hub = house.services.hub, .modules = {"twin", "discovery", "publisher"}});
    house.services.watch = services_fleet_watch_new(&house.services);
    house.services.discoverers = services_discoverers_new(&(struct services_discoverers_config){
        .hub = house.services.hub, .fleet = house.services.fleet, .module = "discovery"});
    house.services.twin_module = "twin";
    house.services.discovery_module = "discovery";
    house.services.publisher_module = "publisher";
    struct rest_table tables[SERVICES_TABLES];
    services_tables(tables);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = tables,
                                                                .table_count = SERVICES_TABLES,
                                                                .app = &house.services,
                                                                .authorize = authorize,
                                                                .admit = services_admit,
                                                                .messagepack = true,
                                                                .limits = {.body_bytes = 4 << 20},
                                                                .on_answer = services_on_answer});
    house.listener = listen_on(on_accept);
    house.caller = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    fill_registry();
    return 0;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.caller);
    rest_server_free(&house.server);
    rest_client_free(&house.hub_rest);
    services_fleet_free(&house.services.fleet);
    services_fleet_watch_free(&house.services.watch);
    services_discoverers_free(&house.services.discoverers);
    service_client_free(&house.services.hub);
    services_twin_free(&house.services.twin);
    services_values_free(&house.services.values);
    services_registry_close(&house.services.registry);
    live_free(&house.services.live);
    rest_metrics_free(&house.services.metrics);
    rest_server_free(&house.hub_server);
    listener_close(&house.listener);
    listener_close(&house.hub_listener);
    loop_post(house.loop, stop_loop, house.loop); /* what other threads have posted runs before */
    loop_run(house.loop);
    loop_free(&house.loop);
    buffer_clear(&house.asked);
    buffer_clear(&house.before);
    return 0;
}

/* ---- a caller ---- */

static struct answer {
    bool done;
    int status;
    struct json_doc *doc;
    struct slice type;
} answer;

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    answer.done = true;
    assert_int_equal(why, OK);
    answer.status = a->status;
    if (a->body.len > 0)
        assert_int_equal(json_parse(a->body, JSON_STRICT, &answer.doc, NULL), OK);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return answer.done;
}

static inline int call_as(const char *role, const char *method, const char *path, const char *body)
{
    json_free(&answer.doc);
    answer = (struct answer){0};
    char url[512];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    struct rest_field headers[] = {{SLICE("X-Role"), slice_of(role)},
                                   {SLICE("x-ms-client-request-id"), SLICE("call-7")}};
    struct rest_call c = {.method = method,
                          .url = url,
                          .headers = role ? headers : headers + 1,
                          .header_count = role ? 2 : 1,
                          .body = slice_of(body)};
    assert_int_equal(rest_client_send(house.caller, &c, on_answer, NULL), OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return answer.status;
}

static inline int call(const char *method, const char *path, const char *body)
{
    return call_as("Admin", method, path, body);
}

static inline const char *path_of(const char *format, const char *id)
{
    static char path[256];
    snprintf(path, sizeof(path), format, id);
    return path;
}

/* A node of the endpoint is read. */
static inline int read_now(void)
{
    return call("POST", path_of("/twin/v2/read/%s", house.endpoint), "{\"nodeId\":\"i=1\"}");
}

static const struct json *in(const struct json_doc *doc, const char *path)
{
    const struct json *v = json_root(doc);
    struct slice left = slice_of(path), name;
    while (left.len > 0 && slice_split(&left, ' ', &name)) {
        uint64_t index;
        v = json_is(v, JSON_ARRAY) && slice_to_u64(name, &index) ? json_at(v, index)
                                                                 : json_get_slice(v, name);
    }
    return v;
}

static inline void expect(const char *path, const char *text)
{
    if (!slice_eq(json_string(in(answer.doc, path)), slice_of(text)))
        fail_msg("%s: '%.*s'", path, SLICE_FMT(json_string(in(answer.doc, path))));
}

static inline void expect_of(const struct buffer *text, const char *path, const char *want)
{
    struct json_doc *asked, *wanted;
    assert_int_equal(json_parse(buffer_slice(text), JSON_STRICT, &asked, NULL), OK);
    assert_int_equal(json_parse(slice_of(want), JSON_STRICT, &wanted, NULL), OK);
    if (!json_equal(in(asked, path), json_root(wanted)))
        fail_msg("%s is not %s in %.*s", path, want, SLICE_FMT(buffer_slice(text)));
    json_free(&asked);
    json_free(&wanted);
}

/* What the hub was asked, as JSON text of one member. */
static inline void expect_asked(const char *path, const char *want)
{
    expect_of(&house.asked, path, want);
}

/* And before that. */
static inline void expect_asked_before(const char *path, const char *want)
{
    expect_of(&house.before, path, want);
}
