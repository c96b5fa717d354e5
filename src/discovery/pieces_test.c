/* Ranges, order, patience, hello: the pieces that know no network. */
#include <stdlib.h>
#include <string.h>

#include "discovery/budget.h"
#include "discovery/hello.h"
#include "discovery/order.h"
#include "discovery/patience.h"
#include "discovery/plan.h"
#include "discovery/ranges.h"

#include "base/cmocka.h"

typedef enum status parse_fn(struct slice text, struct ranges *out, struct buffer *why);
typedef void print_fn(const struct ranges *r, struct buffer *out);

static void expect(parse_fn *parse, print_fn *print, const char *text, const char *want,
                   uint64_t total)
{
    struct ranges r = {0};
    struct buffer out = {0}, why = {0};
    if (parse(slice_of(text), &r, &why) != OK)
        fail_msg("%s: %s", text, buffer_cstr(&why));
    print(&r, &out);
    assert_slice(buffer_slice(&out), slice_of(want));
    assert_int_equal(r.total, total);
    discovery_ranges_clear(&r);
    buffer_clear(&out);
    buffer_clear(&why);
}

static void address_ranges_are_read_and_joined(void **state)
{
    (void)state;
    parse_fn *p = discovery_ranges_parse_addresses;
    print_fn *q = discovery_ranges_print_addresses;
    expect(p, q, "10.0.0.0/24;10.1.0.5-10.1.0.9", "10.0.0.1-10.0.0.254;10.1.0.5-10.1.0.9", 259);
    expect(p, q, " 10.0.0.7 , 10.0.0.6;", "10.0.0.6-10.0.0.7", 2);
    expect(p, q, "10.0.0.4/31", "10.0.0.4-10.0.0.5", 2);
    expect(p, q, "10.0.0.4/32", "10.0.0.4", 1);
    expect(p, q, "10.0.0.1-10.0.0.9,10.0.0.3-10.0.0.20", "10.0.0.1-10.0.0.20", 20);
    expect(p, q, "", "", 0);
    expect(p, q, "255.255.255.255", "255.255.255.255", 1);
}

static void port_ranges_are_read_and_joined(void **state)
{
    (void)state;
    parse_fn *p = discovery_ranges_parse_ports;
    print_fn *q = discovery_ranges_print_ports;
    expect(p, q, "4840-4841;48010", "4840-4841;48010", 3);
    expect(p, q, "0-100;144", "0-100;144", 102);
    expect(p, q, "0-1,1-2,2-3", "0-3", 4);
    expect(p, q, "6-*", "6-65535", 65530);
    expect(p, q, "*", "1-65535", 65535);
    expect(p, q, "5,3,4", "3-5", 3);
}

static void what_is_no_range_is_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {"10.0.0",    "10.0.0.256",        "10.0.0.0/33",
                                            "x",         "10.0.0.9-10.0.0.1", "10.0.0.1-",
                                            "1.2.3.4.5", "10.0.0.0/",         "0.0.0.0/0"};
    static const char *const ports[] = {"65536", "x", "9-8", "-1", "1-", "1-2-3"};
    struct ranges r = {0};
    struct buffer why = {0};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        assert_int_not_equal(discovery_ranges_parse_addresses(slice_of(addresses[i]), &r, &why),
                             OK);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        assert_int_not_equal(discovery_ranges_parse_ports(slice_of(ports[i]), &r, &why), OK);
    assert_int_equal(r.count, 0);
    assert_true(why.len > 0);
    buffer_clear(&why);
}

static void ranges_have_a_bound(void **state)
{
    (void)state;
    struct ranges r = {0};
    for (uint32_t i = 0; i < RANGES_MAX; i++)
        assert_int_equal(discovery_ranges_add(&r, i * 2, i * 2), OK);
    assert_int_equal(discovery_ranges_add(&r, 9999, 9999), FULL);
    assert_int_equal(discovery_ranges_at(&r, 5), 10);
    discovery_ranges_clear(&r);
}

static void each_number_comes_once(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 2, 3, 7, 64, 1000, 52578};
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        struct order o = discovery_order_of(counts[k], 42);
        uint8_t *seen = calloc(counts[k], 1);
        size_t in_place = 0;
        for (uint64_t i = 0; i < counts[k]; i++) {
            uint64_t n = discovery_order_at(&o, i);
            assert_true(n < counts[k] && !seen[n]);
            seen[n] = 1;
            in_place += n == i;
        }
        assert_true(counts[k] < 1000 || in_place < 20);
        free(seen);
    }
    struct order huge = discovery_order_of((uint64_t)1 << 40, 1);
    assert_true(discovery_order_at(&huge, 12345) < (uint64_t)1 << 40);
}

static void patience_follows_the_round_trips(void **state)
{
    (void)state;
    struct patience *p = malloc(sizeof(*p));
    discovery_patience_init(p, 200, 1000);
    assert_int_equal(discovery_patience_ms(p, 0x0a000001), 1000); /* nothing is known */
    discovery_patience_measured(p, 0x0a000001, 2);
    assert_int_equal(discovery_patience_ms(p, 0x0a0000fe), 200);  /* a neighbour: the floor */
    assert_int_equal(discovery_patience_ms(p, 0x0a000101), 1000); /* another network */
    discovery_patience_init(p, 10, 1000);
    discovery_patience_measured(p, 0x0a000001, 100); /* RFC 6298: R + 4 * R/2 */
    assert_int_equal(discovery_patience_ms(p, 0x0a000001), 300);
    for (int i = 0; i < 100; i++)
        discovery_patience_measured(p, 0x0a000001, 100);
    assert_in_range(discovery_patience_ms(p, 0x0a000001), 100, 115);
    for (int i = 0; i < 100; i++)
        discovery_patience_measured(p, 0x0a000001, 100000);
    assert_int_equal(discovery_patience_ms(p, 0x0a000001), 1000);
    for (int i = 0; i < 1000; i++)
        discovery_patience_measured(p, 0x0a000001, 0);
    assert_int_equal(discovery_patience_ms(p, 0x0a000001), 10);
    free(p);
}

static const uint8_t acknowledge[] = "ACKF\x1c\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\4\0\0\0\0";
static const uint8_t error_answer[] = "ERRF\x13\0\0\0\0\0\x7e\x80\3\0\0\0bad";

static void answers_are_read(void **state)
{
    (void)state;
    struct hello_answer a;
    assert_int_equal(discovery_hello_answer_read(slice_from(acknowledge, 28), &a), OK);
    assert_true(a.acknowledged && a.max_message == 0x04000000);
    assert_int_equal(discovery_hello_answer_read(slice_from(error_answer, 19), &a), OK);
    assert_false(a.acknowledged);
    assert_int_equal(a.error, 0x807e0000);
    assert_slice(a.reason, SLICE("bad"));
    for (size_t len = 0; len < 28; len++)
        assert_int_equal(discovery_hello_answer_read(slice_from(acknowledge, len), &a), AGAIN);
    for (size_t len = 0; len < 19; len++)
        assert_int_equal(discovery_hello_answer_read(slice_from(error_answer, len), &a), AGAIN);
}

static void other_protocols_are_refused_at_once(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT("HTTP/1.1 400"),
        SLICE_INIT("S"),
        SLICE_INIT("ACKC\x1c\0\0\0"),
        SLICE_INIT("ACKF\x1d\0\0\0"),
        SLICE_INIT("ERRF\xff\xff\0\0"),
        SLICE_INIT("ERRF\x08\0\0\0"),
        SLICE_INIT("ACKF\x1c\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\4\0\0\0\0"), /* no buffer */
        SLICE_INIT("ERRF\x10\0\0\0\0\0\x7e\x80\3\0\0\0"), /* a reason past the end */
    };
    struct hello_answer a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(discovery_hello_answer_read(bad[i], &a), BAD_FORMAT);
}

static void a_hello_has_the_url(void **state)
{
    (void)state;
    struct buffer out = {0};
    discovery_hello_put(SLICE("opc.tcp://h:1"), &out);
    assert_int_equal(out.len, 45);
    assert_memory_equal(out.at, "HELF\x2d\0\0\0\0\0\0\0\0\0\1\0", 16);
    assert_memory_equal(out.at + 28, "\x0d\0\0\0opc.tcp://h:1", 17);
    buffer_clear(&out);
}

/* Whatever is tried, and whenever: no second has more. */
static void no_second_has_more_than_the_budget(void **state)
{
    (void)state;
    static uint32_t sent[5000]; /* by millisecond */
    struct budget b;
    discovery_budget_init(&b, 100);
    memset(sent, 0, sizeof(sent));
    for (uint64_t ms = 0; ms < 5000; ms++) {
        uint32_t room = discovery_budget_room(&b, 77777 + ms), wish = (uint32_t)(ms * 7919 % 5);
        sent[ms] = wish < room ? wish : room;
        discovery_budget_spend(&b, 77777 + ms, sent[ms]);
        if (ms % 130 == 0 && discovery_budget_take(&b, 77777 + ms, 30))
            sent[ms] += 30;
    }
    uint64_t all = 0;
    for (size_t from = 0; from + 1000 <= 5000; from++) {
        uint32_t sum = 0;
        for (size_t ms = from; ms < from + 1000; ms++)
            sum += sent[ms];
        assert_true(sum <= 100);
    }
    for (size_t ms = 0; ms < 5000; ms++)
        all += sent[ms];
    assert_true(all > 450); /* and it is used */
}

static void room_is_made_for_who_needs_much(void **state)
{
    (void)state;
    struct budget b;
    discovery_budget_init(&b, 100);
    discovery_budget_spend(&b, 5000, 50);
    discovery_budget_spend(&b, 5500, 45);
    assert_false(discovery_budget_take(&b, 5600, 30));
    assert_int_equal(discovery_budget_room(&b, 5700), 0);
    assert_int_equal(discovery_budget_room(&b, 6030), 25); /* 45 and the reserved 30 */
    assert_true(discovery_budget_take(&b, 6030, 30));
    assert_int_equal(discovery_budget_room(&b, 6030), 25);
    assert_int_equal(discovery_budget_room(&b, 60000), 100);
    assert_true(discovery_budget_take(&b, 60000, 1000)); /* more than there ever is: alone */
    assert_int_equal(discovery_budget_room(&b, 60000), 0);
}

/* Who announces a server elsewhere does not make us ask there. */
static void announced_servers_are_asked_in_our_networks_alone(void **state)
{
    (void)state;
    struct plan p = {0};
    struct ranges networks = {0};
    struct buffer why = {0};
    assert_int_equal(discovery_ranges_parse_addresses(SLICE("10.1.0.0/16;127.0.0.1"), &networks, &why), OK);
    assert_true(discovery_plan_allows(&p, &networks, 0x0a010203));
    assert_true(discovery_plan_allows(&p, &networks, 0x7f000001));
    assert_false(discovery_plan_allows(&p, &networks, 0x08080808));
    assert_int_equal(discovery_ranges_parse_addresses(SLICE("192.168.0.0/24"), &p.addresses, &why), OK);
    p.addresses_given = true;
    assert_true(discovery_plan_allows(&p, &networks, 0xc0a80005));
    assert_false(discovery_plan_allows(&p, &networks, 0x0a010203));
    discovery_ranges_clear(&networks);
    discovery_plan_clear(&p);
    buffer_clear(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_second_has_more_than_the_budget),
        cmocka_unit_test(room_is_made_for_who_needs_much),
        cmocka_unit_test(address_ranges_are_read_and_joined),
        cmocka_unit_test(port_ranges_are_read_and_joined),
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(ranges_have_a_bound),
        cmocka_unit_test(each_number_comes_once),
        cmocka_unit_test(patience_follows_the_round_trips),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(other_protocols_are_refused_at_once),
        cmocka_unit_test(a_hello_has_the_url),
        cmocka_unit_test(announced_servers_are_asked_in_our_networks_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
