/* A device over HTTPS (without its S), and a hub of three routes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/device.h"
#include "client/device_https_message.h"
#include "rest/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct device_client *client;
    struct buffer heard, told, wanted;
    int status;   /* of the next answers to telemetry */
    int messages; /* for the device */
    int accepted; /* connections */
} house;

/* ---- the hub ---- */

static void on_events(struct rest_request *r)
{
    struct slice type = rest_header(r, "Content-Type"), app = rest_header(r, "iothub-app-k");
    bool batch = slice_eq(type, SLICE(DEVICE_HTTPS_BATCH));
    if (batch)
        buffer_printf(&house.heard, "%.*s|", SLICE_FMT(r->body));
    else
        buffer_printf(&house.heard, "%zu bytes k=%.*s|", r->body.len, SLICE_FMT(app));
    rest_reply_empty(r, house.status);
}

static void on_ask(struct rest_request *r)
{
    if (house.messages == 0) {
        rest_reply_empty(r, 204);
        return;
    }
    rest_add_header(r, "ETag", SLICE("\"lock-1\""));
    rest_add_header(r, "iothub-app-color", SLICE("red"));
    rest_reply(r, 200, "application/octet-stream", SLICE("hello"));
}

static void on_complete(struct rest_request *r)
{
    buffer_printf(&house.heard, "complete %.*s|", SLICE_FMT(rest_param(r, "lock")));
    house.messages--;
    rest_reply_empty(r, 204);
}

static const struct rest_route routes[] = {
    {"POST", "/devices/{id}/messages/events", on_events, REST_PUBLIC},
    {"GET", "/devices/{id}/messages/devicebound", on_ask, REST_PUBLIC},
    {"DELETE", "/devices/{id}/messages/devicebound/{lock}", on_complete, REST_PUBLIC},
};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    house.accepted++;
    rest_server_accept(house.server, s);
}

/* ---- the client's user ---- */

static void on_connected(void *arg)
{
    (void)arg;
    buffer_text(&house.told, "connected ");
}

static void on_disconnected(void *arg, enum status why)
{
    (void)arg;
    buffer_printf(&house.told, "disconnected:%s ", status_name(why));
}

static void on_refused(void *arg, enum status why)
{
    (void)arg;
    buffer_printf(&house.told, "refused:%s ", status_name(why));
    device_client_free(&house.client); /* from inside of an answer */
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    (void)arg;
    buffer_printf(&house.told, "%d:%s ", (int)token, status_name(why));
}

static void on_message(void *arg, const struct iot_message *m)
{
    struct slice value = {0};
    (void)arg;
    assert_true(iot_property_find(m->properties, SLICE("color"), &value));
    buffer_printf(&house.told, "message %.*s %.*s ", SLICE_FMT(m->body), SLICE_FMT(value));
}

static const struct device_client_events events = {.on_connected = on_connected,
                                                   .on_disconnected = on_disconnected,
                                                   .on_refused = on_refused,
                                                   .on_sent = on_sent,
                                                   .on_message = on_message};

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .status = 204};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    house.client =
        device_client_new(&(struct device_client_config){.loop = house.loop,
                                                         .host = "127.0.0.1",
                                                         .ways = DEVICE_HTTPS,
                                                         .port = listener_port(house.listener),
                                                         .device_id = "d",
                                                         .key = "a2V5",
                                                         .events = &events});
    return 0;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static int tear_down(void **state)
{
    (void)state;
    bool turned = false;
    device_client_free(&house.client);
    loop_post(house.loop, set, &turned); /* behind what the HTTP client has in the mailbox */
    assert_true(loop_run_until(house.loop, is_set, &turned, WAIT_MS));
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.heard);
    buffer_clear(&house.told);
    return 0;
}

static bool was_told(void *arg)
{
    return strstr(buffer_cstr(&house.told), arg) != NULL;
}

static void wait_for(const char *told)
{
    if (!loop_run_until(house.loop, was_told, (void *)told, WAIT_MS))
        fail_msg("waited for '%s', and was told '%s'", told, buffer_cstr(&house.told));
}

static enum status put(struct slice body, uint64_t token)
{
    struct iot_message m = {.body = body, .properties = SLICE("\0\1k\0\1v")};
    return device_client_send(house.client, &m, token);
}

/* ---- tests ---- */

static void messages_go_in_batches(void **state)
{
    (void)state;
    assert_int_equal(put(SLICE("a"), 1), OK);
    assert_int_equal(put(SLICE("b"), 2), OK);
    wait_for("2:OK ");
    assert_string_equal(
        buffer_cstr(&house.heard),
        "[{\"body\":\"YQ==\",\"base64Encoded\":true,\"properties\":{\"iothub-app-k\":\"v\"}},"
        "{\"body\":\"Yg==\",\"base64Encoded\":true,\"properties\":{\"iothub-app-k\":\"v\"}}]|");
    assert_true(slice_starts(buffer_slice(&house.told), SLICE("connected ")));
}

static void a_large_one_goes_alone(void **state)
{
    (void)state;
    char *large = memory_new(250u << 10);
    memset(large, 'x', 250u << 10);
    assert_int_equal(put(slice_from(large, 250u << 10), 1), OK);
    wait_for("1:OK ");
    assert_string_equal(buffer_cstr(&house.heard), "256000 bytes k=v|");
    free(large);
}

/* The batch is taken apart; each is refused by itself. */
static void what_is_refused_is_told(void **state)
{
    (void)state;
    house.status = 400;
    assert_int_equal(put(SLICE("a"), 1), OK);
    assert_int_equal(put(SLICE("b"), 2), OK);
    wait_for("2:BAD_ARGUMENT ");
    assert_non_null(strstr(buffer_cstr(&house.told), "1:BAD_ARGUMENT 2:BAD_ARGUMENT "));
    house.status = 413;
    assert_int_equal(put(SLICE("c"), 3), OK);
    wait_for("3:TOO_LARGE ");
}

static bool was_asked(void *arg)
{
    (void)arg;
    return house.heard.len > 0;
}

static void what_a_busy_hub_did_not_take_goes_again(void **state)
{
    (void)state;
    house.status = 503;
    assert_int_equal(put(SLICE("a"), 1), OK);
    assert_true(loop_run_until(house.loop, was_asked, NULL, WAIT_MS));
    house.status = 204;
    wait_for("1:OK ");
}

/* Nothing is waited for on the loop: the HTTP client is still the same, with its connections. */
static void a_lost_connection_leaves_the_http_client(void **state)
{
    (void)state;
    assert_int_equal(put(SLICE("a"), 1), OK);
    wait_for("1:OK ");
    house.status = 503;
    assert_int_equal(put(SLICE("b"), 2), OK);
    wait_for("disconnected:BUSY ");
    house.status = 204;
    wait_for("2:OK ");
    assert_in_range(house.accepted, 1, 2); /* it asks for messages, too */
}

static bool all_completed(void *arg)
{
    (void)arg;
    return house.messages == 0;
}

static void messages_are_asked_for_and_completed(void **state)
{
    (void)state;
    house.messages = 2;
    wait_for("message hello red message hello red ");
    assert_true(loop_run_until(house.loop, all_completed, NULL, WAIT_MS));
    assert_true(slice_starts(buffer_slice(&house.heard), SLICE("complete lock-1|")));
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    (void)arg, (void)json;
    buffer_printf(&house.told, "twin:%s ", status_name(why));
}

static void twins_are_not_to_be_had(void **state)
{
    (void)state;
    device_client_twin_get(house.client, on_twin, NULL);
    wait_for("twin:UNSUPPORTED ");
}

static void a_wrong_key_is_refused(void **state)
{
    (void)state;
    house.status = 401;
    assert_int_equal(put(SLICE("a"), 1), OK);
    wait_for("1:CANCELLED "); /* it was freed when it was refused */
    assert_null(house.client);
    assert_non_null(strstr(buffer_cstr(&house.told), "refused:UNAUTHORIZED 1:CANCELLED "));
}

/* 250 KB in base64 are more than a hub takes in a request; as a text they are not. */
static void a_large_text_with_such_properties_is_no_larger_than_it_is(void **state)
{
    (void)state;
    struct arena a = {0};
    struct buffer text = {0}, out = {0};
    struct json_writer w = json_writer(&out);
    struct iot_message m = {.properties = SLICE("\0\1k\0\3\xe2\x82\xac")};
    for (int i = 0; i < 20000; i++)
        buffer_text(&text, "[1,2.5,true]\xe2\x82\xac");
    m.body = buffer_slice(&text);
    device_https_item(&w, &m, &a);
    assert_true(out.len < text.len + 200);
    assert_true(slice_starts(buffer_slice(&out), SLICE("{\"body\":\"[1,2.5,true]")));
    assert_true(slice_find_slice(buffer_slice(&out), SLICE("\"base64Encoded\":false")) < out.len);
    buffer_reset(&out);
    text.at[text.len - 1] = 0xff; /* it would not come back as it was */
    device_https_item(&w, &m, &a);
    assert_true(slice_find_slice(buffer_slice(&out), SLICE("\"base64Encoded\":true")) < out.len);
    buffer_clear(&text);
    buffer_clear(&out);
    arena_clear(&a);
}

/* What cannot stand in a header goes as JSON, and reads back. */
static void properties_that_are_no_headers(void **state)
{
    (void)state;
    struct arena a = {0};
    size_t count;
    struct iot_message m = {.properties = SLICE("\0\1k\0\3\xe2\x82\xac"),
                            .message_id = SLICE("0123456789abcdef"),
                            .message_id_type = IOT_MESSAGE_ID_UUID};
    struct rest_field *fields = device_https_fields(&m, &a, &count);
    assert_int_equal(count, 2);
    assert_slice(fields[0].name, SLICE("iothub-messageid"));
    assert_int_equal(fields[0].value.len, 36);
    assert_false(device_https_fields_ok(fields, count));
    assert_true(device_https_fields_ok(fields, 1));
    arena_clear(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_go_in_batches),
        TEST(a_large_one_goes_alone),
        TEST(what_is_refused_is_told),
        TEST(what_a_busy_hub_did_not_take_goes_again),
        TEST(a_lost_connection_leaves_the_http_client),
        TEST(messages_are_asked_for_and_completed),
        TEST(twins_are_not_to_be_had),
        TEST(a_wrong_key_is_refused),
        cmocka_unit_test(properties_that_are_no_headers),
        cmocka_unit_test(a_large_text_with_such_properties_is_no_larger_than_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
