#include "store/waiters.h"

#include "base/cmocka.h"

static void gives_those_up_to_a_sequence_in_order(void **state)
{
    (void)state;
    struct store_waiters w = {0};
    uint64_t next = 1, taken = 0;
    struct store_waiter out;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 37; i++, next++)
            store_waiters_add(&w, next, &w, next * 10);
        for (uint64_t durable = next - 20; store_waiters_take(&w, durable, &out);) {
            assert_int_equal(out.sequence, ++taken);
            assert_int_equal(out.token, taken * 10);
        }
        assert_int_equal(taken, next - 20);
    }
    assert_false(store_waiters_take(&w, taken, &out));
    store_waiters_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_those_up_to_a_sequence_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
