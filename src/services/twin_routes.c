/* The twin's REST API, 2.8: a row is a direct method of the endpoint's twin module. */
#include "services/models.h"
#include "services/replies.h"
#include "services/twin_call.h"
#include "json/write.h"

static void pass(struct rest_request *r, const char *method)
{
    struct json_doc *doc;
    if (services_replies_body(r, &services_models_twin, r->route->request, &doc) != OK)
        return;
    json_free(&doc);
    services_twin_call(r, method, r->body);
}

static void browse(struct rest_request *r)
{
    pass(r, "Browse_V2");
}

static void browse_next(struct rest_request *r)
{
    pass(r, "BrowseNext_V2");
}

static void browse_path(struct rest_request *r)
{
    pass(r, "BrowsePath_V2");
}

static void call_metadata(struct rest_request *r)
{
    pass(r, "MethodMetadata_V2");
}

static void call_method(struct rest_request *r)
{
    pass(r, "MethodCall_V2");
}

static void read_value(struct rest_request *r)
{
    pass(r, "ValueRead_V2");
}

static void read_attributes(struct rest_request *r)
{
    pass(r, "NodeRead_V2");
}

static void write_value(struct rest_request *r)
{
    pass(r, "ValueWrite_V2");
}

static void write_attributes(struct rest_request *r)
{
    pass(r, "NodeWrite_V2");
}

/* ---- with the query string alone ---- */

/* {"<name>": "<value of the parameter>", and, for browsing, unique targets with their values}. */
static void pass_parameter(struct rest_request *r, const char *method, const char *name,
                           bool required, bool browses)
{
    struct slice value = rest_query(r, name);
    if (value.len == 0 && required) {
        services_replies_fail(r, BAD_ARGUMENT,
                              arena_printf(&r->arena, "the parameter %s is missing", name));
        return;
    }
    struct buffer request = {0};
    struct json_writer w = json_writer(&request);
    json_object(&w);
    json_member(&w, name, value);
    if (browses) {
        json_name(&w, "targetNodesOnly"), json_put_bool(&w, true);
        json_name(&w, "readVariableValues"), json_put_bool(&w, true);
    }
    json_end_object(&w);
    services_twin_call(r, method, buffer_slice(&request));
    buffer_clear(&request);
}

static void get_nodes(struct rest_request *r)
{
    pass_parameter(r, "Browse_V2", "nodeId", false, true);
}

static void get_next_nodes(struct rest_request *r)
{
    pass_parameter(r, "BrowseNext_V2", "continuationToken", true, true);
}

static void get_value(struct rest_request *r)
{
    pass_parameter(r, "ValueRead_V2", "nodeId", true, false);
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/v2/browse/{endpointId}", browse, REST_READ, "Browse", "BrowseRequest", "BrowseResponse"},
    {"GET", "/v2/browse/{endpointId}", get_nodes, REST_READ, "GetSetOfUniqueNodes", NULL, "BrowseResponse"},
    {"POST", "/v2/browse/{endpointId}/next", browse_next, REST_READ, "BrowseNext", "BrowseNextRequest", "BrowseNextResponse"},
    {"GET", "/v2/browse/{endpointId}/next", get_next_nodes, REST_READ, "GetNextSetOfUniqueNodes", NULL, "BrowseNextResponse"},
    {"POST", "/v2/browse/{endpointId}/path", browse_path, REST_READ, "BrowseUsingPath", "BrowsePathRequest", "BrowsePathResponse"},
    {"POST", "/v2/call/{endpointId}/metadata", call_metadata, REST_WRITE, "GetCallMetadata", "MethodMetadataRequest", "MethodMetadataResponse"},
    {"POST", "/v2/call/{endpointId}", call_method, REST_WRITE, "CallMethod", "MethodCallRequest", "MethodCallResponse"},
    {"POST", "/v2/read/{endpointId}", read_value, REST_READ, "ReadValue", "ValueReadRequest", "ValueReadResponse"},
    {"GET", "/v2/read/{endpointId}", get_value, REST_READ, "GetValue", NULL, "ValueReadResponse"},
    {"POST", "/v2/read/{endpointId}/attributes", read_attributes, REST_READ, "ReadAttributes", "ReadRequest", "ReadResponse"},
    {"POST", "/v2/write/{endpointId}", write_value, REST_WRITE, "WriteValue", "ValueWriteRequest", "ValueWriteResponse"},
    {"POST", "/v2/write/{endpointId}/attributes", write_attributes, REST_WRITE, "WriteAttributes", "WriteRequest", "WriteResponse"},
};
/* clang-format on */

struct rest_table services_twin_table(void)
{
    return REST_TABLE("/twin", routes, NULL);
}
