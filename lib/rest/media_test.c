/* MessagePack at a server's edge, over real sockets: handlers see JSON and write JSON. */
#include "rest/server.h"

#include <stdio.h>

#include "rest/client.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_client *client;
    struct buffer taken; /* what the handler saw, */
    char type[64];       /* and the type that it was told */
    bool admitted_json;  /* what stands before the handler saw the same */
    int told;            /* answers that have left */
    bool at_once;        /* the long one had, when the handler had given it */
} house;

static void take(struct rest_request *r)
{
    buffer_reset(&house.taken);
    buffer_put(&house.taken, r->body);
    snprintf(house.type, sizeof house.type, "%.*s", SLICE_FMT(rest_header(r, "Content-Type")));
    rest_reply_json(r, 200, SLICE("{\"value\":7}"));
}

#define LONG (3u << 19)

/* {"x":"xxx…"} */
static void put_long(struct buffer *out)
{
    buffer_text(out, "{\"x\":\"");
    memset(buffer_reserve(out, LONG), 'x', LONG);
    buffer_added(out, LONG);
    buffer_text(out, "\"}");
}

static void give_long(struct rest_request *r)
{
    struct buffer json = {0};
    int before = house.told;
    put_long(&json);
    rest_reply_json(r, 200, buffer_slice(&json));
    house.at_once = house.told > before;
    buffer_clear(&json);
}

static void on_told(void *app, const struct rest_request *r, int status)
{
    (void)app, (void)r, (void)status;
    house.told++;
}

static void text(struct rest_request *r)
{
    rest_reply(r, 200, "text/plain", SLICE("hello"));
}

static void on_piece(void *arg, enum status why, struct slice bytes)
{
    struct rest_request *r = arg;
    assert_int_equal(why, OK);
    buffer_put(&house.taken, bytes);
    if (bytes.len > 0)
        rest_body_read(r, on_piece, r);
    else
        rest_reply_json(r, 200, SLICE("{}"));
}

static void stream(struct rest_request *r)
{
    buffer_reset(&house.taken);
    rest_body_read(r, on_piece, r);
}

static const struct rest_route routes[] = {
    {"POST", "/take", take, REST_READ},
    {"GET", "/text", text, REST_PUBLIC},
    {"GET", "/long", give_long, REST_PUBLIC},
    {"PUT", "/stream", stream, REST_PUBLIC, .stream_bytes = 1 << 20},
};

static void authorize(struct rest_request *r)
{
    rest_authorized(r, OK, NULL);
}

static void admit(struct rest_request *r)
{
    house.admitted_json = slice_starts(r->body, SLICE("{"));
    rest_admitted(r, OK, NULL);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up_as(bool messagepack, size_t body_bytes)
{
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = &table,
                                                                .table_count = 1,
                                                                .authorize = authorize,
                                                                .admit = admit,
                                                                .limits = {.body_bytes = body_bytes},
                                                                .on_answer = on_told,
                                                                .messagepack = messagepack});
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept};
    assert_int_equal(listener_open(&config, &house.listener), OK);
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_as(true, 1000);
}

static int set_up_large(void **state)
{
    (void)state;
    return set_up_as(true, 4 << 20);
}

static int set_up_without(void **state)
{
    (void)state;
    return set_up_as(false, 1000);
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.taken);
    return 0;
}

static struct answer {
    bool done;
    int status;
    char type[64];
    struct buffer body;
} answer;

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    answer.done = true;
    assert_int_equal(why, OK);
    answer.status = a->status;
    snprintf(answer.type, sizeof answer.type, "%.*s",
             SLICE_FMT(rest_answer_header(a, "Content-Type")));
    buffer_put(&answer.body, a->body);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return answer.done;
}

static void call(const char *method, const char *path, const char *type, const char *accept,
                 struct slice body)
{
    char url[64];
    buffer_clear(&answer.body);
    answer = (struct answer){0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    struct rest_field headers[] = {{SLICE("Content-Type"), slice_of(type)},
                                   {SLICE("Accept"), slice_of(accept)}};
    struct rest_call c = {
        .method = method, .url = url, .headers = headers, .header_count = 2, .body = body};
    assert_int_equal(rest_client_send(house.client, &c, on_answer, NULL), OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
}

static void expect(int status, const char *type, struct slice body)
{
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.type, type);
    assert_slice(buffer_slice(&answer.body), body);
    buffer_clear(&answer.body);
}

#define PACK "application/x-msgpack"
#define JSON "application/json; charset=utf-8"
#define SEVEN SLICE("\x81\xa5value\x07")

static void a_handler_sees_json_and_its_answer_is_packed(void **state)
{
    (void)state;
    call("POST", "/take", PACK, PACK, SLICE("\x81\xa1x\x01"));
    expect(200, PACK, SEVEN);
    assert_string_equal(buffer_cstr(&house.taken), "{\"x\":1}");
    assert_string_equal(house.type, "application/json");
    assert_true(house.admitted_json);
}

/* Each side says for itself what it is. */
static void the_two_directions_are_apart(void **state)
{
    (void)state;
    call("POST", "/take", "application/msgpack", "application/json", SLICE("\x80"));
    expect(200, JSON, SLICE("{\"value\":7}"));
    call("POST", "/take", "application/json", "application/msgpack", SLICE("{}"));
    expect(200, PACK, SEVEN);
    call("POST", "/take", "application/x-msgpack; v=1", "*/*", SLICE("\x80"));
    expect(200, JSON, SLICE("{\"value\":7}"));
    assert_string_equal(buffer_cstr(&house.taken), "{}");
}

static void the_better_wish_counts_and_of_equals_the_first(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *type;
    } wishes[] = {
        {"application/x-msgpack, application/json", PACK},
        {"application/json, application/x-msgpack", JSON},
        {"application/json;q=0.5, application/x-msgpack;q=0.9", PACK},
        {"application/x-msgpack;q=0.5 , */* ; q=0.8", JSON},
        {"application/x-msgpack;q=0", JSON},
        {"application/x-msgpack;q=0.001, text/html;q=0.0", PACK},
        {"Application/X-MsgPack", PACK},
        {"text/html", JSON},
        {",;,", JSON},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        call("POST", "/take", "application/json", wishes[i].accept, SLICE("{}"));
        assert_string_equal(answer.type, wishes[i].type);
    }
    buffer_clear(&answer.body);
}

static void what_is_no_messagepack_is_a_problem(void **state)
{
    (void)state;
    call("POST", "/take", PACK, PACK, SLICE("\x81\x01"));
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.type, "application/problem+json");
    assert_non_null(strstr(buffer_cstr(&answer.body), "a member's name that is no string"));
    uint8_t nils[600] = {0xdc, 2, 0x55}; /* 597 of them: 3 KB of JSON */
    memset(nils + 3, 0xc0, sizeof nils - 3);
    call("POST", "/take", PACK, PACK, slice_from(nils, sizeof nils));
    assert_int_equal(answer.status, 413);
    assert_int_equal(house.taken.len, 0);
    buffer_clear(&answer.body);
}

static void other_answers_and_streams_stay_as_they_are(void **state)
{
    (void)state;
    call("GET", "/text", PACK, PACK, (struct slice){0});
    expect(200, "text/plain", SLICE("hello"));
    call("PUT", "/stream", PACK, "application/json", SLICE("\x81\x01"));
    expect(200, JSON, SLICE("{}"));
    assert_slice(buffer_slice(&house.taken), SLICE("\x81\x01"));
}

static void a_server_without_it_takes_any_bytes(void **state)
{
    (void)state;
    call("POST", "/take", PACK, PACK, SLICE("\x80"));
    expect(200, JSON, SLICE("{\"value\":7}"));
    assert_slice(buffer_slice(&house.taken), SLICE("\x80"));
    assert_string_equal(house.type, PACK);
}

/* {"x":"xxx…"} in MessagePack. */
static void put_long_packed(struct buffer *out)
{
    static const uint8_t head[] = {0x81, 0xa1, 'x', 0xdb, LONG >> 24, LONG >> 16 & 0xff, LONG >> 8 & 0xff, LONG & 0xff};
    buffer_put(out, slice_from(head, sizeof head));
    memset(buffer_reserve(out, LONG), 'x', LONG);
    buffer_added(out, LONG);
}

/* So that nobody else waits for it: after the handler's turn, and before the next one's. */
static void what_is_long_is_turned_by_another_thread(void **state)
{
    (void)state;
    struct buffer json = {0}, packed = {0};
    put_long(&json);
    put_long_packed(&packed);
    call("GET", "/long", JSON, PACK, (struct slice){0});
    assert_false(house.at_once);
    expect(200, PACK, buffer_slice(&packed));
    call("GET", "/long", JSON, JSON, (struct slice){0});
    assert_true(house.at_once);
    expect(200, JSON, buffer_slice(&json));
    call("POST", "/take", PACK, PACK, buffer_slice(&packed));
    expect(200, PACK, SEVEN);
    assert_slice(buffer_slice(&house.taken), buffer_slice(&json));
    assert_true(house.admitted_json);
    packed.at[3] = 0xc1; /* no type has this */
    call("POST", "/take", PACK, PACK, buffer_slice(&packed));
    assert_int_equal(answer.status, 400);
    buffer_clear(&answer.body);
    buffer_clear(&json);
    buffer_clear(&packed);
}

static void on_lost(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg, (void)why, (void)a;
}

static bool has_told_and_no_peer(void *arg)
{
    (void)arg;
    if (house.at_once == false && house.client)
        rest_client_free(&house.client);
    return house.told == 1 && rest_server_connections(house.server) == 0;
}

static void who_goes_before_it_is_turned_does_no_harm(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/long", listener_port(house.listener));
    struct rest_field headers[] = {{SLICE("Accept"), SLICE(PACK)}};
    house.at_once = true;
    assert_int_equal(rest_client_send(house.client, &(struct rest_call){.method = "GET", .url = url, .headers = headers, .header_count = 1},
                                      on_lost, NULL), OK);
    assert_true(loop_run_until(house.loop, has_told_and_no_peer, NULL, WAIT_MS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_handler_sees_json_and_its_answer_is_packed),
        TEST(the_two_directions_are_apart),
        TEST(the_better_wish_counts_and_of_equals_the_first),
        TEST(what_is_no_messagepack_is_a_problem),
        TEST(other_answers_and_streams_stay_as_they_are),
        cmocka_unit_test_setup_teardown(a_server_without_it_takes_any_bytes, set_up_without,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_long_is_turned_by_another_thread, set_up_large, tear_down),
        cmocka_unit_test_setup_teardown(who_goes_before_it_is_turned_does_no_harm, set_up_large, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
