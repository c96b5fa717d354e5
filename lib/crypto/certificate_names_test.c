#include "crypto/certificate_names.h"

#include "base/cmocka.h"

#define NOW_MS 1700000000000ull

static void names_are_as_people_write_them(void **state)
{
    (void)state;
    struct buffer pem = {0}, key = {0}, der = {0};
    struct certificate_names n;
    assert_int_equal(certificate_make_ca(&(struct certificate_ask){.common_name = "Wörks, Line 1",
                                                                   .organization = "Site",
                                                                   .wall_ms = NOW_MS,
                                                                   .days = 10},
                                         &pem, &key),
                     OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(certificate_names(buffer_slice(&der), &n), OK);
    assert_non_null(strstr(n.subject, "CN=Wörks\\, Line 1"));
    assert_non_null(strstr(n.subject, "O=Site"));
    assert_string_equal(n.issuer, n.subject);
    assert_int_equal(n.version, 3);
    assert_true(strlen(n.serial) > 8);
    assert_int_equal(strspn(n.serial, "0123456789ABCDEF"), strlen(n.serial));
    der.len--;
    assert_int_equal(certificate_names(buffer_slice(&der), &n), BAD_FORMAT);
    buffer_clear(&pem);
    buffer_clear(&key);
    buffer_clear(&der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_as_people_write_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
