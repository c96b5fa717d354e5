#include "heads/amqp_device_messages.h"

#include "base/cmocka.h"

/* The bytes of Azure's clients, and what they look for in ours. */

static struct slice annotation(const struct amqp_message *m, const char *name, enum amqp_type type)
{
    struct amqp_value v;
    assert_true(amqp_map_find(&m->message_annotations, slice_of(name), &v));
    assert_int_equal(v.type, type);
    return v.bytes;
}

static struct amqp_message read(const struct buffer *b)
{
    struct amqp_message m;
    assert_int_equal(amqp_message_read(buffer_slice(b), &m), OK);
    return m;
}

static void a_delivery_has_all_that_clients_ask_for(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct iot_message m = {.body = SLICE("hi"),
                            .to = SLICE("/devices/d/messages/devicebound"),
                            .message_id = SLICE("0123456789abcdef"),
                            .message_id_type = IOT_MESSAGE_ID_UUID,
                            .properties = SLICE("\0\1k\0\1v")};
    heads_amqp_delivery_write(&b, &(struct heads_delivery){.message = &m,
                                                           .enqueued_ms = 1700000000000,
                                                           .sequence = 9,
                                                           .count = 3,
                                                           .ack = SLICE("full"),
                                                           .lock = SLICE("lock")});
    struct amqp_message got = read(&b);
    struct amqp_value v;
    assert_int_equal(got.header.delivery_count, 3);
    annotation(&got, "iothub-enqueuedtime", AMQP_TIMESTAMP);
    annotation(&got, "x-opt-sequence-number", AMQP_LONG);
    assert_slice(annotation(&got, "x-opt-lock-token", AMQP_STRING), SLICE("lock"));
    assert_int_equal(amqp_value_of(got.properties.message_id, &v), OK);
    assert_int_equal(v.type, AMQP_UUID);
    assert_true(amqp_map_find(&got.application_properties, SLICE("iothub-ack"), &v));
    assert_slice(v.bytes, SLICE("full"));
    assert_true(amqp_map_find(&got.application_properties, SLICE("k"), &v));
    assert_int_equal(got.body, AMQP_BODY_DATA);
    buffer_clear(&b);
}

static void twin_requests_of_several_clients(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *resource;
        enum heads_amqp_twin_operation want;
    } rows[] = {
        {"GET", NULL, HEADS_AMQP_TWIN_GET},
        {"GET", "", HEADS_AMQP_TWIN_GET},
        {"PATCH", "/properties/reported", HEADS_AMQP_TWIN_REPORT},
        {"PATCH", "/properties/reported/", HEADS_AMQP_TWIN_UNKNOWN},
        {"PATCH", NULL, HEADS_AMQP_TWIN_UNKNOWN},
        {"put", "/notifications/twin/properties/desired", HEADS_AMQP_TWIN_SUBSCRIBE},
        {"DELETE", "/Notifications/twin/properties/desired", HEADS_AMQP_TWIN_UNSUBSCRIBE},
        {"POST", "/properties/desired", HEADS_AMQP_TWIN_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer b = {0};
        struct heads_amqp_twin_request t;
        size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
        amqp_write_symbol(&b, SLICE("operation"));
        amqp_write_string(&b, slice_of(rows[i].operation));
        if (rows[i].resource) {
            amqp_write_symbol(&b, SLICE("resource"));
            amqp_write_string(&b, slice_of(rows[i].resource));
        }
        amqp_write_end(&b, map, rows[i].resource ? 4 : 2);
        struct amqp_properties p = amqp_properties_none();
        p.correlation_id = SLICE("\xa1\1r");
        amqp_properties_write(&b, &p);
        amqp_message_data(&b, SLICE("{}"));
        assert_int_equal(heads_amqp_twin_read(buffer_slice(&b), &t), OK);
        assert_int_equal(t.operation, rows[i].want);
        assert_slice(t.correlation_id, SLICE("\xa1\1r"));
        assert_slice(t.body, SLICE("{}"));
        buffer_clear(&b);
    }
}

static void twin_answers_have_the_types_that_c_wants(void **state)
{
    (void)state;
    struct buffer b = {0};
    heads_amqp_twin_write(&b, SLICE("\xa1\1r"), 200, 5, (struct slice){0});
    struct amqp_message m = read(&b);
    annotation(&m, "status", AMQP_INT);
    annotation(&m, "version", AMQP_LONG);
    assert_slice(m.properties.correlation_id, SLICE("\xa1\1r"));
    assert_int_equal(m.body, AMQP_BODY_NONE);
    buffer_reset(&b);
    heads_amqp_twin_write(&b, slice_of(""), 200, 0, SLICE("{}")); /* asked without an id */
    m = read(&b);
    assert_null(m.properties.correlation_id.at);
    buffer_reset(&b);
    heads_amqp_desired_write(&b, SLICE("{\"$version\":6}"), 6);
    m = read(&b);
    assert_null(m.properties.correlation_id.at);
    assert_int_equal(m.section_count, 1);
    buffer_clear(&b);
}

static void a_methods_answer_finds_its_way(void **state)
{
    (void)state;
    static const uint8_t id[HEADS_AMQP_CALL_LEN] = "0123456789abcdef";
    static const struct slice ids[] = {
        SLICE_INIT("\x98"
                   "0123456789abcdef"),
        SLICE_INIT("\xa1\x24"
                   "30313233-3435-3637-3839-616263646566"),
        SLICE_INIT("\xa0\x10"
                   "0123456789abcdef"),
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct buffer b = {0};
        struct heads_amqp_method_reply r;
        struct amqp_properties p = amqp_properties_none();
        p.correlation_id = ids[i];
        amqp_properties_write(&b, &p);
        size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
        amqp_write_string(&b, SLICE("IoThub-status"));
        i == 0 ? amqp_write_int(&b, 404) : amqp_write_string(&b, SLICE("404"));
        amqp_write_end(&b, map, 2);
        amqp_message_value_begin(&b);
        amqp_write_null(&b); /* rhea, for an answer without a payload */
        assert_int_equal(heads_amqp_method_read(buffer_slice(&b), &r), OK);
        assert_int_equal(r.status, 404);
        assert_memory_equal(r.id, id, HEADS_AMQP_CALL_LEN);
        assert_int_equal(r.payload.len, 0);
        buffer_clear(&b);
    }
}

static void refuses_answers_that_answer_nothing(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT(""),                                                      /* no id */
        SLICE_INIT("\x00\x53\x73\xc0\x09\x06\x40\x40\x40\x40\x40\xa1\x01x"), /* no uuid */
        SLICE_INIT("\x00\x53\x73\xc0\x17\x06\x40\x40\x40\x40\x40\x98"
                   "0123456789abcdef"), /* no status */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct heads_amqp_method_reply r;
        assert_int_equal(heads_amqp_method_read(bad[i], &r), BAD_ARGUMENT);
    }
    struct heads_amqp_twin_request t;
    struct heads_amqp_method_reply r;
    assert_int_equal(heads_amqp_method_read(SLICE("x"), &r), BAD_FORMAT);
    assert_int_equal(heads_amqp_twin_read(SLICE("x"), &t), BAD_FORMAT);
    assert_int_equal(heads_amqp_twin_read(SLICE("\x00\x53\x77\x54\x05"), &t), BAD_ARGUMENT);
}

static void a_method_is_called_by_a_uuid(void **state)
{
    (void)state;
    struct buffer b = {0};
    heads_amqp_method_write(&b, (const uint8_t *)"0123456789abcdef", SLICE("go"), SLICE("{}"));
    struct amqp_message m = read(&b);
    struct amqp_value v;
    assert_int_equal(m.properties.correlation_id.at[0], 0x98);
    assert_true(amqp_map_find(&m.application_properties, SLICE("IoThub-methodname"), &v));
    assert_slice(v.bytes, SLICE("go"));
    assert_int_equal(m.body, AMQP_BODY_DATA);
    buffer_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_has_all_that_clients_ask_for),
        cmocka_unit_test(twin_requests_of_several_clients),
        cmocka_unit_test(twin_answers_have_the_types_that_c_wants),
        cmocka_unit_test(a_methods_answer_finds_its_way),
        cmocka_unit_test(refuses_answers_that_answer_nothing),
        cmocka_unit_test(a_method_is_called_by_a_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
