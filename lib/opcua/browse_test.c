#include "opcua/browse.h"

#include <stdio.h>

#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define SPACE "http://test/"
#define NODES 150

/* ---- paths ---- */

static UA_String uris[3];
static const struct opcua_namespaces names = {uris, 3, NULL, 0};

static enum status parse(const char *element, UA_RelativePath *out, struct buffer *why)
{
    struct slice s = slice_of(element);
    return opcua_browse_path_parse(&s, 1, &names, out, why);
}

static void elements_have_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t type;
        bool inverse, subtypes;
        uint16_t space;
        const char *name;
    } rows[] = {
        {"Server", UA_NS0ID_REFERENCES, false, true, 0, "Server"},
        {"/2:Data", UA_NS0ID_HIERARCHICALREFERENCES, false, true, 2, "Data"},
        {".ServerStatus", UA_NS0ID_AGGREGATES, false, true, 0, "ServerStatus"},
        {"<HasComponent>http://ns/#A%20b", UA_NS0ID_HASCOMPONENT, false, true, 2, "A b"},
        {"<!HasChild>X", UA_NS0ID_HASCHILD, true, true, 0, "X"},
        {"<#organizes>X", UA_NS0ID_ORGANIZES, false, false, 0, "X"},
        {"!#<i=46>X", UA_NS0ID_HASPROPERTY, true, false, 0, "X"},
        {"/!X", UA_NS0ID_HIERARCHICALREFERENCES, true, true, 0, "X"},
        {"&/X&.y", UA_NS0ID_REFERENCES, false, true, 0, "/X.y"},
        {"nsu=urn:s;Name", UA_NS0ID_REFERENCES, false, true, 1, "Name"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UA_RelativePath path;
        struct buffer why = {0};
        if (parse(rows[i].text, &path, &why) != OK)
            fail_msg("%s: %s", rows[i].text, buffer_cstr(&why));
        UA_RelativePathElement *e = path.elements;
        assert_int_equal(e->referenceTypeId.identifier.numeric, rows[i].type);
        assert_int_equal(e->isInverse, rows[i].inverse);
        assert_int_equal(e->includeSubtypes, rows[i].subtypes);
        assert_int_equal(e->targetName.namespaceIndex, rows[i].space);
        assert_slice(opcua_slice(e->targetName.name), slice_of(rows[i].name));
        UA_RelativePath_clear(&path);
    }
}

static void paths_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "/",          ".",  "<HasChild>",
                                      "<HasChild", "<Nothing>X", "<&", "<i=46"};
    struct slice many[OPCUA_BROWSE_PATH_MAX + 1];
    UA_RelativePath path;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buffer why = {0};
        assert_int_not_equal(parse(bad[i], &path, &why), OK);
        assert_true(why.len > 0);
        buffer_clear(&why);
        assert_int_not_equal(parse(bad[i], &path, NULL), OK);
    }
    for (size_t i = 0; i <= OPCUA_BROWSE_PATH_MAX; i++)
        many[i] = SLICE("X");
    assert_int_equal(opcua_browse_path_parse(many, OPCUA_BROWSE_PATH_MAX + 1, &names, &path, NULL),
                     TOO_LARGE);
    assert_int_equal(opcua_browse_path_parse(many, 0, &names, &path, NULL), BAD_ARGUMENT);
    assert_int_equal(parse("nsu=urn:none;X", &path, NULL), NOT_FOUND);
}

/* ---- against a server ---- */

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    int answers;
    UA_StatusCode status;
    size_t count;
    const UA_DataType *type;
    char node[64];
} world;

static int start(void **state)
{
    (void)state;
    struct opcua_server_config config = {.host = "127.0.0.1"};
    uris[0] = UA_STRING(OPCUA_NAMESPACE_0);
    uris[1] = UA_STRING("urn:s");
    uris[2] = UA_STRING("http://ns/");
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    uint16_t space = opcua_server_namespace(world.server, SPACE);
    struct opcua_place folder = {space, "F"};
    opcua_server_add_folder(world.server, (struct opcua_place){0}, folder, "F");
    for (UA_Int32 i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "N%d", i);
        opcua_server_add_variable(world.server, folder, (struct opcua_place){space, name}, name, &i,
                                  &UA_TYPES[UA_TYPES_INT32], false);
    }
    assert_int_equal(opcua_server_start(world.server), OK);
    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop});
    world.session = opcua_session_get(
        world.thread,
        &(struct opcua_connection){.endpoint_url = slice_of(opcua_server_url(world.server)),
                                   .security = OPCUA_SECURITY_NONE});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    opcua_session_unref(&world.session);
    opcua_thread_free(&world.thread);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    return 0;
}

static bool is_ready(void *arg)
{
    (void)arg;
    return opcua_session_state(world.session) == OPCUA_SESSION_READY;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return world.answers > 0;
}

static void await(void)
{
    assert_int_equal(world.answers, 0); /* never before the function returned */
    assert_true(loop_run_until(world.loop, is_answered, NULL, WAIT_MS));
    assert_int_equal(world.answers, 1);
    world.answers = 0;
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *r, size_t count)
{
    (void)arg, (void)r;
    world.answers++;
    world.status = status;
    world.count = count;
}

static void on_type(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    (void)arg;
    world.answers++;
    world.status = status;
    world.type = type;
}

static void on_node(void *arg, UA_StatusCode status, UA_NodeId *node)
{
    struct buffer out = {0};
    (void)arg;
    world.answers++;
    world.status = status;
    if (node)
        opcua_node_id_print(node, NULL, OPCUA_ID_INDEX, &out);
    snprintf(world.node, sizeof(world.node), "%s", buffer_cstr(&out));
    buffer_clear(&out);
}

static void browse(UA_NodeId node)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = node;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    d.includeSubtypes = true;
    opcua_browse_all(world.session, &d, on_references, NULL, 10000);
    await();
}

static void all_references_come(void **state)
{
    (void)state;
    assert_true(loop_run_until(world.loop, is_ready, NULL, WAIT_MS));
    browse(UA_NODEID_STRING(2, "F"));
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.count, NODES);
    browse(UA_NODEID_STRING(2, "None"));
    assert_int_equal(world.status, UA_STATUSCODE_BADNODEIDUNKNOWN);
}

static void find(const char *name)
{
    struct slice elements[] = {SLICE("Objects"), slice_of(name)};
    UA_NodeId root = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    UA_RelativePath path;
    assert_int_equal(
        opcua_browse_path_parse(elements, 2, opcua_session_namespaces(world.session), &path, NULL),
        OK);
    opcua_browse_path_find(world.session, &root, &path, on_node, NULL, 10000);
    UA_RelativePath_clear(&path);
    await();
}

static void a_path_leads_to_its_node(void **state)
{
    (void)state;
    assert_true(loop_run_until(world.loop, is_ready, NULL, WAIT_MS));
    find(SPACE "#F");
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_string_equal(world.node, "ns=2;s=F");
    find("Nowhere");
    assert_int_equal(world.status, UA_STATUSCODE_BADNOMATCH);
}

static void data_types_lead_to_what_is_on_the_wire(void **state)
{
    (void)state;
    assert_true(loop_run_until(world.loop, is_ready, NULL, WAIT_MS));
    UA_NodeId duration = UA_NODEID_NUMERIC(0, UA_NS0ID_DURATION);
    opcua_browse_data_type(world.session, &duration, on_type, NULL, 10000);
    await();
    assert_ptr_equal(world.type, &UA_TYPES[UA_TYPES_DOUBLE]);
    /* Not in the stack's table: its super type in the address space is. */
    UA_NodeId decimal = UA_NODEID_NUMERIC(0, UA_NS0ID_DECIMAL);
    opcua_browse_data_type(world.session, &decimal, on_type, NULL, 10000);
    await();
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_ptr_equal(world.type, &UA_TYPES[UA_TYPES_VARIANT]);
    UA_NodeId none = UA_NODEID_STRING(2, "None");
    opcua_browse_data_type(world.session, &none, on_type, NULL, 10000);
    await();
    assert_int_equal(world.status, UA_STATUSCODE_BADNODEIDUNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_have_prefixes),
        cmocka_unit_test(paths_that_are_none_are_refused),
        cmocka_unit_test(all_references_come),
        cmocka_unit_test(a_path_leads_to_its_node),
        cmocka_unit_test(data_types_lead_to_what_is_on_the_wire),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
