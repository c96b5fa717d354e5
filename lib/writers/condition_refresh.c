#include "writers/condition_refresh.h"

#include <stdlib.h>

#include "base/memory.h"

#define CALL_MS 60000 /* many conditions may be told before the answer */

struct condition_refresh {
    struct opcua_session *session;
    struct opcua_call *call;
    uint32_t subscription, item;
    bool whole; /* of the subscription */
    condition_refresh_fn *fn;
    void *arg;
};

static void ask(struct condition_refresh *r);

static bool is_unknown(UA_StatusCode status)
{
    return status == UA_STATUSCODE_BADMETHODINVALID || status == UA_STATUSCODE_BADNODEIDUNKNOWN ||
           status == UA_STATUSCODE_BADNODEIDINVALID || status == UA_STATUSCODE_BADNOTSUPPORTED ||
           status == UA_STATUSCODE_BADNOTIMPLEMENTED;
}

static void on_answer(void *arg, UA_StatusCode status, void *response)
{
    struct condition_refresh *r = arg;
    const UA_CallResponse *answer = response;
    r->call = NULL;
    if (answer && answer->resultsSize == 1)
        status = answer->results[0].statusCode;
    if (!r->whole && is_unknown(status)) {
        r->whole = true;
        ask(r);
        return;
    }
    condition_refresh_fn *fn = r->fn;
    void *to = r->arg;
    free(r);
    fn(to, status);
}

static void ask(struct condition_refresh *r)
{
    UA_Variant arguments[2];
    UA_Variant_setScalar(&arguments[0], &r->subscription, &UA_TYPES[UA_TYPES_UINT32]);
    UA_Variant_setScalar(&arguments[1], &r->item, &UA_TYPES[UA_TYPES_UINT32]);
    UA_CallMethodRequest method = {
        .objectId = UA_NODEID_NUMERIC(0, UA_NS0ID_CONDITIONTYPE),
        .methodId = UA_NODEID_NUMERIC(0, r->whole ? UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH
                                                  : UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH2),
        .inputArgumentsSize = r->whole ? 1 : 2,
        .inputArguments = arguments,
    };
    UA_CallRequest request = {.methodsToCallSize = 1, .methodsToCall = &method};
    r->call = OPCUA_CALL(r->session, OPCUA_CALL_NOW, CALL, &request, on_answer, r, CALL_MS);
}

struct condition_refresh *condition_refresh(struct opcua_session *s, uint32_t subscription,
                                            uint32_t item, condition_refresh_fn *fn, void *arg)
{
    struct condition_refresh *r = MEMORY_NEW(struct condition_refresh);
    *r = (struct condition_refresh){
        .session = s, .subscription = subscription, .item = item, .fn = fn, .arg = arg};
    ask(r);
    return r;
}

void condition_refresh_cancel(struct condition_refresh **refresh)
{
    struct condition_refresh *r = *refresh;
    if (!r)
        return;
    opcua_call_cancel(r->call);
    free(r);
    *refresh = NULL;
}
