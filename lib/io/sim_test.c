#include "io/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/test_certificates.h"
#include "io/stream.h"

#include "base/cmocka.h"

/* A server that echoes on host "hub", a client on host "edge" that checks what comes back. */
struct world {
    struct sim *sim;
    struct loop *hub, *hub2, *edge;
    struct listener *listener;
    struct stream *client, *server;
    size_t to_write, written, checked, received;
    int accepted, moves, timer_calls;
    bool wrong, open, client_closed, server_closed, roam;
    enum status client_why, server_why;
    struct buffer log;
};

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7);
}

static void write_log(struct world *w, const char *what, size_t number)
{
    buffer_printf(&w->log, "%llu %s %zu\n", (unsigned long long)sim_now_ms(w->sim), what, number);
}

static void arrived(void *arg)
{
    write_log(arg, "moved", 0);
}

static void server_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    write_log(w, "server", bytes.len);
    for (size_t i = 0; i < bytes.len; i++)
        w->wrong |= bytes.at[i] != byte_at(w->received + i);
    w->received += bytes.len;
    stream_write(w->server, bytes);
    if (stream_unsent(w->server) > STREAM_HIGH_BYTES)
        stream_pause(w->server, true);
    if (w->roam && loop_random_u64(stream_loop(w->server)) % 4 == 0) {
        w->moves++;
        stream_move(w->server, stream_loop(w->server) == w->hub ? w->hub2 : w->hub, arrived, w);
    }
}

static void server_drain(void *arg)
{
    stream_pause(((struct world *)arg)->server, false);
}

static void server_close(void *arg, enum status why)
{
    struct world *w = arg;
    write_log(w, "server_closed", why);
    w->server = NULL;
    w->server_closed = true;
    w->server_why = why;
}

static const struct stream_events server_events = {
    .on_data = server_data, .on_drain = server_drain, .on_close = server_close};

static void on_accept(void *arg, struct stream *s)
{
    struct world *w = arg;
    w->accepted++;
    w->server = s;
    stream_events(s, &server_events, w);
}

static void write_more(struct world *w)
{
    while (w->written < w->to_write && stream_unsent(w->client) <= STREAM_HIGH_BYTES) {
        size_t len = 1 + loop_random_u64(w->edge) % 8000;
        if (len > w->to_write - w->written)
            len = w->to_write - w->written;
        uint8_t *at = buffer_reserve(stream_out(w->client), len);
        for (size_t i = 0; i < len; i++)
            at[i] = byte_at(w->written + i);
        buffer_added(stream_out(w->client), len);
        stream_flush(w->client);
        w->written += len;
    }
}

static void client_open(void *arg)
{
    struct world *w = arg;
    w->open = true;
    write_more(w);
}

static void client_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    write_log(w, "client", bytes.len);
    for (size_t i = 0; i < bytes.len; i++)
        w->wrong |= bytes.at[i] != byte_at(w->checked + i);
    w->checked += bytes.len;
    write_more(w);
}

static void client_drain(void *arg)
{
    write_more(arg);
}

static void client_close(void *arg, enum status why)
{
    struct world *w = arg;
    write_log(w, "client_closed", why);
    w->client = NULL;
    w->client_closed = true;
    w->client_why = why;
}

static const struct stream_events client_events = {.on_open = client_open,
                                                   .on_data = client_data,
                                                   .on_drain = client_drain,
                                                   .on_close = client_close};

static void world_connect(struct world *w, const char *host, struct tls_client *tls)
{
    w->open = w->client_closed = false;
    struct connect_config config = {
        .loop = w->edge, .host = host, .port = 8883, .tls = tls, .server_name = "localhost"};
    w->client = stream_connect(&config, &client_events, w);
}

static void world_listen(struct world *w, struct tls_server *tls)
{
    struct listen_config config = {.loop = w->hub,
                                   .host = "0.0.0.0",
                                   .port = 8883,
                                   .tls = tls,
                                   .on_accept = on_accept,
                                   .arg = w};
    assert_int_equal(listener_open(&config, &w->listener), OK);
}

static void world_open(struct world *w, uint64_t seed)
{
    w->sim = sim_new(seed);
    w->hub = sim_loop_new(w->sim, "hub");
    w->hub2 = sim_loop_new(w->sim, "hub");
    w->edge = sim_loop_new(w->sim, "edge");
    world_listen(w, NULL);
    world_connect(w, "hub", NULL);
}

static void world_close(struct world *w)
{
    sim_free(&w->sim);
    buffer_clear(&w->log);
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

/* ---- time ---- */

static void timers_jump_the_clock(void **state)
{
    (void)state;
    struct sim *s = sim_new(1);
    struct loop *l = sim_loop_new(s, "a");
    bool done = false;
    struct loop_timer t = {0};
    uint64_t wall = loop_wall_ms(l);
    loop_timer_start(l, &t, 3600000, set, &done);
    sim_run(s, 3599999);
    assert_false(done);
    sim_run(s, 3600000);
    assert_true(done);
    assert_int_equal(loop_now_ms(l), 3600000);
    assert_int_equal(loop_wall_ms(l), wall + 3600000);
    sim_wall_jump(s, "a", -7200000);
    assert_int_equal(loop_wall_ms(l), wall - 3600000);
    assert_int_equal(loop_now_ms(l), 3600000);
    assert_false(sim_step(s)); /* nothing will ever happen */
    sim_free(&s);
}

struct job {
    struct loop *loop;
    uint64_t asked, ran, done;
    bool finished;
};

static void job_run(void *arg)
{
    struct job *j = arg;
    j->ran = loop_now_ms(j->loop);
}

static void job_done(void *arg)
{
    struct job *j = arg;
    j->done = loop_now_ms(j->loop);
    j->finished = true;
}

static void work_takes_simulated_time(void **state)
{
    (void)state;
    struct sim *s = sim_new(7);
    uint64_t longest = 0;
    struct job j = {.loop = sim_loop_new(s, "a")};
    for (int i = 0; i < 50; i++) {
        j.finished = false;
        uint64_t start = loop_now_ms(j.loop);
        loop_work(j.loop, job_run, job_done, &j);
        assert_false(j.finished);
        assert_true(loop_run_until(j.loop, is_set, &j.finished, 1000));
        assert_true(start <= j.ran && j.ran <= j.done);
        if (j.done - start > longest)
            longest = j.done - start;
    }
    assert_true(longest > 0);
    sim_free(&s);
}

struct ping {
    struct loop *a, *b;
    int left;
    bool done;
};

static void pong(void *arg);

static void ping(void *arg)
{
    struct ping *p = arg;
    loop_post(p->b, pong, p);
}

static void pong(void *arg)
{
    struct ping *p = arg;
    p->done = --p->left == 0;
    if (!p->done)
        loop_post(p->a, ping, p);
}

static void loops_post_to_each_other(void **state)
{
    (void)state;
    struct sim *s = sim_new(3);
    struct ping p = {.a = sim_loop_new(s, "x"), .b = sim_loop_new(s, "x"), .left = 100};
    loop_post(p.a, ping, &p);
    assert_true(loop_run_until(p.a, is_set, &p.done, 1000));
    sim_free(&s);
}

/* ---- the network ---- */

static void bytes_come_back_as_they_were_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world w = {.to_write = 1 + seed * 20000, .roam = seed % 2};
        world_open(&w, seed);
        sim_run(w.sim, 60000);
        assert_int_equal(w.checked, w.to_write);
        assert_false(w.wrong);
        assert_false(w.client_closed);
        if (w.roam && seed > 20)
            assert_true(w.moves > 0);
        stream_close(w.client);
        sim_run(w.sim, 70000);
        assert_int_equal(w.client_why, CLOSED);
        assert_true(w.server_closed);
        assert_int_equal(w.server_why, CLOSED);
        world_close(&w);
    }
}

static uint64_t play(uint64_t seed, struct buffer *log)
{
    struct world w = {.to_write = 300000, .roam = true};
    world_open(&w, seed);
    struct sim_network n = sim_network_get(w.sim);
    n.resets_per_million = 10000;
    sim_network_set(w.sim, &n);
    sim_run(w.sim, 20);
    sim_link(w.sim, "edge", "hub", false);
    sim_run(w.sim, 1000);
    sim_link(w.sim, "edge", "hub", true);
    sim_run(w.sim, 2000);
    sim_loop_kill(w.hub2);
    sim_run(w.sim, 100000);
    uint64_t trace = sim_trace(w.sim);
    buffer_put(log, buffer_slice(&w.log));
    world_close(&w);
    return trace;
}

static void a_seed_replays_bit_for_bit(void **state)
{
    (void)state;
    struct buffer first = {0}, again = {0}, other = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        buffer_reset(&first), buffer_reset(&again), buffer_reset(&other);
        uint64_t trace = play(seed, &first);
        void *noise = malloc(1000 + seed * 100); /* other addresses must not matter */
        assert_int_equal(play(seed, &again), trace);
        free(noise);
        assert_slice(buffer_slice(&again), buffer_slice(&first));
        assert_true(play(seed + 1000, &other) != trace);
        assert_false(slice_eq(buffer_slice(&other), buffer_slice(&first)));
    }
    buffer_clear(&first), buffer_clear(&again), buffer_clear(&other);
}

static void a_cut_link_delays_and_a_long_cut_breaks(void **state)
{
    (void)state;
    struct world w = {.to_write = 1000};
    world_open(&w, 5);
    sim_run(w.sim, 100);
    assert_int_equal(w.checked, 1000);
    sim_link(w.sim, "hub", "edge", false);
    w.to_write = 5000;
    write_more(&w);
    sim_run(w.sim, 10000);
    assert_int_equal(w.checked, 1000);
    assert_false(w.client_closed);
    sim_link(w.sim, "edge", "hub", true);
    sim_run(w.sim, 11000);
    assert_int_equal(w.checked, 5000);

    sim_link(w.sim, "edge", "hub", false);
    w.to_write = 6000;
    write_more(&w);
    sim_run(w.sim, 42000);
    assert_true(w.client_closed);
    assert_int_equal(w.client_why, IO_FAILED);
    assert_false(w.server_closed); /* it has nothing to send, so it does not know */
    world_connect(&w, "hub", NULL);
    sim_run(w.sim, 70000);
    assert_int_equal(w.client_why, TIMED_OUT);
    sim_link(w.sim, "edge", "hub", true);
    stream_write(w.server, SLICE("anybody there?"));
    sim_run(w.sim, 71000);
    assert_true(w.server_closed);
    assert_int_equal(w.server_why, IO_FAILED);
    world_close(&w);
}

/* A writer whose machine gives up is told at once; what it wrote until then never comes behind a
 * gap. */
static void what_is_given_up_leaves_no_gap(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct world w = {.to_write = 1000};
        world_open(&w, seed);
        sim_run(w.sim, 100);
        sim_link(w.sim, "edge", "hub", false);
        for (uint64_t t = 1; t <= 40 && w.client; t++) {
            w.to_write += 10;
            write_more(&w);
            if (t % 10 == 0)
                stream_write(w.server, SLICE("on its way to the client meanwhile"));
            sim_run(w.sim, 100 + t * 1000);
        }
        assert_true(w.client_closed);
        assert_true(sim_now_ms(w.sim) <= 33000);
        assert_int_equal(w.client_why, IO_FAILED);
        sim_link(w.sim, "edge", "hub", true);
        sim_run(w.sim, 80000);
        assert_false(w.wrong);
        assert_int_equal(w.received, 1000);
        assert_true(w.server_closed);
        world_close(&w);
    }
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    struct world w = {0};
    world_open(&w, 1);
    sim_run(w.sim, 100);
    assert_true(w.open);
    stream_abort(w.client, CANCELLED);
    assert_false(w.client_closed);
    sim_run(w.sim, 200);
    assert_int_equal(w.client_why, CANCELLED);
    assert_int_equal(w.server_why, IO_FAILED);
    world_connect(&w, "nowhere", NULL);
    sim_run(w.sim, 300);
    assert_int_equal(w.client_why, IO_FAILED);
    struct listener *second = NULL;
    struct listen_config config = {.loop = w.hub2, .host = "::", .port = 8883};
    assert_int_equal(listener_open(&config, &second), IO_FAILED);
    listener_close(&w.listener);
    world_connect(&w, "hub", NULL);
    sim_run(w.sim, 400);
    assert_true(w.client_closed);
    assert_int_equal(w.client_why, IO_FAILED);
    world_close(&w);
}

static void a_reader_that_pauses_holds_the_writer(void **state)
{
    (void)state;
    struct world w = {.to_write = 2 << 20};
    world_open(&w, 9);
    while (!w.server)
        assert_true(sim_step(w.sim));
    stream_pause(w.server, true);
    sim_run(w.sim, 10000);
    assert_int_equal(w.checked, 0);
    assert_true(w.written < 1 << 20);
    assert_true(stream_unsent(w.client) > STREAM_HIGH_BYTES);
    stream_pause(w.server, false);
    sim_run(w.sim, 20000);
    assert_int_equal(w.checked, 2 << 20);
    world_close(&w);
}

static void a_slow_host_takes_its_time(void **state)
{
    (void)state;
    struct world w = {.to_write = 100000};
    world_open(&w, 9);
    sim_host_speed(w.sim, "hub", 10000);
    sim_run(w.sim, 9500);
    assert_true(w.checked < 100000);
    sim_run(w.sim, 12000);
    assert_int_equal(w.checked, 100000);
    world_close(&w);
}

static void resets_are_told_to_both(void **state)
{
    (void)state;
    int broken = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct world w = {.to_write = 500000};
        world_open(&w, seed);
        struct sim_network n = sim_network_get(w.sim);
        n.resets_per_million = 20000;
        sim_network_set(w.sim, &n);
        sim_run(w.sim, 60000);
        assert_int_equal(w.client_closed, w.server_closed);
        if (w.client_closed) {
            broken++;
            assert_int_equal(w.client_why, IO_FAILED);
            assert_int_equal(w.server_why, IO_FAILED);
        } else {
            assert_int_equal(w.checked, w.to_write);
        }
        world_close(&w);
    }
    assert_true(broken > 5);
}

/* ---- crashes ---- */

static void fail_if_called(void *arg)
{
    (void)arg;
    abort();
}

static void nothing(void *arg)
{
    (void)arg;
}

static void a_killed_loop_does_nothing_more_and_its_peers_notice(void **state)
{
    (void)state;
    int told[STATUS_COUNT] = {0};
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct world w = {.to_write = 100};
        world_open(&w, seed);
        sim_run(w.sim, 100);
        assert_int_equal(w.checked, 100);
        struct loop_timer timer = {0};
        loop_timer_start(w.hub, &timer, 10, fail_if_called, NULL);
        loop_post(w.hub, fail_if_called, NULL);
        loop_defer(w.hub, fail_if_called, NULL);
        loop_work(w.hub, nothing, fail_if_called, NULL);
        sim_loop_kill(w.hub);
        loop_timer_stop(&timer);
        loop_post(w.hub, fail_if_called, NULL);
        stream_write(w.server, SLICE("never"));
        stream_close(w.server);
        listener_close(&w.listener);
        sim_run(w.sim, 200);
        assert_false(w.server_closed);
        if (!w.client_closed) { /* silence, until it writes */
            stream_write(w.client, SLICE("hello?"));
            sim_run(w.sim, 40000);
            assert_int_equal(w.client_why, IO_FAILED);
            w.client_why = TIMED_OUT;
        }
        assert_true(w.client_closed);
        told[w.client_why]++;
        loop_free(&w.hub);

        w.hub = sim_loop_new(w.sim, "hub"); /* the process starts again */
        world_listen(&w, NULL);
        w.to_write = w.written = w.checked = 0;
        world_connect(&w, "hub", NULL);
        w.to_write = 5000;
        sim_run(w.sim, 50000);
        assert_int_equal(w.checked, 5000);
        world_close(&w);
    }
    assert_true(told[CLOSED] && told[IO_FAILED] && told[TIMED_OUT]);
    assert_int_equal(told[CLOSED] + told[IO_FAILED] + told[TIMED_OUT], 30);
}

static void a_kill_at_any_step_is_clean(void **state)
{
    (void)state;
    struct test_certificates c = test_certificates_make();
    for (int steps = 0; steps < 240; steps++) {
        struct world w = {.to_write = 20000, .roam = true};
        world_open(&w, (uint64_t)steps / 50);
        if (steps % 4 == 0) { /* and in the middle of a TLS handshake */
            listener_close(&w.listener);
            stream_abort(w.client, CANCELLED);
            sim_run(w.sim, 10);
            sim_wall_jump(w.sim, "edge", (int64_t)(clock_wall_ms() - loop_wall_ms(w.edge)));
            world_listen(&w, c.tls_server);
            world_connect(&w, "hub", c.tls_client);
        }
        for (int i = 0; i < steps; i++)
            if (!sim_step(w.sim))
                break;
        struct loop *victim = steps % 3 == 0 ? w.hub : steps % 3 == 1 ? w.hub2 : w.edge;
        sim_loop_kill(victim);
        if (steps % 2)
            loop_free(&victim);
        sim_run(w.sim, 100000);
        world_close(&w);
    }
    test_certificates_clear(&c);
}

static void kill_own_loop(void *arg)
{
    struct world *w = arg;
    loop_defer(w->edge, fail_if_called, NULL);
    sim_loop_kill(w->edge);
    loop_defer(w->edge, fail_if_called, NULL);
    loop_post(w->edge, fail_if_called, NULL);
}

static void a_loop_may_be_killed_in_its_own_turn(void **state)
{
    (void)state;
    struct world w = {.to_write = 20000};
    world_open(&w, 4);
    sim_run(w.sim, 1);
    loop_post(w.edge, kill_own_loop, &w);
    loop_post(w.edge, fail_if_called, NULL);
    sim_run(w.sim, 100000);
    assert_false(w.client_closed);
    world_close(&w);
}

/* ---- TLS ---- */

static void tls_runs_on_the_simulated_network(void **state)
{
    (void)state;
    struct sim *clock = sim_new(0); /* certificates of the simulated day */
    struct loop *l = sim_loop_new(clock, "x");
    int64_t ahead = (int64_t)(clock_wall_ms() - loop_wall_ms(l));
    sim_free(&clock);
    struct test_certificates c = test_certificates_make();
    struct world w = {.to_write = 300000, .roam = true};
    w.sim = sim_new(11);
    w.hub = sim_loop_new(w.sim, "hub");
    w.hub2 = sim_loop_new(w.sim, "hub");
    w.edge = sim_loop_new(w.sim, "edge");
    sim_wall_jump(w.sim, "edge", ahead);
    world_listen(&w, c.tls_server);
    world_connect(&w, "hub", c.tls_client);
    sim_run(w.sim, 60000);
    assert_int_equal(w.checked, 300000);
    assert_false(w.wrong);
    assert_true(w.moves > 0);

    stream_close(w.client);
    sim_run(w.sim, 61000);
    sim_wall_jump(w.sim, "edge",
                  40ll * 86400000); /* the clock says that the certificate has ended */
    world_connect(&w, "hub", c.tls_client);
    sim_run(w.sim, 62000);
    assert_true(w.client_closed);
    assert_int_equal(w.client_why, UNAUTHORIZED);
    world_close(&w);
    test_certificates_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_jump_the_clock),
        cmocka_unit_test(work_takes_simulated_time),
        cmocka_unit_test(loops_post_to_each_other),
        cmocka_unit_test(bytes_come_back_as_they_were_for_every_seed),
        cmocka_unit_test(a_seed_replays_bit_for_bit),
        cmocka_unit_test(a_cut_link_delays_and_a_long_cut_breaks),
        cmocka_unit_test(what_is_given_up_leaves_no_gap),
        cmocka_unit_test(nobody_there_is_told),
        cmocka_unit_test(a_reader_that_pauses_holds_the_writer),
        cmocka_unit_test(a_slow_host_takes_its_time),
        cmocka_unit_test(resets_are_told_to_both),
        cmocka_unit_test(a_killed_loop_does_nothing_more_and_its_peers_notice),
        cmocka_unit_test(a_kill_at_any_step_is_clean),
        cmocka_unit_test(a_loop_may_be_killed_in_its_own_turn),
        cmocka_unit_test(tls_runs_on_the_simulated_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
