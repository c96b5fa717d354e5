/* On this machine's loopback, where a port answers or refuses at once. */
#include "discovery/scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/stream.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define ADDRESS 0x7f000001

static const uint8_t acknowledge[] = "ACKF\x1c\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\4\0\0\0\0";

struct peer {
    struct stream *stream;
    struct world *world;
    struct buffer received;
};

struct world {
    struct loop *loop;
    struct listener *listeners[3];
    int ports[3];
    struct ranges addresses, range;
    struct scan *scan;
    struct budget budget;
    struct scan_position from;
    int ended;
    int found;
    uint16_t found_port;
    uint32_t found_address;
    struct slice answer; /* that the peers give to a hello; empty: none */
    struct peer peers[64];
    size_t peer_count, greeted;
};

static void on_data(void *arg, struct slice bytes)
{
    struct peer *p = arg;
    buffer_put(&p->received, bytes);
    if (p->received.len < 8 || p->world->answer.len == 0)
        return;
    p->world->greeted++;
    assert_memory_equal(p->received.at, "HELF", 4);
    stream_write(p->stream, slice_first(p->world->answer, 5)); /* in two pieces */
    stream_write(p->stream, slice_skip(p->world->answer, 5));
}

static void on_close(void *arg, enum status why)
{
    struct peer *p = arg;
    (void)why;
    buffer_clear(&p->received);
}

static const struct stream_events peer_events = {.on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *s)
{
    struct world *w = arg;
    assert_true(w->peer_count < 64);
    struct peer *p = &w->peers[w->peer_count++];
    *p = (struct peer){.stream = s, .world = w};
    stream_events(s, &peer_events, p);
}

static void on_found(void *arg, uint32_t address, uint16_t port)
{
    struct world *w = arg;
    w->found++;
    w->found_address = address;
    w->found_port = port;
}

static void on_end(void *arg)
{
    ((struct world *)arg)->ended++;
}

static bool has_ended(void *arg)
{
    return ((struct world *)arg)->ended > 0;
}

static int setup(void **state)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    for (int i = 0; i < 3; i++) {
        struct listen_config config = {
            .loop = w->loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = w};
        assert_int_equal(listener_open(&config, &w->listeners[i]), OK);
        w->ports[i] = listener_port(w->listeners[i]);
    }
    w->answer = slice_from(acknowledge, 28);
    assert_int_equal(discovery_ranges_add(&w->addresses, ADDRESS, ADDRESS), OK);
    *state = w;
    return 0;
}

static bool all_closed(void *arg)
{
    struct world *w = arg;
    for (size_t i = 0; i < w->peer_count; i++)
        if (w->peers[i].received.cap)
            return false;
    return true;
}

static int teardown(void **state)
{
    struct world *w = *state;
    discovery_scan_free(&w->scan);
    assert_true(loop_run_until(w->loop, all_closed, w, WAIT_MS));
    for (int i = 0; i < 3; i++)
        listener_close(&w->listeners[i]);
    discovery_ranges_clear(&w->addresses);
    discovery_ranges_clear(&w->range);
    loop_free(&w->loop);
    free(w);
    return 0;
}

static void start(struct world *w, struct scan_limits limits)
{
    discovery_budget_init(&w->budget, limits.rate ? limits.rate : SCAN_RATE);
    struct scan_config config = {
        .loop = w->loop,
        .budget = &w->budget,
        .addresses = &w->addresses,
        .ports = &w->range,
        .limits = limits,
        .from = w->from,
        .on_found = on_found,
        .on_end = on_end,
        .arg = w,
    };
    w->scan = discovery_scan_start(&config);
}

static void finds_what_says_acknowledge(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++) /* each with some neighbours that nobody listens on, most likely */
        assert_int_equal(
            discovery_ranges_add(&w->range, (uint32_t)w->ports[i] - 5, (uint32_t)w->ports[i] + 5),
            OK);
    start(w, (struct scan_limits){0});
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_true(w->found >= 3);
    assert_int_equal(w->greeted, 3);
    assert_int_equal(w->found_address, ADDRESS);
    struct scan_progress p = discovery_scan_progress(w->scan);
    assert_int_equal(p.done, p.total);
    assert_int_equal(p.in_flight, 0);
    assert_true(p.total >= 11 && p.open >= 3);
}

static void passes_over_what_says_something_else(void **state)
{
    struct world *w = *state;
    w->answer = SLICE("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_int_equal(discovery_ranges_add(&w->range, (uint32_t)w->ports[0], (uint32_t)w->ports[0]),
                     OK);
    start(w, (struct scan_limits){0});
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_int_equal(w->found, 0);
    assert_int_equal(discovery_scan_progress(w->scan).open, 1);
}

static void does_not_wait_long_for_the_silent(void **state)
{
    struct world *w = *state;
    w->answer = (struct slice){0};
    assert_int_equal(discovery_ranges_add(&w->range, (uint32_t)w->ports[0], (uint32_t)w->ports[0]),
                     OK);
    uint64_t began_ms = loop_now_ms(w->loop);
    start(w, (struct scan_limits){.hello_ms = 30});
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_int_equal(w->found, 0);
    assert_true(loop_now_ms(w->loop) - began_ms >= 30);
}

/* 30 connects at 100 a second take a quarter of a second, the first ones being free. */
static void keeps_to_its_rate(void **state)
{
    struct world *w = *state;
    assert_int_equal(discovery_ranges_add(&w->range, 1, 30), OK);
    uint64_t began_ms = loop_now_ms(w->loop);
    start(w, (struct scan_limits){.rate = 100, .host_rate = SCAN_HOST_RATE_NONE});
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_true(loop_now_ms(w->loop) - began_ms >= 230);
}

/* Two hosts hear of it 40 times a second altogether, whatever the network's budget: 20 connects take half a second. */
static void a_host_has_a_rate_of_its_own(void **state)
{
    struct world *w = *state;
    assert_int_equal(discovery_ranges_add(&w->addresses, ADDRESS + 1, ADDRESS + 1), OK);
    assert_int_equal(discovery_ranges_add(&w->range, 1, 10), OK);
    uint64_t began_ms = loop_now_ms(w->loop);
    start(w, (struct scan_limits){.host_rate = 20});
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_true(loop_now_ms(w->loop) - began_ms >= 450);
}

/* What others send is taken off its budget. */
static void others_packets_count(void **state)
{
    struct world *w = *state;
    assert_int_equal(discovery_ranges_add(&w->range, 1, 2), OK);
    uint64_t began_ms = loop_now_ms(w->loop);
    start(w, (struct scan_limits){.rate = 100, .host_rate = SCAN_HOST_RATE_NONE});
    discovery_budget_spend(&w->budget, began_ms, 90);
    assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
    assert_true(loop_now_ms(w->loop) - began_ms >= 990);
}

static void goes_on_from_where_another_was(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(discovery_ranges_add(&w->range, (uint32_t)w->ports[i], (uint32_t)w->ports[i]), OK);
    for (uint64_t next = 0; next <= 3; next++) {
        w->ended = w->found = 0;
        w->from = (struct scan_position){.seed = 7, .next = next};
        start(w, (struct scan_limits){0});
        assert_int_equal(discovery_scan_progress(w->scan).done, next);
        assert_int_equal(discovery_scan_position(w->scan).next, next);
        assert_true(loop_run_until(w->loop, has_ended, w, WAIT_MS));
        assert_int_equal(w->found, 3 - next);
        assert_int_equal(discovery_scan_position(w->scan).next, 3);
        discovery_scan_free(&w->scan);
    }
}

/* What is still open counts as not done. */
static void its_position_is_before_what_is_open(void **state)
{
    struct world *w = *state;
    w->answer = (struct slice){0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(discovery_ranges_add(&w->range, (uint32_t)w->ports[i], (uint32_t)w->ports[i]), OK);
    start(w, (struct scan_limits){0});
    while (discovery_scan_progress(w->scan).open < 3)
        loop_run_until(w->loop, has_ended, w, 5);
    assert_int_equal(discovery_scan_position(w->scan).next, 0);
    assert_true(discovery_scan_position(w->scan).seed != 0);
}

static void can_be_ended_in_the_midst(void **state)
{
    struct world *w = *state;
    w->answer = (struct slice){0};
    assert_int_equal(discovery_ranges_add(&w->range, (uint32_t)w->ports[0], (uint32_t)w->ports[0]),
                     OK);
    start(w, (struct scan_limits){0});
    struct scan *s = w->scan;
    while (discovery_scan_progress(s).open == 0)
        loop_run_until(w->loop, has_ended, w, 5);
    discovery_scan_free(&w->scan);
    assert_int_equal(w->ended, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_what_says_acknowledge),       TEST(passes_over_what_says_something_else),
        TEST(does_not_wait_long_for_the_silent), TEST(keeps_to_its_rate),
        TEST(can_be_ended_in_the_midst),         TEST(a_host_has_a_rate_of_its_own),
        TEST(others_packets_count),              TEST(goes_on_from_where_another_was),
        TEST(its_position_is_before_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
