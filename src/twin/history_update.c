/* HistoryUpdate and its kin: values and events inserted, replaced, and deleted. */
#include "twin/history_update.h"

#include "twin/before.h"
#include "twin/methods.h"
#include "twin/target.h"

/* ---- the answer ---- */

static void on_updated(void *arg, UA_StatusCode status, void *response)
{
    struct history_update *u = arg;
    struct twin_request *r = u->request;
    struct json_writer *w = &r->writer;
    UA_HistoryUpdateResponse *answer = response;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize != 1)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(r, status, NULL);
        return;
    }
    const UA_HistoryUpdateResult *result = answer->results;
    json_object(w);
    json_name(w, "results");
    json_array(w);
    for (size_t i = 0; i < result->operationResultsSize; i++)
        opcua_put_result(w, result->operationResults[i], NULL);
    json_end_array(w);
    opcua_put_error(w, result->statusCode, NULL);
    json_end_object(w);
    twin_request_done(r);
}

/* ---- asking ---- */

/* All details begin with the node (Part 11, 6.8). */
static const size_t kinds[] = {
    UA_TYPES_UPDATEDATADETAILS,   UA_TYPES_UPDATESTRUCTUREDATADETAILS,
    UA_TYPES_UPDATEEVENTDETAILS,  UA_TYPES_DELETERAWMODIFIEDDETAILS,
    UA_TYPES_DELETEATTIMEDETAILS, UA_TYPES_DELETEEVENTDETAILS,
};

static UA_NodeId *node_of(UA_ExtensionObject *details)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (details->encoding >= UA_EXTENSIONOBJECT_DECODED &&
            details->content.decoded.type == &UA_TYPES[kinds[i]])
            return details->content.decoded.data;
    return NULL;
}

static void send(void *arg)
{
    struct history_update *u = arg;
    UA_HistoryUpdateRequest request;
    UA_HistoryUpdateRequest_init(&request);
    request.historyUpdateDetails = u->details;
    request.historyUpdateDetailsSize = 1;
    TWIN_CALL(u->request, HISTORYUPDATE, &request, on_updated, u);
}

void history_update_send(struct history_update *u)
{
    UA_NodeId *node = node_of(u->details);
    if (node && UA_NodeId_isNull(node))
        UA_NodeId_copy(&u->node, node);
    twin_before_history(u->request, node ? node : &u->node, u->details, send, u);
}

static void on_node(void *arg, const UA_NodeId *node)
{
    struct history_update *u = arg;
    u->node = *node;
    u->make(u);
}

void history_update_fail(struct history_update *u, enum status why, struct buffer *text)
{
    twin_request_fail(u->request, why, "details: %s", buffer_cstr(text));
}

static void begin(struct twin_request *r, history_update_fn *make_details, UA_PerformUpdateType how,
                  bool modified)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
    struct history_update *u = ARENA_TAKE(&r->arena, struct history_update);
    *u = (struct history_update){.request = r,
                                 .given = json_get_nocase(r->body, "details"),
                                 .details = UA_new(type),
                                 .make = make_details,
                                 .how = how,
                                 .modified = modified};
    twin_request_own(r, u->details, 1, type);
    if (!json_is(u->given, JSON_OBJECT))
        twin_request_fail(r, BAD_ARGUMENT, "There are no details.");
    else
        twin_target_find(r, "nodeId", "browsePath", NULL, on_node, u);
}

void *history_update_details(struct history_update *u, size_t type)
{
    void *value = UA_new(&UA_TYPES[type]);
    UA_ExtensionObject_setValue(u->details, value, &UA_TYPES[type]);
    return value;
}

/* ---- as they are: {"TypeId":"i=680","Body":{…}} ---- */

static void make_raw(struct history_update *u)
{
    struct twin_request *r = u->request;
    struct buffer why = {0};
    UA_Variant v;
    UA_Variant_init(&v);
    enum status s = opcua_value_json_read(u->given, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT],
                                          UA_VALUERANK_SCALAR, &r->names, &v, &why);
    if (s == OK) {
        *u->details = *(UA_ExtensionObject *)v.data;
        UA_ExtensionObject_init(v.data); /* moved */
    }
    UA_Variant_clear(&v);
    if (s != OK)
        history_update_fail(u, s, &why);
    else
        history_update_send(u);
    buffer_clear(&why);
}

/* ---- the methods ---- */

#define METHOD(name, make, how, modified)                                                          \
    void twin_history_##name(struct twin_request *r)                                               \
    {                                                                                              \
        begin(r, make, how, modified);                                                             \
    }

METHOD(update, make_raw, 0, false)
METHOD(insert_values, history_update_values, UA_PERFORMUPDATETYPE_INSERT, false)
METHOD(replace_values, history_update_values, UA_PERFORMUPDATETYPE_REPLACE, false)
METHOD(upsert_values, history_update_values, UA_PERFORMUPDATETYPE_UPDATE, false)
METHOD(insert_events, history_update_events, UA_PERFORMUPDATETYPE_INSERT, false)
METHOD(replace_events, history_update_events, UA_PERFORMUPDATETYPE_REPLACE, false)
METHOD(upsert_events, history_update_events, UA_PERFORMUPDATETYPE_UPDATE, false)
METHOD(delete_values, history_delete_values, 0, false)
METHOD(delete_modified, history_delete_values, 0, true)
METHOD(delete_at_times, history_delete_at_times, 0, false)
METHOD(delete_events, history_delete_events, 0, false)
