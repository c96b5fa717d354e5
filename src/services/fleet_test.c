/* How old may be what the fleet tells: of who has changed something, nothing from before. */
#include "services/fleet.h"

#include "services/routes_rig.h"

struct seen {
    bool told;
    enum status why;
    size_t count;
    const char *then; /* the hub's modules from then on; NULL: as they were */
};

static void on_list(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct seen *s = arg;
    *s = (struct seen){.told = true, .why = why, .count = list ? list->count : 0, .then = s->then};
    if (s->then)
        house.modules = s->then;
}

static bool is_told(void *arg)
{
    return ((struct seen *)arg)->told;
}

static bool is_held(void *arg)
{
    (void)arg;
    return house.held != NULL;
}

static void look(uint64_t age_ms, struct seen *out)
{
    *out = (struct seen){0};
    services_fleet_look(house.services.fleet, age_ms, on_list, out);
}

/* A look that is under way. */
static void begin(struct seen *first)
{
    house.hold = true;
    look(2000, first);
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
}

static size_t told_to(struct seen *s)
{
    assert_true(loop_run_until(house.loop, is_told, s, WAIT_MS));
    assert_int_equal(s->why, OK);
    return s->count;
}

static void who_wants_it_as_it_is_now_waits_for_the_next_look(void **state)
{
    (void)state;
    struct seen first, now, also;
    begin(&first);
    first.then = "[]";
    look(0, &now);
    look(2000, &also);
    hub_let_go();
    size_t before = told_to(&first);
    assert_int_equal(told_to(&also), before);
    assert_int_equal(told_to(&now), before - 2);
    assert_int_equal(house.lookups, 2);
}

/* Else what was changed could be told as it was, for as long as that look counts as young. */
static void what_was_asked_for_before_a_change_is_not_remembered(void **state)
{
    (void)state;
    struct seen first, after, later;
    begin(&first);
    services_fleet_forget(house.services.fleet);
    look(2000, &after);
    hub_let_go();
    (void)told_to(&first);
    (void)told_to(&after);
    assert_int_equal(house.lookups, 2);
    look(2000, &later);
    (void)told_to(&later);
    assert_int_equal(house.lookups, 2);
}

/* Counted from when it was asked: only the first waits. What is known is told, if it is not too old. */
static void who_can_do_without_it_does_not_wait_long(void **state)
{
    (void)state;
    struct seen first = {0}, brief = {0}, again = {0};
    services_fleet_free(&house.services.fleet);
    house.services.fleet = services_fleet_new(&(struct services_fleet_config){
        .loop = house.loop, .hub = house.services.hub, .modules = {"twin", "discovery", "publisher"}, .brief_ms = 1});
    begin(&first);
    services_fleet_look_briefly(house.services.fleet, on_list, &brief);
    assert_false(brief.told);
    assert_true(loop_run_until(house.loop, is_told, &brief, WAIT_MS));
    assert_int_equal(brief.why, TIMED_OUT);
    assert_false(first.told);
    hub_let_go();
    size_t all = told_to(&first);
    services_fleet_look_briefly(house.services.fleet, on_list, &again);
    assert_true(again.told);
    assert_int_equal(told_to(&again), all);
    services_fleet_forget(house.services.fleet);
    again = (struct seen){0};
    house.hold = true;
    services_fleet_look_briefly(house.services.fleet, on_list, &again);
    assert_true(loop_run_until(house.loop, is_told, &again, WAIT_MS));
    assert_int_equal(again.why, TIMED_OUT); /* somebody changed it since */
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
    hub_let_go();
}

static void all_who_wait_are_told_when_the_hub_fails(void **state)
{
    (void)state;
    struct seen first, now;
    begin(&first);
    look(0, &now);
    rest_client_free(&house.hub_rest);
    assert_true(first.told && now.told);
    assert_int_equal(now.why, CANCELLED);
    rest_reply_json(house.held, 200, SLICE("[]"));
    house.held = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_wants_it_as_it_is_now_waits_for_the_next_look),
        TEST(what_was_asked_for_before_a_change_is_not_remembered),
        TEST(who_can_do_without_it_does_not_wait_long),
        TEST(all_who_wait_are_told_when_the_hub_fails),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
