/* The provisioning service's HTTP: paths of devices and of the service side. Both judge their
 * callers themselves, by keys and policies of their own; `app` is the struct dps. */
#pragma once

#include "rest/route.h"

extern const struct rest_route dps_device_routes[];
extern const size_t dps_device_routes_count;

extern const struct rest_route dps_service_routes[];
extern const size_t dps_service_routes_count;

/* Answers with {"errorCode":…,"trackingId":…,"message":…,"timestampUtc":…}. */
void dps_route_error(struct rest_request *r, enum status why, const char *text);
