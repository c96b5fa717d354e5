/* Whoever looks on is told what was there before a change, and what came of it, of every method that changes something. */
#include "twin/before.h"

#include "twin/methods.h"
#include "twin/twin_rig.h"

#define NODE(id) "\"nodeId\":\"http://test.org/Data/#s=" id "\""
#define DAY "\"startTime\":\"2001-01-01T00:00:00Z\",\"endTime\":\"2001-01-02T00:00:00Z\""
#define VALUE(n) "{\"value\":" n ",\"sourceTimestamp\":\"2001-01-01T00:00:00Z\"}"
#define WITH_VALUE(n) "{" NODE("Kept") ",\"details\":{\"values\":[" VALUE(n) "]}}"

static struct {
    char old[65536], result[4096];
    int told;
} seen;

static void on_call(void *arg, const struct module_call *c)
{
    (void)arg, (void)c;
}

static void on_answer(void *arg, const struct module_call *c, int status)
{
    const struct module_change change = module_call_change(c);
    (void)arg, (void)status;
    seen.told++;
    snprintf(seen.old, sizeof(seen.old), "%.*s", SLICE_FMT(change.old));
    snprintf(seen.result, sizeof(seen.result), "%.*s", SLICE_FMT(change.result));
}

static const struct module_witness witness = {.on_call = on_call, .on_answer = on_answer};

/* clang-format off */
/* In this order: what one has changed, the next one finds. `old` and `result` are parts of what is told; NULL: nothing. */
static const struct row {
    const char *method, *request, *old, *result;
} rows[] = {
    {"ValueWrite", "{" NODE("Number") ",\"value\":7}", "{\"results\":[{\"value\":42}]}", "{}"},
    {"ValueWrite", "{" NODE("Number") ",\"value\":8}", "\"value\":7", "{}"},
    {"NodeWrite", "{\"attributes\":[{" NODE("Number") ",\"attribute\":\"Value\",\"value\":9},{" NODE("Real") ",\"attribute\":\"Value\",\"value\":2}]}",
        "[{\"value\":8},{\"value\":1.5}]", "{\"results\":[{},{}]}"},
    {"MethodCall", "{\"methodId\":\"http://test.org/Data/#s=Twice\",\"objectId\":\"http://test.org/Data/#s=Data\",\"arguments\":[{\"value\":21}]}", NULL, "\"value\":42"},
    {"HistoryInsertValues", WITH_VALUE("1"), "{\"history\":[]}", "\"results\""},
    {"HistoryReplaceValues", WITH_VALUE("2"), "\"value\":1,", "\"results\""},
    {"HistoryUpsertValues", WITH_VALUE("3"), "\"value\":2,", "\"results\""},
    {"HistoryUpdate", "{" NODE("Kept") ",\"details\":{\"TypeId\":\"i=680\",\"Body\":{\"PerformInsertReplace\":3,\"UpdateValues\":[{\"Value\":{\"Type\":\"Int32\","
        "\"Body\":4},\"SourceTimestamp\":\"2001-01-01T00:00:00Z\"}]}}}", "\"value\":3,", "\"results\""},
    {"HistoryDeleteValuesAtTimes", "{" NODE("Kept") ",\"details\":{\"reqTimes\":[\"2001-01-01T00:00:00Z\"]}}", "\"value\":4,", "\"errorInfo\""}, /* which this server cannot */
    {"HistoryDeleteValues", "{" NODE("Kept") ",\"details\":{" DAY "}}", "\"value\":4,", "\"results\""},
    {"HistoryDeleteModifiedValues", "{" NODE("Kept") ",\"details\":{" DAY "}}", NULL, "{"}, /* neither this, nor events and files */
    {"HistoryInsertEvents", "{" NODE("Kept") ",\"details\":{\"filter\":{\"selectClauses\":[{\"browsePath\":[\"EventId\"]}]},\"events\":[{\"eventFields\":[\"AAAA\"]}]}}", NULL, "\"errorInfo\""},
    {"HistoryReplaceEvents", "{" NODE("Kept") ",\"details\":{\"filter\":{\"selectClauses\":[{\"browsePath\":[\"EventId\"]}]},\"events\":[{\"eventFields\":[\"AAAA\"]}]}}", NULL, "\"errorInfo\""},
    {"HistoryUpsertEvents", "{" NODE("Kept") ",\"details\":{\"filter\":{\"selectClauses\":[{\"browsePath\":[\"EventId\"]}]},\"events\":[{\"eventFields\":[\"AAAA\"]}]}}", NULL, "\"errorInfo\""},
    {"HistoryDeleteEvents", "{" NODE("Kept") ",\"details\":{\"eventIds\":[\"AAAA\"]}}", NULL, "\"errorInfo\""},
    {"CreateFile", "{" NODE("Data") "}", NULL, "\"errorInfo\""},
    {"CreateDirectory", "{" NODE("Data") "}", NULL, "\"errorInfo\""},
    {"DeleteFileOrDirectory", "{" NODE("Data") "}", "BadMethodInvalid", "\"statusCode\""},
    {"DeleteFileSystemObject", "{" NODE("Data") "}", NULL, NULL}, /* it is in no directory: nothing is done */
    {"Upload", "{" NODE("Data") "}", "BadMethodInvalid", "\"errorInfo\""},
};

static const char *const reads[] = {
    "Browse", "BrowseNext", "BrowsePath", "BrowseStream", "ValueRead", "NodeRead", "MethodMetadata", "CompileQuery", "HistoryRead", "HistoryReadNext",
    "HistoryReadValues", "HistoryReadModifiedValues", "HistoryReadValuesAtTimes", "HistoryReadProcessedValues", "HistoryReadValuesNext",
    "HistoryReadEvents", "HistoryReadEventsNext", "HistoryStreamValues", "HistoryStreamModifiedValues", "HistoryStreamValuesAtTimes",
    "HistoryStreamProcessedValues", "HistoryStreamEvents", "GetServerCapabilities", "HistoryGetServerCapabilities", "HistoryGetConfiguration", "GetMetadata",
    "ExportNodeSet", "TestConnection", "GetEndpointCertificate", "GetFileSystems", "GetDirectories", "GetFiles", "GetParent", "GetFileInfo", "Download",
};
/* clang-format on */

static bool is_read(const char *method)
{
    for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++)
        if (strcmp(reads[i], method) == 0)
            return true;
    return false;
}

static bool has_row(const char *method)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].method, method) == 0)
            return true;
    return false;
}

static void no_method_that_changes_something_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < twin_role.method_count; i++)
        if (is_read(twin_role.methods[i].name) == has_row(twin_role.methods[i].name))
            fail_msg("%s is to stand among those that read, or to have a row",
                     twin_role.methods[i].name);
}

static void expect_part(const char *what, const struct row *row, const char *got, const char *want)
{
    if (want ? strstr(got, want) == NULL : got[0] != 0)
        fail_msg("%s: %s is %s", row->method, what, got);
}

static void what_was_there_and_what_came_of_it_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *row = &rows[i];
        struct buffer payload = {0};
        buffer_printf(&payload,
                      "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},\"request\":%s,"
                      "\"name\":\"x\",\"data\":\"AAAA\",\"fileOrDirectoryNodeId\":\"i=1\"}",
                      world.url, row->request);
        seen.told = 0;
        call_raw(row->method, buffer_cstr(&payload), 200);
        assert_int_equal(seen.told, 1);
        expect_part("old", row, seen.old, row->old);
        expect_part("the result", row, seen.result, row->result);
        buffer_clear(&payload);
    }
}

/* {"nodeId":…,"details":{"values":[…]}} with the seconds from..to (backwards, too), each its own value. */
static const char *with_values(int from, int to)
{
    static struct buffer out;
    buffer_reset(&out);
    buffer_text(&out, "{" NODE("Kept") ",\"details\":{\"values\":[");
    for (int n = from; n != to; n += from < to ? 1 : -1)
        buffer_printf(&out, "%s{\"value\":%d,\"sourceTimestamp\":\"2002-01-01T00:%02d:%02dZ\"}", n == from ? "" : ",", n, n / 60, n % 60);
    buffer_text(&out, "]}}");
    return buffer_cstr(&out);
}

/* They are found in whatever order they are named; of very many the first are looked for, and some are told. */
static void values_are_looked_for_by_their_times(void **state)
{
    (void)state;
    call("HistoryInsertValues", with_values(100, 1300));
    call("HistoryReplaceValues", with_values(104, 101));
    assert_non_null(strstr(seen.old, "\"value\":102"));
    assert_non_null(strstr(seen.old, "\"value\":104"));
    assert_null(strstr(seen.old, "\"value\":101,"));
    assert_null(strstr(seen.old, "\"value\":105,"));
    call("HistoryReplaceValues", with_values(1299, 99));
    assert_null(strstr(seen.old, "\"value\":100,"));
    assert_non_null(strstr(seen.old, "\"value\":300,"));
    call("HistoryDeleteValues", "{" NODE("Kept") ",\"details\":{\"startTime\":\"2002-01-01T00:00:00Z\",\"endTime\":\"2002-01-02T00:00:00Z\"}}");
}

static void of_what_only_reads_nothing_is_told(void **state)
{
    (void)state;
    call("ValueRead", "{" NODE("Number") "}");
    assert_string_equal(seen.old, "");
    assert_string_equal(seen.result, "");
}

static int setup_watched(void **state)
{
    rig_witness = &witness;
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_method_that_changes_something_is_left_out),
        cmocka_unit_test(what_was_there_and_what_came_of_it_is_told),
        cmocka_unit_test(values_are_looked_for_by_their_times),
        cmocka_unit_test(of_what_only_reads_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, setup_watched, teardown);
}
