#include <stdlib.h>

#include "base/memory.h"
#include "hub/methods.h"
#include "hub/rest.h"
#include "iot/error.h"
#include "iot/method.h"
#include "json/json.h"
#include "json/write.h"

struct method {
    struct rest_request *request;
    struct iot_method_call call;
    bool command; /* of a digital twin: the answer is the payload alone */
};

static void method_error(struct method *m, enum status why, uint64_t waited_ms, const char *text)
{
    struct rest_request *r = m->request;
    const struct iot_status_wire *wire = iot_status_wire(why);
    struct buffer body = {0};
    iot_error_method_body(&(struct iot_error){wire, slice_of(text), slice_of(r->id), loop_wall_ms(r->loop)},
                          waited_ms, &body);
    rest_add_header(r, "iothub-errorcode", slice_of(wire->name));
    rest_reply_json(r, wire->http, buffer_slice(&body));
    buffer_clear(&body);
}

static void answer(struct method *m, int status, struct slice payload)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    iot_method_put(&w, status, payload);
    rest_reply_json(m->request, 200, buffer_slice(&body));
    buffer_clear(&body);
}

static void answer_command(struct method *m, int status, struct slice payload)
{
    struct rest_request *r = m->request;
    rest_add_header(r, "x-ms-command-statuscode", slice_of(arena_printf(&r->arena, "%d", status)));
    rest_reply_json(r, 200, payload.len ? payload : SLICE("null"));
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct method *m = arg;
    if (why == OK && !iot_method_payload_ok(payload))
        hub_rest_error(m->request, PEER_FAILED, IOT_DEVICE, "the device's answer is not JSON");
    else if (why == OK)
        (m->command ? answer_command : answer)(m, status, payload);
    else if (why == OFFLINE)
        method_error(m, why, m->call.connect_timeout_ms, "Timed out waiting for device to connect.");
    else if (why == TIMED_OUT)
        method_error(m, why, m->call.response_timeout_ms, "Timed out waiting for the response from device.");
    else
        hub_rest_error(m->request, why, IOT_DEVICE, "the method could not be carried out");
    free(m);
}

static void on_identity(void *arg, enum status why, const struct heads_identity *identity)
{
    struct method *m = arg;
    struct rest_request *r = m->request;
    (void)identity;
    if (why != OK) {
        hub_rest_error(r, why, m->call.id.module.len ? IOT_MODULE : IOT_DEVICE, "there is no such identity");
        free(m);
        return;
    }
    if (m->call.connect_timeout_ms)
        hub_method_invoke(r->app, r->loop, &m->call, on_method, m);
    else
        on_method(m, OFFLINE, 0, (struct slice){0});
}

/* Whoever listens is in the registry, which is asked about the others alone. */
static void on_tried(void *arg, enum status why, int status, struct slice payload)
{
    struct method *m = arg;
    struct rest_request *r = m->request;
    if (why == OFFLINE)
        registry_identity(((struct hub *)r->app)->registry, r->loop, m->call.id, on_identity, m);
    else
        on_method(m, why, status, payload);
}

static void try_at_once(struct method *m)
{
    struct iot_method_call now = m->call;
    now.connect_timeout_ms = 0;
    hub_method_invoke(m->request->app, m->request->loop, &now, on_tried, m);
}

static void invoke(struct rest_request *r)
{
    struct hub *hub = r->app;
    struct json_doc *doc = NULL;
    struct method *m = MEMORY_NEW(struct method);
    m->request = r;
    m->call = (struct iot_method_call){.id = hub_rest_id(r), .call_id = r->id};
    const char *wrong = json_parse(r->body, JSON_STRICT, &doc, NULL) == OK
                            ? iot_method_read(&r->arena, &hub->limits, json_root(doc), &m->call)
                            : "the body must be a JSON object";
    json_free(&doc);
    if (wrong) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE, wrong);
        free(m);
        return;
    }
    try_at_once(m);
}

/* ---- commands of digital twins: methods with the component in their name ---- */

static bool query_seconds(struct rest_request *r, const char *name, uint64_t least, uint64_t otherwise, uint64_t *ms)
{
    struct slice given = rest_query(r, name);
    uint64_t s = otherwise;
    if (given.len && !slice_to_u64(given, &s))
        return false;
    *ms = s * 1000;
    return s >= least && s <= IOT_METHOD_SECONDS_MAX;
}

static const char *read_command(struct rest_request *r, struct iot_method_call *call)
{
    struct slice component = rest_param(r, "component"), command = rest_param(r, "command");
    call->name = component.len ? slice_of(arena_printf(&r->arena, "%.*s*%.*s", SLICE_FMT(component), SLICE_FMT(command)))
                               : command;
    call->payload = r->body;
    if (call->name.len > IOT_METHOD_NAME_MAX)
        return "component and command have up to 99 characters together";
    if (!query_seconds(r, "responseTimeoutInSeconds", IOT_METHOD_SECONDS_MIN,
                       IOT_METHOD_RESPONSE_SECONDS, &call->response_timeout_ms))
        return "responseTimeoutInSeconds must be a whole number from 5 to 300";
    if (!query_seconds(r, "connectTimeoutInSeconds", 0, 0, &call->connect_timeout_ms))
        return "connectTimeoutInSeconds must be a whole number from 0 to 300";
    if (call->payload.len && !iot_method_payload_ok(call->payload))
        return "the body must be JSON: it is the command's argument";
    return call->payload.len > ((struct hub *)r->app)->limits.method_bytes
               ? "the body is larger than limits.method allows"
               : NULL;
}

static void command(struct rest_request *r)
{
    struct iot_method_call call = {.id = hub_rest_id(r), .call_id = r->id};
    const char *wrong = read_command(r, &call);
    if (wrong) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE, wrong);
        return;
    }
    struct method *m = MEMORY_NEW(struct method);
    *m = (struct method){.request = r, .call = call, .command = true};
    try_at_once(m);
}

static const struct rest_route routes[] = {
    {"POST", "/digitaltwins/{id}/commands/{command}", command, REST_SERVICE, "DigitalTwin_InvokeRootLevelCommand", NULL, NULL},
    {"POST", "/digitaltwins/{id}/components/{component}/commands/{command}", command, REST_SERVICE,
     "DigitalTwin_InvokeComponentCommand", NULL, NULL},
    {"POST", "/twins/{id}/methods", invoke, REST_CALL, "Devices_InvokeMethod", NULL, NULL},
    {"POST", "/twins/{id}/modules/{moduleId}/methods", invoke, REST_CALL, "Modules_InvokeMethod", NULL, NULL},
};
const struct rest_table hub_rest_methods = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
