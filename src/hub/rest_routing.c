/* The routing configuration over REST: read, replaced whole, tried out. Shapes as in the management
 * API of IoT Hub's own routing properties. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "hub/rest.h"
#include "routing/routing.h"

static struct routing *routing_of(const struct rest_request *r)
{
    return ((struct hub *)r->app)->router;
}

static const struct routing_config *config_of(const struct rest_request *r)
{
    return routing_now(routing_of(r), r->loop);
}

/* ---- the configuration ---- */

static void put_names(struct json_writer *w, const struct routing_config *c, uint32_t endpoints)
{
    json_name(w, "endpointNames"), json_array(w);
    for (size_t i = 0; c && i < c->endpoint_count; i++)
        if (endpoints & 1u << i)
            json_put_text(w, c->endpoints[i].name);
    json_end_array(w);
}

static void put_route(struct json_writer *w, const struct routing_config *c,
                      const struct routing_route *route)
{
    json_object(w);
    json_name(w, "name"), json_put_text(w, route->name);
    json_name(w, "source"), json_put_text(w, routing_source_name(route->source));
    json_name(w, "condition"),
        json_put_text(w, route->condition_text ? route->condition_text : "true");
    put_names(w, c, route->endpoints);
    json_name(w, "isEnabled"), json_put_bool(w, route->enabled);
    json_end_object(w);
}

/* As it was written; a hub that has none answers with what that means. */
static void put_config(struct json_writer *w, const struct routing_config *c)
{
    if (c->doc) {
        json_put_value(w, json_root(c->doc));
        return;
    }
    json_object(w);
    json_name(w, "routes"), json_array(w), json_end_array(w);
    json_name(w, "fallbackRoute"), put_route(w, c, &c->fallback);
    json_name(w, "endpoints"), json_object(w), json_end_object(w);
    json_name(w, "enrichments"), json_array(w), json_end_array(w);
    json_end_object(w);
}

static void reply_config(struct rest_request *r)
{
    char etag[ROUTING_ETAG_LEN + 1];
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    put_config(&w, config_of(r));
    routing_etag(config_of(r), etag);
    rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%s\"", etag)));
    rest_reply_json(r, 200, buffer_slice(&b));
    buffer_clear(&b);
}

static void refuse(struct rest_request *r, enum status why, const struct routing_problem *p)
{
    const char *text =
        why == CONFLICT ? "the routes have changed since they were read: their etag is "
                          "another one"
        : why == BUSY   ? "another change of the routes is being taken over: try again"
        : why == IO_FAILED
            ? "the change could not be kept: the routes are as they were; the hub's log "
              "says more"
            : p->text;
    if (p->line)
        text = arena_printf(&r->arena, "line %u, column %u: %s", p->line, p->column, p->text);
    hub_rest_error(r, why, IOT_REGISTRY, text);
}

static void on_replaced(void *arg, enum status why, const struct routing_problem *problem)
{
    struct rest_request *r = arg;
    if (why == OK)
        reply_config(r);
    else
        refuse(r, why, problem);
}

static void replace(struct rest_request *r)
{
    routing_replace(routing_of(r), r->loop, r->body, hub_rest_if_match(r), on_replaced, r);
}

/* ---- health ---- */

static void put_time(struct json_writer *w, const char *name, const uint64_t *ms)
{
    uint64_t at = __atomic_load_n(ms, __ATOMIC_RELAXED);
    if (at)
        json_name(w, name), json_put_time(w, at);
}

static void put_count(struct json_writer *w, const char *name, const uint64_t *n)
{
    json_name(w, name), json_put_u64(w, __atomic_load_n(n, __ATOMIC_RELAXED));
}

static const char *health_of(const struct routing_endpoint_state *s)
{
    uint64_t failed = __atomic_load_n(&s->failure_ms, __ATOMIC_RELAXED);
    uint64_t good = __atomic_load_n(&s->success_ms, __ATOMIC_RELAXED);
    if (failed == 0 && good == 0)
        return "unknown";
    return failed > good ? "unhealthy" : "healthy";
}

static void put_endpoint(struct json_writer *w, const struct routing_endpoint_view *v)
{
    const struct routing_endpoint_state *s = v->state;
    uint64_t waiting = 0, http = __atomic_load_n(&s->http_status, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < EVENTS_PARTITIONS_MAX; i++)
        waiting += __atomic_load_n(&s->behind[i], __ATOMIC_RELAXED);
    json_object(w);
    json_name(w, "endpointId"), json_put_text(w, v->name);
    json_name(w, "healthStatus"), json_put_text(w, health_of(s));
    if (http)
        json_name(w, "lastKnownError"), json_put_u64(w, http);
    put_time(w, "lastKnownErrorTime", &s->failure_ms);
    put_time(w, "lastSuccessfulSendAttemptTime", &s->success_ms);
    put_time(w, "lastSendAttemptTime", &s->attempt_ms);
    put_count(w, "deliveredEvents", &s->delivered);
    put_count(w, "failedAttempts", &s->failures);
    put_count(w, "deadLetteredEvents", &s->dead);
    put_count(w, "lostRecords", &s->lost);
    json_name(w, "waitingRecords"), json_put_u64(w, waiting);
    json_end_object(w);
}

static void health(struct rest_request *r)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    struct routing_endpoint_view v;
    void *at = NULL;
    json_object(&w);
    json_name(&w, "value"), json_array(&w);
    while (routing_next_endpoint(routing_of(r), &at, &v))
        put_endpoint(&w, &v);
    json_end_array(&w);
    json_end_object(&w);
    rest_reply_json(r, 200, buffer_slice(&b));
    buffer_clear(&b);
}

/* ---- trying it out ---- */

/* A message as a test describes it. */
struct trial {
    struct json_doc *doc;
    const struct json *root, *twin;
    struct buffer properties;
    struct iot_event event;
};

static const struct {
    const char *names[3];
    size_t offset; /* of a slice in struct iot_event */
} system_names[] = {
    {{"contentType", "content-type", "iothub-content-type"},
     offsetof(struct iot_event, message.content_type)},
    {{"contentEncoding", "content-encoding", "iothub-content-encoding"},
     offsetof(struct iot_event, message.content_encoding)},
    {{"messageId", "message-id", "message_id"}, offsetof(struct iot_event, message.message_id)},
    {{"correlationId", "correlation-id", "correlation_id"},
     offsetof(struct iot_event, message.correlation_id)},
    {{"userId", "user-id", "user_id"}, offsetof(struct iot_event, message.user_id)},
    {{"to", "to", "to"}, offsetof(struct iot_event, message.to)},
    {{"connectionDeviceId", "iothub-connection-device-id", "deviceId"},
     offsetof(struct iot_event, from.device)},
    {{"connectionModuleId", "iothub-connection-module-id", "moduleId"},
     offsetof(struct iot_event, from.module)},
    {{"dt-subject", "subject", "component"}, offsetof(struct iot_event, message.subject)},
};

static void read_system_properties(const struct json *list, struct iot_event *e)
{
    struct json_walk w = json_walk(list);
    while (json_next(&w))
        for (size_t i = 0; i < sizeof(system_names) / sizeof(system_names[0]); i++)
            for (size_t n = 0; n < 3; n++)
                if (slice_eq_nocase(w.name, slice_of(system_names[i].names[n])))
                    *(struct slice *)((char *)e + system_names[i].offset) = json_string(w.value);
}

static enum status trial_read(struct rest_request *r, struct trial *t)
{
    unsigned source = IOT_SOURCE_TELEMETRY;
    if (json_parse(r->body, JSON_STRICT, &t->doc, NULL) != OK ||
        !json_is(json_root(t->doc), JSON_OBJECT)) {
        hub_rest_error(r, BAD_FORMAT, IOT_REGISTRY, "the body must be a JSON object");
        return BAD_FORMAT;
    }
    t->root = json_root(t->doc);
    t->twin = json_get(t->root, "twin");
    struct slice name = json_string(json_get(t->root, "routingSource"));
    if (name.len && !routing_source(name, &source)) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_REGISTRY, "routingSource: there is no such source");
        return BAD_ARGUMENT;
    }
    const struct json *message = json_get(t->root, "message");
    struct json_walk w = json_walk(json_get(message, "appProperties"));
    while (json_next(&w))
        (void)iot_property_put(&t->properties, w.name, json_string(w.value));
    t->event = (struct iot_event){
        .enqueued_ms = loop_wall_ms(r->loop),
        .from = {.device = SLICE("test")},
        .source = (enum iot_source)source,
        /* What a test does not say is what conditions on the body need. */
        .message = {.body = json_string(json_get(message, "body")),
                    .content_type = SLICE("application/json"),
                    .content_encoding = SLICE("utf-8"),
                    .properties = buffer_slice(&t->properties)},
    };
    read_system_properties(json_get(message, "systemProperties"), &t->event);
    return OK;
}

static void trial_clear(struct trial *t)
{
    json_free(&t->doc);
    buffer_clear(&t->properties);
}

static void put_result(struct json_writer *w, const struct routing_config *c,
                       const struct routing_route *route)
{
    json_object(w);
    json_name(w, "properties"), put_route(w, c, route);
    json_end_object(w);
}

static void put_takers(struct rest_request *r, const struct trial *t, struct json_writer *w)
{
    const struct routing_config *c = config_of(r);
    bool taken = false;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct routing_route *route = &c->routes[i];
        if (!route->enabled || route->source != t->event.source ||
            !iot_value_is_true(routing_try(route, t->twin, &t->event, &r->arena)))
            continue;
        put_result(w, c, route);
        taken = true;
    }
    if (!taken && t->event.source == IOT_SOURCE_TELEMETRY && c->fallback.enabled &&
        iot_value_is_true(routing_try(&c->fallback, t->twin, &t->event, &r->arena)))
        put_result(w, c, &c->fallback);
}

static void test_all(struct rest_request *r)
{
    struct trial t = {0};
    if (trial_read(r, &t) == OK) {
        struct buffer b = {0};
        struct json_writer w = json_writer(&b);
        json_object(&w);
        json_name(&w, "routes"), json_array(&w);
        put_takers(r, &t, &w);
        json_end_array(&w);
        json_end_object(&w);
        rest_reply_json(r, 200, buffer_slice(&b));
        buffer_clear(&b);
    }
    trial_clear(&t);
}

/* "… position 15: …" of a condition. */
static unsigned long position_in(const char *text)
{
    const char *at = strstr(text, "position ");
    return at ? strtoul(at + strlen("position "), NULL, 10) : 1;
}

static void put_place(struct json_writer *w, const char *name, unsigned long column)
{
    json_name(w, name), json_object(w);
    json_name(w, "line"), json_put_u64(w, 1);
    json_name(w, "column"), json_put_u64(w, column);
    json_end_object(w);
}

static void put_error(struct json_writer *w, const char *text)
{
    unsigned long at = position_in(text);
    json_object(w);
    json_name(w, "message"), json_put_text(w, text);
    json_name(w, "severity"), json_put_text(w, "error");
    json_name(w, "location"), json_object(w);
    put_place(w, "start", at);
    put_place(w, "end", at + 1);
    json_end_object(w);
    json_end_object(w);
}

static void put_trial(struct rest_request *r, const struct trial *t, struct json_writer *w)
{
    struct routing_route route;
    struct routing_problem problem = {0};
    enum status s = routing_route_read(json_get(t->root, "route"), &r->arena, &route, &problem);
    struct iot_value v = iot_value_undefined();
    if (s == OK && route.source == t->event.source)
        v = routing_try(&route, t->twin, &t->event, &r->arena);
    else if (s == OK)
        v = iot_value_bool(false); /* of another source */
    json_object(w);
    json_name(w, "result"), json_put_text(w, v.type != IOT_VALUE_BOOL ? "undefined"
                                             : v.boolean              ? "true"
                                                                      : "false");
    json_name(w, "details"), json_object(w);
    json_name(w, "compilationErrors"), json_array(w);
    if (s != OK)
        put_error(w, problem.text);
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
}

static void test_new(struct rest_request *r)
{
    struct trial t = {0};
    if (trial_read(r, &t) == OK) {
        struct buffer b = {0};
        struct json_writer w = json_writer(&b);
        if (json_get(t.root, "routingSource") == NULL) {
            unsigned source = t.event.source;
            routing_source(json_string(json_get(json_get(t.root, "route"), "source")), &source);
            t.event.source = (enum iot_source)source;
        }
        put_trial(r, &t, &w);
        rest_reply_json(r, 200, buffer_slice(&b));
        buffer_clear(&b);
    }
    trial_clear(&t);
}

/* A configuration has the webhooks' headers in it, so who reads it must be one who may write it. */
static const struct rest_route routes[] = {
    {"GET", "/routing", reply_config, REST_ADMIN, "Routing_Get", NULL, NULL},
    {"PUT", "/routing", replace, REST_ADMIN, "Routing_Replace", NULL, NULL},
    {"GET", "/routing/endpointsHealth", health, REST_READ, "Routing_EndpointsHealth", NULL, NULL},
    {"POST", "/routing/routes/$testall", test_all, REST_ADMIN, "Routing_TestAllRoutes", NULL, NULL},
    {"POST", "/routing/routes/$testnew", test_new, REST_ADMIN, "Routing_TestRoute", NULL, NULL},
};
const struct rest_table hub_rest_routing = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
