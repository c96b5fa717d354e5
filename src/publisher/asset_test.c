/* The methods of assets, between a server that has some and the file that publishes them. */
#include "publisher/publisher_rig.h"

#include <pthread.h>

#include "base/encoding.h"
#include "opcua/asset_double.h"
#include "publisher/methods_asset.h"
#include "publisher/publisher_priv.h"

static struct answer {
    bool done;
    int status;
    struct buffer body;
    struct json_doc *doc;
} got, second;

static void on_answer(void *arg, int status, struct slice json)
{
    struct answer *a = arg;
    a->done = true;
    a->status = status;
    buffer_reset(&a->body);
    buffer_put(&a->body, json);
}

static bool is_answered(void *arg)
{
    return ((struct answer *)arg)->done;
}

static void ask(const char *method, const char *payload, struct answer *a)
{
    a->done = false;
    module_invoke(world.module, "test", slice_of(method), slice_of(payload), 0, on_answer, a);
}

static const struct json *wait_for(struct answer *a, int status)
{
    assert_true(loop_run_until(world.loop, is_answered, a, WAIT_MS));
    if (a->status != status)
        fail_msg("%d, not %d: %s", a->status, status, buffer_cstr(&a->body));
    json_free(&a->doc);
    assert_int_equal(json_parse(buffer_slice(&a->body), JSON_STRICT, &a->doc, NULL), OK);
    return json_root(a->doc);
}

/* `more`: further members of the entry; `rest` of the payload. */
static const char *payload_of(const char *more, const char *rest)
{
    static struct buffer text;
    buffer_reset(&text);
    buffer_printf(&text, "{\"entry\":{\"EndpointUrl\":\"opc.tcp://127.0.0.1:%d\",%s}%s}",
                  world.port, more, rest);
    const char *made = buffer_cstr(&text);
    static char kept[4096];
    snprintf(kept, sizeof kept, "%s", made);
    buffer_clear(&text);
    return kept;
}

static const struct json *call(const char *method, const char *more, const char *rest, int status)
{
    ask(method, payload_of(more, rest), &got);
    return wait_for(&got, status);
}

#define PUMP "\"DataSetWriterGroup\":\"g\",\"DataSetName\":\"pump\""
#define TELLS(names) ",\"configuration\":\"" names "\""

static const char *symbol_of(const struct json *answer)
{
    static char name[64];
    const struct json *of = json_get(answer, "errorInfo");
    struct slice text = json_string(json_get(of ? of : answer, "symbolicId"));
    snprintf(name, sizeof name, "%.*s", SLICE_FMT(text));
    return name;
}

static const char *file(void)
{
    static char text[16384];
    struct buffer content = {0};
    assert_int_equal(file_read(world.path, &content), OK);
    snprintf(text, sizeof text, "%s", buffer_cstr(&content));
    buffer_clear(&content);
    return text;
}

static void assert_in_file(const char *part, bool is_there)
{
    if ((strstr(file(), part) != NULL) != is_there)
        fail_msg("%s: %s", part, file());
}

static int begin(void **state)
{
    (void)state;
    rig_more = asset_double_add;
    start("[]");
    return 0;
}

static int end(void **state)
{
    int failed = stop(state);
    asset_double_clear();
    rig_more = NULL;
    for (struct answer *a = &got; a; a = a == &got ? &second : NULL) {
        json_free(&a->doc);
        buffer_clear(&a->body);
        *a = (struct answer){0};
    }
    return failed;
}

static void an_asset_is_made_and_its_entry_kept(void **state)
{
    (void)state;
    const struct json *result =
        json_get(call("CreateOrUpdateAsset_V2", PUMP, TELLS("speed pressure"), 200), "result");
    assert_slice(json_string(json_get(result, "DataSetName")), SLICE("pump"));
    assert_int_equal(json_count(json_get(result, "OpcNodes")), 2);
    assert_in_file("nsu=" DOUBLE_TAGS ";i=", true);
    assert_in_file("\"pump/speed\"", true);
    assert_in_file("WoTFile", false);
    assert_int_equal(asset_double.count, 1);
}

static void a_description_is_json_or_bytes(void **state)
{
    (void)state;
    struct buffer rest = {0};
    call("CreateOrUpdateAsset", PUMP, ",\"configuration\":{\"a\":[1]}", 200);
    assert_slice(buffer_slice(&asset_double.assets[0].file), SLICE("{\"a\":[1]}"));
    buffer_text(&rest, ",\"configuration\":\"");
    base64_encode(SLICE("of-bytes"), &rest);
    buffer_text(&rest, "\"");
    call("CreateOrUpdateAsset2", PUMP, buffer_cstr(&rest), 200);
    assert_slice(buffer_slice(&asset_double.assets[0].file), SLICE("of-bytes"));
    buffer_clear(&rest);
}

static void what_fails_is_taken_back(void **state)
{
    (void)state;
    static const struct {
        enum double_method method;
        const char *symbol;
        UA_StatusCode status;
    } rows[] = {
        {CREATE, "BadUserAccessDenied", UA_STATUSCODE_BADUSERACCESSDENIED},
        {OPEN, "BadInvalidState", UA_STATUSCODE_BADINVALIDSTATE},
        {WRITE, "BadOutOfMemory", UA_STATUSCODE_BADOUTOFMEMORY},
        {UPDATE, "BadDecodingError", UA_STATUSCODE_BADDECODINGERROR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        asset_double.fail[rows[i].method] = rows[i].status;
        assert_string_equal(symbol_of(call("CreateOrUpdateAsset", PUMP, TELLS("speed"), 200)),
                            rows[i].symbol);
        asset_double.fail[rows[i].method] = UA_STATUSCODE_GOOD;
        assert_int_equal(asset_double.count, 0);
        assert_int_equal(asset_double.open, 0);
    }
    assert_string_equal(symbol_of(call("CreateOrUpdateAsset", PUMP, TELLS(" "), 200)),
                        "BadNotFound");
    assert_int_equal(asset_double.count, 0);
    assert_in_file("pump", false);
}

static void what_cannot_be_kept_is_taken_back(void **state)
{
    (void)state;
    write_file("[{"); /* somebody is at it */
    const struct json *answer = call("CreateOrUpdateAsset", PUMP, TELLS("speed"), 200);
    assert_string_equal(symbol_of(answer), "Bad");
    assert_true(json_string(json_get(json_get(answer, "errorInfo"), "errorMessage")).len > 0);
    assert_int_equal(asset_double.count, 0);
}

/* The one reason does not hide the other. */
static void what_can_be_neither_kept_nor_taken_back_is_said(void **state)
{
    (void)state;
    write_file("[{");
    asset_double.fail[DELETE] = UA_STATUSCODE_BADUSERACCESSDENIED;
    const struct json *answer = call("CreateOrUpdateAsset", PUMP, TELLS("speed"), 200);
    struct buffer why = {0};
    buffer_put(&why, json_string(json_get(json_get(answer, "errorInfo"), "errorMessage")));
    assert_string_equal(symbol_of(answer), "Bad");
    assert_non_null(strstr(buffer_cstr(&why), "stays on the server"));
    assert_non_null(strstr(buffer_cstr(&why), "BadUserAccessDenied"));
    assert_int_equal(asset_double.count, 1);
    asset_double.fail[DELETE] = UA_STATUSCODE_GOOD;
    buffer_clear(&why);
}

static void ours_is_described_anew_and_another_one_is_not(void **state)
{
    (void)state;
    call("CreateOrUpdateAsset", PUMP, TELLS("speed"), 200);
    const struct json *answer = call("CreateOrUpdateAsset", PUMP, TELLS("level"), 200);
    assert_string_equal(symbol_of(answer), "");
    assert_in_file("pump/level", true);
    assert_in_file("pump/speed", false);
    answer = call("CreateOrUpdateAsset", "\"DataSetWriterGroup\":\"h\",\"DataSetName\":\"pump\"",
                  TELLS("speed"), 200);
    assert_string_equal(symbol_of(answer), "BadBrowseNameDuplicated");
    assert_in_file("\"h\"", false);
    answer = call("CreateOrUpdateAsset", PUMP, TELLS("?"), 200); /* and it stays */
    assert_string_equal(symbol_of(answer), "BadDecodingError");
    assert_int_equal(asset_double.count, 1);
}

static void one_of_two_of_the_same_name_is_made(void **state)
{
    (void)state;
    ask("CreateOrUpdateAsset", payload_of(PUMP, TELLS("speed")), &got);
    ask("CreateOrUpdateAsset",
        payload_of("\"DataSetWriterGroup\":\"h\",\"DataSetName\":\"pump\"", TELLS("level")),
        &second);
    bool first = json_get(wait_for(&got, 200), "errorInfo") == NULL;
    assert_int_equal(first, json_get(wait_for(&second, 200), "errorInfo") != NULL);
    assert_int_equal(asset_double.count, 1);
}

static void all_are_listed_those_without_variables_too(void **state)
{
    (void)state;
    call("CreateOrUpdateAsset", PUMP, TELLS("speed level"), 200);
    call("CreateOrUpdateAsset", "\"DataSetWriterGroup\":\"g\",\"DataSetName\":\"press\"",
         TELLS("force"), 200);
    asset_double.fail[DELETE] = UA_STATUSCODE_BADUSERACCESSDENIED; /* one is left behind */
    call("CreateOrUpdateAsset", "\"DataSetWriterGroup\":\"g\",\"DataSetName\":\"bare\"", TELLS("?"),
         200);
    const struct json *list = call("GetAllAssets", "\"DataSetWriterGroup\":\"g\"", "", 200);
    assert_int_equal(json_count(list), 3);
    size_t nodes = 0;
    for (struct json_walk w = json_walk(list); json_next(&w);)
        nodes += json_count(json_get(json_get(w.value, "result"), "OpcNodes"));
    assert_int_equal(nodes, 3);
}

static void the_entry_goes_first_and_without_one_force_is_needed(void **state)
{
    (void)state;
    char entry[256];
    const struct json *made =
        json_get(call("CreateOrUpdateAsset", PUMP, TELLS("speed"), 200), "result");
    snprintf(entry, sizeof entry, PUMP ",\"DataSetWriterId\":\"%.*s\"",
             SLICE_FMT(json_string(json_get(made, "DataSetWriterId"))));
    asset_double.fail[DELETE] = UA_STATUSCODE_BADUSERACCESSDENIED;
    assert_string_equal(symbol_of(call("DeleteAsset", entry, "", 200)), "BadUserAccessDenied");
    assert_in_file("pump", false);
    asset_double.fail[DELETE] = UA_STATUSCODE_GOOD;
    assert_string_equal(symbol_of(call("DeleteAsset", entry, "", 200)), "BadNotFound");
    assert_int_equal(asset_double.count, 1);
    assert_string_equal(symbol_of(call("DeleteAsset", entry, ",\"force\":true", 200)), "Good");
    assert_int_equal(asset_double.count, 0);
}

static void what_is_asked_wrongly_says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        const char *method, *entry, *rest, *why;
    } rows[] = {
        {"CreateOrUpdateAsset", "\"DataSetWriterGroup\":\"g\"", TELLS("a"), "DataSetName"},
        {"CreateOrUpdateAsset", "\"DataSetName\":\"pump\"", TELLS("a"), "DataSetWriterGroup"},
        {"CreateOrUpdateAsset", PUMP, "", "configuration"},
        {"CreateOrUpdateAsset", PUMP, ",\"configuration\":null", "configuration"},
        {"CreateOrUpdateAsset2", PUMP, ",\"configuration\":{}", "base64"},
        {"CreateOrUpdateAsset2", PUMP, TELLS("*"), "base64"},
        {"CreateOrUpdateAsset", PUMP, TELLS("a") ",\"waitTime\":5", "waitTime"},
        {"CreateOrUpdateAsset", PUMP, TELLS("a") ",\"waitTime\":\"1.00:00:00\"", "waitTime"},
        {"DeleteAsset", PUMP, "", "DataSetWriterId"},
        {"DeleteAsset", "\"DataSetWriterId\":\"i=1\"", "", "DataSetWriterGroup"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        call(rows[i].method, rows[i].entry, rows[i].rest, 400);
        if (!strstr(buffer_cstr(&got.body), rows[i].why))
            fail_msg("no %s in %s", rows[i].why, buffer_cstr(&got.body));
    }
    ask("GetAllAssets", "{}", &got);
    wait_for(&got, 400);
    ask("CreateOrUpdateAsset", "{\"entry\":{" PUMP "}" TELLS("a") "}", &got);
    wait_for(&got, 400);
    assert_non_null(strstr(buffer_cstr(&got.body), "EndpointUrl"));
    assert_int_equal(asset_double.calls[CREATE], 0);
}

static void more_calls_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct answer all[ASSET_CALLS_MAX + 1] = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ask("GetAllAssets", payload_of("\"DataSetWriterGroup\":\"g\"", ""), &all[i]);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        wait_for(&all[i], i < ASSET_CALLS_MAX ? 200 : 429);
        json_free(&all[i].doc);
        buffer_clear(&all[i].body);
    }
    call("GetAllAssets", "\"DataSetWriterGroup\":\"g\"", "", 200);
}

static void a_server_that_is_not_there_is_an_error_of_the_call(void **state)
{
    (void)state;
    opcua_server_close(&world.server);
    got.done = false;
    module_invoke(world.module, "test", SLICE("CreateOrUpdateAsset"),
                  slice_of(payload_of(PUMP, TELLS("a"))), 1500, on_answer, &got);
    wait_for(&got, 502);
    assert_non_null(strstr(buffer_cstr(&got.body), "BadConnectionRejected"));
    rig_more = NULL;
    start_server();
}

static void its_values_are_sent(void **state)
{
    (void)state;
    call("CreateOrUpdateAsset", PUMP ",\"DataSetWriterId\":null", TELLS("C0"), 200);
    want_more(1);
    assert_non_null(strstr(a_message(), "pump/C0"));
}

/* ---- the end, at each place where a call may be ---- */

#define HELPERS 64 /* more than there are threads */

static pthread_mutex_t helpers = PTHREAD_MUTEX_INITIALIZER; /* who has it keeps them from working */
static size_t helped;

static void help(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&helpers);
    pthread_mutex_unlock(&helpers);
}

static void on_helped(void *arg)
{
    (void)arg;
    helped++;
}

static bool all_helped(void *arg)
{
    (void)arg;
    return helped == HELPERS;
}

static void hold_helpers(void)
{
    helped = 0;
    pthread_mutex_lock(&helpers);
    for (int i = 0; i < HELPERS; i++)
        loop_work(world.loop, help, on_helped, NULL);
}

static void let_help(void *arg)
{
    (void)arg;
    pthread_mutex_unlock(&helpers);
}

static bool is_in_store(void *arg)
{
    (void)arg;
    return !config_store_idle(world.publisher->store);
}

/* What the server has, the file has, and the other way round. */
static void what_is_at_the_file_when_it_ends_is_done_whole(void **state)
{
    (void)state;
    struct loop_timer later = {0};
    hold_helpers();
    ask("CreateOrUpdateAsset", payload_of(PUMP, TELLS("speed")), &got);
    WAIT_FOR(is_in_store);
    loop_timer_start(world.loop, &later, 0, let_help, NULL); /* in the midst of stopping */
    stop_publisher();
    assert_true(loop_run_until(world.loop, all_helped, NULL, WAIT_MS));
    wait_for(&got, 200);
    assert_int_equal(asset_double.count, 1);
    assert_in_file("\"pump/speed\"", true);
}

static bool is_described(void *arg)
{
    (void)arg;
    return asset_double.calls[UPDATE] > 0;
}

static void what_waits_when_it_ends_is_taken_back(void **state)
{
    (void)state;
    ask("CreateOrUpdateAsset", payload_of(PUMP, TELLS("speed") ",\"waitTime\":\"00:00:25\""), &got);
    WAIT_FOR(is_described);
    stop_publisher();
    const struct json *result = wait_for(&got, 200);
    assert_string_equal(symbol_of(result), "BadShutdown");
    assert_int_equal(asset_double.count, 0);
    assert_in_file("speed", false);
}

/* Nobody is there to take it back with: it ends in its time, and nothing is left of the call. */
static void a_server_that_went_does_not_hold_up_the_end(void **state)
{
    (void)state;
    ask("CreateOrUpdateAsset", payload_of(PUMP, TELLS("speed") ",\"waitTime\":\"00:00:25\""), &got);
    WAIT_FOR(is_described);
    opcua_server_close(&world.server);
    stop_publisher();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_asset_is_made_and_its_entry_kept),
        TEST(a_description_is_json_or_bytes),
        TEST(what_fails_is_taken_back),
        TEST(what_cannot_be_kept_is_taken_back),
        TEST(what_can_be_neither_kept_nor_taken_back_is_said),
        TEST(ours_is_described_anew_and_another_one_is_not),
        TEST(one_of_two_of_the_same_name_is_made),
        TEST(all_are_listed_those_without_variables_too),
        TEST(the_entry_goes_first_and_without_one_force_is_needed),
        TEST(what_is_asked_wrongly_says_what_is_missing),
        TEST(more_calls_than_there_is_room_for_are_refused),
        TEST(a_server_that_is_not_there_is_an_error_of_the_call),
        TEST(its_values_are_sent),
        TEST(what_is_at_the_file_when_it_ends_is_done_whole),
        TEST(what_waits_when_it_ends_is_taken_back),
        TEST(a_server_that_went_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
