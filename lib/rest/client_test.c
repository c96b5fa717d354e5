/* The client against this library's server, and against servers that misbehave. */
#include "rest/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/stream.h"
#include "rest/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener, *raw;
    struct rest_client *client;
    const char *raw_answer; /* what the raw listener's connections say; NULL: nothing */
    struct rest_request *kept;
} house;

static void tell(struct rest_request *r)
{
    struct buffer out = {0};
    buffer_printf(&out, "%.*s %.*s [%.*s] type=%.*s x=%.*s", SLICE_FMT(r->method),
                  SLICE_FMT(r->target), SLICE_FMT(r->body),
                  SLICE_FMT(rest_header(r, "Content-Type")), SLICE_FMT(rest_header(r, "X-Test")));
    rest_add_header(r, "x-ms-continuation", SLICE("next page"));
    rest_reply(r, 200, "text/plain", buffer_slice(&out));
    buffer_clear(&out);
}

static void fail_now(struct rest_request *r)
{
    rest_reply_problem(r, 503, "not now");
}

static void keep(struct rest_request *r)
{
    house.kept = r;
}

static const struct rest_route routes[] = {
    {"GET", "/tell", tell, REST_PUBLIC},    {"POST", "/tell", tell, REST_PUBLIC},
    {"DELETE", "/tell", tell, REST_PUBLIC}, {"GET", "/fail", fail_now, REST_PUBLIC},
    {"GET", "/keep", keep, REST_PUBLIC},
};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void raw_data(void *arg, struct slice bytes)
{
    (void)bytes;
    if (house.raw_answer) {
        stream_write(arg, slice_of(house.raw_answer));
        stream_close(arg);
    }
}

static void raw_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static void on_raw_accept(void *arg, struct stream *s)
{
    (void)arg;
    static const struct stream_events events = {.on_data = raw_data, .on_close = raw_close};
    stream_events(s, &events, s);
}

static struct listener *listen_on(void (*accept)(void *, struct stream *))
{
    struct listener *l;
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = accept};
    assert_int_equal(listener_open(&config, &l), OK);
    return l;
}

static void open_client(struct rest_client_config config)
{
    config.loop = house.loop;
    house.client = rest_client_new(&config);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    house.listener = listen_on(on_accept);
    house.raw = listen_on(on_raw_accept);
    open_client((struct rest_client_config){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    listener_close(&house.listener);
    listener_close(&house.raw);
    if (house.kept)
        rest_reply_empty(house.kept, 200);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    return 0;
}

/* ---- calls ---- */

struct outcome {
    int count, wanted; /* 0: one */
    enum status why;
    int status;
    struct buffer body, continuation;
};

static void on_done(void *arg, enum status why, const struct rest_answer *a)
{
    struct outcome *o = arg;
    o->count++;
    o->why = why;
    if (a) {
        o->status = a->status;
        buffer_reset(&o->body);
        buffer_put(&o->body, a->body);
        buffer_put(&o->continuation, rest_answer_header(a, "X-MS-Continuation"));
    }
}

static bool is_done(void *arg)
{
    const struct outcome *o = arg;
    return o->count >= (o->wanted ? o->wanted : 1);
}

static const char *url(const struct listener *l, const char *path)
{
    static char text[128];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d%s", listener_port(l), path);
    return text;
}

static enum status start(struct outcome *o, struct rest_call call)
{
    return rest_client_send(house.client, &call, on_done, o);
}

static struct outcome call_and_wait(struct rest_call call)
{
    struct outcome o = {0};
    assert_int_equal(start(&o, call), OK);
    assert_int_equal(o.count, 0);
    assert_true(loop_run_until(house.loop, is_done, &o, WAIT_MS));
    return o;
}

static void forget(struct outcome *o)
{
    buffer_clear(&o->body);
    buffer_clear(&o->continuation);
}

static void brings_the_answer(void **state)
{
    (void)state;
    struct rest_field headers[] = {{SLICE_INIT("X-Test"), SLICE_INIT("one")}};
    struct outcome o = call_and_wait((struct rest_call){.method = "GET",
                                                        .url = url(house.listener, "/tell?a=%20b"),
                                                        .headers = headers,
                                                        .header_count = 1});
    assert_int_equal(o.why, OK);
    assert_int_equal(o.status, 200);
    assert_slice(buffer_slice(&o.body), SLICE("GET /tell?a=%20b [] type= x=one"));
    assert_slice(buffer_slice(&o.continuation), SLICE("next page"));
    forget(&o);
}

static void sends_bodies(void **state)
{
    (void)state;
    struct rest_field headers[] = {{SLICE_INIT("content-type"), SLICE_INIT("application/json")},
                                   {SLICE_INIT("X-Test"), SLICE_INIT("a\r\nX-Evil: 1")}};
    struct outcome o = call_and_wait((struct rest_call){.method = "POST",
                                                        .url = url(house.listener, "/tell"),
                                                        .headers = headers,
                                                        .header_count = 2,
                                                        .body = SLICE("{}")});
    assert_slice(buffer_slice(&o.body), SLICE("POST /tell [{}] type=application/json x="));
    forget(&o);
    o = call_and_wait((struct rest_call){.method = "DELETE", .url = url(house.listener, "/tell")});
    assert_slice(buffer_slice(&o.body), SLICE("DELETE /tell [] type= x="));
    forget(&o);
}

static void passes_on_what_the_server_refuses(void **state)
{
    (void)state;
    struct outcome o =
        call_and_wait((struct rest_call){.method = "GET", .url = url(house.listener, "/fail")});
    assert_int_equal(o.why, OK);
    assert_int_equal(o.status, 503);
    forget(&o);
}

static void says_when_nobody_listens(void **state)
{
    (void)state;
    struct listener *gone = listen_on(on_accept);
    char text[64];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d/", listener_port(gone));
    listener_close(&gone);
    struct outcome o = call_and_wait((struct rest_call){.method = "GET", .url = text});
    assert_int_equal(o.why, OFFLINE);
    forget(&o);
}

static void gives_up_on_a_server_that_says_nothing(void **state)
{
    (void)state;
    struct outcome o = call_and_wait(
        (struct rest_call){.method = "GET", .url = url(house.raw, "/"), .timeout_ms = 50});
    assert_int_equal(o.why, TIMED_OUT);
    forget(&o);
}

static void waiting_for_its_turn_counts_as_time(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    open_client((struct rest_client_config){.active = 1});
    struct outcome first = {0}, second = {0};
    struct rest_call call = {.method = "GET", .url = url(house.listener, "/keep")};
    assert_int_equal(start(&first, call), OK);
    call.timeout_ms = 20;
    assert_int_equal(start(&second, call), OK);
    assert_true(loop_run_until(house.loop, is_done, &second, WAIT_MS));
    assert_int_equal(second.why, TIMED_OUT);
    assert_int_equal(first.count, 0);
    rest_client_free(&house.client);
    forget(&first);
    forget(&second);
}

static void refuses_an_answer_over_the_limit(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    open_client((struct rest_client_config){.body_bytes = 8});
    house.raw_answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n123456789";
    struct outcome o =
        call_and_wait((struct rest_call){.method = "GET", .url = url(house.raw, "/")});
    assert_int_equal(o.why, TOO_LARGE);
    forget(&o);
}

static void says_when_the_server_breaks_off(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123",
                                          "garbage"};
    for (int i = 0; i < 2; i++) {
        house.raw_answer = answers[i];
        struct outcome o =
            call_and_wait((struct rest_call){.method = "GET", .url = url(house.raw, "/")});
        assert_int_equal(o.why, IO_FAILED);
        forget(&o);
    }
}

static void refuses_what_is_no_url(void **state)
{
    (void)state;
    struct outcome o = {0};
    static const char *const bad[] = {"", "/path", "http://", "http://a b/", "http://x/\r\ny"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(start(&o, (struct rest_call){.method = "GET", .url = bad[i]}),
                         BAD_ARGUMENT);
    o = call_and_wait((struct rest_call){.method = "GET", .url = "file://localhost/etc/hostname"});
    assert_int_equal(o.why, IO_FAILED);
    forget(&o);
}

static void bounds_what_waits(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    open_client((struct rest_client_config){.active = 1, .waiting = 2});
    struct outcome o = {0};
    struct rest_call call = {.method = "GET", .url = url(house.listener, "/tell")};
    for (int i = 0; i < 3; i++)
        assert_int_equal(start(&o, call), OK);
    assert_int_equal(start(&o, call), BUSY);
    o.wanted = 3;
    assert_true(loop_run_until(house.loop, is_done, &o, WAIT_MS));
    o.wanted = 4;
    assert_int_equal(start(&o, call), OK);
    assert_true(loop_run_until(house.loop, is_done, &o, WAIT_MS));
    forget(&o);
}

static bool is_kept(void *arg)
{
    (void)arg;
    return house.kept != NULL;
}

static void answers_all_calls_when_it_is_freed(void **state)
{
    (void)state;
    struct outcome o = {0};
    struct rest_call call = {.method = "GET", .url = url(house.listener, "/keep")};
    assert_int_equal(start(&o, call), OK);
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    assert_int_equal(start(&o, call), OK);
    rest_client_free(&house.client);
    assert_int_equal(o.count, 2);
    assert_int_equal(o.why, CANCELLED);
    forget(&o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(brings_the_answer),
        TEST(sends_bodies),
        TEST(passes_on_what_the_server_refuses),
        TEST(says_when_nobody_listens),
        TEST(gives_up_on_a_server_that_says_nothing),
        TEST(waiting_for_its_turn_counts_as_time),
        TEST(refuses_an_answer_over_the_limit),
        TEST(says_when_the_server_breaks_off),
        TEST(refuses_what_is_no_url),
        TEST(bounds_what_waits),
        TEST(answers_all_calls_when_it_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
