/* The WebSocket stream in both roles, over the server's upgrade and real sockets. */
#include "rest/websocket.h"

#include <stdlib.h>

#include "base/memory.h"
#include "http/websocket.h"
#include "rest/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct stream *upgraded; /* at the server; NULL when it has ended */
    const char *protocol;
    enum status ended;
    struct buffer got; /* at the server */
    bool echo;
    bool hold; /* the server's stream starts paused */
} house;

static void side_data(void *arg, struct slice bytes)
{
    (void)arg;
    buffer_put(&house.got, bytes);
    if (house.echo)
        stream_write(house.upgraded, bytes);
}

static void side_close(void *arg, enum status why)
{
    (void)arg;
    house.upgraded = NULL;
    house.ended = why;
}

static const struct stream_events side_events = {.on_data = side_data, .on_close = side_close};

static void upgraded(struct rest_request *r, struct stream *s, const char *protocol)
{
    assert_ptr_equal(r->app, &house);
    house.upgraded = s;
    house.protocol = protocol;
    if (house.hold)
        stream_pause(s, true);
    stream_events(s, &side_events, NULL);
}

static const char *const protocols[] = {"mqtt", "AMQPWSB10", NULL};
static const struct rest_upgrade upgrades[] = {
    {"/$iothub/websocket", protocols, REST_PUBLIC, upgraded},
    {"/private", protocols, REST_READ, upgraded},
    {"/text", NULL, REST_PUBLIC, upgraded, REST_WEBSOCKET_TEXT},
    {"/lines", NULL, REST_PUBLIC, upgraded, REST_WEBSOCKET_LINES},
    {"/either", NULL, REST_PUBLIC, upgraded, REST_WEBSOCKET_EITHER},
};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .echo = true};
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.loop, .upgrades = upgrades, .upgrade_count = 5, .app = &house});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.got);
    return 0;
}

/* ---- a client: raw TCP, or a WebSocket stream ---- */

struct peer {
    struct stream *stream;
    struct buffer got;
    bool open;
    enum status ended; /* OK while it lives */
    size_t wanted;
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
    p->ended = why;
    p->stream = NULL;
}

static const struct stream_events peer_events = {
    .on_open = peer_open, .on_data = peer_data, .on_close = peer_close};

static bool is_settled(void *arg)
{
    struct peer *p = arg;
    return p->open || p->ended != OK;
}

static bool is_ended(void *arg)
{
    return ((struct peer *)arg)->ended != OK;
}

static bool has_wanted(void *arg)
{
    struct peer *p = arg;
    return p->got.len >= p->wanted;
}

static bool side_has_ended(void *arg)
{
    (void)arg;
    return house.ended != OK;
}

static struct connect_config address(void)
{
    return (struct connect_config){
        .loop = house.loop, .host = "127.0.0.1", .port = listener_port(house.listener)};
}

static void dial(struct peer *p, const char *target, const char *protocol)
{
    *p = (struct peer){0};
    struct rest_websocket_config config = {
        .connect = address(), .target = target, .protocol = protocol};
    p->stream = rest_websocket_connect(&config, &peer_events, p);
    assert_true(loop_run_until(house.loop, is_settled, p, WAIT_MS));
}

static void dial_raw(struct peer *p)
{
    *p = (struct peer){0};
    struct connect_config config = address();
    p->stream = stream_connect(&config, &peer_events, p);
    assert_true(loop_run_until(house.loop, is_settled, p, WAIT_MS));
}

static void expect_bytes(struct peer *p, size_t count)
{
    p->wanted = count;
    assert_true(loop_run_until(house.loop, has_wanted, p, WAIT_MS));
}

static void hang_up(struct peer *p)
{
    if (p->stream) {
        stream_close(p->stream);
        assert_true(loop_run_until(house.loop, is_ended, p, WAIT_MS));
    }
    buffer_clear(&p->got);
}

/* ---- what must work ---- */

static void carries_bytes_both_ways(void **state)
{
    (void)state;
    struct peer p;
    dial(&p, "/$iothub/websocket?iothub-no-client-cert=true", "mqtt");
    assert_true(p.open);
    assert_string_equal(house.protocol, "mqtt");
    stream_write(p.stream, SLICE("some bytes"));
    expect_bytes(&p, 10);
    assert_slice(buffer_slice(&p.got), SLICE("some bytes"));
    hang_up(&p);
    assert_int_equal(p.ended, CLOSED);
    assert_true(loop_run_until(house.loop, side_has_ended, NULL, WAIT_MS));
    assert_int_equal(house.ended, CLOSED);
}

static bool has_half(void *arg)
{
    return strstr(buffer_cstr(&((struct peer *)arg)->got), "half") != NULL;
}

static bool has_one(void *arg)
{
    return strstr(buffer_cstr(&((struct peer *)arg)->got), "one") != NULL;
}

static bool side_has_both(void *arg)
{
    (void)arg;
    return house.got.len == 4;
}

static bool is_upgraded(void *arg)
{
    (void)arg;
    return house.upgraded != NULL;
}

/* What leaves in one turn, on the wire: each line by itself, or all of it as one message. */
static void lines_are_messages_where_they_are_to_be(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want;
    } rows[] = {{"/lines", "\x81\x03one\x81\x03two\x81\x04" "half"}, {"/text", "\x81\x0cone\ntwo\nhalf"}};
    for (size_t n = 0; n < 2; n++) {
        struct peer p;
        struct buffer request = {0};
        dial_raw(&p);
        buffer_printf(&request,
                      "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                      rows[n].path);
        house.upgraded = NULL;
        stream_write(p.stream, buffer_slice(&request));
        assert_true(loop_run_until(house.loop, is_upgraded, NULL, WAIT_MS));
        stream_write(house.upgraded, SLICE("one\ntwo\n"));
        stream_write(house.upgraded, SLICE("half"));
        assert_true(loop_run_until(house.loop, has_half, &p, WAIT_MS));
        assert_non_null(strstr(buffer_cstr(&p.got), rows[n].want));
        stream_abort(p.stream, CANCELLED);
        assert_true(loop_run_until(house.loop, is_ended, &p, WAIT_MS));
        buffer_clear(&request);
        buffer_clear(&p.got);
    }
}

/* A protocol that begins as text may go on in binary. */
static void either_kind_is_taken_and_the_side_chooses_its_own(void **state)
{
    (void)state;
    struct peer p;
    house.echo = false;
    dial_raw(&p);
    stream_write(p.stream, SLICE("GET /either HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    assert_true(loop_run_until(house.loop, is_upgraded, NULL, WAIT_MS));
    stream_write(p.stream, SLICE("\x81\x82\0\0\0\0hi\x82\x82\0\0\0\0\xff\xfe"));
    assert_true(loop_run_until(house.loop, side_has_both, NULL, WAIT_MS));
    assert_slice(buffer_slice(&house.got), SLICE("hi\xff\xfe"));
    stream_write(house.upgraded, SLICE("one"));
    assert_true(loop_run_until(house.loop, has_one, &p, WAIT_MS));
    rest_websocket_say_binary(house.upgraded);
    stream_write(house.upgraded, SLICE("half"));
    assert_true(loop_run_until(house.loop, has_half, &p, WAIT_MS));
    assert_non_null(strstr(buffer_cstr(&p.got), "\x81\x03one\x82\x04half"));
    stream_abort(p.stream, CANCELLED);
    assert_true(loop_run_until(house.loop, is_ended, &p, WAIT_MS));
    buffer_clear(&p.got);
}

static void carries_megabytes(void **state)
{
    (void)state;
    struct peer p;
    dial(&p, "/$iothub/websocket", "AMQPWSB10");
    size_t len = 3u << 20;
    uint8_t *bytes = memory_new(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    stream_write(p.stream, slice_from(bytes, len));
    expect_bytes(&p, len);
    assert_memory_equal(p.got.at, bytes, len);
    free(bytes);
    hang_up(&p);
}

static void what_is_written_before_it_is_open_is_not_lost(void **state)
{
    (void)state;
    struct peer p = {0};
    struct rest_websocket_config config = {
        .connect = address(), .target = "/$iothub/websocket", .protocol = "mqtt"};
    p.stream = rest_websocket_connect(&config, &peer_events, &p);
    stream_write(p.stream, SLICE("early"));
    expect_bytes(&p, 5);
    assert_slice(buffer_slice(&p.got), SLICE("early"));
    hang_up(&p);
}

/* The handshake, a masked frame of 3 bytes ("abc" under a zero mask) and a ping, all in one write.
 */
#define HANDSHAKE                                                                                  \
    "GET /$iothub/websocket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: foo, mqtt\r\n\r\n"
#define ABC "\x82\x83\0\0\0\0abc"
#define PING "\x89\x81\0\0\0\0p"

static void takes_what_comes_right_behind_the_handshake(void **state)
{
    (void)state;
    struct peer p;
    dial_raw(&p);
    stream_write(p.stream, SLICE(HANDSHAKE ABC PING));
    while (slice_find_slice(buffer_slice(&p.got), SLICE("\x82\3abc")) == p.got.len ||
           slice_find_slice(buffer_slice(&p.got), SLICE("\x8a\1p")) == p.got.len)
        expect_bytes(&p, p.got.len + 1);
    const char *text = buffer_cstr(&p.got);
    assert_non_null(strstr(text, "101 Switching Protocols"));
    assert_non_null(
        strstr(text, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")); /* RFC 6455, 1.3 */
    assert_non_null(strstr(text, "Sec-WebSocket-Protocol: mqtt\r\n"));
    hang_up(&p);
}

static bool is_taken(void *arg)
{
    return stream_unsent(arg) == 0;
}

/* Twice as many bytes as two sockets hold. */
static void a_peer_that_pings_and_does_not_read_costs_no_memory(void **state)
{
    (void)state;
    static const char ping[] = "\x89\xfd\0\0\0\0"; /* and 125 bytes */
    struct buffer pings = {0};
    for (int i = 0; i < 1000; i++) {
        buffer_put(&pings, SLICE(ping));
        buffer_put(&pings, slice_from(HANDSHAKE, 125));
    }
    struct peer p;
    dial_raw(&p);
    stream_write(p.stream, SLICE(HANDSHAKE));
    while (house.upgraded == NULL)
        expect_bytes(&p, p.got.len + 1);
    stream_pause(p.stream, true);
    for (int i = 0; i < 200; i++) {
        stream_write(p.stream, buffer_slice(&pings));
        assert_true(loop_run_until(house.loop, is_taken, p.stream, WAIT_MS));
    }
    assert_in_range(stream_unsent(house.upgraded), 0, STREAM_HIGH_BYTES + (128 << 10));
    stream_pause(p.stream, false);
    hang_up(&p);
    buffer_clear(&pings);
}

static void keeps_what_comes_while_paused(void **state)
{
    (void)state;
    house.hold = true;
    struct peer p;
    dial_raw(&p);
    stream_write(p.stream, SLICE(HANDSHAKE ABC ABC));
    expect_bytes(&p, 100);
    struct peer other; /* time passes */
    dial(&other, "/nowhere", "mqtt");
    assert_int_equal(house.got.len, 0);
    stream_pause(house.upgraded, false);
    while (slice_find_slice(buffer_slice(&p.got), SLICE("abcabc")) == p.got.len &&
           house.got.len < 6)
        expect_bytes(&p, p.got.len + 1);
    assert_slice(buffer_slice(&house.got), SLICE("abcabc"));
    hang_up(&other);
    hang_up(&p);
}

static bool side_has_moved(void *arg)
{
    return *(bool *)arg;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

/* To the same loop: what matters is that nothing gets lost on the way. */
static void move_data(void *arg, struct slice bytes)
{
    struct stream *s = house.upgraded;
    buffer_put(&house.got, bytes);
    if (arg && !*(bool *)arg)
        stream_move(s, house.loop, set_true, arg);
    else
        stream_write(s, SLICE("moved"));
}

static void moves_inside_on_data_without_loss(void **state)
{
    (void)state;
    static const struct stream_events mover = {.on_data = move_data, .on_close = side_close};
    bool moved = false;
    house.hold = true;
    struct peer p;
    dial_raw(&p);
    stream_write(p.stream, SLICE(HANDSHAKE));
    expect_bytes(&p, 100);
    stream_events(house.upgraded, &mover, &moved);
    stream_pause(house.upgraded, false);
    stream_write(p.stream, SLICE(ABC ABC ABC));
    assert_true(loop_run_until(house.loop, side_has_moved, &moved, WAIT_MS));
    while (slice_find_slice(buffer_slice(&p.got), SLICE("moved")) == p.got.len)
        expect_bytes(&p, p.got.len + 1);
    assert_slice(buffer_slice(&house.got), SLICE("abcabcabc"));
    hang_up(&p);
}

/* ---- what must be refused ---- */

static void declines_other_protocols_and_paths(void **state)
{
    (void)state;
    struct peer p;
    dial(&p, "/$iothub/websocket", "graphql");
    assert_false(p.open);
    assert_int_equal(p.ended, PEER_FAILED);
    hang_up(&p);
    dial(&p, "/nowhere", "mqtt");
    assert_int_equal(p.ended, PEER_FAILED);
    hang_up(&p);
    assert_null(house.upgraded);
}

static void asks_who_calls_where_the_path_is_not_public(void **state)
{
    (void)state;
    struct peer p;
    dial(&p, "/private", "mqtt");
    assert_int_equal(p.ended, PEER_FAILED);
    assert_null(house.upgraded);
    hang_up(&p);
}

static void names_the_version_it_wants(void **state)
{
    (void)state;
    struct peer p;
    dial_raw(&p);
    stream_write(p.stream,
                 SLICE("GET /$iothub/websocket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    assert_true(loop_run_until(house.loop, is_ended, &p, WAIT_MS));
    const char *text = buffer_cstr(&p.got);
    assert_non_null(strstr(text, "HTTP/1.1 426 "));
    assert_non_null(strstr(text, "Sec-WebSocket-Version: 13\r\n"));
    hang_up(&p);
}

static void ends_a_peer_that_breaks_the_protocol(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT("\x82\3abc"),                /* not masked */
        SLICE_INIT("\x81\x83\0\0\0\0abc"),      /* text */
        SLICE_INIT("\xf2\x83\0\0\0\0abc"),      /* reserved bits */
        SLICE_INIT("\x80\x83\0\0\0\0abc"),      /* goes on with nothing */
        SLICE_INIT("\x89\xfe\0\x7e\0\0\0\0ab"), /* a ping of 126 bytes */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct peer p;
        house.ended = OK;
        dial_raw(&p);
        stream_write(p.stream, SLICE(HANDSHAKE));
        stream_write(p.stream, bad[i]);
        assert_true(loop_run_until(house.loop, is_ended, &p, WAIT_MS));
        assert_true(loop_run_until(house.loop, side_has_ended, NULL, WAIT_MS));
        assert_int_equal(house.ended, BAD_FORMAT);
        assert_int_equal(house.got.len, 0);
        hang_up(&p);
    }
}

static void say_nothing(void *arg, struct stream *s)
{
    (void)arg;
    static const struct stream_events nobody = {.on_data = peer_data, .on_close = peer_close};
    static struct peer sink;
    stream_events(s, &nobody, &sink);
}

static void does_not_wait_for_a_server_that_says_nothing(void **state)
{
    (void)state;
    struct peer p = {0};
    struct rest_websocket_config config = {
        .connect = address(), .target = "/$iothub/websocket", .protocol = "mqtt"};
    config.connect.timeout_ms = 40;
    struct listener *deaf;
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = say_nothing},
                                   &deaf),
                     OK);
    config.connect.port = listener_port(deaf);
    p.stream = rest_websocket_connect(&config, &peer_events, &p);
    assert_true(loop_run_until(house.loop, is_ended, &p, WAIT_MS));
    assert_int_equal(p.ended, TIMED_OUT);
    listener_close(&deaf);
    hang_up(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_bytes_both_ways),
        TEST(lines_are_messages_where_they_are_to_be),
        TEST(either_kind_is_taken_and_the_side_chooses_its_own),
        TEST(carries_megabytes),
        TEST(what_is_written_before_it_is_open_is_not_lost),
        TEST(takes_what_comes_right_behind_the_handshake),
        TEST(a_peer_that_pings_and_does_not_read_costs_no_memory),
        TEST(keeps_what_comes_while_paused),
        TEST(moves_inside_on_data_without_loss),
        TEST(declines_other_protocols_and_paths),
        TEST(asks_who_calls_where_the_path_is_not_public),
        TEST(names_the_version_it_wants),
        TEST(ends_a_peer_that_breaks_the_protocol),
        TEST(does_not_wait_for_a_server_that_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
