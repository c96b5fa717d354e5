#include "opcua/reverse.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "opcua/reverse_hello.h"
#include "opcua/server.h"
#include "opcua/session.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define SERVERS 3

/* ---- the hello ---- */

static const char hello[] = "RHEF\x1b\0\0\0\3\0\0\0urn\x08\0\0\0opc.tcp:";
#define HELLO slice_from(hello, sizeof hello - 1)

static void a_hello_says_who_is_there(void **state)
{
    (void)state;
    struct opcua_reverse_hello h;
    assert_int_equal(opcua_reverse_hello_decode(HELLO, &h), OK);
    assert_slice(h.server_uri, SLICE("urn"));
    assert_slice(h.endpoint_url, SLICE("opc.tcp:"));
    assert_int_equal(h.size, HELLO.len);
    for (size_t len = 0; len < HELLO.len; len++)
        assert_int_equal(opcua_reverse_hello_decode(slice_first(HELLO, len), &h), AGAIN);
}

static void what_is_no_hello_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"HELF", 4},
               {"GET / HTTP/1.1", 14},
               {"RHEF\xff\xff\xff\x7f", 8},
               {"RHEF\x07\0\0\0", 8},
               {"RHEF\x10\0\0\0\x09\0\0\0\0\0\0\0", 16},
               {"RHEF\x14\0\0\0\0\0\0\0\0\0\0\0????", 20}};
    struct opcua_reverse_hello h;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(opcua_reverse_hello_decode(slice_from(bad[i].bytes, bad[i].len), &h),
                         BAD_FORMAT);
}

/* ---- sessions ---- */

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *servers[SERVERS];
    struct opcua_session *sessions[SERVERS];
    char urls[SERVERS][64];
    size_t closed, ready, wanted;
};

static int free_port(struct loop *l)
{
    struct listener *probe;
    struct listen_config config = {.loop = l, .host = "127.0.0.1"};
    assert_int_equal(listener_open(&config, &probe), OK);
    int port = listener_port(probe);
    listener_close(&probe);
    return port;
}

static bool all_ready(void *arg)
{
    struct world *w = arg;
    size_t ready = 0;
    for (size_t i = 0; i < SERVERS; i++)
        ready += w->sessions[i] && opcua_session_state(w->sessions[i]) == OPCUA_SESSION_READY;
    return ready == w->wanted;
}

static bool listens(void *arg)
{
    return opcua_thread_reverse_port(((struct world *)arg)->thread) > 0;
}

static struct world *world_new(void)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(
        &(struct opcua_thread_config){.loop = w->loop, .lease_ms = 1, .reverse_port = -1});
    return w;
}

static void start_server(struct world *w, size_t i)
{
    int port;
    char client[64];
    assert_int_equal(sscanf(w->urls[i], "opc.tcp://127.0.0.1:%d", &port), 1);
    struct opcua_server_config config = {.host = "127.0.0.1", .port = port};
    assert_int_equal(opcua_server_open(&config, &w->servers[i]), OK);
    snprintf(client, sizeof client, "opc.tcp://127.0.0.1:%d", opcua_thread_reverse_port(w->thread));
    opcua_server_reverse(w->servers[i], client);
    assert_int_equal(opcua_server_start(w->servers[i]), OK);
}

static void get_session(struct world *w, size_t i)
{
    snprintf(w->urls[i], sizeof w->urls[i], "opc.tcp://127.0.0.1:%d", free_port(w->loop));
    w->sessions[i] = opcua_session_get(
        w->thread,
        &(struct opcua_connection){.endpoint_url = slice_of(w->urls[i]), .reverse = true});
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < SERVERS; i++)
        if (w->sessions[i])
            opcua_session_unref(&w->sessions[i]);
    opcua_thread_free(&w->thread);
    for (size_t i = 0; i < SERVERS; i++)
        opcua_server_close(&w->servers[i]);
    loop_free(&w->loop);
    free(w);
}

/* Many servers on one port; each finds its session, and comes back after it was away. */
static void servers_connect_to_their_sessions(void **state)
{
    (void)state;
    struct world *w = world_new();
    for (size_t i = 0; i < SERVERS; i++)
        get_session(w, i);
    assert_true(loop_run_until(w->loop, listens, w, WAIT_MS));
    for (size_t i = SERVERS; i-- > 0;)
        start_server(w, i);
    w->wanted = SERVERS;
    assert_true(loop_run_until(w->loop, all_ready, w, WAIT_MS));
    for (size_t i = 0; i < SERVERS; i++)
        assert_slice(opcua_session_url(w->sessions[i]), slice_of(w->urls[i]));
    opcua_server_close(&w->servers[1]);
    w->wanted = SERVERS - 1;
    assert_true(loop_run_until(w->loop, all_ready, w, WAIT_MS));
    start_server(w, 1);
    w->wanted = SERVERS;
    assert_true(loop_run_until(w->loop, all_ready, w, WAIT_MS));
    world_free(w);
}

static void on_closed(void *arg, enum status why)
{
    (void)why;
    ((struct world *)arg)->closed++;
}

static void no_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static bool is_closed(void *arg)
{
    return ((struct world *)arg)->closed == 2;
}

static void strangers_are_refused(void **state)
{
    (void)state;
    static const struct stream_events events = {.on_data = no_data, .on_close = on_closed};
    struct world *w = world_new();
    get_session(w, 0);
    assert_true(loop_run_until(w->loop, listens, w, WAIT_MS));
    struct connect_config config = {
        .loop = w->loop, .host = "127.0.0.1", .port = opcua_thread_reverse_port(w->thread)};
    stream_write(stream_connect(&config, &events, w), HELLO);
    stream_write(stream_connect(&config, &events, w), SLICE("GET / HTTP/1.1\r\n\r\n"));
    assert_true(loop_run_until(w->loop, is_closed, w, WAIT_MS));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_says_who_is_there),
        cmocka_unit_test(what_is_no_hello_is_refused),
        cmocka_unit_test(servers_connect_to_their_sessions),
        cmocka_unit_test(strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
