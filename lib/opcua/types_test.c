/* Types that a server describes: what is taken, and what is asked for again. */
#include "opcua/types.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "opcua/answers_rig.h"
#include "opcua/server_priv.h"
#include "opcua/session_rig.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define PATIENCE_MS 200
#define BITS 32 /* of the mask that says which fields are there */
#define FITS UA_NODEID_NUMERIC(1, 5001)
#define TOO_MANY UA_NODEID_NUMERIC(1, 5002)
#define OTHER UA_NODEID_NUMERIC(1, 5003)

static struct world {
    pthread_mutex_t held; /* who has it keeps the server from answering */
    atomic_bool waits;    /* the server does */
    UA_DataTypeMember members[BITS + 1];
    atomic_int refuses;   /* turns */
    atomic_bool refusing, asked;
    UA_DataType types[3];
    struct list all;
    struct opcua_types *known;
    const UA_DataType *told;
    bool answered;
} world = {.held = PTHREAD_MUTEX_INITIALIZER};

/* ---- a server with two structures of its own ---- */

static UA_DataType structure(const char *name, UA_NodeId id, size_t members)
{
    return (UA_DataType){.typeName = name,
                         .typeId = id,
                         .binaryEncodingId = UA_NODEID_NUMERIC(1, id.identifier.numeric + 100),
                         .memSize = (BITS + 1) * sizeof(void *),
                         .typeKind = UA_DATATYPEKIND_OPTSTRUCT & 63,
                         .membersSize = members & 255,
                         .members = world.members};
}

static void wait_while_held(void *arg)
{
    (void)arg;
    if (pthread_mutex_trylock(&world.held) != 0) {
        world.waits = true;
        pthread_mutex_lock(&world.held);
    }
    pthread_mutex_unlock(&world.held);
}

static bool waits(void *arg)
{
    (void)arg;
    return world.waits;
}

/* On the server's thread: it refuses to read as much as a type needs, some turns longer than it was
 * asked. */
static void refuse_for_a_while(void *arg)
{
    (void)arg;
    UA_ServerConfig *config = UA_Server_getConfig(opcua_server_stack(rig.server));
    config->maxNodesPerRead = world.refuses > 0 ? 2 : 0;
    world.refusing = world.refuses > 0;
    world.refuses -= world.refuses > 0 && world.asked;
}

static void open_server(int port)
{
    rig_open((struct opcua_server_config){.port = port});
    opcua_server_add_structures(rig.server, world.types, 3);
    opcua_server_every(rig.server, 10, wait_while_held, NULL);
    opcua_server_every(rig.server, 10, refuse_for_a_while, NULL);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i <= BITS; i++)
        world.members[i] = (UA_DataTypeMember){
            .memberName = "field", .memberType = &UA_TYPES[UA_TYPES_UINT32], .isOptional = true};
    world.types[0] = structure("Fits", FITS, BITS);
    world.types[1] = structure("TooMany", TOO_MANY, BITS + 1);
    world.types[2] = structure("Other", OTHER, 1);
    open_server(0);
    rig_start(0);
    list_init(&world.all);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    opcua_types_unref(&world.known);
    opcua_types_forget_all(&world.all);
    rig_close();
    return 0;
}

/* ---- asking ---- */

static void on_type(void *arg, const UA_DataType *type)
{
    (void)arg;
    world.told = type;
    world.answered = true;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return world.answered;
}

static const UA_DataType *load(UA_NodeId id, uint32_t timeout_ms)
{
    RIG_WAIT(rig_is_ready);
    if (world.known == NULL)
        world.known = opcua_types_get(&world.all, rig.session);
    world.answered = false;
    opcua_types_load(
        world.known, rig.session,
        &(struct opcua_types_question){.id = &id, .timeout_ms = timeout_ms, .fn = on_type});
    RIG_WAIT(is_answered);
    return world.told;
}

/* As with another connection: what was refused for now is asked for at once. */
static void connect_anew(void)
{
    opcua_types_unref(&world.known);
}

/* ---- tests ---- */

/* It has not said that it does not describe the type. */
static void a_server_that_did_not_answer_in_time_is_asked_again(void **state)
{
    (void)state;
    RIG_WAIT(rig_is_ready);
    pthread_mutex_lock(&world.held);
    RIG_WAIT(waits);
    const UA_DataType *type = load(FITS, PATIENCE_MS);
    pthread_mutex_unlock(&world.held);
    assert_null(type);
    assert_null(load(FITS, WAIT_MS)); /* not so soon */
    connect_anew();
    assert_non_null(load(FITS, WAIT_MS));
}

static bool is_refusing(void *arg)
{
    (void)arg;
    return world.refusing;
}

/* As when it has much to do: BadTooManyOperations. */
static void what_is_refused_for_now_is_asked_again_within_its_time(void **state)
{
    (void)state;
    RIG_WAIT(rig_is_ready);
    world.refuses = 20;
    RIG_WAIT(is_refusing);
    world.asked = true;
    assert_non_null(load(OTHER, WAIT_MS));
    UA_NodeId id = OTHER;
    assert_false(opcua_types_was_refused(world.known, &id));
}

/* BadNodeIdUnknown: nothing is asked twice. */
static void a_type_that_there_is_not_is_remembered_as_that(void **state)
{
    (void)state;
    UA_NodeId id = UA_NODEID_NUMERIC(1, 6000);
    assert_null(load(id, WAIT_MS));
    assert_false(opcua_types_was_refused(world.known, &id));
    world.answered = false;
    opcua_types_load(world.known, rig.session,
                     &(struct opcua_types_question){.id = &id, .timeout_ms = WAIT_MS, .fn = on_type});
    assert_true(world.answered);
}

static void no_more_fields_are_optional_than_a_mask_has_bits(void **state)
{
    (void)state;
    const UA_DataType *fits = load(FITS, WAIT_MS);
    assert_non_null(fits);
    assert_int_equal(fits->membersSize, BITS);
    assert_null(load(TOO_MANY, WAIT_MS));
}

/* A program that was changed: the same names, other members. */
static void a_server_that_began_anew_is_asked_anew(void **state)
{
    (void)state;
    const UA_DataType *before = load(FITS, WAIT_MS);
    assert_int_equal(before->membersSize, BITS);
    int port = rig_port();
    opcua_server_close(&rig.server);
    RIG_WAIT(rig_is_lost);
    opcua_types_unref(&world.known);
    world.types[0] = structure("Fits", FITS, 1);
    open_server(port);
    assert_int_equal(opcua_server_start(rig.server), OK);
    const UA_DataType *after = load(FITS, WAIT_MS);
    assert_non_null(after);
    assert_int_equal(after->membersSize, 1);
}

/* Cut and made again: who asked meanwhile is answered. */
static void a_type_asked_for_without_a_connection_waits_for_one(void **state)
{
    (void)state;
    load(FITS, WAIT_MS);
    opcua_sessions_reset(rig.thread);
    assert_false(rig_is_ready(NULL));
    UA_NodeId id = OTHER;
    world.answered = false;
    opcua_types_load(world.known, rig.session,
                     &(struct opcua_types_question){.id = &id, .timeout_ms = WAIT_MS, .fn = on_type});
    RIG_WAIT(is_answered);
    assert_non_null(world.told);
}

static void answer_nothing(const UA_DataType *type, const void *request, void *answer)
{
    const UA_ReadRequest *asked = request;
    UA_ReadResponse *r = answer;
    if (!ANSWERS_OF(type, READ) || asked->nodesToRead->attributeId != UA_ATTRIBUTEID_DATATYPEDEFINITION)
        return;
    UA_Array_delete(r->results, r->resultsSize, &UA_TYPES[UA_TYPES_DATAVALUE]);
    r->results = NULL;
    r->resultsSize = 0;
}

static void an_answer_without_results_says_nothing(void **state)
{
    (void)state;
    connect_anew();
    answers_change = answer_nothing;
    assert_null(load(UA_NODEID_NUMERIC(1, 5009), WAIT_MS));
    answers_change = NULL;
    UA_NodeId id = UA_NODEID_NUMERIC(1, 5009);
    assert_true(opcua_types_was_refused(world.known, &id)); /* and may be told another time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_did_not_answer_in_time_is_asked_again),
        cmocka_unit_test(what_is_refused_for_now_is_asked_again_within_its_time),
        cmocka_unit_test(a_type_that_there_is_not_is_remembered_as_that),
        cmocka_unit_test(no_more_fields_are_optional_than_a_mask_has_bits),
        cmocka_unit_test(a_server_that_began_anew_is_asked_anew),
        cmocka_unit_test(a_type_asked_for_without_a_connection_waits_for_one),
        cmocka_unit_test(an_answer_without_results_says_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
