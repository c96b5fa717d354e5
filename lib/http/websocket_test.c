#include "http/websocket.h"

#include "base/cmocka.h"
#include "http/parser.h"

/* One end, which notes what it was told. */
struct end {
    struct http_websocket *ws;
    struct buffer got; /* messages, each followed by '|' */
    struct buffer out;
    unsigned messages, pieces, pongs;
    uint16_t code;
    bool text;
    uint8_t random;
};

static void on_data(void *arg, struct slice piece, bool text, bool last)
{
    struct end *e = arg;
    buffer_put(&e->got, piece);
    e->pieces++;
    e->text = text;
    if (last) {
        buffer_u8(&e->got, '|');
        e->messages++;
    }
}

static void on_pong(void *arg)
{
    ((struct end *)arg)->pongs++;
}

static void on_close(void *arg, uint16_t code, struct slice reason)
{
    struct end *e = arg;
    e->code = code;
    buffer_put(&e->got, reason);
}

static void random_bytes(void *arg, void *out, size_t len)
{
    struct end *e = arg;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = e->random += 77;
}

static struct end open_end(enum http_websocket_role role, size_t max, struct end *at)
{
    struct http_websocket_config c = {.role = role,
                                      .message_bytes_max = max,
                                      .on_data = on_data,
                                      .on_pong = on_pong,
                                      .on_close = on_close,
                                      .random = random_bytes,
                                      .arg = at};
    return (struct end){.ws = http_websocket_new(&c)};
}

static void close_end(struct end *e)
{
    http_websocket_free(&e->ws);
    buffer_clear(&e->got);
    buffer_clear(&e->out);
}

/* Carries what `from` wrote to `to`, `size` bytes at a time. */
static enum status carry(struct end *from, struct end *to, size_t size)
{
    enum status s = OK;
    for (struct slice rest = buffer_slice(&from->out); rest.len && s == OK;
         rest = slice_skip(rest, size))
        s = http_websocket_feed(to->ws, slice_first(rest, size), &to->out);
    buffer_reset(&from->out);
    return s;
}

static void carries_messages_of_all_sizes_both_ways(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 4096, 65535, 65536, 70000};
    static uint8_t bytes[70000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t max = 0; max <= sizeof bytes; max += sizeof bytes)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct end server = open_end(HTTP_WEBSOCKET_SERVER, max, &server);
            struct end client = open_end(HTTP_WEBSOCKET_CLIENT, max, &client);
            struct end *ends[] = {&server, &client};
            for (int from = 0; from < 2; from++) {
                struct end *to = ends[!from];
                http_websocket_put(ends[from]->ws, slice_from(bytes, sizes[i]), false,
                                   &ends[from]->out);
                assert_int_equal(carry(ends[from], to, sizes[i] < 1000 ? 1 : 3001), OK);
                assert_int_equal(to->messages, 1);
                assert_false(to->text);
                assert_slice(slice_first(buffer_slice(&to->got), sizes[i]),
                             slice_from(bytes, sizes[i]));
                assert_int_equal(to->got.len, sizes[i] + 1);
                if (max)
                    assert_int_equal(to->pieces, 1);
            }
            close_end(&server);
            close_end(&client);
        }
}

static void closes_in_order(void **state)
{
    (void)state;
    struct end server = open_end(HTTP_WEBSOCKET_SERVER, 0, &server);
    struct end client = open_end(HTTP_WEBSOCKET_CLIENT, 0, &client);
    http_websocket_put(client.ws, SLICE("hi"), true, &client.out);
    http_websocket_put_ping(client.ws, &client.out);
    http_websocket_put_close(client.ws, HTTP_WEBSOCKET_GOING_AWAY, SLICE("bye"), &client.out);
    size_t len = client.out.len;
    http_websocket_put(client.ws, SLICE("late"), true, &client.out);
    http_websocket_put_close(client.ws, HTTP_WEBSOCKET_NORMAL, SLICE(""), &client.out);
    assert_int_equal(client.out.len, len);
    assert_int_equal(carry(&client, &server, 1), CLOSED);
    assert_int_equal(server.code, HTTP_WEBSOCKET_GOING_AWAY);
    assert_true(server.text);
    assert_slice(buffer_slice(&server.got), SLICE("hi|bye"));
    assert_int_equal(carry(&server, &client, 1000), CLOSED);
    assert_int_equal(client.pongs, 1);
    assert_int_equal(client.code, HTTP_WEBSOCKET_GOING_AWAY);
    assert_int_equal(http_websocket_feed(server.ws, SLICE("x"), &server.out), CLOSED);
    close_end(&server);
    close_end(&client);
}

/* Masked frames with a zero key: what a client's bytes are without the mask. */
static void joins_fragments_around_a_ping(void **state)
{
    (void)state;
    struct end server = open_end(HTTP_WEBSOCKET_SERVER, 10, &server);
    struct slice frames = SLICE("\x01\x82\0\0\0\0ab"
                                "\x89\x81\0\0\0\0p"
                                "\0\x80\0\0\0\0"
                                "\x80\x81\0\0\0\0c");
    for (size_t i = 0; i < frames.len; i++)
        assert_int_equal(http_websocket_feed(server.ws, slice_from(frames.at + i, 1), &server.out),
                         OK);
    assert_slice(buffer_slice(&server.got), SLICE("abc|"));
    assert_int_equal(server.pieces, 1);
    assert_slice(buffer_slice(&server.out), SLICE("\x8a\1p"));
    close_end(&server);
}

static void server_refuses(struct slice bytes, enum status want, int code)
{
    struct end server = open_end(HTTP_WEBSOCKET_SERVER, 10, &server);
    assert_int_equal(http_websocket_feed(server.ws, bytes, &server.out), want);
    assert_int_equal(http_websocket_feed(server.ws, bytes, &server.out), want);
    assert_int_equal(server.messages, 0);
    if (code) {
        uint8_t close[] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};
        assert_slice(buffer_slice(&server.out), slice_from(close, 4));
    }
    close_end(&server);
}

static void refuses_what_breaks_the_protocol(void **state)
{
    (void)state;
    server_refuses(SLICE("\x82\1a"), BAD_FORMAT, 1002);           /* not masked */
    server_refuses(SLICE("\xc2\x81\0\0\0\0a"), BAD_FORMAT, 1002); /* reserved bit */
    server_refuses(SLICE("\x83\x81\0\0\0\0a"), BAD_FORMAT, 1002); /* reserved opcode */
    server_refuses(SLICE("\x80\x81\0\0\0\0a"), BAD_FORMAT, 1002); /* continues nothing */
    server_refuses(SLICE("\2\x81\0\0\0\0a\x82\x81\0\0\0\0b"), BAD_FORMAT,
                   1002);                                              /* a message inside one */
    server_refuses(SLICE("\x09\x80\0\0\0\0"), BAD_FORMAT, 0);          /* a ping in fragments */
    server_refuses(SLICE("\x82\xfe\0\1\0\0\0\0a"), BAD_FORMAT, 0);     /* length not the shortest */
    server_refuses(SLICE("\x81\x81\0\0\0\0\xff"), BAD_FORMAT, 1007);   /* no UTF-8 */
    server_refuses(SLICE("\x81\x81\0\0\0\0\xc3"), BAD_FORMAT, 1007);   /* cut UTF-8 */
    server_refuses(SLICE("\x88\x82\0\0\0\0\3\xed"), BAD_FORMAT, 1002); /* 1005 on the wire */
    server_refuses(SLICE("\x82\x8b\0\0\0\0a"), TOO_LARGE, 1009);       /* 11 of 10 bytes */
    server_refuses(SLICE("\2\x8a\0\0\0\0aaaaaaaaaa\x80\x81\0\0\0\0b"), TOO_LARGE, 1009);
}

/* A frame's head alone costs no memory, whatever length it announces. */
static void waits_for_what_was_announced(void **state)
{
    (void)state;
    struct end server = open_end(HTTP_WEBSOCKET_SERVER, 0, &server);
    assert_int_equal(
        http_websocket_feed(server.ws, SLICE("\x82\xff\x00\xff\xff\xff\xff\xff\xff\xff\0\0\0\0ab"),
                            &server.out),
        OK);
    assert_slice(buffer_slice(&server.got), SLICE("ab"));
    close_end(&server);
}

static struct http_parser *parsed(enum http_parser_kind kind, struct slice bytes)
{
    struct http_parser *p = http_parser_new(kind, 0);
    assert_int_equal(http_parser_feed(p, &bytes), OK);
    return p;
}

/* RFC 6455 section 1.3. */
static void answers_the_handshake_of_the_rfc(void **state)
{
    (void)state;
    struct http_parser *p = parsed(
        HTTP_PARSER_REQUESTS,
        SLICE(
            "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, MQTT\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"));
    const struct http_message *m = http_parser_message(p);
    static const char *const known[] = {"AMQPWSB10", "mqtt", NULL}, *const none[] = {NULL};
    assert_int_equal(http_websocket_check(m), OK);
    assert_slice(http_websocket_choose(m, known), SLICE("MQTT"));
    assert_slice(http_websocket_choose(m, none), SLICE(""));
    struct buffer out = {0};
    http_websocket_put_accept(&out, m, http_websocket_choose(m, known));
    assert_slice(
        buffer_slice(&out),
        SLICE("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: "
              "MQTT\r\n\r\n"));
    buffer_clear(&out);
    http_parser_free(&p);
}

static void shakes_hands_with_itself(void **state)
{
    (void)state;
    const uint8_t random[16] = {1, 2, 3}, other[16] = {9};
    struct buffer out = {0};
    http_websocket_put_request(&out, SLICE("h:1"), SLICE("/$iothub/websocket"), "mqtt", random);
    struct http_parser *request = parsed(HTTP_PARSER_REQUESTS, buffer_slice(&out));
    assert_int_equal(http_websocket_check(http_parser_message(request)), OK);
    buffer_reset(&out);
    http_websocket_put_accept(&out, http_parser_message(request), SLICE("mqtt"));
    struct http_parser *answer = parsed(HTTP_PARSER_RESPONSES, buffer_slice(&out));
    const struct http_message *m = http_parser_message(answer);
    assert_int_equal(http_websocket_check_accept(m, "mqtt", random), OK);
    assert_int_equal(http_websocket_check_accept(m, "mqtt", other), PEER_FAILED);
    assert_int_equal(http_websocket_check_accept(m, "other", random), PEER_FAILED);
    assert_int_equal(http_websocket_check_accept(m, NULL, random), PEER_FAILED);
    http_parser_free(&answer);
    http_parser_free(&request);
    buffer_clear(&out);
}

static void refuses_bad_handshakes(void **state)
{
    (void)state;
    static const struct {
        struct slice request;
        enum status want;
    } cases[] = {
        {SLICE_INIT("GET / HTTP/1.1\r\n\r\n"), BAD_FORMAT},
        {SLICE_INIT("POST / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nContent-Length: 0\r\n\r\n"),
         BAD_FORMAT},
        {SLICE_INIT("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n"),
         UNSUPPORTED},
        {SLICE_INIT("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"),
         BAD_FORMAT},
        {SLICE_INIT("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n\r\n"),
         BAD_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_parser *p = parsed(HTTP_PARSER_REQUESTS, cases[i].request);
        assert_int_equal(http_websocket_check(http_parser_message(p)), cases[i].want);
        http_parser_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_messages_of_all_sizes_both_ways),
        cmocka_unit_test(closes_in_order),
        cmocka_unit_test(joins_fragments_around_a_ping),
        cmocka_unit_test(refuses_what_breaks_the_protocol),
        cmocka_unit_test(waits_for_what_was_announced),
        cmocka_unit_test(answers_the_handshake_of_the_rfc),
        cmocka_unit_test(shakes_hands_with_itself),
        cmocka_unit_test(refuses_bad_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
