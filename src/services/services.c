#include "services/services.h"

#include "audit/request.h"
#include "base/log.h"
#include "services/change.h"
#include "services/live.h"

const struct rest_metric services_metrics[METRIC_COUNT] = {
    [METRIC_REQUESTS] = {"millrace_services_requests_total", NULL, REST_COUNTER,
                         "requests answered"},
    [METRIC_REFUSED] = {"millrace_services_refused_total", NULL, REST_COUNTER,
                        "of them with a 4xx status"},
    [METRIC_FAILED] = {"millrace_services_failed_total", NULL, REST_COUNTER,
                       "of them with a 5xx status"},
    [METRIC_TWIN_CALLS] = {"millrace_services_twin_calls_total", NULL, REST_COUNTER,
                           "calls of twin modules"},
    [METRIC_TWIN_FAILED] = {"millrace_services_twin_failed_total", NULL, REST_COUNTER,
                            "of them that did not succeed"},
    [METRIC_TWIN_SECONDS] = {"millrace_services_twin_call_seconds", NULL, REST_HISTOGRAM,
                             "how long they took"},
    [METRIC_LIVE_CONNECTIONS] = {"millrace_services_live_connections", NULL, REST_GAUGE,
                                 "clients that listen to events"},
    [METRIC_LIVE_TOLD] = {"millrace_services_live_events_total", NULL, REST_COUNTER,
                          "events that were sent to one of them"},
    [METRIC_LIVE_DROPPED] = {"millrace_services_live_dropped_total", NULL, REST_COUNTER,
                             "values that were not, because it read too slowly"},
    [METRIC_LIVE_ENDED] = {"millrace_services_live_ended_total", NULL, REST_COUNTER,
                           "connections that were ended because nothing was read"},
};

void services_collect(void *arg, struct rest_metrics *m, struct buffer *out)
{
    const struct services *app = arg;
    struct live_counts c = live_counts(app->live);
    (void)out;
    rest_metrics_set(m, METRIC_LIVE_CONNECTIONS, (int64_t)c.connections);
    rest_metrics_set(m, METRIC_LIVE_TOLD, (int64_t)c.told);
    rest_metrics_set(m, METRIC_LIVE_DROPPED, (int64_t)c.dropped);
    rest_metrics_set(m, METRIC_LIVE_ENDED, (int64_t)c.ended);
}

void services_authorize(struct rest_request *r)
{
    struct services *app = r->app;
    if (app->bearer) {
        rest_bearer_authorize(app->bearer, r);
        return;
    }
    r->user = SLICE("anybody");
    rest_authorized(r, OK, NULL);
}

bool services_fleet_is(const struct services *app, enum fleet_kind kind, const struct services_fleet_member *m)
{
    const char *const modules[] = {[FLEET_SUPERVISOR] = app->twin_module,
                                   [FLEET_DISCOVERER] = app->discovery_module,
                                   [FLEET_PUBLISHER] = app->publisher_module};
    return fleet_documents_is(kind, m, modules[kind]);
}

void services_on_answer(void *arg, const struct rest_request *r, int status)
{
    struct services *app = arg;
    struct audit_entry e = audit_request_answered(r, status);
    if (app->audit && services_change_is(r) && status != 401)
        audit_put(app->audit, &e);
    rest_metrics_add(app->metrics, METRIC_REQUESTS, 1);
    rest_metrics_add(app->metrics, METRIC_REFUSED, status >= 400 && status < 500);
    rest_metrics_add(app->metrics, METRIC_FAILED, status >= 500);
    log_debug("answered method=%.*s route=%s user=%.*s status=%d rid=%s", SLICE_FMT(r->method),
              r->route ? r->route->path : "-", SLICE_FMT(r->user), status, r->id);
}

void services_tables(struct rest_table out[SERVICES_TABLES])
{
    struct rest_table all[SERVICES_TABLES] = {
        services_registry_table(), services_fleet_table(),    services_module_table(),
        services_twin_table(),     services_history_table(),  services_publisher_table(),
        services_live_table(),     services_document_table(),
    };
    memcpy(out, all, sizeof(all));
}
