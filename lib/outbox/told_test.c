#include "outbox/told.h"

#include "base/cmocka.h"

static struct buffer printed(size_t count)
{
    struct told t = {0};
    struct buffer out = {0};
    for (size_t i = 0; i < count; i++)
        told_put(&t, (i * 7919) % 1000, (int64_t)i + 1);
    told_print(&t, &out);
    told_clear(&t);
    return out;
}

static void what_was_kept_is_there_again_and_taken_once(void **state)
{
    (void)state;
    struct buffer bytes = printed(1000);
    struct told t = {0};
    assert_int_equal(told_read(buffer_slice(&bytes), &t), OK);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(told_take(&t, (i * 7919) % 1000), i + 1);
    assert_int_equal(told_take(&t, 0), 0);
    assert_int_equal(told_take(&t, 5000), 0);
    buffer_reset(&bytes);
    told_print(&t, &bytes); /* nothing is left */
    told_clear(&t);
    assert_int_equal(told_read(buffer_slice(&bytes), &t), OK);
    assert_int_equal(t.count, 0);
    told_clear(&t);
    buffer_clear(&bytes);
}

static void a_node_of_two_writers_is_there_twice(void **state)
{
    (void)state;
    struct told t = {0};
    struct buffer bytes = {0};
    told_put(&t, 3, 10);
    told_put(&t, 3, 11);
    told_print(&t, &bytes);
    told_clear(&t);
    assert_int_equal(told_read(buffer_slice(&bytes), &t), OK);
    assert_int_equal(told_take(&t, 3) + told_take(&t, 3), 21);
    assert_int_equal(told_take(&t, 3), 0);
    told_clear(&t);
    buffer_clear(&bytes);
}

static void what_is_cut_short_or_damaged_is_refused(void **state)
{
    (void)state;
    struct buffer bytes = printed(3);
    struct told t = {0};
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(told_read(slice_first(buffer_slice(&bytes), len), &t), BAD_FORMAT);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.at[i] ^= 4;
        assert_int_equal(told_read(buffer_slice(&bytes), &t), BAD_FORMAT);
        bytes.at[i] ^= 4;
    }
    buffer_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_there_again_and_taken_once),
        cmocka_unit_test(a_node_of_two_writers_is_there_twice),
        cmocka_unit_test(what_is_cut_short_or_damaged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
