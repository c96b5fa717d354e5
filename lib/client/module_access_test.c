#include "client/module_access.h"


#include "base/cmocka.h"

static enum status open(const char *connection, unsigned ways, struct module_access *a)
{
    return module_access_open(
        &(struct module_access_config){.connection = connection, .ways = ways}, a);
}

static void a_module_connects_to_its_gateway(void **state)
{
    (void)state;
    struct module_access a;
    assert_int_equal(open("HostName=hub.example;DeviceId=edge;ModuleId=twin;"
                          "SharedAccessKey=a2V5;GatewayHostName=gateway:18883",
                          DEVICE_AMQP | DEVICE_AMQP_WEBSOCKET, &a),
                     OK);
    assert_string_equal(a.device.host, "gateway");
    assert_string_equal(a.device.hub_host, "hub.example");
    assert_string_equal(a.device.device_id, "edge");
    assert_string_equal(a.device.module_id, "twin");
    assert_string_equal(a.device.key, "a2V5");
    assert_int_equal(a.device.port, 18883);
    assert_int_equal(a.device.ways, DEVICE_AMQP | DEVICE_AMQP_WEBSOCKET);
    assert_non_null(a.device.tls);
    module_access_close(&a);
}

static void without_a_gateway_it_is_the_hub(void **state)
{
    (void)state;
    struct module_access a;
    assert_int_equal(
        open("HostName=hub;DeviceId=d;SharedAccessKey=a2V5;UseDevelopmentEmulator=true", 0, &a),
        OK);
    assert_string_equal(a.device.host, "hub");
    assert_null(a.device.module_id);
    assert_null(a.device.tls);
    assert_int_equal(a.device.port, 0); /* that of the way */
    module_access_close(&a);
}

static void a_token_stands_in_the_place_of_a_key(void **state)
{
    (void)state;
    struct module_access a;
    assert_int_equal(open("HostName=hub;DeviceId=d;SharedAccessSignature=SharedAccessSignature "
                          "sr=hub%2Fdevices%2Fd&sig=x%3D&se=1;UseDevelopmentEmulator=true",
                          0, &a),
                     OK);
    assert_null(a.device.key);
    assert_string_equal(a.device.signature,
                        "SharedAccessSignature sr=hub%2Fdevices%2Fd&sig=x%3D&se=1");
    module_access_close(&a);
}

/* Without its files a certificate is none, and a key in the string is not used beside it. */
static void a_certificate_has_two_files(void **state)
{
    (void)state;
    struct module_access a;
    const char *text = "HostName=h;DeviceId=d;x509=true;SharedAccessKey=k;UseDevelopmentEmulator=true";
    assert_int_equal(open(text, 0, &a), BAD_ARGUMENT);
    assert_int_equal(module_access_open(&(struct module_access_config){.connection = text,
                                                                       .certificate_file = "c.pem",
                                                                       .key_file = "k.pem"},
                                        &a),
                     OK);
    assert_null(a.device.key);
    assert_string_equal(a.device.certificate_file, "c.pem");
    assert_string_equal(a.device.key_file, "k.pem");
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
        assert_int_equal(open(bad[i], 0, &a), BAD_ARGUMENT);
    assert_int_equal(module_access_open(
                         &(struct module_access_config){
                             .connection = "HostName=h;DeviceId=d;SharedAccessKey=k",
                             .ca_file = "/nowhere/ca.pem"},
                         &a),
                     IO_FAILED);
}

static void ways_have_the_names_of_opc_publisher(void **state)
{
    (void)state;
    assert_int_equal(device_ways_of(SLICE("mqtt")), DEVICE_MQTT | DEVICE_MQTT_WEBSOCKET);
    assert_int_equal(device_ways_of(SLICE("AmqpOverWebsocket")), DEVICE_AMQP_WEBSOCKET);
    assert_int_equal(device_ways_of(SLICE("Tcp")), DEVICE_MQTT | DEVICE_AMQP);
    assert_int_equal(device_ways_of(SLICE("Https")), DEVICE_HTTPS);
    assert_int_equal(device_ways_of(SLICE("carrier pigeon")), 0);
    struct slice words = SLICE(DEVICE_WAY_WORDS), word;
    while (words.len && slice_split(&words, '|', &word))
        assert_int_not_equal(device_ways_of(word), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_connects_to_its_gateway),
        cmocka_unit_test(without_a_gateway_it_is_the_hub),
        cmocka_unit_test(a_token_stands_in_the_place_of_a_key),
        cmocka_unit_test(a_certificate_has_two_files),
        cmocka_unit_test(what_lacks_something_is_refused),
        cmocka_unit_test(ways_have_the_names_of_opc_publisher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
