#include "iotamqp/message.h"

#include "base/cmocka.h"

/* Messages as clients write them, section by section, and what the hub keeps of them. */

static void assert_property(const struct iot_message *m, const char *name, const char *want)
{
    struct slice value;
    assert_true(iot_property_find(m->properties, slice_of(name), &value));
    assert_slice(value, slice_of(want));
}

static struct iotamqp_memory memory;

static enum status read(struct buffer *b, struct iot_message *m)
{
    return iotamqp_message_read(buffer_slice(b), &memory, m);
}

static void ids_keep_their_type(void **state)
{
    (void)state;
    static const struct {
        struct slice encoded, id;
        uint8_t type;
    } ids[] = {
        {SLICE_INIT("\xa1\2id"), SLICE_INIT("id"), IOT_MESSAGE_ID_STRING},
        {SLICE_INIT("\x98"
                    "0123456789abcdef"),
         SLICE_INIT("0123456789abcdef"), IOT_MESSAGE_ID_UUID},
        {SLICE_INIT("\x53\x2a"), SLICE_INIT("\0\0\0\0\0\0\0\x2a"), IOT_MESSAGE_ID_ULONG},
        {SLICE_INIT("\xa0\2\xff\0"), SLICE_INIT("\xff\0"), IOT_MESSAGE_ID_BINARY},
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct buffer b = {0};
        struct iot_message m;
        struct amqp_properties p = amqp_properties_none();
        p.message_id = p.correlation_id = ids[i].encoded;
        p.user_id = SLICE("me");
        p.to = SLICE("/devices/d/messages/events");
        p.content_type = SLICE("application/json");
        p.content_encoding = SLICE("utf-8");
        p.expiry_ms = 1700000000123;
        p.creation_ms = 1600000000123;
        amqp_properties_write(&b, &p);
        amqp_message_data(&b, SLICE("{}"));
        assert_int_equal(read(&b, &m), OK);
        assert_int_equal(m.message_id_type, ids[i].type);
        assert_slice(m.message_id, ids[i].id);
        assert_int_equal(m.correlation_id_type, ids[i].type);
        assert_slice(m.correlation_id, ids[i].id);
        assert_slice(m.user_id, SLICE("me"));
        assert_slice(m.content_type, SLICE("application/json"));
        assert_slice(m.content_encoding, SLICE("utf-8"));
        assert_int_equal(m.expiry_ms, 1700000000123);
        assert_int_equal(m.creation_ms, 1600000000123);
        assert_slice(m.body, SLICE("{}"));
        /* And back, to the same bytes. */
        struct buffer again = {0};
        iotamqp_message_write_properties(&again, &m);
        amqp_message_data(&again, m.body);
        assert_slice(buffer_slice(&again), buffer_slice(&b));
        buffer_clear(&again);
        buffer_clear(&b);
    }
}

static void properties_of_every_type_become_text(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct iot_message m;
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
#define NAME(n) amqp_write_string(&b, SLICE(n))
    NAME("text"), amqp_write_string(&b, SLICE("gr\xc3\xbcn"));
    NAME("symbol"), amqp_write_symbol(&b, SLICE("word"));
    NAME("yes"), amqp_write_bool(&b, true);
    NAME("no"), amqp_write_bool(&b, false);
    NAME("ubyte"), amqp_write_ubyte(&b, 255);
    NAME("ulong"), amqp_write_ulong(&b, UINT64_MAX);
    NAME("byte"), amqp_write_byte(&b, -1);
    NAME("int"), amqp_write_int(&b, -70000);
    NAME("long"), amqp_write_long(&b, INT64_MIN);
    NAME("float"), amqp_write_float(&b, 0.1f);
    NAME("double"), amqp_write_double(&b, 21.5);
    NAME("char"), amqp_write_char(&b, 0x20ac);
    NAME("time"), amqp_write_timestamp(&b, 0);
    NAME("uuid"),
        amqp_write_uuid(&b, (const uint8_t *)"\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
    NAME("binary"), amqp_write_binary(&b, SLICE("\1\2\3"));
    NAME("nothing"), amqp_write_null(&b);
#undef NAME
    amqp_write_end(&b, map, 32);
    assert_int_equal(read(&b, &m), OK);
    static const char *const want[][2] = {
        {"text", "gr\xc3\xbcn"},
        {"symbol", "word"},
        {"yes", "true"},
        {"no", "false"},
        {"ubyte", "255"},
        {"ulong", "18446744073709551615"},
        {"byte", "-1"},
        {"int", "-70000"},
        {"long", "-9223372036854775808"},
        {"float", "0.1"},
        {"double", "21.5"},
        {"char", "\xe2\x82\xac"},
        {"time", "1970-01-01T00:00:00.000Z"},
        {"uuid", "01020304-0506-0708-090a-0b0c0d0e0f10"},
        {"binary", "AQID"},
        {"nothing", ""},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_property(&m, want[i][0], want[i][1]);
    buffer_clear(&b);
}

static void some_names_are_fields(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct iot_message m;
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&b, SLICE("dt-subject")), amqp_write_string(&b, SLICE("thermostat1"));
    amqp_write_symbol(&b, SLICE("iothub-interface-id")), amqp_write_string(&b, SLICE("urn:x"));
    amqp_write_symbol(&b, SLICE("x-opt-whatever")), amqp_write_int(&b, 3);
    amqp_write_end(&b, map, 6);
    map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("iothub-outputname")), amqp_write_string(&b, SLICE("out1"));
    amqp_write_string(&b, SLICE("iothub-creation-time-utc"));
    amqp_write_string(&b, SLICE("1970-01-01T00:00:01.500Z"));
    amqp_write_string(&b, SLICE("color")), amqp_write_string(&b, SLICE("red"));
    amqp_write_end(&b, map, 6);
    assert_int_equal(read(&b, &m), OK);
    assert_slice(m.subject, SLICE("thermostat1"));
    assert_slice(m.interface_id, SLICE("urn:x"));
    assert_slice(m.output, SLICE("out1"));
    assert_int_equal(m.creation_ms, 1500);
    assert_slice(m.properties, SLICE("\0\5color\0\3red"));
    assert_int_equal(m.body.len, 0);
    buffer_clear(&b);
}

static void bodies_of_several_kinds(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct iot_message m;
    amqp_message_data(&b, SLICE("one"));
    amqp_message_data(&b, SLICE("two"));
    assert_int_equal(read(&b, &m), OK);
    assert_slice(m.body, SLICE("onetwo"));
    buffer_reset(&b);
    amqp_message_value_begin(&b);
    amqp_write_string(&b, SLICE("text"));
    assert_int_equal(read(&b, &m), OK);
    assert_slice(m.body, SLICE("text"));
    buffer_reset(&b);
    amqp_message_value_begin(&b);
    amqp_write_int(&b, 5);
    assert_int_equal(read(&b, &m), BAD_ARGUMENT);
    buffer_clear(&b);
}

static void refuses_what_would_break_readers(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        enum status why;
    } bad[] = {
        {SLICE_INIT("\x00\x53\x73\xc0\x05\x01\xa1\x02\xff\xfe"), BAD_FORMAT}, /* id, no UTF-8 */
        {SLICE_INIT("\x00\x53\x73\xc0\x03\x01\x52\x01"), BAD_ARGUMENT},       /* id, a uint */
        {SLICE_INIT("\x00\x53\x74\xc1\x07\x02\xa1\x01k\xa1\x01\xff"), BAD_FORMAT},
        {SLICE_INIT("\x00\x53\x74\xc1\x04\x02\xa1\x01k"), BAD_FORMAT}, /* cut short */
        {SLICE_INIT("\x00\x53\x74\xc1\x05\x02\xa1\x01k\x45"), BAD_ARGUMENT},   /* a list */
        {SLICE_INIT("\x00\x53\x74\xc1\x04\x02\x54\x01\x41"), BAD_FORMAT}, /* a number as name */
        {SLICE_INIT("\x00\x53\x74\xc1\x09\x02\xa1\x01k\x73\x00\x00\xd8\x00"), BAD_FORMAT},
        {SLICE_INIT("hello"), BAD_FORMAT},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct iot_message m;
        assert_int_equal(iotamqp_message_read(bad[i].bytes, &memory, &m), bad[i].why);
    }
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    struct buffer b = {0}, body = {0};
    struct iot_message m;
    memset(buffer_reserve(&body, IOT_MESSAGE_MAX + 1), 'x', IOT_MESSAGE_MAX + 1);
    buffer_added(&body, IOT_MESSAGE_MAX + 1);
    amqp_message_data(&b, buffer_slice(&body));
    assert_int_equal(read(&b, &m), TOO_LARGE);
    buffer_reset(&b);
    body.len--;
    amqp_message_data(&b, buffer_slice(&body));
    assert_int_equal(read(&b, &m), OK);
    buffer_clear(&b);
    buffer_clear(&body);
}

static void writes_more_properties_behind_the_messages(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct iot_message m = {.properties = SLICE("\0\1a\0\1b")}, again;
    iotamqp_message_write_application(&b, &m, SLICE("\0\1c\0\1d"));
    assert_int_equal(read(&b, &again), OK);
    assert_slice(again.properties, SLICE("\0\1a\0\1b\0\1c\0\1d"));
    buffer_reset(&b);
    m.properties = (struct slice){0};
    iotamqp_message_write_application(&b, &m, (struct slice){0});
    assert_int_equal(b.len, 0);
    buffer_clear(&b);
}

static int clear(void **state)
{
    (void)state;
    iotamqp_memory_clear(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_keep_their_type),
        cmocka_unit_test(properties_of_every_type_become_text),
        cmocka_unit_test(some_names_are_fields),
        cmocka_unit_test(bodies_of_several_kinds),
        cmocka_unit_test(refuses_what_would_break_readers),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(writes_more_properties_behind_the_messages),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
