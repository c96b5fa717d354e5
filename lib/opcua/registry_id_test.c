#include "opcua/registry_id.h"

#include "base/cmocka.h"

static void expect(struct buffer *out, const char *want)
{
    assert_slice(buffer_slice(out), slice_of(want));
    buffer_clear(out);
}

/* The hashes were made by sha1sum of the texts that the published formulas give. */
static void ids_follow_the_published_formulas(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct opcua_application_key application = {SLICE("plant"), UA_APPLICATIONTYPE_SERVER,
                                                SLICE("urn:Test:Server")};
    opcua_registry_application_id(&application, &out); /* plant-Server-urn:test:server */
    expect(&out, "uas72ed1f67d14f01671f93605c057fab9c7d4f805e");
    application.type = UA_APPLICATIONTYPE_CLIENT;
    opcua_registry_application_id(&application, &out); /* plant-Client-urn:test:server */
    expect(&out, "uac3ae73b02086954af9bd1cc2d955425f46e4e420c");

    struct opcua_endpoint_key endpoint = {SLICE("opc.tcp://Host:4840/Path"), SLICE("uas1"),
                                          UA_MESSAGESECURITYMODE_NONE, SLICE("http://P#None")};
    opcua_registry_endpoint_id(&endpoint,
                               &out); /* opc.tcp://host:4840/path-uas1-Best-http://p#none */
    expect(&out, "uatf85c494efc206a873e74d64557fb14ab5842bef4");
    endpoint.mode = UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    opcua_registry_endpoint_id(&endpoint, &out);
    expect(&out, "uat2e365740f3d6939774cb2621067679d50b4b3c6b");
}

static void a_thumbprint_is_of_the_first_certificate(void **state)
{
    (void)state;
    struct buffer one = {0}, chain = {0}, broken = {0};
    opcua_registry_thumbprint(SLICE("\x30\x02\x05\x00"), &one);
    opcua_registry_thumbprint(SLICE("\x30\x02\x05\x00\x30\x00"), &chain);
    assert_int_equal(one.len, 40);
    assert_slice(buffer_slice(&one), buffer_slice(&chain));
    opcua_registry_thumbprint(SLICE("\x30\x84\xff\xff\xff\xff"), &broken);
    assert_int_equal(broken.len, 40);
    buffer_reset(&one);
    opcua_registry_thumbprint((struct slice){0}, &one);
    assert_int_equal(one.len, 0);
    buffer_clear(&one), buffer_clear(&chain), buffer_clear(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_follow_the_published_formulas),
        cmocka_unit_test(a_thumbprint_is_of_the_first_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
