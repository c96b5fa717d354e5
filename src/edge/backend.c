#include "edge/backend.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/child.h"
#include "edge/downstream.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "edge/upstream.h"

/* ---- signing in ---- */

struct sign_in {
    struct link link;
    struct edge *edge;
    struct edge_child *child;
    struct heads_session *session; /* NULL: the head has gone meanwhile */
    struct heads_attendance *renews; /* a session that is there already; NULL: a new one */
    struct heads_credentials credentials;
    bool asked; /* what is known here would not let him in, so the hub is asked, too */
    struct arena arena;
};

/* The head may be told only when nothing of the sign in is needed any more. */
static void sign_in_end(struct sign_in *in, enum status why, struct heads_attendance *attendance)
{
    struct heads_session *s = in->session;
    struct heads_attendance *renewed = in->renews;
    struct edge_child *c = in->child;
    list_remove(&in->link);
    arena_clear(&in->arena);
    free(in);
    if (renewed && renewed->session)
        renewed->session->ops->renewed(renewed->session, why);
    else if (s)
        s->ops->signed_in(s, why, heads_attendance_device(attendance));
    heads_attendance_unref(&renewed);
    edge_child_unref(&c);
}

static enum status check(struct sign_in *in, const struct heads_identity *identity, uint64_t *expires_ms,
                         char auth_method[HEADS_AUTH_METHOD_MAX], const char **reason)
{
    return heads_sign_in_check(
        &(struct heads_sign_in){
            .credentials = &in->credentials,
            .target = identity,
            .hosts = in->edge->config.hosts,
            .now_ms = loop_wall_ms(in->edge->loop),
        },
        expires_ms, auth_method, reason);
}

static void refuse(struct sign_in *in, enum status why, const char *reason)
{
    log_warn("sign in refused device=%s peer=%.*s reason=\"%s\"", in->child->key,
             SLICE_FMT(in->credentials.peer), reason);
    in->edge->count.refused++;
    sign_in_end(in, why == OFFLINE ? BUSY : UNAUTHORIZED, NULL);
}

/* It is who it says. */
static void admit(struct sign_in *in, const struct heads_identity *identity, const char *auth_method,
                  uint64_t expires_ms)
{
    struct heads_attendance *a = NULL;
    if (in->renews && in->renews->session) {
        heads_attendance_renew(in->renews, identity, auth_method, expires_ms);
    } else if (in->session) {
        a = heads_attendance_begin(&in->child->place, in->session, identity, auth_method, expires_ms);
        if (in->session->presence == HEADS_LIVE) {
            log_info("connected device=%s peer=%.*s", in->child->key, SLICE_FMT(in->credentials.peer));
            edge_upstream_wanted(in->edge->upstream, in->child);
        }
    }
    sign_in_end(in, OK, a);
}

static void on_identity_again(void *arg, enum status why, const struct heads_identity *identity);

static void on_identity(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    const char *reason = why == OFFLINE ? "not known here, and the hub cannot be asked" : "no such identity";
    uint64_t expires_ms = 0;
    char auth_method[HEADS_AUTH_METHOD_MAX];
    if (why == OK)
        why = check(in, identity, &expires_ms, auth_method, &reason);
    if (identity && why != OK && !in->asked) {
        in->asked = true; /* it may have another key since, or be enabled */
        edge_identities_ask(in->edge->identities, in->credentials.id, on_identity_again, in);
        return;
    }
    if (why == OK)
        admit(in, identity, auth_method, expires_ms);
    else
        refuse(in, why, reason);
}

static void on_identity_again(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    if (why == OFFLINE) /* then what is known here counts, with which it came to this */
        refuse(in, UNAUTHORIZED, "not let in by what is known here, and the hub cannot be asked");
    else
        on_identity(in, why, identity);
}

static void sign_in_begin(struct edge *e, const struct heads_credentials *c, struct heads_session *s,
                          struct heads_attendance *renews)
{
    struct sign_in *in = MEMORY_NEW(struct sign_in);
    in->edge = e;
    in->child = edge_child_get(e, c->id);
    in->session = s;
    in->renews = renews ? heads_attendance_ref(renews) : NULL;
    in->credentials = (struct heads_credentials){
        .id = iot_id_copy(&in->arena, c->id),
        .sas = arena_copy(&in->arena, c->sas),
        .certificate = arena_copy(&in->arena, c->certificate),
        .host = arena_copy(&in->arena, c->host),
        .peer = arena_copy(&in->arena, c->peer),
    };
    list_push(&e->sign_ins, &in->link);
    edge_identities_get(e->identities, in->credentials.id, on_identity, in);
}

static void sign_in(struct heads_backend *b, const struct heads_credentials *c, struct heads_session *s)
{
    sign_in_begin((struct edge *)b, c, s, NULL);
}

static void renew(struct heads_device *device, const struct heads_credentials *c)
{
    struct heads_attendance *a = heads_attendance_of(device);
    sign_in_begin(edge_child_of(a)->edge, c, NULL, a);
}

static void sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *device)
{
    struct edge *e = (struct edge *)b;
    if (device) {
        heads_attendance_end(heads_attendance_of(device));
        return;
    }
    LIST_EACH(l, &e->sign_ins) {
        struct sign_in *in = LIST_OF(l, struct sign_in, link);
        if (in->session == s)
            in->session = NULL;
    }
}

static struct loop *owner(struct heads_backend *b, struct iot_id id)
{
    (void)id;
    return ((struct edge *)b)->loop;
}

/* ---- telemetry: into the log, acknowledged when durable ---- */

static enum status telemetry(struct heads_device *device, const struct iot_message *m, uint64_t token)
{
    struct heads_attendance *a = heads_attendance_of(device);
    struct edge_child *c = edge_child_of(a);
    struct edge *e = c->edge;
    if (m->body.len + m->properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    if (m->message_id.len > IOT_MESSAGE_ID_MAX)
        return BAD_ARGUMENT;
    buffer_reset(&e->record);
    uint64_t now = loop_wall_ms(e->loop), sequence;
    iot_event_encode(
        &(struct iot_event){
            .enqueued_ms = now,
            .from = c->id,
            .generation_id = a->identity->generation_id,
            .auth_method = a->auth_method,
            .sender = buffer_slice(&a->sender),
            .source = IOT_SOURCE_TELEMETRY,
            .message = *m,
        },
        &e->record);
    enum status s = store_log_append(e->log, buffer_slice(&e->record), now, &sequence);
    if (s == OK) {
        e->count.received++;
        store_waiters_add(&e->waiters, sequence, heads_attendance_ref(a), token);
    } else if (s == FULL && a->session->presence == HEADS_LIVE) {
        c->full = true; /* on_room of the log tells it */
    }
    return s;
}

/* ---- twins: the hub's when it is there, else the copy ---- */

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

/* What is told from here on is told on top of this. */
static void answer_from_copy(struct asked *a)
{
    struct edge_child *c = edge_child_of(a->from);
    struct edge_twins *t = c->edge->twins;
    struct slice json = edge_twins_get(t, c->id);
    if (json.len == 0) {
        struct buffer none = {0};
        edge_twins_set(t, c->id, SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"), &none);
        buffer_clear(&none);
        json = edge_twins_get(t, c->id);
    }
    a->from->session->ops->twin(a->from->session, a->token, OK, json);
}

static bool is_away(enum status why)
{
    return why == OFFLINE || why == TIMED_OUT || why == CANCELLED;
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct asked *a = arg;
    if (why == OK)
        edge_downstream_learn(edge_child_of(a->from), json, a->from->session);
    if (a->from->session) {
        if (why == OK || is_away(why))
            answer_from_copy(a);
        else
            a->from->session->ops->twin(a->from->session, a->token, why, (struct slice){0});
    }
    asked_free(a);
}

static void twin_get(struct heads_device *device, uint64_t token)
{
    struct edge_child *c = edge_child_of(heads_attendance_of(device));
    if (c->up)
        device_client_twin_get(c->up, on_twin, ask(device, token));
    else
        on_twin(ask(device, token), OFFLINE, (struct slice){0});
}

static void twin_report(struct heads_device *device, struct slice patch, uint64_t token)
{
    edge_reports_put(heads_attendance_of(device), patch, token);
}

/* ---- the rest of the table ---- */

static void subscribe(struct heads_device *device, enum heads_feature f, bool on)
{
    heads_attendance_subscribe(heads_attendance_of(device), f, on);
}

static void method_reply(struct heads_device *device, uint64_t rid, int status, struct slice payload)
{
    struct edge_child *c = edge_child_of(heads_attendance_of(device));
    if (c->up)
        device_client_method_reply(c->up, rid, status, payload);
}

/* ---- messages: nothing is routed to inputs or devices yet ---- */

static void delivered(struct heads_device *device, uint64_t token, enum heads_outcome how)
{
    (void)device;
    (void)token;
    (void)how;
}

static void allow(struct heads_device *device, enum heads_feature f, uint32_t more)
{
    heads_attendance_allow(heads_attendance_of(device), f, more);
}

static void receive(struct heads_device *device, uint64_t lock_ms, uint64_t token)
{
    (void)lock_ms;
    struct heads_session *s = heads_attendance_of(device)->session;
    s->ops->received(s, token, NOT_FOUND, NULL);
}

static void settle(struct heads_device *device, struct slice lock, enum heads_outcome how, uint64_t token)
{
    (void)lock;
    (void)how;
    struct heads_session *s = heads_attendance_of(device)->session;
    s->ops->settled(s, token, LOCK_LOST);
}

static void keep(struct heads_device *device, unsigned what)
{
    (void)device; /* no message to a device comes through the edge, so there is nothing to miss */
    (void)what;
}

const struct heads_backend_ops edge_backend_ops = {
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

void edge_backend_identity_changed(void *edge, struct iot_id id)
{
    struct edge_child *c = edge_child_find(edge, id);
    if (c && c->place.live) {
        log_info("disconnected: its identity has changed device=%s", c->key);
        heads_place_close(&c->place, UNAUTHORIZED);
    }
}
