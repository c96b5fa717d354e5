#include "opcua/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/event_loop.h"
#include "opcua/reverse.h"
#include "opcua/session_priv.h"
#include "opcua/types.h"

#define LEASE_MS 10000
#define TRY_MS 15000
#define SILENCE_MS 5000
#define RECONNECT_MS 100
#define RECONNECT_MS_MAX 10000 /* with it a server that comes back is found within twice the usual keep-alive, however long it was away */
#define SESSION_TIMEOUT_MS 120000
#define TOKEN_MS 3600000
#define CALL_MS 10000
#define PUBLISH_MIN 2
#define PUBLISH_PERCENT 300
#define PUBLISH_MAX 32
#define ITEM_RETRY_S 10
#define ITEM_RETRY_S_MAX 300
#define SUBSCRIPTION_RETRY_MS 2000
#define SUBSCRIPTION_SILENCE_MS 10000
#define CLOSING_MS 2000 /* for the last bytes to the servers */

struct own_thread { /* with a loop of its own */
    struct opcua_thread base;
    pthread_t id;
    struct loop_timer closing;
};

static void *run(void *arg)
{
    struct own_thread *t = arg;
    loop_run(t->base.loop);
    return NULL;
}

static uint32_t or(uint32_t given, uint32_t otherwise)
{
    return given ? given : otherwise;
}

static struct opcua_tuning filled_up(struct opcua_tuning t)
{
    t.item_retry_s_max = or(t.item_retry_s_max, or(t.item_retry_s, ITEM_RETRY_S_MAX));
    t.invalid_retry_s_max = or(t.invalid_retry_s_max, or(t.invalid_retry_s, ITEM_RETRY_S_MAX));
    t.item_retry_s = or(t.item_retry_s, ITEM_RETRY_S);
    t.invalid_retry_s = or(t.invalid_retry_s, ITEM_RETRY_S);
    t.reconnect_ms_min = or(t.reconnect_ms_min, RECONNECT_MS);
    t.reconnect_ms_max = or(t.reconnect_ms_max, RECONNECT_MS_MAX);
    t.session_timeout_ms = or(t.session_timeout_ms, SESSION_TIMEOUT_MS);
    t.token_ms = or(t.token_ms, TOKEN_MS);
    t.call_ms = or(t.call_ms, CALL_MS);
    t.publish_min = or(t.publish_min, PUBLISH_MIN);
    t.publish_percent = or(t.publish_percent, PUBLISH_PERCENT);
    t.publish_max = or(t.publish_max, PUBLISH_MAX);
    t.subscription_retry_ms = or(t.subscription_retry_ms, SUBSCRIPTION_RETRY_MS);
    t.subscription_silence_ms = or(t.subscription_silence_ms, SUBSCRIPTION_SILENCE_MS);
    return t;
}

static void set_up(struct opcua_thread *t, const struct opcua_thread_config *config)
{
    t->pki = config->pki;
    t->lease_ms = config->lease_ms ? config->lease_ms : LEASE_MS;
    t->try_ms = config->try_ms ? config->try_ms : TRY_MS;
    t->silence_ms = config->silence_ms ? config->silence_ms : SILENCE_MS;
    t->tuning = filled_up(config->tuning);
    list_init(&t->sessions);
    list_init(&t->types);
    t->reverse_port = config->reverse_port;
    t->event_loop = opcua_event_loop_new(t->loop);
    session_dial_begin(t);
}

struct opcua_thread *opcua_thread_new(const struct opcua_thread_config *config)
{
    struct own_thread *t = MEMORY_NEW(struct own_thread);
    t->base.own_loop = !config->loop;
    t->base.loop = config->loop ? config->loop : loop_new();
    set_up(&t->base, config);
    if (t->base.own_loop) {
        int failed = pthread_create(&t->id, NULL, run, t);
        assert(!failed);
        (void)failed;
        pthread_setname_np(t->id, config->name ? config->name : "opcua");
    }
    return &t->base;
}

static void close_sessions(struct opcua_thread *t)
{
    struct link *l;
    opcua_reverse_close(&t->reverse);
    while ((l = list_pop(&t->sessions)))
        opcua_session_free(LIST_OF(l, struct opcua_session, link));
}

static void end(void *arg)
{
    struct own_thread *t = arg;
    loop_timer_stop(&t->closing);
    loop_stop(t->base.loop);
}

static void begin_end(void *arg)
{
    struct own_thread *t = arg;
    close_sessions(&t->base);
    loop_timer_start(t->base.loop, &t->closing, CLOSING_MS, end, t);
    opcua_event_loop_when_closed(t->base.event_loop, end, t);
}

void opcua_thread_free(struct opcua_thread **thread)
{
    if (!*thread)
        return;
    struct own_thread *t = (struct own_thread *)*thread;
    if (t->base.own_loop) {
        loop_post(t->base.loop, begin_end, t);
        pthread_join(t->id, NULL);
    } else {
        close_sessions(&t->base);
    }
    opcua_event_loop_free(&t->base.event_loop);
    if (t->base.own_loop)
        loop_free(&t->base.loop);
    opcua_types_forget_all(&t->base.types);
    notification_changes_free(&t->base.changes);
    free(t);
    *thread = NULL;
}

void opcua_thread_post(struct opcua_thread *t, opcua_fn *fn, void *arg)
{
    loop_post(t->loop, fn, arg);
}

struct errand {
    opcua_fn *fn;
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void run_errand(void *arg)
{
    struct errand *e = arg;
    e->fn(e->arg);
    pthread_mutex_lock(&e->lock);
    e->is_done = true;
    pthread_cond_signal(&e->done);
    pthread_mutex_unlock(&e->lock);
}

void opcua_thread_run(struct opcua_thread *t, opcua_fn *fn, void *arg)
{
    struct errand e = {
        .fn = fn, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    loop_post(t->loop, run_errand, &e);
    pthread_mutex_lock(&e.lock);
    while (!e.is_done)
        pthread_cond_wait(&e.done, &e.lock);
    pthread_mutex_unlock(&e.lock);
}

struct loop *opcua_thread_loop(const struct opcua_thread *t)
{
    return t->loop;
}

int opcua_thread_reverse_port(const struct opcua_thread *t)
{
    return t->reverse ? opcua_reverse_port(t->reverse) : 0;
}
