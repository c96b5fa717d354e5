/* MethodCall: the arguments become what the method wants, and are called with. */
#include "opcua/data_type.h"
#include "twin/before.h"
#include "twin/method.h"
#include "twin/methods.h"
#include "twin/target.h"
#include "twin/types.h"

#define ARGUMENTS_MAX 256 /* of a method: each is one level of the stack when all types are known  \
                           */

struct calling {
    struct twin_method method;
    UA_NodeId object; /* that the request names; null: the method's */
    const struct json *arguments;
    UA_Variant *inputs; /* end with the request */
    size_t at;
    UA_NodeId data_type; /* of the input at hand */
    UA_Variant *outputs; /* end with it, too */
    size_t output_count;
    UA_StatusCode status;
};

static void make_inputs(void *arg);

/* ---- the answer ---- */

/* What came, or what was said to come. */
static void put_type(struct calling *c, const UA_Variant *v, size_t i)
{
    struct json_writer *w = &c->method.request->writer;
    const UA_DataType *type = v->type;
    if (type == NULL && i < c->method.output_count)
        type = opcua_data_type_wire(&c->method.output[i].dataType);
    if (type)
        json_name(w, "dataType"), json_put_text(w, opcua_data_type_builtin(type)->typeName);
}

static void put_results(void *arg)
{
    struct calling *c = arg;
    struct twin_request *r = c->method.request;
    struct json_writer *w = &r->writer;
    json_object(w);
    json_name(w, "results");
    json_array(w);
    for (size_t i = 0; i < c->output_count; i++) {
        json_object(w);
        json_name(w, "value");
        opcua_value_json_variant(&c->outputs[i], &r->form, w->out);
        w->comma = true;
        put_type(c, &c->outputs[i], i);
        json_end_object(w);
    }
    json_end_array(w);
    opcua_put_error(w, c->status, NULL);
    json_end_object(w);
    twin_request_done(r);
}

static void take_results(struct calling *c, UA_CallMethodResult *result)
{
    struct twin_request *r = c->method.request;
    c->status = result->statusCode;
    c->outputs = result->outputArguments;
    c->output_count = result->outputArgumentsSize;
    result->outputArguments = NULL; /* moved */
    result->outputArgumentsSize = 0;
    twin_request_own(r, c->outputs, c->output_count, &UA_TYPES[UA_TYPES_VARIANT]);
    twin_types_decode(r, (struct twin_variants){c->outputs, c->output_count, sizeof(UA_Variant)},
                      put_results, c);
}

/* Which argument the server did not like. */
static void fail_call(struct calling *c, const UA_CallMethodResult *result)
{
    struct buffer text = {0};
    buffer_text(&text, opcua_status_name(result->statusCode));
    for (size_t i = 0; i < result->inputArgumentResultsSize; i++)
        if (result->inputArgumentResults[i] != UA_STATUSCODE_GOOD)
            buffer_printf(&text, "; argument %zu: %s", i,
                          opcua_status_name(result->inputArgumentResults[i]));
    struct json_writer *w = &c->method.request->writer;
    json_object(w);
    opcua_put_error(w, result->statusCode, buffer_cstr(&text));
    json_end_object(w);
    buffer_clear(&text);
    twin_request_done(c->method.request);
}

static void on_called(void *arg, UA_StatusCode status, void *response)
{
    struct calling *c = arg;
    UA_CallResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != 1)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD)
        twin_request_fault(c->method.request, status, NULL);
    else if (UA_StatusCode_isBad(answer->results->statusCode))
        fail_call(c, answer->results);
    else
        take_results(c, answer->results);
}

static void call(struct calling *c)
{
    UA_CallMethodRequest one;
    UA_CallRequest request;
    UA_CallMethodRequest_init(&one);
    UA_CallRequest_init(&request);
    one.objectId = UA_NodeId_isNull(&c->object) ? c->method.object : c->object;
    one.methodId = c->method.node;
    one.inputArguments = c->inputs;
    one.inputArgumentsSize = c->method.input_count;
    request.methodsToCall = &one;
    request.methodsToCallSize = 1;
    TWIN_CALL(c->method.request, CALL, &request, on_called, c);
}

/* ---- the arguments ---- */

/* Zero, empty text, empty array: what stands for an argument that was not given. */
static void put_default(UA_Variant *out, const UA_DataType *type, int32_t rank)
{
    void *value = rank >= 0 ? UA_Array_new(0, type) : UA_new(type);
    if (type->typeKind == UA_DATATYPEKIND_VARIANT && rank < 0)
        UA_delete(value, type); /* an empty one */
    else if (rank >= 0)
        UA_Variant_setArray(out, value, 0, type);
    else
        UA_Variant_setScalar(out, value, type);
}

static bool make_input(struct calling *c, const UA_DataType *type)
{
    struct twin_request *r = c->method.request;
    const UA_Argument *wanted = &c->method.input[c->at];
    const struct json *given = json_at(c->arguments, c->at);
    const struct json *value = json_is(given, JSON_OBJECT) ? json_get_nocase(given, "value") : NULL;
    struct buffer why = {0};
    enum status s = OK;
    if (value == NULL || json_is(value, JSON_NULL))
        put_default(&c->inputs[c->at], type, wanted->valueRank);
    else
        s = opcua_value_json_read(value, type, wanted->valueRank, &r->names, &c->inputs[c->at],
                                  &why);
    if (s != OK)
        twin_request_fail(r, s, "argument %zu (%.*s): %s", c->at,
                          SLICE_FMT(opcua_slice(wanted->name)), buffer_cstr(&why));
    buffer_clear(&why);
    return s == OK;
}

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct calling *c = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(c->method.request, status, "An argument's data type is not known.");
        return;
    }
    if (!make_input(c, type))
        return;
    c->at++;
    make_inputs(c);
}

/* The caller may say which type an argument has, where the method takes any. */
static bool type_given(struct calling *c, UA_NodeId *out)
{
    struct slice name = json_string(json_get_nocase(json_at(c->arguments, c->at), "dataType"));
    const UA_DataType *wire = opcua_data_type_wire(out);
    if (name.len == 0 || wire == NULL || wire->typeKind != UA_DATATYPEKIND_VARIANT)
        return true;
    return twin_request_node_id(c->method.request, name, out);
}

/* One after the other: a data type may have to be looked up. */
static void make_inputs(void *arg)
{
    struct calling *c = arg;
    struct twin_request *r = c->method.request;
    if (c->at == c->method.input_count) {
        call(c);
        return;
    }
    UA_NodeId type = c->method.input[c->at].dataType;
    if (!type_given(c, &type))
        return;
    c->data_type = type;
    twin_types_find(r, &c->data_type, on_type, c);
}

static void on_method(void *arg)
{
    struct calling *c = arg;
    struct twin_request *r = c->method.request;
    size_t count = c->method.input_count;
    if (count > ARGUMENTS_MAX) {
        twin_request_fail(r, UNSUPPORTED, "The method has more than %d arguments.", ARGUMENTS_MAX);
        return;
    }
    if (json_count(c->arguments) > count) {
        twin_request_fault(r, UA_STATUSCODE_BADTOOMANYARGUMENTS, NULL);
        return;
    }
    const UA_DataType *type = &UA_TYPES[UA_TYPES_VARIANT];
    c->inputs = UA_Array_new(count, type);
    if (count)
        twin_request_own(r, c->inputs, count, type);
    twin_types_of_json(r, c->arguments, make_inputs, c);
}

/* ---- which method, of which object ---- */

static void on_method_node(void *arg, const UA_NodeId *node)
{
    struct calling *c = arg;
    c->method.node = *node;
    c->method.done = on_method;
    c->method.arg = c;
    twin_method_read(&c->method);
}

static void find_method(struct calling *c)
{
    const UA_NodeId *from = UA_NodeId_isNull(&c->object) ? NULL : &c->object;
    twin_target_find(c->method.request, "methodId", "methodBrowsePath", from, on_method_node, c);
}

static void on_object_node(void *arg, const UA_NodeId *node)
{
    struct calling *c = arg;
    c->object = *node;
    find_method(c);
}

static bool says(const struct twin_request *r, const char *member)
{
    const struct json *v = json_get_nocase(r->body, member);
    return json_string(v).len || json_count(v);
}

void twin_method_call(struct twin_request *r)
{
    struct calling *c = ARENA_TAKE(&r->arena, struct calling);
    twin_before_nothing(r);
    c->method.request = r;
    c->arguments = json_get_nocase(r->body, "arguments");
    if (says(r, "objectId") || says(r, "objectBrowsePath"))
        twin_target_find(r, "objectId", "objectBrowsePath", NULL, on_object_node, c);
    else
        find_method(c);
}
