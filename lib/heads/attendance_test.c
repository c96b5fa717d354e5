/* One live session a place, any number of visits; tokens expire and are renewed. */
#include "heads/attendance.h"

#include <string.h>

#include "base/cmocka.h"
#include "io/sim.h"

static struct {
    struct heads_place place; /* first */
    struct sim *sim;
    struct loop *loop;
    int held, came, left;
    const struct heads_identity *identity;
} here;

static void came(struct heads_place *p)
{
    (void)p;
    here.came++;
}

static void left(struct heads_place *p)
{
    (void)p;
    here.left++;
}

static void hold(struct heads_place *p)
{
    (void)p;
    here.held++;
}

static void release(struct heads_place *p)
{
    (void)p;
    here.held--;
}

static const struct heads_place_ops ops = {came, left, hold, release};

/* A head that signs out when it is closed, as heads do. */
struct guest {
    struct heads_session session; /* first */
    struct heads_attendance *there;
    enum status closed;
    uint64_t accepted;
    int resumed;
};

static void on_close(struct heads_session *s, enum status why)
{
    struct guest *g = (struct guest *)s;
    g->closed = why;
    heads_attendance_end(g->there);
    g->there = NULL;
}

static void on_accepted(struct heads_session *s, uint64_t token, enum status why)
{
    assert_int_equal(why, OK);
    ((struct guest *)s)->accepted = token;
}

static void on_resume(struct heads_session *s)
{
    ((struct guest *)s)->resumed++;
}

static const struct heads_session_ops session_ops = {
    .close = on_close, .accepted = on_accepted, .resume = on_resume};

static void enter(struct guest *g, enum heads_presence presence, uint64_t expires_ms)
{
    *g = (struct guest){.session = {.ops = &session_ops, .loop = here.loop, .presence = presence}};
    g->there = heads_attendance_begin(&here.place, &g->session, here.identity, "{}", expires_ms);
}

static void leave(struct guest *g)
{
    heads_attendance_end(g->there);
    g->there = NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(&here, 0, sizeof here);
    here.sim = sim_new(1);
    here.loop = sim_loop_new(here.sim, "owner");
    here.place = (struct heads_place){.ops = &ops, .loop = here.loop, .key = "d"};
    here.identity =
        heads_identity_new(&(struct heads_identity){.id = {.device = SLICE("d")}, .enabled = true});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(here.held, 0);
    heads_identity_unref(&here.identity);
    sim_free(&here.sim);
    return 0;
}

static void pass(uint64_t ms)
{
    sim_run(here.sim, sim_now_ms(here.sim) + ms);
}

static void a_newer_live_session_closes_the_older(void **state)
{
    (void)state;
    struct guest one, two;
    enter(&one, HEADS_LIVE, 0);
    assert_ptr_equal(here.place.live, one.there);
    enter(&two, HEADS_LIVE, 0);
    assert_int_equal(one.closed, REPLACED);
    assert_ptr_equal(here.place.live, two.there);
    assert_int_equal(here.came, 1); /* it was connected all the time */
    assert_int_equal(here.left, 0);
    leave(&two);
    assert_null(here.place.live);
    assert_int_equal(here.left, 1);
}

static void visits_disturb_nobody(void **state)
{
    (void)state;
    struct guest live, one, two;
    enter(&one, HEADS_VISIT, 0);
    assert_null(here.place.live);
    enter(&live, HEADS_LIVE, 0);
    enter(&two, HEADS_VISIT, 0);
    assert_ptr_equal(here.place.live, live.there);
    assert_int_equal(live.closed, OK);
    leave(&one);
    leave(&two);
    assert_int_equal(here.came, 1);
    assert_int_equal(here.left, 0);
    leave(&live);
}

static void who_has_left_is_told_nothing(void **state)
{
    (void)state;
    struct guest g;
    enter(&g, HEADS_LIVE, 0);
    struct heads_attendance *waits = heads_attendance_ref(g.there);
    heads_attendance_accepted(waits, 7, OK);
    assert_int_equal(g.accepted, 7);
    leave(&g);
    heads_attendance_accepted(waits, 8, OK);
    heads_attendance_resume(waits);
    assert_int_equal(g.accepted, 7);
    assert_int_equal(g.resumed, 0);
    assert_int_equal(here.held, 1);
    heads_attendance_unref(&waits);
}

static void a_token_expires_unless_it_is_renewed(void **state)
{
    (void)state;
    struct guest one, two, visit;
    uint64_t now = loop_wall_ms(here.loop);
    enter(&one, HEADS_LIVE, now + 1000);
    heads_attendance_renew(one.there, here.identity, "{\"n\":2}", now + 3000);
    pass(2000);
    assert_int_equal(one.closed, OK);
    assert_slice(one.there->auth_method, SLICE("{\"n\":2}"));
    pass(1500);
    assert_int_equal(one.closed, UNAUTHORIZED);
    assert_null(here.place.live);
    enter(&two, HEADS_LIVE, 0); /* a certificate: never */
    enter(&visit, HEADS_VISIT, loop_wall_ms(here.loop) + 10);
    pass(100000);
    assert_int_equal(two.closed, OK);
    assert_int_equal(visit.closed, OK); /* one request is over before that matters */
    leave(&two);
    leave(&visit);
}

static void credit_begins_with_the_subscription(void **state)
{
    (void)state;
    struct guest g;
    enter(&g, HEADS_LIVE, 0);
    assert_null(heads_place_listens(&here.place, HEADS_C2D));
    heads_attendance_subscribe(g.there, HEADS_C2D, true);
    assert_ptr_equal(heads_place_listens(&here.place, HEADS_C2D), &g.session);
    heads_attendance_allow(g.there, HEADS_C2D, 5);
    heads_attendance_allow(g.there, HEADS_C2D, UINT32_MAX);
    assert_int_equal(g.there->credit[HEADS_C2D], UINT32_MAX);
    heads_attendance_subscribe(g.there, HEADS_C2D, false);
    assert_int_equal(g.there->credit[HEADS_C2D], 0);
    heads_place_close(&here.place, CANCELLED);
    assert_int_equal(g.closed, CANCELLED);
    heads_place_close(&here.place, CANCELLED); /* nobody there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_newer_live_session_closes_the_older, setup, teardown),
        cmocka_unit_test_setup_teardown(visits_disturb_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_left_is_told_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_expires_unless_it_is_renewed, setup, teardown),
        cmocka_unit_test_setup_teardown(credit_begins_with_the_subscription, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
