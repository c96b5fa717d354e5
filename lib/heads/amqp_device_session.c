/* The half of a device over AMQP that is on the device's loop: the backend's session. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_device_priv.h"

/* A delivery whose messages the backend has, and has not answered all of. */
struct under_way {
    struct heads_amqp_device_link *origin;
    uint32_t delivery;
    bool settled;
    uint32_t left; /* messages */
    enum status why;
    size_t bytes;
};

struct device_session {
    struct heads_session session; /* first: the backend's handle */
    struct heads_backend *backend;
    struct heads_device *device; /* NULL before signing in and after signing out */
    struct heads_credentials credentials;
    struct arena arena; /* holds them */
    bool signed_out;
    bool full; /* the backend has no room: telemetry is held until resume() */
    struct heads_amqp_mail mail;
    struct list held;   /* POST_TELEMETRY in order */
    uint32_t held_sent; /* messages of the first that the backend has */
    struct iotamqp_memory memory;
    struct under_way *ring; /* NULL until the first */
    uint64_t first, next;   /* tokens */
    size_t ring_size;       /* a power of two */
};

static struct device_session *of(struct heads_session *s)
{
    return (struct device_session *)s;
}

static void say(struct device_session *ds, const struct heads_amqp_post *like)
{
    heads_amqp_mail_put(&ds->mail, like);
}

/* ---- telemetry: answers ---- */

static struct under_way *under_way(struct device_session *ds, uint64_t token)
{
    return &ds->ring[token & (ds->ring_size - 1)];
}

static void grow(struct device_session *ds)
{
    size_t size = ds->ring_size ? ds->ring_size * 2 : 16;
    struct under_way *ring = memory_new(size * sizeof(*ring));
    for (uint64_t t = ds->first; t != ds->next; t++)
        ring[t & (size - 1)] = *under_way(ds, t);
    free(ds->ring);
    ds->ring = ring;
    ds->ring_size = size;
}

static uint64_t note(struct device_session *ds, const struct heads_amqp_post *p, uint32_t messages)
{
    if (ds->next - ds->first == ds->ring_size)
        grow(ds);
    *under_way(ds, ds->next) = (struct under_way){.origin = p->origin,
                                                  .delivery = p->delivery,
                                                  .settled = p->number,
                                                  .left = messages,
                                                  .bytes = p->bytes};
    return ds->next++;
}

/* Those that are next to each other go into one post. */
static void answer(struct device_session *ds, const struct under_way *u)
{
    struct heads_amqp_post *last = heads_amqp_mail_newest(&ds->mail);
    if (last && last->kind == POST_ACCEPTED && last->origin == u->origin && last->why == u->why &&
        last->delivery + last->number == u->delivery && last->format == u->settled) {
        last->number++;
        last->bytes += u->bytes;
        return;
    }
    say(ds, &(struct heads_amqp_post){.kind = POST_ACCEPTED,
                                      .origin = u->origin,
                                      .delivery = u->delivery,
                                      .number = 1,
                                      .format = u->settled,
                                      .bytes = u->bytes,
                                      .why = u->why});
}

static void answer_ready(struct device_session *ds)
{
    for (; ds->first != ds->next && under_way(ds, ds->first)->left == 0; ds->first++)
        answer(ds, under_way(ds, ds->first));
}

static void accepted(struct heads_session *s, uint64_t token, enum status why)
{
    struct device_session *ds = of(s);
    assert(token - ds->first < ds->next - ds->first);
    struct under_way *u = under_way(ds, token);
    u->left--;
    if (u->why == OK)
        u->why = why;
    answer_ready(ds);
}

/* ---- telemetry: what came ---- */

static enum status send_message(struct device_session *ds, struct slice bytes, uint64_t token)
{
    struct iot_message m;
    enum status s = iotamqp_message_read(bytes, &ds->memory, &m);
    return s == OK ? ds->backend->ops->telemetry(ds->device, &m, token) : s;
}

/* A batch is taken whole or not at all, as far as its messages themselves go. */
static enum status read_batch(struct device_session *ds, struct slice bytes, struct slice *sections,
                              uint32_t *count)
{
    struct amqp_message batch;
    struct iot_message m;
    struct slice one;
    if (amqp_message_read(bytes, &batch) != OK || batch.body != AMQP_BODY_DATA)
        return BAD_FORMAT;
    *sections = batch.sections;
    *count = batch.section_count;
    for (struct slice rest = batch.sections; amqp_message_data_next(&rest, &one);) {
        enum status s = iotamqp_message_read(one, &ds->memory, &m);
        if (s != OK)
            return s;
    }
    return OK;
}

static enum status send_batch(struct device_session *ds, struct slice sections, uint64_t token)
{
    struct slice one;
    for (uint32_t i = 0; amqp_message_data_next(&sections, &one); i++) {
        if (i < ds->held_sent)
            continue;
        enum status s = send_message(ds, one, token);
        if (s != OK)
            return s;
        ds->held_sent++;
    }
    return OK;
}

/* FULL: the same again later. */
static enum status send_delivery(struct device_session *ds, const struct heads_amqp_post *p)
{
    struct slice sections = p->first;
    uint32_t count = 1;
    bool again = ds->held_sent > 0;
    enum status s = OK;
    if (p->format == AMQP_FORMAT_BATCH)
        s = read_batch(ds, p->first, &sections, &count);
    uint64_t token = again ? ds->next - 1 : note(ds, p, count);
    if (s == OK && p->format == AMQP_FORMAT_BATCH)
        s = send_batch(ds, sections, token);
    else if (s == OK)
        s = send_message(ds, p->first, token);
    if (s == FULL && ds->held_sent == 0)
        ds->next--;
    if (s == FULL || s == OK)
        return s;
    struct under_way *u = under_way(ds, token);
    u->left -= count - ds->held_sent;
    u->why = s;
    answer_ready(ds);
    return s;
}

static void send_held(struct device_session *ds)
{
    struct link *l;
    while (ds->device && !ds->full && (l = list_first(&ds->held))) {
        struct heads_amqp_post *p = LIST_OF(l, struct heads_amqp_post, node);
        enum status s = send_delivery(ds, p);
        if (s == FULL) {
            ds->full = true;
            return;
        }
        ds->held_sent = 0;
        list_remove(&p->node);
        free(p);
    }
}

static void resume(struct heads_session *s)
{
    of(s)->full = false;
    send_held(of(s));
}

/* ---- the backend's other words ---- */

static void signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct device_session *ds = of(s);
    ds->device = device;
    ds->signed_out = why != OK; /* there is nothing to sign out from */
    say(ds, &(struct heads_amqp_post){.kind = POST_SIGNED_IN, .why = why});
}

static void twin(struct heads_session *s, uint64_t token, enum status why, struct slice json)
{
    say(of(s),
        &(struct heads_amqp_post){.kind = POST_TWIN, .token = token, .why = why, .first = json});
}

static void reported(struct heads_session *s, uint64_t token, enum status why, uint64_t version)
{
    say(of(s), &(struct heads_amqp_post){
                   .kind = POST_REPORTED, .token = token, .why = why, .version = version});
}

static void desired(struct heads_session *s, struct slice patch, uint64_t version)
{
    say(of(s), &(struct heads_amqp_post){.kind = POST_DESIRED, .first = patch, .version = version});
}

static void method(struct heads_session *s, uint64_t rid, struct slice name, struct slice payload)
{
    say(of(s), &(struct heads_amqp_post){
                   .kind = POST_METHOD, .token = rid, .first = name, .second = payload});
}

static void message(struct heads_session *s, const struct heads_delivery *d)
{
    struct buffer bytes = {0};
    heads_amqp_delivery_write(&bytes, d);
    say(of(s),
        &(struct heads_amqp_post){.kind = POST_MESSAGE,
                                  .feature = d->message->input.len ? HEADS_INPUTS : HEADS_C2D,
                                  .token = d->token,
                                  .first = buffer_slice(&bytes),
                                  .second = d->lock});
    buffer_clear(&bytes);
}

static void renewed(struct heads_session *s, enum status why)
{
    struct device_session *ds = of(s);
    if (why != OK)
        log_warn("a newer token is not good, the older one stays device=%.*s%s%.*s peer=%.*s",
                 SLICE_FMT(ds->credentials.id.device), ds->credentials.id.module.len ? "/" : "",
                 SLICE_FMT(ds->credentials.id.module), SLICE_FMT(ds->credentials.peer));
}

static void leave(struct device_session *ds)
{
    if (ds->signed_out)
        return;
    ds->signed_out = true;
    ds->backend->ops->sign_out(ds->backend, &ds->session, ds->device);
    ds->device = NULL;
}

/* Signs out before it returns: the backend may forget the session. */
static void close_session(struct heads_session *s, enum status why)
{
    say(of(s), &(struct heads_amqp_post){.kind = POST_CLOSE, .why = why});
    leave(of(s));
}

static const struct heads_session_ops session_ops = {
    .signed_in = signed_in,
    .accepted = accepted,
    .resume = resume,
    .twin = twin,
    .reported = reported,
    .desired = desired,
    .method = method,
    .message = message,
    .renewed = renewed,
    .close = close_session,
};

/* ---- what the links say ---- */

static void on_renew(struct device_session *ds, const struct heads_amqp_post *p)
{
    ds->credentials.sas = p->first;
    ds->backend->ops->renew(ds->device, &ds->credentials);
    ds->credentials.sas = (struct slice){0};
}

static void to_backend(struct device_session *ds, const struct heads_amqp_post *p)
{
    const struct heads_backend_ops *ops = ds->backend->ops;
    switch (p->kind) {
    case POST_SUBSCRIBE:
        ops->subscribe(ds->device, p->feature, p->number);
        break;
    case POST_ALLOW:
        ops->allow(ds->device, p->feature, p->number);
        break;
    case POST_DELIVERED:
        ops->delivered(ds->device, p->token, p->outcome);
        break;
    case POST_TWIN_GET:
        ops->twin_get(ds->device, p->token);
        break;
    case POST_TWIN_REPORT:
        ops->twin_report(ds->device, p->first, p->token);
        break;
    case POST_METHOD_REPLY:
        ops->method_reply(ds->device, p->token, (int)p->number, p->first);
        break;
    case POST_RENEW:
        on_renew(ds, p);
        break;
    default:
        assert(false);
    }
}

static void session_free(struct heads_amqp_mail *m)
{
    struct device_session *ds =
        (struct device_session *)((char *)m - offsetof(struct device_session, mail));
    struct link *l;
    while ((l = list_pop(&ds->held)))
        free(LIST_OF(l, struct heads_amqp_post, node));
    iotamqp_memory_clear(&ds->memory);
    arena_clear(&ds->arena);
    free(ds->ring);
    free(ds);
}

static void open_post(void *owner, struct heads_amqp_post *p)
{
    struct device_session *ds = owner;
    if (p->kind == POST_TELEMETRY && ds->device) {
        list_push(&ds->held, &p->node);
        send_held(ds);
        return;
    }
    if (p->kind == POST_END) {
        leave(ds);
        say(ds, &(struct heads_amqp_post){.kind = POST_GONE});
        ds->mail.sent = session_free;
    } else if (ds->device) { /* else it is closed, and the links' half is about to know */
        to_backend(ds, p);
    }
    free(p);
}

/* ---- beginning ---- */

static void sign_in(void *arg)
{
    struct device_session *ds = arg;
    ds->backend->ops->sign_in(ds->backend, &ds->credentials, &ds->session);
}

static struct heads_credentials copy(struct arena *a, const struct heads_credentials *c)
{
    return (struct heads_credentials){
        .id = iot_id_copy(a, c->id),
        .sas = arena_copy(a, c->sas),
        .certificate = arena_copy(a, c->certificate),
        .api_version = arena_copy(a, c->api_version),
        .client_type = arena_copy(a, c->client_type),
        .model_id = arena_copy(a, c->model_id),
        .auth_chain = arena_copy(a, c->auth_chain),
        .peer = arena_copy(a, c->peer),
    };
}

void device_session_start(struct heads_amqp_device *d, const struct heads_credentials *c,
                          heads_amqp_open_fn *open)
{
    struct device_session *ds = MEMORY_NEW(struct device_session);
    struct loop *home = heads_amqp_loop(d->head);
    ds->backend = d->devices->backend;
    struct loop *owner = ds->backend->ops->owner(ds->backend, c->id);
    ds->session =
        (struct heads_session){.ops = &session_ops, .loop = owner, .presence = HEADS_LIVE};
    ds->credentials = copy(&ds->arena, c);
    list_init(&ds->held);
    heads_amqp_mail_init(&ds->mail, owner, home, d, open);
    heads_amqp_mail_init(&d->mail, home, owner, ds, open_post);
    loop_post(owner, sign_in, ds);
}
