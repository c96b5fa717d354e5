#include "hub/deliveries.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "c2d/c2d.h"
#include "hub/device.h"

#define AGAIN_MS 1000u /* after the registry could not answer */

/* One that the live session has and did not answer. */
struct handed {
    struct link link;
    uint64_t token;
    char lock[C2D_LOCK_LEN + 1];
};

static struct registry *registry_of(const struct hub_device *d)
{
    return d->owner->hub->registry;
}

/* A device's queue has its name. A module has none: what it would be called is no device's name. */
static struct slice queue_of(const struct hub_device *d)
{
    return slice_of(d->key);
}

static struct slice lock_slice(const char lock[C2D_LOCK_LEN + 1])
{
    return slice_from(lock, C2D_LOCK_LEN);
}

static void give_back(const struct hub_device *d, const struct c2d_message *m)
{
    c2d_settle(registry_of(d), d->owner->loop, queue_of(d), lock_slice(m->lock), HEADS_RETURN, NULL,
               NULL);
}

static struct heads_delivery delivery_of(const struct c2d_message *m, uint64_t token)
{
    return (struct heads_delivery){
        .token = token,
        .message = &m->message,
        .enqueued_ms = m->enqueued_ms,
        .sequence = m->sequence,
        .count = m->delivery_count,
        .ack = m->ack == C2D_ACK_NONE ? (struct slice){0} : c2d_ack_word(m->ack),
        .lock = lock_slice(m->lock),
    };
}

/* ---- to the live session ---- */

static bool listens(const struct heads_attendance *a)
{
    return a && a->session && a->subscribed[HEADS_C2D];
}

static void hand_over(struct hub_device *d, struct heads_attendance *a, const struct c2d_message *m)
{
    struct handed *h = MEMORY_NEW(struct handed);
    h->token = ++d->deliveries.last_token;
    memcpy(h->lock, m->lock, sizeof(h->lock));
    list_push(&d->deliveries.handed, &h->link);
    if (a->credit[HEADS_C2D])
        a->credit[HEADS_C2D]--;
    __atomic_fetch_add(&d->owner->count.deliveries, 1, __ATOMIC_RELAXED);
    struct heads_delivery delivery = delivery_of(m, h->token);
    a->session->ops->message(a->session, &delivery);
}

static void on_taken(void *arg, enum status why, const struct c2d_message *m, unsigned count);

static void pump(struct hub_device *d)
{
    struct hub_deliveries *q = &d->deliveries;
    struct heads_attendance *a = d->place.live;
    if (q->asking || !q->waits || !listens(a) || a->credit[HEADS_C2D] == 0)
        return;
    uint32_t credit = a->credit[HEADS_C2D];
    q->asked = credit < C2D_TAKE_MAX ? credit : C2D_TAKE_MAX;
    q->asking = true;
    q->waits = false;
    c2d_take(registry_of(d), d->owner->loop,
             &(struct c2d_want){
                 .device = queue_of(d), .count = q->asked, .live = true, .fresh = q->fresh},
             on_taken, heads_attendance_ref(a));
    q->fresh = false;
}

static void on_again(void *arg)
{
    pump(arg);
}

/* In order; from the first that the session does not want any more, all go back. */
static void on_taken(void *arg, enum status why, const struct c2d_message *m, unsigned count)
{
    struct heads_attendance *a = arg;
    struct hub_device *d = hub_device_of(a);
    d->deliveries.asking = false;
    for (unsigned i = 0; i < count; i++) {
        if (listens(a))
            hand_over(d, a, &m[i]);
        else
            give_back(d, &m[i]);
    }
    if (why != OK) { /* the log line says what failed */
        d->deliveries.waits = d->deliveries.fresh = true;
        loop_timer_start(d->owner->loop, &d->deliveries.again, AGAIN_MS, on_again, d);
    } else {
        d->deliveries.waits |= count == d->deliveries.asked; /* there may be more */
        pump(d);
    }
    heads_attendance_unref(&a);
}

/* They wait for the next session, which may have asked how many there are before they came. */
static void forget_handed(struct hub_deliveries *q)
{
    struct link *l;
    q->waits |= !list_empty(&q->handed);
    while ((l = list_pop(&q->handed)))
        free(LIST_OF(l, struct handed, link));
}

void hub_deliveries_init(struct hub_deliveries *q)
{
    list_init(&q->handed);
}

void hub_deliveries_clear(struct hub_deliveries *q)
{
    forget_handed(q);
    loop_timer_stop(&q->again);
}

void hub_deliveries_begin(struct hub_device *d, unsigned waiting)
{
    forget_handed(&d->deliveries);
    d->deliveries.fresh = true;
    d->deliveries.waits |= waiting > 0;
}

void hub_deliveries_end(struct hub_device *d)
{
    forget_handed(&d->deliveries);
}

void hub_deliveries_wake(struct hub_device *d)
{
    d->deliveries.waits = true;
    pump(d);
}

void hub_deliveries_more(struct hub_device *d)
{
    pump(d);
}

void hub_deliveries_answer(struct hub_device *d, uint64_t token, enum heads_outcome how)
{
    LIST_EACH(l, &d->deliveries.handed)
    {
        struct handed *h = LIST_OF(l, struct handed, link);
        if (h->token != token)
            continue;
        c2d_settle(registry_of(d), d->owner->loop, queue_of(d), lock_slice(h->lock), how, NULL,
                   NULL);
        list_remove(&h->link);
        free(h);
        return;
    }
}

/* ---- to visits ---- */

struct visit {
    struct heads_attendance *from;
    uint64_t token;
};

static struct visit *visit_new(struct heads_attendance *a, uint64_t token)
{
    struct visit *v = MEMORY_NEW(struct visit);
    v->from = heads_attendance_ref(a);
    v->token = token;
    return v;
}

static void visit_free(struct visit *v)
{
    heads_attendance_unref(&v->from);
    free(v);
}

static void on_received(void *arg, enum status why, const struct c2d_message *m, unsigned count)
{
    struct visit *v = arg;
    struct heads_session *s = v->from->session;
    if (why == OK && count == 0)
        why = NOT_FOUND;
    if (s && why == OK) {
        struct heads_delivery delivery = delivery_of(m, 0);
        s->ops->received(s, v->token, OK, &delivery);
    } else if (s) {
        s->ops->received(s, v->token, why, NULL);
    } else if (why == OK) {
        give_back(hub_device_of(v->from), m);
    }
    visit_free(v);
}

void hub_deliveries_receive(struct heads_attendance *a, uint64_t lock_ms, uint64_t token)
{
    struct hub_device *d = hub_device_of(a);
    c2d_take(registry_of(d), d->owner->loop,
             &(struct c2d_want){.device = queue_of(d), .count = 1, .lock_ms = lock_ms}, on_received,
             visit_new(a, token));
}

static void on_settled(void *arg, enum status why)
{
    struct visit *v = arg;
    struct heads_session *s = v->from->session;
    if (s)
        s->ops->settled(s, v->token, why);
    visit_free(v);
}

void hub_deliveries_settle(struct heads_attendance *a, struct slice lock, enum heads_outcome how,
                           uint64_t token)
{
    struct hub_device *d = hub_device_of(a);
    c2d_settle(registry_of(d), d->owner->loop, queue_of(d), lock, how, on_settled,
               visit_new(a, token));
}
