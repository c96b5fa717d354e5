/* The registry's paths that ask a module, of 2.8 and 2.9: about an endpoint, and about what a
 * publisher publishes. */
#include "services/replies.h"
#include "services/twin_call.h"
#include "json/write.h"

static void get_certificate(struct rest_request *r)
{
    services_twin_call(
        r, &(struct services_twin_ask){.method = r->route->calls, .payload = PAYLOAD_ENDPOINT});
}

/* ---- a publisher's configuration ---- */

/* {"endpoints": […]} to […]. */
static void answer_entries(struct rest_request *r, struct slice payload)
{
    struct json_doc *doc;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK) {
        services_replies_fail(r, PEER_FAILED, "the module's answer is not JSON");
        return;
    }
    json_array(&w);
    for (struct json_walk walk = json_walk(json_get_nocase(json_root(doc), "endpoints"));
         json_next(&walk);)
        json_put_value(&w, walk.value);
    json_end_array(&w);
    json_free(&doc);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void answer_nothing(struct rest_request *r, struct slice payload)
{
    (void)payload;
    rest_reply_empty(r, 200);
}

static void get_entries(struct rest_request *r)
{
    bool nodes = slice_eq_nocase(rest_query(r, "IncludeNodes"), SLICE("true"));
    services_module_call(r, rest_param(r, "publisherId"),
                         &(struct services_twin_ask){
                             .method = r->route->calls,
                             .request = nodes ? SLICE("{\"includeNodes\":true}") : SLICE("{}"),
                             .payload = PAYLOAD_REQUEST,
                             .answer = answer_entries});
}

static void set_entries(struct rest_request *r)
{
    services_module_call(r, rest_param(r, "publisherId"),
                         &(struct services_twin_ask){.method = r->route->calls,
                                                     .request = r->body,
                                                     .payload = PAYLOAD_REQUEST,
                                                     .answer = answer_nothing});
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/v2/endpoints/{endpointId}/certificate", get_certificate, REST_READ, "GetEndpointCertificate", NULL, "X509CertificateChain",
     .calls = "GetEndpointCertificate_V2"},
    {"POST", "/v2/endpoints/{endpointId}/test", services_twin_pass, REST_READ, "TestConnection", "TestConnectionRequest", "TestConnectionResponse",
     .calls = "TestConnection_V2"},
    {"GET", "/v2/publishers/{publisherId}/endpoints", get_entries, REST_WRITE, "GetConfiguredEndpoints", NULL, "[any]",
     .query = "IncludeNodes:bool", .calls = "GetConfiguredEndpoints_V2"},
    {"PUT", "/v2/publishers/{publisherId}/endpoints", set_entries, REST_ADMIN, "SetConfiguredEndpoints", "SetConfiguredEndpointsRequest", NULL,
     .calls = "SetConfiguredEndpoints_V2"},
};
/* clang-format on */

struct rest_table services_module_table(void)
{
    return REST_TABLE("/registry", routes, NULL);
}
