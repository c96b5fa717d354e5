/* Large bodies that handlers want whole. */
#include "rest/server_rig.h"

#define LARGE (200u << 10)
#define HEAD                                                                                       \
    "POST /secret/echo HTTP/1.1\r\nHost: h\r\nAuthorization: t\r\nContent-Length: 204801\r\n\r\n"

static char most[LARGE + 1]; /* all but the last byte of the body */

static int large_house(void **state)
{
    (void)state;
    memset(most, 'a', LARGE);
    open_house((struct rest_limits){.bodies_bytes = 300 << 10, .body_ms = 20000});
    return 0;
}

static bool first_is_counted(void *arg)
{
    (void)arg;
    return house.server->bodies_bytes >= LARGE;
}

static void begin(struct peer *p)
{
    dial(p);
    say(p, HEAD);
    say(p, most);
}

/* Who is refused still sends and has not closed when the others go on. */
static void the_one_that_passes_the_bound_is_refused_and_nobody_else(void **state)
{
    (void)state;
    struct peer first, second, third;
    begin(&first);
    assert_true(loop_run_until(house.loop, first_is_counted, NULL, WAIT_MS));
    begin(&second);
    expect(&second, "HTTP/1.1 503 ");
    expect_times(&second, "Retry-After: 1\r\n", 1);
    assert_int_equal(house.server->bodies_bytes, LARGE);
    dial(&third);
    say(&third, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nsmall");
    expect(&third, "\r\n\r\nsmall");
    say(&first, "!");
    expect(&first, "HTTP/1.1 200 ");
    expect(&first, "aaa!");
    assert_int_equal(house.server->bodies_bytes, 0); /* it was given back */
    say(&first, HEAD);
    say(&first, most);
    say(&first, "?");
    expect(&first, "aaa?");
    hang_up(&first);
    hang_up(&second);
    hang_up(&third);
}

static void strangers_are_refused_before_they_send_it(void **state)
{
    (void)state;
    static const char *const lengths[] = {"Content-Length: 204801", "Transfer-Encoding: chunked"};
    for (int i = 0; i < 2; i++) {
        struct peer p;
        dial(&p);
        say(&p, "POST /secret/echo HTTP/1.1\r\nHost: h\r\n");
        say(&p, lengths[i]);
        say(&p, "\r\n\r\n");
        expect(&p, "HTTP/1.1 401 ");
        hang_up(&p);
    }
    assert_int_equal(house.authorize_calls, 2);
    assert_int_equal(house.handled, 0);
}

static void nowhere_takes_none(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 204801\r\n\r\n");
    expect(&p, "HTTP/1.1 404 ");
    hang_up(&p);
}

static void chunks_are_joined_and_the_connection_kept(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    for (int i = 0; i < 2; i++) {
        say(&p, "POST /secret/echo HTTP/1.1\r\nHost: h\r\nAuthorization: t\r\nTransfer-Encoding: "
                "chunked\r\n\r\n");
        say(&p, "3\r\none\r\n");
        say(&p, "4\r\n-two\r\n0\r\n\r\n");
        expect_times(&p, "one-two", (size_t)i + 1);
    }
    assert_int_equal(house.authorize_calls, 2);
    hang_up(&p);
}

static void chunks_beyond_the_limit_of_a_body_are_refused(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.body_bytes = 8});
    struct peer p;
    dial(&p);
    say(&p, "POST /secret/echo HTTP/1.1\r\nHost: h\r\nAuthorization: t\r\nTransfer-Encoding: "
            "chunked\r\n\r\n6\r\n123456\r\n");
    say(&p, "3\r\n789\r\n");
    expect(&p, "HTTP/1.1 413 ");
    assert_int_equal(house.server->bodies_bytes, 0);
    hang_up(&p);
}

static void it_is_invited_when_it_is_known_who_asks(void **state)
{
    (void)state;
    house.authorize_later = true;
    struct peer p;
    dial(&p);
    say(&p, "POST /secret/echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
            "204801\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    assert_int_equal(p.got.len, 0);
    rest_authorized(house.kept, OK, NULL);
    expect(&p, "HTTP/1.1 100 ");
    say(&p, most);
    say(&p, "!");
    expect(&p, "aaa!");
    hang_up(&p);
}

static void dripping_gives_no_more_time(void **state)
{
    (void)state;
    tear_down(NULL);
    open_house((struct rest_limits){.body_ms = 60});
    struct peer p;
    dial(&p);
    uint64_t start = loop_now_ms(house.loop);
    say(&p, HEAD);
    while (p.got.len == 0 && loop_now_ms(house.loop) < start + WAIT_MS) {
        stream_write(p.stream, SLICE("a"));
        loop_run_until(house.loop, is_closed, &p, 5);
    }
    expect(&p, "HTTP/1.1 408 ");
    assert_int_equal(house.server->bodies_bytes, 0);
    hang_up(&p);
}

static bool nothing_is_counted(void *arg)
{
    (void)arg;
    return house.server->bodies_bytes == 0 && rest_server_connections(house.server) == 0;
}

static void who_leaves_or_is_left_gives_it_back(void **state)
{
    (void)state;
    struct peer p;
    begin(&p);
    assert_true(loop_run_until(house.loop, first_is_counted, NULL, WAIT_MS));
    hang_up(&p);
    assert_true(loop_run_until(house.loop, nothing_is_counted, NULL, WAIT_MS));
    begin(&p);
    assert_true(loop_run_until(house.loop, first_is_counted, NULL, WAIT_MS));
    rest_server_free(&house.server);
    expect_closed(&p);
    hang_up(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, large_house, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_one_that_passes_the_bound_is_refused_and_nobody_else),
        TEST(strangers_are_refused_before_they_send_it),
        TEST(nowhere_takes_none),
        TEST(chunks_are_joined_and_the_connection_kept),
        TEST(chunks_beyond_the_limit_of_a_body_are_refused),
        TEST(it_is_invited_when_it_is_known_who_asks),
        TEST(dripping_gives_no_more_time),
        TEST(who_leaves_or_is_left_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
