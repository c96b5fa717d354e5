/* Service calls: sent or waiting, with a time of their own. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/refusal.h"
#include "opcua/session_priv.h"

struct opcua_call {
    struct opcua_session *session;
    struct link link; /* in one of the session's three lists */
    struct loop_timer timer;
    opcua_call_fn *done; /* NULL: nobody waits any more */
    void *arg;
    const UA_DataType *request_type, *response_type;
    void *request;        /* owned, while it waits for the session */
    bool sent;            /* the stack holds it */
    UA_StatusCode failed; /* what the timer will tell */
};

static void call_free(struct opcua_call *c)
{
    loop_timer_stop(&c->timer);
    list_remove(&c->link);
    c->session->call_count--;
    if (c->request)
        UA_delete(c->request, c->request_type);
    free(c);
}

/* Tells the caller. The memory of a call that was sent stays until the stack has let go of it, too.
 */
static void finish(struct opcua_call *c, bool keep, UA_StatusCode status, void *response)
{
    opcua_call_fn *done = c->done;
    void *arg = c->arg;
    c->done = NULL;
    loop_timer_stop(&c->timer);
    if (!keep)
        call_free(c);
    /* Good in any way, such as GoodOverload, or uncertain: the response is whole. */
    if (response && !UA_StatusCode_isBad(status))
        status = UA_STATUSCODE_GOOD;
    if (done)
        done(arg, status, status == UA_STATUSCODE_GOOD ? response : NULL);
}

static void on_response(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    (void)client, (void)id;
    struct opcua_call *c = arg;
    finish(c, false, ((UA_ResponseHeader *)response)->serviceResult, response);
}

static void on_timer(void *arg)
{
    struct opcua_call *c = arg;
    finish(c, c->sent, c->failed, NULL);
}

/* Fails on the next turn. */
static void fail_later(struct opcua_call *c, UA_StatusCode why)
{
    c->failed = why;
    list_remove(&c->link);
    list_push(&c->session->failed, &c->link);
    loop_timer_start(c->session->loop, &c->timer, 0, on_timer, c);
}

static UA_StatusCode send_request(struct opcua_call *c, const void *request)
{
    struct opcua_session *s = c->session;
    if (!s->client)
        return UA_STATUSCODE_BADNOTCONNECTED;
    /* The stack's own time-out stays off: when an answer comes after it, the stack closes the
     * channel. */
    UA_StatusCode status = __UA_Client_AsyncService(s->client, request, c->request_type,
                                                    on_response, c->response_type, c, NULL);
    if (status == UA_STATUSCODE_GOOD) {
        c->sent = true;
        list_remove(&c->link);
        list_push(&s->sent, &c->link);
    }
    return status;
}

static struct opcua_call *call_new(struct opcua_session *s, const UA_DataType *request_type,
                                   const UA_DataType *response_type, opcua_call_fn *done, void *arg,
                                   uint32_t timeout_ms)
{
    struct opcua_call *c = MEMORY_NEW(struct opcua_call);
    *c = (struct opcua_call){.session = s,
                             .done = done,
                             .arg = arg,
                             .request_type = request_type,
                             .response_type = response_type,
                             .failed = UA_STATUSCODE_BADTIMEOUT};
    s->call_count++;
    loop_timer_start(s->loop, &c->timer, timeout_ms ? timeout_ms : s->thread->tuning.call_ms, on_timer, c);
    return c;
}

struct opcua_call *session_call_early(struct opcua_session *s, const void *request,
                                      const UA_DataType *request_type,
                                      const UA_DataType *response_type, opcua_call_fn *done,
                                      void *arg, uint32_t timeout_ms)
{
    struct opcua_call *c = call_new(s, request_type, response_type, done, arg, timeout_ms);
    UA_StatusCode status = send_request(c, request);
    if (status != UA_STATUSCODE_GOOD)
        fail_later(c, status);
    return c;
}

static struct opcua_call *wait_for_session(struct opcua_call *c, const void *request)
{
    c->request = UA_new(c->request_type);
    UA_StatusCode copied =
        c->request ? UA_copy(request, c->request, c->request_type) : UA_STATUSCODE_BADOUTOFMEMORY;
    if (copied == UA_STATUSCODE_GOOD)
        list_push(&c->session->waiting, &c->link);
    else
        fail_later(c, copied);
    return c;
}

struct opcua_call *opcua_session_call(struct opcua_session *s, enum opcua_call_when when,
                                      const void *request, const UA_DataType *request_type,
                                      const UA_DataType *response_type, opcua_call_fn *done,
                                      void *arg, uint32_t timeout_ms)
{
    assert(s->refs > 0);
    bool ready = s->state == OPCUA_SESSION_READY;
    if (ready && s->call_count < OPCUA_SESSION_CALLS_MAX)
        return session_call_early(s, request, request_type, response_type, done, arg, timeout_ms);
    struct opcua_call *c = call_new(s, request_type, response_type, done, arg, timeout_ms);
    if (s->call_count > OPCUA_SESSION_CALLS_MAX)
        fail_later(c, UA_STATUSCODE_BADTOOMANYOPERATIONS);
    else if (when == OPCUA_CALL_NOW || s->closing)
        fail_later(c, UA_STATUSCODE_BADNOTCONNECTED);
    else
        return wait_for_session(c, request);
    return c;
}

struct opcua_call *opcua_session_wait(struct opcua_session *s, uint32_t ms, opcua_call_fn *done,
                                      void *arg)
{
    struct opcua_call *c = call_new(s, NULL, NULL, done, arg, 0);
    c->failed = UA_STATUSCODE_GOOD;
    list_push(&s->failed, &c->link);
    loop_timer_start(s->loop, &c->timer, ms, on_timer, c);
    return c;
}

void opcua_call_cancel(struct opcua_call *c)
{
    c->done = NULL;
    if (!c->sent)
        call_free(c);
}

void session_calls_send(struct opcua_session *s)
{
    LIST_EACH(l, &s->waiting)
    {
        struct opcua_call *c = LIST_OF(l, struct opcua_call, link);
        UA_StatusCode status = send_request(c, c->request);
        UA_delete(c->request, c->request_type);
        c->request = NULL;
        if (status != UA_STATUSCODE_GOOD)
            fail_later(c, status);
    }
}

void session_calls_fail(struct opcua_session *s, UA_StatusCode why)
{
    struct link *l;
    while ((l = list_first(&s->waiting)) || (l = list_first(&s->failed)))
        finish(LIST_OF(l, struct opcua_call, link), false, why, NULL);
    assert(list_empty(&s->sent)); /* those ended with the client */
}

bool opcua_call_was_lost(UA_StatusCode status)
{
    return status == UA_STATUSCODE_BADNOTCONNECTED ||
           status == UA_STATUSCODE_BADSECURECHANNELCLOSED ||
           status == UA_STATUSCODE_BADSESSIONCLOSED ||
           status == UA_STATUSCODE_BADSESSIONIDINVALID ||
           status == UA_STATUSCODE_BADSERVERNOTCONNECTED || status == UA_STATUSCODE_BADSHUTDOWN;
}

bool session_call_was_too_much(UA_StatusCode status)
{
    return opcua_refusal_is_too_much(status) || status == UA_STATUSCODE_BADTIMEOUT;
}
