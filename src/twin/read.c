#include "twin/read.h"

#include "twin/types.h"

struct reading {
    struct twin_request *request;
    UA_ReadValueId *ids;
    UA_DataValue *values;
    size_t count, at; /* asked for so far */
    size_t under_way;
    UA_StatusCode failed;
    twin_read_fn *fn;
    void *arg;
};

struct part {
    struct reading *of;
    size_t first, count;
};

static void ask(struct reading *r, struct part *p);

static void on_decoded(void *arg)
{
    struct reading *r = arg;
    r->fn(r->arg, UA_STATUSCODE_GOOD, r->values);
}

/* After the last part; until then the others need what is here. */
static void finish(struct reading *r)
{
    if (r->failed != UA_STATUSCODE_GOOD)
        r->fn(r->arg, r->failed, NULL);
    else
        twin_types_decode(r->request, twin_variants_of(r->values, r->count), on_decoded, r);
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct part *p = arg;
    struct reading *r = p->of;
    UA_ReadResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != p->count)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status == UA_STATUSCODE_GOOD) {
        size_t bytes = p->count * sizeof(*r->values);
        memcpy(r->values + p->first, answer->results, bytes);
        memset(answer->results, 0, bytes); /* moved */
    } else if (r->failed == UA_STATUSCODE_GOOD) {
        r->failed = status;
    }
    r->under_way--;
    if (r->at < r->count && r->failed == UA_STATUSCODE_GOOD)
        ask(r, p);
    else if (r->under_way == 0)
        finish(r);
}

static void ask(struct reading *r, struct part *p)
{
    size_t limit = opcua_session_limits(r->request->session)->nodes_per_read;
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    if (limit == 0 || limit > TWIN_READ_MAX)
        limit = TWIN_READ_MAX;
    p->of = r;
    p->first = r->at;
    p->count = r->count - r->at < limit ? r->count - r->at : limit;
    r->at += p->count;
    r->under_way++;
    request.timestampsToReturn = r->request->times;
    request.maxAge = r->request->max_age_ms;
    request.nodesToRead = r->ids + p->first;
    request.nodesToReadSize = p->count;
    TWIN_CALL(r->request, READ, &request, on_read, p);
}

void twin_read(struct twin_request *request, UA_ReadValueId *ids, size_t count, twin_read_fn *fn,
               void *arg)
{
    twin_read_into(request, &request->arena, &request->owned, ids, count, fn, arg);
}

void twin_read_into(struct twin_request *request, struct arena *a, struct twin_owned **owned,
                    UA_ReadValueId *ids, size_t count, twin_read_fn *fn, void *arg)
{
    struct reading *r = ARENA_TAKE(a, struct reading);
    struct part *parts = ARENA_TAKE_N(a, struct part, TWIN_READS_MAX);
    if (count == 0) {
        fn(arg, UA_STATUSCODE_GOOD, NULL);
        return;
    }
    *r = (struct reading){.request = request, .ids = ids, .count = count, .fn = fn, .arg = arg};
    const UA_DataType *type = &UA_TYPES[UA_TYPES_DATAVALUE];
    r->values = twin_keep_own(a, owned, UA_Array_new(count, type), count, type);
    for (size_t i = 0; i < TWIN_READS_MAX && r->at < count; i++)
        ask(r, &parts[i]);
}

const void *twin_read_scalar(const UA_DataValue *v, size_t type)
{
    bool good = v->hasValue && (!v->hasStatus || !UA_StatusCode_isBad(v->status));
    return good && UA_Variant_hasScalarType(&v->value, &UA_TYPES[type]) ? v->value.data : NULL;
}
