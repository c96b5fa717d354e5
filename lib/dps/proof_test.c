#include "dps/proof.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "crypto/certificate.h"
#include "token/sas.h"

#define NOW_MS 1700000000000ull
#define SCOPE "0ne12345678"
/* base64 of "group key of tests" and of another; and what openssl dgst -hmac makes of them */
#define GROUP_KEY "Z3JvdXAga2V5IG9mIHRlc3Rz"
#define OTHER_KEY "b3RoZXIga2V5IG9mIHRlc3Rz"

static struct arena arena;
static const struct dps_authorities nobody = {0};

static enum status prove(const struct dps_enrollment *e, const char *id, struct slice key,
                         const char *resource, const char *policy, uint64_t expires_ms)
{
    struct buffer token = {0};
    struct dps_proven out;
    const char *why = NULL;
    assert_int_equal(sas_make(slice_of(resource), key, slice_of(policy), expires_ms, &token), OK);
    struct dps_credentials c = {
        .id_scope = SLICE(SCOPE), .registration_id = slice_of(id), .sas = buffer_slice(&token)};
    enum status s = dps_prove(e, &nobody, &c, NOW_MS, &arena, &out, &why);
    if (s != OK)
        assert_non_null(why);
    else
        assert_int_equal(out.expires_ms, expires_ms + (expires_ms > NOW_MS ? 0 : SAS_SKEW_MS));
    buffer_clear(&token);
    return s;
}

static void a_derived_key_is_the_hmac_of_the_id(void **state)
{
    (void)state;
    struct slice key;
    assert_int_equal(dps_derive_key(SLICE(GROUP_KEY), SLICE("dev-1"), &arena, &key), OK);
    assert_slice(key, SLICE("evIaRwQ28Svb9QJGs2PrKZG8Pcag+zpg6LG4gZwKSqE="));
    assert_int_equal(dps_derive_key(SLICE("?"), SLICE("dev-1"), &arena, &key), BAD_ARGUMENT);
    assert_int_equal(dps_derive_key(SLICE(""), SLICE("dev-1"), &arena, &key), BAD_ARGUMENT);
}

static void tokens(void **state)
{
    (void)state;
    uint64_t later = NOW_MS + 60000;
    struct dps_enrollment one = {.kind = DPS_INDIVIDUAL,
                                 .keys = {SLICE(GROUP_KEY), SLICE(OTHER_KEY)}};
    const char *resource = SCOPE "/registrations/dev-1";
    assert_int_equal(prove(&one, "dev-1", SLICE(GROUP_KEY), resource, "registration", later), OK);
    assert_int_equal(prove(&one, "dev-1", SLICE(OTHER_KEY), SCOPE "%2Fregistrations%2fdev-1",
                           "registration", later),
                     OK);
    assert_int_equal(
        prove(&one, "dev-1", SLICE("d3Jvbmcga2V5IG9mIHRlc3Rz"), resource, "registration", later),
        UNAUTHORIZED);
    assert_int_equal(prove(&one, "dev-1", SLICE(GROUP_KEY), resource, "iothubowner", later),
                     UNAUTHORIZED);
    assert_int_equal(prove(&one, "dev-1", SLICE(GROUP_KEY), resource, "", later), UNAUTHORIZED);
    assert_int_equal(prove(&one, "dev-2", SLICE(GROUP_KEY), resource, "registration", later),
                     UNAUTHORIZED);
    assert_int_equal(prove(&one, "dev-1", SLICE(GROUP_KEY), "0neOther/registrations/dev-1",
                           "registration", later),
                     UNAUTHORIZED);
    assert_int_equal(
        prove(&one, "dev-1", SLICE(GROUP_KEY), resource, "registration", NOW_MS - 3600000),
        UNAUTHORIZED);

    struct dps_enrollment group = one;
    struct slice derived;
    group.kind = DPS_GROUP;
    assert_int_equal(dps_derive_key(SLICE(OTHER_KEY), SLICE("dev-1"), &arena, &derived), OK);
    assert_int_equal(prove(&group, "dev-1", derived, resource, "registration", later), OK);
    assert_int_equal(prove(&group, "dev-1", SLICE(GROUP_KEY), resource, "registration", later),
                     UNAUTHORIZED);
    assert_int_equal(
        prove(&group, "dev-2", derived, SCOPE "/registrations/dev-2", "registration", later),
        UNAUTHORIZED);
}

/* ---- certificates ---- */

struct made {
    struct buffer pem, key, der;
};

static void to_der(struct made *m)
{
    buffer_reset(&m->der);
    assert_int_equal(certificate_read_any(buffer_slice(&m->pem), &m->der), OK);
}

static struct made root(const char *name)
{
    struct made m = {0};
    assert_int_equal(
        certificate_make_ca(
            &(struct certificate_ask){.common_name = name, .wall_ms = NOW_MS, .days = 30}, &m.pem,
            &m.key),
        OK);
    to_der(&m);
    return m;
}

/* The certificate alone; its issuer's stands behind it in what is made. */
static struct made issued(const char *name, enum certificate_use use, const struct made *by)
{
    struct made m = {0};
    struct certificate_ask ask = {.common_name = name, .wall_ms = NOW_MS, .days = 9};
    assert_int_equal(certificate_issue(&ask, use,
                                       (struct certificate_issuer){buffer_slice(&by->pem),
                                                                   buffer_slice(&by->key)},
                                       &m.pem, &m.key),
                     OK);
    to_der(&m);
    struct slice rest = buffer_slice(&m.der), first;
    assert_true(certificate_next(&rest, &first));
    m.der.len = first.len;
    return m;
}

static void clear(struct made *m)
{
    buffer_clear(&m->pem);
    buffer_clear(&m->key);
    buffer_clear(&m->der);
}

static enum status show(const struct dps_enrollment *e, const struct dps_authorities *a,
                        const char *id, struct slice chain, uint64_t now_ms)
{
    struct dps_proven out;
    const char *why = NULL;
    struct dps_credentials c = {
        .id_scope = SLICE(SCOPE), .registration_id = slice_of(id), .certificate = chain};
    enum status s = dps_prove(e, a, &c, now_ms, &arena, &out, &why);
    if (s == OK)
        assert_int_equal(out.thumbprints.primary.len, 64);
    else
        assert_non_null(why);
    return s;
}

static void a_device_shows_its_very_certificate(void **state)
{
    (void)state;
    struct made own = root("dev-1"), next = root("dev-1"), other = root("dev-1");
    struct dps_enrollment e = {.proof = DPS_CLIENT_CERTIFICATES,
                               .certificates = {buffer_slice(&own.der), buffer_slice(&next.der)}};
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&own.der), NOW_MS), OK);
    assert_int_equal(show(&e, &nobody, "DEV-1", buffer_slice(&next.der), NOW_MS), OK);
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&other.der), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-2", buffer_slice(&own.der), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&own.der), NOW_MS + 40 * 86400000ull),
                     UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-1", SLICE("0"), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-1", SLICE(""), NOW_MS), UNAUTHORIZED);
    clear(&own), clear(&next), clear(&other);
}

static void a_groups_device_shows_a_chain(void **state)
{
    (void)state;
    struct made ca = root("Site"), foreign = root("Site"), leaf, stranger;
    leaf = issued("dev-1", CERTIFICATE_CLIENT, &ca);
    stranger = issued("dev-1", CERTIFICATE_CLIENT, &foreign);
    struct dps_enrollment e = {.kind = DPS_GROUP,
                               .proof = DPS_SIGNING_CERTIFICATES,
                               .certificates = {.secondary = buffer_slice(&ca.der)}};
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&leaf.der), NOW_MS), OK);
    assert_int_equal(show(&e, &nobody, "dev-2", buffer_slice(&leaf.der), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&stranger.der), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "Site", buffer_slice(&ca.der), NOW_MS), UNAUTHORIZED);
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&leaf.der), NOW_MS + 20 * 86400000ull),
                     UNAUTHORIZED);

    struct dps_authority named[] = {{SLICE("site"), buffer_slice(&ca.der)}};
    struct dps_authorities authorities = {named, 1};
    struct dps_enrollment by_name = {
        .kind = DPS_GROUP, .proof = DPS_CA_REFERENCES, .certificates = {.primary = SLICE("site")}};
    assert_int_equal(show(&by_name, &authorities, "dev-1", buffer_slice(&leaf.der), NOW_MS), OK);
    assert_int_equal(show(&by_name, &authorities, "dev-1", buffer_slice(&stranger.der), NOW_MS),
                     UNAUTHORIZED);
    assert_int_equal(show(&by_name, &nobody, "dev-1", buffer_slice(&leaf.der), NOW_MS),
                     UNAUTHORIZED);
    clear(&ca), clear(&foreign), clear(&leaf), clear(&stranger);
}

/* What stands behind the enrolled certificate in its file is no authority of the group. */
static void only_the_enrolled_authority_counts(void **state)
{
    (void)state;
    struct made ca = root("Site"), other = root("Other"), leaf;
    struct buffer both = {0};
    leaf = issued("dev-1", CERTIFICATE_CLIENT, &other);
    buffer_put(&both, buffer_slice(&ca.der));
    buffer_put(&both, buffer_slice(&other.der));
    struct dps_enrollment e = {.kind = DPS_GROUP,
                               .proof = DPS_SIGNING_CERTIFICATES,
                               .certificates = {.primary = buffer_slice(&both)}};
    assert_int_equal(show(&e, &nobody, "dev-1", buffer_slice(&leaf.der), NOW_MS), UNAUTHORIZED);
    buffer_clear(&both);
    clear(&ca), clear(&other), clear(&leaf);
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_derived_key_is_the_hmac_of_the_id),
        cmocka_unit_test(tokens),
        cmocka_unit_test(a_device_shows_its_very_certificate),
        cmocka_unit_test(a_groups_device_shows_a_chain),
        cmocka_unit_test(only_the_enrolled_authority_counts),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
