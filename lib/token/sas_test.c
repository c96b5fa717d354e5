#include "token/sas.h"

#include <stdio.h>

#include "base/encoding.h"

#include "base/cmocka.h"

#define KEY "c2VjcmV0IGtleSBvZiBhIGRldmljZQ==" /* "secret key of a device" */
#define OTHER "b3RoZXI="

static const char *const hosts[] = {"hub.example", "localhost", "127.0.0.1", "::1", NULL};

static struct buffer text;

static struct sas make(const char *resource)
{
    struct sas t;
    buffer_reset(&text);
    assert_int_equal(
        sas_make(slice_of(resource), SLICE(KEY), (struct slice){0}, 2000000000000, &text), OK);
    assert_int_equal(sas_parse(buffer_slice(&text), &t), OK);
    return t;
}

static bool covers(const char *resource, const char *path)
{
    struct sas t = make(resource);
    return sas_covers(&t, hosts, slice_of(path));
}

static int finish(void **state)
{
    (void)state;
    buffer_clear(&text);
    return 0;
}

/* Computed with another program: HMAC-SHA256("secret key of a device",
 * "localhost%2Fdevices%2Fd\n2000000000"). */
static void a_token_is_the_one_that_every_sdk_makes(void **state)
{
    (void)state;
    make("localhost%2Fdevices%2Fd");
    assert_slice(buffer_slice(&text),
                 SLICE("SharedAccessSignature "
                       "sr=localhost%2Fdevices%2Fd&sig=kEvPDzJh2gwqdg16cIKpzUGMa6FLSA7jUxxoH2fdcCk%"
                       "3D&se=2000000000"));
}

static void the_key_that_made_it_verifies_it_and_no_other(void **state)
{
    (void)state;
    struct sas t = make("localhost%2Fdevices%2Fd");
    assert_int_equal(sas_verify(&t, SLICE(KEY)), OK);
    assert_int_equal(sas_verify(&t, SLICE(OTHER)), UNAUTHORIZED);
    assert_int_equal(sas_verify(&t, SLICE("")), UNAUTHORIZED);
    assert_int_equal(sas_verify(&t, SLICE("no base64!")), UNAUTHORIZED);
}

static void what_was_signed_cannot_be_changed(void **state)
{
    (void)state;
    struct sas t = make("localhost%2Fdevices%2Fd");
    struct sas resource = t, expiry = t, signature = t;
    resource.resource =
        SLICE("localhost%2fdevices%2Fd"); /* means the same, is not what was signed */
    assert_int_equal(sas_verify(&resource, SLICE(KEY)), UNAUTHORIZED);
    expiry.expiry = SLICE("2000000001");
    assert_int_equal(sas_verify(&expiry, SLICE(KEY)), UNAUTHORIZED);
    signature.signature = SLICE("AAAA");
    assert_int_equal(sas_verify(&signature, SLICE(KEY)), UNAUTHORIZED);
    signature.signature = SLICE("%zz");
    assert_int_equal(sas_verify(&signature, SLICE(KEY)), UNAUTHORIZED);
}

static void the_signature_s_encoding_may_be_in_lower_case_or_absent(void **state)
{
    (void)state;
    struct sas t = make("localhost/devices/d"), lower = t, raw = t;
    struct buffer a = {0}, b = {0};
    percent_decode(t.signature, &a);
    raw.signature = buffer_slice(&a);
    assert_int_equal(sas_verify(&raw, SLICE(KEY)), OK);
    for (size_t n = 0; n < t.signature.len; n++)
        buffer_u8(
            &b, n >= 1 && (t.signature.at[n - 1] == '%' || (n >= 2 && t.signature.at[n - 2] == '%'))
                    ? t.signature.at[n] | 0x20
                    : t.signature.at[n]);
    lower.signature = buffer_slice(&b);
    assert_int_equal(sas_verify(&lower, SLICE(KEY)), OK);
    buffer_clear(&a);
    buffer_clear(&b);
}

static void fields_come_in_any_order(void **state)
{
    (void)state;
    static const char *const orders[] = {
        "SharedAccessSignature sr=h&sig=s&se=1&skn=p",
        "SharedAccessSignature sig=s&se=1&skn=p&sr=h",
        "sharedaccesssignature se=1&new=x&skn=p&sr=h&sig=s",
    };
    for (size_t n = 0; n < 3; n++) {
        struct sas t;
        assert_int_equal(sas_parse(slice_of(orders[n]), &t), OK);
        assert_slice(t.resource, SLICE("h"));
        assert_slice(t.signature, SLICE("s"));
        assert_slice(t.policy, SLICE("p"));
        assert_int_equal(t.expires_ms, 1000);
    }
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "SharedAccessSignature",
        "SharedAccessSignature ",
        "Bearer sr=h&sig=s&se=1",
        "SharedAccessSignature sr=h&sig=s",
        "SharedAccessSignature sr=h&se=1",
        "SharedAccessSignature sig=s&se=1",
        "SharedAccessSignature sr=h&sig=s&se=x",
        "SharedAccessSignature sr=h&sig=s&se=-1",
        "SharedAccessSignature sr=h&sr=i&sig=s&se=1",
        "SharedAccessSignature sr&sig=s&se=1",
        "SharedAccessSignature sr=&sig=s&se=1",
        "SharedAccessSignature sr=h&sig=s&se=18446744073709551615",
    };
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        struct sas t;
        if (sas_parse(slice_of(bad[n]), &t) != BAD_FORMAT)
            fail_msg("took '%s'", bad[n]);
    }
    static char huge[SAS_TOKEN_MAX + 2];
    struct sas t;
    memset(huge, 'a', sizeof(huge) - 1);
    assert_int_equal(sas_parse(slice_of(huge), &t), TOO_LARGE);
}

static void clocks_may_differ_by_five_minutes(void **state)
{
    (void)state;
    struct sas t = make("h");
    assert_false(sas_expired(&t, 0));
    assert_int_equal(sas_until_ms(&t, 0), t.expires_ms);
    assert_int_equal(sas_until_ms(&t, t.expires_ms), t.expires_ms + SAS_SKEW_MS);
    assert_false(sas_expired(&t, t.expires_ms + SAS_SKEW_MS));
    assert_true(sas_expired(&t, t.expires_ms + SAS_SKEW_MS + 1));
}

static void a_resource_covers_what_is_below_it(void **state)
{
    (void)state;
    assert_true(covers("localhost%2Fdevices%2Fd", "/devices/d"));        /* Node */
    assert_true(covers("127.0.0.1/devices/d", "/devices/d"));            /* C */
    assert_true(covers("localhost%3A8899%2Fdevices%2Fd", "/devices/d")); /* Node with a port */
    assert_true(covers("LOCALHOST:8899/devices/d", "/devices/d/modules/m"));
    assert_true(covers("localhost", "/devices/d")); /* a policy's, for the hub */
    assert_true(covers("localhost", ""));
    assert_true(covers("sb%3A%2F%2Flocalhost%2Fhub%2F", "/hub/ConsumerGroups/$Default"));
    assert_true(covers("localhost/devices/d/modules/%24edgeHub", "/devices/d/modules/$edgeHub"));
    assert_true(
        covers("localhost%2Fdevices%2Fa%2541", "/devices/a%41")); /* an id with a percent sign */
    assert_true(covers("[::1]:443/devices/d", "/devices/d") == false); /* listed without brackets */
}

static void a_resource_covers_nothing_else(void **state)
{
    (void)state;
    assert_false(covers("localhost/devices/d", "/devices/d2"));
    assert_false(covers("localhost/devices/d2", "/devices/d"));
    assert_false(covers("localhost/devices/D", "/devices/d"));
    assert_false(covers("localhost/devices/d/modules/m", "/devices/d"));
    assert_false(covers("localhost/devices/d", ""));
    assert_false(covers("localhost.evil/devices/d", "/devices/d"));
    assert_false(covers("evil/localhost/devices/d", "/devices/d"));
    assert_false(covers("/devices/d", "/devices/d"));
    assert_false(covers("sb://evil/localhost", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_the_one_that_every_sdk_makes),
        cmocka_unit_test(the_key_that_made_it_verifies_it_and_no_other),
        cmocka_unit_test(what_was_signed_cannot_be_changed),
        cmocka_unit_test(the_signature_s_encoding_may_be_in_lower_case_or_absent),
        cmocka_unit_test(fields_come_in_any_order),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(clocks_may_differ_by_five_minutes),
        cmocka_unit_test(a_resource_covers_what_is_below_it),
        cmocka_unit_test(a_resource_covers_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
