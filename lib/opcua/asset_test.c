/* Assets of a server, their files, and what came to its namespaces while it was there. */
#include "opcua/asset.h"

#include <stdio.h>

#include "opcua/asset_double.h"
#include "opcua/session_diagnostics.h"
#include "opcua/file.h"
#include "opcua/method.h"
#include "opcua/ready.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define CALL_MS 10000

static struct opcua_server *server;
static struct loop *loop;
static struct opcua_thread *thread;
static struct opcua_session *session;

static struct told {
    bool done;
    UA_StatusCode status;
    UA_NodeId id;
    struct buffer bytes;
    size_t count;
    char names[64];
} told;

static bool is_done(void *arg)
{
    (void)arg;
    return told.done;
}

static UA_StatusCode wait(void)
{
    assert_true(loop_run_until(loop, is_done, NULL, WAIT_MS));
    told.done = false;
    return told.status;
}

static void on_done(void *arg, UA_StatusCode status)
{
    (void)arg;
    assert_false(told.done);
    told.done = true;
    told.status = status;
}

static void on_asset(void *arg, UA_StatusCode status, const UA_NodeId *asset)
{
    on_done(arg, status);
    assert_int_equal(status == UA_STATUSCODE_GOOD, asset != NULL);
    UA_NodeId_clear(&told.id);
    if (asset)
        UA_NodeId_copy(asset, &told.id);
}

static void on_file(void *arg, UA_StatusCode status, struct slice bytes)
{
    on_done(arg, status);
    buffer_reset(&told.bytes);
    buffer_put(&told.bytes, bytes);
}

static void on_list(void *arg, UA_StatusCode status, const struct opcua_asset *assets, size_t count)
{
    on_done(arg, status);
    told.count = count;
    told.names[0] = 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(told.names + strlen(told.names), sizeof told.names - strlen(told.names), "%.*s ",
                 SLICE_FMT(assets[i].name));
        assert_false(UA_NodeId_isNull(assets[i].id));
    }
}

static UA_StatusCode ready(void)
{
    opcua_ready(session, on_done, NULL, CALL_MS);
    return wait();
}

static void start_with(bool assets)
{
    assert_int_equal(opcua_server_open(&(struct opcua_server_config){.host = "127.0.0.1"}, &server),
                     OK);
    if (assets)
        asset_double_add(server);
    assert_int_equal(opcua_server_start(server), OK);
    struct opcua_connection c = {.endpoint_url = slice_of(opcua_server_url(server)),
                                 .security = OPCUA_SECURITY_NONE};
    loop = loop_new();
    thread = opcua_thread_new(&(struct opcua_thread_config){.loop = loop, .lease_ms = 1});
    session = opcua_session_get(thread, &c);
    assert_int_equal(ready(), UA_STATUSCODE_GOOD);
}

static int setup(void **state)
{
    (void)state;
    start_with(true);
    return 0;
}

static int setup_without(void **state)
{
    (void)state;
    start_with(false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    opcua_session_unref(&session);
    opcua_thread_free(&thread);
    opcua_server_close(&server);
    asset_double_clear();
    loop_free(&loop);
    UA_NodeId_clear(&told.id);
    buffer_clear(&told.bytes);
    told = (struct told){0};
    return 0;
}

static UA_StatusCode create(const char *name)
{
    opcua_asset_create(session, slice_of(name), on_asset, NULL, CALL_MS);
    return wait();
}

static UA_StatusCode describe(struct slice thing)
{
    opcua_asset_describe(session, &told.id, thing, on_done, NULL, CALL_MS);
    return wait();
}

static UA_StatusCode delete (void)
{
    opcua_asset_delete(session, &told.id, on_done, NULL, CALL_MS);
    return wait();
}

static void an_asset_is_made_described_listed_and_deleted(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_GOOD);
    assert_int_equal(describe(SLICE("speed pressure")), UA_STATUSCODE_GOOD);
    assert_int_equal(asset_double.calls[CLOSE], 0); /* CloseAndUpdate alone */
    assert_int_equal(asset_double.open, 0);
    opcua_asset_list(session, on_list, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    assert_string_equal(told.names, "pump ");
    assert_int_equal(delete (), UA_STATUSCODE_GOOD);
    assert_int_equal(delete (), UA_STATUSCODE_BADNODEIDUNKNOWN);
    opcua_asset_list(session, on_list, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    assert_int_equal(told.count, 0); /* what configures the server is no asset */
}

static void a_name_that_is_taken_is_told(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_GOOD);
    assert_int_equal(create("pump"), UA_STATUSCODE_BADBROWSENAMEDUPLICATED);
    assert_int_equal(asset_double.count, 1);
}

static void a_description_that_is_refused_leaves_no_file_open(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_GOOD);
    assert_int_equal(describe(SLICE("?")), UA_STATUSCODE_BADDECODINGERROR);
    assert_int_equal(asset_double.calls[CLOSE], 1);
    assert_int_equal(asset_double.open, 0);
    asset_double.fail[WRITE] = UA_STATUSCODE_BADOUTOFMEMORY;
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_BADOUTOFMEMORY);
    assert_int_equal(asset_double.calls[CLOSE], 2);
    assert_int_equal(asset_double.open, 0);
    asset_double.fail[OPEN] = UA_STATUSCODE_BADUSERACCESSDENIED;
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_BADUSERACCESSDENIED);
    assert_int_equal(asset_double.calls[CLOSE], 2);
}

static void what_has_no_file_is_not_described(void **state)
{
    (void)state;
    told.id = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER);
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_BADNOTFOUND);
    told.id = UA_NODEID_NUMERIC(0, 987654);
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_BADNODEIDUNKNOWN);
}

static void a_server_without_web_of_things_is_told(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_BADNOTSUPPORTED);
    told.id = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER);
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_BADNOTSUPPORTED);
    assert_int_equal(delete (), UA_STATUSCODE_BADNOTSUPPORTED);
    opcua_asset_list(session, on_list, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_BADNOTSUPPORTED);
}

static bool knows_tags(void)
{
    UA_NodeId id;
    enum status s = opcua_node_id_parse(SLICE("nsu=" DOUBLE_TAGS ";i=1"),
                                        opcua_session_namespaces(session), &id, NULL);
    return s == OK;
}

static void a_namespace_that_came_later_is_known_when_somebody_is_about_to_use_it(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_GOOD);
    assert_int_equal(describe(SLICE("speed")), UA_STATUSCODE_GOOD);
    struct opcua_namespaces before = *opcua_session_namespaces(session);
    assert_false(knows_tags());
    assert_int_equal(ready(), UA_STATUSCODE_GOOD);
    assert_true(knows_tags());
    for (size_t i = 0; i < before.count; i++) /* what somebody looks at stays */
        assert_true(UA_String_equal(&before.uris[i], &opcua_session_namespaces(session)->uris[i]));
    assert_int_equal(ready(), UA_STATUSCODE_GOOD);
    assert_int_equal(opcua_session_namespaces(session)->count, before.count + 1);
}

/* ---- files ---- */

static UA_NodeId file_of_the_first_asset(void)
{
    UA_NodeId file = {0};
    opcua_asset_create(session, SLICE("pump"), on_asset, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    UA_BrowseDescription what = {.nodeId = told.id,
                                 .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                                 .resultMask = UA_BROWSERESULTMASK_ALL};
    UA_BrowseResult found = UA_Server_browse(opcua_server_stack(server), 0, &what);
    assert_int_equal(found.referencesSize, 1);
    UA_NodeId_copy(&found.references->nodeId.nodeId, &file);
    UA_BrowseResult_clear(&found);
    return file;
}

static void a_file_comes_back_as_it_was_written(void **state)
{
    (void)state;
    UA_NodeId file = file_of_the_first_asset();
    struct buffer large = {0};
    for (int i = 0; i < 50000; i++)
        buffer_printf(&large, "%d,", i);
    static const size_t lengths[] = {0, 1, OPCUA_FILE_CHUNK_MAX, OPCUA_FILE_CHUNK_MAX + 1,
                                     SIZE_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct slice bytes = slice_first(buffer_slice(&large), lengths[i]);
        opcua_file_write(session, &file, OPCUA_FILE_WRITE | OPCUA_FILE_ERASE,
                         opcua_method_name("Close"), bytes, on_file, NULL, CALL_MS);
        assert_int_equal(wait(), UA_STATUSCODE_GOOD);
        opcua_file_read(session, &file, large.len, on_file, NULL, CALL_MS);
        assert_int_equal(wait(), UA_STATUSCODE_GOOD);
        assert_true(slice_eq(buffer_slice(&told.bytes), bytes));
    }
    opcua_file_read(session, &file, large.len - 1, on_file, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_BADRESPONSETOOLARGE);
    assert_int_equal(asset_double.open, 0);
    buffer_clear(&large);
    UA_NodeId_clear(&file);
}

static void on_count(void *arg, UA_StatusCode status, const UA_SessionDiagnosticsDataType *of,
                     const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count)
{
    (void)subscriptions, (void)count;
    *(UA_UInt32 *)arg = of ? of->translateBrowsePathsToNodeIdsCount.totalCount : 0;
    on_done(NULL, status);
}

static UA_UInt32 count_paths(void)
{
    UA_UInt32 n = 0;
    opcua_session_diagnostics(session, on_count, &n, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    return n;
}

/* Open, Write and Close; Open, Read and Close: not each piece. */
static void which_nodes_its_methods_are_is_asked_once_each(void **state)
{
    (void)state;
    assert_int_equal(create("paths"), UA_STATUSCODE_GOOD);
    UA_NodeId file = file_of_the_first_asset();
    struct buffer large = {0};
    for (size_t i = 0; i < 5 * OPCUA_FILE_CHUNK_MAX; i++)
        buffer_u8(&large, 'x');
    UA_UInt32 before = count_paths();
    opcua_file_write(session, &file, OPCUA_FILE_WRITE | OPCUA_FILE_ERASE,
                     opcua_method_name("Close"), buffer_slice(&large), on_file, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    assert_int_equal(count_paths() - before, 3);
    opcua_file_read(session, &file, large.len, on_file, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_GOOD);
    assert_int_equal(count_paths() - before, 6);
    UA_NodeId_clear(&file);
    buffer_clear(&large);
    assert_int_equal(delete (), UA_STATUSCODE_GOOD);
}

static void what_is_no_file_is_told_by_its_methods(void **state)
{
    (void)state;
    UA_NodeId object = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
    opcua_file_read(session, &object, 1000, on_file, NULL, CALL_MS);
    assert_int_equal(wait(), UA_STATUSCODE_BADMETHODINVALID);
}

static void a_server_that_is_gone_ends_what_is_under_way(void **state)
{
    (void)state;
    assert_int_equal(create("pump"), UA_STATUSCODE_GOOD);
    opcua_server_close(&server);
    assert_true(UA_StatusCode_isBad(describe(SLICE("speed"))));
    assert_true(UA_StatusCode_isBad(create("other")));
    opcua_ready(session, on_done, NULL, 200);
    assert_true(UA_StatusCode_isBad(wait()));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_asset_is_made_described_listed_and_deleted),
        TEST(a_name_that_is_taken_is_told),
        TEST(a_description_that_is_refused_leaves_no_file_open),
        TEST(what_has_no_file_is_not_described),
        TEST(a_namespace_that_came_later_is_known_when_somebody_is_about_to_use_it),
        TEST(a_file_comes_back_as_it_was_written),
        TEST(which_nodes_its_methods_are_is_asked_once_each),
        TEST(what_is_no_file_is_told_by_its_methods),
        TEST(a_server_that_is_gone_ends_what_is_under_way),
        cmocka_unit_test_setup_teardown(a_server_without_web_of_things_is_told, setup_without,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
