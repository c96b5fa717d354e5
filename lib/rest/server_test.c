/* What a well-behaved peer gets. */
#include "rest/server_rig.h"

/* ---- what must work ---- */

static void hands_the_stream_over_for_an_answer_without_an_end(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(&p, "begun");
    assert_non_null(strstr(TEXT_OF(p), "Content-Type: text/event-stream\r\nConnection: close\r\n"));
    assert_null(strstr(strstr(TEXT_OF(p), "text/event-stream"), "Content-Length"));
    say(&p, "more");
    expect(&p, "more"); /* what comes now is the new owner's */
    assert_true(loop_run_until(house.loop, no_connections, NULL, WAIT_MS));
    stream_write(house.handed, SLICE("end"));
    stream_close(house.handed);
    expect_closed(&p);
    assert_non_null(strstr(TEXT_OF(p), "end"));
    hang_up(&p);
}

static void an_answer_without_an_end_may_begin_later_or_for_nobody(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /stream/later HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    hang_up(&p);
    dial(&p);
    say(&p, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "hello");
    hang_up(&p);
    rest_reply_stream(house.kept, "text/event-stream", take_stream);
    assert_null(house.handed);
    dial(&p);
    say(&p, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_closed(&p);
    assert_null(strstr(TEXT_OF(p), "begun"));
    hang_up(&p);
}

static void answers_and_keeps_the_connection(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "\r\n\r\nhello");
    assert_non_null(strstr(TEXT_OF(p), "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(TEXT_OF(p), "Content-Length: 5\r\n"));
    assert_non_null(strstr(TEXT_OF(p), "\r\nDate: "));
    say(&p, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_times(&p, "hello", 2);
    assert_int_equal(rest_server_connections(house.server), 1);
    hang_up(&p);
}

static void answers_a_pipeline_in_order(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    struct buffer all = {0};
    for (int i = 0; i < 3000; i++)
        buffer_printf(&all, "GET /items/%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
    stream_write(p.stream, buffer_slice(&all));
    buffer_clear(&all);
    expect_times(&p, "\r\n\r\n2999|", 1);
    struct slice left = buffer_slice(&p.got);
    for (int i = 0; i < 3000; i++) {
        char want[32];
        snprintf(want, sizeof(want), "\r\n\r\n%d||", i);
        size_t at = slice_find_slice(left, slice_of(want));
        assert_true(at < 400);
        left = slice_skip(left, at + 1);
    }
    hang_up(&p);
}

static void runs_one_request_of_a_connection_at_a_time(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    say(&p, "GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer other; /* time passes, others are served */
    dial(&other);
    say(&other, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&other, "hello");
    assert_int_equal(house.handled, 2);
    assert_int_equal(p.got.len, 0);
    rest_reply(house.kept, 200, "text/plain", SLICE("late"));
    expect(&p, "\r\n\r\nx||");
    const char *text = TEXT_OF(p);
    assert_true(strstr(text, "late") < strstr(text, "hello"));
    hang_up(&other);
    hang_up(&p);
}

static void joins_chunks_and_lengths_alike(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    expect(&p, "\r\n\r\nabc");
    say(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nxyz\r\n2\r\n12\r\n0\r\n\r\n");
    expect(&p, "\r\n\r\nxyz12");
    hang_up(&p);
}

static void takes_a_request_byte_by_byte(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    const char *text = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nslow";
    for (const char *at = text; *at; at++) {
        stream_write(p.stream, slice_from(at, 1));
        loop_run_until(house.loop, is_closed, &p, 0);
    }
    expect(&p, "\r\n\r\nslow");
    hang_up(&p);
}

static void decodes_path_and_query(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /items/a%2Fb?x=1&q=c%26d HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "\r\n\r\na/b|c&d|/items/a/b");
    hang_up(&p);
}

static void invites_the_body_that_waits_for_it(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    expect(&p, "HTTP/1.1 100 Continue\r\n\r\n");
    say(&p, "hi");
    expect(&p, "\r\n\r\nhi");
    hang_up(&p);
}

static void answers_head_without_the_body(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\nDELETE /items/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "204 No Content");
    assert_non_null(strstr(TEXT_OF(p), "Content-Length: 5\r\n"));
    assert_null(strstr(TEXT_OF(p), "hello"));
    assert_null(strstr(strstr(TEXT_OF(p), "204 No Content"), "Content-Length"));
    hang_up(&p);
}

static void closes_when_the_peer_wants_no_more(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        struct peer p;
        dial(&p);
        say(&p, requests[i]);
        expect_closed(&p);
        assert_non_null(strstr(TEXT_OF(p), "hello"));
        assert_non_null(strstr(TEXT_OF(p), "Connection: close\r\n"));
        hang_up(&p);
    }
}

static void sends_what_the_peer_reads_slowly(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    stream_pause(p.stream, true);
    for (int i = 0; i < 4; i++)
        say(&p, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer other;
    dial(&other);
    say(&other, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&other, "hello");
    stream_pause(p.stream, false);
    expect_times(&p, "HTTP/1.1 200 OK", 4);
    assert_true(p.got.len > 24u << 20);
    hang_up(&other);
    hang_up(&p);
}

/* ---- the call's id ---- */

static void names_the_call_by_the_callers_id(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /name HTTP/1.1\r\nHost: h\r\nx-ms-client-request-id: my-call_7\r\n\r\n");
    expect(&p, "x-ms-request-id: my-call_7\r\n");
    expect(&p, "\r\n\r\nmy-call_7");
    hang_up(&p);
}

static void makes_an_id_when_the_callers_could_forge_a_log_line(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /name HTTP/1.1\r\nHost: h\r\nx-ms-client-request-id: a b=c\r\n\r\n"
            "GET /name HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_times(&p, "-4", 4); /* in the header and in the body of each */
    struct slice got = buffer_slice(&p.got);
    struct slice second = slice_skip(got, got.len - 36);
    uint8_t bytes[16];
    assert_true(uuid_parse(second, bytes));
    assert_int_equal(times(got, "a b=c"), 0);
    hang_up(&p);
}

/* ---- authorization ---- */

static void asks_who_calls(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "401 Unauthorized");
    assert_non_null(strstr(TEXT_OF(p), "WWW-Authenticate: Bearer realm=\"test\"\r\n"));
    say(&p, "POST /secret HTTP/1.1\r\nHost: h\r\nAuthorization: t\r\nContent-Length: 0\r\n\r\n");
    expect(&p, "403 Forbidden");
    assert_int_equal(house.handled, 0);
    say(&p, "GET /secret HTTP/1.1\r\nHost: h\r\nAuthorization: t\r\n\r\n");
    expect(&p, "hello");
    assert_int_equal(house.authorize_calls, 3);
    hang_up(&p);
}

static void waits_for_a_late_authorization(void **state)
{
    (void)state;
    house.authorize_later = true;
    struct peer p;
    dial(&p);
    say(&p, "GET /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    rest_authorized(house.kept, OK, NULL);
    expect(&p, "hello");
    hang_up(&p);
}

static void forgets_a_late_authorization_of_one_who_left(void **state)
{
    (void)state;
    house.authorize_later = true;
    struct peer p;
    dial(&p);
    say(&p, "GET /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    hang_up(&p);
    struct peer other;
    dial(&other);
    hang_up(&other);
    rest_authorized(house.kept, OK, NULL);
    assert_true(loop_run_until(house.loop, no_connections, NULL, WAIT_MS));
    assert_int_equal(house.handled, 0);
}

/* ---- ends ---- */

static void survives_a_peer_that_leaves_before_the_answer(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    hang_up(&p);
    struct peer other;
    dial(&other);
    say(&other, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&other, "hello");
    assert_slice(house.kept->target, SLICE("/later"));
    rest_reply_json(house.kept, 200, SLICE("{}"));
    hang_up(&other);
    assert_true(loop_run_until(house.loop, no_connections, NULL, WAIT_MS));
}

static void a_request_outlives_the_server(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_kept, NULL, WAIT_MS));
    rest_server_free(&house.server);
    expect_closed(&p);
    rest_reply_problem(house.kept, 503, "stopped");
    hang_up(&p);
}

static void a_handler_may_free_the_server(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /free HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_closed(&p);
    assert_int_equal(house.handled, 0);
    hang_up(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_and_keeps_the_connection),
        TEST(hands_the_stream_over_for_an_answer_without_an_end),
        TEST(an_answer_without_an_end_may_begin_later_or_for_nobody),
        TEST(answers_a_pipeline_in_order),
        TEST(runs_one_request_of_a_connection_at_a_time),
        TEST(joins_chunks_and_lengths_alike),
        TEST(takes_a_request_byte_by_byte),
        TEST(decodes_path_and_query),
        TEST(invites_the_body_that_waits_for_it),
        TEST(answers_head_without_the_body),
        TEST(closes_when_the_peer_wants_no_more),
        TEST(sends_what_the_peer_reads_slowly),
        TEST(names_the_call_by_the_callers_id),
        TEST(makes_an_id_when_the_callers_could_forge_a_log_line),
        TEST(asks_who_calls),
        TEST(waits_for_a_late_authorization),
        TEST(forgets_a_late_authorization_of_one_who_left),
        TEST(survives_a_peer_that_leaves_before_the_answer),
        TEST(a_request_outlives_the_server),
        TEST(a_handler_may_free_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
