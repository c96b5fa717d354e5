/*
 * For tests: what a server answers becomes what another server would have answered, on its way from the stack to us.
 * `answers_change` says how; the answers of calls that failed anyway stay as they are.
 */
#pragma once

#include <dlfcn.h>
#include <stdlib.h>

#include "opcua/stack.h"

#include "base/cmocka.h"

/* `request` is as it went out, of that type; `answer` of the type that belongs to it, which for Publish and Republish is
 * ours (opcua/notification.h). NULL: they come as they are. */
static void (*answers_change)(const UA_DataType *type, const void *request, void *answer);

/* What is not good does not go out: as of a request that is larger than the server takes. NULL: all go. */
static UA_StatusCode (*answers_refuse)(const UA_DataType *type, const void *request);

struct answers_call {
    UA_ClientAsyncServiceCallback callback;
    void *arg;
    const UA_DataType *type;
    void *request;
};

static void answers_free(struct answers_call *c)
{
    UA_delete(c->request, c->type);
    free(c);
}

static void answers_on(UA_Client *client, void *arg, UA_UInt32 id, void *answer)
{
    struct answers_call *c = arg, call = *c;
    if (answers_change && !UA_StatusCode_isBad(((UA_ResponseHeader *)answer)->serviceResult))
        answers_change(c->type, c->request, answer);
    answers_free(c);
    call.callback(client, call.arg, id, answer);
}

/* In the place of the stack's, which it calls. */
UA_StatusCode __UA_Client_AsyncService(UA_Client *client, const void *request,
                                       const UA_DataType *request_type,
                                       UA_ClientAsyncServiceCallback callback,
                                       const UA_DataType *response_type, void *arg, UA_UInt32 *id)
{
    UA_StatusCode refused = answers_refuse ? answers_refuse(request_type, request) : UA_STATUSCODE_GOOD;
    if (refused != UA_STATUSCODE_GOOD)
        return refused;
    __typeof__(&__UA_Client_AsyncService) real;
    *(void **)&real = dlsym(RTLD_NEXT, "__UA_Client_AsyncService");
    struct answers_call *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (struct answers_call){callback, arg, request_type, UA_new(request_type)};
    assert_int_equal(UA_copy(request, c->request, request_type), UA_STATUSCODE_GOOD);
    UA_StatusCode status = real(client, request, request_type, answers_on, response_type, c, id);
    if (status != UA_STATUSCODE_GOOD)
        answers_free(c);
    return status;
}

/* Whether `type` is that of a request: ANSWERS_OF(type, READ). */
#define ANSWERS_OF(type, NAME) ((type) == &UA_TYPES[UA_TYPES_##NAME##REQUEST])
