/* What devices ask over HTTP: register, and how far it is. Clients send a body with GET, too. */
#include "dps/dps.h"
#include "dps/routes.h"
#include "iot/error.h"

void dps_route_error(struct rest_request *r, enum status why, const char *text)
{
    const struct iot_status_wire *wire = iot_status_wire_provisioning(why);
    struct buffer body = {0};
    iot_error_twin_body(
        &(struct iot_error){wire, slice_of(text), slice_of(r->id), loop_wall_ms(r->loop)}, &body);
    rest_reply_json(r, wire->http, buffer_slice(&body));
    buffer_clear(&body);
}

static void on_answer(void *arg, const struct dps_device_answer *a)
{
    struct rest_request *r = arg;
    if (a->retry_s)
        rest_add_header(r, "retry-after", slice_of(arena_printf(&r->arena, "%u", a->retry_s)));
    if (a->why != OK)
        dps_route_error(r, a->why, a->text);
    else
        rest_reply_json(r, a->under_way ? 202 : 200, a->json);
}

static void ask(struct rest_request *r, enum dps_device_what what)
{
    dps_device(r->app, r->loop,
               &(struct dps_device_ask){.what = what,
                                        .credentials = {.id_scope = rest_param(r, "idScope"),
                                                        .registration_id = rest_param(r, "id"),
                                                        .sas = rest_header(r, "Authorization"),
                                                        .certificate = r->certificate,
                                                        .peer = r->peer},
                                        .body = r->body,
                                        .operation_id = rest_param(r, "operationId")},
               on_answer, r);
}

static void register_device(struct rest_request *r)
{
    ask(r, DPS_REGISTER);
}

static void operation(struct rest_request *r)
{
    ask(r, DPS_OPERATION);
}

static void look_up(struct rest_request *r)
{
    ask(r, DPS_LOOK_UP);
}

const struct rest_route dps_device_routes[] = {
    {"PUT", "/{idScope}/registrations/{id}/register", register_device, REST_PUBLIC, NULL, NULL,
     NULL},
    {"GET", "/{idScope}/registrations/{id}/operations/{operationId}", operation, REST_PUBLIC, NULL,
     NULL, NULL},
    {"POST", "/{idScope}/registrations/{id}", look_up, REST_PUBLIC, NULL, NULL, NULL},
};
const size_t dps_device_routes_count = sizeof dps_device_routes / sizeof *dps_device_routes;
