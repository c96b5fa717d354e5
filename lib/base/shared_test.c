#include "base/shared.h"

#include "base/cmocka.h"

static void bytes_live_as_long_as_somebody_holds_them(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_text(&b, "all of it");
    struct shared *one = shared_new(&b);
    assert_null(b.at);
    struct shared *other = shared_ref(one);
    shared_unref(&one);
    assert_null(one);
    assert_slice(buffer_slice(&other->bytes), SLICE("all of it"));
    shared_unref(&other);
    shared_unref(&other); /* nobody holds it: harmless */
    assert_null(shared_ref(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_live_as_long_as_somebody_holds_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
