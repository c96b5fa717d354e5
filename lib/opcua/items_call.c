/* Calls about monitored items: how many are in one, and what is learned when it fails as a whole. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define QUICK_MS 500 /* for a call with all items that it may have */
#define SLOW_MS 10000

/* Others than calls about items are tried again by who made them, at once when they were lost: a server that answers
 * these, which are no good answers, would be asked again as fast as it does. Items wait for their retry. */
bool items_call_was_lost(UA_StatusCode why)
{
    return opcua_call_was_lost(why) || why == UA_STATUSCODE_BADCONNECTIONCLOSED ||
           why == UA_STATUSCODE_BADSECURECHANNELIDINVALID ||
           why == UA_STATUSCODE_BADTCPNOTENOUGHRESOURCES; /* tcp.c's, of a server that takes nothing */
}

/* ---- how many at once ---- */

static uint32_t batch_max(const struct opcua_subscription *s)
{
    uint32_t limit = opcua_session_limits(s->session)->monitored_items_per_call;
    uint32_t most = s->session->profile->items_per_call;
    return limit && limit < most ? limit : most;
}

uint32_t items_batch(const struct opcua_subscription *s)
{
    uint32_t max = batch_max(s), now = s->batch ? s->batch : s->session->profile->items_first;
    return now < max ? now : max;
}

void items_call_answered(const struct item_call *c)
{
    struct opcua_subscription *s = c->subscription;
    uint64_t took_ms = loop_now_ms(s->loop) - c->sent_ms;
    uint32_t now = items_batch(s);
    s->takes_some = true;
    s->takes_none = false;
    if (took_ms > SLOW_MS && now > 1)
        s->batch = now / 2;
    else if (took_ms < QUICK_MS && c->count >= now)
        s->batch = 2 * now < batch_max(s) ? 2 * now : batch_max(s);
}

/* ---- calls ---- */

struct item_call *items_call_new(struct opcua_subscription *s, size_t room)
{
    struct item_call *c = memory_new(sizeof *c + room * sizeof c->indexes[0]);
    c->subscription = s;
    c->sent_ms = loop_now_ms(s->loop);
    list_push(&s->item_calls, &c->link);
    s->item_call_count++;
    return c;
}

void items_call_free(struct item_call *c)
{
    list_remove(&c->link);
    c->subscription->item_call_count--;
    free(c);
}

bool items_call_again(UA_StatusCode why, size_t count)
{
    return items_call_was_lost(why) || why == UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID ||
           (session_call_was_too_much(why) && count > 1);
}

bool items_may_be_of_one(const struct opcua_subscription *s, UA_StatusCode why, size_t count)
{
    return count > 1 && !s->takes_none && !items_call_was_lost(why) && why != UA_STATUSCODE_BADSERVICEUNSUPPORTED &&
           why != UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
}

/* Fewer with each round, until one that is refused is alone. A server that then took none of all that were asked for
 * meanwhile refuses whatever it is: it is asked as at first, not for each item by itself, until it takes something. */
static void look_for_one(struct opcua_subscription *s, size_t count, UA_StatusCode why)
{
    if (items_may_be_of_one(s, why, count) && !s->shrunk) {
        s->batch = (uint32_t)count / 2;
        s->shrunk = true;
        s->takes_some = s->takes_some && s->looks_for_one;
        s->looks_for_one = true;
    } else if (count == 1 && s->looks_for_one && !items_call_was_lost(why)) {
        s->takes_none = !s->takes_some;
        s->batch = s->takes_none ? 0 : s->batch;
        s->looks_for_one = false;
    }
}

void items_call_failed(struct opcua_subscription *s, size_t count, UA_StatusCode why)
{
    if (!session_call_was_too_much(why))
        look_for_one(s, count, why);
    else if (count > 1)
        s->batch = (uint32_t)count / 2;
    if (why == UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID || why == UA_STATUSCODE_BADTIMEOUT)
        subscription_restart(s, why); /* after a time-out nobody knows which items are there */
    if (!items_call_was_lost(why))
        log_warn("opcua items refused url=%s count=%zu status=%s next_batch=%u", s->session->url,
                 count, UA_StatusCode_name(why), items_batch(s));
}
