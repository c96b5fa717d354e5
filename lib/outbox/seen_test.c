#include "outbox/seen.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct gap_key key(const char *source, uint64_t epoch, uint64_t sequence)
{
    return (struct gap_key){slice_of(source), epoch, sequence};
}

/* The first number that is missing before it; 0: none. */
static uint64_t note(struct seen *s, const char *source, uint64_t epoch, uint64_t sequence)
{
    struct gap_key k = key(source, epoch, sequence);
    uint64_t first = 0;
    return seen_note(s, &k, &first) ? first : 0;
}

static void what_lies_between_two_numbers_was_lost(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(note(&s, "a", 7, 10), 0);
    assert_int_equal(note(&s, "b", 7, 3), 0);
    assert_int_equal(note(&s, "a", 7, 11), 0);
    seen_damage(&s, 5);
    assert_int_equal(note(&s, "a", 7, 15), 12);
    assert_int_equal(note(&s, "a", 7, 15), 0); /* it was told */
    assert_int_equal(note(&s, "b", 7, 4), 0);  /* none of its own */
    assert_int_equal(note(&s, "b", 7, 9), 0);  /* those were given up for another reason */
    seen_clear(&s);
}

static void without_damage_nothing_is_missing(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(note(&s, "a", 7, 10), 0);
    assert_int_equal(note(&s, "a", 7, 20), 0);
    assert_int_equal(note(&s, "a", 7, 15), 0); /* sent again */
    seen_damage(&s, 1);
    assert_int_equal(note(&s, "a", 7, 16), 0);
    assert_int_equal(note(&s, "a", 7, 22), 21);
    seen_clear(&s);
}

/* Where the older one ended nobody knows; the newer begins at 1. */
static void a_new_epoch_begins_at_one(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(note(&s, "a", 7, 10), 0);
    seen_damage(&s, 5);
    assert_int_equal(note(&s, "a", 8, 4), 1);
    seen_damage(&s, 5);
    assert_int_equal(note(&s, "a", 9, 1), 0);
    assert_int_equal(note(&s, "a", 8, 9), 0); /* an older one's, again */
    seen_clear(&s);
}

static void a_source_that_was_not_seen_before_says_nothing(void **state)
{
    (void)state;
    struct seen s = {0};
    char name[32];
    seen_damage(&s, 5);
    assert_int_equal(note(&s, "a", 7, 100), 0);
    for (int i = 0; i < 20 * SEEN_SOURCES; i++) { /* it loses its place */
        snprintf(name, sizeof name, "other %d", i);
        assert_int_equal(note(&s, name, 7, 1), 0);
    }
    seen_damage(&s, 5);
    assert_int_equal(note(&s, "a", 7, 110), 0);
    seen_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_between_two_numbers_was_lost),
        cmocka_unit_test(without_damage_nothing_is_missing),
        cmocka_unit_test(a_new_epoch_begins_at_one),
        cmocka_unit_test(a_source_that_was_not_seen_before_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
