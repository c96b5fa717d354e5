/* How old may be what the fleet tells, and how long one waits for it. */
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

static void use_fleet(const struct services_fleet_config *times)
{
    struct services_fleet_config config = *times;
    services_fleet_free(&house.services.fleet);
    config.loop = house.loop, config.hub = house.services.hub;
    config.modules[0] = "twin", config.modules[1] = "discovery", config.modules[2] = "publisher";
    house.services.fleet = services_fleet_new(&config);
}

/* Counted from when it was asked: only the first waits. What is known is told, if it is not too old. */
static void who_can_do_without_it_does_not_wait_long(void **state)
{
    (void)state;
    struct seen first = {0}, brief = {0}, again = {0};
    use_fleet(&(struct services_fleet_config){.brief_ms = 1});
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
    assert_int_equal(told_to(&again), all); /* as it was before the change: better than nothing */
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
    hub_let_go();
}

/* The look that is under way is of no use to them, however long ago it began. */
static void who_comes_after_a_change_has_the_whole_brief_time(void **state)
{
    (void)state;
    struct seen first, brief = {0};
    use_fleet(&(struct services_fleet_config){.brief_ms = 500});
    begin(&first);
    assert_false(loop_run_until(house.loop, is_told, &first, 600));
    services_fleet_forget(house.services.fleet);
    services_fleet_look_briefly(house.services.fleet, on_list, &brief);
    assert_false(loop_run_until(house.loop, is_told, &brief, 1));
    hub_let_go();
    assert_int_equal(told_to(&brief), told_to(&first));
}

/* A hub of thousands of modules takes its time: people are told what it told before, and it is asked to its end. */
static void who_waits_gets_what_was_told_last(void **state)
{
    (void)state;
    struct seen first = {0}, second = {0}, third = {0};
    use_fleet(&(struct services_fleet_config){.wait_ms = 1});
    house.hold = true;
    services_fleet_look_a_while(house.services.fleet, 0, on_list, &first);
    assert_true(loop_run_until(house.loop, is_told, &first, WAIT_MS));
    assert_int_equal(first.why, TIMED_OUT); /* nothing is known yet */
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
    look(2000, &second);
    hub_let_go();
    size_t all = told_to(&second);
    assert_int_equal(house.lookups, 1);
    house.hold = true;
    services_fleet_forget(house.services.fleet);
    services_fleet_look_a_while(house.services.fleet, 2000, on_list, &third);
    assert_int_equal(told_to(&third), all);
    assert_true(loop_run_until(house.loop, is_held, NULL, WAIT_MS));
    hub_let_go();
}

static void a_question_without_an_answer_ends_the_look(void **state)
{
    (void)state;
    struct seen first;
    use_fleet(&(struct services_fleet_config){.page_ms = 1});
    house.hold = true;
    look(2000, &first);
    assert_true(loop_run_until(house.loop, is_told, &first, WAIT_MS));
    assert_int_equal(first.why, TIMED_OUT);
    use_fleet(&(struct services_fleet_config){0});
    house.hold = false;
    look(2000, &first);
    (void)told_to(&first);
    if (house.held)
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
        TEST(who_comes_after_a_change_has_the_whole_brief_time),
        TEST(who_waits_gets_what_was_told_last),
        TEST(a_question_without_an_answer_ends_the_look),
        TEST(all_who_wait_are_told_when_the_hub_fails),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
