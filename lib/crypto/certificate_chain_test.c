/* Chains as a peer shows them: how they are split, and what must lead to which authority. */
#include "crypto/certificate.h"

#include "base/clock.h"
#include "base/cmocka.h"
#include "base/encoding.h"

#define DAY_MS 86400000ull

/* root signs below, below signs device; other is nobody's. PEM without the issuers' behind it. */
static struct {
    uint64_t now;
    struct buffer root, root_key, below, below_key, device, device_key, other, other_key, server;
} house;

/* The first `count` certificates of a PEM text, as DER. */
static struct slice ders(const struct buffer *pem, size_t count, struct buffer *out)
{
    struct slice der, rest;
    struct buffer all = {0};
    assert_int_equal(certificate_read_any(buffer_slice(pem), &all), OK);
    rest = buffer_slice(&all);
    while (count-- && certificate_next(&rest, &der))
        buffer_put(out, der);
    buffer_clear(&all);
    return buffer_slice(out);
}

static void make_all(void)
{
    struct buffer unused = {0};
    house.now = clock_wall_ms();
    struct certificate_ask ask = {.common_name = "root", .wall_ms = house.now, .days = 100};
    enum status s = certificate_make_ca(&ask, &house.root, &house.root_key);
    struct certificate_issuer root = {buffer_slice(&house.root), buffer_slice(&house.root_key)};
    ask.common_name = "other";
    s = s ? s : certificate_make_ca(&ask, &house.other, &house.other_key);
    ask.common_name = "below";
    s = s ? s
          : certificate_issue(&ask, CERTIFICATE_AUTHORITY, root, &house.below, &house.below_key);
    struct certificate_issuer below = {buffer_slice(&house.below), buffer_slice(&house.below_key)};
    ask.common_name = "device-1";
    ask.days = 10;
    s = s ? s
          : certificate_issue(&ask, CERTIFICATE_CLIENT, below, &house.device, &house.device_key);
    s = s ? s : certificate_issue(&ask, CERTIFICATE_SERVER, below, &house.server, &unused);
    assert_int_equal(s, OK);
    buffer_clear(&unused);
}

static enum status leads(const struct buffer *pem, size_t count, const struct buffer *authority,
                         uint64_t at, const char **why)
{
    struct buffer chain = {0}, trusted = {0};
    enum status s = certificate_verify(ders(pem, count, &chain), ders(authority, 1, &trusted),
                                       CERTIFICATE_FOR_CLIENT, at, why);
    buffer_clear(&chain);
    buffer_clear(&trusted);
    return s;
}

static void a_chain_leads_to_any_authority_on_its_way(void **state)
{
    (void)state;
    const char *why;
    assert_int_equal(leads(&house.device, 2, &house.root, house.now, &why), OK);
    assert_int_equal(leads(&house.device, 3, &house.root, house.now, &why), OK);
    assert_int_equal(leads(&house.device, 1, &house.below, house.now, &why), OK);
}

static void what_is_missing_foreign_or_out_of_its_time_is_refused_with_the_reason(void **state)
{
    (void)state;
    const char *why = "";
    assert_int_equal(leads(&house.device, 1, &house.root, house.now, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "does not lead to an authority"));
    assert_int_equal(leads(&house.device, 3, &house.other, house.now, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "does not lead to an authority"));
    assert_int_equal(leads(&house.device, 3, &house.root, house.now + 11 * DAY_MS, &why),
                     UNAUTHORIZED);
    assert_non_null(strstr(why, "expired"));
    assert_int_equal(leads(&house.device, 3, &house.root, house.now - 2 * DAY_MS, &why),
                     UNAUTHORIZED);
    assert_non_null(strstr(why, "not valid yet"));
    assert_int_equal(leads(&house.server, 3, &house.root, house.now, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "not for TLS clients"));
}

/* A device's certificate is no authority, whatever it signs. */
static void who_may_not_sign_others_leads_nowhere(void **state)
{
    (void)state;
    const char *why = "";
    struct buffer forged = {0}, key = {0};
    struct certificate_ask ask = {.common_name = "device-2", .wall_ms = house.now, .days = 5};
    struct certificate_issuer device = {buffer_slice(&house.device),
                                        buffer_slice(&house.device_key)};
    assert_int_equal(certificate_issue(&ask, CERTIFICATE_CLIENT, device, &forged, &key), OK);
    assert_int_equal(leads(&forged, 4, &house.root, house.now, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "may not sign others"));
    buffer_clear(&forged);
    buffer_clear(&key);
}

static void nothing_and_rubbish_are_refused(void **state)
{
    (void)state;
    const char *why = "";
    struct buffer chain = {0}, trusted = {0};
    struct slice shown = ders(&house.device, 3, &chain), root = ders(&house.root, 1, &trusted);
    enum certificate_purpose p = CERTIFICATE_FOR_CLIENT;
    assert_int_equal(certificate_verify((struct slice){0}, root, p, house.now, &why), BAD_FORMAT);
    assert_int_equal(certificate_verify(shown, (struct slice){0}, p, house.now, &why),
                     UNAUTHORIZED);
    assert_int_equal(
        certificate_verify(slice_first(shown, shown.len - 1), root, p, house.now, &why),
        BAD_FORMAT);
    struct buffer many = {0};
    for (int i = 0; i <= CERTIFICATE_CHAIN_MAX; i++)
        buffer_put(&many, root);
    assert_int_equal(certificate_verify(buffer_slice(&many), root, p, house.now, &why), BAD_FORMAT);
    buffer_clear(&many);
    buffer_clear(&chain);
    buffer_clear(&trusted);
}

/* A signature may end with a byte that is white space in a text. */
static void a_certificate_that_ends_like_white_space_is_whole(void **state)
{
    (void)state;
    struct certificate_ask ask = {.common_name = "ends", .wall_ms = house.now, .days = 1};
    struct buffer pem = {0}, key = {0}, der = {0}, got = {0};
    for (int i = 0; i < 5000; i++) {
        buffer_reset(&pem);
        buffer_reset(&key);
        buffer_reset(&der);
        assert_int_equal(certificate_make_ca(&ask, &pem, &key), OK);
        assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
        if (strchr(" \t\r\n", der.at[der.len - 1]) && der.at[der.len - 1])
            break;
    }
    assert_int_equal(certificate_read_any(buffer_slice(&der), &got), OK);
    assert_slice(buffer_slice(&got), buffer_slice(&der));
    struct buffer *all[] = {&pem, &key, &der, &got};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_clear(all[i]);
}

static void a_certificate_is_taken_in_any_of_its_forms(void **state)
{
    (void)state;
    struct buffer der = {0}, text = {0}, got = {0};
    struct slice want = ders(&house.root, 1, &der);
    base64_encode(want, &text);
    assert_int_equal(certificate_read_any(want, &got), OK);
    assert_int_equal(certificate_read_any(buffer_slice(&text), &got), OK);
    buffer_reset(&text);
    base64_encode(buffer_slice(&house.root), &text);
    buffer_text(&text, "\r\n");
    assert_int_equal(certificate_read_any(buffer_slice(&text), &got), OK);
    struct slice rest = buffer_slice(&got), one;
    for (int i = 0; i < 3; i++) {
        assert_true(certificate_next(&rest, &one));
        assert_slice(one, want);
    }
    assert_false(certificate_next(&rest, &one));
    assert_int_equal(certificate_read_any(SLICE("no certificate"), &got), BAD_FORMAT);
    assert_int_equal(certificate_read_any(SLICE(""), &got), BAD_FORMAT);
    assert_int_equal(certificate_read_any(buffer_slice(&house.root_key), &got), BAD_FORMAT);
    buffer_clear(&der);
    buffer_clear(&text);
    buffer_clear(&got);
}

/* No prefix is taken for a certificate, and none is read past. */
static void what_is_cut_short_is_no_certificate(void **state)
{
    (void)state;
    struct buffer der = {0};
    struct slice whole = ders(&house.root, 1, &der), one;
    for (size_t len = 0; len < whole.len; len++) {
        struct slice rest = slice_first(whole, len);
        assert_false(certificate_next(&rest, &one));
        assert_int_equal(rest.len, len);
    }
    struct slice endless = SLICE("\x30\x80\0\0"), huge = SLICE("\x30\x84\xff\xff\xff\xff");
    assert_false(certificate_next(&endless, &one));
    assert_false(certificate_next(&huge, &one));
    buffer_clear(&der);
}

int main(void)
{
    make_all();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_leads_to_any_authority_on_its_way),
        cmocka_unit_test(what_is_missing_foreign_or_out_of_its_time_is_refused_with_the_reason),
        cmocka_unit_test(who_may_not_sign_others_leads_nowhere),
        cmocka_unit_test(nothing_and_rubbish_are_refused),
        cmocka_unit_test(a_certificate_that_ends_like_white_space_is_whole),
        cmocka_unit_test(a_certificate_is_taken_in_any_of_its_forms),
        cmocka_unit_test(what_is_cut_short_is_no_certificate),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    struct buffer *all[] = {&house.root,      &house.root_key,  &house.below,
                            &house.below_key, &house.device,    &house.device_key,
                            &house.other,     &house.other_key, &house.server};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_clear(all[i]);
    return failed;
}
