#include "issuer/codes.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct issuer_codes codes;

static int begin(void **state)
{
    (void)state;
    issuer_codes_init(&codes);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    issuer_codes_clear(&codes);
    return 0;
}

static void a_code_is_found_until_its_time_is_over(void **state)
{
    (void)state;
    struct issuer_code *code = issuer_code_new(&codes, false, 1000);
    char text[ISSUER_CODE_LEN + 1];
    memcpy(text, code->text, sizeof text);
    assert_ptr_equal(issuer_code_find(&codes, slice_of(text), 1000 + ISSUER_CODE_MS - 1), code);
    assert_null(issuer_code_find(&codes, slice_of(text), 1000 + ISSUER_CODE_MS));
    assert_null(issuer_code_find(&codes, SLICE("another"), 1000));
    issuer_code_new(&codes, false, 1000 + ISSUER_CODE_MS); /* takes the old one away */
    assert_int_equal(codes.count, 1);
}

static void a_device_s_code_is_found_as_people_type_it(void **state)
{
    (void)state;
    struct issuer_code *code = issuer_code_new(&codes, true, 0);
    char typed[32];
    assert_int_equal(code->state, CODE_PENDING);
    assert_int_equal(code->user_code[4], '-');
    assert_ptr_equal(issuer_code_find_user(&codes, slice_of(code->user_code), 0), code);
    snprintf(typed, sizeof typed, " %c%c%c%c %.4s ", code->user_code[0] | 32,
             code->user_code[1] | 32, code->user_code[2], code->user_code[3], code->user_code + 5);
    assert_ptr_equal(issuer_code_find_user(&codes, slice_of(typed), 0), code);
    assert_null(issuer_code_find_user(&codes, SLICE("AAAA-AAAA"), 0));
    assert_null(issuer_code_find_user(&codes, SLICE("BCDF-GHJKL"), 0));
    assert_null(issuer_code_find_user(&codes, SLICE(""), 0));
}

static void there_is_an_end_to_them(void **state)
{
    (void)state;
    for (size_t n = 0; n < ISSUER_CODES_MAX + 10; n++)
        issuer_code_new(&codes, false, 0);
    assert_int_equal(codes.count, ISSUER_CODES_MAX);
    issuer_code_new(&codes, true, 0); /* does not push out a device's, nor the other way round */
    assert_int_equal(codes.device_count, 1);
}

/* RFC 7636, appendix B. */
static void the_verifier_s_digest_is_the_challenge(void **state)
{
    (void)state;
    struct issuer_code *code = issuer_code_new(&codes, false, 0);
    issuer_code_set(&code->challenge, SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    assert_true(
        issuer_code_verifier_is(code, SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
    assert_false(
        issuer_code_verifier_is(code, SLICE("eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
    assert_false(issuer_code_verifier_is(code, SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_code_is_found_until_its_time_is_over, begin, finish),
        cmocka_unit_test_setup_teardown(a_device_s_code_is_found_as_people_type_it, begin, finish),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_them, begin, finish),
        cmocka_unit_test_setup_teardown(the_verifier_s_digest_is_the_challenge, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
