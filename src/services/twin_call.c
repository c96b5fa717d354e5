#include "services/twin_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "client/service_pieces.h"
#include "rest/query.h"
#include "services/aside.h"
#include "services/endpoint_state.h"
#include "services/ids.h"
#include "services/models.h"
#include "services/replies.h"
#include "json/json.h"
#include "json/write.h"

#define PAYLOAD_MAX (128u << 10) /* IoT Hub's, of a direct method */
#define ONCE_MAX                                                                                   \
    (32u << 10)           /* of what would not be done again if its answer were too large for one */
#define AGAIN_MS_MIN 5000 /* for the module to answer once more */

/* Where an endpoint is reached. */
struct target {
    char *id;
    char *supervisor;
    struct buffer endpoint; /* EndpointModel */
    const char *state;      /* of the module's session with it, as the registry was told; NULL: not known */
    bool activated;
};

/* An endpoint is being tried, and nobody waits for it. */
struct trial {
    bool overtaken; /* by a call, which knows better */
    char id[];
};

struct services_twin {
    uint64_t timeout_ms;
    char *module;
    struct map targets;
    struct connecting connecting;
    struct map trials;
    uint64_t told;    /* counts states that the registry was told */
    uint64_t version; /* of the registry, when they were read */
};

struct call {
    struct rest_request *request;
    struct services_twin_ask ask; /* its JSON is in the request's arena */
    const char *module;           /* the same */
    struct slice endpoint;        /* EndpointModel, likewise; empty where none belongs to it */
    struct buffer payload;
    bool sent, in_pieces, connecting;
    uint64_t told; /* states, when the endpoint was asked for */
    uint64_t since_ms;
};

/* ---- endpoints that are remembered ---- */

static void target_free(struct target *t)
{
    free(t->id);
    free(t->supervisor);
    buffer_clear(&t->endpoint);
    free(t);
}

static void forget_all(struct services_twin *t)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&t->targets, &at));)
        target_free(e->value);
    map_clear(&t->targets);
}

static struct target *recall(struct services *app, struct slice id)
{
    struct services_twin *t = app->twin;
    uint64_t version = services_registry_version(app->registry);
    if (t->version != version || t->targets.count >= TWIN_ENDPOINTS_MAX)
        forget_all(t);
    t->version = version;
    return map_get(&t->targets, id);
}

struct connecting *services_twin_connecting(struct services_twin *t)
{
    return &t->connecting;
}

struct slice services_twin_module(const struct services_twin *t, const struct json *registration)
{
    struct slice supervisor = json_string(json_get(registration, "supervisorId"));
    return supervisor.len > 0 ? supervisor : slice_of(t->module);
}

static struct target *remember(struct services_twin *t, struct slice id, const struct json *info)
{
    const struct json *registration = json_get(info, "registration");
    struct target *one = MEMORY_NEW(struct target);
    one->id = slice_dup(id);
    one->supervisor = slice_dup(services_twin_module(t, registration));
    one->state = services_endpoint_state_of(json_string(json_get(info, "endpointState")));
    one->activated = !slice_eq(json_string(json_get(info, "activationState")), SLICE("Deactivated"));
    struct json_writer w = json_writer(&one->endpoint);
    json_put_value(&w, json_get(registration, "endpoint"));
    struct target *before = map_put(&t->targets, slice_of(one->id), one);
    if (before)
        target_free(before);
    return one;
}

/* ---- what an answer says of the session ---- */

static void on_told(void *arg, enum status why, struct slice json)
{
    (void)arg, (void)json;
    if (why != OK)
        log_debug("endpoint state not kept status=%s", status_name(why));
}

/* Whom a caller brings along is no matter of the endpoint. */
static bool brings_a_user(struct slice request)
{
    struct json_doc *doc = NULL;
    if (json_parse(request, JSON_STRICT, &doc, NULL) != OK)
        return false;
    const struct json *user = json_get_nocase(json_get_nocase(json_root(doc), "header"), "elevation");
    bool brings = user && !json_is(user, JSON_NULL);
    json_free(&doc);
    return brings;
}

static void tell_registry(struct services *app, struct slice id, const char *state, bool if_activated)
{
    char text[64];
    snprintf(text, sizeof text, "\"%s\"", state);
    struct services_registry_ask ask = {
        .what = REGISTRY_STATE, .id = id, .body = slice_of(text), .if_activated = if_activated};
    app->twin->told++;
    services_registry_ask(app->registry, &ask, on_told, NULL);
}

static void tell_state(const struct call *c, int status, struct slice payload)
{
    struct services *app = c->request->app;
    struct slice id = rest_param(c->request, "endpointId");
    if (c->ask.payload != PAYLOAD_CONNECTION || id.len == 0)
        return;
    struct target *t = recall(app, id);
    const char *state = services_endpoint_state(slice_of(c->ask.method), status, payload);
    if (t == NULL || state == NULL || (strcmp(state, "Unauthorized") == 0 && brings_a_user(c->ask.request)))
        return;
    struct trial *trial = map_get(&app->twin->trials, id);
    if (trial)
        trial->overtaken = true;
    if (t->state == state)
        return;
    t->state = state;
    tell_registry(app, id, state, false);
}

static void connect(struct call *c, const struct target *t)
{
    const struct services *app = c->request->app;
    c->connecting = c->ask.payload == PAYLOAD_CONNECTION && !services_endpoint_is_ready(t->state);
    if (c->connecting)
        connecting_begin(&app->twin->connecting, rest_param(c->request, "endpointId"));
}

/* ---- endpoints that are tried ---- */

bool services_twin_try_begin(struct services *app, struct slice id)
{
    if (map_get(&app->twin->trials, id))
        return false;
    struct trial *trial = memory_new(sizeof *trial + id.len + 1);
    trial->overtaken = false;
    memcpy(trial->id, id.at, id.len);
    trial->id[id.len] = 0;
    map_put(&app->twin->trials, slice_of(trial->id), trial);
    return true;
}

static void keep_tried(struct services *app, struct slice id, const char *state)
{
    struct target *t = recall(app, id);
    if (t && (!t->activated || t->state == state))
        return;
    if (t)
        t->state = state;
    tell_registry(app, id, state, true);
}

void services_twin_try_end(struct services *app, struct slice id, const char *state)
{
    if (app->twin == NULL) /* the end: it has forgotten them */
        return;
    struct trial *trial = map_remove(&app->twin->trials, id);
    if (state && trial && !trial->overtaken)
        keep_tried(app, id, state);
    free(trial);
}

/* ---- the answer ---- */

static void finish(struct call *c, enum status why, int status)
{
    struct rest_request *r = c->request;
    struct services *app = r->app;
    if (c->connecting)
        connecting_end(&app->twin->connecting, rest_param(r, "endpointId"));
    uint64_t took_ms = loop_now_ms(r->loop) - c->since_ms;
    bool good = why == OK && status >= 200 && status < 300;
    rest_metrics_add(app->metrics, METRIC_TWIN_CALLS, 1);
    rest_metrics_add(app->metrics, METRIC_TWIN_FAILED, !good);
    rest_metrics_observe(app->metrics, METRIC_TWIN_SECONDS, took_ms);
    log_line(
        good ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
        "twin call method=%s endpoint=%.*s module=%s user=%.*s why=%s status=%d ms=%llu rid=%s",
        c->ask.method, SLICE_FMT(rest_param(r, "endpointId")), c->module ? c->module : "-",
        SLICE_FMT(r->user), status_name(why), status, (unsigned long long)took_ms, r->id);
    if (c->payload.len > 0)
        explicit_bzero(c->payload.at, c->payload.len); /* passwords may stand in it */
    buffer_clear(&c->payload);
    free(c);
}

static void fail(struct call *c, enum status why, const char *detail)
{
    struct rest_request *r = c->request;
    void (*failed)(struct rest_request *) = c->ask.failed;
    finish(c, why, 0);
    if (failed)
        failed(r);
    else
        services_replies_fail(r, why, detail);
}

/* What the module says about it: problem details, or an exception of .NET. */
static const char *module_detail(struct rest_request *r, struct slice payload)
{
    static const char *const names[] = {"detail", "Message", "title"};
    struct json_doc *doc;
    const char *text = "the module refused it";
    if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK)
        return text;
    for (size_t i = 0; i < 3; i++) {
        struct slice found = json_string(json_get_nocase(json_root(doc), names[i]));
        if (found.len > 0) {
            text = arena_text(&r->arena, found);
            break;
        }
    }
    json_free(&doc);
    return text;
}

static void send(struct call *c, bool in_pieces);

/* Only reads: done twice it says the same. */
static bool may_repeat(const struct call *c)
{
    const struct rest_route *route = c->request->route;
    return c->ask.question || route->access == REST_READ || strcmp(route->method, "GET") == 0;
}

/* The answer was too large for a direct method. */
static bool ask_again(const struct call *c, enum status why, int status)
{
    return why == OK && status == 413 && !c->in_pieces && may_repeat(c);
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct call *c = arg;
    struct rest_request *r = c->request;
    if (why == OK)
        tell_state(c, status, payload);
    if (ask_again(c, why, status)) {
        send(c, true);
    } else if (why == OFFLINE || why == NOT_FOUND) {
        fail(c, OFFLINE, arena_printf(&r->arena, "the module %s is not connected", c->module));
    } else if (why == TIMED_OUT) {
        fail(c, why, arena_printf(&r->arena, "the module %s did not answer in time", c->module));
    } else if (why != OK) {
        fail(c, why, "the hub could not pass the call on");
    } else if (status >= 200 && status < 300) {
        services_twin_fn *answer = c->ask.answer;
        struct slice said = payload.len > 0 ? payload : SLICE("{}");
        finish(c, OK, status);
        if (answer)
            answer(r, said);
        else
            rest_reply_json(r, 200, said);
    } else {
        const char *detail = module_detail(r, payload);
        void (*failed)(struct rest_request *) = c->ask.failed;
        finish(c, OK, status);
        if (failed)
            failed(r);
        else
            rest_reply_problem(r, status >= 400 && status <= 599 ? status : 500, detail);
    }
}

/* ---- the call ---- */

/* All members of an object in JSON text. */
static void put_members(struct json_writer *w, struct slice object)
{
    struct json_doc *doc;
    if (json_parse(object, JSON_STRICT, &doc, NULL) != OK)
        return;
    for (struct json_walk walk = json_walk(json_root(doc)); json_next(&walk);)
        json_name_slice(w, walk.name), json_put_value(w, walk.value);
    json_free(&doc);
}

/* The credential of the request's header is the connection's, and the group names the endpoint. */
static void put_publisher_connection(struct json_writer *w, const struct call *c)
{
    struct json_doc *doc;
    if (json_parse(c->ask.request, JSON_STRICT, &doc, NULL) != OK)
        return;
    const struct json *user =
        json_get_nocase(json_get_nocase(json_root(doc), "header"), "elevation");
    if (json_is(user, JSON_OBJECT))
        json_name(w, "user"), json_put_value(w, user);
    json_member(w, "group", rest_param(c->request, "endpointId"));
    json_free(&doc);
}

static void put_connection(struct json_writer *w, const struct call *c)
{
    json_name(w, "connection"), json_object(w);
    json_name(w, "endpoint"), json_put_raw(w, c->endpoint);
    if (c->ask.payload == PAYLOAD_PUBLISHER)
        put_publisher_connection(w, c);
    json_end_object(w);
    json_name(w, "request"), json_put_raw(w, c->ask.request);
}

static void put_payload(void *arg)
{
    struct call *c = arg;
    struct json_writer w = json_writer(&c->payload);
    json_object(&w);
    json_name(&w, "callId"), json_put_text(&w, c->request->id); /* for the module's log lines */
    if (c->ask.payload == PAYLOAD_REQUEST)
        put_members(&w, c->ask.request);
    else if (c->ask.payload == PAYLOAD_ENDPOINT)
        put_members(&w, c->endpoint);
    else
        put_connection(&w, c);
    json_end_object(&w);
}

static uint64_t time_left(const struct call *c)
{
    const struct services *app = c->request->app;
    uint64_t all = c->ask.question ? TWIN_QUESTION_MS : app->twin->timeout_ms;
    uint64_t took = c->sent ? loop_now_ms(c->request->loop) - c->since_ms : 0;
    return took + AGAIN_MS_MIN < all ? all - took : AGAIN_MS_MIN;
}

static void send(struct call *c, bool in_pieces)
{
    struct services *app = c->request->app;
    struct service_method m = {.id = services_ids_module(slice_of(c->module)),
                               .name = c->ask.method,
                               .payload = buffer_slice(&c->payload),
                               .response_timeout_ms = time_left(c),
                               .call_id = c->request->id};
    c->sent = true;
    c->in_pieces = in_pieces;
    enum status s = in_pieces ? service_pieces_invoke(app->hub, &m, on_method, c)
                              : service_client_invoke_method(app->hub, &m, on_method, c);
    if (s != OK)
        fail(c, s,
             s == TOO_LARGE ? "the request is too large for a module"
                            : "too many calls are under way");
}

/* What may have a large answer and is not to be asked again for it: a continuation is used up, a
 * deed done; and what is asked for beside a change, before it. */
static const char *const large_once[] = {
    "MethodCall_V2",
    "BrowseNext_V2",
    "HistoryReadNext_V2",
    "HistoryReadValuesNext_V2",
    "HistoryReadEventsNext_V2",
    "PublishList_V2",
    "GetConfiguredEndpoints_V2",
};

static bool goes_in_pieces(const struct call *c)
{
    for (size_t i = 0; i < sizeof(large_once) / sizeof(large_once[0]); i++)
        if (strcmp(c->ask.method, large_once[i]) == 0)
            return true;
    return c->payload.len > (may_repeat(c) ? PAYLOAD_MAX : ONCE_MAX);
}

static void on_payload(void *arg)
{
    struct call *c = arg;
    const struct services *app = c->request->app;
    if (app->hub)
        send(c, goes_in_pieces(c));
    else
        fail(c, CANCELLED, "the services stop");
}

static void invoke(struct call *c)
{
    services_aside(c->request->loop, c->ask.request.len, put_payload, on_payload, c);
}

/* Publisher and twin module of an endpoint are on the same device. */
static void invoke_for(struct call *c, const struct target *t)
{
    struct rest_request *r = c->request;
    struct services *app = r->app;
    if (t->supervisor[0] == 0) {
        fail(c, NOT_FOUND, "no module is responsible for the endpoint");
        return;
    }
    struct buffer id = {0};
    struct iot_id twin = services_ids_module(slice_of(t->supervisor));
    if (c->ask.payload == PAYLOAD_PUBLISHER)
        twin.module = slice_of(app->publisher_module);
    services_ids_put_module(twin, &id);
    c->module = arena_text(&r->arena, buffer_slice(&id));
    c->endpoint = arena_copy(&r->arena, buffer_slice(&t->endpoint));
    connect(c, t);
    buffer_clear(&id);
    invoke(c);
}

static void on_endpoint(void *arg, enum status why, struct slice json)
{
    struct call *c = arg;
    struct services *app = c->request->app;
    struct json_doc *doc;
    if (why != OK) {
        fail(c, why, why == NOT_FOUND ? "the registry does not know the endpoint" : NULL);
        return;
    }
    if (json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        fail(c, IO_FAILED, NULL);
        return;
    }
    struct slice id = rest_param(c->request, "endpointId");
    (void)recall(app, id); /* so that what is remembered is of this version */
    struct target *t = remember(app->twin, id, json_root(doc));
    if (c->told != app->twin->told)
        t->state = NULL; /* it may be told something else since */
    json_free(&doc);
    invoke_for(c, t);
}

/* NULL after answering. */
static struct call *begin(struct rest_request *r, const struct services_twin_ask *ask)
{
    struct services *app = r->app;
    if (app->hub == NULL) {
        rest_reply_problem(r, 503, "no hub is configured");
        return NULL;
    }
    struct call *c = MEMORY_NEW(struct call);
    c->request = r;
    c->ask = *ask;
    c->ask.request = arena_copy(&r->arena, ask->request);
    c->since_ms = loop_now_ms(r->loop);
    return c;
}

void services_module_call(struct rest_request *r, struct slice module,
                          const struct services_twin_ask *ask)
{
    struct call *c = begin(r, ask);
    if (c == NULL)
        return;
    c->module = arena_text(&r->arena, module);
    invoke(c);
}

void services_twin_call(struct rest_request *r, const struct services_twin_ask *ask)
{
    struct services *app = r->app;
    struct call *c = begin(r, ask);
    if (c == NULL)
        return;
    struct slice id = rest_param(r, "endpointId");
    struct target *t = recall(app, id);
    c->told = app->twin->told;
    if (t)
        invoke_for(c, t);
    else
        services_registry_ask(app->registry,
                              &(struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = id},
                              on_endpoint, c);
}

/* ---- handlers ---- */

void services_twin_pass(struct rest_request *r)
{
    services_twin_call(r,
                       &(struct services_twin_ask){.method = r->route->calls, .request = r->body});
}

void services_twin_pass_query(struct rest_request *r)
{
    struct json_doc *doc;
    char why[REST_MODEL_WHY_MAX];
    struct buffer request = {0};
    struct json_writer w = json_writer(&request);
    if (rest_query_read(r, &services_models, &doc, why) != OK) {
        rest_reply_invalid(r, why);
        return;
    }
    json_put_value(&w, json_root(doc));
    json_free(&doc);
    services_twin_call(r, &(struct services_twin_ask){.method = r->route->calls,
                                                      .request = buffer_slice(&request)});
    buffer_clear(&request);
}

/* ---- beginning and end ---- */

struct services_twin *services_twin_new(const struct services_twin_config *config)
{
    struct services_twin *t = MEMORY_NEW(struct services_twin);
    t->timeout_ms = config->timeout_ms;
    t->module = config->module ? memory_text(config->module) : NULL;
    return t;
}

void services_twin_free(struct services_twin **t)
{
    if (*t == NULL)
        return;
    forget_all(*t);
    connecting_clear(&(*t)->connecting);
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&(*t)->trials, &at));)
        free(e->value);
    map_clear(&(*t)->trials);
    free((*t)->module);
    free(*t);
    *t = NULL;
}
