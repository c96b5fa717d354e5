#include "crypto/identity.h"

#include "base/clock.h"
#include "crypto/certificate.h"

#include "base/cmocka.h"

static struct buffer pem, key_pem, der, key, other_key;

static int set_up(void **state)
{
    (void)state;
    struct certificate_ask ask = {.common_name = "operator",
                                  .uri = "urn:operator",
                                  .wall_ms = clock_wall_ms(),
                                  .days = 30,
                                  .key = KEY_RSA_2048};
    struct buffer other = {0};
    assert_int_equal(certificate_make_application(&ask, &pem, &key_pem), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(key_der(buffer_slice(&key_pem), &key), OK);
    key_new(KEY_RSA_2048, &other);
    assert_int_equal(key_der(buffer_slice(&other), &other_key), OK);
    buffer_clear(&other);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct buffer *all[] = {&pem, &key_pem, &der, &key, &other_key};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_clear(all[i]);
    return 0;
}

static void is_whole(struct identity *i)
{
    assert_slice(buffer_slice(&i->certificate), buffer_slice(&der));
    assert_true(identity_fits(buffer_slice(&i->certificate), buffer_slice(&i->key)));
    identity_clear(i);
}

static void pkcs12_comes_back_with_its_password(void **state)
{
    (void)state;
    struct buffer pfx = {0};
    struct identity i = {0};
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), "secret", &pfx), OK);
    assert_int_equal(identity_read(buffer_slice(&pfx), "secret", &i), OK);
    is_whole(&i);
    assert_int_equal(identity_read(buffer_slice(&pfx), "wrong", &i), UNAUTHORIZED);
    assert_int_equal(identity_read(buffer_slice(&pfx), NULL, &i), UNAUTHORIZED);
    buffer_reset(&pfx);
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), NULL, &pfx), OK);
    assert_int_equal(identity_read(buffer_slice(&pfx), NULL, &i), OK);
    is_whole(&i);
    buffer_clear(&pfx);
}

static void pem_holds_both(void **state)
{
    (void)state;
    struct buffer both = {0};
    struct identity i = {0};
    buffer_put(&both, buffer_slice(&key_pem));
    buffer_put(&both, buffer_slice(&pem));
    assert_int_equal(identity_read(buffer_slice(&both), NULL, &i), OK);
    is_whole(&i);
    buffer_clear(&both);
}

static void a_key_may_come_alone(void **state)
{
    (void)state;
    struct identity i = {0};
    assert_int_equal(identity_read(buffer_slice(&key), NULL, &i), OK);
    assert_int_equal(i.certificate.len, 0);
    assert_true(identity_fits(buffer_slice(&der), buffer_slice(&i.key)));
    identity_clear(&i);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct identity i = {0};
    struct buffer pfx = {0};
    assert_false(identity_fits(buffer_slice(&der), buffer_slice(&other_key)));
    assert_int_equal(identity_read(buffer_slice(&pem), NULL, &i), BAD_FORMAT); /* no key */
    assert_int_equal(identity_read(SLICE("nonsense"), NULL, &i), BAD_FORMAT);
    assert_int_equal(identity_read((struct slice){0}, NULL, &i), BAD_FORMAT);
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), "p", &pfx), OK);
    for (size_t len = 0; len < pfx.len; len += 101)
        assert_int_not_equal(identity_read(slice_first(buffer_slice(&pfx), len), "p", &i), OK);
    buffer_clear(&pfx);
}

static void without_its_key_a_certificate_is_shown(void **state)
{
    (void)state;
    struct buffer pfx = {0};
    struct identity i = {0};
    assert_int_equal(identity_pfx(buffer_slice(&der), (struct slice){0}, NULL, &pfx), OK);
    assert_int_equal(identity_read(buffer_slice(&pfx), NULL, &i), BAD_FORMAT); /* no key */
    assert_int_equal(identity_pfx(SLICE("nonsense"), (struct slice){0}, NULL, &pfx), BAD_FORMAT);
    buffer_clear(&pfx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs12_comes_back_with_its_password),
        cmocka_unit_test(pem_holds_both),
        cmocka_unit_test(a_key_may_come_alone),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(without_its_key_a_certificate_is_shown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
