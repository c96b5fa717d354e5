#include "hub/backend.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/sign_in.h"
#include "hub/device.h"
#include "hub/routed.h"
#include "hub/service_links.h"

/* ---- signing in: identities are asked for one after the other, then checked ---- */

struct sign_in {
    struct link link; /* in the device's loop's sign_ins */
    struct hub_loop *owner;
    struct hub_device *device;
    struct heads_session *session; /* NULL: the head has gone meanwhile */
    struct heads_attendance *renews; /* a session that is there already; NULL: a new one */
    struct heads_credentials credentials;
    struct iot_id actor_id;
    const struct heads_identity *target, *actor, *actor_device;
    struct slice authorities; /* when a certificate must lead to one */
    bool again; /* an identity has changed since it was read: all are read once more */
    struct arena arena;
};

static registry_identity_fn on_target;

/* The head may be told only when nothing of the sign in is needed any more. */
static void sign_in_end(struct sign_in *in, enum status why, struct heads_attendance *attendance)
{
    struct heads_session *s = in->session;
    struct heads_attendance *renewed = in->renews;
    struct hub_device *d = in->device;
    list_remove(&in->link);
    heads_identity_unref(&in->target);
    heads_identity_unref(&in->actor);
    heads_identity_unref(&in->actor_device);
    arena_clear(&in->arena);
    free(in);
    if (renewed && renewed->session)
        renewed->session->ops->renewed(renewed->session, why);
    else if (s)
        s->ops->signed_in(s, why, heads_attendance_device(attendance));
    heads_attendance_unref(&renewed);
    hub_device_unref(&d);
}

static void sign_in_refuse(struct sign_in *in, enum status why, const char *reason)
{
    log_warn("sign in refused device=%s peer=%.*s status=%s reason=\"%s\"", in->device->key,
             SLICE_FMT(in->credentials.peer), status_name(why), reason);
    __atomic_fetch_add(&in->owner->count.refused, 1, __ATOMIC_RELAXED);
    sign_in_end(in, why, NULL);
}

/* It is who it says. */
static void sign_in_admit(struct sign_in *in, const char *auth_method, uint64_t expires_ms)
{
    struct heads_attendance *a = NULL;
    if (in->renews && in->renews->session) {
        heads_attendance_renew(in->renews, in->target, auth_method, expires_ms);
    } else if (in->session) {
        if (in->session->presence == HEADS_LIVE) {
            log_info("connected device=%s peer=%.*s", in->device->key, SLICE_FMT(in->credentials.peer));
            __atomic_fetch_add(&in->owner->count.connects, 1, __ATOMIC_RELAXED);
            registry_model(in->owner->hub->registry, in->device->id, in->credentials.model_id);
        }
        if (in->session->presence == HEADS_LIVE)
            hub_device_came_through(in->device, in->actor);
        a = heads_attendance_begin(&in->device->place, in->session, in->target, auth_method, expires_ms);
        in->session->kept = in->target->kept;
        if (in->session->presence == HEADS_LIVE)
            hub_deliveries_begin(in->device, in->target->message_count);
        else
            hub_activity_note(in->device, loop_wall_ms(in->owner->loop));
    }
    sign_in_end(in, OK, a);
}

static void sign_in_ask(struct sign_in *in)
{
    registry_identity(in->owner->hub->registry, in->owner->loop, in->credentials.id, on_target, in);
}

static void sign_in_check(struct sign_in *in)
{
    if (in->again) {
        in->again = false;
        heads_identity_unref(&in->target);
        heads_identity_unref(&in->actor);
        heads_identity_unref(&in->actor_device);
        sign_in_ask(in);
        return;
    }
    struct hub *hub = in->owner->hub;
    uint64_t expires_ms = 0;
    char auth_method[HEADS_AUTH_METHOD_MAX];
    const char *reason = "";
    enum status s = heads_sign_in_check(
        &(struct heads_sign_in){
            .credentials = &in->credentials,
            .target = in->target,
            .actor = in->actor,
            .actor_device = in->actor_device,
            .policy_key = iot_policy_device_key,
            .policy_arg = hub->policies,
            .authorities = in->authorities,
            .hosts = hub->aliases,
            .now_ms = loop_wall_ms(in->owner->loop),
        },
        &expires_ms, auth_method, &reason);
    if (s == OK)
        sign_in_admit(in, auth_method, expires_ms);
    else
        sign_in_refuse(in, s, reason);
}

static void on_authorities(void *arg, enum status why, struct slice ders)
{
    struct sign_in *in = arg;
    if (why != OK) {
        sign_in_refuse(in, why, "the certificates of authorities could not be read");
        return;
    }
    in->authorities = arena_copy(&in->arena, ders);
    sign_in_check(in);
}

/* All identities are there. */
static void sign_in_judge(struct sign_in *in)
{
    const struct heads_identity *signer = in->actor ? in->actor : in->target;
    if (signer->auth == HEADS_AUTH_CA && in->credentials.certificate.len)
        registry_authorities(in->owner->hub->registry, in->owner->loop, on_authorities, in);
    else
        sign_in_check(in);
}

static void on_actor_device(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    if (why != OK) {
        sign_in_refuse(in, UNAUTHORIZED, "the edge device that speaks for it is not known");
        return;
    }
    in->actor_device = heads_identity_ref(identity);
    sign_in_judge(in);
}

static void on_actor(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    if (why != OK) {
        sign_in_refuse(in, UNAUTHORIZED, "the module that speaks for it is not known");
        return;
    }
    in->actor = heads_identity_ref(identity);
    registry_identity(in->owner->hub->registry, in->owner->loop,
                      (struct iot_id){.device = in->actor_id.device}, on_actor_device, in);
}

static void on_target(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    if (why != OK) {
        sign_in_refuse(in, why == NOT_FOUND ? UNAUTHORIZED : why, "no such identity");
        return;
    }
    in->target = heads_identity_ref(identity);
    if (in->actor_id.device.len)
        registry_identity(in->owner->hub->registry, in->owner->loop, in->actor_id, on_actor, in);
    else
        sign_in_judge(in);
}

static struct heads_credentials copy_credentials(struct arena *a, const struct heads_credentials *c)
{
    return (struct heads_credentials){
        .id = iot_id_copy(a, c->id),
        .sas = arena_copy(a, c->sas),
        .certificate = arena_copy(a, c->certificate),
        .host = arena_copy(a, c->host),
        .api_version = arena_copy(a, c->api_version),
        .client_type = arena_copy(a, c->client_type),
        .model_id = arena_copy(a, c->model_id),
        .auth_chain = arena_copy(a, c->auth_chain),
        .peer = arena_copy(a, c->peer),
    };
}

static void sign_in_begin(struct hub *hub, const struct heads_credentials *c, struct heads_session *s,
                          struct heads_attendance *renews)
{
    struct sign_in *in = MEMORY_NEW(struct sign_in);
    in->owner = hub_owner(hub, c->id);
    in->device = hub_device_get(in->owner, c->id);
    in->session = s;
    in->renews = renews ? heads_attendance_ref(renews) : NULL;
    in->credentials = copy_credentials(&in->arena, c);
    heads_sign_in_actor(in->credentials.auth_chain, &in->actor_id);
    list_push(&in->owner->sign_ins, &in->link);
    sign_in_ask(in);
}

void hub_sign_ins_again(struct hub_loop *owner, struct iot_id id)
{
    LIST_EACH(l, &owner->sign_ins) {
        struct sign_in *in = LIST_OF(l, struct sign_in, link);
        bool speaks = in->actor_id.device.len && slice_eq(in->actor_id.device, id.device);
        in->again = in->again || speaks || iot_id_eq(in->credentials.id, id);
    }
}

static void sign_in(struct heads_backend *b, const struct heads_credentials *c, struct heads_session *s)
{
    sign_in_begin((struct hub *)b, c, s, NULL);
}

static void renew(struct heads_device *device, const struct heads_credentials *c)
{
    struct heads_attendance *a = heads_attendance_of(device);
    sign_in_begin(hub_device_of(a)->owner->hub, c, NULL, a);
}

static void forget_sign_in(struct hub_loop *owner, struct heads_session *s)
{
    LIST_EACH(l, &owner->sign_ins) {
        struct sign_in *in = LIST_OF(l, struct sign_in, link);
        if (in->session == s)
            in->session = NULL;
    }
}

static void sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *device)
{
    struct hub *hub = (struct hub *)b;
    if (device) {
        struct heads_attendance *a = heads_attendance_of(device);
        if (a->place->live == a)
            hub_deliveries_end(hub_device_of(a));
        heads_attendance_end(a);
        return;
    }
    for (unsigned i = 0; i < hub->loop_count; i++)
        if (hub->loops[i].loop == s->loop)
            forget_sign_in(&hub->loops[i], s);
}

static struct loop *owner(struct heads_backend *b, struct iot_id id)
{
    return hub_owner((struct hub *)b, id)->loop;
}

/* It was heard of; telemetry says so by itself. */
static struct hub_device *heard_of(struct heads_attendance *a)
{
    struct hub_device *d = hub_device_of(a);
    hub_activity_note(d, loop_wall_ms(d->owner->loop));
    return d;
}

/* ---- telemetry ---- */

/* Only this loop writes it; a locked addition would be a fifth of this file's part of a message. */
static void count(uint64_t *of_own, uint64_t more)
{
    __atomic_store_n(of_own, *of_own + more, __ATOMIC_RELAXED);
}

static enum status telemetry(struct heads_device *device, const struct iot_message *m, uint64_t token)
{
    struct heads_attendance *a = heads_attendance_of(device);
    struct hub_device *d = hub_device_of(a);
    if (m->body.len + m->properties.len > d->owner->hub->limits.message_bytes)
        return TOO_LARGE;
    if (m->message_id.len > IOT_MESSAGE_ID_MAX)
        return BAD_ARGUMENT;
    uint64_t now_ms = loop_wall_ms(d->owner->loop);
    hub_activity_note(d, now_ms);
    struct iot_event e = {
        .enqueued_ms = now_ms,
        .from = d->id,
        .generation_id = a->identity->generation_id,
        .auth_method = a->auth_method,
        .sender = buffer_slice(&a->sender),
        .source = IOT_SOURCE_TELEMETRY,
        .message = *m,
    };
    enum status s = d->owner->routing ? hub_routed_send(a, &e, token)
                                      : partition_send(d->partition, &e, a, token);
    if (s == OK) {
        count(&d->owner->count.messages, 1);
        count(&d->owner->count.bytes, m->body.len);
    }
    return s;
}

/* ---- twins: asked of the registry, answered if the same session is still there ---- */

struct asked {
    struct heads_attendance *from;
    uint64_t token;
};

static struct asked *ask(struct heads_device *device, uint64_t token)
{
    struct asked *a = MEMORY_NEW(struct asked);
    a->from = heads_attendance_ref(heads_attendance_of(device));
    a->token = token;
    return a;
}

static void asked_free(struct asked *a)
{
    heads_attendance_unref(&a->from);
    free(a);
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct asked *a = arg;
    struct heads_session *s = a->from->session;
    if (s)
        s->ops->twin(s, a->token, why, json);
    asked_free(a);
}

static void twin_get(struct heads_device *device, uint64_t token)
{
    struct asked *a = ask(device, token);
    struct hub_device *d = heard_of(a->from);
    registry_twin(d->owner->hub->registry, d->owner->loop, d->id, on_twin, a);
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    struct asked *a = arg;
    struct heads_session *s = a->from->session;
    if (s)
        s->ops->reported(s, a->token, why, version);
    asked_free(a);
}

static void twin_report(struct heads_device *device, struct slice patch, uint64_t token)
{
    struct asked *a = ask(device, token);
    struct hub_device *d = heard_of(a->from);
    registry_report(d->owner->hub->registry, d->owner->loop, d->id, patch, on_reported, a);
}

/* ---- the rest of the table ---- */

static void subscribe(struct heads_device *device, enum heads_feature f, bool on)
{
    struct heads_attendance *a = heads_attendance_of(device);
    heads_attendance_subscribe(a, f, on);
    if (f == HEADS_METHODS && on)
        hub_device_methods_open(hub_device_of(a));
}

static void method_reply(struct heads_device *device, uint64_t rid, int status, struct slice payload)
{
    hub_device_method_reply(heard_of(heads_attendance_of(device)), rid, status, payload);
}

/* ---- messages to devices: deliveries.c ---- */

static void delivered(struct heads_device *device, uint64_t token, enum heads_outcome how)
{
    hub_deliveries_answer(heard_of(heads_attendance_of(device)), token, how);
}

static void allow(struct heads_device *device, enum heads_feature f, uint32_t more)
{
    heads_attendance_allow(heads_attendance_of(device), f, more);
    if (f == HEADS_C2D)
        hub_deliveries_more(hub_device_of(heads_attendance_of(device)));
}

static void receive(struct heads_device *device, uint64_t lock_ms, uint64_t token)
{
    hub_deliveries_receive(heads_attendance_of(device), lock_ms, token);
}

static void settle(struct heads_device *device, struct slice lock, enum heads_outcome how, uint64_t token)
{
    hub_deliveries_settle(heads_attendance_of(device), lock, how, token);
}

static void keep(struct heads_device *device, unsigned what)
{
    struct hub_device *d = hub_device_of(heads_attendance_of(device));
    registry_keep(d->owner->hub->registry, d->id, what);
}

const struct heads_backend_ops hub_backend_ops = {
    .owner = owner,
    .sign_in = sign_in,
    .sign_out = sign_out,
    .telemetry = telemetry,
    .twin_get = twin_get,
    .twin_report = twin_report,
    .subscribe = subscribe,
    .method_reply = method_reply,
    .delivered = delivered,
    .allow = allow,
    .receive = receive,
    .settle = settle,
    .keep = keep,
    .renew = renew,
};
