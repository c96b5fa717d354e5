/* Who talks and does not read: what he is answered has a bound, too. */
#include "services/live.h"

#include <string.h>

#include "io/sim.h"

#include "base/cmocka.h"

#define RECORD "{\"type\":1,\"invocationId\":\"1\",\"target\":\"None\",\"arguments\":[]}\x1e"
#define HANDSHAKE "{\"protocol\":\"json\",\"version\":1}\x1e"
#define RECORDS 100000

static struct world {
    struct sim *sim;
    struct loop *home, *away;
    struct listener *listener;
    struct live *live;
    enum live_wire wire;
    struct live_ids ids;
    struct stream *server, *client; /* the client's is NULL when it has ended */
    size_t answers;                 /* that the client has read */
} world;

/* ---- a client ---- */

static void on_open(void *arg)
{
    (void)arg;
    stream_pause(world.client, true); /* it does not read */
    if (world.wire == LIVE_SIGNALR)
        stream_write(world.client, SLICE(HANDSHAKE));
}

static void on_data(void *arg, struct slice bytes)
{
    (void)arg;
    for (size_t i = 0; i < bytes.len; i++)
        world.answers += bytes.at[i] == 0x1e;
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    world.client = NULL;
}

static const struct stream_events client_events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    world.server = s;
    live_negotiate(world.live, LIVE_ENDPOINTS, &world.ids);
    assert_non_null(
        live_connect(world.live, LIVE_ENDPOINTS, world.wire, slice_of(world.ids.token), s));
}

static void run_ms(uint64_t ms)
{
    sim_run(world.sim, sim_now_ms(world.sim) + ms);
}

static void begin(enum live_wire wire)
{
    world = (struct world){.sim = sim_new(7), .wire = wire};
    world.home = sim_loop_new(world.sim, "home");
    world.away = sim_loop_new(world.sim, "away");
    world.live = live_new(world.home);
    assert_int_equal(listener_open(&(struct listen_config){.loop = world.home,
                                                           .host = "127.0.0.1",
                                                           .port = 80,
                                                           .on_accept = on_accept},
                                   &world.listener),
                     OK);
    world.client =
        stream_connect(&(struct connect_config){.loop = world.away, .host = "home", .port = 80},
                       &client_events, NULL);
    sim_run(world.sim, sim_now_ms(world.sim) + 1000);
    assert_int_equal(live_counts(world.live).connections, 1);
}

static void end(void)
{
    live_free(&world.live);
    run_ms(10000); /* closes */
    listener_close(&world.listener);
    sim_free(&world.sim);
}

/* ---- what is promised ---- */

/* It is read no further, and answered in full as soon as it reads. */
static void who_does_not_read_his_answers_is_not_read(void **state)
{
    (void)state;
    begin(LIVE_SIGNALR);
    for (size_t i = 0; i < RECORDS; i++)
        stream_write(world.client, SLICE(RECORD));
    run_ms(5000);
    assert_int_equal(live_counts(world.live).connections, 1);
    assert_true(stream_unsent(world.server) > STREAM_HIGH_BYTES);
    assert_true(stream_unsent(world.server) < 2 * STREAM_HIGH_BYTES);
    stream_pause(world.client, false);
    run_ms(30000);
    assert_true(world.answers > RECORDS); /* the handshake's, and pings */
    assert_int_equal(live_counts(world.live).ended, 0);
    end();
}

/* One whose reading has no end yet is not taken for silent. */
static void who_is_behind_with_values_is_read_all_the_same(void **state)
{
    (void)state;
    static char value[STREAM_HIGH_BYTES];
    memset(value, '1', sizeof value);
    begin(LIVE_SIGNALR);
    live_tell(world.live, LIVE_ENDPOINTS, (struct slice){0}, "EndpointEvent",
              slice_from(value, sizeof value));
    live_tell(world.live, LIVE_ENDPOINTS, (struct slice){0}, "EndpointEvent",
              slice_from(value, sizeof value));
    for (int i = 0; i < 10; i++) {
        stream_write(world.client, SLICE("{\"type\":6}\x1e"));
        run_ms(15000);
    }
    assert_true(stream_unsent(world.server) > STREAM_HIGH_BYTES / 2);
    assert_int_equal(live_counts(world.live).connections, 1);
    end();
}

/* Its posts come beside the stream, and cannot be made to wait. */
static void who_posts_and_does_not_read_is_ended(void **state)
{
    (void)state;
    begin(LIVE_SIGNALR_STREAM);
    struct buffer much = {0};
    for (size_t i = 0; i < RECORDS; i++)
        buffer_put(&much, SLICE(RECORD));
    assert_int_equal(
        live_post(world.live, LIVE_ENDPOINTS, slice_of(world.ids.token), SLICE(HANDSHAKE)), OK);
    assert_int_equal(
        live_post(world.live, LIVE_ENDPOINTS, slice_of(world.ids.token), buffer_slice(&much)),
        FULL);
    assert_int_equal(live_counts(world.live).ended, 1);
    assert_int_equal(live_counts(world.live).connections, 0);
    assert_int_equal(
        live_post(world.live, LIVE_ENDPOINTS, slice_of(world.ids.token), SLICE(RECORD)), NOT_FOUND);
    run_ms(1000);
    buffer_clear(&much);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_read_his_answers_is_not_read),
        cmocka_unit_test(who_is_behind_with_values_is_read_all_the_same),
        cmocka_unit_test(who_posts_and_does_not_read_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
