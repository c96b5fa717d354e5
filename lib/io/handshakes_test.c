#include "io/handshakes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crypto/test_certificates.h"
#include "io/sim.h"
#include "io/stream.h"

#include "base/cmocka.h"

/* Connections on a simulated clock that note what they are told. */
struct caller {
    struct handshake handshake;
    int begun; /* the how manieth; 0: not yet */
    bool late;
};

static struct {
    struct sim *sim;
    struct handshakes all;
    struct caller *callers;
    int begun;
} world;

static void on_begin(void *arg)
{
    ((struct caller *)arg)->begun = ++world.begun;
}

static void on_late(void *arg)
{
    struct caller *c = arg;
    c->late = true;
    handshake_leave(&c->handshake);
}

static void open_world(size_t callers)
{
    world.begun = 0;
    world.sim = sim_new(1);
    world.all = (struct handshakes){0};
    handshakes_init(&world.all, sim_loop_new(world.sim, "hub"));
    world.callers = calloc(callers, sizeof(*world.callers));
    for (size_t i = 0; i < callers; i++) {
        world.callers[i].handshake =
            (struct handshake){.begin = on_begin, .late = on_late, .arg = &world.callers[i]};
        handshake_enter(&world.callers[i].handshake, &world.all);
    }
}

static void close_world(void)
{
    for (struct handshake *h; (h = handshakes_any(&world.all));)
        handshake_leave(h);
    handshakes_clear(&world.all);
    sim_free(&world.sim);
    free(world.callers);
}

static void speak(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        handshake_heard(&world.callers[i].handshake);
}

static void pass(uint64_t ms)
{
    sim_run(world.sim, sim_now_ms(world.sim) + ms);
}

static void who_has_said_nothing_holds_no_place(void **state)
{
    (void)state;
    open_world(10 * HANDSHAKES_MAX);
    pass(1);
    assert_int_equal(world.begun, 0);
    speak(5000, 5001);
    assert_int_equal(world.callers[5000].begun, 0); /* not in the middle of the call */
    pass(1);
    assert_int_equal(world.callers[5000].begun, 1);
    pass(HANDSHAKE_MS);
    assert_true(world.callers[0].late);
    close_world();
}

static void the_others_wait_in_the_order_in_which_they_spoke(void **state)
{
    (void)state;
    open_world(HANDSHAKES_MAX + 2);
    speak(1, HANDSHAKES_MAX + 2);
    speak(0, 1);
    pass(100);
    assert_int_equal(world.begun, HANDSHAKES_MAX);
    assert_int_equal(world.callers[0].begun, 0);
    handshake_leave(&world.callers[7].handshake);
    pass(1);
    assert_int_equal(world.callers[HANDSHAKES_MAX + 1].begun, HANDSHAKES_MAX + 1);
    assert_int_equal(world.callers[0].begun, 0);
    handshake_leave(&world.callers[8].handshake);
    pass(1);
    assert_int_equal(world.callers[0].begun, HANDSHAKES_MAX + 2);
    close_world();
}

static void no_deadline_runs_while_one_waits(void **state)
{
    (void)state;
    open_world(HANDSHAKES_MAX + 1);
    speak(0, HANDSHAKES_MAX + 1);
    struct caller *last = &world.callers[HANDSHAKES_MAX];
    for (int i = 0; i < 100; i++) { /* the others talk on */
        pass(HANDSHAKE_HURRY_MS / 2);
        for (size_t k = 0; k < HANDSHAKES_MAX; k++) {
            if (world.callers[k].late)
                continue;
            loop_timer_stop(&world.callers[k].handshake.deadline);
            handshake_heard(&world.callers[k].handshake);
        }
    }
    assert_false(last->late);
    assert_int_equal(last->begun, 0);
    handshake_leave(&world.callers[0].handshake);
    pass(1);
    assert_true(last->begun > 0);
    pass(HANDSHAKE_MS - 2);
    assert_false(last->late);
    pass(2);
    assert_true(last->late);
    close_world();
}

static void who_is_silent_in_a_place_loses_it_when_others_wait(void **state)
{
    (void)state;
    open_world(HANDSHAKES_MAX + 1);
    speak(0, HANDSHAKES_MAX);
    pass(2 * HANDSHAKE_HURRY_MS);
    assert_false(world.callers[0].late); /* nobody waits */
    speak(0, HANDSHAKES_MAX - 1);        /* all but one go on */
    speak(HANDSHAKES_MAX, HANDSHAKES_MAX + 1);
    pass(1);
    assert_true(world.callers[HANDSHAKES_MAX - 1].late);
    assert_true(world.callers[HANDSHAKES_MAX].begun > 0);
    for (size_t i = 0; i < HANDSHAKES_MAX - 1; i++)
        assert_false(world.callers[i].late);
    close_world();
}

static void silence_in_a_place_is_looked_at_when_it_has_been_long(void **state)
{
    (void)state;
    open_world(HANDSHAKES_MAX + 1);
    speak(0, HANDSHAKES_MAX + 1);
    pass(HANDSHAKE_HURRY_MS - 10);
    assert_false(world.callers[0].late);
    pass(20);
    assert_true(world.callers[0].late);
    assert_false(world.callers[1].late); /* nobody waits any more */
    assert_true(world.callers[HANDSHAKES_MAX].begun > 0);
    close_world();
}

static void who_gives_up_while_he_waits_is_forgotten(void **state)
{
    (void)state;
    open_world(HANDSHAKES_MAX + 2);
    speak(0, HANDSHAKES_MAX + 2);
    pass(100);
    handshake_leave(&world.callers[HANDSHAKES_MAX].handshake);
    handshake_leave(&world.callers[HANDSHAKES_MAX].handshake); /* harmless */
    handshake_leave(&world.callers[3].handshake);
    pass(1);
    assert_int_equal(world.callers[HANDSHAKES_MAX].begun, 0);
    assert_true(world.callers[HANDSHAKES_MAX + 1].begun > 0);
    close_world();
}

/* ---- on a listener ---- */

struct lobby {
    struct sim *sim;
    struct loop *hub, *edge;
    struct listener *listener;
    int accepted, gone;
    bool open;
};

static void on_accept(void *arg, struct stream *s)
{
    ((struct lobby *)arg)->accepted++;
    stream_abort(s, CANCELLED);
}

static void on_open(void *arg)
{
    ((struct lobby *)arg)->open = true;
}

static void on_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    ((struct lobby *)arg)->gone++;
}

static const struct stream_events client = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};
static const struct stream_events stranger = {.on_data = on_data, .on_close = on_close};

static struct stream *visit(struct lobby *l, const struct stream_events *who,
                            struct tls_client *tls)
{
    return stream_connect(&(struct connect_config){.loop = l->edge,
                                                   .host = "hub",
                                                   .port = listener_port(l->listener),
                                                   .tls = tls,
                                                   .server_name = "localhost"},
                          who, l);
}

/* Twice as many as there are places begin a handshake and say no more, and as many say nothing at
 * all. */
static void strangers_do_not_keep_a_client_out(void **state)
{
    (void)state;
    struct test_certificates c = test_certificates_make();
    struct lobby l = {.sim = sim_new(3)};
    l.hub = sim_loop_new(l.sim, "hub");
    l.edge = sim_loop_new(l.sim, "edge");
    sim_wall_jump(l.sim, "edge", (int64_t)(clock_wall_ms() - loop_wall_ms(l.edge)));
    struct listen_config config = {
        .loop = l.hub, .host = "0.0.0.0", .tls = c.tls_server, .on_accept = on_accept, .arg = &l};
    assert_int_equal(listener_open(&config, &l.listener), OK);
    for (int i = 0; i < 2 * HANDSHAKES_MAX; i++) {
        visit(&l, &stranger, NULL);
        stream_write(visit(&l, &stranger, NULL), SLICE("\x16\x03\x01\x02"));
    }
    sim_run(l.sim, 500);
    visit(&l, &client, c.tls_client);
    sim_run(l.sim, 500 + 2 * HANDSHAKE_HURRY_MS + 200);
    assert_true(l.open);
    assert_int_equal(l.accepted, 1);
    assert_int_equal(l.gone, HANDSHAKES_MAX + 2); /* as many as make room, and the client */
    sim_run(l.sim, 500 + 2 * HANDSHAKE_MS);
    assert_int_equal(l.gone, 4 * HANDSHAKES_MAX + 1);
    sim_free(&l.sim);
    test_certificates_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_said_nothing_holds_no_place),
        cmocka_unit_test(the_others_wait_in_the_order_in_which_they_spoke),
        cmocka_unit_test(no_deadline_runs_while_one_waits),
        cmocka_unit_test(who_is_silent_in_a_place_loses_it_when_others_wait),
        cmocka_unit_test(silence_in_a_place_is_looked_at_when_it_has_been_long),
        cmocka_unit_test(who_gives_up_while_he_waits_is_forgotten),
        cmocka_unit_test(strangers_do_not_keep_a_client_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
