/* Every route that changes something is in the audit log: who, what, when, what was there, what came of it. */
#include "services/change.h"

#include <ftw.h>

#include "audit/audit.h"
#include "base/file.h"
#include "services/routes_rig.h"

static char folder[64];

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s, (void)kind, (void)at;
    return remove(path);
}

static int set_up_with_audit(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/change_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    set_up(state);
    assert_int_equal(audit_open(folder, &house.services.audit), OK);
    return 0;
}

static int tear_down_with_audit(void **state)
{
    audit_close(&house.services.audit);
    tear_down(state);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* What is in the log by now, after the first `skip` bytes. */
static void read_log(size_t skip, struct buffer *out)
{
    char path[128];
    struct buffer all = {0};
    snprintf(path, sizeof path, "%s/audit.log", folder);
    assert_int_equal(file_read(path, &all), OK);
    buffer_put(out, slice_skip(buffer_slice(&all), skip));
    buffer_clear(&all);
}

static size_t log_size(void)
{
    struct buffer all = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/audit.log", folder);
    size_t size = file_read(path, &all) == OK ? all.len : 0;
    buffer_clear(&all);
    return size;
}

/* The line of that event, for the operation where one is given; the caller frees. NULL: there is none. */
static struct json_doc *line(size_t skip, const char *event, const char *operation)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    read_log(skip, &text);
    struct slice left = buffer_slice(&text), one;
    while (left.len > 0 && slice_split(&left, '\n', &one)) {
        if (json_parse(one, JSON_STRICT, &doc, NULL) != OK)
            continue;
        if (slice_eq(json_string(json_get(json_root(doc), "event")), slice_of(event)) &&
            (!operation || slice_eq(json_string(json_get(json_root(doc), "operation")), slice_of(operation))))
            break;
        json_free(&doc);
    }
    buffer_clear(&text);
    return doc;
}

/* clang-format off */
/* Each operation that changes something: a request, and what its line says was there; NULL: nothing can be. */
static const struct row {
    const char *operation, *method, *path, *body, *old_member, *old;
} rows[] = {
    {"RegisterServer", "POST", "/registry/v2/applications", "{\"discoveryUrl\":\"opc.tcp://x\"}", NULL, NULL},
    {"CreateApplication", "PUT", "/registry/v2/applications", "{\"applicationUri\":\"urn:two\"}", NULL, NULL},
    {"DeleteAllDisabledApplications", "DELETE", "/registry/v2/applications?notSeenFor=100.00:00:00", "", NULL, NULL},
    {"DiscoverServer", "POST", "/registry/v2/applications/discover", "{\"discovery\":\"Fast\"}", NULL, NULL},
    {"Cancel", "DELETE", "/registry/v2/applications/discover/r1", "", NULL, NULL},
    {"UpdateApplicationRegistration", "PATCH", "/registry/v2/applications/{applicationId}", "{\"productUri\":\"urn:p\"}", "application applicationUri", "urn:one"},
    {"DisableApplication", "POST", "/registry/v2/applications/{applicationId}/disable", "", "application productUri", "urn:p"},
    {"EnableApplication", "POST", "/registry/v2/applications/{applicationId}/enable", "", "application productUri", "urn:p"},
    {"ActivateEndpoint", "POST", "/registry/v2/endpoints/{endpointId}/activate", "", "activationState", "Deactivated"},
    {"DeactivateEndpoint", "POST", "/registry/v2/endpoints/{endpointId}/deactivate", "", "activationState", "Activated"},
    {"UpdateGateway", "PATCH", "/registry/v2/gateways/edge", "{\"siteId\":\"n\"}", "id", "edge"},
    {"UpdateSupervisor", "PATCH", "/registry/v2/supervisors/edge_module_twin", "{\"siteId\":\"n\"}", "id", "edge_module_twin"},
    {"UpdateDiscoverer", "PATCH", "/registry/v2/discovery/edge_module_discovery", "{\"siteId\":\"n\"}", "siteId", "plant"},
    {"SetDiscoveryMode", "POST", "/registry/v2/discovery/edge_module_discovery?mode=Fast", "", "discovery", "Off"},
    {"UpdatePublisher", "PATCH", "/registry/v2/publishers/edge_module_publisher", "{\"siteId\":\"n\"}", "id", "edge_module_publisher"},
    {"RegisterEndpoint", "PUT", "/registry/v2/endpoints?discovererId=edge_module_discovery", "{\"url\":\"opc.tcp://x\"}", NULL, NULL},
    {"ResetSupervisor", "POST", "/registry/v2/supervisors/edge_module_twin/reset", "", NULL, NULL},
    {"GetConfiguredEndpoints", "GET", "/registry/v2/publishers/edge_module_publisher/endpoints", "", NULL, NULL},
    {"SetConfiguredEndpoints", "PUT", "/registry/v2/publishers/edge_module_publisher/endpoints", "{\"endpoints\":[]}", "endpoints 0 dataSetWriterGroup", "configured"},
    {"WriteValue", "POST", "/twin/v2/write/{endpointId}", "{\"nodeId\":\"i=1\",\"value\":2}", "value", "read"},
    {"WriteAttributes", "POST", "/twin/v2/write/{endpointId}/attributes", "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"DisplayName\",\"value\":2}]}", "results 0 value", "attribute"},
    {"GetCallMetadata", "POST", "/twin/v2/call/{endpointId}/metadata", "{\"methodId\":\"i=1\"}", NULL, NULL},
    {"CallMethod", "POST", "/twin/v2/call/{endpointId}", "{\"methodId\":\"i=1\"}", NULL, NULL},
    {"HistoryReadRaw", "POST", "/history/v2/history/read/{endpointId}", "{\"nodeId\":\"i=1\",\"details\":{}}", NULL, NULL},
    {"HistoryReadRawNext", "POST", "/history/v2/history/read/{endpointId}/next", "{\"continuationToken\":\"t\"}", NULL, NULL},
    {"HistoryUpdateRaw", "POST", "/history/v2/history/update/{endpointId}", "{\"nodeId\":\"i=1\",\"details\":{}}", NULL, NULL},
    {"HistoryInsertValues", "POST", "/history/v2/insert/{endpointId}/values", "{\"nodeId\":\"i=1\",\"details\":{\"values\":[]}}", NULL, NULL},
    {"HistoryInsertEvents", "POST", "/history/v2/insert/{endpointId}/events", "{\"nodeId\":\"i=1\",\"details\":{\"events\":[]}}", NULL, NULL},
    {"HistoryReplaceValues", "POST", "/history/v2/replace/{endpointId}/values", "{\"nodeId\":\"i=1\",\"details\":{\"values\":[]}}", NULL, NULL},
    {"HistoryReplaceEvents", "POST", "/history/v2/replace/{endpointId}/events", "{\"nodeId\":\"i=1\",\"details\":{\"events\":[]}}", NULL, NULL},
    {"HistoryUpsertValues", "POST", "/history/v2/upsert/{endpointId}/values", "{\"nodeId\":\"i=1\",\"details\":{\"values\":[]}}", NULL, NULL},
    {"HistoryUpsertEvents", "POST", "/history/v2/upsert/{endpointId}/events", "{\"nodeId\":\"i=1\",\"details\":{\"events\":[]}}", NULL, NULL},
    {"HistoryDeleteValues", "POST", "/history/v2/delete/{endpointId}/values", "{\"nodeId\":\"i=1\",\"details\":{}}", NULL, NULL},
    {"HistoryDeleteValuesAtTimes", "POST", "/history/v2/delete/{endpointId}/values/pick", "{\"nodeId\":\"i=1\",\"details\":{\"reqTimes\":[]}}", NULL, NULL},
    {"HistoryDeleteModifiedValues", "POST", "/history/v2/delete/{endpointId}/values/modified", "{\"nodeId\":\"i=1\",\"details\":{}}", NULL, NULL},
    {"HistoryDeleteEvents", "POST", "/history/v2/delete/{endpointId}/events", "{\"nodeId\":\"i=1\",\"details\":{\"eventIds\":[]}}", NULL, NULL},
    {"StartPublishingValues", "POST", "/publisher/v2/publish/{endpointId}/start", "{\"item\":{\"nodeId\":\"i=1\"}}", "0 displayName", "published"},
    {"StopPublishingValues", "POST", "/publisher/v2/publish/{endpointId}/stop", "{\"nodeId\":\"i=1\"}", "0 displayName", "published"},
    {"BulkPublishValues", "POST", "/publisher/v2/publish/{endpointId}/bulk", "{\"nodesToAdd\":[{\"nodeId\":\"i=2\"}],\"nodesToRemove\":[\"i=1\"]}", "0 displayName", "published"},
    {"SubscribeByDiscovererId", "PUT", "/events/v2/discovery/d/events", "\"nobody\"", NULL, NULL},
    {"UnsubscribeByDiscovererId", "DELETE", "/events/v2/discovery/d/events/nobody", "", NULL, NULL},
    {"SubscribeByRequestId", "PUT", "/events/v2/discovery/requests/r/events", "\"nobody\"", NULL, NULL},
    {"UnsubscribeByRequestId", "DELETE", "/events/v2/discovery/requests/r/events/nobody", "", NULL, NULL},
    {"Subscribe", "PUT", "/events/v2/telemetry/e/samples", "\"nobody\"", NULL, NULL},
    {"Unsubscribe", "DELETE", "/events/v2/telemetry/e/samples/nobody", "", NULL, NULL},
    {"DeleteApplication", "DELETE", "/registry/v2/applications/{applicationId}", "", "application productUri", "urn:p"},
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])

static const struct row *row_of(const char *operation)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].operation, operation) == 0)
            return &rows[i];
    return NULL;
}

static void no_route_that_changes_something_is_left_out(void **state)
{
    (void)state;
    struct rest_table tables[SERVICES_TABLES];
    services_tables(tables);
    size_t count = 0;
    for (size_t t = 0; t < SERVICES_TABLES; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct rest_route *route = &tables[t].routes[i];
            if (!services_change_is(&(struct rest_request){.route = route}) || !route->operation)
                continue;
            if (!row_of(route->operation))
                fail_msg("no row for %s", route->operation);
            count++;
        }
    assert_int_equal(count, ROWS);
}

/* "/x/{endpointId}" with the ids that the registry has. */
static const char *filled(const char *path)
{
    const char *names[] = {"{applicationId}", "{endpointId}"}, *ids[] = {house.application, house.endpoint};
    static char out[256];
    snprintf(out, sizeof out, "%s", path);
    for (int i = 0; i < 2; i++) {
        struct slice whole = slice_of(path);
        size_t at = slice_find_slice(whole, slice_of(names[i]));
        if (at < whole.len)
            snprintf(out, sizeof out, "%.*s%s%s", (int)at, path, ids[i], path + at + strlen(names[i]));
    }
    return out;
}

static bool is_answered_in_log(void *arg)
{
    const size_t *skip = arg;
    struct buffer text = {0};
    read_log(*skip, &text);
    bool found = slice_find_slice(buffer_slice(&text), SLICE("\"answered\"")) < text.len;
    buffer_clear(&text);
    return found;
}

static void look_at_asked(const struct row *row, const struct json *asked)
{
    if (!asked)
        fail_msg("%s is not in the log", row->operation);
    assert_slice(json_string(json_get(asked, "who")), SLICE("tester"));
    assert_slice(json_string(json_get(asked, "call")), SLICE("call-7"));
    assert_true(json_string(json_get(asked, "time")).len > 0);
    if (!row->old) {
        assert_null(json_get(asked, "old"));
        return;
    }
    const struct json *old = json_get(asked, "old");
    struct slice left = slice_of(row->old_member), name;
    while (left.len > 0 && slice_split(&left, ' ', &name)) {
        uint64_t n;
        old = json_is(old, JSON_ARRAY) && slice_to_u64(name, &n) ? json_at(old, n) : json_get_slice(old, name);
    }
    if (!slice_eq(json_string(old), slice_of(row->old)))
        fail_msg("%s: old is not %s", row->operation, row->old);
}

static const struct answer_to answers[] = {
    {"ValueRead_V2", "{\"status\":200,\"payload\":{\"value\":\"read\"}}"},
    {"NodeRead_V2", "{\"status\":200,\"payload\":{\"results\":[{\"value\":\"attribute\"}]}}"},
    {"PublishList_V2", "{\"status\":200,\"payload\":{\"items\":["
                       "{\"nodeId\":\"i=1\",\"displayName\":\"published\"},{\"nodeId\":\"i=3\"}]}}"},
    {"GetConfiguredEndpoints_V2",
     "{\"status\":200,\"payload\":{\"endpoints\":[{\"dataSetWriterGroup\":\"configured\"}]}}"},
    {NULL, NULL},
};

static void who_what_when_and_what_was_there(void **state)
{
    (void)state;
    house.answers = answers;
    house.modules = "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"},"
                    "{\"deviceId\":\"edge\",\"moduleId\":\"$edgeHub\"}]";
    for (size_t i = 0; i < ROWS; i++) {
        size_t skip = log_size();
        int status = call(rows[i].method, filled(rows[i].path), rows[i].body);
        assert_true(loop_run_until(house.loop, is_answered_in_log, &skip, WAIT_MS));
        struct json_doc *asked = line(skip, "asked", rows[i].operation);
        struct json_doc *answered = line(skip, "answered", NULL);
        look_at_asked(&rows[i], json_root(asked));
        int64_t told = 0;
        if (!json_i64(json_get(json_root(answered), "status"), &told)) {
            struct buffer log = {0};
            read_log(skip, &log);
            fail_msg("%s: %d %s", rows[i].operation, status, buffer_cstr(&log));
        }
        assert_int_equal(told, status);
        if (status == 400)
            fail_msg("%s: the request is no good", rows[i].operation);
        if (rows[i].body[0])
            assert_non_null(json_get(json_root(asked), "request"));
        json_free(&asked);
        json_free(&answered);
    }
}

#define HEADER "{\"elevation\":{\"type\":\"UserName\",\"value\":{\"user\":\"u\",\"password\":\"p\"}}}"
#define USER "{\"type\":\"UserName\",\"value\":{\"user\":\"u\",\"password\":\"p\"}}"

/* Of the same nodes, as the same user: what he published is an entry of its own. Nobody waits long for it. */
static void what_was_there_is_asked_for_as_the_same_user(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body, *asks, *member, *want;
    } questions[] = {
        {"POST", "/twin/v2/write/{endpointId}", "{\"nodeId\":\"i=1\",\"indexRange\":\"1:2\",\"value\":2,\"header\":" HEADER "}",
         "\"ValueRead_V2\"", "payload request", "{\"nodeId\":\"i=1\",\"indexRange\":\"1:2\",\"header\":" HEADER "}"},
        {"POST", "/twin/v2/write/{endpointId}/attributes",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"DisplayName\",\"value\":2}],\"header\":" HEADER "}",
         "\"NodeRead_V2\"", "payload request",
         "{\"attributes\":[{\"nodeId\":\"i=1\",\"attribute\":\"DisplayName\"}],\"header\":" HEADER "}"},
        {"POST", "/publisher/v2/publish/{endpointId}/start", "{\"item\":{\"nodeId\":\"i=1\"},\"header\":" HEADER "}",
         "\"PublishList_V2\"", "payload connection user", USER},
        {"POST", "/publisher/v2/publish/{endpointId}/stop", "{\"nodeId\":\"i=1\",\"header\":" HEADER "}",
         "\"PublishList_V2\"", "payload connection user", USER},
        {"POST", "/publisher/v2/publish/{endpointId}/bulk", "{\"nodesToRemove\":[\"i=1\"],\"header\":" HEADER "}",
         "\"PublishList_V2\"", "payload connection user", USER},
        {"PUT", "/registry/v2/publishers/edge_module_publisher/endpoints", "{\"endpoints\":[]}",
         "\"GetConfiguredEndpoints_V2\"", "payload includeNodes", "true"},
    };
    house.answers = answers;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        int before = house.methods;
        assert_int_equal(call(questions[i].method, filled(questions[i].path), questions[i].body), 200);
        assert_int_equal(house.methods, before + 2);
        expect_asked_before("methodName", questions[i].asks);
        expect_asked_before(questions[i].member, questions[i].want);
        expect_asked_before("responseTimeoutInSeconds", "5");
        expect_asked("responseTimeoutInSeconds", "20");
    }
}

/* Bulk tells of the nodes that it names, not of all that is published. */
static void of_publishing_the_named_nodes_are_told(void **state)
{
    (void)state;
    house.hub_answer = "{\"status\":200,\"payload\":{\"items\":[{\"nodeId\":\"i=1\"},{\"nodeId\":\"i=2\"},{\"nodeId\":\"i=3\"}]}}";
    size_t skip = log_size();
    assert_int_equal(call("POST", filled("/publisher/v2/publish/{endpointId}/bulk"),
                          "{\"nodesToAdd\":[{\"nodeId\":\" i=2\"},{\"nodeId\":\"i=9\"}],\"nodesToRemove\":[\"i=3 \"]}"),
                     200);
    struct json_doc *asked = line(skip, "asked", "BulkPublishValues");
    assert_int_equal(json_count(json_get(json_root(asked), "old")), 2);
    json_free(&asked);
}

/* Checked, asked for what was there, compressed, answered: all of it aside, for others wait on the loop. */
static void a_large_change_is_as_any_other(void **state)
{
    (void)state;
    struct buffer body = {0};
    buffer_text(&body, "{\"nodesToAdd\":[{\"nodeId\":\"i=1\"}");
    while (body.len < 3 << 20)
        buffer_text(&body, ",{\"nodeId\":\"http://some.where/of/a/namespace#s=Of.a.machine\",\"publishingInterval\":\"00:00:01\"}");
    buffer_text(&body, "]}");
    house.answers = answers;
    size_t skip = log_size();
    int before = house.methods;
    assert_int_equal(call("POST", filled("/publisher/v2/publish/{endpointId}/bulk"), buffer_cstr(&body)), 200);
    assert_true(json_count(json_get(json_root(answer.doc), "nodesToAdd")) > 30000);
    assert_int_equal(house.methods, before + 2);
    assert_int_equal(house.in_pieces, 2);
    struct json_doc *asked = line(skip, "asked", "BulkPublishValues");
    uint64_t bytes = 0;
    assert_true(json_u64(json_get(json_get(json_root(asked), "request"), "bytes"), &bytes));
    assert_int_equal(bytes, body.len);
    assert_int_equal(json_count(json_get(json_root(asked), "old")), 1);
    json_free(&asked);
    body.at[body.len - 1] = ']';
    assert_int_equal(call("POST", filled("/publisher/v2/publish/{endpointId}/bulk"), buffer_cstr(&body)), 400);
    body.at[body.len - 1] = '}';
    assert_int_equal(call("PATCH", filled("/registry/v2/applications/{applicationId}"), buffer_cstr(&body)), 413);
    buffer_clear(&body);
}

/* A hub that does not answer keeps nobody from changing what he may. */
static void what_cannot_be_asked_for_is_left_out(void **state)
{
    (void)state;
    house.too_large = "{\"status\":500,\"payload\":{}}";
    size_t skip = log_size();
    assert_int_equal(call("POST", filled("/twin/v2/write/{endpointId}"), "{\"nodeId\":\"i=1\",\"value\":2}"), 500);
    struct json_doc *asked = line(skip, "asked", "WriteValue");
    assert_non_null(asked);
    assert_null(json_get(json_root(asked), "old"));
    json_free(&asked);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_with_audit, tear_down_with_audit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_route_that_changes_something_is_left_out),
        TEST(who_what_when_and_what_was_there),
        TEST(what_was_there_is_asked_for_as_the_same_user),
        TEST(of_publishing_the_named_nodes_are_told),
        TEST(a_large_change_is_as_any_other),
        TEST(what_cannot_be_asked_for_is_left_out),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
