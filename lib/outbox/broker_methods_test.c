/* What topics below the one for methods mean. That calls are answered:
 * tests/interop/broker_methods.test.mjs. */
#include "outbox/broker_methods.h"

#include "base/cmocka.h"

static void expect(const char *tail, const char *method, const char *rid)
{
    struct broker_method_name n;
    assert_true(broker_method_read(slice_of(tail), &n));
    assert_slice(n.method, slice_of(method));
    assert_slice(n.rid, slice_of(rid));
}

static void names_and_ids_of_calls(void **state)
{
    (void)state;
    expect("Browse_V2", "Browse_V2", "");
    expect("Browse_V2/?$rid=7d0e", "Browse_V2", "7d0e");
}

/* Answers come back by the same filter. */
static void what_is_no_call(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "res/200/?$rid=1", "a/b", "Browse/?$rid=", "/?$rid=1", "Browse/?$rid=1/2", "Browse/"};
    struct broker_method_name n;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(broker_method_read(slice_of(bad[i]), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_ids_of_calls),
        cmocka_unit_test(what_is_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
