#include "heads/calls.h"

#include "base/cmocka.h"

static void a_call_is_answered_once(void **state)
{
    (void)state;
    struct heads_calls c = {0};
    uint64_t rid = 0;
    assert_false(heads_calls_take(&c, 1, &rid));
    uint32_t a = heads_calls_note(&c, 70), b = heads_calls_note(&c, 71);
    assert_int_not_equal(a, b);
    assert_true(heads_calls_take(&c, b, &rid));
    assert_int_equal(rid, 71);
    assert_false(heads_calls_take(&c, b, &rid));
    assert_true(heads_calls_take(&c, a, &rid));
    assert_int_equal(rid, 70);
    assert_false(heads_calls_take(&c, 0, &rid));
    heads_calls_clear(&c);
}

static void the_oldest_goes_when_there_is_no_place(void **state)
{
    (void)state;
    struct heads_calls c = {0};
    uint64_t rid;
    uint32_t first = heads_calls_note(&c, 1), second = heads_calls_note(&c, 2);
    for (uint64_t i = 2; i <= HEADS_CALLS_MAX; i++)
        heads_calls_note(&c, 1 + i);
    assert_false(heads_calls_take(&c, first, &rid));
    assert_true(heads_calls_take(&c, second, &rid));
    assert_int_equal(rid, 2);
    heads_calls_clear(&c);
}

static void numbers_wrap_around_and_are_never_zero(void **state)
{
    (void)state;
    struct heads_calls c = {.next = UINT32_MAX - 2};
    uint64_t rid;
    for (uint64_t i = 0; i < 5; i++)
        assert_int_not_equal(heads_calls_note(&c, i), 0);
    assert_true(heads_calls_take(&c, 1, &rid));
    assert_int_equal(rid, 2);
    heads_calls_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_once),
        cmocka_unit_test(the_oldest_goes_when_there_is_no_place),
        cmocka_unit_test(numbers_wrap_around_and_are_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
