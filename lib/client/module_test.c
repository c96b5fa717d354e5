#include "client/module.h"

#include <stdio.h>

#include "client/device_double.h"

#include "base/cmocka.h"

struct world {
    struct loop *loop;
    struct module *module;
    struct module_role *role;
    struct module_call *waiting;
    int ended;
    uint64_t sent_token;
    enum status sent;
    char desired[64];
    int rooms;
    struct buffer pieces; /* what came of an answer in pieces */
    struct module_call *giver;
    int taken, answers, status;
};

static void echo(struct module_call *c)
{
    struct buffer out = {0};
    const struct json *v = module_call_payload(c);
    buffer_printf(&out, "%d", v ? (int)json_type(v) : -1);
    module_reply(c, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void refuse(struct module_call *c)
{
    module_reply_error(c, NOT_FOUND, "no such thing");
}

static void on_ended(void *arg)
{
    struct world *w = arg;
    w->ended++;
    w->waiting = NULL;
    loop_stop(w->loop);
}

static void wait(struct module_call *c)
{
    struct world *w = module_call_app(c);
    w->waiting = c;
    module_call_wait(c, on_ended, w);
}

static void large(struct module_call *c)
{
    struct buffer out = {0};
    memset(buffer_reserve(&out, MODULE_RESPONSE_MAX + 1), '1', MODULE_RESPONSE_MAX + 1);
    buffer_added(&out, MODULE_RESPONSE_MAX + 1);
    module_reply(c, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static const struct module_method methods[] = {
    {"Echo", MODULE_V1 | MODULE_V2 | MODULE_PLAIN, echo, 0},
    {"Refuse", MODULE_V2, refuse, 0},
    {"Wait", MODULE_V2, wait, 20},
    {"Large", MODULE_V2, large, 0},
};

static void on_sent(void *app, uint64_t token, enum status why)
{
    struct world *w = app;
    w->sent_token = token;
    w->sent = why;
}

static void on_desired(void *app, const struct json *desired)
{
    struct world *w = app;
    struct slice text = json_string(json_get(desired, "Discovery"));
    snprintf(w->desired, sizeof(w->desired), "%.*s", SLICE_FMT(text));
}

static void on_room(void *app)
{
    ((struct world *)app)->rooms++;
}

static const struct module_role_ops ops = {
    .type = "supervisor",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .on_sent = on_sent,
    .on_desired = on_desired,
    .on_room = on_room,
};

static int setup(void **state)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    struct module_config config = {
        .device = {.loop = w->loop, .device_id = "edge", .module_id = "twin"},
        .version = "1.2.3",
    };
    w->module = module_new(&config);
    w->role = module_add(w->module, &ops, w);
    device_double.twin =
        "{\"desired\":{\"__siteid__\":\"plant\",\"Discovery\":\"Fast\",\"$version\":"
        "1},\"reported\":{\"$version\":1}}";
    module_start(w->module);
    device_double_connect();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    module_free(&w->module);
    loop_free(&w->loop);
    buffer_clear(&w->pieces);
    free(w);
    device_double_reset();
    return 0;
}

static void names_match_with_their_versions_in_any_case(void **state)
{
    (void)state;
    static const char *const good[] = {"Echo_V2", "echo_v1", "ECHO"};
    static const char *const bad[] = {"Echo_V3", "Refuse", "Refuse_V1", "", "Ech"};
    for (size_t i = 0; i < 3; i++) {
        device_double_method(i, good[i], "{}");
        assert_int_equal(device_double.status, 200);
        assert_int_equal(device_double.rid, i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        device_double_method(9, bad[i], "{}");
        assert_int_equal(device_double.status, 405);
    }
}

static void payloads_are_read_or_refused(void **state)
{
    (void)state;
    device_double_method(1, "Echo", "");
    assert_string_equal(buffer_cstr(&device_double.reply), "-1");
    device_double_method(1, "Echo", "null");
    assert_int_equal(atoi(buffer_cstr(&device_double.reply)), JSON_NULL);
    device_double_method(1, "Echo", "\"x\"");
    assert_int_equal(atoi(buffer_cstr(&device_double.reply)), JSON_STRING);
    device_double_method(1, "Echo", "{");
    assert_int_equal(device_double.status, 400);
}

/* ---- answers in pieces ---- */

static void on_piece(void *arg, struct module_call *c, struct slice json)
{
    struct world *w = arg;
    w->giver = c;
    buffer_put(&w->pieces, json);
}

static void on_taken(void *arg)
{
    ((struct world *)arg)->taken++;
}

static void on_whole(void *arg, int status, struct slice json)
{
    struct world *w = arg;
    w->answers++;
    w->status = status;
    buffer_put(&w->pieces, json);
    loop_stop(w->loop);
}

static void who_takes_pieces_gets_one_after_the_other(void **state)
{
    struct world *w = *state;
    module_invoke_pieces(w->module, "test", SLICE("Wait_V2"), SLICE("{}"), on_piece, on_whole, w);
    assert_true(module_call_takes_pieces(w->waiting));
    module_reply_piece(w->waiting, SLICE("[1,"), on_taken, w);
    assert_int_equal(w->taken, 0);
    module_piece_taken(w->giver, false);
    module_reply_piece(w->waiting, SLICE("2,"), on_taken, w);
    module_piece_taken(w->giver, false);
    assert_int_equal(w->taken, 2);
    module_reply(w->waiting, 200, SLICE("3]"));
    loop_run(w->loop);
    assert_int_equal(w->status, 200);
    assert_slice(buffer_slice(&w->pieces), SLICE("[1,2,3]"));
    device_double_method(1, "Wait_V2", "{}");
    assert_false(module_call_takes_pieces(w->waiting));
    module_reply(w->waiting, 200, SLICE("{}"));
}

/* The time of a call is that between its pieces. */
static void a_piece_gives_its_call_time(void **state)
{
    struct world *w = *state;
    module_invoke_pieces(w->module, "test", SLICE("Wait_V2"), SLICE("{}"), on_piece, on_whole, w);
    module_reply_piece(w->waiting, SLICE("["), on_taken, w);
    module_piece_taken(w->giver, false);
    assert_true(module_call_left_ms(w->waiting) > 0);
    loop_run(w->loop);
    assert_int_equal(w->status, 408);
    assert_int_equal(w->ended, 1);
}

static void who_takes_no_more_ends_the_call(void **state)
{
    struct world *w = *state;
    module_invoke_pieces(w->module, "test", SLICE("Wait_V2"), SLICE("{}"), on_piece, on_whole, w);
    module_reply_piece(w->waiting, SLICE("["), on_taken, w);
    module_piece_taken(w->giver, true);
    assert_int_equal(w->ended, 1);
    loop_run(w->loop);
    assert_int_equal(w->status, 410);
    assert_int_equal(w->taken, 0);
    module_invoke_pieces(w->module, "test", SLICE("Wait_V2"), SLICE("{}"), on_piece, on_whole, w);
    module_reply_piece(w->waiting, SLICE("["), on_taken, w);
    module_free(&w->module); /* while a piece is with its caller */
    assert_int_equal(w->answers, 2);
    assert_int_equal(w->status, 410);
}

/* Anything else gets an id of its own: 16 hex digits. */
static void a_call_has_the_callers_id_when_it_can_stand_in_a_log_line(void **state)
{
    struct world *w = *state;
    static const char *const others[] = {"",
                                         "{}",
                                         "7",
                                         "{\"callId\":7}",
                                         "{\"callId\":\"\"}",
                                         "{\"callId\":\"a b\"}",
                                         "{\"callId\":\"a\\nerror\"}",
                                         "{\"callId\":\"0123456789012345678901234567890123456\"}"};
    device_double_method(1, "Wait_V2", "{\"callId\":\"72962B91-fa75-4ae6-8d28-b404dc7daf63\"}");
    assert_string_equal(module_call_id(w->waiting), "72962B91-fa75-4ae6-8d28-b404dc7daf63");
    module_reply(w->waiting, 200, SLICE("{}"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        device_double_method(2, "Wait_V2", others[i]);
        assert_int_equal(strspn(module_call_id(w->waiting), "0123456789abcdef"), 16);
        assert_int_equal(strlen(module_call_id(w->waiting)), 16);
        module_reply(w->waiting, 200, SLICE("{}"));
    }
}

static void errors_are_problem_details(void **state)
{
    (void)state;
    device_double_method(1, "Refuse_V2", "{}");
    assert_int_equal(device_double.status, 404);
    assert_slice(buffer_slice(&device_double.reply),
                 SLICE("{\"type\":\"about:blank\",\"title\":\"NOT_FOUND\",\"status\":404,"
                       "\"detail\":\"no such thing\"}"));
    assert_int_equal(module_status(TIMED_OUT), 408);
    assert_int_equal(module_status(OK), 200);
    assert_int_equal(module_status(LOCK_LOST), 500);
}

static bool takes_no_numbers(struct slice method, const struct json *payload,
                             char why[REST_MODEL_WHY_MAX])
{
    assert_slice(method, SLICE("Echo"));
    snprintf(why, REST_MODEL_WHY_MAX, "a.b: not a string");
    return !json_is(json_get(payload, "a"), JSON_NUMBER);
}

static void what_is_not_of_the_shape_is_refused_with_its_member(void **state)
{
    struct world *w = *state;
    module_set_check(w->module, takes_no_numbers);
    device_double_method(1, "Echo_V2", "{\"a\":1}");
    assert_int_equal(device_double.status, 400);
    assert_slice(buffer_slice(&device_double.reply),
                 SLICE("{\"type\":\"about:blank\",\"title\":\"BAD_ARGUMENT\",\"status\":400,"
                       "\"detail\":\"a.b: not a string\",\"errors\":{\"a.b\":[\"not a string\"]}}"));
    device_double_method(2, "Echo_V2", "{\"a\":\"x\"}");
    assert_int_equal(device_double.status, 200);
}

static void what_does_not_answer_is_answered_in_its_place(void **state)
{
    struct world *w = *state;
    device_double_method(7, "Wait_V2", "{}");
    assert_non_null(w->waiting);
    assert_true(module_call_left_ms(w->waiting) <= 20);
    assert_int_equal(device_double.status, 0);
    loop_run(w->loop);
    assert_int_equal(w->ended, 1);
    assert_int_equal(device_double.status, 408);
    assert_int_equal(device_double.rid, 7);
}

static void a_late_answer_goes_out_while_there_is_time(void **state)
{
    struct world *w = *state;
    device_double_method(7, "Wait_V2", "{}");
    module_reply(w->waiting, 200, SLICE("5"));
    assert_int_equal(device_double.status, 200);
    assert_int_equal(w->ended, 0);
}

static void stopping_ends_what_waits(void **state)
{
    struct world *w = *state;
    device_double_method(7, "Wait_V2", "{}");
    module_free(&w->module);
    assert_int_equal(w->ended, 1);
}

static void calls_and_payloads_have_bounds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODULE_CALLS_MAX; i++)
        device_double_method(i, "Wait_V2", "{}");
    assert_int_equal(device_double.replies, 0);
    device_double_method(9999, "Echo", "{}");
    assert_int_equal(device_double.status, 429);

    char *payload = memory_new(MODULE_PAYLOAD_MAX + 2);
    memset(payload, ' ', MODULE_PAYLOAD_MAX + 1);
    device_double_method(1, "Echo", payload);
    assert_int_equal(device_double.status, 429); /* still full */
    free(payload);
}

static void what_is_too_large_is_413(void **state)
{
    (void)state;
    device_double_method(1, "Large_V2", "{}");
    assert_int_equal(device_double.status, 413);
    char *payload = memory_new(MODULE_PAYLOAD_MAX + 2);
    memset(payload, ' ', MODULE_PAYLOAD_MAX + 1);
    device_double_method(1, "Echo", payload);
    assert_int_equal(device_double.status, 413);
    free(payload);
}

static void reports_who_it_is_and_hears_what_is_desired(void **state)
{
    struct world *w = *state;
    assert_slice(
        buffer_slice(&device_double.reported),
        SLICE("{\"__type__\":\"supervisor\",\"__version__\":\"1.2.3\",\"__siteid__\":\"plant\"}"));
    assert_string_equal(w->desired, "Fast");
    assert_string_equal(module_site(w->module), "plant");
    device_double_desired("{\"Discovery\":\"Off\",\"$version\":2}");
    assert_string_equal(w->desired, "Off");
}

static void reports_are_joined_while_there_is_no_connection(void **state)
{
    struct world *w = *state;
    device_double.client->connected = false;
    buffer_reset(&device_double.reported);
    module_report(w->module, SLICE("{\"a\":{\"x\":1,\"y\":2},\"b\":1}"));
    module_report(w->module, SLICE("{\"a\":{\"y\":null},\"c\":true}"));
    assert_int_equal(device_double.reported.len, 0);
    device_double.twin = NULL;
    device_double_connect();
    assert_slice(buffer_slice(&device_double.reported),
                 SLICE("{\"a\":{\"x\":1,\"y\":null},\"b\":1,\"c\":true,\"__type__\":\"supervisor\","
                       "\"__version__\":\"1.2.3\",\"__siteid__\":\"plant\"}"));
}

static void messages_come_back_to_their_role(void **state)
{
    struct world *w = *state;
    struct iot_message m = {.body = SLICE("hello")};
    assert_int_equal(module_send(w->role, &m, 42), OK);
    assert_slice(buffer_slice(&device_double.bodies[0]), SLICE("hello"));
    device_double_acknowledge(42, OK);
    assert_int_equal(w->sent_token, 42);
    device_double.full = true;
    assert_int_equal(module_send(w->role, &m, 43), FULL);
    device_double.client->config.events->on_room(device_double.client->config.arg);
    assert_int_equal(w->rooms, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_match_with_their_versions_in_any_case),
        TEST(payloads_are_read_or_refused),
        TEST(a_call_has_the_callers_id_when_it_can_stand_in_a_log_line),
        TEST(errors_are_problem_details),
        TEST(what_is_not_of_the_shape_is_refused_with_its_member),
        TEST(what_does_not_answer_is_answered_in_its_place),
        TEST(who_takes_pieces_gets_one_after_the_other),
        TEST(a_piece_gives_its_call_time),
        TEST(who_takes_no_more_ends_the_call),
        TEST(a_late_answer_goes_out_while_there_is_time),
        TEST(stopping_ends_what_waits),
        TEST(calls_and_payloads_have_bounds),
        TEST(what_is_too_large_is_413),
        TEST(reports_who_it_is_and_hears_what_is_desired),
        TEST(reports_are_joined_while_there_is_no_connection),
        TEST(messages_come_back_to_their_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
