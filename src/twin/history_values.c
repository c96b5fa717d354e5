/* Values to be inserted into a history, each with its time: HistoricValue as 2.8 and 2.9 have it.
 */
#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "twin/history_details.h"
#include "twin/history_update.h"

/* A code, a symbol, or 2.9's {"statusCode":…}. */
static enum status read_status(const struct json *v, UA_DataValue *out, struct buffer *why)
{
    const struct json *code = json_get_nocase(v, "statusCode");
    uint64_t number;
    if (code == NULL)
        code = json_get_nocase(v, "status");
    if (json_is(code, JSON_OBJECT))
        code = json_get_nocase(code, "statusCode");
    if (code == NULL || json_is(code, JSON_NULL))
        return OK;
    out->hasStatus = true;
    if (json_u64(code, &number) && number <= UINT32_MAX) {
        out->status = (UA_StatusCode)number;
        return OK;
    }
    if (opcua_value_json_status_parse(json_string(code), &out->status))
        return OK;
    buffer_text(why, "statusCode is neither a number nor a status code's name.");
    return BAD_ARGUMENT;
}

/* -1 when there are none. */
static enum status read_picoseconds(const struct json *v, const char *member, int *out,
                                    struct buffer *why)
{
    const struct json *n = json_get_nocase(v, member);
    uint64_t number;
    *out = -1;
    if (n == NULL || json_is(n, JSON_NULL))
        return OK;
    if (!json_u64(n, &number) || number > 9999) { /* units of 10 ps (Part 6, 5.2.2.17) */
        buffer_printf(why, "%s is not a number of 0 to 9999.", member);
        return BAD_ARGUMENT;
    }
    *out = (int)number;
    return OK;
}

static enum status read_times(const struct json *v, UA_DataValue *out, struct buffer *why)
{
    int source = -1, server = -1;
    enum status s = history_details_time(v, "sourceTimestamp", &out->sourceTimestamp, why);
    if (s == OK)
        s = history_details_time(v, "serverTimestamp", &out->serverTimestamp, why);
    if (s == OK)
        s = read_picoseconds(v, "sourcePicoseconds", &source, why);
    if (s == OK)
        s = read_picoseconds(v, "serverPicoseconds", &server, why);
    out->hasSourcePicoseconds = source >= 0;
    out->sourcePicoseconds = source >= 0 ? (UA_UInt16)source : 0;
    out->hasServerPicoseconds = server >= 0;
    out->serverPicoseconds = server >= 0 ? (UA_UInt16)server : 0;
    out->hasSourceTimestamp = out->sourceTimestamp != 0;
    out->hasServerTimestamp = out->serverTimestamp != 0;
    if (s == OK && !out->hasSourceTimestamp && !out->hasServerTimestamp) {
        buffer_text(why, "There is no sourceTimestamp.");
        return BAD_ARGUMENT;
    }
    return s;
}

/* The value's own dataType, where it is one that OPC UA has; otherwise the node's. */
static const UA_DataType *type_of(const struct history_update *u, const struct json *v)
{
    UA_NodeId id =
        UA_NODEID_NUMERIC(0, opcua_data_type_id(json_string(json_get_nocase(v, "dataType"))));
    const UA_DataType *given = id.identifier.numeric ? opcua_data_type_wire(&id) : NULL;
    return given ? given : u->of.type;
}

static enum status read_value(struct history_update *u, const struct json *v, UA_DataValue *out,
                              struct buffer *why)
{
    const struct json *value = json_get_nocase(v, "value");
    if (!json_is(v, JSON_OBJECT)) {
        buffer_text(why, "It is not an object.");
        return BAD_ARGUMENT;
    }
    enum status s = read_status(v, out, why);
    if (s == OK)
        s = read_times(v, out, why);
    out->hasValue = value && !json_is(value, JSON_NULL);
    if (s != OK || !out->hasValue)
        return s;
    return twin_value_make(u->request, value, type_of(u, v), u->of.rank, u->of.current, &out->value,
                           why);
}

static void on_type(void *arg)
{
    struct history_update *u = arg;
    const struct json *list = json_get_nocase(u->given, "values");
    struct buffer why = {0};
    UA_UpdateDataDetails *d = history_update_details(u, UA_TYPES_UPDATEDATADETAILS);
    enum status s = OK;
    d->performInsertReplace = u->how;
    d->updateValues = UA_Array_new(json_count(list), &UA_TYPES[UA_TYPES_DATAVALUE]);
    d->updateValuesSize = json_count(list);
    struct json_walk w = json_walk(list);
    for (size_t i = 0; s == OK && json_next(&w); i++) {
        buffer_reset(&why);
        buffer_printf(&why, "values[%zu]: ", i);
        s = read_value(u, w.value, &d->updateValues[i], &why);
    }
    if (s == OK)
        history_update_send(u);
    else
        history_update_fail(u, s, &why);
    buffer_clear(&why);
}

void history_update_values(struct history_update *u)
{
    const struct json *list = json_get_nocase(u->given, "values");
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 ||
        json_count(list) > HISTORY_UPDATES_MAX) {
        twin_request_fail(u->request, BAD_ARGUMENT, "details: values is an array of 1 to %d.",
                          HISTORY_UPDATES_MAX);
        return;
    }
    u->of =
        (struct twin_node_type){.request = u->request, .node = u->node, .done = on_type, .arg = u};
    twin_node_type_read(&u->of);
}
