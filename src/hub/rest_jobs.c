
#include "hub/rest.h"
#include "jobs/jobs.h"
#include "jobs/rows.h"

static void get(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &job_get, .name = rest_param(r, "id")}, 200);
}

/* A change is told to those who do the jobs, before the caller is. */
static void on_change(void *arg, const struct registry_answer *a)
{
    struct rest_request *r = arg;
    if (a->why != OK) {
        hub_rest_error(r, a->why, a->of, a->text);
        return;
    }
    jobs_changed(((struct hub *)r->app)->jobs);
    rest_reply_json(r, 200, a->json);
}

static void change(struct rest_request *r, const struct registry_work *what)
{
    registry_ask(((struct hub *)r->app)->registry, r->loop,
                 &(struct registry_ask){.what = what, .name = rest_param(r, "id"), .body = r->body},
                 on_change, r);
}

static void put(struct rest_request *r)
{
    change(r, &job_put);
}

static void cancel(struct rest_request *r)
{
    change(r, &job_cancel);
}

static void list(struct rest_request *r)
{
    uint64_t page;
    if (hub_rest_page(r, &page))
        jobs_list(((struct hub *)r->app)->registry, r->loop, rest_query(r, "jobType"),
                  rest_query(r, "jobStatus"), page, slice_trim(rest_header(r, "x-ms-continuation")),
                  hub_rest_rows, r);
}

static const struct rest_route routes[] = {
    {"GET", "/jobs/v2/query", list, REST_SERVICE, "Jobs_QueryScheduledJobs", NULL, NULL},
    {"GET", "/jobs/v2/{id}", get, REST_SERVICE, "Jobs_GetScheduledJob", NULL, NULL},
    {"PUT", "/jobs/v2/{id}", put, REST_SERVICE, "Jobs_CreateScheduledJob", NULL, NULL},
    {"POST", "/jobs/v2/{id}/cancel", cancel, REST_SERVICE, "Jobs_CancelScheduledJob", NULL, NULL},
};
const struct rest_table hub_rest_jobs = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
