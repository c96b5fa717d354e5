#include "twin/history_details.h"

#include "base/clock.h"
#include "opcua/event_clause.h"
#include "opcua/event_query.h"
#include "opcua/value_json.h"

static enum status refuse(struct buffer *why, const char *what)
{
    buffer_text(why, what);
    return BAD_ARGUMENT;
}

static bool is_absent(const struct json *v)
{
    return v == NULL || json_is(v, JSON_NULL);
}

/* A new one of the type, in *out. */
static void *make(UA_ExtensionObject *out, size_t type)
{
    void *value = UA_new(&UA_TYPES[type]);
    UA_ExtensionObject_setValue(out, value, &UA_TYPES[type]);
    return value;
}

/* ---- members ---- */

enum status history_details_time(const struct json *details, const char *member, UA_DateTime *out,
                                 struct buffer *why)
{
    const struct json *v = json_get_nocase(details, member);
    *out = 0;
    if (is_absent(v))
        return OK;
    if (opcua_value_json_time_parse(json_string(v), out))
        return OK;
    buffer_printf(why, "%s is not a time like 2026-01-31T12:00:00Z.", member);
    return BAD_ARGUMENT;
}

static enum status read_count(const struct json *details, const char *member, uint32_t *out,
                              struct buffer *why)
{
    const struct json *v = json_get_nocase(details, member);
    uint64_t n = 0;
    *out = 0;
    if (is_absent(v))
        return OK;
    if (!json_u64(v, &n) || n > UINT32_MAX) {
        buffer_printf(why, "%s is not a number of 0 to 4294967295.", member);
        return BAD_ARGUMENT;
    }
    *out = (uint32_t)n;
    return OK;
}

enum status history_details_times(const struct json *details, struct history_times *out,
                                  struct buffer *why)
{
    const struct json *list = json_get_nocase(details, "reqTimes");
    size_t count = json_count(list);
    *out = (struct history_times){0};
    if (!json_is(list, JSON_ARRAY) || count == 0 || count > HISTORY_TIMES_MAX)
        return refuse(why, "reqTimes is an array of 1 to 10000 times.");
    out->at = UA_Array_new(count, &UA_TYPES[UA_TYPES_DATETIME]);
    struct json_walk w = json_walk(list);
    while (json_next(&w)) {
        if (!opcua_value_json_time_parse(json_string(w.value), &out->at[out->count])) {
            buffer_printf(why, "reqTimes[%zu] is not a time like 2026-01-31T12:00:00Z.",
                          out->count);
            return BAD_ARGUMENT;
        }
        out->count++;
    }
    return OK;
}

/* ---- values ---- */

/* Two of start, end and number say what is meant (Part 11, 6.4.3.1). */
static enum status check_bounds(UA_DateTime start, UA_DateTime end, uint32_t count,
                                const char *counter, struct buffer *why)
{
    if (!start && !end)
        return refuse(why, "There is neither startTime nor endTime.");
    if ((start && end) || count)
        return OK;
    buffer_printf(why, "With one of startTime and endTime alone, %s must be there.", counter);
    return BAD_ARGUMENT;
}

static enum status read_raw(const struct json *details, bool modified, UA_ExtensionObject *out,
                            struct buffer *why)
{
    UA_ReadRawModifiedDetails *d = make(out, UA_TYPES_READRAWMODIFIEDDETAILS);
    enum status s = history_details_time(details, "startTime", &d->startTime, why);
    if (s == OK)
        s = history_details_time(details, "endTime", &d->endTime, why);
    if (s == OK)
        s = read_count(details, "numValues", &d->numValuesPerNode, why);
    d->isReadModified = modified;
    d->returnBounds = !modified && json_bool(json_get_nocase(details, "returnBounds"), false);
    return s == OK ? check_bounds(d->startTime, d->endTime, d->numValuesPerNode, "numValues", why)
                   : s;
}

enum status history_details_values(const struct json *details, const struct opcua_namespaces *names,
                                   UA_ExtensionObject *out, struct buffer *why)
{
    (void)names;
    return read_raw(details, false, out, why);
}

enum status history_details_modified(const struct json *details,
                                     const struct opcua_namespaces *names, UA_ExtensionObject *out,
                                     struct buffer *why)
{
    (void)names;
    return read_raw(details, true, out, why);
}

enum status history_details_at_times(const struct json *details,
                                     const struct opcua_namespaces *names, UA_ExtensionObject *out,
                                     struct buffer *why)
{
    (void)names;
    UA_ReadAtTimeDetails *d = make(out, UA_TYPES_READATTIMEDETAILS);
    struct history_times times;
    enum status s = history_details_times(details, &times, why);
    d->reqTimes = times.at;
    d->reqTimesSize = times.count;
    d->useSimpleBounds = json_bool(json_get_nocase(details, "useSimpleBounds"), false);
    return s;
}

/* ---- aggregates ---- */

/* 2.8 has a number of milliseconds, 2.9 a time span. */
static enum status read_interval(const struct json *details, double *out, struct buffer *why)
{
    const struct json *v = json_get_nocase(details, "processingInterval");
    uint64_t ms;
    *out = 0; /* one for all of the time */
    if (is_absent(v))
        return OK;
    if (json_is(v, JSON_NUMBER) && json_double(v, -1) >= 0)
        *out = json_double(v, 0);
    else if (json_is(v, JSON_STRING) && clock_parse_timespan(json_string(v), &ms))
        *out = (double)ms;
    else
        return refuse(why, "processingInterval is neither milliseconds nor a time span like "
                           "00:01:00.");
    return OK;
}

static enum status read_percent(const struct json *v, const char *member, UA_Byte *out,
                                struct buffer *why)
{
    uint64_t n;
    const struct json *percent = json_get_nocase(v, member);
    if (is_absent(percent))
        return OK;
    if (!json_u64(percent, &n) || n > 100) {
        buffer_printf(why, "aggregateConfiguration.%s is not a number of 0 to 100.", member);
        return BAD_ARGUMENT;
    }
    *out = (UA_Byte)n;
    return OK;
}

/* Without one, the server's own holds. */
static enum status read_configuration(const struct json *details, UA_AggregateConfiguration *out,
                                      struct buffer *why)
{
    const struct json *v = json_get_nocase(details, "aggregateConfiguration");
    out->useServerCapabilitiesDefaults = true;
    if (is_absent(v))
        return OK;
    if (!json_is(v, JSON_OBJECT))
        return refuse(why, "aggregateConfiguration is not an object.");
    /* Part 13, 4.2.1.2: what OPC UA has for what is not said. */
    *out = (UA_AggregateConfiguration){
        .useServerCapabilitiesDefaults =
            json_bool(json_get_nocase(v, "useServerCapabilitiesDefaults"), false),
        .treatUncertainAsBad = json_bool(json_get_nocase(v, "treatUncertainAsBad"), true),
        .useSlopedExtrapolation = json_bool(json_get_nocase(v, "useSlopedExtrapolation"), false),
        .percentDataBad = 100,
        .percentDataGood = 100,
    };
    enum status s = read_percent(v, "percentDataBad", &out->percentDataBad, why);
    return s == OK ? read_percent(v, "percentDataGood", &out->percentDataGood, why) : s;
}

static enum status read_aggregate(const struct json *details, const struct opcua_namespaces *names,
                                  UA_ReadProcessedDetails *d, struct buffer *why)
{
    struct slice text = json_string(json_get_nocase(details, "aggregateType"));
    if (text.len == 0)
        text = json_string(json_get_nocase(details, "aggregateTypeId"));
    if (text.len == 0)
        return refuse(why, "There is neither aggregateType nor aggregateTypeId.");
    d->aggregateType = UA_NodeId_new();
    d->aggregateTypeSize = 1;
    return history_aggregate_parse(text, names, d->aggregateType, why);
}

enum status history_details_processed(const struct json *details,
                                      const struct opcua_namespaces *names, UA_ExtensionObject *out,
                                      struct buffer *why)
{
    UA_ReadProcessedDetails *d = make(out, UA_TYPES_READPROCESSEDDETAILS);
    enum status s = history_details_time(details, "startTime", &d->startTime, why);
    if (s == OK)
        s = history_details_time(details, "endTime", &d->endTime, why);
    if (s == OK && (!d->startTime || !d->endTime))
        s = refuse(why, "startTime and endTime must both be there.");
    if (s == OK)
        s = read_interval(details, &d->processingInterval, why);
    if (s == OK)
        s = read_aggregate(details, names, d, why);
    return s == OK ? read_configuration(details, &d->aggregateConfiguration, why) : s;
}

/* ---- events ---- */

/* What every event has (Part 5, 6.4.2). */
static void select_all(UA_EventFilter *out)
{
    static const char *const fields[] = {
        "EventId", "EventType",   "SourceNode", "SourceName",
        "Time",    "ReceiveTime", "Message",    "Severity",
    };
    size_t count = sizeof(fields) / sizeof(fields[0]);
    UA_EventFilter_init(out);
    out->selectClauses = UA_Array_new(count, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    out->selectClausesSize = count;
    for (size_t i = 0; i < count; i++) {
        UA_SimpleAttributeOperand *o = &out->selectClauses[i];
        o->typeDefinitionId = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
        o->attributeId = UA_ATTRIBUTEID_VALUE;
        o->browsePath = UA_QualifiedName_new();
        o->browsePathSize = 1;
        *o->browsePath = UA_QUALIFIEDNAME_ALLOC(0, fields[i]);
    }
}

static enum status read_query(struct slice query, struct opcua_event_clauses *c,
                              UA_EventFilter *out)
{
    struct buffer compiled = {0};
    struct json_doc *doc = NULL;
    enum status s = opcua_event_query_compile(query, &compiled, c->why);
    if (s == OK)
        s = json_parse(buffer_slice(&compiled), JSON_STRICT, &doc, NULL);
    if (s == OK)
        s = opcua_event_clause_filter(c, json_root(doc), out);
    json_free(&doc);
    buffer_clear(&compiled);
    return s;
}

enum status history_details_filter(const struct json *details, const struct opcua_namespaces *names,
                                   UA_EventFilter *out, struct buffer *why)
{
    const struct json *v = json_get_nocase(details, "filter");
    struct opcua_event_clauses clauses = {names, why};
    size_t before = why->len;
    if (is_absent(v)) {
        select_all(out);
        return OK;
    }
    buffer_text(why, "filter: ");
    enum status s = json_is(v, JSON_STRING) ? read_query(json_string(v), &clauses, out)
                                            : opcua_event_clause_filter(&clauses, v, out);
    if (s == OK)
        why->len = before;
    return s;
}

enum status history_details_events(const struct json *details, const struct opcua_namespaces *names,
                                   UA_ExtensionObject *out, struct buffer *why)
{
    UA_ReadEventDetails *d = make(out, UA_TYPES_READEVENTDETAILS);
    enum status s = history_details_time(details, "startTime", &d->startTime, why);
    if (s == OK)
        s = history_details_time(details, "endTime", &d->endTime, why);
    if (s == OK)
        s = read_count(details, "numEvents", &d->numValuesPerNode, why);
    if (s == OK)
        s = check_bounds(d->startTime, d->endTime, d->numValuesPerNode, "numEvents", why);
    return s == OK ? history_details_filter(details, names, &d->filter, why) : s;
}
