/* NodeRead and NodeWrite: any attributes of any nodes; one result for each, in order. */
#include "opcua/data_type.h"
#include "twin/attribute.h"
#include "twin/before.h"
#include "twin/methods.h"
#include "twin/node_type.h"
#include "twin/read.h"
#include "twin/types.h"

#define ATTRIBUTES_MAX 1000 /* in one request */

struct item {
    UA_NodeId node;
    const struct twin_attribute *attribute;
    const struct json *value;
    const UA_DataValue *of; /* of a value to be written: its node's DataType and ValueRank */
    int32_t rank;
    UA_StatusCode error; /* not sent at all */
    const char *text;
};

struct batch {
    struct twin_request *request;
    struct item *items;
    size_t count;
    UA_ReadValueId *reads;
    UA_WriteValue *writes;
    size_t making;         /* the first item that is not a write yet */
    size_t at, sent, good; /* of the writes */
    UA_StatusCode *results;
};

static bool fail_item(struct twin_request *r, size_t i, const char *what)
{
    twin_request_fail(r, BAD_ARGUMENT, "attributes[%zu] %s", i, what);
    return false;
}

/* An id in a namespace that the server lacks is the one item's failure. */
static bool parse_node(struct batch *b, size_t i, struct slice text)
{
    struct item *item = &b->items[i];
    struct buffer why = {0};
    enum status s = opcua_node_id_parse(text, &b->request->names, &item->node, &why);
    if (s == OK) {
        twin_request_own_id(b->request, &item->node);
    } else if (s == NOT_FOUND) {
        item->error = UA_STATUSCODE_BADNODEIDUNKNOWN;
        item->text = arena_text(&b->request->arena, buffer_slice(&why));
    } else {
        twin_request_fail(b->request, s, "attributes[%zu]: %s", i, buffer_cstr(&why));
    }
    buffer_clear(&why);
    return s == OK || s == NOT_FOUND;
}

static bool parse_item(struct batch *b, size_t i, const struct json *v)
{
    struct item *item = &b->items[i];
    item->attribute = twin_attribute_find(json_string(json_get_nocase(v, "attribute")));
    item->value = json_get_nocase(v, "value");
    if (item->attribute == NULL)
        return fail_item(b->request, i, "names no attribute that is known.");
    return parse_node(b, i, json_string(json_get_nocase(v, "nodeId")));
}

/* NULL after the request has ended. */
static struct batch *parse(struct twin_request *r)
{
    const struct json *list = json_get_nocase(r->body, "attributes");
    struct json_walk walk = json_walk(list);
    struct batch *b = ARENA_TAKE(&r->arena, struct batch);
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > ATTRIBUTES_MAX) {
        twin_request_fail(r, BAD_ARGUMENT, "attributes is an array of 1 to %d.", ATTRIBUTES_MAX);
        return NULL;
    }
    b->request = r;
    b->items = ARENA_TAKE_N(&r->arena, struct item, json_count(list));
    b->reads = ARENA_TAKE_N(&r->arena, UA_ReadValueId, json_count(list) * 2);
    while (json_next(&walk))
        if (!parse_item(b, b->count++, walk.value))
            return NULL;
    return b;
}

/* ---- read ---- */

static void put_read(struct batch *b, const struct item *item, const UA_DataValue *v)
{
    struct json_writer *w = &b->request->writer;
    json_object(w);
    if (v && v->hasValue && !UA_Variant_isEmpty(&v->value)) {
        json_name(w, "value");
        opcua_value_json_variant(&v->value, &b->request->form, w->out);
        w->comma = true;
    } else {
        json_name(w, "value"), json_put_null(w); /* 2.9 requires it */
    }
    if (v == NULL)
        opcua_put_error(w, item->error, item->text);
    else if (v->hasStatus)
        opcua_put_error(w, v->status, NULL);
    json_end_object(w);
}

static void on_read(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct batch *b = arg;
    struct json_writer *w = &b->request->writer;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(b->request, status, NULL);
        return;
    }
    json_object(w);
    json_name(w, "results");
    json_array(w);
    for (size_t i = 0, at = 0; i < b->count; i++)
        put_read(b, &b->items[i], b->items[i].error ? NULL : &values[at++]);
    json_end_array(w);
    json_end_object(w);
    twin_request_done(b->request);
}

void twin_node_read(struct twin_request *r)
{
    struct batch *b = parse(r);
    size_t count = 0;
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++)
        if (!b->items[i].error)
            b->reads[count++] = (UA_ReadValueId){.nodeId = b->items[i].node,
                                                 .attributeId = b->items[i].attribute->id};
    twin_read(r, b->reads, count, on_read, b);
}

/* ---- write ---- */

static void write_some(struct batch *b);

static void put_written(struct batch *b)
{
    struct json_writer *w = &b->request->writer;
    json_object(w);
    json_name(w, "results");
    json_array(w);
    for (size_t i = 0; i < b->count; i++) {
        json_object(w);
        opcua_put_error(w, b->items[i].error, b->items[i].text);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    twin_request_done(b->request);
}

/* The results belong to the items that were sent, in their order. */
static void spread_results(struct batch *b)
{
    size_t at = 0;
    for (size_t i = 0; i < b->count; i++)
        if (!b->items[i].error)
            b->items[i].error = b->results[at++];
    put_written(b);
}

static void on_written(void *arg, UA_StatusCode status, void *response)
{
    struct batch *b = arg;
    UA_WriteResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != b->sent)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(b->request, status, NULL);
        return;
    }
    memcpy(b->results + b->at, answer->results, b->sent * sizeof(*b->results));
    b->at += b->sent;
    write_some(b);
}

static void write_some(struct batch *b)
{
    size_t limit = opcua_session_limits(b->request->session)->nodes_per_write;
    UA_WriteRequest request;
    UA_WriteRequest_init(&request);
    if (b->at == b->good) {
        spread_results(b);
        return;
    }
    b->sent = limit && limit < b->good - b->at ? limit : b->good - b->at;
    request.nodesToWrite = b->writes + b->at;
    request.nodesToWriteSize = b->sent;
    TWIN_CALL(b->request, WRITE, &request, on_written, b);
}

static void go_on(void *arg)
{
    write_some(arg);
}

static void look_before(struct batch *b)
{
    UA_ReadValueId ids[TWIN_BEFORE_MAX];
    size_t count = 0;
    for (; count < b->good && count < TWIN_BEFORE_MAX; count++)
        ids[count] = (UA_ReadValueId){.nodeId = b->writes[count].nodeId,
                                      .attributeId = b->writes[count].attributeId};
    twin_before_attributes(b->request, ids, count, go_on, b);
}

static void make_write(struct batch *b, struct item *item, const UA_DataType *type, int32_t rank)
{
    struct twin_request *r = b->request;
    struct buffer why = {0};
    UA_WriteValue *w = &b->writes[b->good];
    enum status s = twin_value_make(r, item->value, type, rank, NULL, &w->value.value, &why);
    if (s == OK) {
        b->good++;
        w->attributeId = item->attribute->id;
        w->value.hasValue = true;
        if (UA_NodeId_copy(&item->node, &w->nodeId) != UA_STATUSCODE_GOOD)
            UA_NodeId_init(&w->nodeId);
    } else {
        item->error = UA_STATUSCODE_BADTYPEMISMATCH;
        item->text = arena_text(&r->arena, buffer_slice(&why));
    }
    buffer_clear(&why);
}

static bool is_value(const struct item *item)
{
    return item->attribute->id == UA_ATTRIBUTEID_VALUE;
}

static void make_writes(void *arg);

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct batch *b = arg;
    struct item *item = &b->items[b->making++];
    if (status != UA_STATUSCODE_GOOD)
        item->error = status;
    else
        make_write(b, item, type, item->rank);
    make_writes(b);
}

/* For values the node itself says what they are. False: it has to be looked up, or has been. */
static bool make_value_write(struct batch *b, struct item *item)
{
    const UA_NodeId *type = twin_read_scalar(&item->of[0], UA_TYPES_NODEID);
    const UA_Int32 *rank = twin_read_scalar(&item->of[1], UA_TYPES_INT32);
    item->rank = rank ? *rank : UA_VALUERANK_ANY;
    if (type == NULL) {
        item->error = item->of[0].hasStatus && item->of[0].status ? item->of[0].status
                                                                  : UA_STATUSCODE_BADTYPEMISMATCH;
        return true;
    }
    const UA_DataType *known = opcua_data_type_wire(type);
    if (known == NULL) {
        twin_types_find(b->request, type, on_type, b);
        return false;
    }
    make_write(b, item, known, item->rank);
    return true;
}

static void make_writes(void *arg)
{
    struct batch *b = arg;
    for (; b->making < b->count; b->making++) {
        struct item *item = &b->items[b->making];
        if (item->error)
            continue;
        if (!is_value(item))
            make_write(b, item, &UA_TYPES[item->attribute->type], item->attribute->rank);
        else if (!make_value_write(b, item))
            return;
    }
    look_before(b);
}

static void on_types(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct batch *b = arg;
    size_t at = 0;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(b->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        if (!b->items[i].error && is_value(&b->items[i])) {
            b->items[i].of = values + at;
            at += 2;
        }
    twin_types_of_json(b->request, json_get_nocase(b->request->body, "attributes"), make_writes,
                       b);
}

void twin_node_write(struct twin_request *r)
{
    struct batch *b = parse(r);
    size_t count = 0;
    if (b == NULL)
        return;
    const UA_DataType *type = &UA_TYPES[UA_TYPES_WRITEVALUE];
    b->writes = twin_request_own(r, UA_Array_new(b->count, type), b->count, type);
    b->results = ARENA_TAKE_N(&r->arena, UA_StatusCode, b->count);
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].error || !is_value(&b->items[i]))
            continue;
        b->reads[count++] =
            (UA_ReadValueId){.nodeId = b->items[i].node, .attributeId = UA_ATTRIBUTEID_DATATYPE};
        b->reads[count++] =
            (UA_ReadValueId){.nodeId = b->items[i].node, .attributeId = UA_ATTRIBUTEID_VALUERANK};
    }
    twin_read(r, b->reads, count, on_types, b);
}
