/* What goes to a device over MQTT and what it asks for: twins, methods, messages. */
#include "heads/mqtt_rig.h"

/* ---- twin ---- */

static void answers_twin_requests_with_their_rid(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_1);
    publish(t, "$iothub/twin/GET/?$rid=uu-id", " ", 0);
    publish(t, "$iothub/twin/PATCH/properties/reported/?$rid=2", "{\"a\":1}", 0);
    publish(t, "$iothub/twin/GET/?$rid=3", "", 0);
    send(t);
    told(t, "twin_get\ntwin_report {\"a\":1}\ntwin_get\n");
    struct heads_session *s = t->fake.session;
    s->ops->reported(s, t->fake.tokens[1], OK, 17);
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{}"));
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{}")); /* answered already */
    s->ops->twin(s, t->fake.tokens[2], BUSY, (struct slice){0});
    got(t, "PUBLISH 0 0 $iothub/twin/res/204/?$rid=2&$version=17 \n"
           "PUBLISH 0 0 $iothub/twin/res/200/?$rid=uu-id {}\n"
           "PUBLISH 0 0 $iothub/twin/res/429/?$rid=3 {\"errorCode\":429");
    got(t, "\"trackingId\":");
    got(t, "\"timestampUtc\":");
}

static void refuses_too_many_twin_requests(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_0);
    for (int i = 0; i <= HEADS_MQTT_TWIN_REQUESTS_MAX; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "$iothub/twin/GET/?$rid=%d", i);
        publish(t, topic, "", 0);
    }
    send(t);
    got(t, "PUBLISH 0 0 $iothub/twin/res/429/?$rid=32 ");
}

static void tells_desired_properties_to_subscribers(void **state)
{
    struct test *t = *state;
    connect_device(t);
    struct heads_session *s = t->fake.session;
    s->ops->desired(s, SLICE("{\"before\":1}"), 4);
    subscribe(t, "$iothub/twin/PATCH/properties/desired/#", MQTT_QOS_0);
    told(t, "subscribe desired on\n");
    s->ops->desired(s, SLICE("{\"a\":null,\"$version\":5}"), 5);
    got(t, "PUBLISH 0 0 $iothub/twin/PATCH/properties/desired/?$version=5 "
           "{\"a\":null,\"$version\":5}\n");
    struct mqtt_filter f = {SLICE("$iothub/twin/PATCH/properties/desired/#"), 0};
    mqtt_unsubscribe_encode(6, &f, 1, &t->out);
    send(t);
    got(t, "UNSUBACK 0 6\n");
    told(t, "subscribe desired off\n");
}

/* ---- methods ---- */

static void carries_methods_and_their_replies(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    s->ops->method(s, 1234567890123, SLICE("reboot"), SLICE("{\"in\":5}"));
    s->ops->method(s, 99, SLICE("other"), SLICE(""));
    got(t, "PUBLISH 0 0 $iothub/methods/POST/reboot/?$rid=1 {\"in\":5}\n");
    got(t, "PUBLISH 0 0 $iothub/methods/POST/other/?$rid=2 \n");
    publish(t, "$iothub/methods/res/404/?$rid=2", "null", 7);
    publish(t, "$iothub/methods/res/200/?$rid=1", "{\"ok\":true}", 0);
    publish(t, "$iothub/methods/res/200/?$rid=1", "again", 0);
    publish(t, "$iothub/methods/res/200/?$rid=ff", "forged", 0);
    publish(t, "$iothub/methods/res/200/?$rid=xyz", "forged", 0);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PUBACK 7\nPINGRESP\n");
    assert_slice(buffer_slice(&t->fake.heard),
                 SLICE("method_reply 99 404 null\nmethod_reply 1234567890123 200 {\"ok\":true}\n"));
}

static void answer(struct test *t, uint32_t number)
{
    char topic[64];
    snprintf(topic, sizeof topic, "$iothub/methods/res/200/?$rid=%x", number);
    publish(t, topic, "1", 0);
    send(t);
}

static void remembers_a_slow_method_among_many_quick_ones(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    s->ops->method(s, 7000000, SLICE("slow"), SLICE(""));
    for (uint32_t i = 2; i < 2 * HEADS_CALLS_MAX; i++) {
        char line[64];
        snprintf(line, sizeof line, "method_reply %u 200 1\n", i);
        s->ops->method(s, i, SLICE("quick"), SLICE(""));
        answer(t, i);
        told(t, line);
    }
    answer(t, 1);
    told(t, "method_reply 7000000 200 1\n");
}

static void forgets_the_oldest_of_too_many_methods(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    struct heads_session *s = t->fake.session;
    for (uint32_t i = 1; i <= HEADS_CALLS_MAX + 1; i++)
        s->ops->method(s, i, SLICE("never"), SLICE(""));
    answer(t, 1);
    answer(t, 2);
    told(t, "method_reply 2 200 1\n");
    assert_int_equal(slice_find_slice(buffer_slice(&t->fake.heard), SLICE("method_reply 1 ")),
                     t->fake.heard.len);
}

/* ---- messages ---- */

static void hand_over_acked(struct heads_session *s, uint64_t token, const struct iot_message *m,
                            struct slice ack)
{
    s->ops->message(s, &(struct heads_delivery){.token = token, .message = m, .ack = ack});
}

static void hand_over(struct heads_session *s, uint64_t token, const struct iot_message *m)
{
    hand_over_acked(s, token, m, (struct slice){0});
}

static void delivers_to_inputs_and_reports_acknowledgements(void **state)
{
    struct test *t = *state;
    connect_module(t);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("body"), .input = SLICE("in1"), .message_id = SLICE("7")};
    hand_over(s, 40, &m);
    told(t, "delivered 40 return\n"); /* nobody has subscribed */
    subscribe(t, "devices/d/modules/m/inputs/#", MQTT_QOS_2);
    told(t, "subscribe inputs on\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX);
    hand_over(s, 41, &m);
    hand_over(s, 42, &m);
    got(t, "PUBLISH 1 1 devices/d/modules/m/inputs/in1/%24.mid=7 body\n");
    got(t, "PUBLISH 1 2 devices/d/modules/m/inputs/in1/%24.mid=7 body\n");
    mqtt_packet_id_encode(MQTT_PUBACK, 2, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 2, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 77, &t->out);
    mqtt_packet_id_encode(MQTT_PUBACK, 1, &t->out);
    send(t);
    told(t, "delivered 42 complete\ndelivered 41 complete\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX + 2);
}

static void delivers_to_devices(void **state)
{
    struct test *t = *state;
    connect_device(t);
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_0);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("b"), .to = SLICE("/devices/d/messages/devicebound")};
    hand_over_acked(s, 1, &m, SLICE("full"));
    got(t, "PUBLISH 0 0 devices/d/messages/devicebound/"
           "%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&iothub-ack=full b\n");
    told(t, "delivered 1 complete\n"); /* QoS 0: nobody will say */
    m.to = (struct slice){0};
    hand_over_acked(s, 2, &m, SLICE("none"));
    got(t, "PUBLISH 0 0 devices/d/messages/devicebound/iothub-ack=none b\n");
}

static void go_away(struct test *t)
{
    stream_abort(t->wire.stream, CANCELLED);
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    memset(&t->wire, 0, sizeof(t->wire));
    wire_open(t, &t->wire);
}

static void come_as(struct test *t, bool clean)
{
    struct mqtt_connect c = hello("d", "hub/d/?api-version=2021-04-12");
    c.clean_session = clean;
    mqtt_connect_encode(&c, &t->out);
    send(t);
}

static void a_session_that_is_not_clean_is_found_again(void **state)
{
    struct test *t = *state;
    come_as(t, false);
    got(t, "CONNACK 0 0\n");
    subscribe(t, "$iothub/methods/POST/#", MQTT_QOS_0);
    told(t, "subscribe methods on\n");
    assert_int_equal(t->fake.kept, 0); /* of messages alone */
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_1);
    told(t, "subscribe c2d on\nkeep 2\n");
    go_away(t);

    t->fake.allowed = 0;
    come_as(t, false);
    got(t, "CONNACK 1 0\n");
    told(t, "subscribe c2d on\n");
    assert_int_equal(t->fake.allowed, HEADS_MQTT_DELIVERIES_MAX);
    hand_over(t->fake.session, 1, &(struct iot_message){.body = SLICE("b")});
    got(t, "PUBLISH 1 1 devices/d/messages/devicebound/ b\n");
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_0);
    told(t, "keep 1\n");
    struct mqtt_filter f = {.topic = SLICE("devices/d/messages/devicebound/#")};
    mqtt_unsubscribe_encode(6, &f, 1, &t->out);
    send(t);
    told(t, "subscribe c2d off\nkeep 0\n");
}

static void a_clean_session_forgets(void **state)
{
    struct test *t = *state;
    t->fake.kept = 2;
    come_as(t, true);
    got(t, "CONNACK 0 0\n");
    told(t, "keep 0\n");
    subscribe(t, "devices/d/messages/devicebound/#", MQTT_QOS_1);
    told(t, "subscribe c2d on\n");
    assert_int_equal(t->fake.kept, 0);
}

static void gives_back_what_is_too_much(void **state)
{
    struct test *t = *state;
    connect_module(t);
    subscribe(t, "devices/d/modules/m/#", MQTT_QOS_1);
    struct heads_session *s = t->fake.session;
    struct iot_message m = {.body = SLICE("b"), .input = SLICE("i")};
    for (uint64_t i = 0; i <= HEADS_MQTT_DELIVERIES_MAX; i++)
        hand_over(s, i, &m);
    told(t, "delivered 64 return\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_TIME(name) cmocka_unit_test_setup_teardown(name, setup_sim, teardown)
    const struct CMUnitTest tests[] = {
        TEST(answers_twin_requests_with_their_rid),
        TEST(refuses_too_many_twin_requests),
        TEST(tells_desired_properties_to_subscribers),
        TEST(carries_methods_and_their_replies),
        TEST(remembers_a_slow_method_among_many_quick_ones),
        TEST(forgets_the_oldest_of_too_many_methods),
        TEST(delivers_to_inputs_and_reports_acknowledgements),
        TEST(delivers_to_devices),
        TEST(a_session_that_is_not_clean_is_found_again),
        TEST(a_clean_session_forgets),
        TEST(gives_back_what_is_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
