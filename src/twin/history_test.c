/* Histories against a real historian in this process: what is read, page after page, and changed.
 */
#include "twin/twin_rig.h"

#define KEPT "http://test.org/Data/#s=Kept"
#define DAY "\"startTime\":\"2001-01-01T00:00:00Z\",\"endTime\":\"2001-01-02T00:00:00Z\""

static size_t history_count(const struct json *answer)
{
    return json_count(json_get(answer, "history"));
}

static const struct json *history_at(const struct json *answer, size_t i)
{
    return json_at(json_get(answer, "history"), i);
}

static void expect_number(const struct json *object, const char *member, int64_t want)
{
    int64_t got = INT64_MIN;
    json_i64(json_get(object, member), &got);
    if (got != want)
        fail_msg("%s: %lld, not %lld in %s", member, (long long)got, (long long)want,
                 buffer_cstr(&device_double.reply));
}

/* 24 values, one an hour: 1 to 24. */
static const struct json *insert_day(const char *method)
{
    struct buffer request = {0};
    buffer_text(&request, "{\"nodeId\":\"" KEPT "\",\"details\":{\"values\":[");
    for (int i = 0; i < 24; i++)
        buffer_printf(&request,
                      "%s{\"value\":\"%d\",\"sourceTimestamp\":\"2001-01-01T%02d:00:00Z\"}",
                      i ? "," : "", i + 1, i);
    buffer_text(&request, "]}}");
    const struct json *a = call(method, buffer_cstr(&request));
    buffer_clear(&request);
    return a;
}

static void delete_day(void)
{
    call("HistoryDeleteValues_V2", "{\"nodeId\":\"" KEPT "\",\"details\":{" DAY "}}");
}

/* The values become the node's Int32, though they are texts; each has its result. */
static void inserts_values_and_reads_them_back(void **state)
{
    (void)state;
    delete_day();
    const struct json *a = insert_day("HistoryInsertValues_V2");
    assert_null(json_get(a, "errorInfo"));
    assert_int_equal(json_count(json_get(a, "results")), 24);
    a = call("HistoryReadValues_V2",
             "{\"nodeId\":\"" KEPT "\",\"details\":{" DAY ",\"numValues\":5}}");
    assert_int_equal(history_count(a), 5);
    expect_number(history_at(a, 0), "value", 1);
    expect_number(history_at(a, 4), "value", 5);
    expect(history_at(a, 4), "sourceTimestamp", "2001-01-01T04:00:00.0000000Z");
    expect_number(history_at(a, 0), "statusCode", 0); /* 2.8's shape */
}

/* What is in the history already is not inserted, but replaced. */
static void tells_each_value_that_is_refused(void **state)
{
    (void)state;
    delete_day();
    insert_day("HistoryUpsertValues_V2");
    const struct json *a = insert_day("HistoryInsertValues_V2");
    const struct json *first = json_at(json_get(a, "results"), 0);
    expect_number(first, "statusCode", UA_STATUSCODE_BADENTRYEXISTS);
    assert_int_equal(json_count(json_get(a, "results")), 24);
    a = insert_day("HistoryReplaceValues_V2");
    expect_number(json_at(json_get(a, "results"), 0), "statusCode", 0);
}

/* A token carries all that is needed; what comes is in order and none is missing. */
static void reads_page_after_page(void **state)
{
    (void)state;
    delete_day();
    insert_day("HistoryUpsertValues_V2");
    const struct json *a =
        call("HistoryReadValues_V2", "{\"nodeId\":\"" KEPT "\",\"details\":{" DAY "}}");
    int64_t next = 1;
    for (int page = 0; page < 3; page++) {
        for (size_t i = 0; i < history_count(a); i++)
            expect_number(history_at(a, i), "value", next++);
        struct slice token = json_string(json_get(a, "continuationToken"));
        if (token.len == 0)
            break;
        assert_int_equal(history_count(a), RIG_PAGE);
        struct buffer request = {0};
        buffer_printf(&request, "{\"continuationToken\":\"%.*s\"}", SLICE_FMT(token));
        a = call("HistoryReadValuesNext_V2", buffer_cstr(&request));
        buffer_clear(&request);
    }
    assert_int_equal(next, 25);
    assert_null(json_get(a, "continuationToken"));
}

static void streams_all_pages_in_one_array(void **state)
{
    (void)state;
    delete_day();
    insert_day("HistoryUpsertValues_V2");
    const struct json *a =
        call("HistoryStreamValues", "{\"nodeId\":\"" KEPT "\",\"details\":{" DAY "}}");
    assert_int_equal(json_count(a), 24);
    expect_number(json_at(a, 23), "value", 24);
}

/* An array has no place for "errorInfo": what the server refuses at once is a problem. */
static void a_stream_that_the_server_refuses_is_a_problem(void **state)
{
    (void)state;
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"connection\":{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"}},"
                  "\"request\":{\"nodeId\":\"" KEPT "\",\"details\":{" DAY "}}}",
                  world.url);
    const struct json *a = call_raw("HistoryStreamModifiedValues", buffer_cstr(&payload), 400);
    assert_true(slice_starts(json_string(json_get(a, "detail")), SLICE("Bad")));
    buffer_clear(&payload);
}

/* 2.8's form: details and history are extension objects. */
static void reads_raw(void **state)
{
    (void)state;
    delete_day();
    insert_day("HistoryUpsertValues_V2");
    const struct json *a =
        call("HistoryRead_V2",
             "{\"nodeId\":\"" KEPT "\",\"details\":{\"TypeId\":\"i=647\",\"Body\":{" DAY
             ",\"NumValuesPerNode\":3}}}");
    const struct json *history = json_get(a, "history");
    expect(history, "TypeId", "i=656");
    const struct json *values = json_get(json_get(history, "Body"), "DataValues");
    assert_int_equal(json_count(values), 3);
    expect_number(json_at(values, 2), "Value", 3);
}

static void updates_raw(void **state)
{
    (void)state;
    delete_day();
    const struct json *a =
        call("HistoryUpdate_V2",
             "{\"nodeId\":\"" KEPT "\",\"details\":{\"TypeId\":\"i=680\",\"Body\":{"
             "\"PerformInsertReplace\":1,\"UpdateValues\":[{\"Value\":{\"Type\":\"Int32\","
             "\"Body\":7},\"SourceTimestamp\":\"2001-01-01T12:00:00Z\"}]}}}");
    assert_null(json_get(a, "errorInfo"));
    a = call("HistoryStreamValues", "{\"nodeId\":\"" KEPT "\",\"details\":{" DAY "}}");
    assert_int_equal(json_count(a), 1);
    expect_number(json_at(a, 0), "value", 7);
}

static void tells_values_of_2_9_with_their_type(void **state)
{
    (void)state;
    struct buffer payload = {0};
    delete_day();
    insert_day("HistoryUpsertValues_V2");
    buffer_printf(&payload,
                  "{\"connection\":{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"}},"
                  "\"request\":{\"nodeId\":\"" KEPT "\",\"details\":{" DAY ",\"numValues\":1}}}",
                  world.url);
    const struct json *a = call_raw("HistoryReadValues", buffer_cstr(&payload), 200);
    expect(history_at(a, 0), "dataType", "Int32");
    assert_null(json_get(history_at(a, 0), "statusCode"));
    assert_null(json_get(history_at(a, 0), "status")); /* it is good */
    buffer_clear(&payload);
}

/* What cannot be meant is refused, and says which member it is. */
static void refuses_bad_details(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"HistoryReadValues", "{}"},
        {"HistoryReadValues", "{\"startTime\":\"2001-01-01T00:00:00Z\"}"},
        {"HistoryReadValues", "{\"startTime\":\"yesterday\"}"},
        {"HistoryReadValues", "{" DAY ",\"numValues\":-1}"},
        {"HistoryReadModifiedValues", "{\"endTime\":\"2001-01-01T00:00:00Z\"}"},
        {"HistoryReadValuesAtTimes", "{\"reqTimes\":[]}"},
        {"HistoryReadValuesAtTimes", "{\"reqTimes\":[1]}"},
        {"HistoryReadProcessedValues", "{" DAY "}"},
        {"HistoryReadProcessedValues", "{" DAY ",\"aggregateType\":\"Avarage\"}"},
        {"HistoryReadProcessedValues",
         "{" DAY ",\"aggregateType\":\"Average\",\"processingInterval\":\"x\"}"},
        {"HistoryReadEvents", "{" DAY ",\"filter\":{}}"},
        {"HistoryReadEvents", "{" DAY ",\"filter\":\"SELECT\"}"},
        {"HistoryRead", "{\"Body\":{}}"},
        {"HistoryInsertValues", "{\"values\":[]}"},
        {"HistoryInsertValues", "{\"values\":[{\"value\":1}]}"},
        {"HistoryInsertValues",
         "{\"values\":[{\"value\":\"x\",\"sourceTimestamp\":\"2001-01-01T00:00:00Z\"}]}"},
        {"HistoryInsertEvents", "{\"events\":[{\"eventFields\":[]}]}"},
        {"HistoryDeleteValues", "{\"startTime\":\"2001-01-01T00:00:00Z\"}"},
        {"HistoryDeleteValuesAtTimes", "{\"reqTimes\":\"now\"}"},
        {"HistoryDeleteEvents", "{\"eventIds\":[\"?\"]}"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buffer payload = {0};
        buffer_printf(&payload,
                      "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},"
                      "\"request\":{\"nodeId\":\"" KEPT "\",\"details\":%s}}",
                      world.url, bad[i][1]);
        const struct json *a = call_raw(bad[i][0], buffer_cstr(&payload), 400);
        assert_true(slice_starts(json_string(json_get(a, "detail")), SLICE("details: ")));
        buffer_clear(&payload);
    }
}

static void refuses_a_token_of_its_own_making(void **state)
{
    (void)state;
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},"
                  "\"request\":{\"continuationToken\":\"AAAA\"}}",
                  world.url);
    call_raw("HistoryReadNext_V2", buffer_cstr(&payload), 400);
    buffer_clear(&payload);
}

static void a_node_without_history_is_an_answer(void **state)
{
    (void)state;
    const struct json *a = call("HistoryReadValues", "{\"nodeId\":\"http://test.org/Data/#s=Real\","
                                                     "\"details\":{" DAY "}}");
    assert_true(json_is(json_get(a, "errorInfo"), JSON_OBJECT));
    assert_int_equal(history_count(a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_values_and_reads_them_back),
        cmocka_unit_test(tells_each_value_that_is_refused),
        cmocka_unit_test(reads_page_after_page),
        cmocka_unit_test(streams_all_pages_in_one_array),
        cmocka_unit_test(a_stream_that_the_server_refuses_is_a_problem),
        cmocka_unit_test(reads_raw),
        cmocka_unit_test(updates_raw),
        cmocka_unit_test(tells_values_of_2_9_with_their_type),
        cmocka_unit_test(refuses_bad_details),
        cmocka_unit_test(refuses_a_token_of_its_own_making),
        cmocka_unit_test(a_node_without_history_is_an_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
