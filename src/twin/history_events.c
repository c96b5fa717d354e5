/* Events to be inserted into a history: the fields that the filter names, in its order. */
#include "opcua/event_clause.h"
#include "twin/history_details.h"
#include "twin/history_update.h"

static enum status read_field(struct history_update *u, const struct json *v,
                              const UA_SimpleAttributeOperand *field, UA_Variant *out,
                              struct buffer *why)
{
    return opcua_value_json_read(v, opcua_event_clause_type(field), UA_VALUERANK_ANY,
                                 &u->request->names, out, why);
}

static enum status read_event(struct history_update *u, const struct json *v,
                              const UA_EventFilter *filter, UA_HistoryEventFieldList *out,
                              struct buffer *why)
{
    const struct json *fields = json_get_nocase(v, "eventFields");
    size_t count = filter->selectClausesSize;
    if (!json_is(fields, JSON_ARRAY) || json_count(fields) != count) {
        buffer_printf(why, "eventFields is an array of %zu, as many as the filter selects.", count);
        return BAD_ARGUMENT;
    }
    out->eventFields = UA_Array_new(count, &UA_TYPES[UA_TYPES_VARIANT]);
    out->eventFieldsSize = count;
    enum status s = OK;
    size_t before = why->len;
    struct json_walk w = json_walk(fields);
    for (size_t i = 0; s == OK && json_next(&w); i++) {
        why->len = before;
        buffer_printf(why, "eventFields[%zu]: ", i);
        s = read_field(u, w.value, &filter->selectClauses[i], &out->eventFields[i], why);
    }
    return s;
}

static enum status read_events(struct history_update *u, const struct json *list,
                               UA_UpdateEventDetails *d, struct buffer *why)
{
    enum status s = history_details_filter(u->given, &u->request->names, &d->filter, why);
    if (s != OK)
        return s;
    d->eventData = UA_Array_new(json_count(list), &UA_TYPES[UA_TYPES_HISTORYEVENTFIELDLIST]);
    d->eventDataSize = json_count(list);
    struct json_walk w = json_walk(list);
    for (size_t i = 0; s == OK && json_next(&w); i++) {
        buffer_reset(why);
        buffer_printf(why, "events[%zu]: ", i);
        s = read_event(u, w.value, &d->filter, &d->eventData[i], why);
    }
    return s;
}

void history_update_events(struct history_update *u)
{
    const struct json *list = json_get_nocase(u->given, "events");
    struct buffer why = {0};
    UA_UpdateEventDetails *d = history_update_details(u, UA_TYPES_UPDATEEVENTDETAILS);
    enum status s = OK;
    d->performInsertReplace = u->how;
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 ||
        json_count(list) > HISTORY_UPDATES_MAX) {
        buffer_text(&why, "events is an array of 1 to 10000.");
        s = BAD_ARGUMENT;
    }
    if (s == OK)
        s = read_events(u, list, d, &why);
    if (s == OK)
        history_update_send(u);
    else
        history_update_fail(u, s, &why);
    buffer_clear(&why);
}
