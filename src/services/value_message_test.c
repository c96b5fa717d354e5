/* Telemetry of publishers as PublisherMessages. */
#include "services/value_message.h"

#include "base/cmocka.h"

static void on_value(void *arg, const struct value_message *m)
{
    struct buffer *out = arg;
    buffer_printf(out, "%.*s %.*s ", SLICE_FMT(m->endpoint_id), SLICE_FMT(m->endpoint_url));
    value_message_put(m, SLICE("uat1"), out);
    buffer_u8(out, '\n');
}

static void reads(const char *body, const char *want)
{
    struct buffer out = {0};
    value_message_read(slice_of(body), on_value, &out);
    buffer_u8(&out, 0);
    assert_string_equal((const char *)out.at, want);
    buffer_clear(&out);
}

static void samples(void **state)
{
    (void)state;
    reads("[{\"NodeId\":\"ns=2;s=a\",\"EndpointUrl\":\"opc.tcp://"
          "x\",\"DisplayName\":\"A\",\"Value\":{\"Value\":-5,"
          "\"SourceTimestamp\":\"2024-01-17T21:20:00Z\",\"SourcePicoseconds\":7}},"
          "{\"NodeId\":\"i=1\",\"Value\":{\"StatusCode\":{\"Code\":2147549184,\"Symbol\":"
          "\"BadNoData\"}},\"Timestamp\":"
          "\"2024-01-17T21:20:01Z\",\"ExtensionFields\":{\"PublisherId\":\"p\",\"DataSetWriterId\":"
          "\"w\",\"EndpointId\":\"uat7\"}}]",
          " opc.tcp://x "
          "{\"endpointId\":\"uat1\",\"nodeId\":\"ns=2;s=a\",\"displayName\":\"A\",\"value\":-5,"
          "\"sourceTimestamp\":\"2024-01-17T21:20:00Z\",\"sourcePicoseconds\":7}\n"
          "uat7  "
          "{\"publisherId\":\"p\",\"dataSetWriterId\":\"w\",\"endpointId\":\"uat1\",\"nodeId\":\"i="
          "1\","
          "\"timestamp\":\"2024-01-17T21:20:01Z\",\"status\":\"BadNoData\"}\n");
    reads(
        "{\"NodeId\":\"i=1\",\"Value\":{\"Value\":{\"Type\":\"Int16\",\"Body\":[1,2]}}}",
        "  {\"endpointId\":\"uat1\",\"nodeId\":\"i=1\",\"value\":[1,2],\"dataType\":\"Int16\"}\n");
}

static void data_sets(void **state)
{
    (void)state;
    reads("{\"MessageType\":\"ua-data\",\"PublisherId\":\"p\",\"DataSetWriterGroup\":\"uat9\","
          "\"Messages\":[{\"DataSetWriterId\":"
          "\"w\",\"Timestamp\":\"t\",\"Payload\":{\"a\":{\"Value\":1},\"b\":2.5}}]}",
          "uat9  "
          "{\"publisherId\":\"p\",\"dataSetWriterId\":\"w\",\"endpointId\":\"uat1\",\"nodeId\":"
          "\"a\",\"displayName\":\"a\","
          "\"timestamp\":\"t\",\"value\":1}\n"
          "uat9  "
          "{\"publisherId\":\"p\",\"dataSetWriterId\":\"w\",\"endpointId\":\"uat1\",\"nodeId\":"
          "\"b\",\"displayName\":\"b\","
          "\"timestamp\":\"t\",\"value\":2.5}\n");
    reads("[{\"Messages\":{\"Payload\":{\"EndpointUrl\":{\"Value\":\"opc.tcp://x\"}}}}]",
          " opc.tcp://x "
          "{\"endpointId\":\"uat1\",\"nodeId\":\"EndpointUrl\",\"displayName\":\"EndpointUrl\","
          "\"value\":\"opc.tcp://x\"}\n");
}

/* A structure of a server's own is a value, whatever its fields are called. */
static void a_structure_is_no_data_value(void **state)
{
    (void)state;
    reads("{\"Payload\":{\"a\":{\"Value\":1,\"Weight\":2}}}",
          "  "
          "{\"endpointId\":\"uat1\",\"nodeId\":\"a\",\"displayName\":\"a\",\"value\":{\"Value\":1,"
          "\"Weight\":2}}\n");
}

static void what_is_no_such_message_is_nothing(void **state)
{
    (void)state;
    const char *const bodies[] = {"",
                                  "7",
                                  "[7]",
                                  "{",
                                  "{}",
                                  "[{\"NodeId\":7,\"Value\":1}]",
                                  "{\"Messages\":7}",
                                  "{\"Messages\":[7]}",
                                  "{\"Payload\":7}",
                                  "{\"NodeId\":\"i=1\"}"};
    for (size_t n = 0; n < sizeof bodies / sizeof *bodies; n++)
        reads(bodies[n], "");
    assert_true(value_message_is(SLICE("application/x-monitored-item-json-v1")));
    assert_false(value_message_is(SLICE("application/x-network-message-uadp-v1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples),
        cmocka_unit_test(data_sets),
        cmocka_unit_test(a_structure_is_no_data_value),
        cmocka_unit_test(what_is_no_such_message_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
