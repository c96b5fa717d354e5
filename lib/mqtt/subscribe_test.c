#include "mqtt/subscribe.h"

#include "base/cmocka.h"
#include "mqtt/text.h"

static const struct mqtt_filter filters[] = {
    {SLICE_INIT("$iothub/twin/res/#"), MQTT_QOS_0},
    {SLICE_INIT("+/b/+"), MQTT_QOS_2},
};

static struct slice body_of(struct buffer *b, enum mqtt_type type)
{
    struct slice bytes = buffer_slice(b);
    struct mqtt_packet p;
    assert_int_equal(mqtt_packet_next(&bytes, 1000, &p), OK);
    assert_int_equal(p.type, type);
    return p.body;
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct mqtt_subscribe s;
    struct mqtt_filter f;
    mqtt_subscribe_encode(9, filters, 2, &b);
    assert_int_equal(mqtt_subscribe_decode(body_of(&b, MQTT_SUBSCRIBE), &s), OK);
    assert_true(s.packet_id == 9 && s.count == 2);
    for (int i = 0; i < 2; i++) {
        assert_true(mqtt_subscribe_next(&s.filters, &f));
        assert_slice(f.topic, filters[i].topic);
        assert_int_equal(f.qos, filters[i].qos);
    }
    assert_false(mqtt_subscribe_next(&s.filters, &f));

    buffer_reset(&b);
    mqtt_unsubscribe_encode(10, filters, 2, &b);
    assert_int_equal(mqtt_unsubscribe_decode(body_of(&b, MQTT_UNSUBSCRIBE), &s), OK);
    assert_true(s.packet_id == 10 && s.count == 2);
    assert_true(mqtt_unsubscribe_next(&s.filters, &f));
    assert_slice(f.topic, filters[0].topic);
    buffer_clear(&b);
}

static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    struct slice whole = SLICE("\0\7\0\3a/b\1\0\1#\0");
    struct mqtt_subscribe s;
    assert_int_equal(mqtt_subscribe_decode(whole, &s), OK);
    for (size_t len = 0; len < whole.len; len++)
        if (len != 8) /* there the first filter ends */
            assert_int_equal(mqtt_subscribe_decode(slice_from(whole.at, len), &s), BAD_FORMAT);
    struct slice un = SLICE("\0\7\0\3a/b");
    for (size_t len = 0; len < un.len; len++)
        assert_int_equal(mqtt_unsubscribe_decode(slice_from(un.at, len), &s), BAD_FORMAT);
}

static void refuses_what_is_forbidden(void **state)
{
    (void)state;
    struct mqtt_subscribe s;
    static const struct slice bad[] = {
        SLICE_INIT("\0\7"),           /* no filter */
        SLICE_INIT("\0\0\0\1a\0"),    /* id 0 */
        SLICE_INIT("\0\7\0\1a\3"),    /* QoS 3 */
        SLICE_INIT("\0\7\0\1a\x10"),  /* reserved bits */
        SLICE_INIT("\0\7\0\0\0"),     /* an empty filter */
        SLICE_INIT("\0\7\0\2a#\0"),   /* a wildcard that is not a level of its own */
        SLICE_INIT("\0\7\0\1\xff\0"), /* no UTF-8 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mqtt_subscribe_decode(bad[i], &s), BAD_FORMAT);
}

static void knows_where_wildcards_may_stand(void **state)
{
    (void)state;
    static const char *const good[] = {"#", "+", "a/#", "/", "+/+/#", "/+", "a"};
    static const char *const bad[] = {"", "#/", "#a", "a#", "a+", "+a", "a/#/b", "a/+b", "++"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mqtt_text_filter_ok(slice_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mqtt_text_filter_ok(slice_of(bad[i])));
}

static void knows_utf8(void **state)
{
    (void)state;
    static const struct slice good[] = {SLICE_INIT(""),
                                        SLICE_INIT("plain text of some length"),
                                        SLICE_INIT("\xc2\x80"),
                                        SLICE_INIT("12345678\xe0\xa0\x80z"),
                                        SLICE_INIT("\xed\x9f\xbf"),
                                        SLICE_INIT("\xef\xbf\xbf"),
                                        SLICE_INIT("\xf0\x90\x80\x80"),
                                        SLICE_INIT("\xf4\x8f\xbf\xbf"),
                                        SLICE_INIT("\x01\x7f")};
    static const struct slice bad[] = {SLICE_INIT("\0"),
                                       SLICE_INIT("1234567\0"),
                                       SLICE_INIT("12345678\0"),
                                       SLICE_INIT("\x80"),
                                       SLICE_INIT("\xc0\x80"),
                                       SLICE_INIT("\xc1\xbf"),
                                       SLICE_INIT("\xc2"),
                                       SLICE_INIT("\xe0\x9f\xbf"),
                                       SLICE_INIT("\xed\xa0\x80"),
                                       SLICE_INIT("\xe1\x80"),
                                       SLICE_INIT("\xf0\x8f\xbf\xbf"),
                                       SLICE_INIT("\xf4\x90\x80\x80"),
                                       SLICE_INIT("\xf5\x80\x80\x80"),
                                       SLICE_INIT("\xc2(")};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mqtt_text_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mqtt_text_ok(bad[i]));
}

static void acknowledges(void **state)
{
    (void)state;
    struct buffer b = {0};
    uint16_t id;
    struct slice codes;
    mqtt_suback_encode(9, SLICE("\0\1\x80"), &b);
    assert_slice(buffer_slice(&b), SLICE("\x90\5\0\x09\0\1\x80"));
    assert_int_equal(mqtt_suback_decode(body_of(&b, MQTT_SUBACK), &id, &codes), OK);
    assert_int_equal(id, 9);
    assert_slice(codes, SLICE("\0\1\x80"));
    buffer_clear(&b);
    assert_int_equal(mqtt_suback_decode(SLICE("\0\x09"), &id, &codes), BAD_FORMAT);
    assert_int_equal(mqtt_suback_decode(SLICE("\0\0\0"), &id, &codes), BAD_FORMAT);
    assert_int_equal(mqtt_suback_decode(SLICE("\0\x09\3"), &id, &codes), BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(refuses_what_is_forbidden),
        cmocka_unit_test(knows_where_wildcards_may_stand),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(acknowledges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
