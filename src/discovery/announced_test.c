/* Servers that announce themselves: packets as they are on the wire, and a responder on this machine's loopback. */
#include "discovery/announced.h"

#include <stdio.h>
#include <unistd.h>

#include "io/datagram.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define LOOPBACK 0x7f000001

/* PTR, SRV, TXT and A of "Press 7" on press.local, names after the first as pointers. */
#define NAME "\x0a_opcua-tcp\x04_tcp\x05local\0"                                   /* 23 bytes, at 12 */
#define HEAD "\0\0\x84\0\0\0\0\1\0\0\0\3"
#define PTR NAME "\0\x0c\0\1\0\0\0\x78\0\x0a\x07Press 7\xc0\x0c"            /* "Press 7" is at 45 */
#define SRV(ttl) "\xc0\x2d\0\x21\x80\1\0\0\0" ttl "\0\x0e\0\0\0\0\xbf\x68\x05press\xc0\x1c" /* its host is at 73 */
#define TXT "\xc0\x2d\0\x10\x80\1\0\0\0\x78\0\x15\x08path=/ua\x0b" "caps=DA,HD "
#define A "\xc0\x49\0\1\x80\1\0\0\0\x78\0\4\x0a\0\0\5"
#define PACKET HEAD PTR SRV("\x78") TXT A

static struct mdns_service services[MDNS_SERVICES_MAX];
static size_t count;
static struct arena arena;

static enum status read_packet(struct slice packet)
{
    count = 0;
    return discovery_mdns_read(packet, &arena, services, &count);
}

static void an_announcement_is_a_url(void **state)
{
    (void)state;
    struct buffer url = {0};
    assert_int_equal(read_packet(SLICE(PACKET)), OK);
    assert_int_equal(count, 1);
    assert_slice(services[0].name, SLICE("press 7._opcua-tcp._tcp.local"));
    assert_slice(services[0].capabilities, SLICE("DA,HD "));
    discovery_mdns_put_url(&services[0], &url);
    assert_slice(buffer_slice(&url), SLICE("opc.tcp://10.0.0.5:49000/ua"));
    buffer_clear(&url);
}

static void an_address_may_be_missing(void **state)
{
    (void)state;
    assert_int_equal(read_packet(SLICE("\0\0\x84\0\0\0\0\1\0\0\0\2" PTR SRV("\x78") TXT)), OK);
    assert_int_equal(count, 1);
    assert_int_equal(services[0].address, 0);
    assert_int_equal(services[0].port, 49000);
}

static void who_says_goodbye_is_not_told(void **state)
{
    (void)state;
    assert_int_equal(read_packet(SLICE(HEAD PTR SRV("\0") TXT A)), OK);
    assert_int_equal(count, 0);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    struct slice whole = SLICE(PACKET);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(read_packet(slice_first(whole, len)), BAD_FORMAT);
}

/* A name that leads to itself, or forward, would never end. */
static void names_that_run_in_circles_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_packet(SLICE("\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x0c\0\1\0\1\0\0\0\0\0\0")), BAD_FORMAT);
    assert_int_equal(read_packet(SLICE("\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x10\0\1\0\1\0\0\0\0\0\0")), BAD_FORMAT);
}

static void questions_are_passed_over(void **state)
{
    (void)state;
    struct buffer query = {0};
    discovery_mdns_put_query(&query);
    assert_int_equal(read_packet(buffer_slice(&query)), OK);
    assert_int_equal(count, 0);
    buffer_clear(&query);
}

/* ---- on a network ---- */

static struct world {
    struct loop *loop;
    struct datagram *responder;
    struct announced *announced;
    int found, questions, ended;
    uint32_t address;
    uint16_t port;
} world;

static void on_question(void *arg, uint32_t address, uint16_t port, struct slice bytes)
{
    struct buffer query = {0};
    (void)arg;
    discovery_mdns_put_query(&query);
    if (slice_eq(bytes, buffer_slice(&query))) {
        world.questions++;
        datagram_send(world.responder, address, port, SLICE("\0\0\x84\0\0\0\0\1\0\0\0\2" PTR SRV("\x78") TXT));
    }
    buffer_clear(&query);
}

static void on_found(void *arg, const struct mdns_service *s)
{
    (void)arg;
    world.found++;
    world.address = s->address;
    world.port = s->port;
}

static void on_end(void *arg)
{
    (void)arg;
    world.ended++;
}

static bool has_ended(void *arg)
{
    (void)arg;
    return world.ended > 0;
}

static void who_answers_is_found(void **state)
{
    (void)state;
    struct ranges interfaces = {0};
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
    world = (struct world){.loop = loop_new()};
    assert_int_equal(discovery_ranges_add(&interfaces, LOOPBACK, LOOPBACK), OK);
    assert_int_equal(datagram_open(&(struct datagram_config){.loop = world.loop, .interface = LOOPBACK, .port = port,
                                                             .group = MDNS_GROUP, .on_packet = on_question},
                                   &world.responder),
                     OK);
    world.announced = discovery_announced_start(&(struct announced_config){.loop = world.loop, .interfaces = &interfaces, .port = port,
                                                                           .wait_ms = 60, .on_found = on_found, .on_end = on_end});
    assert_true(loop_run_until(world.loop, has_ended, NULL, WAIT_MS));
    assert_int_equal(world.questions, 2);
    assert_true(world.found >= 1);
    assert_int_equal(world.address, LOOPBACK); /* whoever said it */
    assert_int_equal(world.port, 49000);
    discovery_announced_free(&world.announced);
    datagram_close(&world.responder);
    discovery_ranges_clear(&interfaces);
    loop_free(&world.loop);
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_announcement_is_a_url),
        cmocka_unit_test(an_address_may_be_missing),
        cmocka_unit_test(who_says_goodbye_is_not_told),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(names_that_run_in_circles_are_refused),
        cmocka_unit_test(questions_are_passed_over),
        cmocka_unit_test(who_answers_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
