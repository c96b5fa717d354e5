/* Two servers that stand in for each other. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/server.h"
#include "opcua/subscription.h"

#include "base/cmocka.h"

#define WAIT_MS 60000

static const char *const uris[2] = {"urn:test:a", "urn:test:b"};

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *servers[2];
    _Atomic uint8_t levels[2];
    struct opcua_session *session;
    struct opcua_subscription *subscription;
    UA_Int32 last; /* 100 from a, 200 from b */
    UA_Int32 wanted;
    bool registered;
    int gaps;
};

static bool on_data(void *arg, const UA_MonitoredItemNotification *items, size_t count)
{
    struct world *w = arg;
    w->last = *(UA_Int32 *)items[count - 1].value.value.data;
    return true;
}

static void on_gap(void *arg, uint32_t first, uint32_t count)
{
    (void)first, (void)count;
    ((struct world *)arg)->gaps++;
}

static void item(void *arg, uint32_t index, struct opcua_item *out)
{
    (void)arg, (void)index;
    out->node = SLICE("nsu=urn:test;s=Who");
}

static const struct opcua_subscription_events events = {
    .item = item, .on_data = on_data, .on_gap = on_gap};

static void start_server(struct world *w, int i)
{
    struct opcua_server_config config = {
        .host = "127.0.0.1", .application_uri = uris[i], .discovery = true};
    assert_int_equal(opcua_server_open(&config, &w->servers[i]), OK);
    uint16_t space = opcua_server_namespace(w->servers[i], "urn:test");
    UA_Int32 value = 100 * (i + 1);
    opcua_server_add_variable(w->servers[i], (struct opcua_place){0},
                              (struct opcua_place){space, "Who"}, "Who", &value,
                              &UA_TYPES[UA_TYPES_INT32], false);
    w->levels[i] = 255;
    opcua_server_redundant(w->servers[i], uris, 2, &w->levels[i]);
    assert_int_equal(opcua_server_start(w->servers[i]), OK);
}

static void on_registered(void *arg, UA_StatusCode status, void *response)
{
    (void)response;
    assert_int_equal(status, UA_STATUSCODE_GOOD);
    ((struct world *)arg)->registered = true;
}

static bool is_registered(void *arg)
{
    return ((struct world *)arg)->registered;
}

/* As `i` does it with the other one, whose FindServers then knows it. */
static void tell_other(struct world *w, int i)
{
    struct slice url = slice_of(opcua_server_url(w->servers[1 - i]));
    struct opcua_session *s =
        opcua_session_get(w->thread, &(struct opcua_connection){.endpoint_url = url});
    UA_String own = UA_STRING((char *)(uintptr_t)opcua_server_url(w->servers[i]));
    UA_LocalizedText name = UA_LOCALIZEDTEXT("en", "test");
    UA_RegisterServerRequest request = {
        .server = {.serverUri = UA_STRING((char *)(uintptr_t)uris[i]),
                   .serverNamesSize = 1,
                   .serverNames = &name,
                   .serverType = UA_APPLICATIONTYPE_SERVER,
                   .discoveryUrlsSize = 1,
                   .discoveryUrls = &own,
                   .isOnline = true}};
    w->registered = false;
    OPCUA_CALL(s, OPCUA_CALL_WHEN_READY, REGISTERSERVER, &request, on_registered, w, 20000);
    assert_true(loop_run_until(w->loop, is_registered, w, WAIT_MS));
    opcua_session_unref(&s);
}

static void subscribe(struct world *w)
{
    w->subscription = opcua_subscription_new(&(struct opcua_subscription_config){
        .session = w->session, .publishing_ms = 20, .events = &events, .arg = w});
    assert_int_equal(opcua_subscription_add(w->subscription, 1, NULL), OK);
}

static struct world *world_new(void)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){
        .loop = w->loop, .lease_ms = 1, .silence_ms = 200, .try_ms = 5000});
    start_server(w, 0);
    start_server(w, 1);
    tell_other(w, 0);
    tell_other(w, 1);
    struct slice url = slice_of(opcua_server_url(w->servers[0]));
    w->session = opcua_session_get(w->thread, &(struct opcua_connection){.endpoint_url = url});
    subscribe(w);
    return w;
}

static void world_free(struct world *w)
{
    opcua_subscription_free(&w->subscription);
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    opcua_server_close(&w->servers[0]);
    opcua_server_close(&w->servers[1]);
    loop_free(&w->loop);
    free(w);
}

static bool comes_from(void *arg)
{
    struct world *w = arg;
    return w->last == w->wanted;
}

static void wait_for(struct world *w, UA_Int32 value)
{
    w->wanted = value;
    assert_true(loop_run_until(w->loop, comes_from, w, WAIT_MS));
}

/* Time for the session to ask who else there is: a look at the service level comes after that. */
static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void when_the_server_is_gone_the_other_one_is_taken(void **state)
{
    (void)state;
    struct world *w = world_new();
    wait_for(w, 100);
    assert_false(loop_run_until(w->loop, never, w, 300));
    opcua_server_close(&w->servers[0]);
    wait_for(w, 200);
    assert_true(w->gaps > 0); /* what was between is not known */
    world_free(w);
}

/* Before anybody could say who else there is. */
static void an_alternative_is_taken_when_the_server_was_never_there(void **state)
{
    (void)state;
    struct world *w = world_new();
    char both[160];
    struct slice gone = SLICE("opc.tcp://127.0.0.1:1"); /* nobody listens there */
    snprintf(both, sizeof both, "opc.tcp://127.0.0.1:2 %s", opcua_server_url(w->servers[1]));
    opcua_subscription_free(&w->subscription);
    opcua_session_unref(&w->session);
    w->session = opcua_session_get(
        w->thread, &(struct opcua_connection){.endpoint_url = gone, .alternatives = slice_of(both)});
    subscribe(w);
    wait_for(w, 200);
    assert_slice(opcua_session_url(w->session), gone); /* it is what was asked for */
    world_free(w);
}

static void a_server_that_is_not_healthy_is_left_for_a_better_one(void **state)
{
    (void)state;
    struct world *w = world_new();
    wait_for(w, 100);
    w->levels[0] = 100;
    wait_for(w, 200);
    w->levels[0] = 150; /* better than nothing, which b says next */
    w->levels[1] = 1;
    wait_for(w, 100);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_the_server_is_gone_the_other_one_is_taken),
        cmocka_unit_test(an_alternative_is_taken_when_the_server_was_never_there),
        cmocka_unit_test(a_server_that_is_not_healthy_is_left_for_a_better_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
