/*
 * Values of published nodes, out of the hub's stream to who follows their endpoint on the hub
 * "publishers". A publisher that was told by the registry's endpoint to publish says its id; for
 * others the endpoint's urls are looked up when somebody follows it, and messages are known by
 * theirs. What nobody follows any more is forgotten when there are twice as many as were followed at the last look.
 * While nobody follows anything, messages are not looked into, but for what they announce of UADP (uadp_message.h). On the services' loop.
 */
#pragma once

#include "base/slice.h"
#include "iot/message.h"
#include "services/live.h"
#include "services/registry.h"

#define VALUES_ENDPOINTS_MAX 10000 /* urls of endpoints that are known at once; of further ones the id alone */
#define VALUES_BODY_MAX (4u << 20) /* of a message that was compressed */

struct services_values;

/* Nothing is owned. */
struct services_values *services_values_new(struct services_registry *registry, struct live *live);
/* The registry may still answer. */
void services_values_free(struct services_values **v);

/* Somebody follows the endpoint from now on. */
void services_values_follow(struct services_values *v, struct slice endpoint_id);

/* How many urls of endpoints are known. */
size_t services_values_places(const struct services_values *v);

/* The group of who follows one node of an endpoint, in the form in which it was published. */
void services_values_group(struct slice endpoint_id, struct slice node_id, struct buffer *out);

/* `from` is the module that sent it. */
void services_values_event(struct services_values *v, struct slice schema, struct iot_id from,
                           const struct iot_message *m);
