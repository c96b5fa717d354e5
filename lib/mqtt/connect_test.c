#include "mqtt/connect.h"

#include "base/cmocka.h"

static const struct mqtt_connect full = {
    .client_id = SLICE_INIT("d/m"),
    .username = SLICE_INIT("hub/d/m/?api-version=2021-04-12"),
    .password = SLICE_INIT("SharedAccessSignature sr"),
    .will_topic = SLICE_INIT("devices/d/messages/events/"),
    .will_payload = SLICE_INIT("gone\0"),
    .keep_alive_s = 180,
    .will_qos = MQTT_QOS_1,
    .has_username = true,
    .has_password = true,
    .has_will = true,
    .will_retain = true,
    .clean_session = true,
};

static struct slice encoded(const struct mqtt_connect *c, struct buffer *b)
{
    buffer_reset(b);
    mqtt_connect_encode(c, b);
    struct slice bytes = buffer_slice(b);
    struct mqtt_packet p;
    assert_int_equal(mqtt_packet_next(&bytes, 1000, &p), OK);
    assert_int_equal(p.type, MQTT_CONNECT);
    assert_int_equal(bytes.len, 0);
    return p.body;
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt_connect c;
    assert_int_equal(mqtt_connect_decode(encoded(&full, &b), &c), OK);
    assert_slice(c.client_id, full.client_id);
    assert_slice(c.username, full.username);
    assert_slice(c.password, full.password);
    assert_slice(c.will_topic, full.will_topic);
    assert_slice(c.will_payload, full.will_payload);
    assert_true(c.has_username && c.has_password && c.has_will && c.will_retain && c.clean_session);
    assert_int_equal(c.will_qos, MQTT_QOS_1);
    assert_int_equal(c.keep_alive_s, 180);

    struct mqtt_connect least = {.client_id = SLICE("d")};
    assert_int_equal(mqtt_connect_decode(encoded(&least, &b), &c), OK);
    assert_true(!c.has_username && !c.has_password && !c.has_will && !c.clean_session);
    buffer_clear(&b);
}

/* Every prefix is refused, and so is one byte more. */
static void refuses_what_is_cut_short_or_too_long(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt_connect c;
    struct slice whole = encoded(&full, &b);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(mqtt_connect_decode(slice_from(whole.at, len), &c), BAD_FORMAT);
    buffer_u8(&b, 0);
    assert_int_equal(mqtt_connect_decode(slice_from(b.at + 3, b.len - 3), &c), BAD_FORMAT);
    buffer_clear(&b);
}

static void refuses_flags_that_contradict(void **state)
{
    (void)state;
    struct mqtt_connect c;
    static const struct {
        struct slice body;
        enum status want;
    } cases[] = {
        {SLICE_INIT("\0\4MQTT\4\0\0\0\0\1a"), OK},
        {SLICE_INIT("\0\4MQTT\4\0\0\0\0\0"), OK},                     /* the server's to judge */
        {SLICE_INIT("\0\4MQTT\4\1\0\0\0\1a"), BAD_FORMAT},            /* reserved bit */
        {SLICE_INIT("\0\4MQTT\4\x40\0\0\0\1a\0\1p"), BAD_FORMAT},     /* password alone */
        {SLICE_INIT("\0\4MQTT\4\x08\0\0\0\1a"), BAD_FORMAT},          /* QoS of no will */
        {SLICE_INIT("\0\4MQTT\4\x20\0\0\0\1a"), BAD_FORMAT},          /* retain of no will */
        {SLICE_INIT("\0\4MQTT\4\x1c\0\0\0\1a\0\1t\0\0"), BAD_FORMAT}, /* will QoS 3 */
        {SLICE_INIT("\0\4MQTT\4\x04\0\0\0\1a\0\0\0\0"), BAD_FORMAT},  /* will without a topic */
        {SLICE_INIT("\0\4MQTT\4\0\0\0\0\2\xc3("), BAD_FORMAT},        /* no UTF-8 */
        {SLICE_INIT("\0\4MQTT\4\0\0\0\0\2a\0"), BAD_FORMAT},          /* U+0000 */
        {SLICE_INIT("\0\4MQTX\4\0\0\0\0\1a"), BAD_FORMAT},
        {SLICE_INIT("\0\4MQTT\5\0\0\0\0\0\1a"), UNSUPPORTED}, /* MQTT 5 */
        {SLICE_INIT("\0\6MQIsdp\3\0\0\0\0\1a"), UNSUPPORTED}, /* MQTT 3.1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mqtt_connect_decode(cases[i].body, &c), cases[i].want);
}

static void acknowledges(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt_connack c;
    mqtt_connack_encode((struct mqtt_connack){.code = MQTT_CONNACK_CREDENTIALS}, &b);
    mqtt_connack_encode((struct mqtt_connack){.session_present = true}, &b);
    assert_slice(buffer_slice(&b), SLICE("\x20\x02\0\4\x20\x02\1\0"));
    buffer_clear(&b);

    assert_int_equal(mqtt_connack_decode(SLICE("\0\4"), &c), OK);
    assert_int_equal(c.code, MQTT_CONNACK_CREDENTIALS);
    assert_int_equal(mqtt_connack_decode(SLICE("\1\0"), &c), OK);
    assert_true(c.session_present);
    static const struct slice bad[] = {SLICE_INIT(""),     SLICE_INIT("\0"),   SLICE_INIT("\0\0\0"),
                                       SLICE_INIT("\2\0"), SLICE_INIT("\0\6"), SLICE_INIT("\1\5")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mqtt_connack_decode(bad[i], &c), BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(refuses_what_is_cut_short_or_too_long),
        cmocka_unit_test(refuses_flags_that_contradict),
        cmocka_unit_test(acknowledges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
