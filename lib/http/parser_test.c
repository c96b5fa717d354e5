#include "http/parser.h"

#include "base/cmocka.h"

#define BODY_MAX 64

static struct http_parser *fed(enum http_parser_kind kind, struct slice bytes, enum status want)
{
    struct http_parser *p = http_parser_new(kind, BODY_MAX);
    assert_int_equal(http_parser_feed(p, &bytes), want);
    return p;
}

static void refuses(struct slice request, enum status want)
{
    struct http_parser *p = fed(HTTP_PARSER_REQUESTS, request, want);
    struct slice more = SLICE("GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(http_parser_feed(p, &more), want); /* and stays there */
    http_parser_free(&p);
    assert_null(p);
}

static const struct slice post =
    SLICE_INIT("POST /twins/d%2F1?api-version=2021-04-12 HTTP/1.1\r\nHost: hub\r\nX-Empty:\r\n"
               "Content-Length: 5\r\nx-two:  b \r\n\r\nhello");

static void check_post(const struct http_message *m)
{
    assert_slice(m->method, SLICE("POST"));
    assert_slice(m->target, SLICE("/twins/d%2F1?api-version=2021-04-12"));
    assert_slice(m->body, SLICE("hello"));
    assert_int_equal(m->field_count, 4);
    assert_slice(http_message_field(m, "host"), SLICE("hub"));
    assert_slice(http_message_field(m, "X-TWO"), SLICE("b"));
    assert_slice(http_message_field(m, "x-empty"), SLICE(""));
    assert_true(m->keep_alive && !m->upgrade && !m->expects_continue && m->minor == 1);
}

static void reads_a_request_whole_and_in_pieces(void **state)
{
    (void)state;
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, BODY_MAX);
    for (size_t size = 1; size <= post.len; size++) {
        assert_true(http_parser_idle(p));
        size_t at = 0;
        enum status s = AGAIN;
        while (at < post.len) {
            assert_int_equal(s, AGAIN);
            struct slice piece = slice_first(slice_skip(post, at), size);
            at += piece.len;
            s = http_parser_feed(p, &piece);
            assert_int_equal(piece.len, 0);
        }
        assert_int_equal(s, OK);
        check_post(http_parser_message(p));
        http_parser_next(p);
    }
    http_parser_free(&p);
}

static void takes_pipelined_requests_one_by_one(void **state)
{
    (void)state;
    struct slice bytes =
        SLICE("GET /1 HTTP/1.1\r\n\r\nPUT /2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
              "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\nGET /3 HTTP/1.1\r\nConnection: "
              "close\r\n\r\nrest");
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, BODY_MAX);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_slice(http_parser_message(p)->target, SLICE("/1"));
    http_parser_next(p);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_slice(http_parser_message(p)->target, SLICE("/2"));
    assert_slice(http_parser_message(p)->body, SLICE("abcde"));
    assert_int_equal(http_parser_message(p)->field_count, 1); /* no trailer among them */
    http_parser_next(p);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_slice(http_parser_message(p)->target, SLICE("/3"));
    assert_false(http_parser_message(p)->keep_alive);
    assert_slice(bytes, SLICE("rest"));
    http_parser_next(p);
    assert_int_equal(http_parser_feed(p, &bytes), BAD_FORMAT);
    http_parser_free(&p);
}

static void asks_for_100_continue_once(void **state)
{
    (void)state;
    struct http_parser *p =
        fed(HTTP_PARSER_REQUESTS,
            SLICE("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"), AGAIN);
    assert_non_null(http_parser_head(p));
    assert_true(http_parser_wants_continue(p));
    assert_false(http_parser_wants_continue(p));
    struct slice body = SLICE("ok");
    assert_int_equal(http_parser_feed(p, &body), OK);
    assert_slice(http_parser_message(p)->body, SLICE("ok"));
    http_parser_free(&p);
}

/* What follows an upgrade is not HTTP; when it is declined, it is. */
static void stops_at_an_upgrade(void **state)
{
    (void)state;
    struct slice bytes = SLICE("GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
                               "websocket\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, BODY_MAX);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_true(http_parser_message(p)->upgrade);
    assert_true(http_message_field_has(http_parser_message(p), "connection", "upgrade"));
    assert_slice(bytes, SLICE("GET /2 HTTP/1.1\r\n\r\n"));
    http_parser_next(p);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_slice(http_parser_message(p)->target, SLICE("/2"));
    assert_false(http_parser_message(p)->upgrade);
    http_parser_free(&p);
}

static void reads_responses(void **state)
{
    (void)state;
    struct slice bytes =
        SLICE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not There\r\nContent-Length: 2\r\n\r\nno"
              "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
              "HTTP/1.1 200 OK\r\n\r\nto the end");
    struct http_parser *p = http_parser_new(HTTP_PARSER_RESPONSES, BODY_MAX);
    static const int want[] = {100, 404, 204, 200};
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            http_parser_no_body(p); /* the answer to a HEAD */
        assert_int_equal(http_parser_feed(p, &bytes), OK);
        assert_int_equal(http_parser_message(p)->status, want[i]);
        assert_true(http_parser_message(p)->keep_alive);
        assert_slice(http_parser_message(p)->body, i == 1 ? SLICE("no") : SLICE(""));
        http_parser_next(p);
    }
    assert_int_equal(http_parser_feed(p, &bytes), AGAIN);
    assert_int_equal(http_parser_end(p), OK);
    assert_slice(http_parser_message(p)->body, SLICE("to the end"));
    assert_slice(http_parser_message(p)->reason, SLICE("OK"));
    http_parser_free(&p);
}

static void tells_an_end_inside_a_message_from_one_between(void **state)
{
    (void)state;
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, BODY_MAX);
    assert_int_equal(http_parser_end(p), AGAIN);
    struct slice part = slice_first(post, 20);
    assert_int_equal(http_parser_feed(p, &part), AGAIN);
    assert_int_equal(http_parser_end(p), BAD_FORMAT);
    http_parser_free(&p);
}

static void refuses_what_smuggles(void **state)
{
    (void)state;
    refuses(SLICE("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\nHost: x\n\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\na b: c\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/1.1\r\na: \001\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET / HTTP/3.1\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GET  HTTP/1.1\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("GARBAGE / HTTP/1.1\r\n\r\n"), BAD_FORMAT);
    refuses(SLICE("\x16\x03\x01\x02"), BAD_FORMAT); /* TLS where plain was meant */
    refuses(SLICE("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), BAD_FORMAT);
    refuses(SLICE("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            BAD_FORMAT);
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_text(&b, "GET /");
    while (b.len <= HTTP_HEAD_BYTES_MAX + 4)
        buffer_u8(&b, 'a');
    refuses(buffer_slice(&b), TOO_LARGE);

    buffer_reset(&b);
    buffer_text(&b, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_FIELD_COUNT_MAX; i++)
        buffer_text(&b, "a: b\r\n");
    buffer_text(&b, "\r\n");
    refuses(buffer_slice(&b), TOO_LARGE);

    refuses(SLICE("PUT / HTTP/1.1\r\nContent-Length: 65\r\n\r\n"), TOO_LARGE);
    refuses(SLICE("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n"), TOO_LARGE);
    refuses(SLICE("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), TOO_LARGE);
    buffer_reset(&b);
    buffer_text(&b, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i <= BODY_MAX; i++)
        buffer_text(&b, "1\r\na\r\n");
    refuses(buffer_slice(&b), TOO_LARGE);

    buffer_reset(&b);
    buffer_text(&b, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    while (b.len <= HTTP_HEAD_BYTES_MAX * 2)
        buffer_text(&b, "aaaaaaaaa: b\r\n");
    refuses(buffer_slice(&b), TOO_LARGE);
    buffer_clear(&b);
}

static void knows_which_limit_it_was(void **state)
{
    (void)state;
    struct http_parser *p =
        fed(HTTP_PARSER_REQUESTS, SLICE("PUT / HTTP/1.1\r\nContent-Length: 65\r\n\r\n"), TOO_LARGE);
    assert_non_null(http_parser_head(p)); /* 413 and not 431 */
    assert_string_equal(http_parser_why(p), "body too large");
    http_parser_free(&p);
}

static uint64_t limit_of(void *arg, const struct http_message *m)
{
    assert_slice(m->method, SLICE("PUT"));
    return *(const uint64_t *)arg;
}

/* The body may be far longer than what is gathered. */
static void stops_behind_the_head_when_asked_to(void **state)
{
    (void)state;
    uint64_t limit = 1000;
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, 4);
    http_parser_on_head(p, limit_of, &limit);
    struct slice bytes = SLICE("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\nhello world!PUT /b");
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_false(http_parser_complete(p));
    assert_slice(bytes, SLICE("hello world!PUT /b"));
    struct slice first = slice_first(bytes, 5);
    assert_int_equal(http_parser_feed(p, &first), AGAIN);
    assert_slice(http_parser_body(p), SLICE("hello"));
    http_parser_body_drop(p);
    bytes = slice_skip(bytes, 5);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_true(http_parser_complete(p));
    assert_slice(http_parser_body(p), SLICE(" world!"));
    assert_slice(bytes, SLICE("PUT /b"));
    http_parser_next(p);
    limit = 0; /* and one that is gathered, with its own limit */
    bytes = SLICE("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(http_parser_feed(p, &bytes), TOO_LARGE);
    http_parser_free(&p);
}

static void holds_a_body_in_pieces_to_its_limit(void **state)
{
    (void)state;
    uint64_t limit = 8;
    struct http_parser *p = http_parser_new(HTTP_PARSER_REQUESTS, 4);
    http_parser_on_head(p, limit_of, &limit);
    struct slice bytes = SLICE("PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n3\r\n");
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    assert_int_equal(http_parser_feed(p, &bytes), TOO_LARGE);
    http_parser_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request_whole_and_in_pieces),
        cmocka_unit_test(takes_pipelined_requests_one_by_one),
        cmocka_unit_test(asks_for_100_continue_once),
        cmocka_unit_test(stops_at_an_upgrade),
        cmocka_unit_test(reads_responses),
        cmocka_unit_test(tells_an_end_inside_a_message_from_one_between),
        cmocka_unit_test(refuses_what_smuggles),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(knows_which_limit_it_was),
        cmocka_unit_test(stops_behind_the_head_when_asked_to),
        cmocka_unit_test(holds_a_body_in_pieces_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
