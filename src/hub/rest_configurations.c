#include "configurations/metrics.h"
#include "configurations/rows.h"
#include "hub/rest.h"

/* ---- reading: the counts of the metrics come last ---- */

static void on_counted(void *arg, enum status why, struct slice json)
{
    struct rest_request *r = arg;
    if (why == OK)
        rest_reply_json(r, 200, json);
    else
        hub_rest_error(r, why, IOT_CONFIGURATION, "the metrics could not be counted");
}

static void on_read(void *arg, const struct registry_answer *a)
{
    struct rest_request *r = arg;
    if (a->why != OK) {
        hub_rest_error(r, a->why, a->of, a->text);
        return;
    }
    if (a->etag.len)
        rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%.*s\"", SLICE_FMT(a->etag))));
    configuration_metrics(((struct hub *)r->app)->registry, r->loop, a->json, on_counted, r);
}

static void get(struct rest_request *r)
{
    registry_ask(((struct hub *)r->app)->registry, r->loop,
                 &(struct registry_ask){.what = &configuration_get, .name = rest_param(r, "name")},
                 on_read, r);
}

static void list(struct rest_request *r)
{
    uint64_t top = 0;
    if (rest_query(r, "top").len && (!slice_to_u64(rest_query(r, "top"), &top) || top == 0)) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_CONFIGURATION, "top must be a whole number from 1 on");
        return;
    }
    registry_ask(((struct hub *)r->app)->registry, r->loop,
                 &(struct registry_ask){.what = &configuration_list, .top = top}, on_read, r);
}

/* ---- changing ---- */

static void put(struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = &configuration_put,
                     .name = rest_param(r, "name"),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 200);
}

static void delete (struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){.what = &configuration_delete,
                                        .name = rest_param(r, "name"),
                                        .if_match = hub_rest_if_match(r)},
                 200);
}

static void content(struct rest_request *r)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = &configuration_content, .id = hub_rest_id(r), .body = r->body},
                 204);
}

static void test_queries(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &configuration_test, .body = r->body}, 200);
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/configurations", list, REST_READ, "Configuration_GetConfigurations", NULL, NULL},
    {"GET", "/configurations/{name}", get, REST_READ, "Configuration_Get", NULL, NULL},
    {"PUT", "/configurations/{name}", put, REST_WRITE, "Configuration_CreateOrUpdate", NULL, NULL},
    {"DELETE", "/configurations/{name}", delete, REST_WRITE, "Configuration_Delete", NULL, NULL},
    {"POST", "/configurations/testQueries", test_queries, REST_READ, "Configuration_TestQueries", NULL, NULL},
    {"POST", "/devices/{id}/applyConfigurationContent", content, REST_WRITE, "Configuration_ApplyOnEdgeDevice", NULL, NULL},
};
/* clang-format on */
const struct rest_table hub_rest_configurations = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
