#include "mqtt/publish.h"

#include "base/cmocka.h"

static void decodes_qos1(void **state)
{
    (void)state;
    struct mqtt_publish p;
    assert_int_equal(mqtt_publish_decode(0xb, SLICE("\0\3a/b\0\7hi"), &p), OK);
    assert_slice(p.topic, SLICE("a/b"));
    assert_slice(p.payload, SLICE("hi"));
    assert_true(p.packet_id == 7 && p.qos == MQTT_QOS_1 && p.retain && p.dup);
}

static void decodes_qos0_with_an_empty_payload(void **state)
{
    (void)state;
    struct mqtt_publish p;
    assert_int_equal(mqtt_publish_decode(0, SLICE("\0\1a"), &p), OK);
    assert_true(p.packet_id == 0 && p.qos == MQTT_QOS_0 && !p.retain && !p.dup &&
                p.payload.len == 0);
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++) {
        struct mqtt_publish in = {.topic = SLICE("t/\xc3\xa4"),
                                  .payload = SLICE("x\0y"),
                                  .retain = i & 1,
                                  .qos = i / 2 % 3,
                                  .dup = i / 6 % 2 && i / 2 % 3,
                                  .packet_id = i / 2 % 3 ? 0xabcd : 0},
                            out;
        struct buffer b = {0};
        mqtt_publish_encode(&in, &b);
        struct slice bytes = buffer_slice(&b);
        struct mqtt_packet packet;
        assert_int_equal(mqtt_packet_next(&bytes, 100, &packet), OK);
        assert_int_equal(mqtt_publish_decode(packet.flags, packet.body, &out), OK);
        assert_slice(out.topic, in.topic);
        assert_slice(out.payload, in.payload);
        assert_true(out.qos == in.qos && out.retain == in.retain && out.dup == in.dup &&
                    out.packet_id == in.packet_id);
        if (in.qos) {
            mqtt_publish_set_dup(b.at);
            assert_int_equal(mqtt_publish_decode(b.at[0] & 15, packet.body, &out), OK);
            assert_true(out.dup && out.qos == in.qos);
        }
        buffer_clear(&b);
    }
}

/* Every prefix of a good packet is refused, and none is read past. */
static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    struct slice whole = SLICE("\0\3a/b\0\7");
    for (size_t len = 0; len < whole.len; len++) {
        struct mqtt_publish p;
        assert_int_equal(mqtt_publish_decode(0x2, slice_from(whole.at, len), &p), BAD_FORMAT);
    }
}

static void refuses_what_is_forbidden(void **state)
{
    (void)state;
    struct mqtt_publish p;
    assert_int_equal(mqtt_publish_decode(0x6, SLICE("\0\1a\0\1"), &p), BAD_FORMAT); /* QoS 3 */
    assert_int_equal(mqtt_publish_decode(0x8, SLICE("\0\1a"), &p), BAD_FORMAT); /* DUP of QoS 0 */
    assert_int_equal(mqtt_publish_decode(0x2, SLICE("\0\1a\0\0"), &p), BAD_FORMAT); /* id 0 */
    assert_int_equal(mqtt_publish_decode(0x0, SLICE("\0\0"), &p), BAD_FORMAT);      /* no topic */
    assert_int_equal(mqtt_publish_decode(0x0, SLICE("\0\1\xff"), &p), BAD_FORMAT);  /* no UTF-8 */
    assert_int_equal(mqtt_publish_decode(0x0, SLICE("\0\2a\0"), &p), BAD_FORMAT);   /* U+0000 */
}

static void knows_topics_that_a_broker_refuses(void **state)
{
    (void)state;
    assert_true(mqtt_publish_topic_ok(SLICE("a/b")));
    assert_false(mqtt_publish_topic_ok(SLICE("a/+")));
    assert_false(mqtt_publish_topic_ok(SLICE("a#")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_qos1),
        cmocka_unit_test(decodes_qos0_with_an_empty_payload),
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(refuses_what_is_forbidden),
        cmocka_unit_test(knows_topics_that_a_broker_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
