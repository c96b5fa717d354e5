/* What an entry means by objects and types, of a real server: what is found, and with how many
 * calls. */
#include "publisher/expand.h"

#include <stdio.h>
#include <stdlib.h>

#include "opcua/answers_rig.h"
#include "opcua/session_diagnostics.h"
#include "opcua/session_rig.h"

#include "base/cmocka.h"

#define WAIT_MS 60000
#define MANY 3000
#define ASSETS 40

static struct world {
    struct expansion found;
    bool done;
    UA_UInt32 browsed, read; /* calls that the server counted */
} world;

/* ---- a server ---- */

static void add(const char *parent, const char *id, const char *name, bool folder)
{
    struct opcua_place above = {parent ? rig.space : 0, parent}, at = {rig.space, id};
    UA_Int32 zero = 0;
    if (folder)
        opcua_server_add_folder(rig.server, above, at, name);
    else
        opcua_server_add_variable(rig.server, above, at, name, &zero, &UA_TYPES[UA_TYPES_INT32],
                                  false);
}

static void add_numbered(const char *parent, const char *name, int n, bool folder)
{
    char id[64], text[32];
    snprintf(id, sizeof id, "%s.%s%d", parent ? parent : "", name, n);
    snprintf(text, sizeof text, "%s%d", name, n);
    add(parent, id, text, folder);
}

static int setup(void **state)
{
    (void)state;
    rig_open((struct opcua_server_config){.references_per_node = 1000});
    add(NULL, "big", "Big", true);
    for (int i = 0; i < MANY; i++)
        add_numbered("big", "v", i, false);
    add(NULL, "line", "Line", true);
    for (int i = 0; i < ASSETS; i++) {
        char id[32];
        snprintf(id, sizeof id, "line.m%d", i);
        add_numbered("line", "m", i, true);
        for (int k = 0; k < 3; k++)
            add_numbered(id, "v", k, false);
    }
    rig_start(60000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static int end(void **state)
{
    (void)state;
    expansion_clear(&world.found);
    return 0;
}

/* ---- asking ---- */

static bool is_done(void *arg)
{
    (void)arg;
    return world.done;
}

static void on_diagnostics(void *arg, UA_StatusCode status, const UA_SessionDiagnosticsDataType *of,
                           const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count)
{
    (void)arg, (void)subscriptions, (void)count;
    assert_int_equal(status, UA_STATUSCODE_GOOD);
    world.browsed = of->browseCount.totalCount + of->browseNextCount.totalCount - world.browsed;
    world.read = of->readCount.totalCount - world.read;
    world.done = true;
}

/* From now on; the second time: how many since then. */
static void count_calls(void)
{
    world.done = false;
    opcua_session_diagnostics(rig.session, on_diagnostics, NULL, WAIT_MS);
    RIG_WAIT(is_done);
}

static void on_found(void *arg, struct expansion *result)
{
    (void)arg;
    world.found = *result;
    world.done = true;
}

static void expand(struct plan_item *items, size_t count, struct expand_options options)
{
    struct plan_writer what = {
        .connection = {.endpoint_url = slice_of(opcua_server_url(rig.server))},
        .items = items,
        .item_count = count};
    options.timeout_ms = WAIT_MS;
    world.done = false;
    expansion_clear(&world.found);
    expand_begin(rig.thread, &what, &options, on_found, NULL);
    RIG_WAIT(is_done);
}

static void expand_one(const char *node, struct expand_options options)
{
    struct plan_item item = {.node = slice_of(node)};
    expand(&item, 1, options);
}

static bool slice_contains(struct slice s, const char *part)
{
    char text[128];
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(s));
    return strstr(text, part) != NULL;
}

/* ---- tests ---- */

/* Four calls for the object and its references, six for what its variables contain. */
static void three_thousand_variables_are_few_calls(void **state)
{
    (void)state;
    RIG_WAIT(rig_is_ready);
    world.browsed = world.read = 0;
    count_calls();
    expand_one("nsu=urn:test;s=big", (struct expand_options){.no_objects = true});
    assert_int_equal(world.found.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.found.count, 1);
    assert_int_equal(world.found.results[0].count, MANY);
    count_calls();
    assert_true(world.browsed <= 12);
    assert_true(world.read <= 4); /* the diagnostics with it */
}

static void many_objects_that_are_named_are_few_calls(void **state)
{
    (void)state;
    static char names[ASSETS][64];
    struct plan_item items[ASSETS + 1] = {0};
    for (int i = 0; i < ASSETS; i++) {
        snprintf(names[i], sizeof names[i], "nsu=urn:test;s=line.m%d", i);
        items[i].node = slice_of(names[i]);
    }
    items[ASSETS].node = SLICE("nsu=urn:test;s=nowhere");
    world.browsed = world.read = 0;
    count_calls();
    expand(items, ASSETS + 1, (struct expand_options){.no_objects = true});
    assert_int_equal(world.found.count, ASSETS + 1);
    for (size_t i = 0; i < ASSETS; i++) { /* in the order in which they were named */
        assert_slice(world.found.results[i].node, slice_of(names[i]));
        assert_int_equal(world.found.results[i].count, 3);
    }
    assert_int_equal(world.found.results[ASSETS].status, UA_STATUSCODE_BADNODEIDUNKNOWN);
    count_calls();
    assert_true(world.browsed <= 3 + ASSETS); /* each one's variables come when it is visited */
    assert_true(world.read <= 4);
}

/* ---- a server that bears less than it says, or refuses ---- */

static struct {
    size_t nodes, calls; /* nodes: that it bears in one call; any more: */
    UA_StatusCode status;
} refusing;

static void change(const UA_DataType *type, const void *request, void *answer)
{
    const UA_ReadRequest *asked = request;
    if (!ANSWERS_OF(type, READ) || asked->nodesToRead->attributeId != UA_ATTRIBUTEID_NODECLASS)
        return;
    refusing.calls++;
    if (asked->nodesToReadSize > 2 * refusing.nodes) /* class and name of each */
        ((UA_ReadResponse *)answer)->responseHeader.serviceResult = refusing.status;
}

static void (*change_of_all)(const UA_DataType *type, const void *request, void *answer) = change;

static void expand_all_while_it_refuses(size_t nodes, UA_StatusCode status)
{
    static char names[ASSETS][64];
    struct plan_item items[ASSETS] = {0};
    for (int i = 0; i < ASSETS; i++) {
        snprintf(names[i], sizeof names[i], "nsu=urn:test;s=line.m%d", i);
        items[i].node = slice_of(names[i]);
    }
    refusing.nodes = nodes;
    refusing.status = status;
    refusing.calls = 0;
    answers_change = change_of_all;
    expand(items, ASSETS, (struct expand_options){.no_objects = true});
    answers_change = NULL;
    assert_int_equal(world.found.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.found.count, ASSETS);
}

/* 40, 20, 10, 5: eight times. */
static void what_is_too_many_to_read_is_halved_until_it_is_borne(void **state)
{
    (void)state;
    expand_all_while_it_refuses(7, UA_STATUSCODE_BADTOOMANYOPERATIONS);
    for (size_t i = 0; i < ASSETS; i++)
        assert_int_equal(world.found.results[i].count, 3);
    assert_int_equal(refusing.calls, 3 + ASSETS / 5);
}

static void end_session(void *arg)
{
    (void)arg;
    rig_break(UA_STATUSCODE_BADTCPMESSAGETOOLARGE);
}

/* As one that closes the connection on what is larger than it bears. */
static UA_StatusCode close_on_many(const UA_DataType *type, const void *request)
{
    static struct loop_timer soon;
    const UA_ReadRequest *read = request;
    const UA_BrowseRequest *browse = request;
    bool reads = ANSWERS_OF(type, READ) && read->nodesToRead->attributeId == UA_ATTRIBUTEID_NODECLASS;
    size_t nodes = reads ? read->nodesToReadSize / 2 : ANSWERS_OF(type, BROWSE) ? browse->nodesToBrowseSize : 0;
    if (nodes <= refusing.nodes)
        return UA_STATUSCODE_GOOD;
    refusing.calls++;
    loop_timer_start(rig.loop, &soon, 0, end_session, NULL);
    return UA_STATUSCODE_BADSECURECHANNELCLOSED;
}

static void a_connection_that_was_closed_on_too_many_is_used_for_fewer(void **state)
{
    (void)state;
    answers_refuse = close_on_many;
    expand_all_while_it_refuses(7, UA_STATUSCODE_GOOD);
    answers_refuse = NULL;
    for (size_t i = 0; i < ASSETS; i++)
        assert_int_equal(world.found.results[i].count, 3);
    assert_true(refusing.calls > 3);
}

/* It would say the same of fewer: each is told. */
static void a_service_that_is_not_there_is_not_asked_for_in_halves(void **state)
{
    (void)state;
    expand_all_while_it_refuses(0, UA_STATUSCODE_BADSERVICEUNSUPPORTED);
    for (size_t i = 0; i < ASSETS; i++)
        assert_int_equal(world.found.results[i].status, UA_STATUSCODE_BADSERVICEUNSUPPORTED);
    assert_int_equal(refusing.calls, 1);
}

#define BAD_ONE 17

/* As one that has a whole call fail for one of its nodes. */
static void change_for_one(const UA_DataType *type, const void *request, void *answer)
{
    const UA_ReadRequest *asked = request;
    if (!ANSWERS_OF(type, READ) || asked->nodesToRead->attributeId != UA_ATTRIBUTEID_NODECLASS)
        return;
    UA_String bad = UA_STRING("line.m17");
    refusing.calls++;
    for (size_t i = 0; i < asked->nodesToReadSize; i++)
        if (UA_String_equal(&asked->nodesToRead[i].nodeId.identifier.string, &bad))
            ((UA_ReadResponse *)answer)->responseHeader.serviceResult = refusing.status;
}

/* It is found in halves; what is read after it grows again. */
static void one_that_is_refused_with_all_others_is_refused_alone(void **state)
{
    (void)state;
    static const UA_StatusCode all[] = {UA_STATUSCODE_BADNODEIDUNKNOWN, UA_STATUSCODE_BADUSERACCESSDENIED,
                                        UA_STATUSCODE_BADINTERNALERROR, UA_STATUSCODE_BADTIMEOUT};
    change_of_all = change_for_one;
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        expand_all_while_it_refuses(ASSETS, all[n]);
        for (size_t i = 0; i < ASSETS; i++)
            assert_int_equal(world.found.results[i].status, i == BAD_ONE ? all[n] : UA_STATUSCODE_GOOD);
        for (size_t i = 0; i < ASSETS; i++)
            assert_int_equal(world.found.results[i].count, i == BAD_ONE ? 0 : 3);
        assert_true(refusing.calls < ASSETS / 2);
    }
    change_of_all = change;
}

/* Objects below the object come right behind it, each with what is below. */
static void what_is_found_stands_in_the_order_of_the_tree(void **state)
{
    (void)state;
    expand_one("nsu=urn:test;s=line", (struct expand_options){.depth = 1});
    assert_int_equal(world.found.count, ASSETS);
    for (size_t i = 0; i < ASSETS; i++) {
        const struct expand_result *r = &world.found.results[i];
        assert_int_equal(r->count, 3);
        char own[64]; /* "line.m7." of "Line/m7" */
        snprintf(own, sizeof own, "s=line.%.*s.v", (int)r->name.len - 5, r->name.at + 5);
        for (size_t k = 0; k < 3; k++)
            assert_true(slice_contains(r->variables[k].id, own));
    }
    expand_one("i=61", (struct expand_options){0}); /* FolderType: of each folder its variables */
    bool has_big = false;
    for (size_t i = 0; i < world.found.count; i++)
        has_big = has_big || world.found.results[i].count == MANY;
    assert_true(has_big);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, end)
    const struct CMUnitTest tests[] = {
        TEST(three_thousand_variables_are_few_calls),
        TEST(many_objects_that_are_named_are_few_calls),
        TEST(what_is_found_stands_in_the_order_of_the_tree),
        TEST(what_is_too_many_to_read_is_halved_until_it_is_borne),
        TEST(a_connection_that_was_closed_on_too_many_is_used_for_fewer),
        TEST(a_service_that_is_not_there_is_not_asked_for_in_halves),
        TEST(one_that_is_refused_with_all_others_is_refused_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
