#include "publisher/api_check.h"

#include <stdio.h>

#include "base/buffer.h"
#include "opcua/event_query.h"
#include "publisher/api.h"

/* What callers of 2.8 send in members that 2.9 has otherwise. */
static const struct rest_model wider[] = {
    {"DiagnosticsLevel", NULL, "None|Status|Operations|Diagnostics|Verbose|Information|Debug"},
    {"ReadProcessedValuesDetailsModel",
     "startTime:datetime, endTime:datetime, processingInterval:interval, aggregateType:str, "
     "aggregateConfiguration:AggregateConfigurationModel",
     NULL},
};

/* A filter of events that is a query. */
static const struct rest_model queries[] = {
    {"ReadEventsDetailsModel", "startTime:datetime, endTime:datetime, numEvents:i64, filter:str", NULL},
};

/* NULL: the filter is none. */
static const struct json *query_of(const struct json *payload)
{
    const struct json *details = json_get_nocase(json_get_nocase(payload, "request"), "details");
    const struct json *filter = json_get_nocase(details, "filter");
    return json_is(filter, JSON_STRING) ? filter : NULL;
}

static bool check_query(const struct json *query, char why[REST_MODEL_WHY_MAX])
{
    struct buffer compiled = {0}, reason = {0};
    bool ok = opcua_event_query_compile(json_string(query), &compiled, &reason) == OK;
    if (!ok)
        snprintf(why, REST_MODEL_WHY_MAX, "request.details.filter: %s", buffer_cstr(&reason));
    buffer_clear(&compiled);
    buffer_clear(&reason);
    return ok;
}

static const struct rest_route *find_route(struct slice method)
{
    for (size_t i = 0; i < api_routes_count; i++)
        if (slice_eq(slice_of(api_routes[i].operation), method))
            return &api_routes[i];
    return NULL;
}

static bool is_there(const struct json *payload, const char *member)
{
    const struct json *v = json_get_nocase(payload, member);
    return v && !json_is(v, JSON_NULL);
}

/* 2.8 has the endpoint beside the request, or as a member where 2.9 has it alone. */
static bool is_of_2_8(const char *model, const struct json *payload)
{
    return is_there(payload, "endpoint") && !is_there(payload, "connection") &&
           strcmp(model, "ConnectionModel") != 0;
}

/* Everything is meant where no endpoint is named. */
static bool means_everything(const struct rest_route *route, const struct json *payload)
{
    bool nothing = payload == NULL || json_is(payload, JSON_NULL);
    return route->may_lack_body &&
           (nothing || (json_is(payload, JSON_OBJECT) && !is_there(payload, "EndpointUrl")));
}

static enum status check_body(const struct rest_models *m, const struct rest_route *route,
                              const struct json *payload, char *why)
{
    const char *name = api_body_name(route->operation);
    char members[128];
    /* Bytes have more than one form: who takes them knows them. */
    if (strcmp(route->request, "base64") == 0 || is_of_2_8(route->request, payload))
        return OK;
    /* The only one of several parameters that has a shape, or all of them in one object. */
    if (name == NULL || (strcmp(name, "request") == 0 && is_there(payload, "connection")))
        return rest_model_check(m, route->request, payload, why);
    snprintf(members, sizeof members, "%s*:%s", name, route->request);
    return rest_model_check_members(m, members, payload, why);
}

bool api_check(struct slice method, const struct json *payload, char why[REST_MODEL_WHY_MAX])
{
    const struct rest_models published = api_models();
    const struct rest_models m = {wider, sizeof wider / sizeof wider[0], &published};
    const struct rest_route *route = find_route(method);
    if (route == NULL || means_everything(route, payload))
        return true;
    if (route->query && json_is(payload, JSON_OBJECT) &&
        rest_model_check_members(&m, route->query, payload, why) != OK)
        return false;
    const struct rest_models with_query = {queries, sizeof queries / sizeof queries[0], &m};
    const struct json *query = query_of(payload);
    if (route->request && check_body(query ? &with_query : &m, route, payload, why) != OK)
        return false;
    return query == NULL || check_query(query, why);
}
