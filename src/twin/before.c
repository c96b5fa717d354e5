#include "twin/before.h"

#include "audit/line.h"
#include "opcua/file.h"
#include "opcua/result_json.h"
#include "twin/file_system.h"

struct before {
    struct twin_request *request;
    twin_before_fn *go_on;
    void *arg;
    struct buffer *out; /* before or after */
};

static uint32_t wait_ms(const struct twin_request *r)
{
    uint32_t left = twin_request_left_ms(r);
    return left < TWIN_BEFORE_MS ? left : TWIN_BEFORE_MS;
}

static struct before *begin(struct twin_request *r, struct buffer *out, twin_before_fn *go_on,
                            void *arg)
{
    struct before *b = ARENA_TAKE(&r->arena, struct before);
    *b = (struct before){r, go_on, arg, out};
    return b;
}

void twin_before_nothing(struct twin_request *r)
{
    r->changes = true;
}

/* ---- attributes ---- */

static void put_value(struct json_writer *w, const struct twin_request *r, const UA_DataValue *v)
{
    json_object(w);
    if (v->hasValue && !UA_Variant_isEmpty(&v->value)) {
        json_name(w, "value");
        opcua_value_json_variant(&v->value, &r->form, w->out);
        w->comma = true;
    }
    if (v->hasStatus)
        opcua_put_error(w, v->status, NULL);
    json_end_object(w);
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct before *b = arg;
    const UA_ReadResponse *answer = response;
    struct json_writer w = json_writer(b->out);
    if (status == UA_STATUSCODE_GOOD) {
        json_object(&w);
        json_name(&w, "results"), json_array(&w);
        for (size_t i = 0; i < answer->resultsSize; i++)
            put_value(&w, b->request, &answer->results[i]);
        json_end_array(&w);
        json_end_object(&w);
    }
    b->go_on(b->arg);
}

void twin_before_attributes(struct twin_request *r, const UA_ReadValueId *ids, size_t count,
                            twin_before_fn *go_on, void *arg)
{
    size_t limit = opcua_session_limits(r->session)->nodes_per_read;
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    r->changes = true;
    if (!r->watched || count == 0) {
        go_on(arg);
        return;
    }
    if (limit == 0 || limit > TWIN_BEFORE_MAX)
        limit = TWIN_BEFORE_MAX;
    request.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER;
    request.nodesToRead = (UA_ReadValueId *)(uintptr_t)ids;
    request.nodesToReadSize = count < limit ? count : limit;
    OPCUA_CALL(r->session, OPCUA_CALL_NOW, READ, &request, on_read,
               begin(r, &r->before, go_on, arg), wait_ms(r));
}

/* ---- files ---- */

static void on_file(void *arg, UA_StatusCode status, struct slice bytes)
{
    struct before *b = arg;
    struct json_writer w = json_writer(b->out);
    if (status == UA_STATUSCODE_GOOD) {
        audit_line_digest(bytes, b->out);
    } else {
        json_object(&w);
        opcua_put_error(&w, status, NULL);
        json_end_object(&w);
    }
    b->go_on(b->arg);
}

static void read_file(struct twin_request *r, const UA_NodeId *file, struct buffer *out,
                      twin_before_fn *go_on, void *arg)
{
    r->changes = true;
    if (r->watched)
        opcua_file_read(r->session, file, FILE_BYTES_MAX, on_file, begin(r, out, go_on, arg),
                        wait_ms(r));
    else
        go_on(arg);
}

void twin_before_file(struct twin_request *r, const UA_NodeId *file, twin_before_fn *go_on,
                      void *arg)
{
    read_file(r, file, &r->before, go_on, arg);
}

void twin_after_file(struct twin_request *r, const UA_NodeId *file, twin_before_fn *go_on,
                     void *arg)
{
    read_file(r, file, &r->after, go_on, arg);
}
