#include "crypto/certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"

#include "base/cmocka.h"

#define DAY_MS 86400000u

static uint64_t now;

static struct certificate_issuer issuer_of(const struct buffer *pem, const struct buffer *key)
{
    return (struct certificate_issuer){buffer_slice(pem), buffer_slice(key)};
}

static struct certificate_facts facts_of(struct buffer *pem)
{
    struct buffer der = {0};
    struct certificate_facts facts;
    assert_int_equal(certificate_der(buffer_slice(pem), &der), OK);
    assert_int_equal(certificate_read(buffer_slice(&der), &facts), OK);
    buffer_clear(&der);
    return facts;
}

static enum status verify(struct buffer *pem, struct buffer *authorities, uint64_t at)
{
    struct buffer der = {0}, trusted = {0};
    assert_int_equal(certificate_der(buffer_slice(pem), &der), OK);
    enum status s = certificate_read_any(buffer_slice(authorities), &trusted);
    if (s == OK)
        s = certificate_verify(buffer_slice(&der), buffer_slice(&trusted), CERTIFICATE_FOR_CLIENT,
                               at, NULL);
    buffer_clear(&der);
    buffer_clear(&trusted);
    return s;
}

static void an_authority_issues_what_verifies(void **state)
{
    (void)state;
    struct buffer ca = {0}, ca_key = {0}, other = {0}, other_key = {0}, pem = {0}, key = {0};
    struct certificate_ask ask = {
        .common_name = "plant authority", .wall_ms = now, .days = CERTIFICATE_CA_DAYS};
    assert_int_equal(certificate_make_ca(&ask, &ca, &ca_key), OK);
    assert_int_equal(certificate_make_ca(&ask, &other, &other_key), OK);
    struct certificate_facts facts = facts_of(&ca);
    assert_string_equal(facts.common_name, "plant authority");
    assert_true(facts.self_signed);
    assert_true(facts.not_before_ms < now);
    assert_int_equal(facts.not_after_ms / 1000, now / 1000 + 3650ull * 86400);

    ask.common_name = "device-1";
    ask.organization = "Plant 7, \"South\"";
    ask.days = 90;
    assert_int_equal(
        certificate_issue(&ask, CERTIFICATE_CLIENT, issuer_of(&ca, &ca_key), &pem, &key), OK);
    facts = facts_of(&pem);
    assert_string_equal(facts.common_name, "device-1");
    assert_string_equal(facts.uri, "");
    assert_false(facts.self_signed);
    assert_int_equal(verify(&pem, &ca, now), OK);
    assert_int_equal(verify(&pem, &other, now), UNAUTHORIZED); /* the same name, another key */
    assert_int_equal(verify(&pem, &ca, now + 91ull * DAY_MS), UNAUTHORIZED);
    assert_int_equal(verify(&pem, &ca, now - 2ull * DAY_MS), UNAUTHORIZED);
    assert_int_equal(verify(&pem, &key, now), BAD_FORMAT);

    buffer_reset(&pem);
    assert_int_equal(
        certificate_issue(&ask, CERTIFICATE_CLIENT, issuer_of(&ca, &other_key), &pem, &key),
        BAD_ARGUMENT);
    assert_int_equal(pem.len, 0);
    struct buffer *all[] = {&ca, &ca_key, &other, &other_key, &pem, &key};
    for (size_t i = 0; i < 6; i++)
        buffer_clear(all[i]);
}

static void what_is_issued_does_not_outlive_its_issuer(void **state)
{
    (void)state;
    struct buffer ca = {0}, ca_key = {0}, pem = {0}, key = {0};
    struct certificate_ask ask = {.common_name = "short", .wall_ms = now, .days = 10};
    assert_int_equal(certificate_make_ca(&ask, &ca, &ca_key), OK);
    ask.days = 90;
    assert_int_equal(
        certificate_issue(&ask, CERTIFICATE_SERVER, issuer_of(&ca, &ca_key), &pem, &key), OK);
    assert_int_equal(facts_of(&pem).not_after_ms, facts_of(&ca).not_after_ms);
    buffer_clear(&ca), buffer_clear(&ca_key), buffer_clear(&pem), buffer_clear(&key);
}

static void an_authority_below_another_issues_with_the_whole_chain(void **state)
{
    (void)state;
    struct buffer root = {0}, root_key = {0}, edge = {0}, edge_key = {0}, pem = {0}, key = {0};
    struct certificate_ask ask = {.common_name = "root", .wall_ms = now, .days = 100};
    assert_int_equal(certificate_make_ca(&ask, &root, &root_key), OK);
    ask.common_name = "edge";
    assert_int_equal(certificate_issue(&ask, CERTIFICATE_AUTHORITY, issuer_of(&root, &root_key),
                                       &edge, &edge_key),
                     OK);
    ask.common_name = "module";
    assert_int_equal(
        certificate_issue(&ask, CERTIFICATE_BOTH, issuer_of(&edge, &edge_key), &pem, &key), OK);
    int count = 0;
    struct slice rest = buffer_slice(&pem), begin = SLICE("-----BEGIN CERTIFICATE-----");
    for (size_t at; (at = slice_find_slice(rest, begin)) < rest.len; count++)
        rest = slice_skip(rest, at + 1);
    assert_int_equal(count, 3);
    assert_int_equal(verify(&pem, &edge, now), OK);
    struct buffer *all[] = {&root, &root_key, &edge, &edge_key, &pem, &key};
    for (size_t i = 0; i < 6; i++)
        buffer_clear(all[i]);
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const lists[][2] = {{""}, {"two words"}, {"line\nbreak"}, {"\xc3\xa4"}};
    struct buffer pem = {0}, key = {0};
    for (size_t i = 0; i < 4; i++) {
        const char *const names[] = {lists[i][0], NULL};
        struct certificate_ask ask = {
            .common_name = "x", .names = names, .wall_ms = now, .days = 1};
        assert_int_equal(certificate_make_ca(&ask, &pem, &key), BAD_ARGUMENT);
        assert_int_equal(pem.len + key.len, 0);
    }
    buffer_clear(&pem), buffer_clear(&key);
}

static void an_application_certificate_has_what_opc_ua_asks_for(void **state)
{
    (void)state;
    static const char *const names[] = {"plc-7.example", "10.0.0.7", NULL};
    struct buffer pem = {0}, key = {0}, der = {0}, key_bytes = {0};
    struct certificate_ask ask = {.common_name = "millrace publisher",
                                  .organization = "Millrace",
                                  .names = names,
                                  .uri = "urn:plc-7:millrace:publisher",
                                  .wall_ms = now,
                                  .days = 365,
                                  .key = KEY_RSA_2048};
    assert_int_equal(certificate_make_application(&ask, &pem, &key), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(buffer_slice(&der), &facts), OK);
    assert_string_equal(facts.uri, "urn:plc-7:millrace:publisher");
    assert_true(facts.self_signed);
    struct slice bytes = buffer_slice(&der);
    /* The extensions as they stand in the DER. */
    static const struct slice wanted[] = {
        SLICE_INIT("plc-7.example"),
        SLICE_INIT("\x87\x04\x0a\x00\x00\x07"),                         /* IP 10.0.0.7 */
        SLICE_INIT("\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x02\xf4"), /* key usage, all five */
        SLICE_INIT("\x2b\x06\x01\x05\x05\x07\x03\x01"),                 /* server */
        SLICE_INIT("\x2b\x06\x01\x05\x05\x07\x03\x02"),                 /* client */
    };
    for (size_t i = 0; i < 5; i++)
        if (slice_find_slice(bytes, wanted[i]) == bytes.len)
            fail_msg("extension %zu is missing", i);
    assert_int_equal(key_der(buffer_slice(&key), &key_bytes), OK);
    assert_int_equal(key_bytes.at[0], 0x30);
    ask.uri = NULL;
    assert_int_equal(certificate_make_application(&ask, &pem, &key), BAD_ARGUMENT);
    buffer_clear(&pem), buffer_clear(&key), buffer_clear(&der), buffer_clear(&key_bytes);
}

static void thumbprints_are_digests_of_the_der(void **state)
{
    (void)state;
    struct buffer pem = {0}, key = {0}, der = {0}, again = {0}, hex = {0};
    struct certificate_ask ask = {.common_name = "x", .wall_ms = now, .days = 1};
    assert_int_equal(certificate_make_ca(&ask, &pem, &key), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(certificate_pem(buffer_slice(&der), &again), OK);
    assert_slice(buffer_slice(&again), buffer_slice(&pem));
    uint8_t digest[CRYPTO_SHA256_LEN];
    crypto_sha1(buffer_slice(&der), digest);
    hex_encode(slice_from(digest, CRYPTO_SHA1_LEN), &hex);
    assert_string_equal(facts_of(&pem).sha1, buffer_cstr(&hex));
    buffer_reset(&hex);
    crypto_sha256(buffer_slice(&der), digest);
    hex_encode(slice_from(digest, CRYPTO_SHA256_LEN), &hex);
    assert_string_equal(facts_of(&pem).sha256, buffer_cstr(&hex));
    struct buffer *all[] = {&pem, &key, &der, &again, &hex};
    for (size_t i = 0; i < 5; i++)
        buffer_clear(all[i]);
}

static void what_is_no_certificate_is_refused(void **state)
{
    (void)state;
    struct buffer pem = {0}, key = {0}, der = {0}, out = {0};
    struct certificate_ask ask = {.common_name = "x", .wall_ms = now, .days = 1};
    struct certificate_facts facts;
    assert_int_equal(certificate_make_ca(&ask, &pem, &key), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(certificate_read(slice_from(der.at, len), &facts), BAD_FORMAT);
    buffer_u8(&der, 0);
    assert_int_equal(certificate_read(buffer_slice(&der), &facts), BAD_FORMAT);
    assert_int_equal(certificate_der(buffer_slice(&key), &out), BAD_FORMAT);
    assert_int_equal(certificate_der((struct slice){0}, &out), BAD_FORMAT);
    assert_int_equal(certificate_pem(SLICE("\x30\x00"), &out), BAD_FORMAT);
    assert_int_equal(key_der(buffer_slice(&pem), &out), BAD_FORMAT);
    assert_int_equal(key_public(SLICE("nonsense"), &out), BAD_FORMAT);
    assert_int_equal(out.len, 0);
    buffer_clear(&pem), buffer_clear(&key), buffer_clear(&der);
}

static void the_public_half_of_a_key(void **state)
{
    (void)state;
    struct buffer key = {0}, public = {0};
    key_new(KEY_RSA_2048, &key);
    assert_int_equal(key_public(buffer_slice(&key), &public), OK);
    assert_true(slice_starts(buffer_slice(&key), SLICE("-----BEGIN PRIVATE KEY-----\n")));
    assert_true(slice_starts(buffer_slice(&public), SLICE("-----BEGIN PUBLIC KEY-----\n")));
    buffer_clear(&key), buffer_clear(&public);
}

static void a_key_file_is_for_its_owner_alone(void **state)
{
    (void)state;
    char directory[] = "/tmp/file_test.XXXXXX", path[64], public[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/key.pem", directory);
    snprintf(public, sizeof(public), "%s/cert.pem", directory);
    struct buffer back = {0};
    assert_int_equal(file_read(path, &back), NOT_FOUND);
    assert_int_equal(file_write(path, SLICE("first")), OK);
    assert_int_equal(file_write(path, SLICE("second")), OK);
    assert_int_equal(file_write_public(public, SLICE("certificate")), OK);
    assert_int_equal(file_read(path, &back), OK);
    assert_slice(buffer_slice(&back), SLICE("second"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(public, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    unlink(path);
    unlink(public);
    assert_int_equal(rmdir(directory), 0); /* no draft is left */
    assert_int_equal(file_write(path, SLICE("nowhere")), NOT_FOUND);
    buffer_clear(&back);
}

int main(void)
{
    now = clock_wall_ms();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_issues_what_verifies),
        cmocka_unit_test(what_is_issued_does_not_outlive_its_issuer),
        cmocka_unit_test(an_authority_below_another_issues_with_the_whole_chain),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(an_application_certificate_has_what_opc_ua_asks_for),
        cmocka_unit_test(thumbprints_are_digests_of_the_der),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(the_public_half_of_a_key),
        cmocka_unit_test(a_key_file_is_for_its_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
