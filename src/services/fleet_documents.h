/*
 * What the hub's twins say of gateways, supervisors, discoverers and publishers, as the REST API shows it, and the
 * changes that it asks for as patches of twins: Azure Industrial IoT's names on both sides. Pure; appends.
 */
#pragma once

#include "json/write.h"
#include "services/fleet.h"

enum fleet_kind { FLEET_GATEWAY, FLEET_SUPERVISOR, FLEET_DISCOVERER, FLEET_PUBLISHER };

/* By what the module said that it is; one that was not there yet, or is all of them, by its name. */
bool fleet_documents_is(enum fleet_kind kind, const struct services_fleet_member *m, const char *module);

/* GatewayModel, SupervisorModel, …. `twin`: the member's, parsed. */
void fleet_documents_put(enum fleet_kind kind, const struct services_fleet_member *m, const struct json *twin,
                         struct json_writer *w);

/* GatewayUpdate, SupervisorUpdate, … as a patch of the twin: null is "unchanged", an empty text or list takes away.
 * `mode`: of SetDiscoveryMode, whose body is the DiscoveryConfig alone; empty otherwise. */
void fleet_documents_put_patch(enum fleet_kind kind, const struct json *twin, const struct json *update,
                               struct slice mode, struct buffer *out);

/* The site of the twin, as its tags, the module itself, or its settings tell; empty: none. */
struct slice fleet_documents_site(const struct json *twin);

/* EndpointActivationFilter in the tags of a discoverer's twin. False, and nothing: there is none. */
bool fleet_documents_put_filter(const struct json *twin, struct json_writer *w);
