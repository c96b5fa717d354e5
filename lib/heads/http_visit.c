#include "heads/http_visit.h"

#include <stdlib.h>

#include "base/memory.h"
#include "heads/http_priv.h"
#include "iot/error.h"

/* ---- on the request's loop ---- */

void heads_http_error(struct rest_request *r, const struct iot_status_wire *wire, const char *text)
{
    struct buffer body = {0};
    iot_error_body(
        &(struct iot_error){wire, slice_of(text), slice_of(r->id), loop_wall_ms(r->loop)}, &body);
    rest_add_header(r, "iothub-errorcode", slice_of(wire->name));
    rest_reply_json(r, wire->http, buffer_slice(&body));
    buffer_clear(&body);
}

struct iot_id heads_http_id(const struct rest_request *r)
{
    return (struct iot_id){rest_param(r, "id"), rest_param(r, "moduleId")};
}

static const char *text_of(enum status why)
{
    switch (why) {
    case UNAUTHORIZED:
    case FORBIDDEN:
        return "The token or certificate does not let this identity in; the hub's log says why.";
    case NOT_FOUND:
        return "There is no such identity.";
    case TOO_LARGE:
        return "The message, or the batch of messages, is too large.";
    case BUSY:
        return "The hub cannot take more now; try again later.";
    case LOCK_LOST:
        return "The lock on the message has run out, or there is no such lock.";
    case BAD_ARGUMENT:
    case BAD_FORMAT:
        return "The identity's name is not allowed.";
    default:
        return "The request could not be carried out; the hub's log says why.";
    }
}

void heads_visit_fail(struct heads_visit *v, enum status why)
{
    if (why == FULL)
        why = BUSY; /* the log has no room now */
    heads_http_error(v->request,
                     iot_status_wire_of(v->id.module.len ? IOT_MODULE : IOT_DEVICE, why),
                     text_of(why));
}

void heads_visit_free(struct heads_visit *v)
{
    arena_clear(&v->arena);
    free(v);
}

static void come_home(void *arg)
{
    struct heads_visit *v = arg;
    v->work->answer(v, v->why);
    heads_visit_free(v);
}

/* ---- on the device's loop ---- */

void heads_visit_end(struct heads_visit *v, enum status why)
{
    if (v->ended)
        return;
    struct heads_device *device = v->device;
    v->ended = true;
    v->why = why;
    v->device = NULL;
    if (device)
        v->backend->ops->sign_out(v->backend, &v->session, device);
    loop_post(v->request->loop, come_home, v);
}

static struct heads_visit *visit_of(struct heads_session *s)
{
    return (struct heads_visit *)s;
}

static void signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct heads_visit *v = visit_of(s);
    v->device = why == OK ? device : NULL;
    if (why == OK && v->work->begin)
        v->work->begin(v);
    else
        heads_visit_end(v, why);
}

static void accepted(struct heads_session *s, uint64_t token, enum status why)
{
    struct heads_visit *v = visit_of(s);
    if (!v->ended && v->work->accepted)
        v->work->accepted(v, token, why);
}

static void received(struct heads_session *s, uint64_t token, enum status why,
                     const struct heads_delivery *d)
{
    struct heads_visit *v = visit_of(s);
    (void)token; /* a visit asks once */
    if (!v->ended && v->work->received)
        v->work->received(v, why, d);
}

static void settled(struct heads_session *s, uint64_t token, enum status why)
{
    (void)token;
    heads_visit_end(visit_of(s), why);
}

static void on_close(struct heads_session *s, enum status why)
{
    heads_visit_end(visit_of(s), why);
}

/* A visit is told nothing by itself: no twin, no method, no message of its own accord. */
static const struct heads_session_ops ops = {
    .signed_in = signed_in,
    .accepted = accepted,
    .received = received,
    .settled = settled,
    .close = on_close,
};

static void arrive(void *arg)
{
    struct heads_visit *v = arg;
    v->backend->ops->sign_in(v->backend, &v->credentials, &v->session);
}

/* ---- beginning ---- */

struct heads_visit *heads_visit_new(struct heads_backend *b, struct rest_request *r,
                                    struct iot_id id, const struct heads_visit_work *work)
{
    struct heads_visit *v = MEMORY_NEW(struct heads_visit);
    v->work = work;
    v->backend = b;
    v->request = r;
    v->id = iot_id_copy(&v->arena, id);
    v->session = (struct heads_session){.ops = &ops, .presence = HEADS_VISIT};
    struct slice sas = rest_header(r, "Authorization");
    v->credentials = (struct heads_credentials){
        .id = v->id,
        .sas = sas,
        .certificate = sas.len ? (struct slice){0} : r->certificate,
        .host = rest_header(r, "Host"),
        .api_version = rest_query(r, "api-version"),
        .peer = r->peer,
    };
    return v;
}

void heads_visit_begin(struct heads_visit *v)
{
    if (!iot_id_name_ok(v->id.device) || (v->id.module.len && !iot_id_name_ok(v->id.module))) {
        v->why = BAD_ARGUMENT;
        v->ended = true;
        loop_post(v->request->loop, come_home, v);
        return;
    }
    v->session.loop = v->backend->ops->owner(v->backend, v->id);
    loop_post(v->session.loop, arrive, v);
}
