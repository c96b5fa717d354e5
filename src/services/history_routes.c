/*
 * History's REST API, of 2.8 and 2.9: a row is a direct method of the endpoint's twin module. The
 * paths with "history/" in them take details as the protocol has them; 2.8 wants the role Write
 * even for reading there.
 */
#include "services/twin_call.h"

#define READ "HistoryReadRequest"
#define UPDATE "HistoryUpdateRequest"

#define POST(path, access, operation, request, response, method)                                   \
    {                                                                                              \
        "POST", "/v2/" path, services_twin_pass, access, operation, request, response,             \
            .calls = method "_V2"                                                                  \
    }
#define CHANGE(path, operation, request)                                                           \
    POST(path, REST_WRITE, operation, request UPDATE, "HistoryUpdateResponse", operation)

#define VALUES "HistoricValueArrayHistoryReadResponse"
#define EVENTS "HistoricEventArrayHistoryReadResponse"

/* clang-format off */
static const struct rest_route routes[] = {
    POST("read/{endpointId}/values", REST_READ, "HistoryReadValues", "ReadValuesDetails" READ, VALUES, "HistoryReadValues"),
    POST("read/{endpointId}/values/pick", REST_READ, "HistoryReadValuesAtTimes", "ReadValuesAtTimesDetails" READ, VALUES, "HistoryReadValuesAtTimes"),
    POST("read/{endpointId}/values/processed", REST_READ, "HistoryReadProcessedValues", "ReadProcessedValuesDetails" READ, VALUES, "HistoryReadProcessedValues"),
    POST("read/{endpointId}/values/modified", REST_READ, "HistoryReadModifiedValues", "ReadModifiedValuesDetails" READ, VALUES, "HistoryReadModifiedValues"),
    POST("read/{endpointId}/values/next", REST_READ, "HistoryReadValueNext", "HistoryReadNextRequest", "HistoricValueArrayHistoryReadNextResponse", "HistoryReadValuesNext"),
    POST("read/{endpointId}/events", REST_READ, "HistoryReadEvents", "ReadEventsDetails" READ, EVENTS, "HistoryReadEvents"),
    POST("read/{endpointId}/events/next", REST_READ, "HistoryReadEventsNext", "HistoryReadNextRequest", "HistoricEventArrayHistoryReadNextResponse", "HistoryReadEventsNext"),
    POST("read/{endpointId}/configuration", REST_READ, "HistoryGetConfiguration", "HistoryConfigurationRequest", "HistoryConfigurationResponse", "HistoryGetConfiguration"),
    {"GET", "/v2/capabilities/{endpointId}", services_twin_pass_query, REST_READ, "GetHistoryServerCapabilities", NULL, "HistoryServerCapabilities",
     .query = "namespaceFormat:NamespaceFormat", .calls = "HistoryGetServerCapabilities_V2"},
    POST("history/read/{endpointId}", REST_WRITE, "HistoryReadRaw", "VariantValue" READ, "VariantValueHistoryReadResponse", "HistoryRead"),
    POST("history/read/{endpointId}/next", REST_WRITE, "HistoryReadRawNext", "HistoryReadNextRequest", "VariantValueHistoryReadNextResponse", "HistoryReadNext"),
    POST("history/update/{endpointId}", REST_WRITE, "HistoryUpdateRaw", "VariantValue" UPDATE, "HistoryUpdateResponse", "HistoryUpdate"),

    CHANGE("insert/{endpointId}/values", "HistoryInsertValues", "UpdateValuesDetails"),
    CHANGE("insert/{endpointId}/events", "HistoryInsertEvents", "UpdateEventsDetails"),
    CHANGE("replace/{endpointId}/values", "HistoryReplaceValues", "UpdateValuesDetails"),
    CHANGE("replace/{endpointId}/events", "HistoryReplaceEvents", "UpdateEventsDetails"),
    CHANGE("upsert/{endpointId}/values", "HistoryUpsertValues", "UpdateValuesDetails"),
    CHANGE("upsert/{endpointId}/events", "HistoryUpsertEvents", "UpdateEventsDetails"),
    CHANGE("delete/{endpointId}/values", "HistoryDeleteValues", "DeleteValuesDetails"),
    CHANGE("delete/{endpointId}/values/pick", "HistoryDeleteValuesAtTimes", "DeleteValuesAtTimesDetails"),
    CHANGE("delete/{endpointId}/values/modified", "HistoryDeleteModifiedValues", "DeleteValuesDetails"),
    CHANGE("delete/{endpointId}/events", "HistoryDeleteEvents", "DeleteEventsDetails"),
};
/* clang-format on */

struct rest_table services_history_table(void)
{
    return REST_TABLE("/history", routes, NULL);
}
