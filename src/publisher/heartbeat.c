#include "publisher/heartbeat.h"

#include <stdlib.h>

#include "base/memory.h"
#include "publisher/config.h"

struct heartbeat {
    struct loop *loop;
    struct loop_timer timer;
    uint64_t interval_ms;
    int behavior;
    heartbeat_fn *fn;
    void *arg;
    UA_DataValue last;
    UA_DateTime received;
    bool any, disconnected;
};

static void move_times(const struct heartbeat *h, UA_DataValue *v)
{
    UA_DateTime passed = UA_DateTime_now() - h->received;
    v->sourceTimestamp += passed;
    v->serverTimestamp += passed;
}

/* A shallow copy with what is different about a heartbeat. */
static UA_DataValue beat_of(const struct heartbeat *h)
{
    UA_DataValue v = h->last;
    if (h->behavior & HEARTBEAT_TIMESTAMPS)
        move_times(h, &v);
    if (h->disconnected) {
        bool good = !v.hasStatus || UA_StatusCode_isGood(v.status);
        v.status = good ? UA_STATUSCODE_UNCERTAINNOCOMMUNICATIONLASTUSABLEVALUE
                        : UA_STATUSCODE_BADNOCOMMUNICATION;
        v.hasStatus = true;
    }
    return v;
}

static void on_timer(void *arg)
{
    struct heartbeat *h = arg;
    loop_timer_start(h->loop, &h->timer, h->interval_ms, on_timer, h);
    if (!h->any || h->behavior & HEARTBEAT_DIAGNOSTICS)
        return;
    UA_DataValue v = beat_of(h);
    h->fn(h->arg, &v);
}

struct heartbeat *heartbeat_new(struct loop *l, uint64_t interval_ms, int behavior,
                                heartbeat_fn *fn, void *arg)
{
    struct heartbeat *h = MEMORY_NEW(struct heartbeat);
    *h = (struct heartbeat){
        .loop = l, .interval_ms = interval_ms, .behavior = behavior, .fn = fn, .arg = arg};
    loop_timer_start(l, &h->timer, interval_ms, on_timer, h);
    return h;
}

void heartbeat_free(struct heartbeat **heartbeat)
{
    struct heartbeat *h = *heartbeat;
    if (!h)
        return;
    loop_timer_stop(&h->timer);
    UA_DataValue_clear(&h->last);
    free(h);
    *heartbeat = NULL;
}

bool heartbeat_value(struct heartbeat *h, const UA_DataValue *v)
{
    bool good = !v->hasStatus || UA_StatusCode_isGood(v->status);
    if (good || !(h->behavior & HEARTBEAT_LKG)) {
        UA_DataValue_clear(&h->last);
        h->any = UA_DataValue_copy(v, &h->last) == UA_STATUSCODE_GOOD;
        h->received = UA_DateTime_now();
    }
    if (!(h->behavior & HEARTBEAT_PERIODIC))
        loop_timer_start(h->loop, &h->timer, h->interval_ms, on_timer, h);
    return !(h->behavior & HEARTBEAT_DROP_VALUES);
}

void heartbeat_connected(struct heartbeat *h, bool connected)
{
    h->disconnected = !connected;
}
