#include "client/module_access.h"

#include "base/cmocka.h"

static void a_module_connects_to_its_gateway(void **state)
{
    (void)state;
    struct module_access a;
    assert_int_equal(module_access_open("HostName=hub.example;DeviceId=edge;ModuleId=twin;"
                                        "SharedAccessKey=a2V5;GatewayHostName=gateway:18883",
                                        NULL, &a),
                     OK);
    assert_string_equal(a.device.host, "gateway");
    assert_string_equal(a.device.hub_host, "hub.example");
    assert_string_equal(a.device.device_id, "edge");
    assert_string_equal(a.device.module_id, "twin");
    assert_string_equal(a.device.key, "a2V5");
    assert_int_equal(a.device.port, 18883);
    assert_non_null(a.device.tls);
    module_access_close(&a);
}

static void without_a_gateway_it_is_the_hub(void **state)
{
    (void)state;
    struct module_access a;
    assert_int_equal(module_access_open("HostName=hub;DeviceId=d;SharedAccessKey=a2V5;"
                                        "UseDevelopmentEmulator=true",
                                        NULL, &a),
                     OK);
    assert_string_equal(a.device.host, "hub");
    assert_null(a.device.module_id);
    assert_null(a.device.tls);
    assert_int_equal(a.device.port, 1883);
    module_access_close(&a);
}

static void what_lacks_something_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "HostName=h;DeviceId=d",
                                      "HostName=h;SharedAccessKey=k",
                                      "DeviceId=d;SharedAccessKey=k"};
    struct module_access a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(module_access_open(bad[i], NULL, &a), BAD_ARGUMENT);
    assert_int_equal(
        module_access_open("HostName=h;DeviceId=d;SharedAccessKey=k", "/nowhere/ca.pem", &a),
        IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_connects_to_its_gateway),
        cmocka_unit_test(without_a_gateway_it_is_the_hub),
        cmocka_unit_test(what_lacks_something_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
