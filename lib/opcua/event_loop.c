#include "opcua/event_loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/log.h"
#include "opcua/tcp.h"

struct timer {
    struct loop_timer timer;
    struct link link;
    struct event_loop *owner;
    UA_UInt64 id;
    UA_Callback callback;
    void *application, *data;
    uint64_t every_ms; /* 0: once */
};

struct event_loop {
    UA_EventLoop base; /* first: the stack knows only this */
    struct loop *loop;
    struct opcua_tcp tcp;
    struct list timers;
    UA_UInt64 last_timer;
    UA_DelayedCallback *delayed;
    bool delayed_posted;
};

static struct event_loop *from(UA_EventLoop *base)
{
    return (struct event_loop *)base;
}

/* ---- timers ---- */

static void timer_free(struct timer *t)
{
    loop_timer_stop(&t->timer);
    list_remove(&t->link);
    free(t);
}

static void on_timer(void *arg)
{
    struct timer *t = arg;
    UA_Callback callback = t->callback;
    void *application = t->application, *data = t->data;
    if (t->every_ms)
        loop_timer_start(t->owner->loop, &t->timer, t->every_ms, on_timer, t);
    else
        timer_free(t);
    callback(application, data); /* may remove the timer */
}

static void add_timer(struct event_loop *e, uint64_t after_ms, uint64_t every_ms,
                      UA_Callback callback, void *application, void *data, UA_UInt64 *id)
{
    struct timer *t = MEMORY_NEW(struct timer);
    *t = (struct timer){.owner = e,
                        .id = ++e->last_timer,
                        .callback = callback,
                        .application = application,
                        .data = data,
                        .every_ms = every_ms};
    list_push(&e->timers, &t->link);
    loop_timer_start(e->loop, &t->timer, after_ms, on_timer, t);
    if (id)
        *id = t->id;
}

static struct timer *find_timer(struct event_loop *e, UA_UInt64 id)
{
    LIST_EACH(l, &e->timers)
    {
        struct timer *t = LIST_OF(l, struct timer, link);
        if (t->id == id)
            return t;
    }
    return NULL;
}

static uint64_t at_least_one(UA_Double interval_ms)
{
    return interval_ms < 1 ? 1 : (uint64_t)interval_ms;
}

static UA_StatusCode add_cyclic(UA_EventLoop *base, UA_Callback callback, void *application,
                                void *data, UA_Double interval_ms, UA_DateTime *base_time,
                                UA_TimerPolicy policy, UA_UInt64 *id)
{
    (void)base_time, (void)policy;
    uint64_t every = at_least_one(interval_ms);
    add_timer(from(base), every, every, callback, application, data, id);
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode modify_cyclic(UA_EventLoop *base, UA_UInt64 id, UA_Double interval_ms,
                                   UA_DateTime *base_time, UA_TimerPolicy policy)
{
    (void)base_time, (void)policy;
    struct timer *t = find_timer(from(base), id);
    if (!t)
        return UA_STATUSCODE_BADNOTFOUND;
    t->every_ms = at_least_one(interval_ms);
    loop_timer_start(from(base)->loop, &t->timer, t->every_ms, on_timer, t);
    return UA_STATUSCODE_GOOD;
}

static void remove_cyclic(UA_EventLoop *base, UA_UInt64 id)
{
    struct timer *t = find_timer(from(base), id);
    if (t)
        timer_free(t);
}

static UA_StatusCode add_timed(UA_EventLoop *base, UA_Callback callback, void *application,
                               void *data, UA_DateTime date, UA_UInt64 *id)
{
    UA_DateTime left = date - UA_DateTime_nowMonotonic();
    add_timer(from(base), left > 0 ? (uint64_t)(left / UA_DATETIME_MSEC) : 0, 0, callback,
              application, data, id);
    return UA_STATUSCODE_GOOD;
}

static UA_DateTime next_cyclic(UA_EventLoop *base)
{
    (void)base;
    return UA_INT64_MAX; /* the loop itself knows when to wake */
}

/* ---- what is to run on the next turn ---- */

static void run_delayed(void *arg)
{
    struct event_loop *e = arg;
    UA_DelayedCallback *todo = e->delayed;
    e->delayed = NULL;
    e->delayed_posted = false;
    while (todo) {
        UA_DelayedCallback *next = todo->next;
        if (todo->callback)
            todo->callback(todo->application, todo->context);
        todo = next;
    }
}

static void add_delayed(UA_EventLoop *base, UA_DelayedCallback *callback)
{
    struct event_loop *e = from(base);
    callback->next = e->delayed;
    e->delayed = callback;
    if (!e->delayed_posted)
        loop_defer(e->loop, run_delayed, e);
    e->delayed_posted = true;
}

static void remove_delayed(UA_EventLoop *base, UA_DelayedCallback *callback)
{
    for (UA_DelayedCallback **at = &from(base)->delayed; *at; at = &(*at)->next)
        if (*at == callback) {
            *at = callback->next;
            return;
        }
}

/* ---- the rest of the interface ---- */

static void set_state(UA_EventLoop *base, UA_EventLoopState state)
{
    *(volatile UA_EventLoopState *)(uintptr_t)&base->state =
        state; /* const for the stack's users only */
}

static UA_StatusCode start(UA_EventLoop *base)
{
    (void)base; /* it is started when it is made */
    return UA_STATUSCODE_GOOD;
}

static void stop(UA_EventLoop *base)
{
    set_state(base, UA_EVENTLOOPSTATE_STOPPED);
}

static UA_StatusCode run(UA_EventLoop *base, UA_UInt32 timeout)
{
    (void)timeout;
    return opcua_tcp_finish_closing(&from(base)->tcp) ? UA_STATUSCODE_GOOD
                                                      : UA_STATUSCODE_BADINVALIDSTATE;
}

static UA_StatusCode no_free(UA_EventLoop *base)
{
    (void)base;
    return UA_STATUSCODE_BADINTERNALERROR; /* it is not a client's */
}

static UA_StatusCode no_source(UA_EventLoop *base, UA_EventSource *source)
{
    (void)base, (void)source;
    return UA_STATUSCODE_BADNOTSUPPORTED;
}

static UA_DateTime now(UA_EventLoop *base)
{
    (void)base;
    return UA_DateTime_now();
}

static UA_DateTime now_monotonic(UA_EventLoop *base)
{
    (void)base;
    return UA_DateTime_nowMonotonic();
}

static UA_Int64 utc_offset(UA_EventLoop *base)
{
    (void)base;
    return UA_DateTime_localTimeUtcOffset();
}

static const UA_EventLoop interface = {
    .state = UA_EVENTLOOPSTATE_STARTED,
    .start = start,
    .stop = stop,
    .run = run,
    .free = no_free,
    .dateTime_now = now,
    .dateTime_nowMonotonic = now_monotonic,
    .dateTime_localTimeUtcOffset = utc_offset,
    .nextCyclicTime = next_cyclic,
    .addCyclicCallback = add_cyclic,
    .modifyCyclicCallback = modify_cyclic,
    .removeCyclicCallback = remove_cyclic,
    .addTimedCallback = add_timed,
    .addDelayedCallback = add_delayed,
    .removeDelayedCallback = remove_delayed,
    .registerEventSource = no_source,
    .deregisterEventSource = no_source,
    /* No locks: one thread. The stack asks whether they are there. */
};

UA_EventLoop *opcua_event_loop_new(struct loop *loop)
{
    struct event_loop *e = MEMORY_NEW(struct event_loop);
    memcpy(&e->base, &interface, sizeof e->base);
    e->base.logger = opcua_logger();
    e->loop = loop;
    list_init(&e->timers);
    opcua_tcp_init(&e->tcp, loop, &e->base);
    e->base.eventSources = &e->tcp.manager.eventSource;
    return &e->base;
}

void opcua_event_loop_free(UA_EventLoop **el)
{
    if (!*el)
        return;
    struct event_loop *e = from(*el);
    assert(!e->delayed_posted);
    opcua_tcp_clear(&e->tcp);
    LIST_EACH(l, &e->timers)
    timer_free(LIST_OF(l, struct timer, link));
    free(e);
    *el = NULL;
}

uint64_t opcua_event_loop_received(UA_EventLoop *el, const UA_Client *client)
{
    return opcua_tcp_received(&from(el)->tcp, client);
}

void opcua_event_loop_when_closed(UA_EventLoop *el, loop_fn *fn, void *arg)
{
    opcua_tcp_when_empty(&from(el)->tcp, fn, arg);
}

struct opcua_tcp *opcua_event_loop_tcp(UA_EventLoop *el)
{
    return &from(el)->tcp;
}
