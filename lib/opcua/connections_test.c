/* Against a real server, which counts. */
#include "opcua/connections.h"

#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "json/json.h"
#include "opcua/server.h"

#define WAIT_MS 30000

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    struct connections *connections;
    struct json_doc *answer;
    enum status why;
    size_t answers;
} world;

static bool is_ready(void *arg)
{
    (void)arg;
    return opcua_session_state(world.session) == OPCUA_SESSION_READY;
}

static int start(void **state)
{
    (void)state;
    assert_int_equal(
        opcua_server_open(&(struct opcua_server_config){.host = "127.0.0.1"}, &world.server), OK);
    assert_int_equal(opcua_server_start(world.server), OK);
    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop});
    world.connections = connections_new(world.loop, world.thread);
    world.session = opcua_session_get(
        world.thread,
        &(struct opcua_connection){.endpoint_url = slice_of(opcua_server_url(world.server)),
                                   .security = OPCUA_SECURITY_NONE});
    assert_true(loop_run_until(world.loop, is_ready, NULL, WAIT_MS));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    json_free(&world.answer);
    assert_true(connections_idle(world.connections));
    connections_free(&world.connections);
    opcua_session_unref(&world.session);
    opcua_thread_free(&world.thread);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    world = (struct world){0};
    return 0;
}

static void on_answer(void *arg, enum status why, struct slice json)
{
    (void)arg;
    world.why = why;
    world.answers++;
    json_free(&world.answer);
    if (why == OK)
        assert_int_equal(json_parse(json, JSON_STRICT, &world.answer, NULL), OK);
}

static bool all_answered(void *arg)
{
    return world.answers == *(size_t *)arg;
}

static const struct json *ask(enum connections_what what)
{
    size_t one = world.answers + 1;
    connections_ask(world.connections, what, on_answer, NULL);
    assert_true(loop_run_until(world.loop, all_answered, &one, WAIT_MS));
    assert_int_equal(world.why, OK);
    assert_int_equal(json_count(json_root(world.answer)), 1);
    return json_at(json_root(world.answer), 0);
}

static struct slice url_in(const struct json *of)
{
    return json_string(json_get(json_get(json_get(of, "connection"), "endpoint"), "url"));
}

static void a_server_says_what_it_counts_about_us(void **state)
{
    (void)state;
    const struct json *one = ask(CONNECTIONS_SERVERS), *server = json_get(one, "server");
    assert_slice(url_in(one), slice_of(opcua_server_url(world.server)));
    assert_non_null(server);
    assert_true(slice_starts(json_string(json_get(server, "sessionName")), SLICE("millrace-")));
    assert_true(json_double(json_get(server, "actualSessionTimeout"), 0) > 0);
    assert_true(slice_starts(json_string(json_get(server, "connectTime")), SLICE("20")));
    assert_non_null(json_get(json_get(server, "readCount"), "totalCount"));
    assert_int_equal(json_count(json_get(server, "subscriptions")), 0);
}

static void a_channel_says_where_it_goes_and_since_when(void **state)
{
    (void)state;
    const struct json *one = ask(CONNECTIONS_CHANNELS);
    assert_slice(url_in(one), slice_of(opcua_server_url(world.server)));
    assert_slice(json_string(json_get(one, "remoteIpAddress")), SLICE("127.0.0.1"));
    const char *port = strrchr(opcua_server_url(world.server), ':') + 1;
    assert_int_equal(json_double(json_get(one, "remotePort"), 0), atoi(port));
    assert_true(json_double(json_get(one, "channelId"), 0) > 0);
    assert_true(json_double(json_get(one, "tokenId"), 0) > 0);
    assert_slice(json_string(json_get(one, "lifetime")), SLICE("01:00:00.0000000"));
    assert_null(json_get(one, "client")); /* keys stay where they are */
}

static void questions_have_a_bound(void **state)
{
    (void)state;
    size_t more = CONNECTIONS_ASKED_MAX + 1;
    for (size_t i = 0; i < more; i++)
        connections_ask(world.connections, CONNECTIONS_CHANNELS, on_answer, NULL);
    assert_true(loop_run_until(world.loop, all_answered, &more, WAIT_MS));
    connections_ask(world.connections, CONNECTIONS_CHANNELS, on_answer, NULL);
    more++;
    assert_true(loop_run_until(world.loop, all_answered, &more, WAIT_MS));
    assert_int_equal(world.why, OK);
    connections_stop(world.connections);
    connections_ask(world.connections, CONNECTIONS_CHANNELS, on_answer, NULL);
    more++;
    assert_true(loop_run_until(world.loop, all_answered, &more, WAIT_MS));
    assert_int_equal(world.why, CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_says_what_it_counts_about_us, start, stop),
        cmocka_unit_test_setup_teardown(a_channel_says_where_it_goes_and_since_when, start, stop),
        cmocka_unit_test_setup_teardown(questions_have_a_bound, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
