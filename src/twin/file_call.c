#include "twin/file_system.h"

struct file_calling {
    struct twin_request *request;
    UA_NodeId object, method;
    UA_Variant *inputs; /* end with the request */
    size_t input_count;
    file_call_fn *fn;
    void *arg;
};

const void *file_output(const UA_Variant *outputs, size_t count, size_t at, size_t type)
{
    return at < count && UA_Variant_hasScalarType(&outputs[at], &UA_TYPES[type]) ? outputs[at].data
                                                                                 : NULL;
}

static void on_called(void *arg, UA_StatusCode status, void *response)
{
    struct file_calling *c = arg;
    const UA_CallResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD)
        status = answer->resultsSize == 1 ? answer->results->statusCode
                                          : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (UA_StatusCode_isBad(status))
        c->fn(c->arg, status, NULL, 0);
    else
        c->fn(c->arg, UA_STATUSCODE_GOOD, answer->results->outputArguments,
              answer->results->outputArgumentsSize);
}

static void call(struct file_calling *c)
{
    UA_CallMethodRequest one;
    UA_CallRequest request;
    UA_CallMethodRequest_init(&one);
    UA_CallRequest_init(&request);
    one.objectId = c->object;
    one.methodId = c->method;
    one.inputArguments = c->inputs;
    one.inputArgumentsSize = c->input_count;
    request.methodsToCall = &one;
    request.methodsToCallSize = 1;
    TWIN_CALL(c->request, CALL, &request, on_called, c);
}

static void on_method(void *arg, UA_StatusCode status, void *response)
{
    struct file_calling *c = arg;
    UA_TranslateBrowsePathsToNodeIdsResponse *answer = response;
    UA_BrowsePathResult *result =
        status == UA_STATUSCODE_GOOD && answer->resultsSize == 1 ? answer->results : NULL;
    if (result && result->statusCode == UA_STATUSCODE_GOOD && result->targetsSize > 0) {
        c->method = result->targets->targetId.nodeId;
        UA_NodeId_init(&result->targets->targetId.nodeId); /* moved */
        twin_request_own_id(c->request, &c->method);
        call(c);
    } else if (result && result->statusCode == UA_STATUSCODE_BADNOMATCH) {
        c->fn(c->arg, UA_STATUSCODE_BADMETHODINVALID, NULL, 0);
    } else {
        c->fn(c->arg, result ? result->statusCode : status, NULL, 0);
    }
}

void file_call(struct twin_request *r, const UA_NodeId *object, const char *name,
               const UA_Variant *inputs, size_t input_count, file_call_fn *fn, void *arg)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_VARIANT];
    struct file_calling *c = ARENA_TAKE(&r->arena, struct file_calling);
    UA_RelativePathElement element = {
        .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
        .includeSubtypes = true,
        .targetName = {0, opcua_string_of(slice_of(name))},
    };
    UA_BrowsePath path = {.startingNode = *object,
                          .relativePath = {.elements = &element, .elementsSize = 1}};
    UA_TranslateBrowsePathsToNodeIdsRequest request;
    *c = (struct file_calling){.request = r, .input_count = input_count, .fn = fn, .arg = arg};
    UA_NodeId_copy(object, &c->object);
    twin_request_own_id(r, &c->object);
    c->inputs = UA_Array_new(input_count, type);
    for (size_t i = 0; i < input_count; i++)
        UA_Variant_copy(&inputs[i], &c->inputs[i]);
    twin_request_own(r, c->inputs, input_count, type);
    UA_TranslateBrowsePathsToNodeIdsRequest_init(&request);
    request.browsePaths = &path;
    request.browsePathsSize = 1;
    TWIN_CALL(r, TRANSLATEBROWSEPATHSTONODEIDS, &request, on_method, c);
}
