#include "services/services.h"

#include "base/log.h"
#include "services/audit.h"
#include "services/replies.h"

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
};

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

/* Whoever may change something is recorded before he does. */
static bool is_change(const struct rest_request *r)
{
    return r->route && (r->route->access == REST_WRITE || r->route->access == REST_ADMIN);
}

static void on_recorded(void *arg, enum status why)
{
    rest_admitted(arg, why, "the audit log cannot be written, so nothing is changed");
}

void services_admit(struct rest_request *r)
{
    struct services *app = r->app;
    if (!services_replies_valid(r))
        return;
    if (app->audit && is_change(r))
        audit_asked(app->audit, r, on_recorded, r);
    else
        rest_admitted(r, OK, NULL);
}

void services_on_answer(void *arg, const struct rest_request *r, int status)
{
    struct services *app = arg;
    if (app->audit && is_change(r) && status != 401)
        audit_answered(app->audit, r, status);
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
