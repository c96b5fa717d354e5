#include "hub/rest.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/http.h"
#include "heads/sign_in.h"
#include "hub/audit.h"

struct iot_id hub_rest_id(const struct rest_request *r)
{
    return heads_http_id(r);
}

struct slice hub_rest_if_match(const struct rest_request *r)
{
    struct slice v = slice_trim(rest_header(r, "If-Match"));
    if (v.len >= 2 && v.at[0] == '"' && v.at[v.len - 1] == '"')
        v = slice_from(v.at + 1, v.len - 2);
    return v;
}

void hub_rest_error(struct rest_request *r, enum status why, enum iot_thing of, const char *text)
{
    heads_http_error(r, iot_status_wire_of(of, why), text);
}

void hub_rest_refuse(struct rest_request *r, int status, const char *detail)
{
    const struct iot_status_wire *generic = iot_status_wire_generic(status);
    if (generic) {
        heads_http_error(r, generic, detail ? detail : "refused");
        return;
    }
    if (status == 400 || status == 401 || status == 403 || status == 413 || status == 504)
        hub_rest_error(r, iot_status_of_http(status), IOT_DEVICE, detail ? detail : "refused");
    else
        rest_reply_problem(r, status, detail);
}

/* ---- who may call ---- */

static unsigned permission_of(enum rest_access access)
{
    switch (access) {
    case REST_READ:
        return IOT_REGISTRY_READ;
    case REST_WRITE:
    case REST_ADMIN:
        return IOT_REGISTRY_WRITE;
    default:
        return IOT_SERVICE_CONNECT;
    }
}

/* An edge asks with the token of its own $edgeHub. */
static void on_edge_identity(void *arg, enum status why, const struct heads_identity *identity)
{
    struct rest_request *r = arg;
    struct hub *hub = r->app;
    uint64_t expires_ms;
    char method[HEADS_AUTH_METHOD_MAX];
    const char *reason = "there is no such identity";
    struct heads_credentials c = {.sas = rest_header(r, "Authorization")};
    if (why == OK)
        why = heads_sign_in_check(
            &(struct heads_sign_in){
                .credentials = &c,
                .target = identity,
                .hosts = hub->aliases,
                .now_ms = loop_wall_ms(r->loop),
            },
            &expires_ms, method, &reason);
    if (why != OK)
        log_warn("call refused path=%.*s peer=%.*s reason=\"%s\"", SLICE_FMT(r->path), SLICE_FMT(r->peer), reason);
    rest_authorized(r, why == OK ? OK : UNAUTHORIZED, NULL);
}

static struct sas_memo *memo_of(struct hub *hub, const struct loop *loop)
{
    for (unsigned i = 0; i < hub->loop_count; i++)
        if (hub->loops[i].loop == loop)
            return &hub->loops[i].tokens;
    return NULL;
}

void hub_rest_authorize(struct rest_request *r)
{
    struct hub *hub = r->app;
    struct slice token = rest_header(r, "Authorization");
    if (r->route->access == REST_DEVICE) {
        registry_identity(hub->registry, r->loop,
                          (struct iot_id){rest_param(r, "id"), SLICE("$edgeHub")}, on_edge_identity,
                          r);
        return;
    }
    if (r->route->access == REST_CALL && rest_header(r, "x-ms-edge-moduleId").len) {
        hub_rest_authorize_caller(r);
        return;
    }
    enum status s = policies_check(hub->policies, memo_of(hub, r->loop), hub->aliases, token, r->path,
                                     permission_of(r->route->access), loop_wall_ms(r->loop));
    if (s != OK)
        log_warn("call refused path=%.*s peer=%.*s status=%s", SLICE_FMT(r->path), SLICE_FMT(r->peer),
                 status_name(s));
    if (s == OK || s == FORBIDDEN)
        r->user = hub_audit_policy(token);
    rest_authorized(r, s, NULL);
}

/* ---- asking the registry ---- */

struct asked {
    struct rest_request *request;
    int created;
};

static void on_answer(void *arg, const struct registry_answer *a)
{
    struct asked *asked = arg;
    struct rest_request *r = asked->request;
    if (a->why != OK) {
        hub_rest_error(r, a->why, a->of, a->text);
    } else if (a->json.len == 0) {
        rest_reply_empty(r, 204);
    } else {
        if (a->etag.len)
            rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%.*s\"", SLICE_FMT(a->etag))));
        rest_reply_json(r, a->created ? 201 : asked->created, a->json);
    }
    free(asked);
}

void hub_rest_ask(struct rest_request *r, const struct registry_ask *ask, int created)
{
    struct asked *asked = MEMORY_NEW(struct asked);
    asked->request = r;
    asked->created = created;
    registry_ask(((struct hub *)r->app)->registry, r->loop, ask, on_answer, asked);
}
