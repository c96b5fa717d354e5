#include "hub/rest.h"

static void list(struct rest_request *r)
{
    uint64_t top = 0;
    if (rest_query(r, "top").len && (!slice_to_u64(rest_query(r, "top"), &top) || top == 0)) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE, "top must be a whole number from 1 to 1000");
        return;
    }
    hub_rest_ask(
        r,
        &(struct registry_ask){.what = &registry_identity_list, .id = hub_rest_id(r), .top = top},
        200);
}

static void get(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &registry_identity_get, .id = hub_rest_id(r)},
                 200);
}

static void put(struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = &registry_identity_put,
                     .id = hub_rest_id(r),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 200);
}

static void delete (struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){.what = &registry_identity_delete,
                                        .id = hub_rest_id(r),
                                        .if_match = hub_rest_if_match(r)},
                 200);
}

static void statistics_devices(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &registry_statistics_devices}, 200);
}

static void statistics_service(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &registry_statistics_service}, 200);
}

/* ---- an edge asks who belongs to it ---- */

static void scope_list(struct rest_request *r)
{
    uint64_t top = 0;
    if (rest_query(r, "deviceCount").len && !slice_to_u64(rest_query(r, "deviceCount"), &top)) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE, "deviceCount must be a whole number");
        return;
    }
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = &registry_scope_list,
                     .id = hub_rest_id(r),
                     .target = {.device = rest_query(r, "continuationToken")},
                     .top = top,
                 },
                 200);
}

static void scope_one(struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = &registry_scope_one,
                     .id = hub_rest_id(r),
                     .target = {rest_query(r, "targetDeviceId"), rest_query(r, "targetModuleId")},
                 },
                 200);
}

static const struct rest_route routes[] = {
    {"GET", "/devices", list, REST_READ, "Devices_GetDevices", NULL, NULL},
    {"GET", "/devices/{id}", get, REST_READ, "Devices_GetIdentity", NULL, NULL},
    {"PUT", "/devices/{id}", put, REST_WRITE, "Devices_CreateOrUpdateIdentity", NULL, NULL},
    {"DELETE", "/devices/{id}", delete, REST_WRITE, "Devices_DeleteIdentity", NULL, NULL},
    {"GET", "/devices/{id}/modules", list, REST_READ, "Modules_GetModulesOnDevice", NULL, NULL},
    {"GET", "/devices/{id}/modules/{moduleId}", get, REST_READ, "Modules_GetIdentity", NULL, NULL},
    {"PUT", "/devices/{id}/modules/{moduleId}", put, REST_WRITE, "Modules_CreateOrUpdateIdentity",
     NULL, NULL},
    {"DELETE", "/devices/{id}/modules/{moduleId}", delete, REST_WRITE, "Modules_DeleteIdentity",
     NULL, NULL},
    {"GET", "/statistics/devices", statistics_devices, REST_READ, "Statistics_GetDeviceStatistics",
     NULL, NULL},
    {"GET", "/statistics/service", statistics_service, REST_READ, "Statistics_GetServiceStatistics",
     NULL, NULL},
    {"GET", "/devices/{id}/modules/$edgeHub/devicesAndModulesInDeviceScope", scope_list,
     REST_DEVICE, NULL, NULL, NULL},
    {"GET", "/devices/{id}/modules/$edgeHub/deviceAndModuleInDeviceScope", scope_one, REST_DEVICE,
     NULL, NULL, NULL},
};
const struct rest_table hub_rest_devices = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
