#include "opcua/method.h"

#include <stdlib.h>

#include "base/memory.h"

struct calling {
    struct opcua_session *session;
    uint64_t ends_ms;
    UA_NodeId object, method;
    UA_NodeId *learnt; /* the caller's; or NULL */
    UA_Variant *inputs;
    size_t input_count;
    opcua_method_fn *fn;
    void *arg;
};

const void *opcua_method_output(const UA_Variant *outputs, size_t count, size_t at, size_t type)
{
    return at < count && UA_Variant_hasScalarType(&outputs[at], &UA_TYPES[type]) ? outputs[at].data
                                                                                 : NULL;
}

UA_QualifiedName opcua_method_name(const char *name)
{
    return (UA_QualifiedName){0, opcua_string_of(slice_of(name))};
}

static uint64_t now_ms(const struct calling *c)
{
    return loop_now_ms(opcua_thread_loop(opcua_session_thread(c->session)));
}

static uint32_t left_ms(const struct calling *c)
{
    uint64_t now = now_ms(c);
    return c->ends_ms > now ? (uint32_t)(c->ends_ms - now) : 1;
}

static void end(struct calling *c, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    c->fn(c->arg, status, outputs, count);
    UA_NodeId_clear(&c->object);
    UA_NodeId_clear(&c->method);
    UA_Array_delete(c->inputs, c->input_count, &UA_TYPES[UA_TYPES_VARIANT]);
    opcua_session_unref(&c->session);
    free(c);
}

static void on_called(void *arg, UA_StatusCode status, void *response)
{
    const UA_CallResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD)
        status = answer->resultsSize == 1 ? answer->results->statusCode
                                          : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (UA_StatusCode_isBad(status))
        end(arg, status, NULL, 0);
    else
        end(arg, UA_STATUSCODE_GOOD, answer->results->outputArguments,
            answer->results->outputArgumentsSize);
}

static void call(struct calling *c)
{
    UA_CallMethodRequest one = {.objectId = c->object,
                                .methodId = c->method,
                                .inputArguments = c->inputs,
                                .inputArgumentsSize = c->input_count};
    UA_CallRequest request = {.methodsToCall = &one, .methodsToCallSize = 1};
    OPCUA_CALL(c->session, OPCUA_CALL_NOW, CALL, &request, on_called, c, left_ms(c));
}

static void on_method(void *arg, UA_StatusCode status, void *response)
{
    struct calling *c = arg;
    UA_TranslateBrowsePathsToNodeIdsResponse *answer = response;
    UA_BrowsePathResult *result =
        status == UA_STATUSCODE_GOOD && answer->resultsSize == 1 ? answer->results : NULL;
    if (result && result->statusCode == UA_STATUSCODE_GOOD && result->targetsSize > 0) {
        c->method = result->targets->targetId.nodeId;
        UA_NodeId_init(&result->targets->targetId.nodeId); /* moved */
        if (c->learnt)
            UA_NodeId_copy(&c->method, c->learnt);
        call(c);
    } else if (result && (result->statusCode == UA_STATUSCODE_BADNOMATCH ||
                          result->statusCode == UA_STATUSCODE_GOOD)) {
        end(c, UA_STATUSCODE_BADMETHODINVALID, NULL, 0);
    } else {
        if (result)
            status = result->statusCode;
        end(c, status ? status : UA_STATUSCODE_BADUNEXPECTEDERROR, NULL, 0);
    }
}

static void find_method(struct calling *c, UA_QualifiedName name)
{
    UA_RelativePathElement element = {.referenceTypeId =
                                          UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                                      .includeSubtypes = true,
                                      .targetName = name};
    UA_BrowsePath path = {.startingNode = c->object,
                          .relativePath = {.elements = &element, .elementsSize = 1}};
    UA_TranslateBrowsePathsToNodeIdsRequest request = {.browsePaths = &path, .browsePathsSize = 1};
    OPCUA_CALL(c->session, OPCUA_CALL_NOW, TRANSLATEBROWSEPATHSTONODEIDS, &request, on_method, c,
               left_ms(c));
}

void opcua_method_call_again(struct opcua_session *s, const UA_NodeId *object,
                             UA_QualifiedName name, UA_NodeId *method, const UA_Variant *inputs,
                             size_t input_count, opcua_method_fn *fn, void *arg,
                             uint32_t timeout_ms)
{
    struct calling *c = MEMORY_NEW(struct calling);
    *c = (struct calling){.session = opcua_session_ref(s),
                          .learnt = method,
                          .input_count = input_count,
                          .fn = fn,
                          .arg = arg};
    c->ends_ms = now_ms(c) + timeout_ms;
    UA_NodeId_copy(object, &c->object);
    if (UA_Array_copy(inputs, input_count, (void **)&c->inputs, &UA_TYPES[UA_TYPES_VARIANT]))
        c->input_count = 0; /* no memory: the server refuses a call without its arguments */
    if (method == NULL || UA_NodeId_isNull(method)) {
        find_method(c, name);
        return;
    }
    UA_NodeId_copy(method, &c->method);
    call(c);
}

void opcua_method_call(struct opcua_session *s, const UA_NodeId *object, UA_QualifiedName name,
                       const UA_Variant *inputs, size_t input_count, opcua_method_fn *fn, void *arg,
                       uint32_t timeout_ms)
{
    opcua_method_call_again(s, object, name, NULL, inputs, input_count, fn, arg, timeout_ms);
}
