/* Datagrams on this machine's loopback. */
#include "io/datagram.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cmocka.h"

#define WAIT_MS 20000
#define LOOPBACK 0x7f000001
#define GROUP 0xe00000fb

static struct house {
    struct loop *loop;
    struct datagram *one, *other;
    uint16_t port;
    int packets;
    char text[32];
} house;

/* Nobody else's. */
static uint16_t port(void)
{
    return (uint16_t)(20000 + getpid() % 20000);
}

static void on_packet(void *arg, uint32_t address, uint16_t port, struct slice bytes)
{
    struct house *h = arg;
    assert_int_equal(address, LOOPBACK);
    h->port = port;
    h->packets++;
    snprintf(h->text, sizeof(h->text), "%.*s", SLICE_FMT(bytes));
}

static bool has_packet(void *arg)
{
    return ((struct house *)arg)->packets > 0;
}

static struct datagram *open_one(uint16_t port, uint32_t group)
{
    struct datagram *d = NULL;
    struct datagram_config config = {
        .loop = house.loop, .interface = LOOPBACK, .port = port, .group = group, .on_packet = on_packet, .arg = &house};
    assert_int_equal(datagram_open(&config, &d), OK);
    return d;
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    datagram_close(&house.one);
    datagram_close(&house.other);
    loop_free(&house.loop);
    return 0;
}

/* To a group, and the answer to whoever asked. */
static void goes_to_a_group_and_back(void **state)
{
    (void)state;
    house.one = open_one(0, 0);
    house.other = open_one(port(), GROUP); /* shared */
    assert_int_equal(datagram_send(house.one, GROUP, port(), SLICE("who?")), OK);
    assert_true(loop_run_until(house.loop, has_packet, &house, WAIT_MS));
    assert_string_equal(house.text, "who?");
    house.packets = 0;
    assert_int_equal(datagram_send(house.other, LOOPBACK, house.port, SLICE("me")), OK);
    assert_true(loop_run_until(house.loop, has_packet, &house, WAIT_MS));
    assert_string_equal(house.text, "me");
}

static void a_port_is_shared(void **state)
{
    (void)state;
    house.one = open_one(port(), GROUP);
    house.other = open_one(port(), GROUP);
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct datagram_config config = {.loop = house.loop, .interface = 0x01020304, .on_packet = on_packet};
    assert_int_equal(datagram_open(&config, &house.one), IO_FAILED);
    assert_null(house.one);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_to_a_group_and_back),
        TEST(a_port_is_shared),
        TEST(an_address_that_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
