/* ValueRead and ValueWrite: the Value attribute of one variable. */
#include "base/clock.h"
#include "opcua/data_type.h"
#include "twin/before.h"
#include "twin/methods.h"
#include "twin/node_type.h"
#include "twin/read.h"
#include "twin/target.h"
#include "twin/types.h"

static UA_String index_range(const struct twin_request *r)
{
    return opcua_string_of(json_string(json_get_nocase(r->body, "indexRange")));
}

/* ---- read ---- */

static void on_value(void *arg, UA_StatusCode status, UA_DataValue *v)
{
    struct twin_request *r = arg;
    struct json_writer *w = &r->writer;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    json_object(w);
    if (v->hasValue && !UA_Variant_isEmpty(&v->value)) {
        json_name(w, "value");
        opcua_value_json_variant(&v->value, &r->form, w->out);
        w->comma = true;
        json_name(w, "dataType");
        json_put_text(w, opcua_data_type_builtin(v->value.type)->typeName);
    }
    twin_put_picoseconds(w, "sourcePicoseconds", v->hasSourcePicoseconds, v->sourcePicoseconds);
    twin_put_time(w, "sourceTimestamp", v->hasSourceTimestamp, v->sourceTimestamp);
    twin_put_picoseconds(w, "serverPicoseconds", v->hasServerPicoseconds, v->serverPicoseconds);
    twin_put_time(w, "serverTimestamp", v->hasServerTimestamp, v->serverTimestamp);
    if (v->hasStatus)
        opcua_put_error(w, v->status, NULL);
    json_end_object(w);
    twin_request_done(r);
}

static void read_value(void *arg, const UA_NodeId *node)
{
    struct twin_request *r = arg;
    UA_ReadValueId *id = ARENA_TAKE(&r->arena, UA_ReadValueId);
    *id = (UA_ReadValueId){
        .nodeId = *node, .attributeId = UA_ATTRIBUTEID_VALUE, .indexRange = index_range(r)};
    twin_read(r, id, 1, on_value, r);
}

/* 2.9's: how old the value may be, and how it is told. */
static bool read_wishes(struct twin_request *r)
{
    const struct json *age = json_get_nocase(r->body, "maxAge");
    struct slice encoding = json_string(json_get_nocase(r->body, "encoding"));
    uint64_t ms = 0;
    if (json_string(age).len && !clock_parse_timespan(json_string(age), &ms)) {
        twin_request_fail(r, BAD_ARGUMENT, "maxAge is not a time span like 00:00:01.");
        return false;
    }
    if (encoding.len && !slice_eq_nocase(encoding, SLICE("Reversible")) &&
        !slice_eq_nocase(encoding, SLICE("NonReversible"))) {
        twin_request_fail(r, BAD_ARGUMENT, "encoding is one of Reversible and NonReversible.");
        return false;
    }
    r->max_age_ms = (double)ms;
    r->form.reversible = slice_eq_nocase(encoding, SLICE("Reversible"));
    return twin_request_times(r, &r->times);
}

void twin_value_read(struct twin_request *r)
{
    if (read_wishes(r))
        twin_target_find(r, "nodeId", "browsePath", NULL, read_value, r);
}

/* ---- write ---- */

struct writing {
    struct twin_request *request;
    UA_NodeId node;
    UA_NodeId data_type; /* as the caller says */
    const UA_DataType *type;
    struct twin_node_type of;
    int32_t rank;
    UA_WriteValue value; /* its value ends with the request */
};

static void on_written(void *arg, UA_StatusCode status, void *response)
{
    struct twin_request *r = arg;
    UA_WriteResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD)
        status = answer->resultsSize == 1 ? answer->results[0] : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    json_object(&r->writer);
    json_end_object(&r->writer);
    twin_request_done(r);
}

static void send(void *arg)
{
    struct writing *w = arg;
    UA_WriteRequest request;
    UA_WriteRequest_init(&request);
    request.nodesToWrite = &w->value;
    request.nodesToWriteSize = 1;
    TWIN_CALL(w->request, WRITE, &request, on_written, w->request);
}

static void write_value(void *arg)
{
    struct writing *w = arg;
    struct twin_request *r = w->request;
    struct buffer why = {0};
    const UA_DataType *type = &UA_TYPES[UA_TYPES_VARIANT];
    UA_Variant *value = twin_request_own(r, UA_Variant_new(), 1, type);
    enum status s = twin_value_make(r, json_get_nocase(r->body, "value"), w->type, w->rank,
                                    w->of.current, value, &why);
    if (s == OK) {
        w->value = (UA_WriteValue){.nodeId = w->node,
                                   .attributeId = UA_ATTRIBUTEID_VALUE,
                                   .indexRange = index_range(r),
                                   .value = {.value = *value, .hasValue = true}};
        const UA_ReadValueId id = {.nodeId = w->node,
                                   .attributeId = UA_ATTRIBUTEID_VALUE,
                                   .indexRange = index_range(r)};
        twin_before_attributes(r, &id, 1, send, w);
    } else {
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    }
    buffer_clear(&why);
}

/* Those that the value names. */
static void learn_types(struct writing *w, const UA_DataType *type)
{
    w->type = type;
    twin_types_of_json(w->request, json_get_nocase(w->request->body, "value"), write_value, w);
}

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct writing *w = arg;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(w->request, status, "The node's data type is not known.");
    else
        learn_types(w, type);
}

static void on_node_type(void *arg)
{
    struct writing *w = arg;
    w->rank = index_range(w->request).length ? UA_VALUERANK_ANY : w->of.rank; /* a part has any */
    learn_types(w, w->of.type);
}

static void write_to(void *arg, const UA_NodeId *node)
{
    struct twin_request *r = arg;
    struct writing *w = ARENA_TAKE(&r->arena, struct writing);
    struct slice name = json_string(json_get_nocase(r->body, "dataType"));
    *w = (struct writing){.request = r, .node = *node, .rank = -2};
    if (name.len == 0) {
        w->of = (struct twin_node_type){
            .request = r, .node = *node, .done = on_node_type, .arg = w};
        twin_node_type_read(&w->of);
        return;
    }
    if (twin_request_node_id(r, name, &w->data_type)) /* a data type's name is one of its forms */
        twin_types_find(r, &w->data_type, on_type, w);
}

void twin_value_write(struct twin_request *r)
{
    if (json_get_nocase(r->body, "value") == NULL)
        twin_request_fail(r, BAD_ARGUMENT, "There is no value.");
    else
        twin_target_find(r, "nodeId", "browsePath", NULL, write_to, r);
}
