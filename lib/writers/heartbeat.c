#include "writers/heartbeat.h"

#include <stdlib.h>

#include "base/memory.h"
#include "published/config.h"

#define TICKS_PER_MS 10000

struct heartbeat {
    struct loop *loop;
    struct loop_timer timer;
    uint64_t interval_ms;
    int behavior;
    heartbeat_fn *fn;
    void *arg;
    UA_DataValue last;
    uint64_t received_ms;
    UA_StatusCode item; /* of the node at the server */
    bool any, disconnected, running;
};

/* A clock may stand where there is no more time. */
static UA_DateTime later(UA_DateTime time, UA_DateTime passed)
{
    UA_DateTime sum;
    return __builtin_add_overflow(time, passed, &sum) ? INT64_MAX : sum;
}

static void move_times(const struct heartbeat *h, UA_DataValue *v)
{
    UA_DateTime passed = (UA_DateTime)(loop_now_ms(h->loop) - h->received_ms) * TICKS_PER_MS;
    v->sourceTimestamp = later(v->sourceTimestamp, passed);
    v->serverTimestamp = later(v->serverTimestamp, passed);
}

static void say_disconnected(UA_DataValue *v)
{
    bool good = !v->hasStatus || UA_StatusCode_isGood(v->status);
    v->status = good ? UA_STATUSCODE_UNCERTAINNOCOMMUNICATIONLASTUSABLEVALUE
                     : UA_STATUSCODE_BADNOCOMMUNICATION;
    v->hasStatus = true;
}

/* A shallow copy with what is different about a heartbeat; false: there is nothing to say. */
static bool beat_of(const struct heartbeat *h, UA_DataValue *out)
{
    *out = h->any ? h->last : (UA_DataValue){.hasStatus = true, .status = h->item};
    if (!h->any)
        return !(h->behavior & HEARTBEAT_LKG) && UA_StatusCode_isBad(h->item);
    if (h->behavior & HEARTBEAT_TIMESTAMPS)
        move_times(h, out);
    if (h->disconnected)
        say_disconnected(out);
    return true;
}

static void start(struct heartbeat *h);

static void on_timer(void *arg)
{
    struct heartbeat *h = arg;
    UA_DataValue v;
    start(h);
    if (beat_of(h, &v))
        h->fn(h->arg, h->behavior & HEARTBEAT_DIAGNOSTICS ? NULL : &v);
}

static void start(struct heartbeat *h)
{
    h->running = true;
    loop_timer_start(h->loop, &h->timer, h->interval_ms, on_timer, h);
}

static void stop(struct heartbeat *h)
{
    h->running = false;
    loop_timer_stop(&h->timer);
}

struct heartbeat *heartbeat_new(struct loop *l, heartbeat_fn *fn, void *arg)
{
    struct heartbeat *h = MEMORY_NEW(struct heartbeat);
    *h = (struct heartbeat){.loop = l, .fn = fn, .arg = arg};
    return h;
}

void heartbeat_free(struct heartbeat **heartbeat)
{
    struct heartbeat *h = *heartbeat;
    if (!h)
        return;
    stop(h);
    UA_DataValue_clear(&h->last);
    free(h);
    *heartbeat = NULL;
}

void heartbeat_set(struct heartbeat *h, uint64_t interval_ms, int behavior)
{
    bool changed = h->interval_ms != interval_ms;
    h->interval_ms = interval_ms;
    h->behavior = behavior;
    if (h->running && changed)
        start(h);
}

/* Without a node there is no last good value. */
void heartbeat_item(struct heartbeat *h, UA_StatusCode status)
{
    h->item = status;
    if (UA_StatusCode_isBad(status) && h->behavior & HEARTBEAT_LKG)
        stop(h);
    else if (!h->running)
        start(h);
}

static bool is_good_enough(const UA_DataValue *v)
{
    UA_StatusCode status = v->hasStatus ? v->status : UA_STATUSCODE_GOOD;
    return UA_StatusCode_isGood(status) ||
           (v->hasValue && !UA_Variant_isEmpty(&v->value) && !UA_StatusCode_isBad(status));
}

bool heartbeat_value(struct heartbeat *h, const UA_DataValue *v)
{
    if (is_good_enough(v) || !(h->behavior & HEARTBEAT_LKG)) {
        UA_DataValue_clear(&h->last);
        h->any = UA_DataValue_copy(v, &h->last) == UA_STATUSCODE_GOOD;
        h->received_ms = loop_now_ms(h->loop);
    }
    if (h->running && !(h->behavior & HEARTBEAT_PERIODIC))
        start(h);
    return !(h->behavior & HEARTBEAT_DROP_VALUES);
}

void heartbeat_connected(struct heartbeat *h, bool connected)
{
    h->disconnected = !connected;
}
