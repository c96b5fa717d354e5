/*
 * Applications and endpoints as twins in the hub: device id, tags and desired properties with the names
 * that Azure Industrial IoT gave them, so that its users' queries of the hub find ours. Pure; appends.
 *
 *     {"tags":{"DeviceType":"Endpoint",…},"properties":{"desired":{"EndpointUrl":…}}}
 */
#pragma once

#include "base/arena.h"
#include "services/registry_tables.h"

void services_hub_twin_put_application(const struct application_row *row, struct buffer *out);
void services_hub_twin_put_endpoint(const struct endpoint_row *row, struct buffer *out);

/* What in a twin of the hub is ours, in the same form: what others have put there is left out. False, and nothing:
 * it is no twin of an application or an endpoint. */
bool services_hub_twin_own(const struct json *twin, struct buffer *out);

/* And back: the row that such a twin stands for; its texts in the arena. False: it lacks what makes one. */
bool services_hub_twin_read_application(const struct json *twin, struct arena *a, struct application_row *out);
bool services_hub_twin_read_endpoint(const struct json *twin, struct arena *a, struct endpoint_row *out);
