/* ValueRead and ValueWrite: the Value attribute of one variable. */
#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "twin/methods.h"
#include "twin/read.h"
#include "twin/target.h"

static UA_String index_range(const struct twin_request *r)
{
    return opcua_string_of(json_string(json_get_nocase(r->body, "indexRange")));
}

/* ---- read ---- */

static void put_number(struct json_writer *w, const char *name, bool has, uint64_t v)
{
    if (has && v)
        json_name(w, name), json_put_u64(w, v);
}

static void put_time(struct json_writer *w, const char *name, bool has, UA_DateTime t)
{
    if (!has)
        return;
    json_name(w, name);
    opcua_value_json_time(t, w->out);
    w->comma = true;
}

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
    put_number(w, "sourcePicoseconds", v->hasSourcePicoseconds, v->sourcePicoseconds);
    put_time(w, "sourceTimestamp", v->hasSourceTimestamp, v->sourceTimestamp);
    put_number(w, "serverPicoseconds", v->hasServerPicoseconds, v->serverPicoseconds);
    put_time(w, "serverTimestamp", v->hasServerTimestamp, v->serverTimestamp);
    if (v->hasStatus)
        twin_put_error(w, v->status, NULL);
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

void twin_value_read(struct twin_request *r)
{
    twin_target_find(r, "nodeId", "browsePath", NULL, read_value, r);
}

/* ---- write ---- */

struct writing {
    struct twin_request *request;
    UA_NodeId node;
    int32_t rank;
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

static void write_value(struct writing *w, const UA_DataType *type)
{
    struct twin_request *r = w->request;
    struct buffer why = {0};
    UA_WriteValue value;
    UA_WriteValue_init(&value);
    enum status s = opcua_value_json_read(json_get_nocase(r->body, "value"), type, w->rank,
                                          &r->names, &value.value.value, &why);
    if (s != OK) {
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    } else {
        UA_WriteRequest request;
        UA_WriteRequest_init(&request);
        value.nodeId = w->node;
        value.attributeId = UA_ATTRIBUTEID_VALUE;
        value.indexRange = index_range(r);
        value.value.hasValue = true;
        request.nodesToWrite = &value;
        request.nodesToWriteSize = 1;
        TWIN_CALL(r, WRITE, &request, on_written, r);
    }
    UA_DataValue_clear(&value.value);
    buffer_clear(&why);
}

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct writing *w = arg;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(w->request, status, "The node's data type is not known.");
    else
        write_value(w, type);
}

/* DataType and ValueRank of the node: what the value is to become. */
static void on_node(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct writing *w = arg;
    struct twin_request *r = w->request;
    if (status == UA_STATUSCODE_GOOD && values[0].hasStatus)
        status = values[0].status;
    const UA_NodeId *type =
        status == UA_STATUSCODE_GOOD ? twin_read_scalar(&values[0], UA_TYPES_NODEID) : NULL;
    if (type == NULL) {
        twin_request_fault(r, status ? status : UA_STATUSCODE_BADTYPEMISMATCH, NULL);
        return;
    }
    const UA_Int32 *rank = twin_read_scalar(&values[1], UA_TYPES_INT32);
    w->rank = rank && index_range(r).length == 0 ? *rank : -2; /* a part has any rank */
    opcua_browse_data_type(r->session, type, on_type, w, twin_request_left_ms(r));
}

static void read_type(struct writing *w)
{
    UA_ReadValueId *ids = ARENA_TAKE_N(&w->request->arena, UA_ReadValueId, 2);
    ids[0] = (UA_ReadValueId){.nodeId = w->node, .attributeId = UA_ATTRIBUTEID_DATATYPE};
    ids[1] = (UA_ReadValueId){.nodeId = w->node, .attributeId = UA_ATTRIBUTEID_VALUERANK};
    twin_read(w->request, ids, 2, on_node, w);
}

static void write_to(void *arg, const UA_NodeId *node)
{
    struct twin_request *r = arg;
    struct writing *w = ARENA_TAKE(&r->arena, struct writing);
    struct slice name = json_string(json_get_nocase(r->body, "dataType"));
    UA_NodeId type;
    *w = (struct writing){.request = r, .node = *node, .rank = -2};
    if (name.len == 0) {
        read_type(w);
        return;
    }
    if (twin_request_node_id(r, name, &type)) /* a data type's name is one of its forms */
        opcua_browse_data_type(r->session, &type, on_type, w, twin_request_left_ms(r));
}

void twin_value_write(struct twin_request *r)
{
    if (json_get_nocase(r->body, "value") == NULL)
        twin_request_fail(r, BAD_ARGUMENT, "There is no value.");
    else
        twin_target_find(r, "nodeId", "browsePath", NULL, write_to, r);
}
