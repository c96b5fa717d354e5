/*
 * The publisher's REST API, of 2.8 and 2.9: what is published of an endpoint, by direct methods of
 * the publisher module beside its twin module; and 2.8's workers, which are those modules. What 2.8
 * could do to its jobs is refused with the reason: docs/protocol/rest-services.md.
 */
#include "services/fleet.h"
#include "services/ids.h"
#include "services/long_answer.h"
#include "services/replies.h"
#include "services/twin_call.h"
#include "json/write.h"

static void ask(struct rest_request *r, services_twin_fn *answer)
{
    services_twin_call(
        r, &(struct services_twin_ask){.method = r->route->calls,
                                       .request = r->body.len > 0 ? r->body : SLICE("{}"),
                                       .payload = PAYLOAD_PUBLISHER,
                                       .answer = answer});
}

static void publish(struct rest_request *r)
{
    ask(r, NULL);
}

/* ---- many at once: it was all done, or the module refused it all ---- */

/* 2.8 spells these names with a capital, in the request and in the answer. */
static const char *spelled(const struct json *request, const char *large, const char *small)
{
    return json_get(request, "NodesToAdd") || json_get(request, "NodesToRemove") ? large : small;
}

static void put_results(struct json_writer *w, const char *name, const struct json *list)
{
    if (json_count(list) == 0)
        return;
    json_name(w, name), json_array(w);
    for (size_t i = 0; i < json_count(list); i++)
        json_put_raw(w, SLICE("{\"statusCode\":0}"));
    json_end_array(w);
}

static void put_bulk(const struct json *said, size_t from, size_t limit, struct json_writer *w)
{
    (void)from, (void)limit;
    json_object(w);
    put_results(w, spelled(said, "NodesToAdd", "nodesToAdd"), json_get_nocase(said, "nodesToAdd"));
    put_results(w, spelled(said, "NodesToRemove", "nodesToRemove"),
                json_get_nocase(said, "nodesToRemove"));
    json_end_object(w);
}

/* What the answer is made of, the request says. */
static void answer_bulk(struct rest_request *r, struct slice payload)
{
    (void)payload;
    long_answer_make(r, r->body, put_bulk, 0, 0);
}

static void publish_many(struct rest_request *r)
{
    ask(r, answer_bulk);
}

/* ---- what is published: the module tells all, a page is cut out of it ---- */

static void put_page(const struct json *answer, size_t from, size_t limit, struct json_writer *w)
{
    const struct json *items = json_get_nocase(answer, "items");
    struct json_walk walk = json_walk(items);
    json_object(w);
    json_name(w, "items"), json_array(w);
    for (size_t i = 0; json_next(&walk); i++)
        if (i >= from && i - from < limit)
            json_put_value(w, walk.value);
    json_end_array(w);
    services_replies_put_continuation(w, from, limit, json_count(items));
    json_end_object(w);
}

static bool window(struct rest_request *r, size_t *from, size_t *limit)
{
    struct json_doc *doc;
    uint64_t at = 0;
    if (!services_replies_window(r, from, limit))
        return false;
    if (r->body.len == 0 || json_parse(r->body, JSON_STRICT, &doc, NULL) != OK)
        return true;
    struct slice token = json_string(json_get_nocase(json_root(doc), "continuationToken"));
    bool good = token.len == 0 || slice_to_u64(token, &at);
    json_free(&doc);
    if (!good)
        rest_reply_invalid(r, "continuationToken: not one that this list gave");
    else if (at > 0)
        *from = at;
    return good;
}

static void answer_list(struct rest_request *r, struct slice payload)
{
    size_t from, limit;
    if (window(r, &from, &limit))
        long_answer_make(r, payload, put_page, from, limit);
}

static void list(struct rest_request *r)
{
    ask(r, answer_list);
}

/* ---- workers ---- */

static bool is_worker(const struct services *app, const struct services_fleet_member *m)
{
    return m->module && strcmp(m->module, app->publisher_module) == 0;
}

static void put_worker(struct json_writer *w, const struct services_fleet_member *m)
{
    struct buffer id = {0};
    services_ids_put_module((struct iot_id){slice_of(m->device), slice_of(m->module)}, &id);
    json_object(w);
    json_name(w, "workerId"), json_put_string(w, buffer_slice(&id));
    json_name(w, "agentId"), json_put_string(w, buffer_slice(&id));
    json_name(w, "status"), json_put_text(w, m->connected ? "ProcessingJob" : "Stopped");
    json_end_object(w);
    buffer_clear(&id);
}

static void answer_worker(struct rest_request *r, const struct services_fleet_list *list)
{
    struct iot_id id = services_ids_module(rest_param(r, "id"));
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    for (size_t i = 0; i < list->count && out.len == 0; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (is_worker(r->app, m) &&
            iot_id_eq(id, (struct iot_id){slice_of(m->device), slice_of(m->module)}))
            put_worker(&w, m);
    }
    if (out.len > 0)
        rest_reply_json(r, 200, buffer_slice(&out));
    else
        services_replies_fail(r, NOT_FOUND, "the hub knows no publisher of that id");
    buffer_clear(&out);
}

static void answer_workers(struct rest_request *r, const struct services_fleet_list *list)
{
    size_t from, limit, all = 0;
    if (!services_replies_window(r, &from, &limit))
        return;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "workers"), json_array(&w);
    for (size_t i = 0; i < list->count; i++)
        if (is_worker(r->app, &list->members[i])) {
            if (all >= from && all - from < limit)
                put_worker(&w, &list->members[i]);
            all++;
        }
    json_end_array(&w);
    services_replies_put_continuation(&w, from, limit, all);
    json_end_object(&w);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void on_fleet(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct rest_request *r = arg;
    if (why != OK)
        services_replies_no_fleet(r, why);
    else if (rest_param(r, "id").len > 0)
        answer_worker(r, list);
    else
        answer_workers(r, list);
}

static void workers(struct rest_request *r)
{
    struct services *app = r->app;
    if (app->fleet)
        services_fleet_look_a_while(app->fleet, FLEET_AGE_MS, on_fleet, r);
    else
        rest_reply_problem(r, 503, "no hub is configured");
}

/* ---- what is no more ---- */

static void no_jobs(struct rest_request *r)
{
    rest_reply_problem(
        r, 501,
        "there are no jobs: a publisher's configuration is its own, see "
        "/registry/v2/publishers/{publisherId}/endpoints and /publisher/v2/publish/{endpointId}");
}

static void no_worker_records(struct rest_request *r)
{
    rest_reply_problem(r, 501,
                       "a worker is a module of the hub: it is there as long as its identity");
}

#define GONE(method, path, run)                                                                    \
    {                                                                                              \
        method, "/v2/" path, run, REST_WRITE                                                       \
    }

/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/v2/publish/{endpointId}/start", publish, REST_WRITE, "StartPublishingValues", "PublishStartRequest", "PublishStartResponse", .calls = "PublishStart_V2"},
    {"POST", "/v2/publish/{endpointId}/stop", publish, REST_WRITE, "StopPublishingValues", "PublishStopRequest", "PublishStopResponse", .calls = "PublishStop_V2"},
    {"POST", "/v2/publish/{endpointId}/bulk", publish_many, REST_WRITE, "BulkPublishValues", "PublishBulkRequest", "PublishBulkResponse", .calls = "PublishBulk_V2"},
    {"POST", "/v2/publish/{endpointId}", list, REST_READ, "GetFirstListOfPublishedNodes", "PublishedItemListRequest", "PublishedItemListResponse", .query = "continuationToken:str, pageSize:i32", .calls = "PublishList_V2"},
    {"GET", "/v2/publish/{endpointId}", list, REST_READ, "GetNextListOfPublishedNodes", NULL, "PublishedItemListResponse", .query = "continuationToken*:str, pageSize:i32", .calls = "PublishList_V2"},
    {"GET", "/v2/workers", workers, REST_READ, "ListWorkers", NULL, "WorkerInfoList", .query = "continuationToken:str, pageSize:i32"},
    {"GET", "/v2/workers/{id}", workers, REST_READ, "GetWorker", NULL, "WorkerInfo"},
    GONE("DELETE", "workers/{id}", no_worker_records),
    GONE("GET", "jobs", no_jobs),
    GONE("POST", "jobs", no_jobs),
    GONE("GET", "jobs/{id}", no_jobs),
    GONE("DELETE", "jobs/{id}", no_jobs),
    GONE("GET", "jobs/{id}/cancel", no_jobs),
    GONE("GET", "jobs/{id}/restart", no_jobs),
};
/* clang-format on */

struct rest_table services_publisher_table(void)
{
    return REST_TABLE("/publisher", routes, NULL);
}
