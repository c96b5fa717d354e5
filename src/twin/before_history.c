/* What a change of a history is about, read before it: the values at its times, the events with its
 * ids. */
#include "twin/before.h"

#include <stdlib.h>

#include "twin/history.h"
#include "twin/history_details.h"
#include "twin/points.h"

#define READ_MAX 1000   /* values or events among which they are looked for */
#define WANTED_MAX 1000 /* of a change of more, the first ones */
#define DAY_MS (24LL * 3600 * 1000)

struct looking {
    struct twin_request *request;
    const UA_ExtensionObject *details;
    twin_before_fn *go_on;
    void *arg;
    UA_HistoryReadRequest ask; /* its details end with the request */
    UA_HistoryReadValueId node;
    UA_DateTime *times; /* those that are wanted, in order; NULL: all between */
    size_t time_count;
    UA_ByteString *ids; /* of events, likewise; the bytes are the details' */
    size_t id_count, id_at;   /* id_at: of the fields; SIZE_MAX: there is none */
    struct json_writer writer;
    size_t pages, seen, told; /* `seen` among which those were that were told */
    uint64_t ends_ms;
};

/* ---- what came ---- */

static UA_DateTime time_of(const UA_DataValue *v)
{
    return v->hasSourceTimestamp ? v->sourceTimestamp : v->serverTimestamp;
}

static int order_of_times(const void *a, const void *b)
{
    const UA_DateTime *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static int order_of_ids(const void *a, const void *b)
{
    const UA_ByteString *one = a, *other = b;
    if (one->length != other->length)
        return one->length < other->length ? -1 : 1;
    return one->length ? memcmp(one->data, other->data, one->length) : 0;
}

static bool wants_value(const struct looking *l, const UA_DataValue *v)
{
    const UA_DateTime at = time_of(v);
    return l->times == NULL || bsearch(&at, l->times, l->time_count, sizeof at, order_of_times);
}

static bool wants_event(const struct looking *l, const UA_HistoryEventFieldList *e)
{
    const UA_Variant *id = l->id_at < e->eventFieldsSize ? &e->eventFields[l->id_at] : NULL;
    return id && UA_Variant_hasScalarType(id, &UA_TYPES[UA_TYPES_BYTESTRING]) &&
           bsearch(id->data, l->ids, l->id_count, sizeof *l->ids, order_of_ids);
}

static bool is_known(const UA_ExtensionObject *data)
{
    const UA_DataType *type = data->content.decoded.type;
    return data->encoding >= UA_EXTENSIONOBJECT_DECODED &&
           (type == &UA_TYPES[UA_TYPES_HISTORYEVENT] || type == &UA_TYPES[UA_TYPES_HISTORYDATA] ||
            type == &UA_TYPES[UA_TYPES_HISTORYMODIFIEDDATA]);
}

/* Modified data begins with the same members as data. */
static size_t *count_of(UA_ExtensionObject *data)
{
    const UA_DataType *type = data->content.decoded.type;
    if (type == &UA_TYPES[UA_TYPES_HISTORYEVENT])
        return &((UA_HistoryEvent *)data->content.decoded.data)->eventsSize;
    return &((UA_HistoryData *)data->content.decoded.data)->dataValuesSize;
}

/* Those that are wanted stand first afterwards; how many. */
static size_t sort_out(const struct looking *l, UA_ExtensionObject *data)
{
    size_t kept = 0, max = TWIN_BEFORE_MAX - l->told;
    const UA_DataType *type = data->content.decoded.type;
    if (type == &UA_TYPES[UA_TYPES_HISTORYEVENT]) {
        UA_HistoryEvent *e = data->content.decoded.data;
        for (size_t i = 0; i < e->eventsSize && kept < max; i++)
            if (wants_event(l, &e->events[i])) {
                UA_HistoryEventFieldList one = e->events[kept];
                e->events[kept++] = e->events[i];
                e->events[i] = one;
            }
    } else if (type == &UA_TYPES[UA_TYPES_HISTORYDATA]) {
        UA_HistoryData *d = data->content.decoded.data;
        for (size_t i = 0; i < d->dataValuesSize && kept < max; i++)
            if (wants_value(l, &d->dataValues[i])) {
                UA_DataValue one = d->dataValues[kept];
                d->dataValues[kept++] = d->dataValues[i];
                d->dataValues[i] = one;
            }
    } else {
        size_t all = *count_of(data);
        kept = all < max ? all : max;
    }
    return kept;
}

/* With a writer of its own: the answer's has its turn later. */
static void put(struct looking *l, UA_ExtensionObject *data)
{
    struct twin_request *r = l->request;
    const struct json_writer answer = r->writer;
    size_t kept = sort_out(l, data), *count = kept ? count_of(data) : NULL, all = kept ? *count : 0;
    if (kept == 0)
        return;
    r->writer = l->writer;
    *count = kept; /* the others are cleared with the answer, and are to be there by then */
    history_put_elements(r, l->id_count > 0 ? HISTORY_EVENTS : HISTORY_VALUES, data);
    *count = all;
    l->writer = r->writer;
    r->writer = answer;
    l->told += kept;
}

static void take(struct looking *l, UA_HistoryReadResult *result)
{
    if (l->pages++ == 0) {
        l->writer = json_writer(&l->request->before);
        json_object(&l->writer);
        json_name(&l->writer, "history"), json_array(&l->writer);
    }
    if (is_known(&result->historyData)) {
        put(l, &result->historyData);
        l->seen += *count_of(&result->historyData);
    }
}

static void end(struct looking *l)
{
    if (l->pages) {
        json_end_array(&l->writer);
        json_end_object(&l->writer);
    }
    l->go_on(l->arg);
}

static void send(struct looking *l);

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct looking *l = arg;
    UA_HistoryReadResponse *answer = response;
    UA_HistoryReadResult *result =
        status == UA_STATUSCODE_GOOD && answer->resultsSize == 1 ? answer->results : NULL;
    if (result == NULL || UA_StatusCode_isBad(result->statusCode)) {
        end(l);
        return;
    }
    take(l, result);
    l->node.continuationPoint =
        opcua_string_of(arena_copy(&l->request->arena, opcua_slice(result->continuationPoint)));
    if (l->node.continuationPoint.length == 0) {
        end(l);
    } else if (l->told < TWIN_BEFORE_MAX && l->seen < READ_MAX && l->pages < READ_MAX) {
        send(l);
    } else {
        twin_points_release_history(l->request, &l->ask);
        end(l);
    }
}

static void send(struct looking *l)
{
    uint64_t now = loop_now_ms(opcua_thread_loop(l->request->twin->thread));
    uint32_t left = l->ends_ms > now ? (uint32_t)(l->ends_ms - now) : 1;
    OPCUA_CALL(l->request->session, OPCUA_CALL_NOW, HISTORYREAD, &l->ask, on_read, l, left);
}

static void ask(struct looking *l, UA_ExtensionObject *details)
{
    uint32_t left = twin_request_left_ms(l->request);
    l->ends_ms = loop_now_ms(opcua_thread_loop(l->request->twin->thread)) +
                 (left < TWIN_BEFORE_MS ? left : TWIN_BEFORE_MS);
    l->ask.historyReadDetails = *details;
    l->ask.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
    l->ask.nodesToRead = &l->node;
    l->ask.nodesToReadSize = 1;
    send(l);
}

/* ---- what is asked for ---- */

static void *new_details(struct looking *l, UA_ExtensionObject **out, size_t type)
{
    void *value = UA_new(&UA_TYPES[type]);
    *out = twin_request_own(l->request, UA_ExtensionObject_new(), 1,
                            &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    UA_ExtensionObject_setValue(*out, value, &UA_TYPES[type]);
    return value;
}

/* The end of a time that is in it. */
static UA_DateTime behind(UA_DateTime t)
{
    return t < INT64_MAX ? t + 1 : t;
}

static void ask_values(struct looking *l, UA_DateTime from, UA_DateTime until, bool modified)
{
    UA_ExtensionObject *details;
    UA_ReadRawModifiedDetails *d = new_details(l, &details, UA_TYPES_READRAWMODIFIEDDETAILS);
    d->startTime = from;
    d->endTime = until;
    d->isReadModified = modified;
    d->numValuesPerNode = READ_MAX;
    ask(l, details);
}

/* So many at most: a line of the log tells TWIN_BEFORE_MAX of them. */
static size_t wanted(size_t count)
{
    return count < WANTED_MAX ? count : WANTED_MAX;
}

/* From the earliest of the times to the latest, which is in it. */
static void ask_times(struct looking *l)
{
    qsort(l->times, l->time_count, sizeof *l->times, order_of_times);
    ask_values(l, l->times[0], behind(l->times[l->time_count - 1]), false);
}

static void ask_updated(struct looking *l, const UA_UpdateDataDetails *d)
{
    l->time_count = wanted(d->updateValuesSize);
    l->times = ARENA_TAKE_N(&l->request->arena, UA_DateTime, l->time_count);
    for (size_t i = 0; i < l->time_count; i++)
        l->times[i] = time_of(&d->updateValues[i]);
    ask_times(l);
}

static void ask_deleted(struct looking *l, const UA_DeleteAtTimeDetails *d)
{
    l->time_count = wanted(d->reqTimesSize);
    l->times = ARENA_TAKE_N(&l->request->arena, UA_DateTime, l->time_count);
    memcpy(l->times, d->reqTimes, l->time_count * sizeof *l->times);
    ask_times(l);
}

static size_t field_of(const UA_EventFilter *filter, const char *name)
{
    const UA_String wanted = opcua_string_of(slice_of(name));
    for (size_t i = 0; i < filter->selectClausesSize; i++) {
        const UA_SimpleAttributeOperand *o = &filter->selectClauses[i];
        if (o->browsePathSize == 1 && UA_String_equal(&o->browsePath->name, &wanted))
            return i;
    }
    return SIZE_MAX;
}

/* Events are found by time alone; which they are, their ids say. */
static void ask_events(struct looking *l, const UA_EventFilter *filter, UA_DateTime from,
                       UA_DateTime until)
{
    UA_ExtensionObject *details;
    UA_ReadEventDetails *d = new_details(l, &details, UA_TYPES_READEVENTDETAILS);
    d->startTime = from;
    d->endTime = until;
    d->numValuesPerNode = READ_MAX;
    UA_EventFilter_copy(filter, &d->filter);
    l->id_at = field_of(filter, "EventId");
    qsort(l->ids, l->id_count, sizeof *l->ids, order_of_ids);
    ask(l, details);
}

static bool ask_updated_events(struct looking *l, const UA_UpdateEventDetails *d)
{
    size_t id = field_of(&d->filter, "EventId"), time = field_of(&d->filter, "Time");
    UA_DateTime from = 0, until = 0;
    if (id == SIZE_MAX || time == SIZE_MAX)
        return false;
    l->ids = ARENA_TAKE_N(&l->request->arena, UA_ByteString, wanted(d->eventDataSize));
    for (size_t i = 0; i < wanted(d->eventDataSize); i++) {
        const UA_Variant *fields = d->eventData[i].eventFields;
        if (d->eventData[i].eventFieldsSize != d->filter.selectClausesSize ||
            !UA_Variant_hasScalarType(&fields[id], &UA_TYPES[UA_TYPES_BYTESTRING]) ||
            !UA_Variant_hasScalarType(&fields[time], &UA_TYPES[UA_TYPES_DATETIME]))
            continue;
        const UA_DateTime at = *(UA_DateTime *)fields[time].data;
        from = from == 0 || at < from ? at : from;
        until = at > until ? at : until;
        l->ids[l->id_count++] = *(UA_ByteString *)fields[id].data;
    }
    if (l->id_count)
        ask_events(l, &d->filter, from, behind(until));
    return l->id_count > 0;
}

/* No time is known of them: all are looked through, as far as one answer goes, the latest first. */
static bool ask_deleted_events(struct looking *l, const UA_DeleteEventDetails *d)
{
    UA_EventFilter filter;
    struct buffer why = {0};
    UA_EventFilter_init(&filter);
    l->id_count = wanted(d->eventIdsSize);
    l->ids = ARENA_TAKE_N(&l->request->arena, UA_ByteString, l->id_count);
    memcpy(l->ids, d->eventIds, l->id_count * sizeof *l->ids);
    if (history_details_filter(NULL, &l->request->names, &filter, &why) == OK)
        ask_events(l, &filter, UA_DateTime_now() + DAY_MS * UA_DATETIME_MSEC,
                   UA_DATETIME_UNIX_EPOCH);
    UA_EventFilter_clear(&filter);
    buffer_clear(&why);
    return true;
}

static bool look(struct looking *l)
{
    const UA_ExtensionObject *e = l->details;
    const UA_DataType *type = e->content.decoded.type;
    const void *data = e->content.decoded.data;
    if (e->encoding < UA_EXTENSIONOBJECT_DECODED)
        return false;
    if (type == &UA_TYPES[UA_TYPES_UPDATEDATADETAILS]) {
        const UA_UpdateDataDetails *d = data;
        if (d->updateValuesSize)
            ask_updated(l, d);
        return d->updateValuesSize > 0;
    }
    if (type == &UA_TYPES[UA_TYPES_DELETEATTIMEDETAILS]) {
        const UA_DeleteAtTimeDetails *d = data;
        if (d->reqTimesSize)
            ask_deleted(l, d);
        return d->reqTimesSize > 0;
    }
    if (type == &UA_TYPES[UA_TYPES_DELETERAWMODIFIEDDETAILS]) {
        const UA_DeleteRawModifiedDetails *d = data;
        ask_values(l, d->startTime, d->endTime, d->isDeleteModified);
        return true;
    }
    if (type == &UA_TYPES[UA_TYPES_UPDATEEVENTDETAILS])
        return ask_updated_events(l, data);
    return type == &UA_TYPES[UA_TYPES_DELETEEVENTDETAILS] && ask_deleted_events(l, data);
}

void twin_before_history(struct twin_request *r, const UA_NodeId *node,
                         const UA_ExtensionObject *details, twin_before_fn *go_on, void *arg)
{
    struct looking *l = ARENA_TAKE(&r->arena, struct looking);
    *l = (struct looking){.request = r,
                          .details = details,
                          .go_on = go_on,
                          .arg = arg,
                          .node = {.nodeId = *node},
                          .id_at = SIZE_MAX};
    r->changes = true;
    if (!r->watched || !look(l))
        go_on(arg);
}
