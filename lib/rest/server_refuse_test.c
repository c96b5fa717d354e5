/* What must be refused, and who takes too long. */
#include "rest/server_rig.h"

/* ---- what must be refused ---- */

static void refuse_one(const char *request, const char *answer)
{
    struct peer p;
    dial(&p);
    say(&p, request);
    expect(&p, answer);
    assert_non_null(strstr(TEXT_OF(p), "Content-Type: application/problem+json\r\n"));
    hang_up(&p);
}

static void refuses_what_is_not_there_or_not_so(void **state)
{
    (void)state;
    refuse_one("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found");
    refuse_one("PUT /items/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
               "Allow: GET, DELETE\r\n");
    refuse_one("nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request");
    refuse_one(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 400 Bad Request");
    refuse_one("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
               "HTTP/1.1 400 Bad Request");
    refuse_one("GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request");
    refuse_one("GET /hello HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "HTTP/1.1 400 Bad Request");
    refuse_one("GET http://[::1/ HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request");
}

static void refuses_a_body_over_the_limit(void **state)
{
    (void)state;
    refuse_one("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
               "HTTP/1.1 413 ");
    struct peer p;
    dial(&p);
    say(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct buffer chunk = {0};
    buffer_text(&chunk, "10000\r\n");
    memset(buffer_reserve(&chunk, 0x10000), 'x', 0x10000);
    buffer_added(&chunk, 0x10000);
    buffer_text(&chunk, "\r\n");
    for (int i = 0; i < 17; i++)
        stream_write(p.stream, buffer_slice(&chunk));
    buffer_clear(&chunk);
    expect(&p, "HTTP/1.1 413 ");
    expect_closed(&p);
    assert_int_equal(house.handled, 0);
    hang_up(&p);
}

/* Who waits for the rest of a large body holds memory that others cannot have; small ones come all the same. */
static void refuses_a_head_over_the_limit(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /hello HTTP/1.1\r\nX: ");
    char many[1024];
    memset(many, 'a', sizeof(many));
    for (int i = 0; i < 40; i++)
        stream_write(p.stream, slice_from(many, sizeof(many)));
    expect(&p, "HTTP/1.1 431 ");
    expect(&p, "x-ms-request-id: ");
    expect_closed(&p);
    hang_up(&p);
}

static void refuses_connections_over_the_limit(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.connections = 1});
    struct peer first, second;
    dial(&first);
    say(&first, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&first, "hello");
    dial(&second);
    expect_closed(&second);
    hang_up(&second);
    hang_up(&first);
}

/* ---- deadlines ---- */

static void ends_connections_that_say_too_little(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.head_ms = 50, .body_ms = 50, .idle_ms = 50});
    struct peer idle, head, body;
    dial(&idle);
    dial(&head);
    say(&head, "GET /hel");
    dial(&body);
    say(&body, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    expect_closed(&idle);
    assert_int_equal(idle.got.len, 0);
    expect(&head, "HTTP/1.1 408 ");
    expect(&body, "HTTP/1.1 408 ");
    expect_closed(&head);
    expect_closed(&body);
    assert_int_equal(house.handled, 0);
    hang_up(&idle);
    hang_up(&head);
    hang_up(&body);
}

static void a_slow_head_does_not_get_more_time_by_dripping(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.head_ms = 60});
    struct peer p;
    dial(&p);
    uint64_t start = loop_now_ms(house.loop);
    say(&p, "GET /hello HTTP/1.1\r\nX: ");
    while (p.got.len == 0 && loop_now_ms(house.loop) < start + WAIT_MS) {
        stream_write(p.stream, SLICE("a"));
        loop_run_until(house.loop, is_closed, &p, 5);
    }
    expect(&p, "HTTP/1.1 408 ");
    hang_up(&p);
}

static void answers_for_a_handler_that_is_too_slow(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.request_ms = 50});
    struct peer p;
    dial(&p);
    say(&p, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "HTTP/1.1 504 ");
    expect_closed(&p);
    rest_add_header(house.kept, "X-Too", SLICE("late"));
    rest_reply(house.kept, 200, "text/plain", SLICE("too late"));
    assert_true(loop_run_until(house.loop, no_connections, NULL, WAIT_MS));
    hang_up(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_not_there_or_not_so),
        TEST(refuses_a_body_over_the_limit),
        TEST(refuses_a_head_over_the_limit),
        TEST(refuses_connections_over_the_limit),
        TEST(ends_connections_that_say_too_little),
        TEST(a_slow_head_does_not_get_more_time_by_dripping),
        TEST(answers_for_a_handler_that_is_too_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
