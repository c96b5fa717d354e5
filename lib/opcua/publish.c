/*
 * The publish requests of a session. They are not of one subscription: an answer is for any of
 * them. So all share them, and when one cannot take more, none is asked for.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define ACKS_MAX 1000 /* in one request */
#define AGAIN_MS 200
#define DOUBT_MS 1000
#define RAISE_AFTER 100 /* answers in a row, with as many requests as the server last seemed to bear */
#define BUSY_MS 500 /* with one call; quick servers need some milliseconds */
#define FOREVER_MS UINT32_MAX /* the subscriptions' watchdogs see when nothing comes */

struct session_publish {
    struct opcua_session *session;
    struct list subscriptions;
    unsigned subscription_count;
    unsigned creating; /* a notification may come before we know whose it is */
    uint64_t doubt_ms; /* since when the server says that it has no subscription of ours; 0: it does
                          not */
    unsigned outstanding, most; /* `most` shrinks when the server says that there are too many, and grows again */
    unsigned answers;           /* since then */
    UA_SubscriptionAcknowledgement *acks;
    size_t ack_count, ack_cap;
    struct loop_timer again;
};

static void on_publish(void *arg, UA_StatusCode status, void *response);

static bool is_paused(const struct session_publish *p)
{
    LIST_EACH(l, &p->subscriptions)
    if (LIST_OF(l, struct opcua_subscription, link)->paused)
        return true;
    return false;
}

bool publish_waits_for_items(const struct opcua_session *session)
{
    if (!session->publish)
        return false;
    uint64_t now = loop_now_ms(session->loop);
    LIST_EACH(l, &session->publish->subscriptions)
    {
        struct opcua_subscription *s = LIST_OF(l, struct opcua_subscription, link);
        struct link *oldest = list_first(&s->item_calls);
        if (oldest && now - LIST_OF(oldest, struct item_call, link)->sent_ms > BUSY_MS)
            return true;
    }
    return false;
}

static unsigned wanted(const struct session_publish *p)
{
    const struct opcua_tuning *t = &p->session->thread->tuning;
    unsigned n = (p->subscription_count * t->publish_percent + 99) / 100;
    n = n < t->publish_min ? t->publish_min : n;
    n = p->subscription_count ? n : 0;
    return n < p->most ? n : p->most;
}

static void send(struct session_publish *p)
{
    size_t acks = p->ack_count < ACKS_MAX ? p->ack_count : ACKS_MAX;
    UA_PublishRequest request = {.subscriptionAcknowledgementsSize = acks,
                                 .subscriptionAcknowledgements = acks ? p->acks : NULL};
    p->outstanding++;
    opcua_session_call(p->session, OPCUA_CALL_NOW, &request, &UA_TYPES[UA_TYPES_PUBLISHREQUEST],
                       &publish_answer_type, on_publish, p, FOREVER_MS);
    p->ack_count -= acks;
    if (p->ack_count)
        memmove(p->acks, p->acks + acks, p->ack_count * sizeof *p->acks);
}

static void refill(struct session_publish *p)
{
    if (p->session->state != OPCUA_SESSION_READY || is_paused(p))
        return;
    while (p->outstanding < wanted(p))
        send(p);
}

static void on_again(void *arg)
{
    refill(arg);
}

static struct opcua_subscription *find(struct session_publish *p, uint32_t id)
{
    LIST_EACH(l, &p->subscriptions)
    {
        struct opcua_subscription *s = LIST_OF(l, struct opcua_subscription, link);
        if (s->id == id)
            return s;
    }
    return NULL;
}

static void restart_all(struct session_publish *p, UA_StatusCode why)
{
    LIST_EACH(l, &p->subscriptions)
    subscription_restart(LIST_OF(l, struct opcua_subscription, link), why);
}

/* Requests that were sent before a subscription was made may get this answer, too. */
static void on_no_subscription(struct session_publish *p)
{
    uint64_t now = loop_now_ms(p->session->loop);
    if (p->doubt_ms == 0)
        p->doubt_ms = now;
    if (now - p->doubt_ms < DOUBT_MS)
        return;
    p->doubt_ms = 0;
    restart_all(p, UA_STATUSCODE_BADNOSUBSCRIPTION);
}

static void on_refused(struct session_publish *p, UA_StatusCode why)
{
    if (why == UA_STATUSCODE_BADTOOMANYPUBLISHREQUESTS && p->outstanding > 0) {
        p->most = p->outstanding;
        p->answers = 0;
        log_debug("opcua publish requests limited most=%u", p->most);
        return;
    }
    if (why == UA_STATUSCODE_BADNOSUBSCRIPTION && p->session->state == OPCUA_SESSION_READY)
        on_no_subscription(p);
    loop_timer_start(p->session->loop, &p->again, AGAIN_MS, on_again, p);
}

/* What the server said may have been of a moment, or of the session before. */
static void learn_most(struct session_publish *p)
{
    if (++p->answers < RAISE_AFTER)
        return;
    p->answers = 0;
    p->most += p->most < p->session->thread->tuning.publish_max;
}

static void nobody_waits(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

/* One that we freed, or whose answer to CreateSubscription was lost: our requests would keep it
 * alive for ever. */
static void delete_stray(struct session_publish *p, uint32_t id)
{
    UA_DeleteSubscriptionsRequest request = {.subscriptionIdsSize = 1, .subscriptionIds = &id};
    if (p->session->refs > 0 && p->creating == 0)
        OPCUA_CALL(p->session, OPCUA_CALL_NOW, DELETESUBSCRIPTIONS, &request, nobody_waits, NULL,
                   0);
}

static void on_publish(void *arg, UA_StatusCode status, void *response)
{
    struct session_publish *p = arg;
    struct publish_answer *r = response;
    p->outstanding--;
    if (!r) {
        on_refused(p, status);
        return;
    }
    p->doubt_ms = 0;
    learn_most(p);
    struct opcua_subscription *s = find(p, r->subscription);
    if (s) {
        receive_available(s, r->available, r->available_count);
        receive_message(s, &r->message);
    } else {
        delete_stray(p, r->subscription);
    }
    refill(p);
}

static struct session_publish *publish_of(struct opcua_session *session)
{
    if (!session->publish) {
        struct session_publish *p = MEMORY_NEW(struct session_publish);
        p->session = session;
        p->most = session->thread->tuning.publish_max;
        list_init(&p->subscriptions);
        session->publish = p;
    }
    return session->publish;
}

void publish_join(struct opcua_subscription *s)
{
    struct session_publish *p = publish_of(s->session);
    if (!list_linked(&s->link)) {
        list_push(&p->subscriptions, &s->link);
        p->subscription_count++;
    }
    refill(p);
}

void publish_leave(struct opcua_subscription *s)
{
    if (!list_linked(&s->link))
        return;
    struct session_publish *p = publish_of(s->session);
    list_remove(&s->link);
    p->subscription_count--;
    refill(p); /* it may have been the one that was paused */
}

void publish_creating(struct opcua_session *session, bool begins)
{
    struct session_publish *p = publish_of(session);
    p->creating += begins ? 1 : -1u;
}

void publish_refill(struct opcua_session *session)
{
    refill(publish_of(session));
}

void publish_acknowledge(struct opcua_subscription *s, uint32_t sequence)
{
    struct session_publish *p = publish_of(s->session);
    if (p->ack_count == p->ack_cap) {
        p->ack_cap = p->ack_cap ? 2 * p->ack_cap : 16;
        p->acks = memory_resize(p->acks, p->ack_cap * sizeof *p->acks);
    }
    p->acks[p->ack_count++] =
        (UA_SubscriptionAcknowledgement){.subscriptionId = s->id, .sequenceNumber = sequence};
}

void session_publish_clear(struct opcua_session *session)
{
    struct session_publish *p = session->publish;
    if (!p)
        return;
    loop_timer_stop(&p->again);
    free(p->acks);
    free(p);
    session->publish = NULL;
}
