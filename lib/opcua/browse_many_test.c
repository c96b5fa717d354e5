#include "opcua/browse_many.h"

#include <stdio.h>
#include <stdlib.h>

#include "opcua/answers_rig.h"
#include "opcua/server_priv.h"
#include "opcua/session_rig.h"

#include "base/cmocka.h"

#define WAIT_MS 60000
#define FOLDERS 40
#define VARIABLES 30 /* in each of them */
#define PAGE 7       /* references in one answer */

static struct world {
    _Atomic uint32_t bears, bears_now; /* nodes of one call; 0: any */
    UA_StatusCode status, first;       /* of all; of the first node */
    size_t nodes, references, bad;
    bool done;
} world;

static void limit(void *arg)
{
    (void)arg;
    UA_Server_getConfig(opcua_server_stack(rig.server))->maxNodesPerBrowse = world.bears;
    world.bears_now = world.bears;
}

static void add_folder(int i)
{
    char folder[16];
    UA_Int32 zero = 0;
    snprintf(folder, sizeof folder, "f%d", i);
    struct opcua_place at = {rig.space, folder};
    opcua_server_add_folder(rig.server, (struct opcua_place){0}, at, folder);
    for (int k = 0; k < VARIABLES; k++) {
        char id[32];
        snprintf(id, sizeof id, "f%d.v%d", i, k);
        opcua_server_add_variable(rig.server, at, (struct opcua_place){rig.space, id}, id,
                                  &zero, &UA_TYPES[UA_TYPES_INT32], false);
    }
}

static int setup(void **state)
{
    (void)state;
    rig_open((struct opcua_server_config){.references_per_node = PAGE});
    for (int i = 0; i < FOLDERS; i++)
        add_folder(i);
    opcua_server_every(rig.server, 10, limit, NULL);
    rig_start(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static bool is_done(void *arg)
{
    (void)arg;
    return world.done;
}

static void on_browsed(void *arg, UA_StatusCode status, struct opcua_browsed *nodes, size_t count)
{
    (void)arg;
    world.status = status;
    world.first = count ? nodes[0].status : UA_STATUSCODE_GOOD;
    world.nodes = count;
    world.references = world.bad = 0;
    for (size_t i = 0; i < count; i++) {
        world.references += nodes[i].count;
        world.bad += nodes[i].status != UA_STATUSCODE_GOOD;
    }
    world.done = true;
}

/* All folders, the first of them `instead`, where one is named. */
static void browse(const char *instead, size_t references_max)
{
    static char names[FOLDERS][16];
    UA_BrowseDescription what[FOLDERS];
    RIG_WAIT(rig_is_ready);
    for (int i = 0; i < FOLDERS; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        char *name = i == 0 && instead ? (char *)(uintptr_t)instead : names[i];
        what[i] =
            (UA_BrowseDescription){.nodeId = UA_NODEID_STRING(rig.space, name),
                                   .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
                                   .resultMask = UA_BROWSERESULTMASK_BROWSENAME};
    }
    world.done = false;
    opcua_browse_many(rig.session, what, FOLDERS, references_max, on_browsed, NULL, WAIT_MS);
    assert_false(world.done);
    RIG_WAIT(is_done);
}

static bool is_limited(void *arg)
{
    (void)arg;
    return world.bears_now == world.bears;
}

static void let_bear(uint32_t nodes)
{
    world.bears = nodes;
    RIG_WAIT(is_limited);
}

/* The server tells them in pieces, and does not keep as many pieces as there are nodes. */
static void all_references_of_all_nodes_are_told(void **state)
{
    (void)state;
    browse(NULL, 100000);
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.nodes, FOLDERS);
    assert_int_equal(world.bad, 0);
    assert_int_equal(world.references, FOLDERS * VARIABLES);
}

static void one_that_is_not_there_does_not_take_the_others_along(void **state)
{
    (void)state;
    browse("nowhere", 100000);
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.first, UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(world.bad, 1);
    assert_int_equal(world.references, (FOLDERS - 1) * VARIABLES);
}

static void more_than_are_wanted_are_too_many(void **state)
{
    (void)state;
    browse(NULL, FOLDERS * VARIABLES - 1);
    assert_int_equal(world.status, UA_STATUSCODE_BADRESPONSETOOLARGE);
    assert_true(world.references <= FOLDERS * VARIABLES);
    browse(NULL, FOLDERS * VARIABLES);
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
}

/* It says so when it is asked for more: BadTooManyOperations. */
static void a_server_that_bears_less_than_it_says_is_asked_for_less(void **state)
{
    (void)state;
    let_bear(3);
    browse(NULL, 100000);
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.references, FOLDERS * VARIABLES);
    let_bear(0);
}

/* Whatever else is asked with it. */
static UA_StatusCode refuse_the_first(const UA_DataType *type, const void *request)
{
    const UA_BrowseRequest *asked = request;
    UA_String first = UA_STRING("f0");
    for (size_t i = 0; ANSWERS_OF(type, BROWSE) && i < asked->nodesToBrowseSize; i++)
        if (UA_String_equal(&asked->nodesToBrowse[i].nodeId.identifier.string, &first))
            return UA_STATUSCODE_BADRESPONSETOOLARGE;
    return UA_STATUSCODE_GOOD;
}

static void one_that_is_too_much_alone_does_not_take_the_others_along(void **state)
{
    (void)state;
    answers_refuse = refuse_the_first;
    browse(NULL, 100000);
    answers_refuse = NULL;
    assert_int_equal(world.status, UA_STATUSCODE_GOOD);
    assert_int_equal(world.first, UA_STATUSCODE_BADRESPONSETOOLARGE);
    assert_int_equal(world.bad, 1);
    assert_int_equal(world.references, (FOLDERS - 1) * VARIABLES);
}

static void a_server_that_went_is_an_error_of_the_whole(void **state)
{
    (void)state;
    RIG_WAIT(rig_is_ready);
    opcua_server_close(&rig.server);
    browse(NULL, 100000);
    assert_true(UA_StatusCode_isBad(world.status));
    assert_int_equal(world.references, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_references_of_all_nodes_are_told),
        cmocka_unit_test(one_that_is_not_there_does_not_take_the_others_along),
        cmocka_unit_test(more_than_are_wanted_are_too_many),
        cmocka_unit_test(a_server_that_bears_less_than_it_says_is_asked_for_less),
        cmocka_unit_test(one_that_is_too_much_alone_does_not_take_the_others_along),
        cmocka_unit_test(a_server_that_went_is_an_error_of_the_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
