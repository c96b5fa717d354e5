/* What a server says of its event types has bounds, whatever it says. */
#include "opcua/event_types.h"

#include "opcua/answers_rig.h"
#include "opcua/session_rig.h"

#define CHILDREN 300 /* of each node */

static struct {
    size_t browses;
    bool told;
} world;

/* Objects below each node, without an end. */
static void change(const UA_DataType *type, const void *request, void *answer)
{
    const UA_BrowseRequest *asked = request;
    UA_BrowseResponse *r = answer;
    if (!ANSWERS_OF(type, BROWSE) || r->resultsSize != 1 ||
        asked->nodesToBrowse->browseDirection != UA_BROWSEDIRECTION_FORWARD)
        return;
    world.browses++;
    UA_BrowseResult_clear(&r->results[0]);
    UA_BrowseResult_init(&r->results[0]);
    UA_ReferenceDescription *children =
        UA_Array_new(CHILDREN, &UA_TYPES[UA_TYPES_REFERENCEDESCRIPTION]);
    for (UA_UInt32 i = 0; i < CHILDREN; i++) {
        children[i].nodeClass = UA_NODECLASS_OBJECT;
        children[i].nodeId.nodeId = UA_NODEID_NUMERIC(1, (UA_UInt32)world.browses * CHILDREN + i);
        children[i].browseName = UA_QUALIFIEDNAME_ALLOC(1, "child");
    }
    r->results[0].references = children;
    r->results[0].referencesSize = CHILDREN;
}

static void on_told(void *arg)
{
    (void)arg;
    world.told = true;
}

static bool is_told(void *arg)
{
    (void)arg;
    return world.told;
}

static void a_type_without_an_end_has_one(void **state)
{
    (void)state;
    struct list all;
    list_init(&all);
    RIG_WAIT(rig_is_ready);
    answers_change = change;
    struct opcua_event_types *types = opcua_event_types_get(&all, rig.session);
    struct opcua_event_types_waiter w = {.fn = on_told};
    struct opcua_event_type_fields fields;
    UA_NodeId id = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    assert_int_equal(opcua_event_types_fields(types, &id, &w, &fields), AGAIN);
    RIG_WAIT(is_told);
    assert_int_equal(opcua_event_types_fields(types, &id, &w, &fields), OK);
    assert_int_equal(fields.count, 0);
    assert_true(world.browses <= OPCUA_EVENT_TYPE_NODES_MAX);
    answers_change = NULL;
    opcua_event_types_unref(&types);
}

static int setup(void **state)
{
    (void)state;
    rig_open((struct opcua_server_config){0});
    rig_start(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_type_without_an_end_has_one)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
