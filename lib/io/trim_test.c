#include "io/trim.h"

#include "base/cmocka.h"

#define MB ((size_t)1 << 20)

static void a_burst_is_given_back_once(void **state)
{
    (void)state;
    struct trim t = {0};
    assert_false(trim_is_due(&t, 3 * MB));
    assert_true(trim_is_due(&t, 200 * MB));
    t.kept = 200 * MB; /* in pieces between what is used: it counts as free ever after */
    assert_false(trim_is_due(&t, 200 * MB));
    assert_false(trim_is_due(&t, 224 * MB));
    assert_true(trim_is_due(&t, 226 * MB));
}

/* What was used again is the system's no more. */
static void the_next_burst_too(void **state)
{
    (void)state;
    struct trim t = {.kept = 200 * MB};
    assert_false(trim_is_due(&t, 50 * MB));
    assert_true(trim_is_due(&t, 200 * MB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_given_back_once),
        cmocka_unit_test(the_next_burst_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
