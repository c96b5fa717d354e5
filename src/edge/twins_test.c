#include "edge/twins.h"

#include "base/cmocka.h"
#include "io/sim.h"

struct test {
    struct sim *sim;
    struct edge_twins *twins;
    uint64_t version; /* of the last report that was kept */
    enum status why;
    unsigned kept;
};

#define ID ((struct iot_id){SLICE("edge"), SLICE("m")})

static int setup(void **state)
{
    struct test *t = test_calloc(1, sizeof(*t));
    t->sim = sim_new(1);
    assert_int_equal(edge_twins_open(sim_loop_new(t->sim, "edge"), NULL, &t->twins), OK);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    edge_twins_close(&t->twins);
    sim_free(&t->sim);
    test_free(t);
    return 0;
}

static void set(struct test *t, const char *json, const char *expected_change)
{
    struct buffer change = {0};
    edge_twins_set(t->twins, ID, slice_of(json), &change);
    assert_string_equal(buffer_cstr(&change), expected_change);
    buffer_clear(&change);
}

static void expect(struct test *t, const char *json)
{
    assert_slice(edge_twins_get(t->twins, ID), slice_of(json));
}

static void on_kept(void *arg, enum status why, uint64_t version)
{
    struct test *t = arg;
    t->kept++;
    t->why = why;
    t->version = version;
}

static void keep(struct test *t, const char *patch)
{
    edge_twins_report(t->twins, ID, slice_of(patch), on_kept, t);
    sim_run(t->sim, sim_now_ms(t->sim) + 10);
}

/* ---- desired ---- */

static void a_new_twin_is_told_as_what_has_changed(void **state)
{
    struct test *t = *state;
    set(t,
        "{\"desired\":{\"a\":1,\"o\":{\"x\":1,\"y\":2},\"$version\":4},\"reported\":{\"$version\":"
        "1}}",
        "");
    set(t,
        "{\"desired\":{\"a\":1,\"o\":{\"x\":1,\"y\":2},\"$version\":4},\"reported\":{\"$version\":"
        "9}}",
        "");
    set(t,
        "{\"desired\":{\"b\":[1],\"o\":{\"x\":1,\"y\":3},\"$version\":7},\"reported\":{\"$"
        "version\":9}}",
        "{\"a\":null,\"b\":[1],\"o\":{\"y\":3},\"$version\":7}");
    set(t, "{\"desired\":{\"o\":5,\"$version\":8},\"reported\":{\"$version\":9}}",
        "{\"b\":null,\"o\":5,\"$version\":8}");
}

static void a_change_after_a_gap_is_not_merged(void **state)
{
    struct test *t = *state;
    const char *twin = "{\"desired\":{\"a\":1,\"$version\":4},\"reported\":{\"$version\":1}}";
    assert_int_equal(edge_twins_desired(t->twins, ID, SLICE("{\"a\":2}"), 2), CONFLICT);
    set(t, twin, "");
    assert_int_equal(edge_twins_desired(t->twins, ID, SLICE("{\"a\":2}"), 4), EXISTS);
    assert_int_equal(edge_twins_desired(t->twins, ID, SLICE("{\"a\":2}"), 3), EXISTS);
    assert_int_equal(edge_twins_desired(t->twins, ID, SLICE("{\"a\":2}"), 6), CONFLICT);
    expect(t, twin);
    assert_int_equal(
        edge_twins_desired(t->twins, ID, SLICE("{\"a\":null,\"b\":2,\"$version\":5}"), 5), OK);
    expect(t, "{\"desired\":{\"$version\":5,\"b\":2},\"reported\":{\"$version\":1}}");
}

/* ---- reported ---- */

static void what_the_hub_took_is_in_the_copy(void **state)
{
    struct test *t = *state;
    edge_twins_reported(t->twins, ID, SLICE("{\"a\":1}"), 2);
    assert_int_equal(edge_twins_get(t->twins, ID).len,
                     0); /* half a twin would be taken for a whole one */
    set(t, "{\"desired\":{\"$version\":1},\"reported\":{\"a\":1,\"$version\":2}}", "");
    edge_twins_reported(t->twins, ID, SLICE("{\"a\":null,\"b\":2}"), 3);
    expect(t, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":3,\"b\":2}}");
}

/* All that is pending will be one patch, and one version. */
static void what_is_pending_has_the_next_version(void **state)
{
    struct test *t = *state;
    set(t, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":5}}", "");
    keep(t, "{\"a\":1,\"b\":1}");
    assert_int_equal(t->version, 6);
    keep(t, "{\"a\":null,\"c\":{\"d\":1}}");
    assert_int_equal(t->version, 6);
    assert_int_equal(t->kept, 2);
    expect(t,
           "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":6,\"b\":1,\"c\":{\"d\":1}}}");
    assert_slice(edge_twins_pending(t->twins, ID), SLICE("{\"a\":null,\"b\":1,\"c\":{\"d\":1}}"));
    edge_twins_flushed(t->twins, ID, 8);
    assert_int_equal(edge_twins_pending(t->twins, ID).len, 0);
    expect(t,
           "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":8,\"b\":1,\"c\":{\"d\":1}}}");
    keep(t, "{\"b\":2}");
    assert_int_equal(t->version, 9);
}

static void what_is_pending_shows_through_the_hubs_twin(void **state)
{
    struct test *t = *state;
    keep(t, "{\"a\":1}");
    set(t, "{\"desired\":{\"$version\":1},\"reported\":{\"a\":0,\"b\":0,\"$version\":5}}", "");
    expect(t, "{\"desired\":{\"$version\":1},\"reported\":{\"a\":1,\"b\":0,\"$version\":6}}");
}

static void refuses_what_is_no_patch(void **state)
{
    struct test *t = *state;
    keep(t, "[1]");
    assert_int_equal(t->why, BAD_FORMAT);
    assert_int_equal(edge_twins_pending(t->twins, ID).len, 0);
}

static void who_waits_is_told_of_the_end(void **state)
{
    struct test *t = *state;
    edge_twins_report(t->twins, ID, SLICE("{\"a\":1}"), on_kept, t);
    edge_twins_cancel(t->twins);
    assert_int_equal(t->kept, 1);
    assert_int_equal(t->why, CANCELLED);
    sim_run(t->sim, 100);
    assert_int_equal(t->kept, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_twin_is_told_as_what_has_changed),
        TEST(a_change_after_a_gap_is_not_merged),
        TEST(what_the_hub_took_is_in_the_copy),
        TEST(what_is_pending_has_the_next_version),
        TEST(what_is_pending_shows_through_the_hubs_twin),
        TEST(refuses_what_is_no_patch),
        TEST(who_waits_is_told_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
