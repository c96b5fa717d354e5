/* Calls that are on their way to the OPC UA thread, or back from there, when all of it ends: nothing is left of them,
 * which the sanitizers see. */
#include "publisher/publisher_rig.h"

#define CALLS (sizeof calls / sizeof *calls)

static const struct {
    const char *method, *payload;
} calls[] = {
    {"GetDiagnosticInfo", "{}"},
    {"GetAllWriterGroupStates", "{}"},
    {"GetActiveConnections", "{}"},
    {"GetConnectionDiagnostics", "{}"},
    {"GetChannelDiagnostics", "{}"},
    {"SendWriterGroupKeyFrame", "{\"writerGroup\":\"g\"}"},
    {"SendDataSetWriterKeyFrame", "{\"writerGroup\":\"g\",\"dataSetWriter\":\"w\"}"},
    {"ExpandWriter", "{\"entry\":{\"EndpointUrl\":\"opc.tcp://127.0.0.1:1\",\"OpcNodes\":[{\"Id\":\"i=85\"}]}}"},
};

static size_t answered;

static void on_answer(void *arg, int status, struct slice json)
{
    (void)arg, (void)status, (void)json;
    answered++;
}

static void ask_all(void)
{
    answered = 0;
    for (size_t i = 0; i < CALLS; i++)
        module_invoke(world.module, "test", slice_of(calls[i].method), slice_of(calls[i].payload), 0,
                      on_answer, NULL);
}

static void begin(void)
{
    start("[{\"EndpointUrl\": \"%s\", \"DataSetWriterGroup\": \"g\", \"DataSetWriterId\": \"w\", \"OpcNodes\": " TWO_NODES
          "}]");
    want_more(5);
}

static void calls_that_come_when_it_has_stopped(void **state)
{
    (void)state;
    begin();
    stop_publisher();
    ask_all();
}

static void calls_that_are_under_way_when_it_stops(void **state)
{
    (void)state;
    begin();
    ask_all();
    stop_publisher();
    ask_all();
}

static void calls_of_which_nobody_hears_again(void **state)
{
    (void)state;
    own_thread = true;
    begin();
    own_thread = false;
    stop_publisher();
    ask_all(); /* the other thread is quicker than this one, which ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calls_that_come_when_it_has_stopped, stop),
        cmocka_unit_test_teardown(calls_that_are_under_way_when_it_stops, stop),
        cmocka_unit_test_teardown(calls_of_which_nobody_hears_again, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
