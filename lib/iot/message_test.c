#include "iot/message.h"

#include <stdlib.h>

#include "base/cmocka.h"

static void properties_come_back_in_their_order(void **state)
{
    (void)state;
    struct buffer list = {0};
    assert_true(iot_property_put(&list, SLICE("b"), SLICE("1")));
    assert_true(iot_property_put(&list, SLICE("a"), SLICE("")));
    assert_true(iot_property_put(&list, SLICE("b"), SLICE("2")));
    struct slice rest = buffer_slice(&list), name, value;
    assert_true(iot_property_next(&rest, &name, &value));
    assert_slice(name, SLICE("b"));
    assert_slice(value, SLICE("1"));
    assert_true(iot_property_next(&rest, &name, &value));
    assert_slice(name, SLICE("a"));
    assert_slice(value, SLICE(""));
    assert_true(iot_property_next(&rest, &name, &value));
    assert_false(iot_property_next(&rest, &name, &value));
    assert_true(iot_property_find(buffer_slice(&list), SLICE("b"), &value));
    assert_slice(value, SLICE("1"));
    assert_false(iot_property_find(buffer_slice(&list), SLICE("c"), &value));
    buffer_clear(&list);
}

static void a_property_too_long_is_refused(void **state)
{
    (void)state;
    struct buffer list = {0};
    char *text = calloc(1, IOT_PROPERTY_MAX + 1);
    assert_false(iot_property_put(&list, SLICE("a"), slice_from(text, IOT_PROPERTY_MAX + 1)));
    assert_false(iot_property_put(&list, slice_from(text, IOT_PROPERTY_MAX + 1), SLICE("")));
    assert_int_equal(list.len, 0);
    assert_true(iot_property_put(&list, SLICE("a"), slice_from(text, IOT_PROPERTY_MAX)));
    free(text);
    buffer_clear(&list);
}

static struct iot_event full(struct slice properties, struct slice body)
{
    return (struct iot_event){.enqueued_ms = 1234567890123,
                              .from = {SLICE("plc-1"), SLICE("publisher")},
                              .generation_id = SLICE("638000000000000000"),
                              .auth_method = SLICE("{\"scope\":\"device\"}"),
                              .source = IOT_SOURCE_TWIN_CHANGE,
                              .message = {.body = body,
                                          .message_id = SLICE("0123456789abcdef"),
                                          .message_id_type = IOT_MESSAGE_ID_UUID,
                                          .correlation_id = SLICE("12345678"),
                                          .correlation_id_type = IOT_MESSAGE_ID_ULONG,
                                          .user_id = SLICE("u"),
                                          .to = SLICE("t"),
                                          .content_type = SLICE("application/json"),
                                          .content_encoding = SLICE("utf-8"),
                                          .output = SLICE("out"),
                                          .input = SLICE("in"),
                                          .subject = SLICE("s"),
                                          .interface_id = SLICE("i"),
                                          .schema = SLICE("x"),
                                          .expiry_ms = 5,
                                          .creation_ms = UINT64_MAX,
                                          .properties = properties}};
}

static void every_field_survives_the_record(void **state)
{
    (void)state;
    struct buffer properties = {0}, record = {0}, again = {0};
    char long_value[300] = {0};
    assert_true(
        iot_property_put(&properties, SLICE("k"), slice_from(long_value, sizeof(long_value))));
    struct iot_event e = full(buffer_slice(&properties), SLICE("body\0with zero"));
    iot_event_encode(&e, &record);
    struct iot_event d;
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), OK);
    assert_int_equal(d.enqueued_ms, e.enqueued_ms);
    assert_int_equal(d.source, e.source);
    assert_true(iot_id_eq(d.from, e.from));
    assert_slice(d.auth_method, e.auth_method);
    assert_slice(d.message.body, e.message.body);
    assert_slice(d.message.schema, e.message.schema);
    assert_slice(d.message.properties, e.message.properties);
    assert_int_equal(d.message.message_id_type, IOT_MESSAGE_ID_UUID);
    assert_int_equal(d.message.correlation_id_type, IOT_MESSAGE_ID_ULONG);
    assert_int_equal(d.message.creation_ms, UINT64_MAX);
    iot_event_encode(&d, &again);
    assert_slice(buffer_slice(&again), buffer_slice(&record));
    buffer_clear(&properties);
    buffer_clear(&record);
    buffer_clear(&again);
}

static void an_event_needs_little(void **state)
{
    (void)state;
    struct buffer record = {0};
    struct iot_event e = {.from = {.device = SLICE("d")}, .message = {.body = SLICE("x")}}, d;
    iot_event_encode(&e, &record);
    assert_int_equal(record.len, 32);
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), OK);
    assert_int_equal(d.message.message_id.len, 0);
    assert_slice(d.message.body, SLICE("x"));
    buffer_clear(&record);
}

static struct buffer record_of(const struct iot_event *e)
{
    struct buffer record = {0};
    iot_event_encode(e, &record);
    return record;
}

static void assert_same_with_a_known_sender(struct iot_event e)
{
    struct buffer sender = {0}, plain = record_of(&e);
    iot_event_sender_encode(&e, &sender);
    e.sender = buffer_slice(&sender);
    struct buffer known = record_of(&e);
    assert_slice(buffer_slice(&known), buffer_slice(&plain));
    buffer_clear(&sender);
    buffer_clear(&plain);
    buffer_clear(&known);
}

static void a_sender_that_is_encoded_once_makes_the_same_record(void **state)
{
    (void)state;
    static const uint8_t much[300];
    struct iot_event e = full(SLICE(""), slice_from(much, sizeof(much)));
    assert_same_with_a_known_sender(e);
    e.from.module = (struct slice){0};
    assert_same_with_a_known_sender(e);
    e.auth_method = slice_from(much, sizeof(much)); /* a length of two bytes */
    e.endpoints = SLICE("\0\1");                   /* version 2 */
    assert_same_with_a_known_sender(e);
    assert_same_with_a_known_sender((struct iot_event){.from.device = SLICE("d")});
    assert_same_with_a_known_sender((struct iot_event){0});
}

static void what_routing_decided_survives_the_record(void **state)
{
    (void)state;
    struct buffer stamps = {0}, record = {0};
    buffer_u16(&stamps, 7);
    assert_true(iot_property_put(&stamps, SLICE("site"), SLICE("north")));
    struct iot_event e = {.from = {.device = SLICE("d")},
                          .endpoints = SLICE("\0\0\1\2"),
                          .stamps = buffer_slice(&stamps)},
                     d;
    assert_true(iot_event_goes_to(&e, 0) && iot_event_goes_to(&e, 0x102));
    assert_false(iot_event_goes_to(&e, 1));
    iot_event_encode(&e, &record);
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), OK);
    assert_slice(d.endpoints, e.endpoints);
    uint16_t endpoint;
    struct slice name, value;
    assert_true(iot_stamp_next(&d.stamps, &endpoint, &name, &value));
    assert_int_equal(endpoint, 7);
    assert_slice(name, SLICE("site"));
    assert_slice(value, SLICE("north"));
    assert_false(iot_stamp_next(&d.stamps, &endpoint, &name, &value));
    assert_true(iot_event_goes_to(&(struct iot_event){0}, 0)); /* not routed: the built-in one */
    assert_false(iot_event_goes_to(&(struct iot_event){0}, 1));
    buffer_reset(&record);
    iot_event_encode(&(struct iot_event){.source = IOT_SOURCE_SENT,
                                         .partition_key = SLICE("k"),
                                         .annotations = SLICE("a"),
                                         .message = {.body = SLICE("b")}},
                     &record);
    assert_int_equal(record.at[0], 2);
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), OK);
    assert_slice(d.partition_key, SLICE("k"));
    assert_slice(d.annotations, SLICE("a"));
    for (size_t len = 0; len + 1 < record.len; len++)
        assert_int_equal(iot_event_decode(slice_from(record.at, len), &d), BAD_FORMAT);
    record.at[1] = record.at[28] = 0; /* version 2 without need */
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    buffer_clear(&stamps);
    buffer_clear(&record);
}

/* The head of the record up to its body; the body may be cut, which the log's checksum notices. */
static void a_record_cut_short_or_of_another_make_is_refused(void **state)
{
    (void)state;
    struct buffer properties = {0}, record = {0};
    assert_true(iot_property_put(&properties, SLICE("k"), SLICE("v")));
    struct iot_event e = full(buffer_slice(&properties), (struct slice){0}), d;
    iot_event_encode(&e, &record);
    for (size_t len = 0; len < record.len; len++)
        assert_int_equal(iot_event_decode(slice_from(record.at, len), &d), BAD_FORMAT);
    record.at[0] = 2;
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    record.at[0] = 1, record.at[1] = IOT_SOURCE_COUNT;
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    record.at[1] = 0, record.at[2] = 0x40;
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    record.at[2] = IOT_MESSAGE_ID_ULONG << 4; /* 16 bytes are none */
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    record.at[2] = 0;
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), OK);
    record.at[record.len - 1] = 0,
                           record.at[record.len - 2] = 9; /* a property's length past the list */
    assert_int_equal(iot_event_decode(buffer_slice(&record), &d), BAD_FORMAT);
    buffer_clear(&properties);
    buffer_clear(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_come_back_in_their_order),
        cmocka_unit_test(a_property_too_long_is_refused),
        cmocka_unit_test(every_field_survives_the_record),
        cmocka_unit_test(an_event_needs_little),
        cmocka_unit_test(a_sender_that_is_encoded_once_makes_the_same_record),
        cmocka_unit_test(what_routing_decided_survives_the_record),
        cmocka_unit_test(a_record_cut_short_or_of_another_make_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
