/* HistoryRead and its kin: the first page, the next one, or all of them. */
#include "twin/history.h"
#include "twin/history_details.h"
#include "twin/methods.h"
#include "twin/points.h"
#include "twin/target.h"
#include "twin/types.h"

#define STREAM_BYTES_MAX (24u << 20) /* of an answer with all pages that is not passed on in pieces */

struct reading {
    struct twin_request *request;
    enum history_shape shape;
    bool all;                     /* page after page, one array */
    bool quit;                    /* the server is to forget the rest: no data is expected */
    UA_HistoryReadResult *result; /* until it was told */
    UA_HistoryReadRequest ask;    /* its details end with the request */
    UA_HistoryReadValueId node;   /* the only one */
};

/* ---- the answer ---- */

static void put_token(struct reading *h, const UA_ByteString *point)
{
    struct buffer token = {0};
    if (point->length == 0)
        return;
    h->node.continuationPoint = *point; /* borrowed, as long as it is encoded */
    history_token_print(&h->ask, &token);
    json_member(&h->request->writer, "continuationToken", buffer_slice(&token));
    buffer_clear(&token);
    h->request->hold = true;
}

static void answer_page(struct reading *h, const UA_HistoryReadResult *result)
{
    struct twin_request *r = h->request;
    struct json_writer *w = &r->writer;
    json_object(w);
    json_name(w, "history");
    if (h->shape == HISTORY_RAW) {
        history_put_raw(r, &result->historyData);
    } else {
        json_array(w);
        history_put_elements(r, h->shape, &result->historyData);
        json_end_array(w);
    }
    put_token(h, &result->continuationPoint);
    opcua_put_error(w, result->statusCode, NULL);
    json_end_object(w);
    twin_request_done(r);
}

/* ---- all pages ---- */

static void ask(struct reading *h);

static void end_pages(struct reading *h)
{
    json_end_array(&h->request->writer);
    twin_request_done(h->request);
}

static void drop_result(struct reading *h)
{
    if (h->result)
        UA_delete(h->result, &UA_TYPES[UA_TYPES_HISTORYREADRESULT]);
    h->result = NULL;
}

/* Pages that are not asked for any more: the caller has gone, there are too many, or it takes too long. */
static void on_end(void *arg)
{
    struct reading *h = arg;
    drop_result(h);
    if (h->all && h->node.continuationPoint.length)
        twin_points_release_history(h->request, &h->ask);
}

static void ask_on(void *arg)
{
    struct reading *h = arg;
    if (h->request->abandoned)
        twin_request_fail(h->request, CANCELLED, "Nobody takes the answer any more.");
    else
        ask(h);
}

static void on_page(struct reading *h)
{
    UA_HistoryReadResult *result = h->result;
    struct twin_request *r = h->request;
    UA_ByteString_init(&h->node.continuationPoint); /* that of the page before is used up */
    if (result->statusCode == UA_STATUSCODE_BADNODATA) {
        end_pages(h);
        return;
    }
    if (UA_StatusCode_isBad(result->statusCode)) {
        twin_request_fault(r, result->statusCode, NULL);
        return;
    }
    history_put_elements(r, h->shape, &result->historyData);
    h->node.continuationPoint =
        opcua_string_of(arena_copy(&r->arena, opcua_slice(result->continuationPoint)));
    if (r->out.len > STREAM_BYTES_MAX) {
        twin_request_fail(
            r, TOO_LARGE,
            "The history is larger than 24 MB: ask for a shorter time, or for pages.");
        return;
    }
    drop_result(h);
    if (h->node.continuationPoint.length == 0) {
        end_pages(h);
        return;
    }
    if (twin_request_pass_on(r, ask_on, h))
        ask_on(h);
}

/* ---- asking ---- */

static void tell(void *arg)
{
    struct reading *h = arg;
    if (h->all)
        on_page(h);
    else
        answer_page(h, h->result);
}

/* The values in it; events have none of a server's own types, or in their bytes. */
static struct twin_variants values_of(UA_ExtensionObject *data)
{
    bool decoded = data->encoding >= UA_EXTENSIONOBJECT_DECODED;
    const UA_DataType *type = decoded ? data->content.decoded.type : NULL;
    /* Modified data begins with the same members. */
    UA_HistoryData *values = decoded ? data->content.decoded.data : NULL;
    if (type == &UA_TYPES[UA_TYPES_HISTORYDATA] || type == &UA_TYPES[UA_TYPES_HISTORYMODIFIEDDATA])
        return twin_variants_of(values->dataValues, values->dataValuesSize);
    return (struct twin_variants){0};
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct reading *h = arg;
    struct twin_request *r = h->request;
    UA_HistoryReadResponse *answer = response;
    const UA_DataType *type = &UA_TYPES[UA_TYPES_HISTORYREADRESULT];
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != 1 && !h->quit)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    h->result = UA_new(type);
    if (answer->resultsSize) {
        *h->result = *answer->results;
        UA_init(answer->results, type); /* moved */
    }
    twin_types_decode(r, values_of(&h->result->historyData), tell, h);
}

static void ask(struct reading *h)
{
    h->ask.nodesToRead = &h->node;
    h->ask.nodesToReadSize = 1;
    TWIN_CALL(h->request, HISTORYREAD, &h->ask, on_read, h);
}

static void on_node(void *arg, const UA_NodeId *node)
{
    struct reading *h = arg;
    h->node.nodeId = *node;
    if (h->all)
        json_array(&h->request->writer);
    ask(h);
}

static struct reading *reading_new(struct twin_request *r, enum history_shape shape, bool all)
{
    struct reading *h = ARENA_TAKE(&r->arena, struct reading);
    h->request = r;
    h->shape = shape;
    h->all = r->array = all;
    r->on_end = on_end;
    r->on_end_arg = h;
    return h;
}

/* ---- the first page ---- */

static void begin(struct twin_request *r, enum history_shape shape, history_details_fn *details,
                  bool all)
{
    struct reading *h = reading_new(r, shape, all);
    struct buffer why = {0};
    UA_ExtensionObject *what = UA_ExtensionObject_new();
    twin_request_own(r, what, 1, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    enum status s = details(json_get_nocase(r->body, "details"), &r->names, what, &why);
    h->ask.historyReadDetails = *what;
    h->node.indexRange = opcua_string_of(json_string(json_get_nocase(r->body, "indexRange")));
    if (s != OK)
        twin_request_fail(r, s, "details: %s", buffer_cstr(&why));
    else if (twin_request_times(r, &h->ask.timestampsToReturn))
        twin_target_find(r, "nodeId", "browsePath", NULL, on_node, h);
    buffer_clear(&why);
}

/* Details as they are: {"TypeId":"i=647","Body":{…}}. */
static enum status raw_details(const struct json *details, const struct opcua_namespaces *names,
                               UA_ExtensionObject *out, struct buffer *why)
{
    UA_Variant v;
    UA_Variant_init(&v);
    if (!json_is(details, JSON_OBJECT)) {
        buffer_text(why, "They are an object with TypeId and Body.");
        return BAD_ARGUMENT;
    }
    enum status s = opcua_value_json_read(details, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT],
                                          UA_VALUERANK_SCALAR, names, &v, why);
    if (s == OK && v.data) {
        *out = *(UA_ExtensionObject *)v.data;
        UA_ExtensionObject_init(v.data); /* moved */
    }
    UA_Variant_clear(&v);
    return s;
}

void twin_history_read(struct twin_request *r)
{
    begin(r, HISTORY_RAW, raw_details, false);
}

#define FIRST(method, shape, details)                                                              \
    void twin_history_read_##method(struct twin_request *r)                                        \
    {                                                                                              \
        begin(r, shape, details, false);                                                           \
    }                                                                                              \
    void twin_history_stream_##method(struct twin_request *r)                                      \
    {                                                                                              \
        begin(r, shape, details, true);                                                            \
    }

FIRST(values, HISTORY_VALUES, history_details_values)
FIRST(modified, HISTORY_VALUES, history_details_modified)
FIRST(at_times, HISTORY_VALUES, history_details_at_times)
FIRST(processed, HISTORY_VALUES, history_details_processed)
FIRST(events, HISTORY_EVENTS, history_details_events)

/* ---- the next page ---- */

static void begin_next(struct twin_request *r, enum history_shape shape)
{
    struct reading *h = reading_new(r, shape, false);
    struct slice token = json_string(json_get_nocase(r->body, "continuationToken"));
    const UA_DataType *type = &UA_TYPES[UA_TYPES_HISTORYREADREQUEST];
    UA_HistoryReadRequest *before = UA_new(type);
    twin_request_own(r, before, 1, type);
    if (history_token_parse(token, before) != OK) {
        twin_request_fail(r, BAD_ARGUMENT, "continuationToken is not one that HistoryRead gave.");
        return;
    }
    h->ask.historyReadDetails = before->historyReadDetails;
    h->ask.timestampsToReturn = before->timestampsToReturn;
    h->ask.releaseContinuationPoints = json_bool(json_get_nocase(r->body, "abort"), false);
    h->quit = h->ask.releaseContinuationPoints;
    h->node = *before->nodesToRead;
    ask(h);
}

void twin_history_read_next(struct twin_request *r)
{
    begin_next(r, HISTORY_RAW);
}

void twin_history_read_values_next(struct twin_request *r)
{
    begin_next(r, HISTORY_VALUES);
}

void twin_history_read_events_next(struct twin_request *r)
{
    begin_next(r, HISTORY_EVENTS);
}
