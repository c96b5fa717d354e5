/* Telemetry: what becomes of each message, windows, and callbacks that send or free. */
#include "client/device_rig.h"

#include "base/shared.h"

/* ---- telemetry ---- */

static void tells_what_became_of_each_message(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer list = {0};
    iot_property_put(&list, SLICE("k y"), SLICE("v"));
    struct iot_message m = {.body = SLICE("one"),
                            .message_id = SLICE("1"),
                            .output = SLICE("out"),
                            .content_type = SLICE("application/json"),
                            .properties = buffer_slice(&list)};
    assert_int_equal(device_client_send(t->client, &m, 11), OK);
    buffer_clear(&list);
    assert_int_equal(send(t, "two", 12), OK);
    hub_heard(t,
              "PUBLISH 1 " EVENTS "%24.mid=1&%24.ct=application%2Fjson&%24.on=out&k%20y=v one\n");
    hub_heard(t, "PUBLISH 2 " EVENTS " two\n");
    assert_int_equal(t->told.len, 0);
    hub_puback(t, 2);
    hub_puback(t, 1);
    told(t, "sent 11 OK\nsent 12 OK\n");
}

static void refuses_what_would_never_pass(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer big = {0};
    memset(buffer_reserve(&big, IOT_MESSAGE_MAX + 1), 'x', IOT_MESSAGE_MAX + 1);
    buffer_added(&big, IOT_MESSAGE_MAX + 1);
    struct iot_message m = {.body = buffer_slice(&big)};
    assert_int_equal(device_client_send(t->client, &m, 1), TOO_LARGE);
    m = (struct iot_message){.content_type = slice_first(buffer_slice(&big), 70000)};
    assert_int_equal(device_client_send(t->client, &m, 1), TOO_LARGE);
    m = (struct iot_message){.subject = SLICE("\xff")};
    assert_int_equal(device_client_send(t->client, &m, 1), BAD_ARGUMENT);
    struct buffer list = {0};
    iot_property_put(&list, SLICE("a"), SLICE("\0"));
    m = (struct iot_message){.properties = buffer_slice(&list)};
    assert_int_equal(device_client_send(t->client, &m, 1), BAD_ARGUMENT);
    buffer_clear(&list);
    m = (struct iot_message){.body = slice_first(buffer_slice(&big), IOT_MESSAGE_MAX)};
    assert_int_equal(device_client_send(t->client, &m, 2), OK);
    hub_heard(t, "PUBLISH 1 " EVENTS);
    hub_puback(t, 1);
    told(t, "sent 2 OK\n");
    buffer_clear(&big);
}

/* What was not acknowledged comes again, in order, and before what is new. */
static void sends_again_after_a_reconnection(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(send(t, "x", (uint64_t)i), OK);
    hub_heard(t, "PUBLISH 4 ");
    hub_puback(t, 1);
    hub_puback(t, 3);
    told(t, "sent 1 OK\n");
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "disconnected ");
    assert_int_equal(send(t, "new", 5), OK); /* while it is away */
    hub_heard(t, "CONNECT ");
    hub_heard(t,
              "PUBLISH 2 dup " EVENTS " x\nPUBLISH 4 dup " EVENTS " x\nPUBLISH 5 " EVENTS " new\n");
    for (uint16_t id = 1; id <= 5; id++)
        hub_puback(t, id); /* some for the second time */
    told(t, "sent 2 OK\nsent 3 OK\nsent 4 OK\nsent 5 OK\n");
}

/* The owner lets go of it at once: the client holds it, and needs no copy. */
static void holds_a_shared_body_until_it_is_acknowledged(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer bytes = {0};
    buffer_text(&bytes, "shared");
    struct shared *body = shared_new(&bytes);
    struct iot_message m = {.body = buffer_slice(&body->bytes), .owner = body};
    assert_int_equal(device_client_send(t->client, &m, 1), OK);
    assert_int_equal(body->refs, 2);
    hub_heard(t, "PUBLISH 1 " EVENTS " shared\n");
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "disconnected ");
    hub_heard(t, "CONNECT ");
    hub_heard(t, "PUBLISH 1 dup " EVENTS " shared\n");
    hub_puback(t, 1);
    told(t, "sent 1 OK\n");
    assert_int_equal(body->refs, 1);
    shared_unref(&body);
}

static void has_a_window(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (uint64_t i = 0; i < DEVICE_CLIENT_WINDOW; i++)
        assert_int_equal(send(t, "x", i), OK);
    assert_int_equal(send(t, "x", 9999), FULL);
    hub_heard(t, "PUBLISH 1024 ");
    for (uint16_t id = 1; id < 200; id++)
        hub_puback(t, id);
    told(t, "sent 198 OK\n");
    assert_int_equal(t->told.len, 0); /* no room told yet: who waits gets a batch */
    for (uint16_t id = 200; id <= 300; id++)
        hub_puback(t, id);
    told(t, "sent 299 OK\nroom\n");
    assert_int_equal(send(t, "x", 9999), OK);
}

static void has_a_window_of_bytes(void **state)
{
    struct test *t = *state;
    t->hub.pubacks = true;
    connect_up(t);
    struct buffer big = {0};
    memset(buffer_reserve(&big, IOT_MESSAGE_MAX), 'x', IOT_MESSAGE_MAX);
    buffer_added(&big, IOT_MESSAGE_MAX);
    struct iot_message m = {.body = buffer_slice(&big)};
    unsigned sent = 0;
    while (device_client_send(t->client, &m, sent) == OK)
        sent++;
    assert_in_range(sent, DEVICE_CLIENT_WINDOW_BYTES / IOT_MESSAGE_MAX - 1,
                    DEVICE_CLIENT_WINDOW_BYTES / IOT_MESSAGE_MAX);
    told(t, "room\n");
    told(t, "sent 62 OK\n");
    buffer_clear(&big);
}

static void cancels_what_is_left_when_it_is_freed(void **state)
{
    struct test *t = *state;
    connect_up(t);
    send(t, "a", 1);
    send(t, "b", 2);
    device_client_twin_get(t->client, on_twin, t);
    device_client_free(&t->client);
    assert_null(t->client);
    assert_slice(buffer_slice(&t->told),
                 SLICE("sent 1 CANCELLED\nsent 2 CANCELLED\ntwin CANCELLED \n"));
    hub_heard(t, "DISCONNECT\nclosed\n");
}

static void may_be_freed_in_its_callbacks(void **state)
{
    struct test *t = *state;
    connect_up(t);
    t->frees_in_callback = true;
    send(t, "a", 1);
    send(t, "b", 2);
    hub_heard(t, "PUBLISH 2 ");
    hub_puback(t, 1);
    hub_puback(t, 2);
    told(t, "sent 1 OK\nsent 2 CANCELLED\n");
    hub_heard(t, "closed\n");

    t->frees_in_callback = false;
    connect_up(t);
    t->frees_in_callback = true;
    device_client_twin_get(t->client, on_twin, t);
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "twin OFFLINE \ndisconnected ");
    assert_null(t->client);
}

static void may_be_sent_to_in_its_callbacks(void **state)
{
    struct test *t = *state;
    connect_up(t);
    t->sends_in_callback = true;
    send(t, "a", 1);
    hub_heard(t, "PUBLISH 1 ");
    hub_puback(t, 1);
    hub_heard(t, "PUBLISH 2 " EVENTS " more\n");
    hub_puback(t, 2);
    told(t, "sent 1 OK\nsent 101 OK\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tells_what_became_of_each_message),
        TEST(refuses_what_would_never_pass),
        TEST(sends_again_after_a_reconnection),
        TEST(holds_a_shared_body_until_it_is_acknowledged),
        TEST(has_a_window),
        TEST(has_a_window_of_bytes),
        TEST(cancels_what_is_left_when_it_is_freed),
        TEST(may_be_freed_in_its_callbacks),
        TEST(may_be_sent_to_in_its_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
