#include "opcua/sampler.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/server.h"
#include "opcua/session_priv.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define RATE_MS 20
#define SEEN_MAX 2600

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    struct opcua_sampler *sampler;
    uint16_t space;
    int port;
    UA_Int32 reads; /* the server's */
    UA_Int32 last[SEEN_MAX];
    UA_StatusCode status[SEEN_MAX], told[SEEN_MAX];
    uint64_t values[SEEN_MAX], wanted;
    uint32_t watched;
    unsigned overflows;
    bool refuse;
};

static void count_reads(void *arg, UA_DataValue *out)
{
    struct world *w = arg;
    w->reads++;
    UA_Variant_setScalarCopy(&out->value, &w->reads, &UA_TYPES[UA_TYPES_INT32]);
    out->hasValue = true;
}

static void start_server(struct world *w)
{
    struct opcua_server_config config = {.host = "127.0.0.1", .port = w->port};
    assert_int_equal(opcua_server_open(&config, &w->server), OK);
    w->space = opcua_server_namespace(w->server, "urn:test");
    opcua_server_add_source(w->server, (struct opcua_place){0},
                            (struct opcua_place){w->space, "Reads"}, "Reads",
                            &UA_TYPES[UA_TYPES_INT32], count_reads, w);
    UA_Int32 seven = 7;
    opcua_server_add_variable(w->server, (struct opcua_place){0},
                              (struct opcua_place){w->space, "Still"}, "Still", &seven,
                              &UA_TYPES[UA_TYPES_INT32], false);
    assert_int_equal(opcua_server_start(w->server), OK);
    w->port = atoi(strrchr(opcua_server_url(w->server), ':') + 1);
}

static bool on_data(void *arg, const UA_MonitoredItemNotification *items, size_t count)
{
    struct world *w = arg;
    if (w->refuse)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = items[i].clientHandle;
        const UA_DataValue *v = &items[i].value;
        w->values[at]++;
        w->status[at] = v->hasStatus ? v->status : UA_STATUSCODE_GOOD;
        w->overflows += (w->status[at] & UA_STATUSCODE_INFOBITS_OVERFLOW) != 0;
        if (v->hasValue)
            w->last[at] = *(UA_Int32 *)v->value.data;
    }
    return true;
}

static void on_item(void *arg, uint32_t index, UA_StatusCode status)
{
    ((struct world *)arg)->told[index] = status;
}

static const struct opcua_sampler_events events = {.on_data = on_data, .on_item = on_item};

static struct world *world_new(void)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){.loop = w->loop, .lease_ms = 1});
    start_server(w);
    char url[64];
    snprintf(url, sizeof url, "opc.tcp://127.0.0.1:%d", w->port);
    w->session =
        opcua_session_get(w->thread, &(struct opcua_connection){.endpoint_url = slice_of(url)});
    w->sampler = opcua_sampler_new(&(struct opcua_sampler_config){
        .session = w->session, .rate_ms = RATE_MS, .events = &events, .arg = w});
    memset(w->told, 0xff, sizeof w->told);
    return w;
}

static void world_free(struct world *w)
{
    opcua_sampler_free(&w->sampler);
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    opcua_server_close(&w->server);
    loop_free(&w->loop);
    free(w);
}

static uint32_t add(struct world *w, const char *node, bool registered)
{
    return opcua_sampler_add(w->sampler,
                             &(struct opcua_item){.node = slice_of(node), .registered = registered});
}

static bool has_values(void *arg)
{
    struct world *w = arg;
    return w->values[w->watched] >= w->wanted && w->status[w->watched] == UA_STATUSCODE_GOOD;
}

static bool is_unconnected(void *arg)
{
    struct world *w = arg;
    return w->status[w->watched] == UA_STATUSCODE_BADNOTCONNECTED;
}

static bool has_missed(void *arg)
{
    return opcua_sampler_counts(((struct world *)arg)->sampler).missed >= 3;
}

static bool has_overflowed(void *arg)
{
    return ((struct world *)arg)->overflows > 0;
}

static void want(struct world *w, uint32_t index, uint64_t more)
{
    w->watched = index;
    w->wanted = w->values[index] + more;
    assert_true(loop_run_until(w->loop, has_values, w, WAIT_MS));
}

/* Also what does not change, and what has a short id. */
static void values_come_in_every_cycle(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint32_t still = add(w, "nsu=urn:test;s=Still", true),
             reads = add(w, "nsu=urn:test;s=Reads", false);
    want(w, still, 5);
    want(w, reads, 5);
    assert_int_equal(w->last[still], 7);
    assert_int_equal(w->told[still], UA_STATUSCODE_GOOD);
    assert_true(w->last[reads] >= 5);
    struct opcua_sampler_counts c = opcua_sampler_counts(w->sampler);
    assert_int_equal(c.live, 2);
    assert_true(c.cycles >= 5);
    world_free(w);
}

static void a_node_that_is_not_there_has_its_reason(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint32_t nobody = add(w, "nsu=urn:test;s=Nobody", false),
             nowhere = add(w, "nsu=urn:nowhere;s=x", false),
             still = add(w, "nsu=urn:test;s=Still", false);
    want(w, still, 3);
    assert_int_equal(w->status[nobody], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->told[nobody], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->status[nowhere], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(opcua_sampler_counts(w->sampler).failed, 2);
    world_free(w);
}

static void without_a_session_nodes_say_so(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint32_t still = add(w, "nsu=urn:test;s=Still", true);
    want(w, still, 2);
    opcua_server_close(&w->server);
    assert_true(loop_run_until(w->loop, is_unconnected, w, WAIT_MS));
    start_server(w);
    want(w, still, 3);
    assert_int_equal(w->last[still], 7);
    world_free(w);
}

/* No room: the values are lost, counted, and the next ones say so. */
static void a_missed_cycle_sets_the_overflow_bit(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint32_t still = add(w, "nsu=urn:test;s=Still", false);
    want(w, still, 2);
    w->refuse = true;
    assert_true(loop_run_until(w->loop, has_missed, w, WAIT_MS));
    w->refuse = false;
    assert_true(loop_run_until(w->loop, has_overflowed, w, WAIT_MS));
    want(w, still, 3);
    world_free(w);
}

/* One cycle is as many reads as the server's limit asks for. */
static void many_nodes_are_several_reads(void **state)
{
    (void)state;
    struct world *w = world_new();
    uint32_t first = add(w, "nsu=urn:test;s=Still", false), last = first;
    want(w, first, 1);
    w->session->limits.nodes_per_read = 100;
    for (int i = 0; i < 950; i++)
        last = add(w, "nsu=urn:test;s=Still", false);
    want(w, last, 3);
    want(w, first, 3);
    for (uint32_t i = 1; i <= last; i++)
        opcua_sampler_remove(w->sampler, i);
    assert_int_equal(opcua_sampler_counts(w->sampler).items, 1);
    want(w, first, 3);
    memset(w->values, 0, sizeof w->values);
    want(w, first, 3);
    assert_int_equal(w->values[last], 0);
    assert_true(add(w, "nsu=urn:test;s=Still", false) <= last);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_in_every_cycle),
        cmocka_unit_test(a_node_that_is_not_there_has_its_reason),
        cmocka_unit_test(without_a_session_nodes_say_so),
        cmocka_unit_test(a_missed_cycle_sets_the_overflow_bit),
        cmocka_unit_test(many_nodes_are_several_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
