#include "publisher/api.h"

/*
 * The paths of the module's API, as published; `operation` is the method that is called. A further
 * path is a row here; what its method wants beside the body is in the path and the query.
 */
#define ROW(verb, path, operation, request, response)                                              \
    QUERY_ROW(verb, path, operation, request, response, NULL)
#define QUERY_ROW(verb, path, operation, request, response, query)                                 \
    {                                                                                              \
        verb, "/v2" path, api_call, REST_WRITE, operation, request, response, 0, query             \
    }

/* clang-format off */
const struct rest_route api_routes[] = {
    ROW("POST", "/configuration/start", "PublishStart", "PublishStartRequestModelRequestEnvelope", "PublishStartResponseModel"),
    ROW("POST", "/configuration/stop", "PublishStop", "PublishStopRequestModelRequestEnvelope", "PublishStopResponseModel"),
    ROW("POST", "/configuration/bulk", "PublishBulk", "PublishBulkRequestModelRequestEnvelope", "PublishBulkResponseModel"),
    ROW("POST", "/configuration/list", "PublishList", "PublishedItemListRequestModelRequestEnvelope", "PublishedItemListResponseModel"),
    ROW("POST", "/configuration/nodes", "PublishNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel"),
    ROW("POST", "/configuration/nodes/unpublish", "UnpublishNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel"),
    {"POST", "/v2/configuration/nodes/unpublish/all", api_call, REST_WRITE, "UnpublishAllNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel", .may_lack_body = true},
    ROW("PATCH", "/configuration", "AddOrUpdateEndpoints", "[PublishedNodesEntryModel]", "PublishedNodesResponseModel"),
    QUERY_ROW("GET", "/configuration", "GetConfiguredEndpoints", NULL, "GetConfiguredEndpointsResponseModel", "IncludeNodes:bool"),
    ROW("PUT", "/configuration", "SetConfiguredEndpoints", "SetConfiguredEndpointsRequestModel", NULL),
    ROW("POST", "/configuration/endpoints/list/nodes", "GetConfiguredNodesOnEndpoint", "PublishedNodesEntryModel", "GetConfiguredNodesOnEndpointResponseModel"),
    ROW("POST", "/configuration/diagnostics", "GetDiagnosticInfo", NULL, "[PublishDiagnosticInfoModel]"),

    ROW("PUT", "/writer", "CreateOrUpdateDataSetWriterEntry", "PublishedNodesEntryModel", NULL),
    ROW("POST", "/writer", "ExpandAndCreateOrUpdateDataSetWriterEntries", "PublishedNodeExpansionModelPublishedNodesEntryRequestModel", "PublishedNodesEntryModelServiceResponseIAsyncEnumerable"),
    ROW("POST", "/writer/expand", "ExpandWriter", "PublishedNodeExpansionModelPublishedNodesEntryRequestModel", "PublishedNodesEntryModelServiceResponseIAsyncEnumerable"),
    ROW("POST", "/writer/assets", "CreateOrUpdateAsset", "VariantValuePublishedNodeCreateAssetRequestModel", "PublishedNodesEntryModelServiceResponse"),
    ROW("POST", "/writer/assets/create", "CreateOrUpdateAsset2", "ByteArrayPublishedNodeCreateAssetRequestModel", "PublishedNodesEntryModelServiceResponse"),
    ROW("POST", "/writer/assets/list", "GetAllAssets", "RequestHeaderModelPublishedNodesEntryRequestModel", "PublishedNodesEntryModelServiceResponseIAsyncEnumerable"),
    ROW("POST", "/writer/assets/delete", "DeleteAsset", "PublishedNodeDeleteAssetRequestModel", "ServiceResultModel"),
    ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "GetDataSetWriterEntry", NULL, "PublishedNodesEntryModel"),
    QUERY_ROW("PUT", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "AddOrUpdateNode", "OpcNodeModel", NULL, "insertAfterFieldId:str"),
    QUERY_ROW("DELETE", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "RemoveDataSetWriterEntry", NULL, NULL, "force:bool"),
    QUERY_ROW("POST", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/add", "AddOrUpdateNodes", "[OpcNodeModel]", NULL, "insertAfterFieldId:str"),
    ROW("POST", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/remove", "RemoveNodes", "[str]", NULL),
    QUERY_ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/nodes", "GetNodes", NULL, "[OpcNodeModel]", "lastDataSetFieldId:str, pageSize:i32"),
    ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/{dataSetFieldId}", "GetNode", NULL, "OpcNodeModel"),
    ROW("DELETE", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/{dataSetFieldId}", "RemoveNode", NULL, NULL),

    ROW("GET", "/pki/{store}/certs", "ListCertificates", NULL, "[X509CertificateModel]"),
    QUERY_ROW("PATCH", "/pki/{store}/certs", "AddCertificate", "base64", NULL, "password:str"),
    ROW("GET", "/pki/{store}/crls", "ListCertificateRevocationLists", NULL, "[base64]"),
    ROW("PATCH", "/pki/{store}/crls", "AddCertificateRevocationList", "base64", NULL),
    ROW("DELETE", "/pki/{store}/crls", "RemoveCertificateRevocationList", NULL, NULL),
    ROW("POST", "/pki/trusted/certs", "AddCertificateChain", "base64", NULL),
    ROW("POST", "/pki/rejected/certs/{thumbprint}/approve", "ApproveRejectedCertificate", NULL, NULL),
    ROW("POST", "/pki/https/certs", "AddTrustedHttpsCertificate", "base64", NULL),
    ROW("DELETE", "/pki/{store}/certs/{thumbprint}", "RemoveCertificate", NULL, NULL),
    ROW("DELETE", "/pki/{store}", "RemoveAll", NULL, NULL),

    ROW("GET", "/reset", "ResetAllConnections", NULL, NULL),
    ROW("GET", "/connections", "GetActiveConnections", NULL, "[ConnectionModel]"),
    ROW("GET", "/diagnostics/writergroups", "GetAllWriterGroupStates", NULL, "[WriterGroupStateDiagnostic]"),
    ROW("GET", "/diagnostics/writergroups/{writerGroup}", "GetWriterGroupState", NULL, "WriterGroupStateDiagnostic"),
    ROW("POST", "/diagnostics/writergroups/{writerGroup}/keyframe", "SendWriterGroupKeyFrame", NULL, NULL),
    ROW("POST", "/diagnostics/writergroups/{writerGroup}/writers/{dataSetWriter}/keyframe", "SendDataSetWriterKeyFrame", NULL, NULL),

    ROW("POST", "/capabilities", "GetServerCapabilities", "RequestHeaderModelRequestEnvelope", "ServerCapabilitiesModel"),
    ROW("POST", "/browse/first", "Browse", "BrowseFirstRequestModelRequestEnvelope", "BrowseFirstResponseModel"),
    ROW("POST", "/browse/next", "BrowseNext", "BrowseNextRequestModelRequestEnvelope", "BrowseNextResponseModel"),
    ROW("POST", "/browse", "BrowseStream", "BrowseStreamRequestModelRequestEnvelope", "BrowseStreamChunkModelIAsyncEnumerable"),
    ROW("POST", "/nodeset", "ExportNodeSet", "BrowseStreamRequestModelRequestEnvelope", "NodeSetModel"), /* not of OPC Publisher's */
    ROW("POST", "/browse/path", "BrowsePath", "BrowsePathRequestModelRequestEnvelope", "BrowsePathResponseModel"),
    ROW("POST", "/read", "ValueRead", "ValueReadRequestModelRequestEnvelope", "ValueReadResponseModel"),
    ROW("POST", "/write", "ValueWrite", "ValueWriteRequestModelRequestEnvelope", "ValueWriteResponseModel"),
    ROW("POST", "/metadata", "GetMetadata", "NodeMetadataRequestModelRequestEnvelope", "NodeMetadataResponseModel"),
    ROW("POST", "/query/compile", "CompileQuery", "QueryCompilationRequestModelRequestEnvelope", "QueryCompilationResponseModel"),
    ROW("POST", "/call/$metadata", "MethodMetadata", "MethodMetadataRequestModelRequestEnvelope", "MethodMetadataResponseModel"),
    ROW("POST", "/call", "MethodCall", "MethodCallRequestModelRequestEnvelope", "MethodCallResponseModel"),
    ROW("POST", "/read/attributes", "NodeRead", "ReadRequestModelRequestEnvelope", "ReadResponseModel"),
    ROW("POST", "/write/attributes", "NodeWrite", "WriteRequestModelRequestEnvelope", "WriteResponseModel"),
    ROW("POST", "/certificate", "GetEndpointCertificate", "EndpointModel", "X509CertificateChainModel"),
    ROW("POST", "/test", "TestConnection", "TestConnectionRequestModelRequestEnvelope", "TestConnectionResponseModel"),

    ROW("POST", "/historyread/first", "HistoryRead", "VariantValueHistoryReadRequestModelRequestEnvelope", "VariantValueHistoryReadResponseModel"),
    ROW("POST", "/historyread/next", "HistoryReadNext", "HistoryReadNextRequestModelRequestEnvelope", "VariantValueHistoryReadNextResponseModel"),
    ROW("POST", "/historyupdate", "HistoryUpdate", "VariantValueHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/capabilities", "HistoryGetServerCapabilities", "RequestHeaderModelRequestEnvelope", "HistoryServerCapabilitiesModel"),
    ROW("POST", "/history/configuration", "HistoryGetConfiguration", "HistoryConfigurationRequestModelRequestEnvelope", "HistoryConfigurationResponseModel"),
    ROW("POST", "/history/events/replace", "HistoryReplaceEvents", "UpdateEventsDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/events/insert", "HistoryInsertEvents", "UpdateEventsDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/events/upsert", "HistoryUpsertEvents", "UpdateEventsDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/events/delete", "HistoryDeleteEvents", "DeleteEventsDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/delete/attimes", "HistoryDeleteValuesAtTimes", "DeleteValuesAtTimesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/delete/modified", "HistoryDeleteModifiedValues", "DeleteValuesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/delete", "HistoryDeleteValues", "DeleteValuesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/replace", "HistoryReplaceValues", "UpdateValuesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/insert", "HistoryInsertValues", "UpdateValuesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/values/upsert", "HistoryUpsertValues", "UpdateValuesDetailsModelHistoryUpdateRequestModelRequestEnvelope", "HistoryUpdateResponseModel"),
    ROW("POST", "/history/events/read/first", "HistoryReadEvents", "ReadEventsDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricEventModelArrayHistoryReadResponseModel"),
    ROW("POST", "/history/events/read/next", "HistoryReadEventsNext", "HistoryReadNextRequestModelRequestEnvelope", "HistoricEventModelArrayHistoryReadNextResponseModel"),
    ROW("POST", "/history/values/read/first", "HistoryReadValues", "ReadValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelArrayHistoryReadResponseModel"),
    ROW("POST", "/history/values/read/first/attimes", "HistoryReadValuesAtTimes", "ReadValuesAtTimesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelArrayHistoryReadResponseModel"),
    ROW("POST", "/history/values/read/first/processed", "HistoryReadProcessedValues", "ReadProcessedValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelArrayHistoryReadResponseModel"),
    ROW("POST", "/history/values/read/first/modified", "HistoryReadModifiedValues", "ReadModifiedValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelArrayHistoryReadResponseModel"),
    ROW("POST", "/history/values/read/next", "HistoryReadValuesNext", "HistoryReadNextRequestModelRequestEnvelope", "HistoricValueModelArrayHistoryReadNextResponseModel"),
    ROW("POST", "/history/values/read", "HistoryStreamValues", "ReadValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelIAsyncEnumerable"),
    ROW("POST", "/history/values/read/modified", "HistoryStreamModifiedValues", "ReadModifiedValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelIAsyncEnumerable"),
    ROW("POST", "/history/values/read/attimes", "HistoryStreamValuesAtTimes", "ReadValuesAtTimesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelIAsyncEnumerable"),
    ROW("POST", "/history/values/read/processed", "HistoryStreamProcessedValues", "ReadProcessedValuesDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricValueModelIAsyncEnumerable"),
    ROW("POST", "/history/events/read", "HistoryStreamEvents", "ReadEventsDetailsModelHistoryReadRequestModelRequestEnvelope", "HistoricEventModelIAsyncEnumerable"),

    ROW("POST", "/filesystem/list", "GetFileSystems", "ConnectionModel", "FileSystemObjectModelServiceResponseIAsyncEnumerable"),
    ROW("POST", "/filesystem/list/directories", "GetDirectories", "FileSystemObjectModelRequestEnvelope", "FileSystemObjectModelIEnumerableServiceResponse"),
    ROW("POST", "/filesystem/list/files", "GetFiles", "FileSystemObjectModelRequestEnvelope", "FileSystemObjectModelIEnumerableServiceResponse"),
    ROW("POST", "/filesystem/parent", "GetParent", "FileSystemObjectModelRequestEnvelope", "FileSystemObjectModelServiceResponse"),
    ROW("POST", "/filesystem/info/file", "GetFileInfo", "FileSystemObjectModelRequestEnvelope", "FileInfoModelServiceResponse"),
    ROW("POST", "/filesystem/create/file/{name}", "CreateFile", "FileSystemObjectModelRequestEnvelope", "FileSystemObjectModelServiceResponse"),
    ROW("POST", "/filesystem/create/directory/{name}", "CreateDirectory", "FileSystemObjectModelRequestEnvelope", "FileSystemObjectModelServiceResponse"),
    ROW("POST", "/filesystem/delete", "DeleteFileSystemObject", "FileSystemObjectModelRequestEnvelope", "ServiceResultModel"),
    ROW("POST", "/filesystem/delete/{fileOrDirectoryNodeId}", "DeleteFileOrDirectory", "FileSystemObjectModelRequestEnvelope", "ServiceResultModel"),

    {"GET", "/v2/filesystem/download", api_file, REST_WRITE, "Download", NULL, NULL, 0},
    {"POST", "/v2/filesystem/upload", api_file, REST_WRITE, "Upload", NULL, NULL, 0},

    ROW("POST", "/discovery/findserver", "FindServer", "ServerEndpointQueryModel", "ApplicationRegistrationModel"),
    ROW("POST", "/discovery/register", "Register", "ServerRegistrationRequestModel", "bool"),
    ROW("POST", "/discovery", "Discover", "DiscoveryRequestModel", "bool"),
    ROW("POST", "/discovery/cancel", "Cancel", "DiscoveryCancelRequestModel", "bool"),

    ROW("GET", "/diagnostics/connections", "GetConnectionDiagnostics", NULL, "ConnectionDiagnosticsModelIAsyncEnumerable"),
    ROW("GET", "/diagnostics/channels", "GetChannelDiagnostics", NULL, "[ChannelDiagnosticModel]"),
    ROW("GET", "/diagnostics/channels/watch", "WatchChannelDiagnostics", NULL, "ChannelDiagnosticModelIAsyncEnumerable"),
};
/* clang-format on */
const size_t api_routes_count = sizeof api_routes / sizeof api_routes[0];

const char *api_body_name(const char *operation)
{
    static const char *const names[][2] = {
        {"AddOrUpdateNode", "opcNode"},
        {"AddOrUpdateNodes", "opcNodes"},
        {"RemoveNodes", "dataSetFieldIds"},
        {"AddCertificate", "pfxBlob"},
        {"AddCertificateRevocationList", "crl"},
        {"RemoveCertificateRevocationList", "crl"},
        {"CreateFile", "request"},
        {"CreateDirectory", "request"},
        {"DeleteFileOrDirectory", "request"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], operation) == 0)
            return names[i][1];
    return NULL;
}
