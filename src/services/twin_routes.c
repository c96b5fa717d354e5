/* The twin's REST API, of 2.8 and 2.9: a row is a direct method of the endpoint's twin module. */
#include "rest/query.h"
#include "services/models.h"
#include "services/twin_call.h"
#include "json/write.h"

/* By GET one gets each target once, and with its value. */
static void browse_targets(struct rest_request *r)
{
    struct json_doc *doc;
    char why[REST_MODEL_WHY_MAX];
    struct buffer request = {0};
    struct json_writer w = json_writer(&request);
    if (rest_query_read(r, &services_models, &doc, why) != OK) {
        rest_reply_invalid(r, why);
        return;
    }
    json_object(&w);
    for (struct json_walk walk = json_walk(json_root(doc)); json_next(&walk);)
        json_name_slice(&w, walk.name), json_put_value(&w, walk.value);
    json_name(&w, "targetNodesOnly"), json_put_bool(&w, true);
    json_name(&w, "readVariableValues"), json_put_bool(&w, true);
    json_end_object(&w);
    json_free(&doc);
    services_twin_call(r, &(struct services_twin_ask){.method = r->route->calls,
                                                      .request = buffer_slice(&request)});
    buffer_clear(&request);
}

#define POST(path, access, operation, request, response, method)                                   \
    {                                                                                              \
        "POST", "/v2/" path, services_twin_pass, access, operation, request, response,             \
            .calls = method                                                                        \
    }
#define GET(path, run, parameters, operation, response, method)                                    \
    {                                                                                              \
        "GET", "/v2/" path, run, REST_READ, operation, NULL, response, .query = parameters,        \
                                                                       .calls = method             \
    }

/* clang-format off */
static const struct rest_route routes[] = {
    POST("browse/{endpointId}", REST_READ, "Browse", "BrowseRequest", "BrowseResponse", "Browse_V2"),
    GET("browse/{endpointId}", browse_targets, "nodeId:str", "GetSetOfUniqueNodes", "BrowseResponse", "Browse_V2"),
    POST("browse/{endpointId}/next", REST_READ, "BrowseNext", "BrowseNextRequest", "BrowseNextResponse", "BrowseNext_V2"),
    GET("browse/{endpointId}/next", browse_targets, "continuationToken*:str", "GetNextSetOfUniqueNodes", "BrowseNextResponse", "BrowseNext_V2"),
    POST("browse/{endpointId}/path", REST_READ, "BrowseUsingPath", "BrowsePathRequest", "BrowsePathResponse", "BrowsePath_V2"),
    POST("call/{endpointId}/metadata", REST_WRITE, "GetCallMetadata", "MethodMetadataRequest", "MethodMetadataResponse", "MethodMetadata_V2"),
    POST("call/{endpointId}", REST_WRITE, "CallMethod", "MethodCallRequest", "MethodCallResponse", "MethodCall_V2"),
    POST("read/{endpointId}", REST_READ, "ReadValue", "ValueReadRequest", "ValueReadResponse", "ValueRead_V2"),
    GET("read/{endpointId}", services_twin_pass_query, "nodeId*:str", "GetValue", "ValueReadResponse", "ValueRead_V2"),
    POST("read/{endpointId}/attributes", REST_READ, "ReadAttributes", "ReadRequest", "ReadResponse", "NodeRead_V2"),
    POST("write/{endpointId}", REST_WRITE, "WriteValue", "ValueWriteRequest", "ValueWriteResponse", "ValueWrite_V2"),
    POST("write/{endpointId}/attributes", REST_WRITE, "WriteAttributes", "WriteRequest", "WriteResponse", "NodeWrite_V2"),
    POST("metadata/{endpointId}/node", REST_READ, "GetMetadata", "NodeMetadataRequest", "NodeMetadataResponse", "GetMetadata_V2"),
    GET("capabilities/{endpointId}", services_twin_pass_query, "namespaceFormat:NamespaceFormat", "GetServerCapabilities", "ServerCapabilities", "GetServerCapabilities_V2"),
};
/* clang-format on */

struct rest_table services_twin_table(void)
{
    return REST_TABLE("/twin", routes, NULL);
}
