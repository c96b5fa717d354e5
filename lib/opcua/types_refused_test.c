/* What a server did not tell for now: asked for again later, and later each time. */
#include "opcua/types_priv.h"

#include "io/sim.h"

#include "base/cmocka.h"

static struct sim *sim;
static struct opcua_types types;

static int begin(void **state)
{
    (void)state;
    sim = sim_new(1);
    types = (struct opcua_types){.loop = sim_loop_new(sim, "here")};
    list_init(&types.types);
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (types.refused_count > 0)
        UA_NodeId_clear(&types.refused[--types.refused_count].id);
    sim_free(&sim);
    return 0;
}

static UA_NodeId id_of(uint32_t n)
{
    return UA_NODEID_NUMERIC(2, n);
}

static bool may_ask(uint32_t n)
{
    UA_NodeId id = id_of(n);
    return opcua_types_may_ask(&types, &id);
}

static void refuse(uint32_t n)
{
    UA_NodeId id = id_of(n);
    assert_true(may_ask(n));
    opcua_types_asks(&types, &id);
    opcua_types_refused(&types, &id);
}

static void pass(uint64_t ms)
{
    sim_run(sim, sim_now_ms(sim) + ms);
}

static void each_time_it_waits_longer_up_to_a_bound(void **state)
{
    (void)state;
    for (uint64_t ms = OPCUA_TYPES_AGAIN_MS; ms < OPCUA_TYPES_AGAIN_MS_MAX; ms *= 2) {
        refuse(1);
        pass(ms - 1);
        assert_false(may_ask(1));
        pass(1);
    }
    for (int i = 0; i < 100; i++) {
        refuse(1);
        pass(OPCUA_TYPES_AGAIN_MS_MAX);
    }
    assert_true(may_ask(1));
}

static void others_are_asked_for_meanwhile(void **state)
{
    (void)state;
    refuse(1);
    assert_true(may_ask(2));
    assert_false(may_ask(1));
}

static void what_was_told_begins_anew(void **state)
{
    (void)state;
    UA_NodeId id = id_of(1);
    refuse(1);
    assert_true(opcua_types_was_refused(&types, &id));
    pass(OPCUA_TYPES_AGAIN_MS);
    refuse(1);
    opcua_types_took(&types, &id);
    assert_false(opcua_types_was_refused(&types, &id));
    refuse(1);
    pass(OPCUA_TYPES_AGAIN_MS);
    assert_true(may_ask(1));
}

/* Two may want the same: while one asks, the other does not. */
static void it_is_asked_for_once_at_a_time(void **state)
{
    (void)state;
    UA_NodeId id = id_of(1);
    refuse(1);
    pass(OPCUA_TYPES_AGAIN_MS);
    opcua_types_asks(&types, &id);
    assert_false(may_ask(1));
    opcua_types_asked_in_vain(&types, &id);
    assert_true(may_ask(1));
}

/* A server with ever new types that it never tells is asked for few of them. */
static void no_more_are_asked_for_than_there_is_room_for_refusals(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < OPCUA_TYPES_REFUSED_MAX; n++)
        refuse(n);
    assert_false(may_ask(OPCUA_TYPES_REFUSED_MAX));
    pass(OPCUA_TYPES_AGAIN_MS);
    refuse(OPCUA_TYPES_REFUSED_MAX);
    assert_int_equal(types.refused_count, OPCUA_TYPES_REFUSED_MAX);
}

/* The text of an id is what a peer likes. */
static void ids_are_not_longer_than_there_is_room_for(void **state)
{
    (void)state;
    static UA_Byte text[OPCUA_TYPES_ID_BYTES_MAX + 1];
    UA_NodeId id = {.namespaceIndex = 2, .identifierType = UA_NODEIDTYPE_STRING, .identifier.string = {sizeof text, text}};
    assert_false(opcua_types_may_ask(&types, &id));
    assert_null(opcua_own_type_new(&types, &id));
    id.identifier.string.length--;
    assert_true(opcua_types_may_ask(&types, &id));
    struct opcua_own_type *o = opcua_own_type_new(&types, &id);
    assert_non_null(o);
    opcua_own_type_free(&types, o);
}

static void dictionaries_wait_as_types_do(void **state)
{
    (void)state;
    assert_true(opcua_types_may_ask_dictionaries(&types));
    opcua_types_refused_dictionaries(&types);
    assert_false(opcua_types_may_ask_dictionaries(&types));
    pass(OPCUA_TYPES_AGAIN_MS);
    assert_true(opcua_types_may_ask_dictionaries(&types));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_time_it_waits_longer_up_to_a_bound),
        TEST(others_are_asked_for_meanwhile),
        TEST(what_was_told_begins_anew),
        TEST(it_is_asked_for_once_at_a_time),
        TEST(no_more_are_asked_for_than_there_is_room_for_refusals),
        TEST(ids_are_not_longer_than_there_is_room_for),
        TEST(dictionaries_wait_as_types_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
