#include "iot/connection_string.h"

#include "base/cmocka.h"

static void every_kind_reads_and_prints_the_same(void **state)
{
    (void)state;
    static const char *const good[] = {
        "HostName=localhost:8899;DeviceId=d;SharedAccessKey=a2V5PT0=",
        "HostName=h;DeviceId=d;ModuleId=$edgeHub;SharedAccessKey=eA==;GatewayHostName=gw",
        "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature "
        "sr=h%2Fdevices%2Fd&sig=x%3D&se=1",
        "HostName=h;DeviceId=d;x509=true",
        "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=eA==",
        "Endpoint=sb://localhost:5671/"
        ";SharedAccessKeyName=service;SharedAccessKey=eA==;EntityPath=hub",
    };
    for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++) {
        struct iot_connection_string c;
        struct buffer out = {0};
        assert_int_equal(iot_connection_string_parse(slice_of(good[n]), &c), OK);
        iot_connection_string_print(&c, &out);
        assert_slice(buffer_slice(&out), slice_of(good[n]));
        buffer_clear(&out);
    }
}

static void the_first_equals_sign_splits(void **state)
{
    (void)state;
    struct iot_connection_string c;
    assert_int_equal(
        iot_connection_string_parse(SLICE(" hostname=h;SharedAccessKey=a=b==;Other=1; "), &c), OK);
    assert_slice(c.host_name, SLICE("h"));
    assert_slice(c.key, SLICE("a=b=="));
    assert_int_equal(c.device_id.len, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct iot_connection_string c;
    static const char *const bad[] = {
        "", ";", "HostName", "=h", "DeviceId=d", "HostName=a;HostName=b", "HostName="};
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
        assert_int_equal(iot_connection_string_parse(slice_of(bad[n]), &c), BAD_FORMAT);
    static char huge[IOT_CONNECTION_STRING_MAX + 2];
    memset(huge, 'a', sizeof(huge) - 1);
    assert_int_equal(iot_connection_string_parse(slice_of(huge), &c), TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_and_prints_the_same),
        cmocka_unit_test(the_first_equals_sign_splits),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
