/* A server that describes more types in each other than there may be. */
#include "opcua/types_priv.h"

#include <stdlib.h>

#include "opcua/session_rig.h"

#include "base/cmocka.h"

#define WAIT_MS 60000
#define CHAIN (OPCUA_TYPES_MAX + 100) /* each of them has the next one */
#define FIRST_ARRAY 10000             /* another chain, of arrays */
#define WIDE 20000                    /* the names of its fields are long, */
#define WIDE_FIELDS 200               /* and those of the others like it, */
#define WIDE_TYPES 60                 /* which the first one has */
#define NAME_BYTES 600

static struct world {
    UA_DataType types[2 * CHAIN + WIDE_TYPES];
    UA_DataTypeMember members[2 * CHAIN], wide[WIDE_FIELDS], all[WIDE_TYPES];
    size_t type_count, member_count;
    char long_name[NAME_BYTES + 1];
    struct opcua_types *known;
    const UA_DataType *told;
    bool answered;
} world;

/* ---- a server ---- */

static UA_DataType *add_type(uint32_t id, UA_DataTypeMember *members, size_t count)
{
    UA_DataType *t = &world.types[world.type_count++];
    *t = (UA_DataType){.typeName = "T",
                       .typeId = UA_NODEID_NUMERIC(1, id),
                       .binaryEncodingId = UA_NODEID_NUMERIC(1, id + 100000),
                       .memSize = 8,
                       .typeKind = UA_DATATYPEKIND_STRUCTURE,
                       .membersSize = count & 255,
                       .members = members};
    return t;
}

static void add_chain(uint32_t first, bool arrays)
{
    const UA_DataType *inner = &UA_TYPES[UA_TYPES_UINT32];
    for (uint32_t i = CHAIN; i-- > 0;) {
        UA_DataTypeMember *m = &world.members[world.member_count++];
        *m = (UA_DataTypeMember){.memberName = "next", .memberType = inner, .isArray = arrays};
        inner = add_type(first + i, m, 1);
    }
}

static void add_wide(void)
{
    memset(world.long_name, 'n', NAME_BYTES);
    for (size_t i = 0; i < WIDE_FIELDS; i++)
        world.wide[i] = (UA_DataTypeMember){.memberName = world.long_name,
                                            .memberType = &UA_TYPES[UA_TYPES_BYTE]};
    for (uint32_t i = 1; i < WIDE_TYPES; i++)
        world.all[i] = (UA_DataTypeMember){
            .memberName = "w", .memberType = add_type(WIDE + i, world.wide, WIDE_FIELDS)};
    add_type(WIDE, world.all + 1, WIDE_TYPES - 1);
}

static int setup(void **state)
{
    (void)state;
    rig_open((struct opcua_server_config){0});
    add_chain(1, false);
    add_chain(FIRST_ARRAY, true);
    add_wide();
    opcua_server_add_structures(rig.server, world.types, world.type_count);
    rig_start(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
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

static struct list all;

static int begin(void **state)
{
    (void)state;
    list_init(&all);
    RIG_WAIT(rig_is_ready);
    world.known = opcua_types_get(&all, rig.session);
    return 0;
}

static int end(void **state)
{
    (void)state;
    opcua_types_unref(&world.known);
    opcua_types_forget_all(&all);
    return 0;
}

static const UA_DataType *load(uint32_t n)
{
    UA_NodeId id = UA_NODEID_NUMERIC(1, n);
    world.answered = false;
    opcua_types_load(
        world.known, rig.session,
        &(struct opcua_types_question){.id = &id, .timeout_ms = WAIT_MS, .fn = on_type});
    RIG_WAIT(is_answered);
    return world.told;
}

static bool was_refused(uint32_t n)
{
    UA_NodeId id = UA_NODEID_NUMERIC(1, n);
    return opcua_types_was_refused(world.known, &id);
}

/* ---- tests ---- */

/* The first that is one too many ends it; what the server said of the others is kept. */
static void a_chain_without_an_end_ends(void **state)
{
    (void)state;
    assert_null(load(FIRST_ARRAY));
    assert_int_equal(world.known->count, OPCUA_TYPES_MAX);
    assert_false(was_refused(FIRST_ARRAY)); /* it will not be another time */
    assert_null(load(1));                   /* there is no room left */
    assert_int_equal(world.known->count, OPCUA_TYPES_MAX);
}

/* By arrays, the values decide how deep it goes. */
static void a_long_chain_of_arrays_is_read(void **state)
{
    (void)state;
    assert_non_null(load(FIRST_ARRAY + CHAIN - 900));
    assert_int_equal(world.known->count, 900);
}

static void structures_in_place_are_read_up_to_a_depth(void **state)
{
    (void)state;
    assert_null(load(1 + CHAIN - OPCUA_TYPES_NESTED_MAX - 1));
    const UA_DataType *deepest = load(1 + CHAIN - OPCUA_TYPES_NESTED_MAX); /* it was inside */
    assert_non_null(deepest);
    assert_int_equal(deepest->memSize, sizeof(UA_UInt32));
}

static void names_are_not_longer_than_there_is_room_for(void **state)
{
    (void)state;
    assert_null(load(WIDE));
    assert_true(world.known->bytes <= OPCUA_TYPES_BYTES_MAX);
    assert_true(world.known->bytes > OPCUA_TYPES_BYTES_MAX / 2);
    assert_non_null(load(WIDE + 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_chain_without_an_end_ends),
        TEST(a_long_chain_of_arrays_is_read),
        TEST(structures_in_place_are_read_up_to_a_depth),
        TEST(names_are_not_longer_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
