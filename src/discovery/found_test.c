/* What was found of servers, and what others say of them. */
#include "discovery/found.h"

#include "base/cmocka.h"

static void names_are_replaced_by_the_address_that_answered(void **state)
{
    (void)state;
    struct buffer out = {0};
    discovery_found_url_with_host(SLICE("opc.tcp://plc-7:4840/a/b"),
                                  SLICE("opc.tcp://10.0.0.5:4841"), &out);
    assert_slice(buffer_slice(&out), SLICE("opc.tcp://10.0.0.5:4841/a/b"));
    buffer_reset(&out);
    discovery_found_url_with_host(SLICE("opc.tcp://plc-7:4840"), SLICE("opc.tcp://10.0.0.5:4840/"),
                                  &out);
    assert_slice(buffer_slice(&out), SLICE("opc.tcp://10.0.0.5:4840"));
    buffer_clear(&out);
}

/* The same server over two addresses is one, with both urls. */
static void a_server_found_twice_is_one(void **state)
{
    (void)state;
    struct found f = {0};
    UA_EndpointDescription e;
    UA_EndpointDescription_init(&e);
    e.endpointUrl = UA_STRING("opc.tcp://plc-7:4840");
    e.server.applicationUri = UA_STRING("urn:plc-7");
    struct opcua_inquiry_answer a = {.endpoints = &e, .endpoint_count = 1};
    assert_int_equal(discovery_found_add(&f, SLICE("s"), SLICE("opc.tcp://10.0.0.5:4840"), &a), 1);
    assert_int_equal(discovery_found_add(&f, SLICE("s"), SLICE("opc.tcp://10.0.1.5:4840"), &a), 0);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.list[0]->alternatives.count, 3);
    assert_slice(f.list[0]->reachable, SLICE("opc.tcp://10.0.0.5:4840"));
    assert_int_equal(f.list[0]->application->addresses.count, 2);
    e.endpointUrl = UA_STRING("https://plc-7");
    assert_int_equal(discovery_found_add(&f, SLICE("s"), SLICE("opc.tcp://10.0.0.5:4840"), &a), 0);
    discovery_found_clear(&f);
}

/* Said of a server before it is found, and after. */
static void what_others_say_of_a_server_is_kept(void **state)
{
    (void)state;
    struct found f = {0};
    UA_EndpointDescription e;
    UA_ServerOnNetwork n;
    UA_String capability = UA_STRING("HD");
    UA_EndpointDescription_init(&e);
    UA_ServerOnNetwork_init(&n);
    n.discoveryUrl = UA_STRING("opc.tcp://plc-7:4840");
    n.serverCapabilities = &capability;
    n.serverCapabilitiesSize = 1;
    struct opcua_inquiry_answer other = {.neighbours = &n, .neighbour_count = 1};
    assert_int_equal(discovery_found_add(&f, SLICE("s"), SLICE("opc.tcp://lds:4840"), &other), 0);
    e.endpointUrl = UA_STRING("opc.tcp://plc-7:4840");
    e.server.applicationUri = UA_STRING("urn:plc-7");
    struct opcua_inquiry_answer a = {.endpoints = &e, .endpoint_count = 1};
    assert_int_equal(discovery_found_add(&f, SLICE("s"), SLICE("opc.tcp://plc-7:4840"), &a), 1);
    discovery_found_capability(&f, SLICE("opc.tcp://plc-7:4840"), SLICE("DA"));
    discovery_found_capability(&f, SLICE("opc.tcp://plc-8:4840"), SLICE("AC"));
    assert_int_equal(f.list[0]->application->capabilities.count, 2);
    assert_slice(f.list[0]->application->capabilities.items[0], SLICE("HD"));
    assert_slice(f.list[0]->application->capabilities.items[1], SLICE("DA"));
    discovery_found_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_replaced_by_the_address_that_answered),
        cmocka_unit_test(a_server_found_twice_is_one),
        cmocka_unit_test(what_others_say_of_a_server_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
