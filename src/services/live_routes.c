/*
 * The events service, 2.8: SignalR's negotiation and connections, and who follows which discovery and
 * which endpoint's values. Beside it the same events without SignalR, "/v2/{hub}/stream": server-sent
 * events, or a WebSocket.
 */
#include "base/log.h"
#include "services/live.h"
#include "services/replies.h"
#include "services/services.h"
#include "services/values.h"
#include "json/json.h"
#include "json/write.h"

/* ---- SignalR ---- */

static enum live_hub hub_of(struct slice name)
{
    enum live_hub hub = 0;
    while (hub < LIVE_HUBS && !slice_eq_nocase(name, slice_of(live_hub_names[hub])))
        hub++;
    return hub;
}

/* Version 1 of the negotiation has a token beside the id; version 0 connects with the id itself. */
static void negotiate(struct rest_request *r)
{
    struct services *app = r->app;
    enum live_hub hub = hub_of(rest_param(r, "hub"));
    struct live_ids ids;
    struct buffer out = {0};
    if (hub == LIVE_HUBS) {
        services_replies_fail(r, NOT_FOUND, "there is no such hub");
        return;
    }
    live_negotiate(app->live, hub, &ids);
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "negotiateVersion"), json_put_u64(&w, 1);
    json_name(&w, "connectionId"), json_put_text(&w, ids.id);
    json_name(&w, "connectionToken"), json_put_text(&w, ids.token);
    json_name(&w, "availableTransports"), json_array(&w);
    json_put_raw(&w, SLICE("{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\",\"Binary\"]}"));
    json_put_raw(&w, SLICE("{\"transport\":\"ServerSentEvents\",\"transferFormats\":[\"Text\"]}"));
    json_end_array(&w);
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

/* "/events/v2/applications/events" */
static enum live_hub hub_of_path(const struct rest_request *r)
{
    struct slice rest = slice_skip(r->path, sizeof("/events/v2/") - 1), name;
    return hub_of(slice_split(&rest, '/', &name) ? name : rest);
}

static void on_signalr_websocket(struct rest_request *r, struct stream *s, const char *protocol)
{
    struct services *app = r->app;
    (void)protocol;
    live_connect(app->live, hub_of_path(r), LIVE_SIGNALR, rest_query(r, "id"), s);
}

/* The other transport of SignalR: what the server says is a stream of events, what the client says is posted. */
static void on_signalr_stream(struct rest_request *r, struct stream *s)
{
    struct services *app = r->app;
    live_connect(app->live, hub_of_path(r), LIVE_SIGNALR_STREAM, rest_query(r, "id"), s);
}

static void reply_stream(struct rest_request *r, rest_stream_fn *fn)
{
    rest_add_header(r, "Cache-Control", SLICE("no-cache, no-store"));
    rest_add_header(r, "X-Accel-Buffering", SLICE("no")); /* asks proxies not to hold it back */
    rest_reply_stream(r, "text/event-stream", fn);
}

static void signalr_stream(struct rest_request *r)
{
    if (hub_of(rest_param(r, "hub")) == LIVE_HUBS)
        services_replies_fail(r, NOT_FOUND, "there is no such hub");
    else if (rest_query(r, "id").len == 0)
        services_replies_fail(r, BAD_ARGUMENT, "the parameter id is missing: it comes from the negotiation");
    else
        reply_stream(r, on_signalr_stream);
}

static void signalr_post(struct rest_request *r)
{
    struct services *app = r->app;
    enum live_hub hub = hub_of(rest_param(r, "hub"));
    enum status s = hub < LIVE_HUBS ? live_post(app->live, hub, rest_query(r, "id"), r->body) : NOT_FOUND;
    if (s == OK)
        rest_reply(r, 200, "text/plain", (struct slice){0});
    else
        services_replies_fail(r, s,
                              s == NOT_FOUND ? "there is no connection of that id"
                              : s == FULL    ? "the connection ends: its answers are not read"
                                             : "no message of SignalR's");
}

/* ---- events without SignalR ---- */

/* What a stream follows is in its query; of a hub where all get everything, nothing. */
static const char *what_is_missing(struct rest_request *r, enum live_hub hub)
{
    if (hub == LIVE_DISCOVERY && rest_query(r, "discovererId").len + rest_query(r, "requestId").len == 0)
        return "a parameter is missing: discovererId or requestId, as often as needed";
    if (hub == LIVE_PUBLISHERS && rest_query(r, "endpointId").len == 0)
        return "the parameter endpointId is missing; beside it nodeId may stand, as often as needed";
    return NULL;
}

static void join_or_say(struct services *app, const char *id, struct slice group)
{
    if (live_join(app->live, slice_of(id), group) != OK)
        log_warn("live client follows too much: the rest is left out id=%s", id);
}

static void join_values(struct rest_request *r, const char *id, struct slice endpoint)
{
    struct services *app = r->app;
    struct buffer group = {0};
    bool chosen = false;
    services_values_follow(app->values, endpoint);
    for (size_t n = 0; n < r->query_count; n++)
        if (slice_eq(r->query[n].name, SLICE("nodeId")) && r->query[n].value.len) {
            buffer_reset(&group);
            services_values_group(endpoint, r->query[n].value, &group);
            join_or_say(app, id, buffer_slice(&group));
            chosen = true;
        }
    if (!chosen)
        join_or_say(app, id, endpoint);
    buffer_clear(&group);
}

static void join_all(struct rest_request *r, enum live_hub hub, const char *id)
{
    for (size_t n = 0; id && n < r->query_count; n++) {
        const struct rest_field *f = &r->query[n];
        if (hub == LIVE_DISCOVERY &&
            (slice_eq(f->name, SLICE("discovererId")) || slice_eq(f->name, SLICE("requestId"))))
            join_or_say(r->app, id, f->value);
        else if (hub == LIVE_PUBLISHERS && slice_eq(f->name, SLICE("endpointId")) && f->value.len)
            join_values(r, id, f->value);
    }
}

static void connect_plain(struct rest_request *r, struct stream *s, enum live_wire wire)
{
    struct services *app = r->app;
    enum live_hub hub = hub_of_path(r);
    join_all(r, hub, live_connect(app->live, hub, wire, (struct slice){0}, s));
}

static void on_stream(struct rest_request *r, struct stream *s)
{
    connect_plain(r, s, LIVE_EVENTS);
}

static void on_websocket(struct rest_request *r, struct stream *s, const char *protocol)
{
    const char *missing = what_is_missing(r, hub_of_path(r));
    (void)protocol;
    if (missing)
        live_refuse(LIVE_LINES, missing, s);
    else
        connect_plain(r, s, LIVE_LINES);
}

static void stream(struct rest_request *r)
{
    enum live_hub hub = hub_of(rest_param(r, "hub"));
    const char *missing = what_is_missing(r, hub);
    if (hub == LIVE_HUBS)
        services_replies_fail(r, NOT_FOUND, "there is no such hub");
    else if (missing)
        services_replies_fail(r, BAD_ARGUMENT, missing);
    else
        reply_stream(r, on_stream);
}

#define HUB(name)                                                                                  \
    {"/events/v2/" name "/events", NULL, REST_READ, on_signalr_websocket, REST_WEBSOCKET_EITHER},  \
    {"/events/v2/" name "/stream", NULL, REST_READ, on_websocket, REST_WEBSOCKET_LINES}
/* clang-format off */
const struct rest_upgrade services_upgrades[SERVICES_UPGRADES] = {
    HUB("applications"), HUB("endpoints"), HUB("gateways"),
    HUB("supervisors"),  HUB("discovery"), HUB("publishers"),
};
/* clang-format on */

/* ---- who follows what ---- */

static void answer(struct rest_request *r, enum status why)
{
    if (why == OK)
        rest_reply_empty(r, 200);
    else
        services_replies_fail(r, why,
                              why == NOT_FOUND ? "there is no connection of that id"
                                               : "it follows too much already");
}

/* The body is the connection's id as a JSON string. */
static void follow(struct rest_request *r, const char *parameter)
{
    struct services *app = r->app;
    struct json_doc *doc = NULL;
    struct slice id = json_parse(r->body, JSON_STRICT, &doc, NULL) == OK
                          ? json_string(json_root(doc))
                          : (struct slice){0};
    if (id.len == 0)
        services_replies_fail(r, BAD_ARGUMENT,
                              "the body is to be the connection's id, a JSON string");
    else
        answer(r, live_join(app->live, id, rest_param(r, parameter)));
    json_free(&doc);
}

static void unfollow(struct rest_request *r, const char *parameter)
{
    struct services *app = r->app;
    answer(r, live_leave(app->live, rest_param(r, "connectionId"), rest_param(r, parameter)));
}

static void follow_discoverer(struct rest_request *r)
{
    follow(r, "discovererId");
}

static void unfollow_discoverer(struct rest_request *r)
{
    unfollow(r, "discovererId");
}

static void follow_request(struct rest_request *r)
{
    follow(r, "requestId");
}

static void unfollow_request(struct rest_request *r)
{
    unfollow(r, "requestId");
}

static void follow_samples(struct rest_request *r)
{
    struct services *app = r->app;
    struct slice endpoint = arena_copy(&r->arena, rest_param(r, "endpointId"));
    services_values_follow(app->values, endpoint);
    follow(r, "endpointId");
}

static void unfollow_samples(struct rest_request *r)
{
    unfollow(r, "endpointId");
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/v2/{hub}/events/negotiate", negotiate, REST_READ, NULL, NULL, NULL},
    {"GET", "/v2/{hub}/events", signalr_stream, REST_READ, NULL, NULL, NULL},
    {"POST", "/v2/{hub}/events", signalr_post, REST_READ, NULL, NULL, NULL},
    {"GET", "/v2/{hub}/stream", stream, REST_READ, "Stream", NULL, NULL},
    {"PUT", "/v2/discovery/{discovererId}/events", follow_discoverer, REST_WRITE, "SubscribeByDiscovererId", "str", NULL},
    {"DELETE", "/v2/discovery/{discovererId}/events/{connectionId}", unfollow_discoverer, REST_WRITE, "UnsubscribeByDiscovererId", NULL, NULL},
    {"PUT", "/v2/discovery/requests/{requestId}/events", follow_request, REST_WRITE, "SubscribeByRequestId", "str", NULL},
    {"DELETE", "/v2/discovery/requests/{requestId}/events/{connectionId}", unfollow_request, REST_WRITE, "UnsubscribeByRequestId", NULL, NULL},
    {"PUT", "/v2/telemetry/{endpointId}/samples", follow_samples, REST_WRITE, "Subscribe", "str", NULL},
    {"DELETE", "/v2/telemetry/{endpointId}/samples/{connectionId}", unfollow_samples, REST_WRITE, "Unsubscribe", NULL, NULL},
};
/* clang-format on */

struct rest_table services_live_table(void)
{
    return REST_TABLE("/events", routes, NULL);
}
