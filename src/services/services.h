/*
 * The services as their own files see them: one loop, one registry, one hub behind them. `millrace
 * services` is services_main.c; the REST APIs are registry_routes.c and twin_routes.c.
 */
#pragma once

#include "client/service.h"
#include "rest/bearer.h"
#include "rest/metrics.h"
#include "rest/model.h"
#include "rest/server.h"
#include "services/fleet_documents.h"
#include "services/registry.h"

struct audit;
struct live;
struct services_discoverers;
struct services_fleet_watch;
struct services_twin;
struct services_values;

enum services_metric {
    METRIC_REQUESTS,
    METRIC_REFUSED,
    METRIC_FAILED,
    METRIC_TWIN_CALLS,
    METRIC_TWIN_FAILED,
    METRIC_TWIN_SECONDS,
    METRIC_LIVE_CONNECTIONS,
    METRIC_LIVE_TOLD,
    METRIC_LIVE_DROPPED,
    METRIC_LIVE_ENDED,
    METRIC_COUNT
};
extern const struct rest_metric services_metrics[METRIC_COUNT];

/* The app of all routes. Nothing in it is owned by it but what its maker made. */
struct services {
    struct loop *loop;
    struct services_registry *registry;
    struct service_client *hub;   /* NULL: none is configured; calls are answered with 503 */
    struct services_fleet *fleet; /* NULL like the hub */
    struct services_fleet_watch *watch; /* the same */
    struct services_discoverers *discoverers;                      /* NULL like the hub */
    const char *twin_module, *discovery_module, *publisher_module; /* module ids */
    struct services_twin *twin;
    struct rest_bearer *bearer; /* NULL: everybody may do everything; on loopback alone */
    struct rest_metrics *metrics;
    struct audit *audit; /* NULL: changes are not recorded */
    struct live *live;
    struct services_values *values;
    size_t probes; /* of endpoints that were activated: endpoint_probe.h */
};

/* fleet_documents_is(), for the modules that the settings name. */
bool services_fleet_is(const struct services *app, enum fleet_kind kind, const struct services_fleet_member *m);

/* Of live events; for rest_metrics_collect(), `app` is a struct services. */
rest_metrics_collector services_collect;

/* For rest_server_config. */
rest_authorize_fn services_authorize;
rest_admit_fn services_admit; /* change.c */
void services_on_answer(void *app, const struct rest_request *r, int status);

/* A table is a file: registry_routes.c, fleet_routes.c, module_routes.c, twin_routes.c,
 * history_routes.c, publisher_routes.c, live_routes.c, document_routes.c. */
#define SERVICES_TABLES 8
void services_tables(struct rest_table out[SERVICES_TABLES]);
struct rest_table services_registry_table(void), services_fleet_table(void),
    services_module_table(void), services_twin_table(void), services_history_table(void),
    services_publisher_table(void), services_live_table(void), services_document_table(void);

/* The WebSockets of live_routes.c. */
#define SERVICES_UPGRADES 12
extern const struct rest_upgrade services_upgrades[SERVICES_UPGRADES];
