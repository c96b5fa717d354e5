#include "mqtt/v5.h"

#include "base/cmocka.h"

static void expect(struct buffer *b, struct slice wanted)
{
    assert_int_equal(b->len, wanted.len);
    assert_memory_equal(b->at, wanted.at, wanted.len);
    buffer_clear(b);
}

static void connects_with_a_session_that_stays(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt_connect c = {.client_id = SLICE("ab"), .keep_alive_s = 60, .clean_session = true};
    mqtt5_connect_encode(&c, 0, &b);
    expect(&b, SLICE("\x10\x0f\0\4MQTT\5\2\0\x3c\0\0\2ab"));
    c.has_username = c.has_password = true;
    c.username = SLICE("u");
    c.password = SLICE("p");
    mqtt5_connect_encode(&c, 3600, &b);
    expect(&b, SLICE("\x10\x1a\0\4MQTT\5\xc2\0\x3c\5\x11\0\0\x0e\x10\0\2ab\0\1u\0\1p"));
}

static void publishes_with_properties(void **state)
{
    (void)state;
    struct buffer b = {0}, list = {0};
    struct mqtt5_publish p = {.base = {.topic = SLICE("t"), .payload = SLICE("x")}};
    mqtt5_publish_encode(&p, &b);
    expect(&b, SLICE("\x30\5\0\1t\0x"));
    assert_true(mqtt5_user_property_put(&list, SLICE("k"), SLICE("v")));
    p.base.qos = MQTT_QOS_2;
    p.base.packet_id = 7;
    p.base.retain = true;
    p.is_text = true;
    p.expiry_s = 9;
    p.content_type = SLICE("c");
    p.user_properties = buffer_slice(&list);
    mqtt5_publish_encode(&p, &b);
    expect(&b, SLICE("\x35\x19\0\1t\0\7\x12\1\1\2\0\0\0\x9\3\0\1c\x26\0\1k\0\1vx"));
    assert_false(mqtt5_user_property_put(&list, (struct slice){list.at, 70000}, SLICE("v")));
    buffer_clear(&list);
}

static void learns_what_the_broker_allows(void **state)
{
    (void)state;
    struct mqtt5_connack c;
    assert_int_equal(mqtt5_connack_decode(SLICE("\0\0\0"), &c), OK);
    assert_int_equal(c.receive_max, 65535);
    assert_int_equal(c.qos_max, 2);
    assert_true(c.retain_available);
    struct slice full =
        SLICE("\1\x87\x15\x21\0\x0a\x24\1\x25\0\x27\0\1\0\0\x13\0\x1e\x1f\0\2no\x2a");
    assert_int_equal(mqtt5_connack_decode(full, &c), BAD_FORMAT); /* a property cut short */
    full = SLICE("\1\x87\x13\x21\0\x0a\x24\1\x25\0\x27\0\1\0\0\x13\0\x1e\x1f\0\1n");
    assert_int_equal(mqtt5_connack_decode(full, &c), OK);
    assert_int_equal(c.reason, 0x87);
    assert_true(c.session_present);
    assert_int_equal(c.receive_max, 10);
    assert_int_equal(c.qos_max, 1);
    assert_false(c.retain_available);
    assert_int_equal(c.packet_max, 65536);
    assert_int_equal(c.keep_alive_s, 30);
    assert_true(slice_eq(c.reason_text, SLICE("n")));
    assert_string_equal(mqtt5_reason_name(c.reason), "not authorized");
    for (size_t len = 0; len < full.len; len++)
        if (len != 2) /* as 3.1.1 answers */
            assert_int_equal(mqtt5_connack_decode(slice_first(full, len), &c), BAD_FORMAT);
    assert_int_equal(mqtt5_connack_decode(SLICE("\0\0\3\x21\0\0"), &c), BAD_FORMAT);
}

static void reads_reasons_of_acknowledgements(void **state)
{
    (void)state;
    struct mqtt5_ack a;
    assert_int_equal(mqtt5_ack_decode(SLICE("\0\7"), &a), OK);
    assert_int_equal(a.reason, 0);
    assert_int_equal(mqtt5_ack_decode(SLICE("\0\7\x10"), &a), OK);
    assert_int_equal(a.reason, 0x10);
    assert_int_equal(mqtt5_ack_decode(SLICE("\0\7\x97\5\x1f\0\2no"), &a), OK);
    assert_int_equal(a.packet_id, 7);
    assert_int_equal(a.reason, 0x97);
    assert_true(slice_eq(a.reason_text, SLICE("no")));
    assert_int_equal(mqtt5_ack_decode(SLICE("\0\7\x97\5\x1f\0\2n"), &a), BAD_FORMAT);
    assert_int_equal(mqtt5_ack_decode(SLICE("\0\0"), &a), BAD_FORMAT);
    assert_int_equal(mqtt5_disconnect_decode(SLICE(""), &a), OK);
    assert_int_equal(mqtt5_disconnect_decode(SLICE("\x8b"), &a), OK);
    assert_string_equal(mqtt5_reason_name(a.reason), "server shutting down");
}

static void a_request_says_where_its_answer_goes(void **state)
{
    (void)state;
    struct mqtt5_publish m = {.base = {.topic = SLICE("a/b"), .payload = SLICE("{}")},
                              .content_type = SLICE("application/json"),
                              .is_text = true,
                              .response_topic = SLICE("me/answers"),
                              .correlation = SLICE("\0\1")},
                         got;
    struct buffer b = {0};
    struct mqtt_packet p;
    mqtt5_user_property_put(&b, SLICE("k"), SLICE("v"));
    struct buffer packet = {0};
    m.user_properties = buffer_slice(&b);
    mqtt5_publish_encode(&m, &packet);
    struct slice bytes = buffer_slice(&packet);
    assert_int_equal(mqtt_packet_next(&bytes, 1000, &p), OK);
    assert_int_equal(mqtt5_publish_decode(p.flags, p.body, &got), OK);
    assert_true(slice_eq(got.base.topic, SLICE("a/b")) && slice_eq(got.base.payload, SLICE("{}")));
    assert_true(slice_eq(got.response_topic, SLICE("me/answers")));
    assert_true(slice_eq(got.correlation, SLICE("\0\1")));
    for (size_t len = 0; len + 2 < p.body.len; len++)
        assert_int_equal(mqtt5_publish_decode(p.flags, slice_first(p.body, len), &got), BAD_FORMAT);
    /* A topic alias was not offered, and QoS 3 is none. */
    assert_int_equal(mqtt5_publish_decode(0, SLICE("\0\1a\3\x23\0\1"), &got), BAD_FORMAT);
    assert_int_equal(mqtt5_publish_decode(6, SLICE("\0\1a\0\1\0"), &got), BAD_FORMAT);
    buffer_clear(&packet);
    buffer_clear(&b);
}

static void subscribes_to_one_filter(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt5_ack a;
    mqtt5_subscribe_encode(7, &(struct mqtt_filter){SLICE("a/#"), MQTT_QOS_0}, &b);
    assert_true(slice_eq(buffer_slice(&b), SLICE("\x82\x09\0\7\0\0\3a/#\0")));
    assert_int_equal(mqtt5_suback_decode(SLICE("\0\7\0\0"), &a), OK);
    assert_int_equal(a.reason, 0);
    assert_int_equal(mqtt5_suback_decode(SLICE("\0\7\5\x1f\0\2no\x87"), &a), OK);
    assert_int_equal(a.reason, 0x87);
    assert_true(slice_eq(a.reason_text, SLICE("no")));
    assert_int_equal(mqtt5_suback_decode(SLICE("\0\7\0"), &a), BAD_FORMAT);
    assert_int_equal(mqtt5_suback_decode(SLICE("\0\7\0\0\0"), &a), BAD_FORMAT);
    buffer_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_with_a_session_that_stays),
        cmocka_unit_test(publishes_with_properties),
        cmocka_unit_test(learns_what_the_broker_allows),
        cmocka_unit_test(reads_reasons_of_acknowledgements),
        cmocka_unit_test(a_request_says_where_its_answer_goes),
        cmocka_unit_test(subscribes_to_one_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
