#include "store/tear.h"

#include "base/cmocka.h"

/* The records of a segment that are whole: its number, and where its commit began. */
struct found {
    uint64_t sequence, commit;
};

/* Records are of ten bytes; the hole's bytes lie where its records were. */
static struct store_tear look(const struct found *found, size_t count)
{
    struct store_tear t = {0};
    uint64_t expected = 1, at = 0;
    for (size_t i = 0; i < count; i++) {
        struct store_scan scan = {.commit = found[i].commit};
        struct store_record r = {.sequence = found[i].sequence};
        store_tear_look(&t, &scan, &r, expected, at);
        expected = r.sequence + 1;
        at = r.sequence * 10;
    }
    return t;
}

#define LOOK(...)                                                                                  \
    look((struct found[]){__VA_ARGS__},                                                            \
         sizeof((struct found[]){__VA_ARGS__}) / sizeof(struct found))

static void what_is_whole_has_no_tear(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {2, 1}, {3, 3}, {4, 3});
    assert_int_equal(t.holes, 0);
    assert_false(store_tear_found(&t, 0));
    assert_int_equal(t.durable, 2);
}

static void a_hole_in_the_last_commit_is_a_tear(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {2, 1}, {3, 3}, {5, 3}, {8, 3});
    assert_int_equal(t.holes, 2);
    assert_true(store_tear_found(&t, 0));
    assert_int_equal(t.at, 30);
    assert_int_equal(t.durable, 2);
    t = LOOK({2, 1}); /* nothing is left before it */
    assert_true(store_tear_found(&t, 0));
    assert_int_equal(t.at, 0);
}

static void a_hole_before_the_last_commit_is_damage(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {3, 1}, {4, 4});
    assert_int_equal(t.holes, 1);
    assert_false(store_tear_found(&t, 0));
    t = LOOK({1, 1}, {4, 4}); /* all of a commit, and no more */
    assert_int_equal(t.holes, 1);
    assert_false(store_tear_found(&t, 0));
}

/* The end of one commit, which was durable, and the beginning of the next. */
static void a_hole_over_both_is_both(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {2, 1}, {6, 4});
    assert_true(store_tear_found(&t, 0));
    assert_int_equal(t.at, 20);
    assert_int_equal(t.durable, 3); /* 3 is lost, 4 and 5 never were */
}

static void a_tear_is_forgotten_when_a_later_commit_was_written(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {3, 1}, {5, 5}, {8, 7}, {10, 7});
    assert_true(store_tear_found(&t, 0));
    assert_int_equal(t.at, 50); /* before 8: 7 is of its commit */
    assert_int_equal(t.durable, 6);
}

static void what_is_known_to_be_durable_is_not_torn(void **state)
{
    (void)state;
    struct store_tear t = LOOK({1, 1}, {3, 1}, {4, 1});
    assert_true(store_tear_found(&t, 1));
    assert_false(store_tear_found(&t, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_whole_has_no_tear),
        cmocka_unit_test(a_hole_in_the_last_commit_is_a_tear),
        cmocka_unit_test(a_hole_before_the_last_commit_is_damage),
        cmocka_unit_test(a_hole_over_both_is_both),
        cmocka_unit_test(a_tear_is_forgotten_when_a_later_commit_was_written),
        cmocka_unit_test(what_is_known_to_be_durable_is_not_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
