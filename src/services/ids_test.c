#include "services/ids.h"

#include "base/cmocka.h"

/* The digests were computed with another program over the texts that Azure's formula gives. */
static void applications_have_azures_ids(void **state)
{
    (void)state;
    char id[SERVICES_ID_MAX];
    services_ids_application(SLICE("plant-1"), SLICE("Server"), SLICE("urn:Machine:SERVER"), id);
    assert_string_equal(id, "uas7c94c67df49fc4607b394dfb53182e9c05b48c55");
    services_ids_application(SLICE(""), SLICE("Client"), SLICE("urn:c"), id);
    assert_string_equal(id, "uacaed440f8a9b542776ee933b69609f89cfec4463b");
}

static void endpoints_have_azures_ids(void **state)
{
    (void)state;
    char id[SERVICES_ID_MAX];
    struct slice app = SLICE("uas7c94c67df49fc4607b394dfb53182e9c05b48c55");
    services_ids_endpoint(SLICE("opc.tcp://Machine:4840/UA"), app, SLICE("SignAndEncrypt"),
                          SLICE("http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"), id);
    assert_string_equal(id, "uat9ce71148d038140102ba4d440a2d43a81c652cce");
    services_ids_endpoint(SLICE("opc.tcp://machine:4840/ua"), app, SLICE("None"), SLICE(""), id);
    assert_string_equal(id, "uatb043a77a1adabc0c145aae9a7e3cd6c3eedca380");
    services_ids_endpoint(SLICE("opc.tcp://machine:4840/ua"), app, SLICE(""), SLICE(""), id);
    assert_string_equal(id, "uatb043a77a1adabc0c145aae9a7e3cd6c3eedca380");
}

static void modules_are_named_by_device_and_module(void **state)
{
    (void)state;
    struct iot_id id = services_ids_module(SLICE("edge-1_module_twin"));
    assert_slice(id.device, SLICE("edge-1"));
    assert_slice(id.module, SLICE("twin"));
    struct buffer text = {0};
    services_ids_put_module(id, &text);
    assert_slice(buffer_slice(&text), SLICE("edge-1_module_twin"));
    buffer_clear(&text);
    id = services_ids_module(SLICE("edge-1"));
    assert_slice(id.device, SLICE("edge-1"));
    assert_int_equal(id.module.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applications_have_azures_ids),
        cmocka_unit_test(endpoints_have_azures_ids),
        cmocka_unit_test(modules_are_named_by_device_and_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
