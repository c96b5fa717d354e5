#include "hub/service_links.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "c2d/c2d.h"
#include "hub/audit.h"
#include "iot/status_wire.h"
#include "iotamqp/message.h"

#define SENDS_WINDOW 100 /* messages of one link that are not stored yet */

struct hub_service {
    struct hub *hub;
    uint64_t readers;                    /* relaxed atomic */
    struct list feedback[HUB_LOOPS_MAX]; /* struct feedback_link; each its own loop's */
};

static bool allowed(struct heads_amqp_link *l)
{
    return heads_amqp_granted(l->head, IOT_SERVICE_CONNECT, &l->address);
}

/* ---- messages/devicebound ---- */

/* What a message on its way to the disk holds on to: the link may go meanwhile. */
struct send_link {
    unsigned refs;
    struct heads_amqp_link *link; /* NULL: it has gone */
};

struct sending {
    struct send_link *on;
    uint32_t delivery;
    bool settled;
};

static void send_link_unref(struct send_link *l)
{
    if (--l->refs == 0)
        free(l);
}

static void answer(const struct send_link *on, uint32_t delivery, bool settled, enum status why,
                   const char *text)
{
    if (why != OK)
        log_debug("message to a device refused status=%s reason=\"%s\"", status_name(why), text);
    if (on->link == NULL || settled)
        return;
    struct amqp_state state = {.outcome = AMQP_OUTCOME_ACCEPTED};
    if (why != OK)
        state = (struct amqp_state){.outcome = AMQP_OUTCOME_REJECTED,
                                    .error = {.condition = slice_of(iot_status_wire(why)->amqp),
                                              .description = slice_of(text)}};
    amqp_link_settle(on->link->link, delivery, &state);
}

static void on_sent(void *arg, enum status why, const char *text)
{
    struct sending *s = arg;
    answer(s->on, s->delivery, s->settled, why, text);
    send_link_unref(s->on);
    free(s);
}

/* Whom it is for. */
static enum status read_to(struct slice to, struct arena *a, struct slice *device, const char **why)
{
    struct heads_amqp_address address;
    struct slice params[HEADS_AMQP_PARAMS_MAX];
    *why = "to must be /devices/{id}/messages/devicebound";
    if (to.len == 0 || heads_amqp_address_read(to, &address) != OK)
        return BAD_ARGUMENT;
    if (heads_amqp_address_match(&address, "devices/{}/modules/{}/messages/devicebound", a,
                                 params)) {
        *why = "messages go to devices; a module is reached by a direct method or its twin";
        return UNSUPPORTED;
    }
    if (!heads_amqp_address_match(&address, "devices/{}/messages/devicebound", a, params))
        return BAD_ARGUMENT;
    *device = params[0];
    return OK;
}

/* Takes iothub-ack out of the properties: it is the hub's. */
static enum status read_ack(struct iot_message *m, struct buffer *rest, enum c2d_ack *ack,
                            const char **why)
{
    struct slice list = m->properties, name, value;
    *ack = C2D_ACK_NONE;
    while (iot_property_next(&list, &name, &value)) {
        if (!slice_eq_nocase(name, SLICE("iothub-ack"))) {
            (void)iot_property_put(rest, name, value); /* it fitted before */
        } else if (!c2d_ack_of(value, ack)) {
            *why = "iothub-ack must be none, positive, negative or full";
            return BAD_ARGUMENT;
        }
    }
    m->properties = buffer_slice(rest);
    return OK;
}

static const char *unreadable(enum status why)
{
    return why == TOO_LARGE ? "the message is too large"
                            : "the message is not AMQP 1.0, or has a body that is not data";
}

static void on_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d)
{
    struct send_link *on = l->arg;
    const struct hub_service *service = l->kind->arg;
    struct iotamqp_memory memory = {0};
    struct arena arena = {0};
    struct buffer properties = {0};
    struct iot_message m;
    struct slice device;
    enum c2d_ack ack;
    const char *why = "";
    enum status s = iotamqp_message_read(d->bytes, &memory, &m);
    if (s != OK)
        why = unreadable(s);
    if (s == OK)
        s = read_to(m.to, &arena, &device, &why);
    if (s == OK)
        s = read_ack(&m, &properties, &ack, &why);
    if (s == OK) {
        struct sending *sending = MEMORY_NEW(struct sending);
        *sending = (struct sending){.on = on, .delivery = d->id, .settled = d->settled};
        on->refs++;
        hub_audit_message(service->hub,
                          heads_amqp_granted_token(l->head, IOT_SERVICE_CONNECT, &l->address), &m);
        c2d_send(service->hub->registry, heads_amqp_loop(l->head), device, &m, ack, on_sent,
                 sending);
    } else {
        answer(on, d->id, d->settled, s, why);
    }
    iotamqp_memory_clear(&memory);
    buffer_clear(&properties);
    arena_clear(&arena);
}

static void send_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    (void)a;
    struct send_link *on = MEMORY_NEW(struct send_link);
    *on = (struct send_link){.refs = 1, .link = l};
    l->arg = on;
    heads_amqp_accept(l, NULL);
}

static void send_detach(struct heads_amqp_link *l)
{
    struct send_link *on = l->arg;
    on->link = NULL;
    send_link_unref(on);
}

/* ---- messages/serviceBound/feedback ---- */

struct feedback_link {
    unsigned refs;
    struct link node; /* in its loop's list */
    struct hub_service *service;
    struct loop *loop;
    struct heads_amqp_link *link; /* NULL: it has gone */
    enum c2d_feed feed;
    bool waits;                   /* there may be a batch */
    bool asking;                  /* for one */
    bool blocked;                 /* the peer is slow to read */
    struct list handed;           /* struct handed */
    uint64_t last_token;
};

/* A batch that the peer has not settled. */
struct handed {
    struct link node;
    uint64_t token;
    char lock[C2D_LOCK_LEN + 1];
};

static void feedback_unref(struct feedback_link *f)
{
    if (--f->refs == 0)
        free(f);
}

static void settle(const struct feedback_link *f, const char *lock, enum heads_outcome how)
{
    c2d_feedback_settle(f->service->hub->registry, f->loop, slice_from(lock, C2D_LOCK_LEN), how,
                        NULL, NULL);
}

static const struct feed {
    struct slice to, content_type;
} feeds[C2D_FEED_COUNT] = {
    [C2D_FEED_MESSAGES] = {SLICE_INIT("/messages/serviceBound/feedback"),
                           SLICE_INIT(C2D_FEEDBACK_CONTENT_TYPE)},
    [C2D_FEED_UPLOADS] = {SLICE_INIT("/messages/serviceBound/filenotifications"),
                          SLICE_INIT("application/json")},
};

static void write_batch(struct buffer *b, const struct feedback_link *f,
                        const struct c2d_feedback *batch)
{
    struct amqp_header header = {
        .priority = AMQP_ABSENT, .ttl_ms = AMQP_ABSENT, .delivery_count = batch->delivery_count};
    amqp_header_write(b, &header);
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("x-opt-sequence-number"));
    amqp_write_long(b, (int64_t)batch->sequence);
    amqp_write_symbol(b, SLICE("x-opt-enqueued-time"));
    amqp_write_timestamp(b, (int64_t)batch->enqueued_ms);
    amqp_write_symbol(b, SLICE("iothub-enqueuedtime"));
    amqp_write_timestamp(b, (int64_t)batch->enqueued_ms);
    amqp_write_end(b, map, 6);
    struct amqp_properties p = amqp_properties_none();
    struct buffer id = {0};
    amqp_write_string(&id, slice_from(batch->lock, C2D_LOCK_LEN));
    p.message_id = buffer_slice(&id);
    p.user_id = slice_of(f->service->hub->name);
    p.to = feeds[f->feed].to;
    p.content_type = feeds[f->feed].content_type;
    p.creation_ms = (int64_t)batch->enqueued_ms;
    amqp_properties_write(b, &p);
    buffer_clear(&id);
    amqp_message_data(b, batch->json);
}

/* The lock's bytes are the delivery's tag: it is where .NET looks for its token. */
static enum status send_batch(struct feedback_link *f, const struct c2d_feedback *batch,
                              uint64_t token)
{
    struct buffer message = {0};
    uint8_t tag[16];
    if (!uuid_parse(slice_from(batch->lock, C2D_LOCK_LEN), tag))
        return IO_FAILED;
    write_batch(&message, f, batch);
    enum status s = heads_amqp_send(
        f->link, &(struct amqp_send){.tag = slice_from(tag, sizeof(tag)), .token = token},
        buffer_slice(&message));
    buffer_clear(&message);
    return s;
}

static void hand_over(struct feedback_link *f, const struct c2d_feedback *batch)
{
    struct heads_amqp_link *l = f->link;
    bool settled = amqp_link_send_settle(l->link) == AMQP_SEND_SETTLED;
    enum status s = send_batch(f, batch, ++f->last_token);
    if (s == OK && !settled) {
        struct handed *h = MEMORY_NEW(struct handed);
        h->token = f->last_token;
        memcpy(h->lock, batch->lock, sizeof(h->lock));
        list_push(&f->handed, &h->node);
        return;
    }
    settle(f, batch->lock, s == OK ? HEADS_COMPLETE : HEADS_RETURN);
    f->blocked = s == AGAIN;
    if (s == TOO_LARGE)
        heads_amqp_detach(l, "amqp:link:message-size-exceeded",
                          "a batch of feedback is larger than the receiver allows");
}

static void ask(struct feedback_link *f);

static void on_batch(void *arg, enum status why, const struct c2d_feedback *batch)
{
    struct feedback_link *f = arg;
    f->asking = false;
    f->waits |= why == OK;
    if (f->link && why == OK)
        hand_over(f, batch);
    else if (why == OK)
        settle(f, batch->lock, HEADS_RETURN);
    ask(f);
    feedback_unref(f);
}

static void ask(struct feedback_link *f)
{
    if (f->link == NULL || f->asking || f->blocked)
        return;
    if (f->waits && amqp_link_credit(f->link->link)) {
        f->asking = true;
        f->waits = false;
        f->refs++;
        c2d_feedback_take(f->service->hub->registry, f->loop, f->feed, on_batch, f);
    } else if (!f->waits && amqp_link_draining(f->link->link)) {
        amqp_link_drained(f->link->link);
    }
}

static void feedback_credit(struct heads_amqp_link *l)
{
    struct feedback_link *f = l->arg;
    f->blocked = false;
    ask(f);
}

static enum heads_outcome outcome_of(const struct amqp_state *state)
{
    switch (state->outcome) {
    case AMQP_OUTCOME_ACCEPTED:
        return HEADS_COMPLETE;
    case AMQP_OUTCOME_REJECTED:
        return HEADS_REJECT;
    default:
        return HEADS_ABANDON;
    }
}

static void feedback_settled(struct heads_amqp_link *l, uint64_t token,
                             const struct amqp_state *state)
{
    struct feedback_link *f = l->arg;
    LIST_EACH(node, &f->handed)
    {
        struct handed *h = LIST_OF(node, struct handed, node);
        if (h->token != token)
            continue;
        settle(f, h->lock, outcome_of(state));
        list_remove(&h->node);
        free(h);
        return;
    }
}

/* Of the hub's loops the one that this connection is on. */
static unsigned loop_index(const struct hub *hub, const struct loop *loop)
{
    unsigned i = 0;
    while (i + 1 < hub->loop_count && hub->loops[i].loop != loop)
        i++;
    return i;
}

static void feed_attach(struct heads_amqp_link *l, enum c2d_feed feed)
{
    struct hub_service *s = l->kind->arg;
    struct feedback_link *f = MEMORY_NEW(struct feedback_link);
    *f = (struct feedback_link){.refs = 1,
                                .service = s,
                                .loop = heads_amqp_loop(l->head),
                                .link = l,
                                .feed = feed,
                                .waits = true};
    list_init(&f->handed);
    list_push(&s->feedback[loop_index(s->hub, f->loop)], &f->node);
    __atomic_fetch_add(&s->readers, 1, __ATOMIC_RELAXED);
    l->arg = f;
    heads_amqp_accept(l, NULL);
}

static void feedback_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    (void)a;
    feed_attach(l, C2D_FEED_MESSAGES);
}

static void notifications_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    (void)a;
    feed_attach(l, C2D_FEED_UPLOADS);
}

static void feedback_detach(struct heads_amqp_link *l)
{
    struct feedback_link *f = l->arg;
    struct link *node;
    while ((node = list_pop(&f->handed))) {
        struct handed *h = LIST_OF(node, struct handed, node);
        settle(f, h->lock, HEADS_ABANDON);
        free(h);
    }
    list_remove(&f->node);
    __atomic_fetch_sub(&f->service->readers, 1, __ATOMIC_RELAXED);
    f->link = NULL;
    feedback_unref(f);
}

struct wake {
    struct hub_service *service;
    unsigned loop;
};

static void wake(void *arg)
{
    struct wake *w = arg;
    LIST_EACH(node, &w->service->feedback[w->loop])
    {
        struct feedback_link *f = LIST_OF(node, struct feedback_link, node);
        f->waits = true;
        ask(f);
    }
    free(w);
}

void hub_service_feedback_waits(struct hub_service *s)
{
    if (__atomic_load_n(&s->readers, __ATOMIC_RELAXED) == 0)
        return; /* a link begins by asking */
    for (unsigned i = 0; i < s->hub->loop_count; i++) {
        struct wake *w = MEMORY_NEW(struct wake);
        *w = (struct wake){s, i};
        loop_post(s->hub->loops[i].loop, wake, w);
    }
}

/* ---- what there is ---- */

const struct heads_amqp_kind hub_service_kinds[] = {
    {.address = "messages/devicebound",
     .window = SENDS_WINDOW,
     .allowed = allowed,
     .attach = send_attach,
     .transfer = on_transfer,
     .detach = send_detach},
    {.address = "messages/servicebound/feedback",
     .sends = true,
     .allowed = allowed,
     .attach = feedback_attach,
     .credit = feedback_credit,
     .settled = feedback_settled,
     .detach = feedback_detach},
    {.address = "messages/servicebound/filenotifications",
     .sends = true,
     .allowed = allowed,
     .attach = notifications_attach,
     .credit = feedback_credit,
     .settled = feedback_settled,
     .detach = feedback_detach},
};
const size_t hub_service_kinds_count = sizeof(hub_service_kinds) / sizeof(hub_service_kinds[0]);

struct hub_service *hub_service_new(struct hub *hub)
{
    struct hub_service *s = MEMORY_NEW(struct hub_service);
    s->hub = hub;
    for (unsigned i = 0; i < hub->loop_count; i++)
        list_init(&s->feedback[i]);
    return s;
}

void hub_service_free(struct hub_service **s)
{
    free(*s);
    *s = NULL;
}
