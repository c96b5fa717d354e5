/* What is deleted of a history: a time, certain times, certain events. */
#include "base/encoding.h"
#include "twin/history_details.h"
#include "twin/history_update.h"

void history_delete_values(struct history_update *u)
{
    struct buffer why = {0};
    UA_DeleteRawModifiedDetails *d = history_update_details(u, UA_TYPES_DELETERAWMODIFIEDDETAILS);
    enum status s = history_details_time(u->given, "startTime", &d->startTime, &why);
    if (s == OK)
        s = history_details_time(u->given, "endTime", &d->endTime, &why);
    if (s == OK && (!d->startTime || !d->endTime)) { /* nobody means all of a history by nothing */
        buffer_text(&why, "startTime and endTime must both be there.");
        s = BAD_ARGUMENT;
    }
    d->isDeleteModified = u->modified;
    if (s == OK)
        history_update_send(u);
    else
        history_update_fail(u, s, &why);
    buffer_clear(&why);
}

void history_delete_at_times(struct history_update *u)
{
    struct buffer why = {0};
    struct history_times times;
    UA_DeleteAtTimeDetails *d = history_update_details(u, UA_TYPES_DELETEATTIMEDETAILS);
    enum status s = history_details_times(u->given, &times, &why);
    d->reqTimes = times.at;
    d->reqTimesSize = times.count;
    if (s == OK)
        history_update_send(u);
    else
        history_update_fail(u, s, &why);
    buffer_clear(&why);
}

static enum status read_event_id(const struct json *v, size_t at, UA_ByteString *out,
                                 struct buffer *why)
{
    struct buffer bytes = {0};
    enum status s = json_string(v).len ? base64_decode(json_string(v), &bytes) : BAD_FORMAT;
    UA_ByteString borrowed = opcua_string_of(buffer_slice(&bytes));
    if (s == OK)
        UA_ByteString_copy(&borrowed, out);
    else
        buffer_printf(why, "eventIds[%zu] is not base64.", at);
    buffer_clear(&bytes);
    return s == OK ? OK : BAD_ARGUMENT;
}

void history_delete_events(struct history_update *u)
{
    const struct json *list = json_get_nocase(u->given, "eventIds");
    size_t count = json_count(list);
    struct buffer why = {0};
    UA_DeleteEventDetails *d = history_update_details(u, UA_TYPES_DELETEEVENTDETAILS);
    enum status s = OK;
    if (!json_is(list, JSON_ARRAY) || count == 0 || count > HISTORY_UPDATES_MAX) {
        buffer_text(&why, "eventIds is an array of 1 to 10000 ids.");
        s = BAD_ARGUMENT;
    } else {
        d->eventIds = UA_Array_new(count, &UA_TYPES[UA_TYPES_BYTESTRING]);
        d->eventIdsSize = count;
    }
    struct json_walk w = json_walk(s == OK ? list : NULL);
    for (size_t i = 0; s == OK && json_next(&w); i++)
        s = read_event_id(w.value, i, &d->eventIds[i], &why);
    if (s == OK)
        history_update_send(u);
    else
        history_update_fail(u, s, &why);
    buffer_clear(&why);
}
