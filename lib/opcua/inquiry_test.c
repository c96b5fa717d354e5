#include "opcua/inquiry.h"

#include <stdio.h>

#include "io/stream.h"
#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    int answers;
    UA_StatusCode status;
    size_t endpoints, servers;
    char application[128];
};

static void on_answer(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *a)
{
    struct world *w = arg;
    w->answers++;
    w->status = status;
    w->endpoints = a->endpoint_count;
    w->servers = a->server_count;
    if (a->endpoint_count)
        snprintf(w->application, sizeof(w->application), "%.*s",
                 (int)a->endpoints[0].server.applicationUri.length,
                 (char *)a->endpoints[0].server.applicationUri.data);
}

static bool is_answered(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

static int setup(void **state)
{
    static struct world w;
    struct opcua_server_config config = {.host = "127.0.0.1"};
    w = (struct world){.loop = loop_new()};
    w.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = w.loop});
    assert_int_equal(opcua_server_open(&config, &w.server), OK);
    assert_int_equal(opcua_server_start(w.server), OK);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    opcua_thread_free(&w->thread);
    loop_free(&w->loop);
    opcua_server_close(&w->server);
    return 0;
}

static void a_server_tells_its_endpoints(void **state)
{
    struct world *w = *state;
    struct slice locales[] = {SLICE("en")};
    opcua_inquire(w->thread, slice_of(opcua_server_url(w->server)), locales, 1, on_answer, w,
                  10000);
    assert_int_equal(w->answers, 0);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_equal(w->status, UA_STATUSCODE_GOOD);
    assert_int_equal(w->endpoints, 1);
    assert_int_equal(w->servers, 1);
    assert_true(w->application[0] != 0);
}

static void nobody_there_is_a_failure(void **state)
{
    struct world *w = *state;
    opcua_inquire(w->thread, SLICE("opc.tcp://127.0.0.1:1"), NULL, 0, on_answer, w, 10000);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_not_equal(w->status, UA_STATUSCODE_GOOD);
    w->answers = 0;
    opcua_inquire(w->thread, SLICE("nonsense"), NULL, 0, on_answer, w, 10000);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_not_equal(w->status, UA_STATUSCODE_GOOD);
}

static void on_silent(void *arg, struct stream *s)
{
    *(struct stream **)arg = s;
}

/* It takes the connection and says nothing: the time ends it. */
static void silence_ends_with_the_time(void **state)
{
    struct world *w = *state;
    struct listener *l;
    struct stream *peer = NULL;
    char url[64];
    struct listen_config config = {
        .loop = w->loop, .host = "127.0.0.1", .on_accept = on_silent, .arg = &peer};
    assert_int_equal(listener_open(&config, &l), OK);
    snprintf(url, sizeof(url), "opc.tcp://127.0.0.1:%d", listener_port(l));
    opcua_inquire(w->thread, slice_of(url), NULL, 0, on_answer, w, 50);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_equal(w->status, UA_STATUSCODE_BADTIMEOUT);
    listener_close(&l);
}

static void a_cancelled_inquiry_tells_nothing(void **state)
{
    struct world *w = *state;
    struct opcua_inquiry *q = opcua_inquire(w->thread, slice_of(opcua_server_url(w->server)), NULL,
                                            0, on_answer, w, 10000);
    opcua_inquiry_cancel(q);
    opcua_inquire(w->thread, slice_of(opcua_server_url(w->server)), NULL, 0, on_answer, w, 10000);
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
    assert_int_equal(w->answers, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_tells_its_endpoints),
        TEST(nobody_there_is_a_failure),
        TEST(silence_ends_with_the_time),
        TEST(a_cancelled_inquiry_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
