#include "amqp/composite.h"

#include "amqp/message.h"
#include "base/cmocka.h"

/* container-id, null hostname, max-frame-size, channel-max; the rest left out. */
static void reads_a_list_that_stops_early(void **state)
{
    (void)state;
    struct amqp_open o;
    struct slice bytes = SLICE("\x00\x53\x10\xc0\x0c\4\xa1\3abc\x40\x52\xff\x60\x03\xff");
    assert_int_equal(amqp_open_read(bytes, &o), OK);
    assert_slice(o.container_id, SLICE("abc"));
    assert_null(o.hostname.at);
    assert_int_equal(o.frame_max, 255);
    assert_int_equal(o.channel_max, 1023);
    assert_int_equal(o.idle_ms, AMQP_ABSENT);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(amqp_open_read(slice_first(bytes, len), &o), BAD_FORMAT);
}

static void refuses_wrong_types_and_missing_fields(void **state)
{
    (void)state;
    struct amqp_open o;
    assert_int_equal(amqp_open_read(SLICE("\x00\x53\x10\x45"), &o),
                     BAD_FORMAT); /* no container-id */
    assert_int_equal(amqp_open_read(SLICE("\x00\x53\x10\xc0\2\1\x40"), &o),
                     BAD_FORMAT); /* a null one */
    assert_int_equal(amqp_open_read(SLICE("\x00\x53\x10\xc0\3\1\x52\1"), &o),
                     BAD_FORMAT); /* a number */
    assert_int_equal(amqp_open_read(SLICE("\x00\x53\x11\xc0\4\1\xa1\1a"), &o),
                     BAD_FORMAT); /* a begin */
    struct amqp_transfer t;
    assert_int_equal(amqp_transfer_read(SLICE("\x00\x53\x14\xc0\3\1\x53\1"), &t),
                     BAD_FORMAT); /* ulong handle */
}

static void knows_symbolic_descriptors(void **state)
{
    (void)state;
    struct reader r = reader_of(SLICE("\x00\xa3\x0f"
                                      "amqp:close:list\x45rest"));
    struct slice encoded;
    assert_int_equal(amqp_composite_next(&r, &encoded), AMQP_CLOSE);
    assert_slice(r.rest, SLICE("rest"));
    struct amqp_close close;
    assert_int_equal(amqp_close_read(encoded, &close), OK);
    r = reader_of(SLICE("\x00\xa3\x04"
                        "list\x45"));
    assert_int_equal(amqp_composite_next(&r, &encoded), 0);
}

/* Golden bytes: every field is there, nulls too. Azure's Python SDK counts on it. */
static void writes_every_field(void **state)
{
    (void)state;
    struct buffer b = {0};
    amqp_detach_write(&b, &(struct amqp_detach){.handle = 1, .closed = true});
    assert_slice(buffer_slice(&b), SLICE("\x00\x53\x16\xc0\x05\x03\x52\x01\x41\x40"));
    buffer_reset(&b);
    amqp_flow_write(&b, &(struct amqp_flow){.next_incoming_id = AMQP_ABSENT,
                                            .incoming_window = 5,
                                            .next_outgoing_id = 0,
                                            .outgoing_window = 300,
                                            .handle = AMQP_ABSENT,
                                            .delivery_count = AMQP_ABSENT,
                                            .credit = AMQP_ABSENT,
                                            .available = AMQP_ABSENT});
    assert_slice(buffer_slice(&b), SLICE("\x00\x53\x13\xc0\x11\x0b\x40\x52\x05\x43\x70\x00\x00\x01"
                                         "\x2c\x40\x40\x40\x40\x42\x42\x40"));
    buffer_reset(&b);
    amqp_sasl_outcome_write(&b, &(struct amqp_sasl_outcome){.code = 0});
    assert_slice(buffer_slice(&b), SLICE("\x00\x53\x44\xc0\x04\x02\x50\x00\x40"));
    buffer_reset(&b);
    amqp_detach_write(&b, &(struct amqp_detach){.handle = 1, .error = slice_of("")});
    assert_slice(buffer_slice(&b),
                 SLICE("\x00\x53\x16\xc0\x05\x03\x52\x01\x42\x40")); /* no bytes are null */
    buffer_clear(&b);
}

static void long_lists_round_trip(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'n', sizeof(name));
    struct amqp_attach a = {.name = slice_from(name, sizeof(name)),
                            .handle = 7,
                            .receiver = true,
                            .send_settle = AMQP_SEND_SETTLED,
                            .receive_settle = AMQP_ABSENT,
                            .initial_delivery_count = AMQP_ABSENT,
                            .message_max = INT64_MAX,
                            .properties = SLICE("\xc1\1\0")},
                       back;
    struct buffer b = {0};
    buffer_u8(&b, 0); /* not at the buffer's start */
    amqp_attach_write(&b, &a);
    assert_int_equal(amqp_attach_read(slice_skip(buffer_slice(&b), 1), &back), OK);
    assert_slice(back.name, a.name);
    assert_int_equal(back.handle, 7);
    assert_true(back.receiver);
    assert_int_equal(back.send_settle, AMQP_SEND_SETTLED);
    assert_int_equal(back.receive_settle, AMQP_ABSENT);
    assert_int_equal(back.message_max, INT64_MAX);
    assert_slice(back.properties, a.properties);
    assert_null(back.source.at);
    struct amqp_value v;
    assert_int_equal(amqp_value_of(slice_skip(buffer_slice(&b), 1), &v), OK);
    assert_int_equal(v.count, 14);
    buffer_clear(&b);
}

static void states_round_trip(void **state)
{
    (void)state;
    static const struct amqp_state states[] = {
        {.outcome = AMQP_OUTCOME_ACCEPTED},
        {.outcome = AMQP_OUTCOME_RELEASED},
        {.outcome = AMQP_OUTCOME_REJECTED},
        {.outcome = AMQP_OUTCOME_REJECTED,
         .error = {.condition = SLICE_INIT("amqp:not-found"), .description = SLICE_INIT("gone")}},
        {.outcome = AMQP_OUTCOME_MODIFIED, .delivery_failed = true},
    };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct buffer b = {0};
        struct amqp_state back;
        amqp_state_write(&b, &states[i]);
        assert_int_equal(amqp_state_read(buffer_slice(&b), &back), OK);
        assert_int_equal(back.outcome, states[i].outcome);
        assert_slice(back.error.condition, states[i].error.condition);
        assert_slice(back.error.description, states[i].error.description);
        assert_int_equal(back.delivery_failed, states[i].delivery_failed);
        buffer_clear(&b);
    }
    struct amqp_state s;
    assert_int_equal(amqp_state_read((struct slice){0}, &s), OK);
    assert_int_equal(s.outcome, AMQP_OUTCOME_NONE);
    assert_int_equal(amqp_state_read(SLICE("\x00\x53\x23\xc0\3\2\x43\x44"), &s), OK); /* received */
    assert_int_equal(s.outcome, AMQP_OUTCOME_NONE);
    assert_int_equal(amqp_state_read(SLICE("\x00\x53\x25\xc0\3\1\x52\1"), &s), BAD_FORMAT);
}

/* ---- messages ---- */

static void write_message(struct buffer *b)
{
    amqp_header_write(
        b, &(struct amqp_header){.priority = 4, .ttl_ms = AMQP_ABSENT, .delivery_count = 2});
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("x-opt-offset"));
    amqp_write_string(b, SLICE("12"));
    amqp_write_end(b, map, 2);
    struct amqp_properties p = amqp_properties_none();
    p.message_id = SLICE("\xa1\2m1");
    p.creation_ms = 1700000000000;
    amqp_properties_write(b, &p);
    map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(b, SLICE("key"));
    amqp_write_string(b, SLICE("value"));
    amqp_write_end(b, map, 2);
    amqp_message_data(b, SLICE("one"));
    amqp_message_data(b, SLICE("two"));
}

static void a_message_reads_as_it_was_written(void **state)
{
    (void)state;
    struct buffer b = {0};
    write_message(&b);
    struct amqp_message m;
    assert_int_equal(amqp_message_read(buffer_slice(&b), &m), OK);
    assert_int_equal(m.header.delivery_count, 2);
    struct amqp_value v;
    assert_true(amqp_map_find(&m.message_annotations, SLICE("x-opt-offset"), &v));
    assert_slice(v.bytes, SLICE("12"));
    assert_slice(amqp_text_of(m.properties.message_id), SLICE("m1"));
    assert_int_equal(m.properties.creation_ms, 1700000000000);
    assert_true(amqp_map_find(&m.application_properties, SLICE("key"), &v));
    assert_int_equal(m.body, AMQP_BODY_DATA);
    assert_int_equal(m.section_count, 2);
    struct slice sections = m.sections, data;
    assert_true(amqp_message_data_next(&sections, &data));
    assert_slice(data, SLICE("one"));
    assert_true(amqp_message_data_next(&sections, &data));
    assert_slice(data, SLICE("two"));
    assert_false(amqp_message_data_next(&sections, &data));
    assert_false(amqp_message_bytes(&m, &data));
    for (size_t len = 1; len < b.len; len++) { /* only whole sections may be left out at the end */
        struct amqp_message cut;
        if (amqp_message_read(slice_first(buffer_slice(&b), len), &cut) == OK)
            assert_true(cut.section_count < 2);
    }
    buffer_clear(&b);
}

static void refuses_sections_out_of_order(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT("\x40"),
        SLICE_INIT("\x00\x53\x10\x45"),                    /* no section */
        SLICE_INIT("\x00\x53\x73\x45\x00\x53\x70\x45"),    /* properties, header */
        SLICE_INIT("\x00\x53\x70\x45\x00\x53\x70\x45"),    /* two headers */
        SLICE_INIT("\x00\x53\x77\x40\x00\x53\x77\x40"),    /* two values */
        SLICE_INIT("\x00\x53\x75\xa0\1a\x00\x53\x77\x40"), /* data, value */
        SLICE_INIT("\x00\x53\x75\xa1\1a"),                 /* data that is a string */
        SLICE_INIT("\x00\x53\x72\x45"),                    /* annotations that are a list */
        SLICE_INIT("\x00\x53\x75\xa0\1a\x00\x53\x73\x45"), /* body, properties */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct amqp_message m;
        assert_int_equal(amqp_message_read(bad[i], &m), BAD_FORMAT);
    }
    struct amqp_message m;
    struct slice body;
    assert_int_equal(amqp_message_read(SLICE("\x00\x53\x77\xa1\2hi"), &m), OK);
    assert_true(amqp_message_bytes(&m, &body));
    assert_slice(body, SLICE("hi"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_list_that_stops_early),
        cmocka_unit_test(refuses_wrong_types_and_missing_fields),
        cmocka_unit_test(knows_symbolic_descriptors),
        cmocka_unit_test(writes_every_field),
        cmocka_unit_test(long_lists_round_trip),
        cmocka_unit_test(states_round_trip),
        cmocka_unit_test(a_message_reads_as_it_was_written),
        cmocka_unit_test(refuses_sections_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
