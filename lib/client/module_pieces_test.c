#include "client/module_pieces.h"

#include <stdio.h>

#include "base/encoding.h"
#include "client/device_double.h"
#include "gzip/gzip.h"
#include "json/write.h"

#include "base/cmocka.h"

struct world {
    struct loop *loop;
    struct module *module;
    int answers, status;
    struct buffer answer;
};

/* Answers with its payload, twice in an array. */
static void echo(struct module_call *c)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_array(&w);
    for (int i = 0; i < 2; i++)
        json_put_value(&w, module_call_payload(c));
    json_end_array(&w);
    module_reply(c, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void refuse(struct module_call *c)
{
    module_reply_error(c, NOT_FOUND, "no such thing");
}

/* Each keeps its method running; the answers come when the test says so. */
static struct module_call *kept[MODULE_CALLS_MAX];
static size_t kept_count;

static void wait_long(struct module_call *c)
{
    kept[kept_count++] = c;
}

static const struct module_method methods[] = {{"Echo", MODULE_V2, echo, 0},
                                               {"Refuse", MODULE_V2, refuse, 0},
                                               {"Wait", MODULE_V2, wait_long, 0}};
static const struct module_role_ops ops = {
    .type = "publisher", .methods = methods, .method_count = 3};

static int set_up(void **state)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->module = module_new(&(struct module_config){
        .device = {.loop = w->loop, .device_id = "edge", .module_id = "publisher"}});
    module_add(w->module, &ops, w);
    module_start(w->module);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    module_free(&w->module);
    loop_free(&w->loop);
    buffer_clear(&w->answer);
    free(w);
    device_double_reset();
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct world *w)
{
    struct loop_timer t = {0};
    loop_timer_start(w->loop, &t, 5, stop, w->loop);
    loop_run(w->loop);
}

static void take(void *arg, int status, struct slice json)
{
    struct world *w = arg;
    w->answers++;
    w->status = status;
    buffer_reset(&w->answer);
    buffer_put(&w->answer, json);
}

static struct json_doc *reply(void)
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&device_double.reply), JSON_STRICT, &doc, NULL), OK);
    return doc;
}

/* One piece as OPC Publisher's client sends it; *handle is of the answer, "" when there is none. */
static void piece(struct world *w, const char *first, struct slice bytes, char handle[40])
{
    struct buffer text = {0};
    buffer_text(&text, "{");
    buffer_text(&text, first);
    if (handle[0])
        buffer_printf(&text, "\"handle\":\"%s\",", handle);
    buffer_text(&text, "\"payload\":\"");
    base64_encode(bytes, &text);
    buffer_text(&text, "\"}");
    device_double_method(7, "$call", buffer_cstr(&text));
    if (device_double.status == 0)
        turn(w); /* the method answers on a later turn */
    struct json_doc *doc = reply();
    snprintf(handle, 40, "%.*s", SLICE_FMT(json_string(json_get(json_root(doc), "handle"))));
    json_free(&doc);
    buffer_clear(&text);
}

static void a_large_call_goes_in_pieces_both_ways(void **state)
{
    struct world *w = *state;
    struct buffer request = {0}, packed = {0}, response = {0}, whole = {0};
    buffer_u8(&request, '"');
    for (int i = 0; i < 300000; i++) /* little can be packed */
        buffer_u8(&request, (uint8_t)("0123456789abcdef"[loop_random_u64(w->loop) & 15]));
    buffer_u8(&request, '"');
    gzip_compress(buffer_slice(&request), &packed);
    char first[200], handle[40] = "";
    snprintf(first, sizeof first,
             "\"method\":\"echo_v2\",\"contentType\":\"application/json\",\"length\":%zu,"
             "\"acceptedSize\":20000,\"timeout\":\"00:00:20\",",
             packed.len);
    size_t pieces = 0;
    for (size_t at = 0; at < packed.len; at += 50000, pieces++)
        piece(w, at ? "" : first, slice_first(slice_skip(buffer_slice(&packed), at), 50000),
              handle);
    assert_true(pieces > 2);
    struct json_doc *doc = reply();
    uint64_t length = 0, status = 0;
    assert_true(json_u64(json_get(json_root(doc), "length"), &length));
    assert_true(json_u64(json_get(json_root(doc), "status"), &status));
    assert_int_equal(status, 200);
    assert_int_equal(base64_decode(json_string(json_get(json_root(doc), "payload")), &response),
                     OK);
    json_free(&doc);
    assert_int_equal(response.len, 20000);
    while (handle[0]) {
        piece(w, "", SLICE(""), handle);
        doc = reply();
        assert_int_equal(base64_decode(json_string(json_get(json_root(doc), "payload")), &response),
                         OK);
        json_free(&doc);
    }
    assert_int_equal(response.len, length);
    assert_int_equal(gzip_expand(buffer_slice(&response), 1 << 20, &whole), OK);
    assert_int_equal(whole.len, 2 * request.len + 3);
    assert_memory_equal(whole.at + 1, request.at, request.len);
    buffer_clear(&request);
    buffer_clear(&packed);
    buffer_clear(&response);
    buffer_clear(&whole);
}

static void a_refusal_comes_with_its_status(void **state)
{
    char handle[40] = "";
    piece(*state, "\"method\":\"Refuse_V2\",\"length\":2,", SLICE("{}"), handle);
    struct json_doc *doc = reply();
    uint64_t status = 0;
    assert_int_equal(device_double.status, 200);
    assert_true(json_u64(json_get(json_root(doc), "status"), &status));
    assert_int_equal(status, 404);
    json_free(&doc);
}

static void what_is_no_piece_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        {"7", 400},
        {"{", 400},
        {"{}", 400},
        {"{\"handle\":\"gone\"}", 408},
        {"{\"method\":\"Echo_V2\"}", 400},
        {"{\"method\":\"Echo_V2\",\"length\":99999999}", 413},
        {"{\"method\":\"Echo_V2\",\"length\":1,\"payload\":\"AAAA\"}", 400},
        {"{\"method\":\"Echo_V2\",\"length\":3,\"payload\":\"!!\"}", 400},
        {"{\"method\":\"Echo_V2\",\"length\":3,\"payload\":\"H4sI\"}",
         400}, /* the beginning of a gzip */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        device_double_method(1, "$CALL", bad[i].text);
        assert_int_equal(device_double.status, bad[i].status);
    }
}

static void so_many_calls_at_once_and_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < MODULE_PIECES_MAX; i++)
        device_double_method(1, "$call",
                             "{\"method\":\"Echo_V2\",\"length\":9,\"payload\":\"AAAA\"}");
    assert_int_equal(device_double.status, 200);
    device_double_method(1, "$call", "{\"method\":\"Echo_V2\",\"length\":9,\"payload\":\"AAAA\"}");
    assert_int_equal(device_double.status, 429);
}

/* Whose method takes its time holds nothing here: only the module's bound of calls counts. */
static void calls_that_run_are_no_calls_that_wait(void **state)
{
    (void)state;
    kept_count = 0;
    for (int i = 0; i < MODULE_CALLS_MAX; i++)
        device_double_method((uint64_t)i, "$call", "{\"method\":\"Wait_V2\",\"length\":2,\"payload\":\"e30=\"}");
    assert_int_equal(kept_count, MODULE_CALLS_MAX);
    device_double_method(1, "$call", "{\"method\":\"Echo_V2\",\"length\":9,\"payload\":\"AAAA\"}");
    assert_int_equal(device_double.status, 200); /* a piece of another call */
    for (size_t i = 0; i < kept_count; i++)
        module_reply(kept[i], 200, SLICE("{}"));
    turn(*state);
}

/* Of a request its whole length counts, before it is there. */
static void so_many_bytes_at_once_and_no_more(void **state)
{
    (void)state;
    for (size_t held = 0; held < MODULE_PIECES_HELD_MAX; held += MODULE_PIECES_BYTES_MAX) {
        device_double_method(1, "$call", "{\"method\":\"Echo_V2\",\"length\":16777216,\"payload\":\"AAAA\"}");
        assert_int_equal(device_double.status, 200);
    }
    device_double_method(1, "$call", "{\"method\":\"Echo_V2\",\"length\":9,\"payload\":\"AAAA\"}");
    assert_int_equal(device_double.status, 429);
}

/* What was done is told to who asks for it, before it is kept for who does not. */
static void a_response_that_nobody_asks_for_makes_room(void **state)
{
    struct world *w = *state;
    struct buffer noise = {0};
    buffer_text(&noise, "\"");
    for (int i = 0; i < 2000; i++)
        buffer_u8(&noise, (uint8_t)("0123456789abcdef"[loop_random_u64(w->loop) & 15]));
    buffer_text(&noise, "\"");
    char first[100], old[40] = "", late[40];
    snprintf(first, sizeof first, "\"method\":\"Echo_V2\",\"length\":%zu,\"acceptedSize\":256,", noise.len);
    piece(w, first, buffer_slice(&noise), old);
    assert_true(old[0]);
    kept_count = 0;
    device_double_method(1, "$call", "{\"method\":\"Wait_V2\",\"length\":2,\"acceptedSize\":256,\"payload\":\"e30=\"}");
    for (int i = 1; i < MODULE_PIECES_MAX; i++)
        device_double_method(1, "$call", "{\"method\":\"Echo_V2\",\"length\":9,\"payload\":\"AAAA\"}");
    module_reply(kept[0], 200, buffer_slice(&noise));
    turn(w);
    struct json_doc *doc = reply();
    snprintf(late, sizeof late, "%.*s", SLICE_FMT(json_string(json_get(json_root(doc), "handle"))));
    json_free(&doc);
    piece(w, "", SLICE(""), late);
    assert_int_equal(device_double.status, 200);
    piece(w, "", SLICE(""), old);
    assert_int_equal(device_double.status, 408);
    buffer_clear(&noise);
}

static void an_unused_handle_is_forgotten(void **state)
{
    char handle[40] = "";
    piece(*state, "\"method\":\"Echo_V2\",\"length\":9,\"timeout\":1,", SLICE("123"), handle);
    assert_true(handle[0]);
    turn(*state);
    piece(*state, "", SLICE("456"), handle);
    assert_int_equal(device_double.status, 408);
}

static void a_call_from_within_is_answered_once_and_later(void **state)
{
    struct world *w = *state;
    module_invoke(w->module, "test", SLICE("echo_v2"), SLICE("{\"a\":1}"), 0, take, w);
    assert_int_equal(w->answers, 0);
    turn(w);
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->status, 200);
    assert_slice(buffer_slice(&w->answer), SLICE("[{\"a\":1},{\"a\":1}]"));
    module_invoke(w->module, "test", SLICE("Nothing"), SLICE(""), 0, take, w);
    turn(w);
    assert_int_equal(w->status, 405);
    module_invoke(w->module, "test", SLICE("Echo_V2"), SLICE("{"), 0, take, w);
    turn(w);
    assert_int_equal(w->status, 400);
    module_invoke(w->module, "test", SLICE("Echo_V2"), SLICE("1"), 0, take, w);
    module_free(&w->module);
    assert_int_equal(w->answers, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_call_goes_in_pieces_both_ways),
        TEST(a_refusal_comes_with_its_status),
        TEST(what_is_no_piece_is_refused),
        TEST(so_many_calls_at_once_and_no_more),
        TEST(calls_that_run_are_no_calls_that_wait),
        TEST(so_many_bytes_at_once_and_no_more),
        TEST(a_response_that_nobody_asks_for_makes_room),
        TEST(an_unused_handle_is_forgotten),
        TEST(a_call_from_within_is_answered_once_and_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
