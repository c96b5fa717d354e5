#include "hub/rest.h"

static void get(struct rest_request *r)
{
    hub_rest_ask(r, &(struct hub_registry_ask){.what = HUB_TWIN_GET, .id = hub_rest_id(r)}, 200);
}

static void change(struct rest_request *r, enum hub_registry_what what)
{
    hub_rest_ask(r,
                 &(struct hub_registry_ask){
                     .what = what,
                     .id = hub_rest_id(r),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 200);
}

static void patch(struct rest_request *r)
{
    change(r, HUB_TWIN_PATCH);
}

static void put(struct rest_request *r)
{
    change(r, HUB_TWIN_PUT);
}

const struct rest_route hub_rest_twins[] = {
    {"GET", "/twins/{id}", get, REST_SERVICE, "Devices_GetTwin", NULL, NULL},
    {"PATCH", "/twins/{id}", patch, REST_SERVICE, "Devices_UpdateTwin", NULL, NULL},
    {"PUT", "/twins/{id}", put, REST_SERVICE, "Devices_ReplaceTwin", NULL, NULL},
    {"GET", "/twins/{id}/modules/{moduleId}", get, REST_SERVICE, "Modules_GetTwin", NULL, NULL},
    {"PATCH", "/twins/{id}/modules/{moduleId}", patch, REST_SERVICE, "Modules_UpdateTwin", NULL, NULL},
    {"PUT", "/twins/{id}/modules/{moduleId}", put, REST_SERVICE, "Modules_ReplaceTwin", NULL, NULL},
};
const size_t hub_rest_twins_count = sizeof(hub_rest_twins) / sizeof(hub_rest_twins[0]);
