/* Bodies and answers that come in pieces: how a handler takes them, and that nobody holds them in
 * memory. */
#include "rest/server.h"

#include <stdio.h>

#include "base/cmocka.h"

#define WAIT_MS 20000
#define BODY_MAX (64u << 20)

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_request *request; /* of /take, until it is answered */
    struct buffer body;
    uint64_t bytes; /* of bodies, in all */
    int pieces;
    enum status why; /* how the last body ended */
    bool ended, hold, giving;
} house;

/* ---- handlers ---- */

static void on_piece(void *arg, enum status why, struct slice bytes)
{
    struct rest_request *r = arg;
    house.bytes += bytes.len;
    if (bytes.len > 0 && house.body.len < 4096)
        buffer_put(&house.body, bytes);
    if (why == OK && bytes.len > 0) {
        house.pieces++;
        if (!house.hold)
            rest_body_read(r, on_piece, r);
        return;
    }
    house.ended = !house.giving;
    house.why = why;
    rest_reply(r, why == OK ? 201 : 408, "text/plain", slice_first(buffer_slice(&house.body), 100));
}

static void take(struct rest_request *r)
{
    assert_int_equal(r->body.len, 0);
    house.request = r;
    buffer_reset(&house.body);
    if (!house.hold)
        rest_body_read(r, on_piece, r);
}

static void deny(struct rest_request *r)
{
    rest_reply(r, 403, "text/plain", SLICE("no"));
}

/* Gives its 8 MiB in pieces of 64 KiB. */
#define GIVEN (8u << 20)
#define PIECE (64u << 10)

static void on_room(void *arg, enum status why)
{
    struct rest_request *r = arg;
    static uint8_t piece[PIECE];
    memset(piece, 'g', PIECE);
    if (why != OK || house.bytes == GIVEN) {
        house.ended = true;
        house.why = why;
        rest_reply_end(r);
        return;
    }
    house.bytes += PIECE;
    rest_reply_piece(r, slice_from(piece, PIECE), on_room, r);
}

static void give(struct rest_request *r)
{
    house.giving = true;
    rest_reply_begin(r, 200, "application/octet-stream", GIVEN);
    on_room(r, OK);
}

static void on_short(void *arg, enum status why)
{
    (void)why;
    rest_reply_end(arg);
}

static void fall_short(struct rest_request *r)
{
    rest_reply_begin(r, 200, "text/plain", 10);
    rest_reply_piece(r, SLICE("half"), on_short, r);
}

/* Of a length that nobody knows before. */
static void on_last(void *arg, enum status why)
{
    house.why = why;
    rest_reply_end(arg);
}

static void on_next(void *arg, enum status why)
{
    house.why = why;
    rest_reply_piece(arg, SLICE("second piece of it"), on_last, arg);
}

static void flow(struct rest_request *r)
{
    rest_reply_begin(r, 200, "text/plain", REST_LENGTH_UNKNOWN);
    rest_reply_piece(r, SLICE("first;"), on_next, r);
}

static void on_cut(void *arg, enum status why)
{
    (void)why;
    rest_reply_cut(arg);
}

static void flow_short(struct rest_request *r)
{
    rest_reply_begin(r, 200, "text/plain", REST_LENGTH_UNKNOWN);
    rest_reply_piece(r, SLICE("first;"), on_cut, r);
}

static const struct rest_route routes[] = {
    {"PUT", "/take", take, REST_PUBLIC, .stream_bytes = BODY_MAX},
    {"PUT", "/private", take, REST_READ, .stream_bytes = BODY_MAX},
    {"PUT", "/deny", deny, REST_PUBLIC, .stream_bytes = BODY_MAX},
    {"GET", "/give", give, REST_PUBLIC},
    {"GET", "/short", fall_short, REST_PUBLIC},
    {"GET", "/flow", flow, REST_PUBLIC},
    {"GET", "/flow/short", flow_short, REST_PUBLIC},
};

/* ---- a server, and a peer that says what the test says ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up_with(struct rest_limits limits)
{
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.loop, .tables = &table, .table_count = 1, .limits = limits});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with((struct rest_limits){0});
}

static int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.body);
    return 0;
}

#define PEER_KEEPS 8192
#include "rest/peer_rig.h"

static bool is_over(void *arg)
{
    (void)arg;
    return house.ended;
}

static bool has_request(void *arg)
{
    (void)arg;
    return house.request != NULL;
}

/* ---- bodies ---- */

static void hands_a_body_over_as_it_comes(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    assert_true(loop_run_until(house.loop, has_request, NULL, WAIT_MS));
    assert_false(house.ended);
    say(&p, "defPUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"); /* the next one waits
                                                                                 behind it */
    expect(&p, "\r\n\r\nabcdef");
    expect(&p, "Content-Length: 0\r\n");
    hang_up(&p);
}

static void joins_chunks_and_takes_the_empty_body(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nxyz\r\n2\r\n12\r\n0\r\n\r\n");
    expect(&p, "\r\n\r\nxyz12");
    buffer_reset(&p.got);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    expect(&p, "201 Created");
    hang_up(&p);
}

static void invites_the_body_when_it_is_asked_for(void **state)
{
    (void)state;
    house.hold = true;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_true(loop_run_until(house.loop, has_request, NULL, WAIT_MS));
    assert_int_equal(p.got.len, 0);
    house.hold = false;
    rest_body_read(house.request, on_piece, house.request);
    expect(&p, "100 Continue");
    say(&p, "hi");
    expect(&p, "\r\n\r\nhi");
    hang_up(&p);
}

static bool is_stuck(void *arg)
{
    struct peer *p = arg;
    size_t unsent = stream_unsent(p->stream);
    bool same = unsent > 0 && unsent == p->bytes;
    p->bytes = unsent;
    return same;
}

/* 16 MiB are under way and the handler asks for nothing: the peer is not read from. */
static void does_not_read_what_nobody_asked_for(void **state)
{
    (void)state;
    house.hold = true;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 16777216\r\n\r\n");
    struct buffer some = {0};
    memset(buffer_reserve(&some, 16 << 20), 'x', 16 << 20);
    buffer_added(&some, 16 << 20);
    stream_write(p.stream, buffer_slice(&some));
    buffer_clear(&some);
    assert_true(loop_run_until(house.loop, has_request, NULL, WAIT_MS));
    loop_run_until(house.loop, is_stuck, &p, 100);
    assert_true(stream_unsent(p.stream) > 1 << 20);
    house.hold = false;
    rest_body_read(house.request, on_piece, house.request);
    expect(&p, "201 Created");
    assert_int_equal(house.bytes, 16 << 20);
    assert_true(house.pieces > 16);
    hang_up(&p);
}

static void refuses_before_the_body_and_ends(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "PUT /deny HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc",
        "PUT /private HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc",
        "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 67108865\r\n\r\nabc",
    };
    static const char *const answers[] = {"HTTP/1.1 403", "HTTP/1.1 401", "HTTP/1.1 413"};
    for (int i = 0; i < 3; i++) {
        struct peer p;
        dial(&p);
        say(&p, requests[i]);
        expect(&p, answers[i]);
        expect(&p, "Connection: close\r\n");
        assert_true(loop_run_until(house.loop, is_closed, &p, WAIT_MS));
        hang_up(&p);
    }
    assert_int_equal(house.pieces, 0);
}

static void says_how_a_body_breaks(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nxyz\r\nrubbish\r\n");
    expect(&p, "HTTP/1.1 408");
    assert_int_equal(house.why, BAD_FORMAT);
    hang_up(&p);
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nxyz\r\n4000001\r\n");
    expect(&p, "HTTP/1.1 408");
    assert_int_equal(house.why, TOO_LARGE);
    hang_up(&p);
}

static void tells_the_handler_that_the_peer_left(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    assert_true(loop_run_until(house.loop, has_request, NULL, WAIT_MS));
    hang_up(&p);
    assert_true(loop_run_until(house.loop, is_over, NULL, WAIT_MS));
    assert_int_equal(house.why, CANCELLED);
}

static void tells_the_handler_that_the_peer_is_silent(void **state)
{
    (void)state;
    tear_down(NULL);
    set_up_with((struct rest_limits){.body_ms = 50});
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    expect(&p, "HTTP/1.1 408");
    assert_int_equal(house.why, TIMED_OUT);
    assert_true(loop_run_until(house.loop, is_closed, &p, WAIT_MS));
    hang_up(&p);
}

static void a_reading_handler_outlives_the_server(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    assert_true(loop_run_until(house.loop, has_request, NULL, WAIT_MS));
    rest_server_free(&house.server);
    assert_true(loop_run_until(house.loop, is_over, NULL, WAIT_MS));
    assert_int_equal(house.why, CANCELLED);
    hang_up(&p);
}

/* ---- answers ---- */

static bool got_all(void *arg)
{
    return ((struct peer *)arg)->bytes >= GIVEN;
}

static void gives_no_more_than_the_peer_takes(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    stream_pause(p.stream, true);
    say(&p, "GET /give HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer other;
    dial(&other);
    say(&other, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    expect(&other, "201 Created");
    assert_true(house.bytes < GIVEN);
    stream_pause(p.stream, false);
    assert_true(loop_run_until(house.loop, got_all, &p, WAIT_MS));
    assert_true(loop_run_until(house.loop, is_over, NULL, WAIT_MS));
    assert_int_equal(house.why, OK);
    buffer_reset(&p.got); /* of the head alone: the rest is only counted */
    say(&p,
        "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"); /* the connection goes on */
    expect(&p, "201 Created");
    hang_up(&other);
    hang_up(&p);
}

static void cuts_an_answer_that_falls_short(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_closed, &p, WAIT_MS));
    hang_up(&p);
}

static void gives_no_body_to_head(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "HEAD /short HTTP/1.1\r\nHost: h\r\n\r\nPUT /take HTTP/1.1\r\nHost: "
            "h\r\nContent-Length: 1\r\n\r\nx");
    expect(&p, "201 Created");
    expect(&p, "Content-Length: 10\r\n");
    assert_int_equal(times(buffer_slice(&p.got), "half"), 0);
    hang_up(&p);
}

static void tells_the_giver_that_the_peer_left(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    stream_pause(p.stream, true);
    say(&p, "GET /give HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer other;
    dial(&other);
    say(&other, "PUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    expect(&other, "201 Created");
    hang_up(&p);
    assert_true(loop_run_until(house.loop, is_over, NULL, WAIT_MS));
    assert_int_equal(house.why, CANCELLED);
    hang_up(&other);
}

static void an_answer_of_unknown_length_is_chunks(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /flow HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&p, "\r\n\r\n6\r\nfirst;\r\n12\r\nsecond piece of it\r\n0\r\n\r\n");
    expect(&p, "Transfer-Encoding: chunked\r\n");
    assert_int_equal(times(buffer_slice(&p.got), "Content-Length"), 0);
    buffer_reset(&p.got);
    say(&p, "HEAD /flow HTTP/1.1\r\nHost: h\r\n\r\nPUT /take HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    expect(&p, "201 Created");
    assert_int_equal(times(buffer_slice(&p.got), "first"), 0);
    hang_up(&p);
}

static void who_knows_no_chunks_gets_it_until_the_end(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /flow HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_closed, &p, WAIT_MS));
    expect(&p, "\r\n\r\nfirst;second piece of it");
    expect(&p, "Connection: close\r\n");
    hang_up(&p);
}

static void chunks_that_were_cut_have_no_end(void **state)
{
    (void)state;
    struct peer p;
    dial(&p);
    say(&p, "GET /flow/short HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(loop_run_until(house.loop, is_closed, &p, WAIT_MS));
    assert_int_equal(times(buffer_slice(&p.got), "\r\n0\r\n\r\n"), 0);
    hang_up(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_a_body_over_as_it_comes),
        TEST(joins_chunks_and_takes_the_empty_body),
        TEST(invites_the_body_when_it_is_asked_for),
        TEST(does_not_read_what_nobody_asked_for),
        TEST(refuses_before_the_body_and_ends),
        TEST(says_how_a_body_breaks),
        TEST(tells_the_handler_that_the_peer_left),
        TEST(tells_the_handler_that_the_peer_is_silent),
        TEST(a_reading_handler_outlives_the_server),
        TEST(gives_no_more_than_the_peer_takes),
        TEST(cuts_an_answer_that_falls_short),
        TEST(an_answer_of_unknown_length_is_chunks),
        TEST(who_knows_no_chunks_gets_it_until_the_end),
        TEST(chunks_that_were_cut_have_no_end),
        TEST(gives_no_body_to_head),
        TEST(tells_the_giver_that_the_peer_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
