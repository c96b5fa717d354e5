#include "writers/heartbeat.h"

#include <stdlib.h>

#include "base/memory.h"
#include "io/sim.h"
#include "published/config.h"

#include "base/cmocka.h"

#define INTERVAL_MS 1000
#define MS 10000 /* in the stack's ticks */

struct world {
    struct sim *sim;
    struct loop *loop;
    struct heartbeat *heartbeat;
    int beats, counted;
    UA_Int32 value; /* of the last beat; -1: none */
    UA_StatusCode status;
    UA_DateTime time;
};

static void on_beat(void *arg, const UA_DataValue *v)
{
    struct world *w = arg;
    w->counted++;
    if (!v)
        return;
    w->beats++;
    w->value = v->hasValue ? *(UA_Int32 *)v->value.data : -1;
    w->status = v->hasStatus ? v->status : UA_STATUSCODE_GOOD;
    w->time = v->sourceTimestamp;
}

static struct world *world_new(int behavior)
{
    struct world *w = MEMORY_NEW(struct world);
    w->sim = sim_new(1);
    w->loop = sim_loop_new(w->sim, "site");
    w->heartbeat = heartbeat_new(w->loop, on_beat, w);
    heartbeat_set(w->heartbeat, INTERVAL_MS, behavior);
    return w;
}

static struct world *world_live(int behavior)
{
    struct world *w = world_new(behavior);
    heartbeat_item(w->heartbeat, UA_STATUSCODE_GOOD);
    return w;
}

static void world_free(struct world *w)
{
    heartbeat_free(&w->heartbeat);
    sim_free(&w->sim);
    free(w);
}

static void pass(struct world *w, uint64_t ms)
{
    sim_run(w->sim, sim_now_ms(w->sim) + ms);
}

static bool give(struct world *w, UA_Int32 value, UA_StatusCode status)
{
    UA_DataValue v = {.hasValue = true,
                      .hasStatus = true,
                      .status = status,
                      .hasSourceTimestamp = true,
                      .sourceTimestamp = 5};
    UA_Variant_setScalar(&v.value, &value, &UA_TYPES[UA_TYPES_INT32]);
    return heartbeat_value(w->heartbeat, &v);
}

static void a_watchdog_barks_when_nothing_comes(void **state)
{
    (void)state;
    struct world *w = world_live(0);
    pass(w, 5500);
    assert_int_equal(w->beats, 0); /* there is no value yet */
    for (int i = 0; i < 5; i++) {
        assert_true(give(w, i, UA_STATUSCODE_GOOD));
        pass(w, 600);
    }
    assert_int_equal(w->beats, 0);
    pass(w, 2500);
    assert_int_equal(w->beats, 3);
    assert_int_equal(w->value, 4);
    assert_int_equal(w->time, 5);
    world_free(w);
}

static void a_periodic_one_never_waits(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_PERIODIC);
    for (int i = 0; i < 10; i++) {
        assert_true(give(w, i, UA_STATUSCODE_GOOD));
        pass(w, 600);
    }
    assert_in_range(w->beats, 5, 6);
    world_free(w);
}

static void nothing_beats_before_the_server_has_the_node(void **state)
{
    (void)state;
    struct world *w = world_new(HEARTBEAT_PERIODIC);
    give(w, 1, UA_STATUSCODE_GOOD);
    pass(w, 5000);
    assert_int_equal(w->beats, 0);
    heartbeat_item(w->heartbeat, UA_STATUSCODE_GOOD);
    pass(w, 1100);
    assert_int_equal(w->beats, 1);
    world_free(w);
}

/* A node that cannot be watched beats with the reason; the last good value of nothing does not. */
static void a_refused_node_beats_with_its_reason(void **state)
{
    (void)state;
    struct world *w = world_new(0);
    heartbeat_item(w->heartbeat, UA_STATUSCODE_BADNODEIDUNKNOWN);
    pass(w, 1100);
    assert_int_equal(w->beats, 1);
    assert_int_equal(w->status, UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->value, -1);
    world_free(w);
    w = world_live(HEARTBEAT_LKG);
    give(w, 1, UA_STATUSCODE_GOOD);
    heartbeat_item(w->heartbeat, UA_STATUSCODE_BADNODEIDUNKNOWN);
    pass(w, 5000);
    assert_int_equal(w->beats, 0);
    heartbeat_item(w->heartbeat, UA_STATUSCODE_GOOD);
    pass(w, 1100);
    assert_int_equal(w->beats, 1);
    world_free(w);
}

static void the_last_known_good_value_is_no_bad_one(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_LKG);
    give(w, 1, UA_STATUSCODE_GOOD);
    give(w, 2, UA_STATUSCODE_UNCERTAININITIALVALUE);
    give(w, 3, UA_STATUSCODE_BADSENSORFAILURE);
    pass(w, 1100);
    assert_int_equal(w->value, 2);
    world_free(w);
    w = world_live(0);
    give(w, 3, UA_STATUSCODE_BADSENSORFAILURE);
    pass(w, 1100);
    assert_int_equal(w->status, UA_STATUSCODE_BADSENSORFAILURE);
    world_free(w);
}

static void without_a_connection_the_value_is_uncertain(void **state)
{
    (void)state;
    struct world *w = world_live(0);
    give(w, 1, UA_STATUSCODE_GOOD);
    heartbeat_connected(w->heartbeat, false);
    pass(w, 1100);
    assert_int_equal(w->status, UA_STATUSCODE_UNCERTAINNOCOMMUNICATIONLASTUSABLEVALUE);
    heartbeat_connected(w->heartbeat, true);
    pass(w, 1000);
    assert_int_equal(w->status, UA_STATUSCODE_GOOD);
    give(w, 1, UA_STATUSCODE_BADSENSORFAILURE);
    heartbeat_connected(w->heartbeat, false);
    pass(w, 1100);
    assert_int_equal(w->status, UA_STATUSCODE_BADNOCOMMUNICATION);
    world_free(w);
}

static void times_move_on(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_TIMESTAMPS);
    give(w, 1, UA_STATUSCODE_GOOD);
    pass(w, 2000);
    assert_int_equal(w->beats, 2);
    assert_int_equal(w->time, 5 + 2000 * MS);
    world_free(w);
}

/* There is no time behind the last one. */
static void a_clock_at_its_end_stays_there(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_TIMESTAMPS);
    UA_Int32 one = 1;
    UA_DataValue v = {.hasValue = true, .hasSourceTimestamp = true, .sourceTimestamp = INT64_MAX - 1};
    UA_Variant_setScalar(&v.value, &one, &UA_TYPES[UA_TYPES_INT32]);
    heartbeat_value(w->heartbeat, &v);
    pass(w, 2000);
    assert_int_equal(w->beats, 2);
    assert_true(w->time == INT64_MAX);
    world_free(w);
}

static void some_are_only_counted(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_DIAGNOSTICS);
    assert_true(give(w, 1, UA_STATUSCODE_GOOD));
    pass(w, 2100);
    assert_int_equal(w->beats, 0);
    assert_int_equal(w->counted, 2);
    world_free(w);
}

static void values_are_dropped_for_heartbeats_alone(void **state)
{
    (void)state;
    struct world *w = world_live(HEARTBEAT_PERIODIC | HEARTBEAT_DROP_VALUES);
    assert_false(give(w, 1, UA_STATUSCODE_GOOD));
    pass(w, 1100);
    assert_int_equal(w->beats, 1);
    world_free(w);
}

/* The value stays, and what is under way is the new interval's. */
static void another_interval_keeps_the_value(void **state)
{
    (void)state;
    struct world *w = world_live(0);
    give(w, 7, UA_STATUSCODE_GOOD);
    heartbeat_set(w->heartbeat, 100, HEARTBEAT_PERIODIC);
    pass(w, 350);
    assert_int_equal(w->beats, 3);
    assert_int_equal(w->value, 7);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watchdog_barks_when_nothing_comes),
        cmocka_unit_test(a_periodic_one_never_waits),
        cmocka_unit_test(nothing_beats_before_the_server_has_the_node),
        cmocka_unit_test(a_refused_node_beats_with_its_reason),
        cmocka_unit_test(the_last_known_good_value_is_no_bad_one),
        cmocka_unit_test(without_a_connection_the_value_is_uncertain),
        cmocka_unit_test(times_move_on),
        cmocka_unit_test(a_clock_at_its_end_stays_there),
        cmocka_unit_test(some_are_only_counted),
        cmocka_unit_test(values_are_dropped_for_heartbeats_alone),
        cmocka_unit_test(another_interval_keeps_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
