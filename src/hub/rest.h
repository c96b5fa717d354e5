/*
 * The hub's service REST: IoT Hub's paths, bodies, codes and errors. Each rest_*.c has the routes of one
 * thing, as its name says; rest_tables.c lists them. Here is what they share, and who may call.
 */
#pragma once

#include "hub/hub.h"
#include "iot/status_wire.h"
#include "rest/server.h"

/* One table for each rest_*.c. */
extern const struct rest_table hub_rest_bulk, hub_rest_certificates, hub_rest_configurations, hub_rest_devices,
    hub_rest_files, hub_rest_jobs, hub_rest_messages, hub_rest_methods, hub_rest_query, hub_rest_routing,
    hub_rest_transfers, hub_rest_twins;

/* All of them: rest_tables.c, where a new one is added. For a server whose app is the hub, complete
 * with its jobs, transfers, messages, blobs and router. */
#define HUB_REST_TABLES_MAX 16
size_t hub_rest_tables(struct rest_table out[HUB_REST_TABLES_MAX]);

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
void hub_rest_ask(struct rest_request *r, const struct registry_ask *ask, int created);

/* rest_query.c: rows as the answer of a request, which is `arg`; how many a page is to have (0: it
 * was not said), false when that was no number and the request has been refused. */
struct query_answer;
void hub_rest_rows(void *arg, const struct query_answer *a);
bool hub_rest_page(struct rest_request *r, uint64_t *rows);
