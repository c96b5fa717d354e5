#include "edge/backend.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/child.h"
#include "edge/downstream.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "heads/sign_in.h"

/* ---- signing in ---- */

struct sign_in {
    struct link link;
    struct edge *edge;
    struct edge_child *child;
    struct heads_session *session; /* NULL: the head has gone meanwhile */
    struct heads_credentials credentials;
    bool asked; /* what is known here would not let him in, so the hub is asked, too */
    struct arena arena;
};

static void sign_in_end(struct sign_in *in, enum status why)
{
    struct heads_session *s = in->session;
    struct edge_child *c = in->child;
    list_remove(&in->link);
    arena_clear(&in->arena);
    free(in);
    if (s)
        s->ops->signed_in(s, why, why == OK ? (struct heads_device *)c : NULL);
    edge_child_unref(&c);
}

static enum status check(struct sign_in *in, const struct heads_identity *identity, uint64_t *expires_ms,
                         const char **reason)
{
    return heads_sign_in_check(
        &(struct heads_sign_in){
            .credentials = &in->credentials,
            .target = identity,
            .hosts = in->edge->config.hosts,
            .now_ms = loop_wall_ms(in->edge->loop),
        },
        expires_ms, in->child->auth_method, reason);
}

static void refuse(struct sign_in *in, enum status why, const char *reason)
{
    log_warn("sign in refused device=%s peer=%.*s reason=\"%s\"", in->child->key,
             SLICE_FMT(in->credentials.peer), reason);
    in->edge->count.refused++;
    sign_in_end(in, why == OFFLINE ? BUSY : UNAUTHORIZED);
}

static void on_identity_again(void *arg, enum status why, const struct heads_identity *identity);

static void on_identity(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    const char *reason = why == OFFLINE ? "not known here, and the hub cannot be asked" : "no such identity";
    uint64_t expires_ms = 0;
    if (why == OK)
        why = check(in, identity, &expires_ms, &reason);
    if (identity && why != OK && !in->asked) {
        in->asked = true; /* it may have another key since, or be enabled */
        edge_identities_ask(in->edge->identities, in->credentials.id, on_identity_again, in);
        return;
    }
    if (why != OK) {
        refuse(in, why, reason);
        return;
    }
    if (in->session) {
        log_info("connected device=%s peer=%.*s", in->child->key, SLICE_FMT(in->credentials.peer));
        edge_child_connect(in->child, in->session, identity, expires_ms);
    }
    sign_in_end(in, OK);
}

static void on_identity_again(void *arg, enum status why, const struct heads_identity *identity)
{
    struct sign_in *in = arg;
    if (why == OFFLINE) /* then what is known here counts, with which it came to this */
        refuse(in, UNAUTHORIZED, "not let in by what is known here, and the hub cannot be asked");
    else
        on_identity(in, why, identity);
}

static void sign_in(struct heads_backend *b, const struct heads_credentials *c, struct heads_session *s)
{
    struct edge *e = (struct edge *)b;
    struct sign_in *in = MEMORY_NEW(struct sign_in);
    in->edge = e;
    in->child = edge_child_get(e, c->id);
    in->session = s;
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

static void sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *device)
{
    struct edge *e = (struct edge *)b;
    if (device) {
        edge_child_disconnect((struct edge_child *)device, s);
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
    struct edge_child *c = (struct edge_child *)device;
    struct edge *e = c->edge;
    if (m->body.len + m->properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    struct buffer record = {0};
    uint64_t now = loop_wall_ms(e->loop), sequence;
    iot_event_encode(
        &(struct iot_event){
            .enqueued_ms = now,
            .from = c->id,
            .generation_id = c->identity->generation_id,
            .auth_method = slice_of(c->auth_method),
            .source = IOT_SOURCE_TELEMETRY,
            .message = *m,
        },
        &record);
    enum status s = store_log_append(e->log, buffer_slice(&record), now, &sequence);
    buffer_clear(&record);
    if (s == OK) {
        e->count.received++;
        store_waiters_add(&e->waiters, sequence, edge_child_ref(c), token);
    } else if (s == FULL) {
        c->full = true; /* on_room of the log tells it */
    }
    return s;
}

/* ---- twins: the hub's when it is there, else the copy ---- */

struct asked {
    struct edge_child *child;
    struct heads_session *session;
    uint64_t token;
};

static struct asked *ask(struct edge_child *c, uint64_t token)
{
    struct asked *a = MEMORY_NEW(struct asked);
    a->child = edge_child_ref(c);
    a->session = c->session;
    a->token = token;
    return a;
}

static void asked_free(struct asked *a)
{
    edge_child_unref(&a->child);
    free(a);
}

/* What is told from here on is told on top of this. */
static void answer_from_copy(struct asked *a)
{
    struct edge_twins *t = a->child->edge->twins;
    struct slice json = edge_twins_get(t, a->child->id);
    if (json.len == 0) {
        struct buffer none = {0};
        edge_twins_set(t, a->child->id, SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"), &none);
        buffer_clear(&none);
        json = edge_twins_get(t, a->child->id);
    }
    a->session->ops->twin(a->session, a->token, OK, json);
}

static bool is_away(enum status why)
{
    return why == OFFLINE || why == TIMED_OUT || why == CANCELLED;
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct asked *a = arg;
    if (why == OK)
        edge_downstream_learn(a->child, json, a->session);
    if (a->session && a->child->session == a->session) {
        if (why == OK || is_away(why))
            answer_from_copy(a);
        else
            a->session->ops->twin(a->session, a->token, why, (struct slice){0});
    }
    asked_free(a);
}

static void twin_get(struct heads_device *device, uint64_t token)
{
    struct edge_child *c = (struct edge_child *)device;
    if (c->up)
        device_client_twin_get(c->up, on_twin, ask(c, token));
    else
        on_twin(ask(c, token), OFFLINE, (struct slice){0});
}

static void twin_report(struct heads_device *device, struct slice patch, uint64_t token)
{
    edge_reports_put((struct edge_child *)device, patch, token);
}

/* ---- the rest of the table ---- */

static void subscribe(struct heads_device *device, enum heads_feature f, bool on)
{
    ((struct edge_child *)device)->subscribed[f] = on;
}

static void method_reply(struct heads_device *device, uint64_t rid, int status, struct slice payload)
{
    struct edge_child *c = (struct edge_child *)device;
    if (c->up)
        device_client_method_reply(c->up, rid, status, payload);
}

static void delivered(struct heads_device *device, uint64_t token, enum status how)
{
    (void)device; /* nothing is routed to inputs yet */
    (void)token;
    (void)how;
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
};

void edge_backend_identity_changed(void *edge, struct iot_id id)
{
    struct edge_child *c = edge_child_find(edge, id);
    if (c && c->session) {
        log_info("disconnected: its identity has changed device=%s", c->key);
        c->session->ops->close(c->session, UNAUTHORIZED);
    }
}
