/*
 * The ids that Azure Industrial IoT derives from what applications and endpoints are: the same
 * thing gets the same id from everyone, for ever. Pure.
 */
#pragma once

#include "base/slice.h"
#include "iot/identity.h"

#define SERVICES_ID_MAX 48 /* "uas" and 40 hex digits, and a zero */

/* `site`: the siteId, or the gateway's device id, or empty. `type`: "Server", "Client", … */
void services_ids_application(struct slice site, struct slice type, struct slice uri,
                              char out[SERVICES_ID_MAX]);

/* `url` as the server reports it. `mode`: "None" and empty count as "Best". */
void services_ids_endpoint(struct slice url, struct slice application, struct slice mode,
                           struct slice policy, char out[SERVICES_ID_MAX]);

/* "{device}_module_{module}", or the device alone: ids of discoverers, supervisors and publishers.
 */
struct iot_id services_ids_module(struct slice id);
void services_ids_put_module(struct iot_id id, struct buffer *out);
