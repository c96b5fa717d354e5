/* GetServerCapabilities and HistoryGetServerCapabilities: what the server says that it can do. */
#include "twin/methods.h"
#include "twin/properties.h"

#define LIMIT(member, path)                                                                        \
    {                                                                                              \
        member, path, TWIN_PROPERTY_LIMIT, NULL, 0                                                 \
    }
#define VALUE(member, path)                                                                        \
    {                                                                                              \
        member, path, TWIN_PROPERTY_VALUE, NULL, 0                                                 \
    }
#define NAMES(member, path)                                                                        \
    {                                                                                              \
        member, path, TWIN_PROPERTY_NAMES, NULL, 0                                                 \
    }

/* clang-format off */
static const struct twin_property server[] = {
    LIMIT("minSupportedSampleRate", "MinSupportedSampleRate"),
    LIMIT("maxBrowseContinuationPoints", "MaxBrowseContinuationPoints"),
    LIMIT("maxQueryContinuationPoints", "MaxQueryContinuationPoints"),
    LIMIT("maxHistoryContinuationPoints", "MaxHistoryContinuationPoints"),
    LIMIT("maxArrayLength", "MaxArrayLength"),
    LIMIT("maxStringLength", "MaxStringLength"),
    LIMIT("maxByteStringLength", "MaxByteStringLength"),
    LIMIT("maxNodesPerBrowse", "OperationLimits/MaxNodesPerBrowse"),
    LIMIT("maxNodesPerRead", "OperationLimits/MaxNodesPerRead"),
    LIMIT("maxNodesPerWrite", "OperationLimits/MaxNodesPerWrite"),
    LIMIT("maxNodesPerMethodCall", "OperationLimits/MaxNodesPerMethodCall"),
    LIMIT("maxNodesPerHistoryReadData", "OperationLimits/MaxNodesPerHistoryReadData"),
    LIMIT("maxNodesPerHistoryReadEvents", "OperationLimits/MaxNodesPerHistoryReadEvents"),
    LIMIT("maxNodesPerHistoryUpdateData", "OperationLimits/MaxNodesPerHistoryUpdateData"),
    LIMIT("maxNodesPerHistoryUpdateEvents", "OperationLimits/MaxNodesPerHistoryUpdateEvents"),
    LIMIT("maxNodesPerRegisterNodes", "OperationLimits/MaxNodesPerRegisterNodes"),
    LIMIT("maxNodesPerTranslatePathsToNodeIds", "OperationLimits/MaxNodesPerTranslateBrowsePathsToNodeIds"),
    LIMIT("maxNodesPerNodeManagement", "OperationLimits/MaxNodesPerNodeManagement"),
    LIMIT("maxMonitoredItemsPerCall", "OperationLimits/MaxMonitoredItemsPerCall"),
#define SERVER_LIMITS 19 /* so far: these are "operationLimits" */
    VALUE("supportedLocales", "LocaleIdArray"),
    VALUE("serverProfileArray", "ServerProfileArray"),
    NAMES("modellingRules", "ModellingRules"),
    NAMES("aggregateFunctions", "AggregateFunctions"),
    LIMIT("MaxSessions", "MaxSessions"),
    LIMIT("MaxSubscriptions", "MaxSubscriptions"),
    LIMIT("MaxMonitoredItems", "MaxMonitoredItems"),
    LIMIT("MaxSubscriptionsPerSession", "MaxSubscriptionsPerSession"),
    LIMIT("MaxMonitoredItemsPerSubscription", "MaxMonitoredItemsPerSubscription"),
    LIMIT("MaxSelectClauseParameters", "MaxSelectClauseParameters"),
    LIMIT("MaxWhereClauseParameters", "MaxWhereClauseParameters"),
    LIMIT("MaxMonitoredItemsQueueSize", "MaxMonitoredItemsQueueSize"),
    VALUE("conformanceUnits", "ConformanceUnits"),
};

static const struct twin_property history[] = {
    VALUE("supportsHistoricData", "AccessHistoryDataCapability"),
    VALUE("supportsHistoricEvents", "AccessHistoryEventsCapability"),
    LIMIT("maxReturnDataValues", "MaxReturnDataValues"),
    LIMIT("maxReturnEventValues", "MaxReturnEventValues"),
    VALUE("insertDataCapability", "InsertDataCapability"),
    VALUE("replaceDataCapability", "ReplaceDataCapability"),
    VALUE("updateDataCapability", "UpdateDataCapability"),
    VALUE("deleteRawCapability", "DeleteRawCapability"),
    VALUE("deleteAtTimeCapability", "DeleteAtTimeCapability"),
    VALUE("insertEventCapability", "InsertEventCapability"),
    VALUE("replaceEventCapability", "ReplaceEventCapability"),
    VALUE("updateEventCapability", "UpdateEventCapability"),
    VALUE("deleteEventCapability", "DeleteEventCapability"),
    VALUE("insertAnnotationCapability", "InsertAnnotationCapability"),
    VALUE("serverTimestampSupported", "ServerTimestampSupported"),
    NAMES("aggregateFunctions", "AggregateFunctions"),
};
/* clang-format on */

static void begin(struct twin_request *r, uint32_t from, const struct twin_property *table,
                  size_t count, void (*done)(void *arg))
{
    struct twin_properties *p = ARENA_TAKE(&r->arena, struct twin_properties);
    *p = (struct twin_properties){.request = r,
                                  .from = UA_NODEID_NUMERIC(0, from),
                                  .table = table,
                                  .count = count,
                                  .done = done,
                                  .arg = p};
    twin_properties_read(p);
}

static void answer_server(void *arg)
{
    struct twin_properties *p = arg;
    struct json_writer *w = &p->request->writer;
    json_object(w);
    json_name(w, "operationLimits");
    json_object(w);
    twin_properties_put(p, 0, SERVER_LIMITS);
    json_end_object(w);
    twin_properties_put(p, SERVER_LIMITS, p->count);
    json_end_object(w);
    twin_request_done(p->request);
}

void twin_server_capabilities(struct twin_request *r)
{
    begin(r, UA_NS0ID_SERVER_SERVERCAPABILITIES, server, sizeof(server) / sizeof(server[0]),
          answer_server);
}

static void answer_history(void *arg)
{
    struct twin_properties *p = arg;
    struct json_writer *w = &p->request->writer;
    json_object(w);
    twin_properties_put(p, 0, p->count);
    json_end_object(w);
    twin_request_done(p->request);
}

void twin_history_capabilities(struct twin_request *r)
{
    begin(r, UA_NS0ID_HISTORYSERVERCAPABILITIES, history, sizeof(history) / sizeof(history[0]),
          answer_history);
}
