/*
 * Modules that call as themselves: a direct method, invoked with the module's own token or
 * certificate and the header x-ms-edge-moduleId, "{device}/{module}". iot-hub.md section 3.2. A
 * module reaches its device, what else is on it and, on an edge, what belongs to that edge.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/http_visit.h"
#include "heads/sign_in.h"
#include "hub/rest.h"

struct reach {
    struct rest_request *request;
    struct iot_id caller;
    const struct heads_identity *edge;
};

static void end(struct reach *c, enum status why, const char *reason)
{
    struct rest_request *r = c->request;
    if (why != OK)
        log_warn("call refused path=%.*s peer=%.*s caller=%.*s/%.*s reason=\"%s\"",
                 SLICE_FMT(r->path), SLICE_FMT(r->peer), SLICE_FMT(c->caller.device),
                 SLICE_FMT(c->caller.module), reason);
    else
        r->user = rest_header(r, "x-ms-edge-moduleId");
    if (c->edge)
        heads_identity_unref(&c->edge);
    free(c);
    rest_authorized(r, why, NULL);
}

static struct registry *registry_of(const struct reach *c)
{
    return ((struct hub *)c->request->app)->registry;
}

static void on_target(void *arg, enum status why, const struct heads_identity *target)
{
    struct reach *c = arg;
    if (why == OK && c->edge->edge && heads_sign_in_belongs(target, c->edge))
        end(c, OK, "");
    else
        end(c, FORBIDDEN, "the device is not there, or does not belong to the caller's edge");
}

static void on_edge(void *arg, enum status why, const struct heads_identity *edge)
{
    struct reach *c = arg;
    if (why != OK) {
        end(c, UNAUTHORIZED, "the caller's device is not there");
        return;
    }
    c->edge = heads_identity_ref(edge);
    registry_identity(registry_of(c), c->request->loop,
                      (struct iot_id){.device = rest_param(c->request, "id")}, on_target, c);
}

static void on_known(struct heads_visit *v, enum status why)
{
    struct reach *c = v->state;
    if (why != OK)
        end(c, UNAUTHORIZED, "it did not sign in");
    else if (slice_eq(c->caller.device, rest_param(c->request, "id")))
        end(c, OK, "");
    else
        registry_identity(registry_of(c), c->request->loop,
                          (struct iot_id){.device = c->caller.device}, on_edge, c);
}

static const struct heads_visit_work work = {.answer = on_known};

void hub_rest_authorize_caller(struct rest_request *r)
{
    struct hub *hub = r->app;
    struct reach *c = MEMORY_NEW(struct reach);
    c->request = r;
    if (!iot_id_parse(rest_header(r, "x-ms-edge-moduleId"), &c->caller)) {
        end(c, UNAUTHORIZED, "x-ms-edge-moduleId must be device/module");
        return;
    }
    struct heads_visit *v = heads_visit_new(&hub->backend, r, c->caller, &work);
    v->state = c;
    heads_visit_begin(v);
}
