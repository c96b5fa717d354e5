#include "crypto/password.h"

#include "base/cmocka.h"

static void the_right_password_is_known_again(void **state)
{
    (void)state;
    struct buffer kept = {0}, other = {0};
    password_digest(SLICE("correct horse"), &kept);
    password_digest(SLICE("correct horse"), &other);
    assert_true(slice_starts(buffer_slice(&kept), SLICE("scrypt$15$8$1$")));
    assert_false(slice_eq(buffer_slice(&kept), buffer_slice(&other))); /* the salt */
    assert_true(password_is(buffer_slice(&kept), SLICE("correct horse")));
    assert_false(password_is(buffer_slice(&kept), SLICE("correct horsf")));
    assert_false(password_is(buffer_slice(&kept), SLICE("")));
    buffer_clear(&kept);
    buffer_clear(&other);
}

static void what_is_no_digest_is_nobody_s(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "scrypt", "scrypt$15$8$1$$",
                                        "scrypt$99$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
                                        "plain$15$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(password_is(slice_of(texts[i]), SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_is_known_again),
        cmocka_unit_test(what_is_no_digest_is_nobody_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
