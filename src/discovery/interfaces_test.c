/* Where a host can look. */
#include "discovery/interfaces.h"

#include "base/cmocka.h"

static void gateways_come_from_the_routes(void **state)
{
    (void)state;
    struct ranges r = {0};
    struct buffer out = {0};
    discovery_interfaces_add_gateways(SLICE("Iface\tDestination\tGateway\tFlags\n"
                                            "eth0\t00000000\t0100A8C0\t0003\t0\n"
                                            "eth0\t0000A8C0\t00000000\t0001\t0\nnonsense\n"),
                                      &r);
    discovery_ranges_print_addresses(&r, &out);
    assert_slice(buffer_slice(&out), SLICE("192.168.0.1"));
    discovery_ranges_clear(&r);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gateways_come_from_the_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
