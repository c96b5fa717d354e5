#include "crypto/trust.h"

#include <time.h>

#include <openssl/x509.h>

#include "base/clock.h"
#include "crypto/openssl.h"

#include "base/cmocka.h"

#define DAY_S 86400

struct authority {
    struct buffer pem, key, der;
};

static struct authority root, sub;
static struct buffer leaf, loner, chain; /* signed by sub; by itself; leaf and sub */
static struct trust_rules rules;

static void der_of(struct buffer *pem, struct buffer *der)
{
    assert_int_equal(certificate_der(buffer_slice(pem), der), OK);
}

static void issue(const char *name, enum certificate_use use, struct authority *by,
                  struct buffer *pem, struct buffer *key)
{
    static const char *const names[] = {"plc.site", "10.1.2.3", NULL};
    struct certificate_ask ask = {.common_name = name,
                                  .names = names,
                                  .wall_ms = clock_wall_ms(),
                                  .days = 30,
                                  .key = KEY_RSA_2048};
    struct certificate_issuer issuer = {buffer_slice(&by->pem), buffer_slice(&by->key)};
    assert_int_equal(certificate_issue(&ask, use, issuer, pem, key), OK);
}

static int set_up(void **state)
{
    (void)state;
    struct certificate_ask ask = {
        .common_name = "root", .wall_ms = clock_wall_ms(), .days = 60, .key = KEY_RSA_2048};
    assert_int_equal(certificate_make_ca(&ask, &root.pem, &root.key), OK);
    der_of(&root.pem, &root.der);
    issue("sub", CERTIFICATE_AUTHORITY, &root, &sub.pem, &sub.key);
    der_of(&sub.pem, &sub.der);
    struct buffer pem = {0}, key = {0};
    issue("plc", CERTIFICATE_SERVER, &sub, &pem, &key);
    der_of(&pem, &leaf);
    buffer_reset(&pem);
    ask.uri = "urn:loner";
    ask.common_name = "loner";
    assert_int_equal(certificate_make_application(&ask, &pem, &key), OK);
    der_of(&pem, &loner);
    buffer_clear(&pem);
    buffer_clear(&key);
    buffer_put(&chain, buffer_slice(&leaf));
    buffer_put(&chain, buffer_slice(&sub.der));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct buffer *all[] = {&root.pem, &root.key, &root.der, &sub.pem, &sub.key,
                            &sub.der,  &leaf,     &loner,    &chain};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_clear(all[i]);
    return 0;
}

static int each(void **state)
{
    (void)state;
    rules = (struct trust_rules){
        .wall_ms = clock_wall_ms(), .key_bits_min = 2048, .accept_unknown_revocation = true};
    return 0;
}

/* Without `victim` an empty list. */
static void put_list(struct authority *by, struct buffer *victim, int days, struct buffer *ders)
{
    X509 *issuer = openssl_certificate_pem(buffer_slice(&by->pem));
    EVP_PKEY *key = openssl_key(buffer_slice(&by->key));
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_adj(NULL, time(NULL) - 40 * DAY_S, 0, 0);
    ASN1_TIME *to = ASN1_TIME_adj(NULL, time(NULL), days, 0);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(list, from);
    X509_CRL_set1_nextUpdate(list, to);
    if (victim) {
        X509 *x = openssl_certificate_der(buffer_slice(victim));
        X509_REVOKED *r = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(x));
        X509_REVOKED_set_revocationDate(r, from);
        X509_CRL_add0_revoked(list, r);
        X509_free(x);
    }
    X509_CRL_sign(list, key, EVP_sha256());
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(list, &der);
    buffer_put(ders, slice_from(der, (size_t)len));
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(list);
    X509_free(issuer);
    EVP_PKEY_free(key);
}

static enum trust_verdict judge(struct buffer *shown, struct buffer *trusted,
                                struct buffer *issuers, struct buffer *revoked)
{
    struct trust_lists lists = {.trusted = trusted ? buffer_slice(trusted) : (struct slice){0},
                                .issuers = issuers ? buffer_slice(issuers) : (struct slice){0},
                                .revoked = revoked ? buffer_slice(revoked) : (struct slice){0}};
    return trust_judge(buffer_slice(shown), &lists, &rules, NULL);
}

static void who_signed_himself_is_trusted_by_name_alone(void **state)
{
    (void)state;
    assert_int_equal(judge(&loner, NULL, NULL, NULL), TRUST_UNTRUSTED);
    assert_int_equal(judge(&loner, NULL, &loner, NULL), TRUST_UNTRUSTED);
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_GOOD);
    rules.accept_unknown_revocation = false; /* nobody could revoke it */
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_GOOD);
    bool by_name;
    struct trust_lists lists = {.trusted = buffer_slice(&loner)};
    trust_judge(buffer_slice(&loner), &lists, &rules, &by_name);
    assert_true(by_name);
}

static void a_chain_is_trusted_by_anybody_on_it_when_it_is_whole(void **state)
{
    (void)state;
    assert_int_equal(judge(&chain, &root.der, NULL, NULL), TRUST_GOOD);
    assert_int_equal(judge(&leaf, &root.der, &sub.der, NULL), TRUST_GOOD);
    assert_int_equal(judge(&leaf, &sub.der, &root.der, NULL), TRUST_GOOD);
    assert_int_equal(judge(&chain, &leaf, &root.der, NULL), TRUST_GOOD);
    assert_int_equal(judge(&chain, NULL, &root.der, NULL), TRUST_UNTRUSTED);
    assert_int_equal(judge(&leaf, &root.der, NULL, NULL), TRUST_INCOMPLETE);
    assert_int_equal(judge(&chain, &loner, NULL, NULL), TRUST_INCOMPLETE);
}

static void without_a_list_revocation_is_unknown(void **state)
{
    (void)state;
    struct buffer lists = {0};
    rules.accept_unknown_revocation = false;
    assert_int_equal(judge(&chain, &root.der, NULL, NULL), TRUST_REVOCATION_UNKNOWN);
    put_list(&sub, NULL, 10, &lists);
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_ISSUER_REVOCATION_UNKNOWN);
    put_list(&root, NULL, 10, &lists);
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_GOOD);
    buffer_reset(&lists);
    put_list(&root, NULL, 10, &lists);
    put_list(&sub, NULL, -1, &lists); /* too old to say anything */
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_REVOCATION_UNKNOWN);
    buffer_clear(&lists);
}

static void what_a_list_revokes_is_revoked_whatever_the_rules_are(void **state)
{
    (void)state;
    struct buffer lists = {0};
    put_list(&sub, &leaf, 10, &lists);
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_REVOKED);
    assert_int_equal(judge(&chain, &leaf, &root.der, &lists), TRUST_REVOKED);
    buffer_reset(&lists);
    put_list(&root, &sub.der, 10, &lists);
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_ISSUER_REVOKED);
    buffer_clear(&lists);
}

/* A list that bears the authority's name, but another key signed it. */
static void a_forged_list_revokes_nobody_and_clears_nobody(void **state)
{
    (void)state;
    struct buffer lists = {0};
    struct authority liar = {.pem = sub.pem, .key = root.key};
    put_list(&liar, NULL, 10, &lists);
    put_list(&root, NULL, 10, &lists);
    rules.accept_unknown_revocation = false;
    assert_int_equal(judge(&chain, &root.der, NULL, &lists), TRUST_REVOCATION_UNKNOWN);
    buffer_clear(&lists);
}

static void time_is_looked_at(void **state)
{
    (void)state;
    rules.wall_ms += 40ull * DAY_S * 1000;
    assert_int_equal(judge(&chain, &root.der, NULL, NULL), TRUST_EXPIRED);
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_GOOD);
    rules.wall_ms -= 80ull * DAY_S * 1000;
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_EXPIRED);
}

static void short_keys_and_authorities_are_refused(void **state)
{
    (void)state;
    rules.key_bits_min = 3072;
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_WEAK);
    rules.key_bits_min = 1024;
    assert_int_equal(judge(&loner, &loner, NULL, NULL), TRUST_GOOD);
    assert_int_equal(judge(&root.der, &root.der, NULL, NULL), TRUST_WRONG_USE);
}

static void who_may_not_sign_others_did_not(void **state)
{
    (void)state;
    struct authority no_authority = {0};
    struct buffer pem = {0}, key = {0}, der = {0};
    issue("no authority", CERTIFICATE_SERVER, &sub, &no_authority.pem, &no_authority.key);
    der_of(&no_authority.pem, &no_authority.der);
    issue("victim", CERTIFICATE_SERVER, &no_authority, &pem, &key);
    der_of(&pem, &der);
    buffer_put(&der, buffer_slice(&no_authority.der));
    buffer_put(&der, buffer_slice(&sub.der));
    assert_true(judge(&der, &root.der, NULL, NULL) >= TRUST_ISSUER_WRONG_USE);
    struct buffer *all[] = {
        &no_authority.pem, &no_authority.key, &no_authority.der, &pem, &key, &der};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_clear(all[i]);
}

static void a_changed_byte_is_refused(void **state)
{
    (void)state;
    struct buffer changed = {0};
    buffer_put(&changed, buffer_slice(&loner));
    changed.at[changed.len - 1] ^= 1; /* of the signature */
    assert_int_not_equal(judge(&changed, &loner, NULL, NULL), TRUST_GOOD);
    assert_int_not_equal(judge(&changed, &changed, NULL, NULL), TRUST_GOOD);
    buffer_clear(&changed);
}

static void nonsense_is_invalid(void **state)
{
    (void)state;
    struct trust_lists lists = {.revoked = SLICE("nonsense")};
    assert_int_equal(trust_judge(SLICE("nonsense"), &lists, &rules, NULL), TRUST_INVALID);
    assert_int_equal(trust_judge((struct slice){0}, &lists, &rules, NULL), TRUST_INVALID);
    assert_int_equal(trust_judge(SLICE("\x30\x82\xff\xff"), &lists, &rules, NULL), TRUST_INVALID);
    for (size_t len = 0; len < loner.len; len += 7)
        assert_int_equal(trust_judge(slice_first(buffer_slice(&loner), len), &lists, &rules, NULL),
                         TRUST_INVALID);
}

static void the_host_is_among_its_names(void **state)
{
    (void)state;
    assert_true(trust_is_for_host(buffer_slice(&leaf), "plc.site"));
    assert_true(trust_is_for_host(buffer_slice(&leaf), "PLC.site"));
    assert_true(trust_is_for_host(buffer_slice(&leaf), "10.1.2.3"));
    assert_false(trust_is_for_host(buffer_slice(&leaf), "10.1.2.4"));
    assert_false(trust_is_for_host(buffer_slice(&leaf), "other"));
    assert_false(trust_is_for_host(SLICE("nonsense"), "other"));
}

static void lists_are_read_as_der_and_base64(void **state)
{
    (void)state;
    struct buffer der = {0}, again = {0};
    put_list(&root, NULL, 10, &der);
    assert_int_equal(revocation_read_any(buffer_slice(&der), &again), OK);
    assert_slice(buffer_slice(&again), buffer_slice(&der));
    assert_int_equal(revocation_read_any(buffer_slice(&loner), &again), BAD_FORMAT);
    assert_int_equal(revocation_read_any(SLICE("bm9uc2Vuc2U="), &again), BAD_FORMAT);
    buffer_clear(&der);
    buffer_clear(&again);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, each)
    const struct CMUnitTest tests[] = {
        TEST(who_signed_himself_is_trusted_by_name_alone),
        TEST(a_chain_is_trusted_by_anybody_on_it_when_it_is_whole),
        TEST(without_a_list_revocation_is_unknown),
        TEST(what_a_list_revokes_is_revoked_whatever_the_rules_are),
        TEST(a_forged_list_revokes_nobody_and_clears_nobody),
        TEST(time_is_looked_at),
        TEST(short_keys_and_authorities_are_refused),
        TEST(who_may_not_sign_others_did_not),
        TEST(a_changed_byte_is_refused),
        TEST(nonsense_is_invalid),
        TEST(the_host_is_among_its_names),
        TEST(lists_are_read_as_der_and_base64),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
