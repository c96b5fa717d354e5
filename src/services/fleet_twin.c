#include "services/fleet_twin.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "services/fleet_watch.h"
#include "services/ids.h"
#include "services/replies.h"

#define TRIES_MAX 5 /* of a change, when somebody else is faster each time */

static void put_path(struct iot_id id, struct buffer *out)
{
    buffer_text(out, "/twins/");
    percent_encode(id.device, out);
    if (id.module.len == 0)
        return;
    buffer_text(out, "/modules/");
    percent_encode(id.module, out);
}

/* ---- as it is ---- */

struct question {
    const struct services *app;
    enum fleet_kind kind;
    services_fleet_twin_fn *fn;
    void *arg;
};

/* Of devices the edge devices are gateways. */
static bool is_wanted(const struct question *q, const struct services_fleet_twin *t)
{
    return services_fleet_is(q->app, q->kind, &t->member) &&
           (q->kind != FLEET_GATEWAY || json_bool(json_get(json_get(t->twin, "capabilities"), "iotEdge"), false));
}

static enum status tell(const struct question *q, const struct json *twin)
{
    struct slice device = json_string(json_get(twin, "deviceId")), module = json_string(json_get(twin, "moduleId"));
    struct slice etag = json_string(json_get(twin, "etag"));
    struct buffer quoted = {0};
    if (device.len == 0)
        return PEER_FAILED;
    buffer_printf(&quoted, "\"%.*s\"", SLICE_FMT(etag));
    struct services_fleet_twin t = {
        .member = {.device = slice_dup(device),
                   .module = module.len ? slice_dup(module) : NULL,
                   .type = slice_dup(services_fleet_type(twin)),
                   .connected = slice_eq(json_string(json_get(twin, "connectionState")), SLICE("Connected"))},
        .twin = twin,
        .etag = etag.len ? buffer_cstr(&quoted) : NULL};
    enum status why = is_wanted(q, &t) ? OK : NOT_FOUND;
    if (why == OK)
        q->fn(q->arg, OK, &t);
    free(t.member.device);
    free(t.member.module);
    free(t.member.type);
    buffer_clear(&quoted);
    return why;
}

static void on_twin(void *arg, enum status why, const struct rest_answer *a)
{
    struct question *q = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    if (why == OK)
        why = tell(q, json_root(doc));
    if (why != OK)
        q->fn(q->arg, why, NULL);
    json_free(&doc);
    free(q);
}

enum status services_fleet_twin_ask(struct rest_request *r, enum fleet_kind kind, struct iot_id id,
                                    uint64_t timeout_ms, services_fleet_twin_fn *fn, void *arg)
{
    struct services *app = r->app;
    struct buffer path = {0};
    struct question *q = MEMORY_NEW(struct question);
    *q = (struct question){.app = app, .kind = kind, .fn = fn, .arg = arg};
    put_path(id, &path);
    enum status s = service_client_request(
        app->hub,
        &(struct service_call){.method = "GET", .path = buffer_cstr(&path), .id = r->id, .timeout_ms = timeout_ms},
        on_twin, q);
    if (s != OK)
        free(q);
    buffer_clear(&path);
    return s;
}

/* ---- changed ---- */

struct change { /* in the request's arena, but its document */
    struct rest_request *request;
    enum fleet_kind kind;
    struct json_doc *update;
    struct slice mode;
    int tries;
};

static void look(struct change *c);

static void finish(struct change *c, enum status why)
{
    struct rest_request *r = c->request;
    json_free(&c->update);
    if (why == OK)
        rest_reply_empty(r, 200);
    else
        services_replies_fail(r, why,
                              why == NOT_FOUND  ? "the hub does not know it"
                              : why == CONFLICT ? "others change its twin all the time"
                                                : "the hub does not change its twin");
}

static void on_changed(void *arg, enum status why, const struct rest_answer *a)
{
    struct change *c = arg;
    struct services *app = c->request->app;
    (void)a;
    if (why == CONFLICT && ++c->tries < TRIES_MAX) {
        look(c);
        return;
    }
    services_fleet_forget(app->fleet);
    services_fleet_watch_soon(app->watch);
    finish(c, why);
}

static void on_looked(void *arg, enum status why, const struct services_fleet_twin *t)
{
    struct change *c = arg;
    struct services *app = c->request->app;
    struct buffer path = {0}, patch = {0};
    if (why == OK) {
        put_path((struct iot_id){slice_of(t->member.device), slice_of(t->member.module)}, &path);
        fleet_documents_put_patch(c->kind, t->twin, json_root(c->update), c->mode, &patch);
        why = service_client_request(app->hub,
                                     &(struct service_call){.method = "PATCH",
                                                            .path = buffer_cstr(&path),
                                                            .body = buffer_slice(&patch),
                                                            .if_match = t->etag,
                                                            .id = c->request->id},
                                     on_changed, c);
    }
    if (why != OK)
        finish(c, why);
    buffer_clear(&path);
    buffer_clear(&patch);
}

static void look(struct change *c)
{
    struct iot_id id = services_ids_module(rest_param(c->request, "id"));
    enum status s = services_fleet_twin_ask(c->request, c->kind, id, 0, on_looked, c);
    if (s != OK)
        finish(c, s);
}

void services_fleet_twin_change(struct rest_request *r, enum fleet_kind kind, struct json_doc *update, struct slice mode)
{
    struct services *app = r->app;
    struct change *c = ARENA_TAKE(&r->arena, struct change);
    *c = (struct change){.request = r, .kind = kind, .update = update, .mode = mode};
    if (app->fleet) {
        look(c);
        return;
    }
    json_free(&c->update);
    rest_reply_problem(r, 503, "no hub is configured");
}
