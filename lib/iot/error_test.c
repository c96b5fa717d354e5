#include "iot/error.h"

#include "json/json.h"

#include "base/cmocka.h"

static struct iot_error offline(void)
{
    return (struct iot_error){iot_status_wire(OFFLINE),
                              SLICE("Timed out waiting for device to connect."), SLICE("c0ffee"),
                              1779006612000};
}

static void every_outcome_has_a_name_on_every_wire(void **state)
{
    (void)state;
    for (int s = OK + 1; s < STATUS_COUNT; s++) {
        const struct iot_status_wire *w = iot_status_wire((enum status)s);
        assert_in_range(w->http, 400, 599);
        assert_int_equal(w->code / 1000, w->http);
        assert_true(w->name[0] != 0);
        assert_non_null(strchr(w->amqp, ':'));
    }
    assert_int_equal(iot_status_wire(OK)->http, 200);
    assert_int_equal(iot_status_wire(STATUS_COUNT)->code, 500001);
}

static void a_module_has_its_own_codes(void **state)
{
    (void)state;
    assert_int_equal(iot_status_wire(NOT_FOUND)->code, 404001);
    assert_int_equal(iot_status_wire_of(IOT_MODULE, NOT_FOUND)->code, 404010);
    assert_string_equal(iot_status_wire_of(IOT_MODULE, EXISTS)->name, "ModuleAlreadyExistsOnDevice");
    assert_ptr_equal(iot_status_wire_of(IOT_MODULE, CONFLICT), iot_status_wire(CONFLICT));
}

/* Node's service SDK splits Message at ';' and then at ':'. */
static void rest_says_the_code_before_the_text(void **state)
{
    (void)state;
    struct iot_error e = {iot_status_wire(NOT_FOUND), SLICE("Device \"x\" is not known"),
                          SLICE("c0ffee"), 1779006612000};
    struct buffer out = {0};
    iot_error_body(&e, &out);
    assert_slice(
        buffer_slice(&out),
        SLICE("{\"Message\":\"ErrorCode:DeviceNotFound;Device \\\"x\\\" is not known\","
              "\"ExceptionMessage\":\"Tracking ID:c0ffee-G:0-TimeStamp:05/17/2026 08:30:12\"}"));
    buffer_clear(&out);
}

static void a_method_s_error_is_json_in_json(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct iot_error e = offline();
    iot_error_method_body(&e, 65000, &out);
    struct json_doc *outer, *inner;
    assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &outer, NULL), OK);
    assert_slice(json_string(json_get(json_root(outer), "ExceptionMessage")), SLICE(""));
    struct slice message = json_string(json_get(json_root(outer), "Message"));
    assert_int_equal(json_parse(message, JSON_STRICT, &inner, NULL), OK);
    int64_t code;
    assert_true(json_i64(json_get(json_root(inner), "errorCode"), &code));
    assert_int_equal(code, 404103);
    assert_slice(json_string(json_get(json_get(json_root(inner), "info"), "timeout")),
                 SLICE("00:01:05"));
    assert_slice(json_string(json_get(json_root(inner), "timestampUtc")),
                 SLICE("2026-05-17T08:30:12.000Z"));
    json_free(&inner);
    json_free(&outer);
    buffer_clear(&out);
}

static void a_twin_s_error_is_flat(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct iot_error e = offline();
    e.wire = iot_status_wire(BAD_ARGUMENT);
    iot_error_twin_body(&e, &out);
    assert_slice(
        buffer_slice(&out),
        SLICE("{\"errorCode\":400004,\"trackingId\":\"c0ffee\",\"message\":\"Timed out waiting for "
              "device to connect.\",\"timestampUtc\":\"2026-05-17T08:30:12.000Z\"}"));
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_a_name_on_every_wire),
        cmocka_unit_test(a_module_has_its_own_codes),
        cmocka_unit_test(rest_says_the_code_before_the_text),
        cmocka_unit_test(a_method_s_error_is_json_in_json),
        cmocka_unit_test(a_twin_s_error_is_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
