/*
 * The hub's service REST: IoT Hub's paths, bodies, codes and errors. Identities in rest_devices.c, twins
 * in rest_twins.c, direct methods in rest_methods.c, authorities in rest_certificates.c, messages to
 * devices in rest_messages.c; here is what they share, and who may call.
 */
#pragma once

#include "hub/hub.h"
#include "iot/status_wire.h"
#include "rest/server.h"

/* One table for each file; put them all in a server whose app is the hub. */
extern const struct rest_route hub_rest_devices[], hub_rest_twins[], hub_rest_methods[],
    hub_rest_certificates[], hub_rest_bulk[], hub_rest_transfers[];
extern const size_t hub_rest_devices_count, hub_rest_twins_count, hub_rest_methods_count,
    hub_rest_certificates_count, hub_rest_bulk_count, hub_rest_transfers_count;
extern const struct rest_route hub_rest_files[]; /* rest_files.c */
extern const size_t hub_rest_files_count;
extern const struct rest_route hub_rest_query[]; /* rest_query.c */
extern const size_t hub_rest_query_count;
extern const struct rest_route hub_rest_messages[];
extern const size_t hub_rest_messages_count;
extern const struct rest_route hub_rest_configurations[]; /* rest_configurations.c */
extern const size_t hub_rest_configurations_count;
extern const struct rest_route hub_rest_jobs[]; /* rest_jobs.c; needs hub.jobs */
extern const size_t hub_rest_jobs_count;
extern const struct rest_route hub_rest_routing[]; /* rest_routing.c */
extern const size_t hub_rest_routing_count;

rest_authorize_fn hub_rest_authorize;
rest_authorize_fn hub_rest_authorize_caller; /* a module as itself: rest_callers.c */
rest_refuse_fn hub_rest_refuse;

/* Who is named in the path: {id} and, when there is one, {moduleId}. */
struct iot_id hub_rest_id(const struct rest_request *r);

/* Without quotes; empty when absent. */
struct slice hub_rest_if_match(const struct rest_request *r);

/* {"Message":"ErrorCode:…;text","ExceptionMessage":…} with the status that goes with it. */
void hub_rest_error(struct rest_request *r, enum status why, enum iot_thing of, const char *text);

/* Asks the registry and answers the request with what it says: `created` is the status of success. */
void hub_rest_ask(struct rest_request *r, const struct hub_registry_ask *ask, int created);

/* rest_query.c: rows as the answer of a request, which is `arg`; how many a page is to have (0: it
 * was not said), false when that was no number and the request has been refused. */
struct hub_query_answer;
void hub_rest_rows(void *arg, const struct hub_query_answer *a);
bool hub_rest_page(struct rest_request *r, uint64_t *rows);
