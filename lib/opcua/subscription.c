#include "opcua/subscription.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define KEEP_ALIVE_MS 10000
#define LIFETIME_MS 120000 /* as long as a session lasts without us */
#define NOTIFICATIONS_MAX 10000
#define DAY_MS 86400000.0

static void create(struct opcua_subscription *s);

static void tell_state(struct opcua_subscription *s, bool alive)
{
    if (s->config.events->on_state)
        s->config.events->on_state(s->config.arg, alive);
}

static void nobody_waits(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

static void delete_at_server(struct opcua_subscription *s)
{
    UA_DeleteSubscriptionsRequest request = {.subscriptionIdsSize = 1, .subscriptionIds = &s->id};
    if (s->id && opcua_session_state(s->session) == OPCUA_SESSION_READY)
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, DELETESUBSCRIPTIONS, &request, nobody_waits, NULL,
                   0);
}

/* ---- being alive ---- */

static uint64_t silence_max_ms(const struct opcua_subscription *s)
{
    return (uint64_t)(s->publishing_ms * s->keep_alive_count) + s->session->thread->tuning.subscription_silence_ms;
}

/* Without publish requests the server would forget us; every service on the subscription resets its
 * clock. */
static void touch(struct opcua_subscription *s)
{
    UA_SetPublishingModeRequest request = {
        .publishingEnabled = true, .subscriptionIdsSize = 1, .subscriptionIds = &s->id};
    OPCUA_CALL(s->session, OPCUA_CALL_NOW, SETPUBLISHINGMODE, &request, nobody_waits, NULL, 0);
}

static void on_watchdog(void *arg)
{
    struct opcua_subscription *s = arg;
    uint64_t now = loop_now_ms(s->loop);
    loop_timer_start(s->loop, &s->watchdog, silence_max_ms(s) / 2, on_watchdog, s);
    if (s->paused) {
        s->heard_ms = now;
        touch(s);
    } else if (now - s->heard_ms > silence_max_ms(s) && !publish_waits_for_items(s->session)) {
        log_warn("opcua subscription silent url=%s subscription=%u", s->session->url, s->id);
        subscription_restart(s, UA_STATUSCODE_BADTIMEOUT);
    }
}

/* ---- its intervals ---- */

struct intervals {
    uint32_t keep_alive, lifetime;
};

static uint32_t at_least_one(double count)
{
    return count < 1 ? 1 : count > UINT16_MAX ? UINT16_MAX : (uint32_t)count;
}

/* Slow ones as OPC Publisher has them; the others say about every ten seconds that they are there. */
static uint32_t keep_alive_count(double interval_ms)
{
    return interval_ms >= 60000  ? 1
           : interval_ms >= 5000 ? 2
                                 : at_least_one(KEEP_ALIVE_MS / interval_ms);
}

static struct intervals intervals_of(const struct opcua_subscription_config *c)
{
    uint32_t keep_alive =
        c->keep_alive_count ? c->keep_alive_count : keep_alive_count(c->publishing_ms);
    uint32_t lifetime =
        c->lifetime_count ? c->lifetime_count : at_least_one(LIFETIME_MS / c->publishing_ms);
    return (struct intervals){keep_alive, lifetime > 3 * keep_alive ? lifetime : 3 * keep_alive};
}

/* A server may give others than it was asked for. What is none, or would let nobody see for more than a day that it is
 * silent (unless that was asked for), is not believed. */
static void take_revised(struct opcua_subscription *s, double interval_ms, uint32_t keep_alive)
{
    struct intervals asked = intervals_of(&s->config);
    double most = fmax(DAY_MS, s->config.publishing_ms * asked.keep_alive);
    bool is_interval = interval_ms > 0 && interval_ms <= most; /* not of NaN */
    s->publishing_ms = is_interval ? interval_ms : s->config.publishing_ms;
    double count_max = fmax(1, floor(most / s->publishing_ms));
    s->keep_alive_count = keep_alive == 0         ? asked.keep_alive
                          : keep_alive > count_max ? (uint32_t)count_max
                                                   : keep_alive;
}

static uint32_t notifications_max(const struct opcua_subscription_config *c)
{
    return c->notifications_max ? c->notifications_max : NOTIFICATIONS_MAX;
}

static void on_modified(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_subscription *s = arg;
    const UA_ModifySubscriptionResponse *r = response;
    s->modify = NULL;
    if (r) {
        take_revised(s, r->revisedPublishingInterval, r->revisedMaxKeepAliveCount);
    } else if (opcua_call_was_lost(status)) {
        s->outdated = true; /* again when it is back */
    } else {
        subscription_restart(s, status); /* then with these */
    }
}

static void modify(struct opcua_subscription *s)
{
    struct intervals i = intervals_of(&s->config);
    UA_ModifySubscriptionRequest request = {
        .subscriptionId = s->id,
        .requestedPublishingInterval = s->config.publishing_ms,
        .requestedMaxKeepAliveCount = i.keep_alive,
        .requestedLifetimeCount = i.lifetime,
        .maxNotificationsPerPublish = notifications_max(&s->config),
        .priority = s->config.priority,
    };
    s->outdated = false;
    if (s->modify)
        opcua_call_cancel(s->modify);
    s->modify = OPCUA_CALL(s->session, OPCUA_CALL_NOW, MODIFYSUBSCRIPTION, &request, on_modified, s,
                           0);
}

void opcua_subscription_set_intervals(struct opcua_subscription *s, double publishing_ms,
                                      uint32_t keep_alive)
{
    s->config.publishing_ms = publishing_ms;
    s->config.keep_alive_count = keep_alive;
    s->outdated = true; /* unless it is made anew before */
    if (s->state == SUBSCRIPTION_LIVE)
        modify(s);
}

static void go_live(struct opcua_subscription *s)
{
    s->state = SUBSCRIPTION_LIVE;
    s->heard_ms = loop_now_ms(s->loop);
    loop_timer_start(s->loop, &s->watchdog, silence_max_ms(s) / 2, on_watchdog, s);
    publish_join(s);
    items_pump(s);
    tell_state(s, true);
    receive_resume(s);
    if (s->outdated)
        modify(s);
}

/* ---- making it ---- */

static void on_again(void *arg)
{
    struct opcua_subscription *s = arg;
    if (s->state == SUBSCRIPTION_NONE && opcua_session_state(s->session) == OPCUA_SESSION_READY)
        create(s);
}

static void on_created(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_subscription *s = arg;
    UA_CreateSubscriptionResponse *r = response;
    s->call = NULL;
    publish_creating(s->session, false);
    if (!r) {
        log_warn("opcua subscription refused url=%s status=%s", s->session->url,
                 UA_StatusCode_name(status));
        s->state = SUBSCRIPTION_NONE;
        loop_timer_start(s->loop, &s->again, s->session->thread->tuning.subscription_retry_ms, on_again, s);
        return;
    }
    s->id = r->subscriptionId;
    take_revised(s, r->revisedPublishingInterval, r->revisedMaxKeepAliveCount);
    s->counts.made++;
    receive_restart(s);
    items_restart(s);
    go_live(s);
}

static void create(struct opcua_subscription *s)
{
    struct intervals i = intervals_of(&s->config);
    UA_CreateSubscriptionRequest request = {
        .requestedPublishingInterval = s->config.publishing_ms,
        .requestedMaxKeepAliveCount = i.keep_alive,
        .requestedLifetimeCount = i.lifetime,
        .maxNotificationsPerPublish = notifications_max(&s->config),
        .publishingEnabled = true,
        .priority = s->config.priority,
    };
    s->outdated = false;
    s->state = SUBSCRIPTION_CREATING;
    publish_creating(s->session, true);
    s->call =
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, CREATESUBSCRIPTION, &request, on_created, s, 0);
}

/* ---- losing it ---- */

static void leave(struct opcua_subscription *s)
{
    if (s->call) {
        opcua_call_cancel(s->call);
        publish_creating(s->session, false);
    }
    s->call = NULL;
    if (s->modify) {
        opcua_call_cancel(s->modify);
        s->outdated = true;
    }
    s->modify = NULL;
    loop_timer_stop(&s->again);
    loop_timer_stop(&s->restart);
    loop_timer_stop(&s->watchdog);
    receive_stop(s);
    items_stop(s);
    publish_leave(s);
}

static void on_restart(void *arg)
{
    struct opcua_subscription *s = arg;
    if (s->state == SUBSCRIPTION_NONE || s->state == SUBSCRIPTION_CREATING)
        return;
    log_warn("opcua subscription begins anew url=%s subscription=%u reason=%s", s->session->url,
             s->id, UA_StatusCode_name(s->restart_why));
    bool was_live = s->state == SUBSCRIPTION_LIVE;
    leave(s);
    delete_at_server(s);
    s->state = SUBSCRIPTION_NONE;
    s->id = 0;
    s->counts.gaps++;
    if (was_live)
        tell_state(s, false);
    if (s->config.events->on_gap)
        s->config.events->on_gap(s->config.arg, s->expected, 0);
    on_again(s);
}

void subscription_restart(struct opcua_subscription *s, UA_StatusCode why)
{
    s->restart_why = why;
    loop_timer_start(s->loop, &s->restart, 0, on_restart, s);
}

/* ---- taking it along ---- */

static void resume(struct opcua_subscription *s)
{
    if (s->uncertain) {
        s->state = SUBSCRIPTION_DETACHED;
        subscription_restart(s, UA_STATUSCODE_UNCERTAIN);
        return;
    }
    go_live(s);
}

/* What the server still keeps beyond what we had was sent while we were away. */
static void take_available(struct opcua_subscription *s, const UA_TransferResult *r)
{
    receive_available(s, r->availableSequenceNumbers, r->availableSequenceNumbersSize);
    for (size_t i = 0; i < r->availableSequenceNumbersSize; i++)
        if ((int32_t)(r->availableSequenceNumbers[i] - s->known_next) >= 0)
            s->known_next = r->availableSequenceNumbers[i] + 1;
}

static void on_transferred(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_subscription *s = arg;
    UA_TransferSubscriptionsResponse *r = response;
    s->call = NULL;
    publish_creating(s->session, false);
    s->state = SUBSCRIPTION_DETACHED;
    if (r && r->resultsSize == 1)
        status = r->results[0].statusCode;
    if (opcua_call_was_lost(status))
        return; /* tried again when the session is back */
    if (!r || r->resultsSize != 1 || UA_StatusCode_isBad(status)) {
        subscription_restart(s, status);
        return;
    }
    s->counts.transferred++;
    take_available(s, &r->results[0]);
    resume(s);
}

static void transfer(struct opcua_subscription *s)
{
    UA_TransferSubscriptionsRequest request = {.subscriptionIdsSize = 1, .subscriptionIds = &s->id};
    s->state = SUBSCRIPTION_TRANSFERRING;
    publish_creating(s->session, true);
    s->call = OPCUA_CALL(s->session, OPCUA_CALL_NOW, TRANSFERSUBSCRIPTIONS, &request,
                         on_transferred, s, 0);
}

static void on_ready(void *arg, bool same)
{
    struct opcua_subscription *s = arg;
    if (s->state == SUBSCRIPTION_NONE)
        create(s);
    else if (s->state == SUBSCRIPTION_DETACHED && same)
        resume(s);
    else if (s->state == SUBSCRIPTION_DETACHED && !s->config.no_transfer && !s->session->moved)
        transfer(s);
    else if (s->state == SUBSCRIPTION_DETACHED)
        subscription_restart(s, UA_STATUSCODE_BADSESSIONIDINVALID);
}

static void on_lost(void *arg, UA_StatusCode why)
{
    (void)why;
    struct opcua_subscription *s = arg;
    bool was_live = s->state == SUBSCRIPTION_LIVE;
    bool exists =
        was_live || s->state == SUBSCRIPTION_DETACHED || s->state == SUBSCRIPTION_TRANSFERRING;
    leave(s);
    s->state = exists ? SUBSCRIPTION_DETACHED : SUBSCRIPTION_NONE;
    if (was_live)
        tell_state(s, false);
}

/* ---- what the header promised ---- */

struct opcua_subscription *opcua_subscription_new(const struct opcua_subscription_config *config)
{
    assert(config->publishing_ms >= 1 && config->events->on_data);
    struct opcua_subscription *s = MEMORY_NEW(struct opcua_subscription);
    s->config = *config;
    s->session = config->session;
    s->session->refs++;
    s->loop = s->session->loop;
    s->expected = s->known_next = 1;
    list_init(&s->held);
    list_init(&s->anew);
    items_init(s);
    s->listener =
        (struct opcua_session_listener){.on_ready = on_ready, .on_lost = on_lost, .arg = s};
    opcua_session_listen(s->session, &s->listener);
    loop_timer_start(s->loop, &s->again, 0, on_again, s);
    return s;
}

void opcua_subscription_free(struct opcua_subscription **subscription)
{
    struct opcua_subscription *s = *subscription;
    if (!s)
        return;
    assert(!s->telling);
    leave(s);
    if (s->session->thread)
        delete_at_server(s);
    opcua_session_unlisten(&s->listener);
    receive_clear(s);
    items_clear(s);
    opcua_session_unref(&s->session);
    free(s);
    *subscription = NULL;
}

void opcua_subscription_reset(struct opcua_subscription *s)
{
    subscription_restart(s, UA_STATUSCODE_BADREQUESTCANCELLEDBYCLIENT);
}

struct opcua_subscription_counts opcua_subscription_counts(const struct opcua_subscription *s)
{
    struct opcua_subscription_counts c = s->counts;
    c.items = s->used_count;
    c.live = s->live_count;
    c.failed = s->failed_count;
    c.held = s->held_count;
    return c;
}
