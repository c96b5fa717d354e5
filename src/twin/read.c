#include "twin/read.h"

#include "twin/types.h"

struct reading {
    struct twin_request *request;
    UA_ReadValueId *ids;
    UA_DataValue *values;
    size_t count, at, sent;
    twin_read_fn *fn;
    void *arg;
};

static void read_some(struct reading *r);

static void on_decoded(void *arg)
{
    struct reading *r = arg;
    r->fn(r->arg, UA_STATUSCODE_GOOD, r->values);
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct reading *r = arg;
    UA_ReadResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != r->sent)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        r->fn(r->arg, status, NULL);
        return;
    }
    for (size_t i = 0; i < r->sent; i++) {
        r->values[r->at++] = answer->results[i];
        UA_DataValue_init(&answer->results[i]); /* moved */
    }
    if (r->at < r->count)
        read_some(r);
    else
        twin_types_decode(r->request, twin_variants_of(r->values, r->count), on_decoded, r);
}

static void read_some(struct reading *r)
{
    size_t limit = opcua_session_limits(r->request->session)->nodes_per_read;
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    if (limit == 0 || limit > TWIN_READ_MAX)
        limit = TWIN_READ_MAX;
    r->sent = r->count - r->at < limit ? r->count - r->at : limit;
    request.timestampsToReturn = r->request->times;
    request.maxAge = r->request->max_age_ms;
    request.nodesToRead = r->ids + r->at;
    request.nodesToReadSize = r->sent;
    TWIN_CALL(r->request, READ, &request, on_read, r);
}

void twin_read(struct twin_request *request, UA_ReadValueId *ids, size_t count, twin_read_fn *fn,
               void *arg)
{
    struct reading *r = ARENA_TAKE(&request->arena, struct reading);
    if (count == 0) {
        fn(arg, UA_STATUSCODE_GOOD, NULL);
        return;
    }
    *r = (struct reading){.request = request, .ids = ids, .count = count, .fn = fn, .arg = arg};
    const UA_DataType *type = &UA_TYPES[UA_TYPES_DATAVALUE];
    r->values = twin_request_own(request, UA_Array_new(count, type), count, type);
    read_some(r);
}

const void *twin_read_scalar(const UA_DataValue *v, size_t type)
{
    bool good = v->hasValue && (!v->hasStatus || !UA_StatusCode_isBad(v->status));
    return good && UA_Variant_hasScalarType(&v->value, &UA_TYPES[type]) ? v->value.data : NULL;
}
