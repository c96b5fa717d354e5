#include "iot/bag.h"

#include "base/cmocka.h"

static void check_property(const struct iot_message *m, const char *name, const char *want)
{
    struct slice value;
    assert_true(iot_property_find(m->properties, slice_of(name), &value));
    assert_slice(value, slice_of(want));
}

static void reads_what_node_sends(void **state)
{
    (void)state;
    struct iot_bag bag = {0};
    struct iot_message m = {.body = SLICE("b")};
    assert_int_equal(
        iot_bag_decode(SLICE("%24.mid=mid%201&%24.cid=c&%24.uid=u&%24.ct=application%2Fjson&"
                             "%24.ce=utf-8&%24.sub=part&alert=a%26b%3Dc&empty=&none"),
                       &bag, &m),
        OK);
    assert_slice(m.message_id, SLICE("mid 1"));
    assert_slice(m.correlation_id, SLICE("c"));
    assert_slice(m.user_id, SLICE("u"));
    assert_slice(m.content_type, SLICE("application/json"));
    assert_slice(m.content_encoding, SLICE("utf-8"));
    assert_slice(m.subject, SLICE("part"));
    assert_slice(m.body, SLICE("b"));
    check_property(&m, "alert", "a&b=c");
    check_property(&m, "empty", "");
    check_property(&m, "none", "");
    iot_bag_clear(&bag);
}

static void reads_what_the_c_sdk_sends_raw(void **state)
{
    (void)state;
    struct iot_bag bag = {0};
    struct iot_message m = {0};
    assert_int_equal(
        iot_bag_decode(SLICE("al ert=a&b=c=d&$.mid=mid 1&$.ct=application/json&$.ce=utf-8&"
                             "$.ctime=2026-11-23T07:03:00.5Z&u=http://h/"),
                       &bag, &m),
        OK);
    assert_slice(m.message_id, SLICE("mid 1"));
    assert_slice(m.content_type, SLICE("application/json"));
    assert_true(m.creation_ms % 1000 == 500);
    check_property(&m, "al ert", "a");
    check_property(&m, "b", "c=d");
    check_property(&m, "u", "http://h/");
    iot_bag_clear(&bag);
}

static void reads_outputs_in_both_spellings(void **state)
{
    (void)state;
    static const char *const bags[] = {"%24.on=out1", "%24.on=out1/", "$.on=out1", "?$.on=out1/",
                                       "%24%2Eon=out1"};
    struct iot_bag bag = {0};
    for (size_t i = 0; i < sizeof bags / sizeof *bags; i++) {
        struct iot_message m = {0};
        assert_int_equal(iot_bag_decode(slice_of(bags[i]), &bag, &m), OK);
        assert_slice(m.output, SLICE("out1"));
        assert_int_equal(m.properties.len, 0);
    }
    iot_bag_clear(&bag);
}

/* A module must not be able to say that it is another one. */
static void drops_the_name_of_the_sender(void **state)
{
    (void)state;
    struct iot_bag bag = {0};
    struct iot_message m = {0};
    assert_int_equal(iot_bag_decode(SLICE("$.cdid=x&%24.cmid=y&&$.new=z&$.exp=never"), &bag, &m),
                     OK);
    struct slice list = m.properties, name, value;
    assert_true(iot_property_next(&list, &name, &value));
    assert_slice(name, SLICE("$.new")); /* unknown ones go on */
    assert_false(iot_property_next(&list, &name, &value));
    assert_int_equal(m.expiry_ms, 0);
    iot_bag_clear(&bag);
}

static void keeps_what_it_cannot_decode(void **state)
{
    (void)state;
    struct iot_bag bag = {0};
    struct iot_message m = {0};
    assert_int_equal(iot_bag_decode(SLICE("a=100%&%zz=%4&=v&%41=%42"), &bag, &m), OK);
    check_property(&m, "a", "100%");
    check_property(&m, "%zz", "%4");
    check_property(&m, "", "v");
    check_property(&m, "A", "B");
    iot_bag_clear(&bag);
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    struct buffer list = {0}, wire = {0};
    assert_true(iot_property_put(&list, SLICE("k ey"), SLICE("v&al=\xc3\xa4")));
    assert_true(iot_property_put(&list, SLICE("n"), SLICE("")));
    struct iot_message m = {.message_id = SLICE("1"),
                            .correlation_id = SLICE("\0\0\0\0\0\0\1\2"),
                            .correlation_id_type = IOT_MESSAGE_ID_ULONG,
                            .to = SLICE("/devices/d/messages/devicebound"),
                            .content_type = SLICE("t"),
                            .output = SLICE("o"),
                            .expiry_ms = 1000,
                            .properties = buffer_slice(&list)};
    iot_bag_encode(&m, &wire);
    assert_slice(buffer_slice(&wire),
                 SLICE("%24.mid=1&%24.cid=258&%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&%24."
                       "ct=t&%24.on=o&"
                       "%24.exp=1970-01-01T00%3A00%3A01.000Z&k%20ey=v%26al%3D%C3%A4&n="));
    struct iot_bag bag = {0};
    struct iot_message back = {0};
    assert_int_equal(iot_bag_decode(buffer_slice(&wire), &bag, &back), OK);
    assert_slice(back.properties, m.properties);
    assert_slice(back.to, m.to);
    assert_slice(back.correlation_id, SLICE("258"));
    assert_int_equal(back.expiry_ms, 1000);
    iot_bag_clear(&bag);
    buffer_clear(&wire);
    buffer_clear(&list);
}

static void prints_ids_of_other_types(void **state)
{
    (void)state;
    struct buffer wire = {0};
    uint8_t uuid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct iot_message m = {.message_id = slice_from(uuid, 16),
                            .message_id_type = IOT_MESSAGE_ID_UUID,
                            .correlation_id = slice_from(uuid, 3),
                            .correlation_id_type = IOT_MESSAGE_ID_BINARY};
    iot_bag_encode(&m, &wire);
    assert_slice(buffer_slice(&wire),
                 SLICE("%24.mid=00010203-0405-0607-0809-0a0b0c0d0e0f&%24.cid=000102"));
    buffer_clear(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_node_sends),
        cmocka_unit_test(reads_what_the_c_sdk_sends_raw),
        cmocka_unit_test(reads_outputs_in_both_spellings),
        cmocka_unit_test(drops_the_name_of_the_sender),
        cmocka_unit_test(keeps_what_it_cannot_decode),
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(prints_ids_of_other_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
