/* The events service, 2.8: SignalR's negotiation and WebSockets, and who follows which discovery.
 */
#include "services/live.h"
#include "services/replies.h"
#include "services/services.h"
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
    json_put_raw(&w, SLICE("{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\"]}"));
    json_end_array(&w);
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

/* "/events/v2/applications/events" */
static void on_websocket(struct rest_request *r, struct stream *s, const char *protocol)
{
    struct services *app = r->app;
    struct slice rest = slice_skip(r->path, sizeof("/events/v2/") - 1), name;
    (void)protocol;
    if (!slice_split(&rest, '/', &name))
        name = rest;
    live_connect(app->live, hub_of(name), rest_query(r, "id"), s);
}

#define HUB(name)                                                                                  \
    {                                                                                              \
        "/events/v2/" name "/events", NULL, REST_READ, on_websocket, true                          \
    }
const struct rest_upgrade services_upgrades[SERVICES_UPGRADES] = {
    HUB("applications"), HUB("endpoints"), HUB("gateways"),
    HUB("supervisors"),  HUB("discovery"), HUB("publishers"),
};

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

/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/v2/{hub}/events/negotiate", negotiate, REST_READ, NULL, NULL, NULL},
    {"PUT", "/v2/discovery/{discovererId}/events", follow_discoverer, REST_WRITE, "SubscribeByDiscovererId", "str", NULL},
    {"DELETE", "/v2/discovery/{discovererId}/events/{connectionId}", unfollow_discoverer, REST_WRITE, "UnsubscribeByDiscovererId", NULL, NULL},
    {"PUT", "/v2/discovery/requests/{requestId}/events", follow_request, REST_WRITE, "SubscribeByRequestId", "str", NULL},
    {"DELETE", "/v2/discovery/requests/{requestId}/events/{connectionId}", unfollow_request, REST_WRITE, "UnsubscribeByRequestId", NULL, NULL},
};
/* clang-format on */

struct rest_table services_live_table(void)
{
    return REST_TABLE("/events", routes, NULL);
}
