/* Calls in pieces, against a hub that is a route table with a module behind it that says what it is
 * told to. */
#include "client/service_pieces.h"

#include <stdio.h>

#include "base/encoding.h"
#include "gzip/gzip.h"
#include "rest/server.h"
#include "json/write.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define KEY "c2VjcmV0IGtleSBmb3IgdGVzdHM="

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_client *rest;
    struct service_client *client;
    /* the module: */
    struct buffer request, response; /* compressed */
    uint64_t length;
    size_t sent, piece_bytes;
    int calls, status;
    bool hangs_up;
    const char *says; /* instead of a piece, */
    int says_at;      /* at this call */
    char method[64], id[40];
    /* what the caller got: */
    bool done;
    enum status why;
    int got_status;
    struct buffer got;
} house;

static void put_response_piece(struct json_writer *w)
{
    struct slice piece =
        slice_first(slice_skip(buffer_slice(&house.response), house.sent), house.piece_bytes);
    struct buffer text = {0};
    base64_encode(piece, &text);
    if (house.sent == 0) {
        json_name(w, "length"), json_put_u64(w, house.response.len);
        json_name(w, "status"), json_put_i64(w, house.status);
    }
    house.sent += piece.len;
    if (house.sent < house.response.len)
        json_name(w, "handle"), json_put_text(w, "h1");
    json_name(w, "payload"), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void take_piece(const struct json *piece)
{
    if (house.calls == 1) {
        assert_true(json_u64(json_get(piece, "length"), &house.length));
        assert_null(json_get(piece, "handle"));
        snprintf(house.method, sizeof house.method, "%.*s",
                 SLICE_FMT(json_string(json_get(piece, "method"))));
    } else {
        assert_slice(json_string(json_get(piece, "handle")), SLICE("h1"));
        assert_null(json_get(piece, "method"));
    }
    assert_int_equal(base64_decode(json_string(json_get(piece, "payload")), &house.request), OK);
}

static void method(struct rest_request *r)
{
    struct json_doc *doc;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    house.calls++;
    snprintf(house.id, sizeof house.id, "%s", r->id);
    assert_true(r->body.len < 128 << 10);
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    assert_slice(json_string(json_get(json_root(doc), "methodName")), SLICE("$call"));
    take_piece(json_get(json_root(doc), "payload"));
    json_free(&doc);
    if (house.hangs_up && house.calls == 2) {
        rest_reply_problem(r, 404, NULL);
    } else if (house.says && house.calls == house.says_at) {
        rest_reply_json(r, 200, slice_of(house.says));
    } else {
        json_object(&w);
        json_name(&w, "status"), json_put_u64(&w, 200);
        json_name(&w, "payload"), json_object(&w);
        if (house.request.len < house.length)
            json_name(&w, "handle"), json_put_text(&w, "h1");
        else
            put_response_piece(&w);
        json_end_object(&w), json_end_object(&w);
        rest_reply_json(r, 200, buffer_slice(&out));
    }
    buffer_clear(&out);
}

static const struct rest_route routes[] = {
    {"POST", "/twins/{id}/modules/{module}/methods", method, REST_PUBLIC}};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .status = 200, .piece_bytes = 10000};
    gzip_compress(SLICE("{\"done\":true}"), &house.response);
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    struct listen_config listen = {.loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept};
    assert_int_equal(listener_open(&listen, &house.listener), OK);
    house.rest = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", listener_port(house.listener));
    struct service_client_config config = {
        .loop = house.loop,
        .rest = house.rest,
        .url = url,
        .connection_string = "HostName=h;SharedAccessKeyName=s;SharedAccessKey=" KEY};
    assert_int_equal(service_client_new(&config, &house.client), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.rest);
    service_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.request);
    buffer_clear(&house.response);
    buffer_clear(&house.got);
    return 0;
}

static void on_done(void *arg, enum status why, int status, struct slice payload)
{
    (void)arg;
    house.done = true;
    house.why = why;
    house.got_status = status;
    buffer_put(&house.got, payload);
}

static bool is_done(void *arg)
{
    (void)arg;
    return house.done;
}

static void invoke(struct slice payload)
{
    struct service_method m = {.id = {SLICE("edge"), SLICE("opc")},
                               .name = "PublishList_V2",
                               .payload = payload,
                               .call_id = "call-7"};
    assert_int_equal(service_pieces_invoke(house.client, &m, on_done, NULL), OK);
    assert_true(loop_run_until(house.loop, is_done, NULL, WAIT_MS));
}

/* JSON that does not become much smaller. */
static void put_noise(struct buffer *out, size_t len)
{
    buffer_u8(out, '"');
    for (size_t i = 0; i < len; i++)
        buffer_u8(out, (uint8_t)("0123456789abcdef"[loop_random_u64(house.loop) & 15]));
    buffer_u8(out, '"');
}

static void what_fits_is_one_call(void **state)
{
    (void)state;
    invoke(SLICE("{\"nodeId\":\"i=85\"}"));
    assert_int_equal(house.why, OK);
    assert_int_equal(house.got_status, 200);
    assert_string_equal(buffer_cstr(&house.got), "{\"done\":true}");
    assert_int_equal(house.calls, 1);
    assert_string_equal(house.method, "PublishList_V2");
    assert_string_equal(house.id, "call-7");
    struct buffer asked = {0};
    assert_int_equal(gzip_expand(buffer_slice(&house.request), 1000, &asked), OK);
    assert_string_equal(buffer_cstr(&asked), "{\"nodeId\":\"i=85\"}");
    buffer_clear(&asked);
}

static void large_ones_go_in_pieces_both_ways(void **state)
{
    (void)state;
    struct buffer request = {0}, response = {0}, asked = {0};
    put_noise(&request, 400000);
    put_noise(&response, 100000);
    buffer_reset(&house.response);
    gzip_compress(buffer_slice(&response), &house.response);
    house.status = 201;
    invoke(buffer_slice(&request));
    assert_int_equal(house.why, OK);
    assert_int_equal(house.got_status, 201);
    assert_slice(buffer_slice(&house.got), buffer_slice(&response));
    assert_int_equal(gzip_expand(buffer_slice(&house.request), 1 << 20, &asked), OK);
    assert_slice(buffer_slice(&asked), buffer_slice(&request));
    size_t request_pieces = (house.length + SERVICE_PIECE_BYTES - 1) / SERVICE_PIECE_BYTES;
    size_t response_pieces = (house.response.len + house.piece_bytes - 1) / house.piece_bytes;
    assert_true(request_pieces > 2 && response_pieces > 2);
    assert_int_equal(house.calls, request_pieces + response_pieces - 1);
    buffer_clear(&request);
    buffer_clear(&response);
    buffer_clear(&asked);
}

static void a_module_that_refuses_is_heard(void **state)
{
    (void)state;
    house.says = "{\"status\":408,\"payload\":{\"detail\":\"The handle is not known\"}}";
    house.says_at = 1;
    invoke(SLICE("{}"));
    assert_int_equal(house.why, OK);
    assert_int_equal(house.got_status, 408);
    assert_non_null(strstr(buffer_cstr(&house.got), "handle"));
}

static void a_module_that_goes_ends_it(void **state)
{
    (void)state;
    struct buffer request = {0};
    put_noise(&request, 400000);
    house.hangs_up = true;
    invoke(buffer_slice(&request));
    assert_int_equal(house.why, NOT_FOUND);
    assert_int_equal(house.calls, 2);
    buffer_clear(&request);
}

/* Among them those that would be asked again for ever. */
static void what_is_no_piece_ends_it(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"status\":200,\"payload\":7}",
        "{\"status\":200}",
        "{\"status\":200,\"payload\":{\"handle\":\"h1\"}}",
        "{\"status\":200,\"payload\":{\"handle\":\"h1\",\"length\":5,\"status\":200,\"payload\":"
        "\"\"}}",
        "{\"status\":200,\"payload\":{\"length\":5,\"status\":200,\"payload\":\"AAA=\"}}",
        "{\"status\":200,\"payload\":{\"length\":1,\"status\":200,\"payload\":\"AAA=\"}}",
        "{\"status\":200,\"payload\":{\"length\":2,\"status\":200,\"payload\":\"AAA=\"}}",
        "{\"status\":200,\"payload\":{\"length\":2,\"status\":200,\"payload\":\"?\"}}",
        "{\"status\":200,\"payload\":{\"length\":2,\"status\":7,\"payload\":\"AAA=\"}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        house.says = bad[i];
        house.says_at = 1;
        house.calls = 0;
        house.done = false;
        invoke(SLICE("{}"));
        assert_int_equal(house.why, PEER_FAILED);
        assert_int_equal(house.calls, 1);
    }
    house.says = "{\"status\":200,\"payload\":{\"handle\":\"h1\",\"length\":99999999,\"status\":"
                 "200,\"payload\":\"AAA=\"}}";
    house.done = false;
    house.calls = 0;
    invoke(SLICE("{}"));
    assert_int_equal(house.why, TOO_LARGE);
}

static void who_asks_goes(void **state)
{
    (void)state;
    struct service_method m = {
        .id = {SLICE("edge"), SLICE("opc")}, .name = "X", .payload = SLICE("{}")};
    assert_int_equal(service_pieces_invoke(house.client, &m, on_done, NULL), OK);
    rest_client_free(&house.rest);
    assert_true(house.done);
    assert_int_equal(house.why, CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_fits_is_one_call),          TEST(large_ones_go_in_pieces_both_ways),
        TEST(a_module_that_refuses_is_heard), TEST(a_module_that_goes_ends_it),
        TEST(what_is_no_piece_ends_it),       TEST(who_asks_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
