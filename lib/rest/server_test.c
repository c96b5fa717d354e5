/* The server over real sockets: what a well-behaved peer gets, and what the others get. */
#include "rest/server.h"

#include <stdio.h>

#include "base/encoding.h"
#include "rest/connection.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

/* ---- a server with a few handlers ---- */

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_request *kept; /* by /later */
    int handled;
    int authorize_calls;
    bool authorize_later;
    struct stream *handed; /* by an answer without an end; NULL when it has ended */
} house;

static void hello(struct rest_request *r)
{
    house.handled++;
    rest_reply(r, 200, "text/plain", SLICE("hello"));
}

static void echo(struct rest_request *r)
{
    house.handled++;
    rest_add_header(r, "X-Length", rest_header(r, "content-length"));
    rest_reply(r, 200, "application/octet-stream", r->body);
}

static void later(struct rest_request *r)
{
    house.handled++;
    house.kept = r;
}

static void item(struct rest_request *r)
{
    struct slice parts[] = {rest_param(r, "id"), SLICE("|"), rest_query(r, "q"), SLICE("|"),
                            r->path};
    struct buffer out = {0};
    for (size_t i = 0; i < 5; i++)
        buffer_put(&out, parts[i]);
    rest_reply(r, 200, "text/plain", buffer_slice(&out));
    buffer_clear(&out);
}

static void nothing(struct rest_request *r)
{
    rest_reply_empty(r, 204);
}

static void big(struct rest_request *r)
{
    struct slice body = {arena_take(&r->arena, 8u << 20), 8u << 20};
    rest_reply(r, 200, "application/octet-stream", body);
}

static void name(struct rest_request *r)
{
    rest_reply(r, 200, "text/plain", slice_of(r->id));
}

static void on_stream_data(void *arg, struct slice bytes)
{
    (void)arg;
    stream_write(house.handed, bytes);
}

static void on_stream_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.handed = NULL;
}

static const struct stream_events handed_events = {.on_data = on_stream_data, .on_close = on_stream_close};

static void take_stream(struct rest_request *r, struct stream *s)
{
    assert_slice(r->path, SLICE("/stream"));
    house.handed = s;
    stream_events(s, &handed_events, NULL);
    stream_write(s, SLICE("begun"));
}

static void stream(struct rest_request *r)
{
    rest_reply_stream(r, "text/event-stream", take_stream);
}

static void stream_later(struct rest_request *r)
{
    house.kept = r;
}

static void free_server(struct rest_request *r)
{
    rest_server_free(&house.server);
    rest_reply_empty(r, 200);
}

static const struct rest_route routes[] = {
    {"GET", "/hello", hello, REST_PUBLIC},
    {"POST", "/echo", echo, REST_PUBLIC},
    {"GET", "/later", later, REST_PUBLIC},
    {"GET", "/items/{id}", item, REST_PUBLIC},
    {"DELETE", "/items/{id}", nothing, REST_PUBLIC},
    {"GET", "/big", big, REST_PUBLIC},
    {"GET", "/name", name, REST_PUBLIC},
    {"GET", "/free", free_server, REST_PUBLIC},
    {"GET", "/stream", stream, REST_PUBLIC},
    {"GET", "/stream/later", stream_later, REST_PUBLIC},
    {"GET", "/secret", hello, REST_READ},
    {"POST", "/secret", hello, REST_WRITE},
};

static void authorize(struct rest_request *r)
{
    house.authorize_calls++;
    if (house.authorize_later) {
        house.kept = r;
        return;
    }
    struct slice token = rest_header(r, "Authorization");
    if (token.len == 0)
        rest_authorized(r, UNAUTHORIZED, "Bearer realm=\"test\"");
    else
        rest_authorized(r, r->route->access == REST_READ ? OK : FORBIDDEN, NULL);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    if (house.server)
        rest_server_accept(house.server, s);
    else
        stream_abort(s, CANCELLED);
}

static void open_house(struct rest_limits limits)
{
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = &table,
                                                                .table_count = 1,
                                                                .authorize = authorize,
                                                                .limits = limits});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
}

static int set_up(void **state)
{
    (void)state;
    open_house((struct rest_limits){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    return 0;
}

/* ---- a peer that says exactly what the test says ---- */

struct peer {
    struct stream *stream;
    struct buffer got;
    bool open, closed;
    const char *wanted; /* for has_wanted() */
    size_t count;
};

static void peer_open(void *arg)
{
    ((struct peer *)arg)->open = true;
}

static void peer_data(void *arg, struct slice bytes)
{
    buffer_put(&((struct peer *)arg)->got, bytes);
}

static void peer_close(void *arg, enum status why)
{
    struct peer *p = arg;
    (void)why;
    p->closed = true;
    p->stream = NULL;
}

static const struct stream_events peer_events = {
    .on_open = peer_open, .on_data = peer_data, .on_close = peer_close};

static bool is_open(void *arg)
{
    return ((struct peer *)arg)->open;
}

static bool is_closed(void *arg)
{
    return ((struct peer *)arg)->closed;
}

static size_t times(struct slice in, const char *word)
{
    size_t n = 0;
    struct slice w = slice_of(word);
    for (size_t at; (at = slice_find_slice(in, w)) < in.len; n++)
        in = slice_skip(in, at + w.len);
    return n;
}

static bool has_wanted(void *arg)
{
    struct peer *p = arg;
    return times(buffer_slice(&p->got), p->wanted) >= p->count;
}

static void dial(struct peer *p)
{
    *p = (struct peer){0};
    p->stream = stream_connect(&(struct connect_config){.loop = house.loop,
                                                        .host = "127.0.0.1",
                                                        .port = listener_port(house.listener)},
                               &peer_events, p);
    assert_true(loop_run_until(house.loop, is_open, p, WAIT_MS));
}

static void say(struct peer *p, const char *text)
{
    stream_write(p->stream, slice_of(text));
}

static void expect_times(struct peer *p, const char *word, size_t count)
{
    p->wanted = word;
    p->count = count;
    if (!loop_run_until(house.loop, has_wanted, p, WAIT_MS))
        fail_msg("no '%s' in '%.*s'", word, SLICE_FMT(buffer_slice(&p->got)));
}

static void expect(struct peer *p, const char *word)
{
    expect_times(p, word, 1);
}

static void expect_closed(struct peer *p)
{
    assert_true(loop_run_until(house.loop, is_closed, p, WAIT_MS));
}

static void hang_up(struct peer *p)
{
    if (p->stream) {
        stream_abort(p->stream, CANCELLED);
        expect_closed(p);
    }
    buffer_clear(&p->got);
}

static bool is_kept(void *arg)
{
    (void)arg;
    return house.kept != NULL;
}

static bool first_is_counted(void *arg)
{
    (void)arg;
    return house.server->bodies_bytes >= 200u << 10;
}

static bool no_connections(void *arg)
{
    (void)arg;
    return rest_server_connections(house.server) == 0;
}

#define TEXT_OF(p) buffer_cstr(&(p).got)

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
static void large_bodies_have_a_bound_for_all_together(void **state)
{
    (void)state;
    tear_down(state);
    open_house((struct rest_limits){.bodies_bytes = 300 << 10});
    struct peer first = {0}, second = {0}, third = {0};
    struct buffer part = {0};
    const char *head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 204801\r\n\r\n";
    for (int i = 0; i < 200 << 10; i++)
        buffer_u8(&part, 'a');
    dial(&first);
    say(&first, head);
    say(&first, buffer_cstr(&part));
    assert_true(loop_run_until(house.loop, first_is_counted, NULL, WAIT_MS));
    dial(&second);
    say(&second, head);
    say(&second, buffer_cstr(&part));
    expect(&second, "HTTP/1.1 503 ");
    expect_times(&second, "Retry-After: 1\r\n", 1);
    expect_closed(&second);
    dial(&third);
    say(&third, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nsmall");
    expect(&third, "\r\n\r\nsmall");
    say(&first, "!");
    expect(&first, "HTTP/1.1 200 ");
    expect(&first, "aaa!");
    say(&first, head); /* it was given back */
    say(&first, buffer_cstr(&part));
    say(&first, "?");
    expect(&first, "aaa?");
    hang_up(&first);
    hang_up(&second);
    hang_up(&third);
    buffer_clear(&part);
}

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
        TEST(refuses_what_is_not_there_or_not_so),
        TEST(refuses_a_body_over_the_limit),
        TEST(large_bodies_have_a_bound_for_all_together),
        TEST(refuses_a_head_over_the_limit),
        TEST(refuses_connections_over_the_limit),
        TEST(ends_connections_that_say_too_little),
        TEST(a_slow_head_does_not_get_more_time_by_dripping),
        TEST(answers_for_a_handler_that_is_too_slow),
        TEST(survives_a_peer_that_leaves_before_the_answer),
        TEST(a_request_outlives_the_server),
        TEST(a_handler_may_free_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
