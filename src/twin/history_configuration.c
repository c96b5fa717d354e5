/* HistoryGetConfiguration: how a node's history is kept (Part 11, 5.2.2). */
#include "opcua/browse.h"
#include "twin/methods.h"
#include "twin/properties.h"
#include "twin/target.h"

/* ExceptionDeviationFormat (Part 11, 5.2.3), by number. */
static const char *const deviations[] = {"AbsoluteValue", "PercentOfValue", "PercentOfRange",
                                         "PercentOfEURange"};

/* clang-format off */
static const struct twin_property table[] = {
    {"stepped", "Stepped", TWIN_PROPERTY_VALUE, NULL, 0},
    {"definition", "Definition", TWIN_PROPERTY_VALUE, NULL, 0},
    {"maxTimeInterval", "MaxTimeInterval", TWIN_PROPERTY_DURATION, NULL, 0},
    {"minTimeInterval", "MinTimeInterval", TWIN_PROPERTY_DURATION, NULL, 0},
    {"exceptionDeviation", "ExceptionDeviation", TWIN_PROPERTY_VALUE, NULL, 0},
    {"exceptionDeviationType", "ExceptionDeviationFormat", TWIN_PROPERTY_VALUE, deviations, 4},
    {"startOfArchive", "StartOfArchive", TWIN_PROPERTY_VALUE, NULL, 0},
    {"endOfArchive", "EndOfArchive", TWIN_PROPERTY_VALUE, NULL, 0},
    {"startOfOnlineArchive", "StartOfOnlineArchive", TWIN_PROPERTY_VALUE, NULL, 0},
    {"serverTimestampSupported", "ServerTimestampSupported", TWIN_PROPERTY_VALUE, NULL, 0},
    {"aggregateFunctions", "AggregateFunctions", TWIN_PROPERTY_NAMES, NULL, 0},
#define OWN 11 /* so far; the rest is in "aggregateConfiguration" */
    {"treatUncertainAsBad", "AggregateConfiguration/TreatUncertainAsBad", TWIN_PROPERTY_VALUE, NULL, 0},
    {"percentDataBad", "AggregateConfiguration/PercentDataBad", TWIN_PROPERTY_VALUE, NULL, 0},
    {"percentDataGood", "AggregateConfiguration/PercentDataGood", TWIN_PROPERTY_VALUE, NULL, 0},
    {"useSlopedExtrapolation", "AggregateConfiguration/UseSlopedExtrapolation", TWIN_PROPERTY_VALUE, NULL, 0},
};
/* clang-format on */

static void answer(void *arg)
{
    struct twin_properties *p = arg;
    struct json_writer *w = &p->request->writer;
    json_object(w);
    json_name(w, "configuration");
    json_object(w);
    twin_properties_put(p, 0, OWN);
    json_name(w, "aggregateConfiguration");
    json_object(w);
    twin_properties_put(p, OWN, p->count);
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
    twin_request_done(p->request);
}

static void on_configuration(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                             size_t count)
{
    struct twin_properties *p = arg;
    if (status != UA_STATUSCODE_GOOD || count == 0) {
        twin_request_fault(
            p->request, status ? status : UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED,
            status ? NULL : "The server does not say how it keeps the node's history.");
        return;
    }
    p->from = refs->nodeId.nodeId;
    UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    twin_request_own_id(p->request, &p->from);
    twin_properties_read(p);
}

static void find_configuration(void *arg, const UA_NodeId *node)
{
    struct twin_properties *p = arg;
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = *node;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASHISTORICALCONFIGURATION);
    d.includeSubtypes = true;
    opcua_browse_all(p->request->session, &d, on_configuration, p,
                     twin_request_left_ms(p->request));
}

void twin_history_configuration(struct twin_request *r)
{
    struct twin_properties *p = ARENA_TAKE(&r->arena, struct twin_properties);
    *p = (struct twin_properties){.request = r,
                                  .table = table,
                                  .count = sizeof(table) / sizeof(table[0]),
                                  .done = answer,
                                  .arg = p};
    twin_target_find(r, "nodeId", "browsePath", NULL, find_configuration, p);
}
