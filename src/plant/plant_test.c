#include "plant/plant.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/subscription.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct plant *plant;
    struct opcua_session *session;
    struct buffer why;
    int answers;
    UA_StatusCode status;
    UA_DataValue value;
};

static bool is_answered(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct world *w = arg;
    UA_ReadResponse *r = response;
    w->answers++;
    w->status = status;
    UA_DataValue_clear(&w->value);
    if (r && r->resultsSize == 1) {
        w->value = r->results[0];
        UA_DataValue_init(&r->results[0]);
    }
}

static const UA_DataValue *read_node(struct world *w, const char *node)
{
    UA_ReadValueId id = {.attributeId = UA_ATTRIBUTEID_VALUE};
    const struct opcua_namespaces names = {
        .uris = (UA_String[]){UA_STRING(""), UA_STRING(""), UA_STRING(PLANT_NAMESPACE)},
        .count = 3};
    assert_int_equal(opcua_node_id_parse(slice_of(node), &names, &id.nodeId, NULL), OK);
    UA_ReadRequest request = {
        .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH, .nodesToReadSize = 1, .nodesToRead = &id};
    w->answers = 0;
    OPCUA_CALL(w->session, OPCUA_CALL_WHEN_READY, READ, &request, on_read, w, WAIT_MS);
    UA_ReadValueId_clear(&id);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_equal(w->status, UA_STATUSCODE_GOOD);
    return &w->value;
}

static UA_UInt32 read_u32(struct world *w, const char *node)
{
    const UA_DataValue *v = read_node(w, node);
    assert_true(UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_UINT32]));
    return *(UA_UInt32 *)v->value.data;
}

static void on_called(void *arg, UA_StatusCode status, void *response)
{
    struct world *w = arg;
    UA_CallResponse *r = response;
    w->answers++;
    w->status = r && r->resultsSize == 1 ? r->results[0].statusCode : status;
}

static void call(struct world *w, const char *method)
{
    UA_CallMethodRequest one = {.objectId = UA_NODEID_STRING(2, "Methods"),
                                .methodId = UA_NODEID_STRING(2, (char *)(uintptr_t)method)};
    UA_CallRequest request = {.methodsToCallSize = 1, .methodsToCall = &one};
    w->answers = 0;
    OPCUA_CALL(w->session, OPCUA_CALL_WHEN_READY, CALL, &request, on_called, w, WAIT_MS);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_equal(w->status, UA_STATUSCODE_GOOD);
}

static int set_up(void **state)
{
    struct world *w = MEMORY_NEW(struct world);
    struct plant_config config = {.server = {.host = "127.0.0.1"},
                                  .fast_nodes = 2,
                                  .fast_ms = 20,
                                  .slow_nodes = 1,
                                  .slow_ms = 1000,
                                  .load_nodes = 10,
                                  .load_ms = 40,
                                  .event_ms = 50};
    assert_int_equal(plant_start(&config, &w->plant), OK);
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){.loop = w->loop});
    w->session = opcua_session_get(
        w->thread, &(struct opcua_connection){.endpoint_url = slice_of(plant_url(w->plant))});
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    plant_stop(&w->plant);
    loop_free(&w->loop);
    UA_DataValue_clear(&w->value);
    free(w);
    return 0;
}

static void it_has_the_names_of_opc_plc(void **state)
{
    static const char *names[] = {"StepUp",
                                  "AlternatingBoolean",
                                  "RandomSignedInt32",
                                  "RandomUnsignedInt32",
                                  "SpikeData",
                                  "DipData",
                                  "PositiveTrendData",
                                  "NegativeTrendData",
                                  "FastUInt1",
                                  "FastUInt2",
                                  "SlowUInt1",
                                  "BadFastUInt1",
                                  "WritableInt32",
                                  "Load1",
                                  "Load10"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char node[128];
        snprintf(node, sizeof node, "nsu=%s;s=%s", PLANT_NAMESPACE, names[i]);
        assert_true(read_node(*state, node)->hasSourceTimestamp);
    }
}

static void its_values_change_by_themselves(void **state)
{
    UA_UInt32 first = read_u32(*state, "ns=2;s=FastUInt1");
    while (read_u32(*state, "ns=2;s=FastUInt1") == first)
        ;
}

static void methods_stop_and_reset(void **state)
{
    call(*state, "StopStepUp");
    UA_UInt32 stopped = read_u32(*state, "ns=2;s=StepUp");
    UA_UInt32 fast = read_u32(*state, "ns=2;s=FastUInt1");
    while (read_u32(*state, "ns=2;s=FastUInt1") < fast + 10) /* two cycles go by */
        ;
    assert_int_equal(read_u32(*state, "ns=2;s=StepUp"), stopped);
    call(*state, "ResetStepUp");
    call(*state, "StartStepUp");
    while (read_u32(*state, "ns=2;s=StepUp") == stopped)
        ;
}

static void a_load_counter_counts_when_it_is_watched(void **state)
{
    UA_UInt32 first = read_u32(*state, "ns=2;s=Load3"), next;
    while ((next = read_u32(*state, "ns=2;s=Load3")) == first)
        ;
    assert_int_equal(next, first + 1);
}

static bool on_data(void *arg, const UA_MonitoredItemNotification *items, size_t count)
{
    struct world *w = arg;
    (void)items;
    w->answers += (int)count;
    return true;
}

static void load_counter(void *arg, uint32_t index, struct opcua_item *out)
{
    (void)arg, (void)index;
    *out = (struct opcua_item){.node = SLICE("ns=2;s=Load5"), .sampling_ms = 0, .queue_size = 10};
}

static bool has_counted(void *arg)
{
    return ((struct world *)arg)->answers >= 5;
}

static void a_load_counter_counts_when_it_is_watched_as_fast_as_can_be(void **state)
{
    static const struct opcua_subscription_events events = {.item = load_counter,
                                                            .on_data = on_data};
    struct world *w = *state;
    struct opcua_subscription *s = opcua_subscription_new(&(struct opcua_subscription_config){
        .session = w->session, .publishing_ms = 20, .events = &events, .arg = w});
    w->answers = 0;
    assert_int_equal(opcua_subscription_add(s, 1, NULL), OK);
    assert_true(loop_run_until(w->loop, has_counted, w, WAIT_MS));
    opcua_subscription_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_the_names_of_opc_plc),
        cmocka_unit_test(its_values_change_by_themselves),
        cmocka_unit_test(methods_stop_and_reset),
        cmocka_unit_test(a_load_counter_counts_when_it_is_watched),
        cmocka_unit_test(a_load_counter_counts_when_it_is_watched_as_fast_as_can_be),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
