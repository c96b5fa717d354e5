#include "publisher/api.h"

/*
 * The paths of the module's API, as published; `operation` is the method that is called. A further
 * path is a row here; what its method wants beside the body is in the path and the query.
 */
#define ROW(verb, path, operation, request, response)                                              \
    {                                                                                              \
        verb, "/v2" path, api_call, REST_WRITE, operation, request, response, 0                    \
    }

/* clang-format off */
const struct rest_route api_routes[] = {
    ROW("POST", "/configuration/start", "PublishStart", "PublishStartRequestModelRequestEnvelope", "PublishStartResponseModel"),
    ROW("POST", "/configuration/stop", "PublishStop", "PublishStopRequestModelRequestEnvelope", "PublishStopResponseModel"),
    ROW("POST", "/configuration/bulk", "PublishBulk", "PublishBulkRequestModelRequestEnvelope", "PublishBulkResponseModel"),
    ROW("POST", "/configuration/list", "PublishList", "PublishedItemListRequestModelRequestEnvelope", "PublishedItemListResponseModel"),
    ROW("POST", "/configuration/nodes", "PublishNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel"),
    ROW("POST", "/configuration/nodes/unpublish", "UnpublishNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel"),
    ROW("POST", "/configuration/nodes/unpublish/all", "UnpublishAllNodes", "PublishedNodesEntryModel", "PublishedNodesResponseModel"),
    ROW("PATCH", "/configuration", "AddOrUpdateEndpoints", "[PublishedNodesEntryModel]", "PublishedNodesResponseModel"),
    ROW("GET", "/configuration", "GetConfiguredEndpoints", NULL, "GetConfiguredEndpointsResponseModel"),
    ROW("PUT", "/configuration", "SetConfiguredEndpoints", "SetConfiguredEndpointsRequestModel", NULL),
    ROW("POST", "/configuration/endpoints/list/nodes", "GetConfiguredNodesOnEndpoint", "PublishedNodesEntryModel", "GetConfiguredNodesOnEndpointResponseModel"),
    ROW("POST", "/configuration/diagnostics", "GetDiagnosticInfo", NULL, "[PublishDiagnosticInfoModel]"),

    ROW("PUT", "/writer", "CreateOrUpdateDataSetWriterEntry", "PublishedNodesEntryModel", NULL),
    ROW("POST", "/writer", "ExpandAndCreateOrUpdateDataSetWriterEntries", "PublishedNodeExpansionModelPublishedNodesEntryRequestModel", "PublishedNodesEntryModelServiceResponseIAsyncEnumerable"),
    ROW("POST", "/writer/expand", "ExpandWriter", "PublishedNodeExpansionModelPublishedNodesEntryRequestModel", "PublishedNodesEntryModelServiceResponseIAsyncEnumerable"),
    ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "GetDataSetWriterEntry", NULL, "PublishedNodesEntryModel"),
    ROW("PUT", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "AddOrUpdateNode", "OpcNodeModel", NULL),
    ROW("DELETE", "/writer/{dataSetWriterGroup}/{dataSetWriterId}", "RemoveDataSetWriterEntry", NULL, NULL),
    ROW("POST", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/add", "AddOrUpdateNodes", "[OpcNodeModel]", NULL),
    ROW("POST", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/remove", "RemoveNodes", "[str]", NULL),
    ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/nodes", "GetNodes", NULL, "[OpcNodeModel]"),
    ROW("GET", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/{dataSetFieldId}", "GetNode", NULL, "OpcNodeModel"),
    ROW("DELETE", "/writer/{dataSetWriterGroup}/{dataSetWriterId}/{dataSetFieldId}", "RemoveNode", NULL, NULL),

    ROW("GET", "/pki/{store}/certs", "ListCertificates", NULL, "[X509CertificateModel]"),
    ROW("PATCH", "/pki/{store}/certs", "AddCertificate", "base64", NULL),
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
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], operation) == 0)
            return names[i][1];
    return NULL;
}
