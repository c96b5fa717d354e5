/* Signing in, coming back, and links that die. */
#include "client/device_rig.h"

/* ---- connecting ---- */

static void signs_in_with_a_token_of_its_own(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    assert_false(device_client_connected(t->client));
    hub_heard(t, "CONNECT d/m clean=0 keep=60\n");
    hub_heard(t, "SUBSCRIBE $iothub/twin/res/# $iothub/methods/POST/# "
                 "$iothub/twin/PATCH/properties/desired/# "
                 "devices/d/modules/m/inputs/#\n");
    told(t, "connected\n");
    assert_true(slice_starts(
        buffer_slice(&t->hub.username),
        SLICE("hub.example/d/m/?api-version=2021-04-12&DeviceClientType=millrace%2F")));

    struct sas sas;
    const char *const hosts[] = {"hub.example", NULL};
    assert_int_equal(sas_parse(buffer_slice(&t->hub.password), &sas), OK);
    assert_int_equal(sas_verify(&sas, SLICE(KEY)), OK);
    assert_true(sas_covers(&sas, hosts, SLICE("/devices/d/modules/m")));
    assert_slice(sas.resource, SLICE("hub.example%2Fdevices%2Fd%2Fmodules%2Fm"));
    uint64_t left_ms = sas.expires_ms - loop_wall_ms(t->loop);
    assert_true(left_ms > 3590000 && left_ms <= 3600000);
}

static void speaks_for_another_with_its_own_audience(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.auth_chain = "d/m;e/$edgeHub", c.actor_device_id = "e", c.actor_module_id = "$edgeHub";
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d/m ");
    assert_true(
        slice_ends(buffer_slice(&t->hub.username), SLICE("&auth-chain=d%2Fm%3Be%2F%24edgeHub")));
    struct sas sas;
    assert_int_equal(sas_parse(buffer_slice(&t->hub.password), &sas), OK);
    assert_slice(sas.resource, SLICE("hub.example%2Fdevices%2Fe%2Fmodules%2F%24edgeHub"));
}

static void subscribes_to_what_it_has_callbacks_for(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.events = &few_events, c.module_id = NULL;
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d clean");
    hub_heard(t, "SUBSCRIBE $iothub/twin/res/#\n");
}

static void tries_again_when_it_is_refused(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAUTHORIZED;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "closed\nCONNECT d/m");
    told(t, "refused UNAUTHORIZED\nrefused UNAUTHORIZED\n");
    t->hub.connack = MQTT_CONNACK_ACCEPTED;
    told(t, "connected\n");
    assert_int_equal(t->told.len, 0); /* it never was disconnected */
}

/* Who is only busy has refused nobody. */
static void tells_a_refusal_from_a_hub_that_is_busy(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAVAILABLE;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "closed\nCONNECT d/m");
    assert_int_equal(t->told.len, 0);
    t->hub.connack = MQTT_CONNACK_CREDENTIALS;
    t->frees_in_callback = true;
    told(t, "refused UNAUTHORIZED\n");
    assert_null(t->client);
}

static void gives_back_what_is_not_acknowledged(void **state)
{
    struct test *t = *state;
    connect_up(t);
    assert_int_equal(send(t, "a", 1), OK);
    assert_int_equal(send(t, "b", 2), OK);
    hub_heard(t, "PUBLISH 2 ");
    device_client_recall(t->client);
    told(t, "sent 1 CANCELLED\nsent 2 CANCELLED\n");
    assert_true(device_client_connected(t->client));
    assert_int_equal(send(t, "c", 3), OK);
    hub_heard(t, "PUBLISH 3 ");
    hub_puback(t, 1); /* too late: they are told of already */
    hub_puback(t, 2);
    hub_puback(t, 3);
    told(t, "sent 3 OK\n");
    assert_int_equal(t->told.len, 0);
}

static void tries_again_when_nobody_listens(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    int port = listener_port(t->hub.listener);
    listener_close(&t->hub.listener);
    t->client = device_client_new(&c);
    sim_run(t->sim, sim_now_ms(t->sim) + 100);
    struct listen_config again = {.loop = t->hub_loop,
                                  .host = "0.0.0.0",
                                  .port = port,
                                  .on_accept = on_accept,
                                  .arg = &t->hub};
    assert_int_equal(listener_open(&again, &t->hub.listener), OK);
    told(t, "connected\n");
}

static void gives_up_on_a_hub_that_speaks_nonsense(void **state)
{
    struct test *t = *state;
    static const struct slice nonsense[] = {
        SLICE_INIT("HTTP/1.1 400\r\n"),     SLICE_INIT("\xc0\0"),
        SLICE_INIT("\x20\2\0\0"),           SLICE_INIT("\x40\2\0\0"),
        SLICE_INIT("\x30\xff\xff\xff\x7f"), SLICE_INIT("\x34\5\0\1a\0\1"),
        SLICE_INIT("\x90\3\xff\xff\x05")};
    connect_up(t);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        if (i > 3) /* the back-off grows: start over */
            break;
        stream_write(t->hub.stream, nonsense[i]);
        told(t, "disconnected PEER_FAILED\nconnected\n");
    }
    device_client_free(&t->client);
    hub_heard(t, "DISCONNECT\n");
    for (size_t i = 4; i < sizeof nonsense / sizeof *nonsense; i++) {
        hub_heard(t, "closed\n");
        connect_up(t);
        stream_write(t->hub.stream, nonsense[i]);
        told(t, "disconnected PEER_FAILED\n");
        device_client_free(&t->client);
    }
}

/* ---- with time ---- */

static void pass_time(struct test *t, uint64_t ms)
{
    sim_run(t->sim, sim_now_ms(t->sim) + ms);
}

/* Ten minutes of being refused: quick at first, then twice a minute or three times. */
static void waits_longer_and_longer(void **state)
{
    struct test *t = *state;
    t->hub.connack = MQTT_CONNACK_UNAVAILABLE;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    pass_time(t, 2000);
    assert_in_range(t->hub.connects, 3, 6);
    pass_time(t, 598000);
    assert_in_range(t->hub.connects, 25, 50);
    t->hub.connack = MQTT_CONNACK_ACCEPTED;
    told(t, "connected\n");
    /* A link that lasted makes it quick again, one that did not does not. */
    unsigned before = t->hub.connects;
    pass_time(t, 60000);
    stream_abort(t->hub.stream, CANCELLED);
    pass_time(t, 500);
    assert_int_equal(t->hub.connects, before + 1);
    for (int i = 0; i < 20; i++) {
        pass_time(t, 1000);
        if (t->hub.stream)
            stream_abort(t->hub.stream, CANCELLED);
    }
    assert_in_range(t->hub.connects, before + 4, before + 8);
}

static void renews_its_token_before_it_expires(void **state)
{
    struct test *t = *state;
    connect_up(t);
    struct buffer first = {0};
    buffer_put(&first, buffer_slice(&t->hub.password));
    uint64_t connected_ms = sim_now_ms(t->sim);
    hub_heard(t, "DISCONNECT\nclosed\nCONNECT d/m");
    uint64_t after_ms = sim_now_ms(t->sim) - connected_ms;
    assert_in_range(after_ms, 45 * 60 * 1000, 51 * 60 * 1000);
    told(t, "disconnected CLOSED\nconnected\n");
    assert_false(slice_eq(buffer_slice(&first), buffer_slice(&t->hub.password)));
    buffer_clear(&first);
}

static void notices_a_link_that_is_dead(void **state)
{
    struct test *t = *state;
    connect_up(t);
    send(t, "a", 1);
    hub_heard(t, "PUBLISH 1 ");
    sim_link(t->sim, "site", "hub", false);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "disconnected ");
    assert_true(sim_now_ms(t->sim) - since_ms <= 61000);
    assert_int_equal(send(t, "b", 2), OK);
    pass_time(t, 300000);
    sim_link(t->sim, "site", "hub", true);
    told(t, "connected\n");
    hub_heard(t, "PUBLISH 1 dup " EVENTS " a\nPUBLISH 2 " EVENTS " b\n");
}

static void keeps_a_quiet_link_alive(void **state)
{
    struct test *t = *state;
    connect_up(t);
    pass_time(t, 40 * 60 * 1000);
    assert_int_equal(t->told.len, 0);
    hub_heard(t, "PINGREQ\nPINGREQ\nPINGREQ\n");
}

static void gives_up_on_a_hub_that_says_nothing(void **state)
{
    struct test *t = *state;
    t->hub.mute = true;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT d/m");
    uint64_t since_ms = sim_now_ms(t->sim);
    hub_heard(t, "closed\nCONNECT d/m");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 30000, 32000);
}

static void does_not_wait_for_a_twin_for_ever(void **state)
{
    struct test *t = *state;
    connect_up(t);
    device_client_twin_get(t->client, on_twin, t);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "twin TIMED_OUT \n");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 30000, 30100);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0); /* too late */
    pass_time(t, 1000);
    assert_int_equal(t->told.len, 0);
}

static void waits_for_a_twin_as_long_as_it_was_told(void **state)
{
    struct test *t = *state;
    struct device_client_config c = config(t);
    c.twin_timeout_ms = 5000;
    t->client = device_client_new(&c);
    told(t, "connected\n");
    device_client_twin_get(t->client, on_twin, t);
    uint64_t since_ms = sim_now_ms(t->sim);
    told(t, "twin TIMED_OUT \n");
    assert_in_range(sim_now_ms(t->sim) - since_ms, 5000, 5100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(signs_in_with_a_token_of_its_own),
        TEST(speaks_for_another_with_its_own_audience),
        TEST(subscribes_to_what_it_has_callbacks_for),
        TEST(tries_again_when_it_is_refused),
        TEST(tells_a_refusal_from_a_hub_that_is_busy),
        TEST(gives_back_what_is_not_acknowledged),
        TEST(tries_again_when_nobody_listens),
        TEST(gives_up_on_a_hub_that_speaks_nonsense),
        TEST(waits_longer_and_longer),
        TEST(renews_its_token_before_it_expires),
        TEST(notices_a_link_that_is_dead),
        TEST(keeps_a_quiet_link_alive),
        TEST(gives_up_on_a_hub_that_says_nothing),
        TEST(does_not_wait_for_a_twin_for_ever),
        TEST(waits_for_a_twin_as_long_as_it_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
