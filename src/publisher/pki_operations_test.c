#include "publisher/pki_operations.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "crypto/identity.h"

#include "base/cmocka.h"

static char directory[64];
static struct opcua_pki *pki;
static struct buffer der, key;
static struct certificate_facts facts;

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/pki_operations_XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    struct opcua_pki_config config = {.directory = directory};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    struct certificate_ask ask = {.common_name = "plc",
                                  .uri = "urn:plc",
                                  .wall_ms = clock_wall_ms(),
                                  .days = 30,
                                  .key = KEY_RSA_2048};
    struct buffer pem = {0}, key_pem = {0};
    assert_int_equal(certificate_make_application(&ask, &pem, &key_pem), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(key_der(buffer_slice(&key_pem), &key), OK);
    assert_int_equal(certificate_read(buffer_slice(&der), &facts), OK);
    buffer_clear(&pem);
    buffer_clear(&key_pem);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    opcua_pki_close(&pki);
    buffer_clear(&der);
    buffer_clear(&key);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static const struct pki_operation *find(const char *name)
{
    for (size_t i = 0; i < pki_operation_count; i++)
        if (strcmp(pki_operations[i].name, name) == 0)
            return &pki_operations[i];
    fail_msg("%s is not there", name);
    return NULL;
}

static struct json_doc *answer;
static const char *detail;

/* As a direct method does it. */
static enum status call(const char *name, const char *payload)
{
    const struct pki_operation *o = find(name);
    struct json_doc *doc = NULL;
    struct buffer bytes = {0}, password = {0}, out = {0};
    struct pki_ask ask;
    json_free(&answer);
    detail = NULL;
    assert_int_equal(json_parse(slice_of(payload), JSON_STRICT, &doc, NULL), OK);
    enum status s = pki_ask_read(o, json_root(doc), &bytes, &password, &ask);
    if (s == OK)
        s = o->run(pki, &ask, &out, &detail);
    if (s == OK && out.len)
        assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &answer, NULL), OK);
    json_free(&doc);
    buffer_clear(&bytes);
    buffer_clear(&password);
    buffer_clear(&out);
    return s;
}

static const char *with(const char *format, struct slice bytes)
{
    static char text[16384];
    struct buffer base64 = {0};
    base64_encode(bytes, &base64);
    snprintf(text, sizeof text, format, buffer_cstr(&base64));
    buffer_clear(&base64);
    return text;
}

static size_t count(const char *store)
{
    char payload[64];
    snprintf(payload, sizeof payload, "\"%s\"", store);
    assert_int_equal(call("ListCertificates", payload), OK);
    return json_count(json_root(answer));
}

static void a_certificate_is_added_listed_and_removed(void **state)
{
    (void)state;
    assert_int_equal(call("AddCertificate",
                          with("{\"store\":\"Trusted\",\"pfxBlob\":\"%s\"}", buffer_slice(&der))),
                     OK);
    assert_int_equal(count("trusted"), 1);
    const struct json *c = json_at(json_root(answer), 0);
    assert_slice(json_string(json_get(c, "subject")), SLICE("CN=plc"));
    assert_true(slice_eq_nocase(json_string(json_get(c, "thumbprint")), slice_of(facts.sha1)));
    assert_true(json_bool(json_get(c, "selfSigned"), false));
    assert_false(json_bool(json_get(c, "hasPrivateKey"), true));
    assert_true(json_count(json_get(c, "pfx")) > 0);
    assert_true(json_string(json_get(c, "notAfterUtc")).len > 0);
    char payload[256];
    snprintf(payload, sizeof payload, "{\"Store\":\"trusted\",\"Thumbprint\":\"%s\"}", facts.sha1);
    assert_int_equal(call("RemoveCertificate", payload), OK);
    assert_int_equal(call("RemoveCertificate", payload), NOT_FOUND);
    assert_non_null(detail);
    assert_int_equal(count("trusted"), 0);
}

static void a_rejected_one_is_approved(void **state)
{
    (void)state;
    assert_int_not_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    assert_int_equal(count("Rejected"), 1);
    char payload[128];
    snprintf(payload, sizeof payload, "\"%s\"", facts.sha1);
    assert_int_equal(call("ApproveRejectedCertificate", payload), OK);
    assert_int_equal(call("ApproveRejectedCertificate", payload), NOT_FOUND);
    assert_int_equal(count("Trusted"), 1);
    assert_int_equal(call("RemoveAll", "{\"store\":\"Trusted\"}"), OK);
}

static void a_user_comes_with_a_key_that_nobody_gets_back(void **state)
{
    (void)state;
    struct buffer pfx = {0}, again = {0};
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), "secret", &pfx), OK);
    assert_int_equal(
        call("AddCertificate", with("{\"store\":\"User\",\"password\":\"no\",\"pfxBlob\":\"%s\"}",
                                    buffer_slice(&pfx))),
        UNAUTHORIZED);
    assert_non_null(strstr(detail, "password"));
    assert_int_equal(call("AddCertificate",
                          with("{\"store\":\"User\",\"password\":\"secret\",\"pfxBlob\":\"%s\"}",
                               buffer_slice(&pfx))),
                     OK);
    assert_int_equal(count("TrustedUser"), 1);
    const struct json *c = json_at(json_root(answer), 0);
    assert_true(json_bool(json_get(c, "hasPrivateKey"), false));
    struct json_walk bytes = json_walk(json_get(c, "pfx"));
    for (uint64_t byte; json_next(&bytes) && json_u64(bytes.value, &byte);)
        buffer_u8(&again, (uint8_t)byte);
    assert_true(again.len > 0);
    struct identity i = {0};
    assert_int_not_equal(identity_read(buffer_slice(&again), NULL, &i),
                         OK); /* there is no key in it */
    assert_int_equal(call("RemoveAll", "\"User\""), OK);
    buffer_clear(&pfx);
    buffer_clear(&again);
}

static void chains_go_to_trusted_and_issuers(void **state)
{
    (void)state;
    assert_int_equal(call("AddCertificateChain", with("\"%s\"", buffer_slice(&der))), OK);
    assert_int_equal(count("Trusted"), 1);
    assert_int_equal(call("AddTrustedHttpsCertificate",
                          with("{\"certificateChain\":\"%s\"}", buffer_slice(&der))),
                     OK);
    assert_int_equal(count("Https"), 1);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_int_equal(call("ListCertificates", "\"Nowhere\""), BAD_ARGUMENT);
    assert_non_null(strstr(detail, "TrustedIssuer") ? detail : strstr(detail, "UserIssuer"));
    assert_int_equal(call("ListCertificates", "5"), BAD_ARGUMENT);
    assert_int_equal(call("AddCertificate", "{\"store\":\"Trusted\",\"pfxBlob\":\"not base64!\"}"),
                     BAD_FORMAT);
    assert_int_equal(call("AddCertificate", "{\"store\":\"Trusted\",\"pfxBlob\":\"bm8=\"}"),
                     BAD_FORMAT);
    assert_int_equal(call("AddCertificate", "{\"store\":\"Trusted\"}"), BAD_FORMAT);
    assert_int_equal(
        call("AddCertificateRevocationList", "{\"store\":\"Trusted\",\"crl\":[1,2,300]}"),
        BAD_FORMAT);
    assert_int_equal(call("AddCertificateRevocationList", "{\"store\":\"Rejected\",\"crl\":[1]}"),
                     BAD_ARGUMENT);
    assert_int_equal(call("RemoveAll", "\"Application\""), FORBIDDEN);
    assert_int_equal(call("ListCertificateRevocationLists", "\"Trusted\""), OK);
    assert_int_equal(json_count(json_root(answer)), 0);
    assert_int_equal(call("RemoveCertificateRevocationList", "{\"store\":\"Trusted\"}"), OK);
    json_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_added_listed_and_removed),
        cmocka_unit_test(a_rejected_one_is_approved),
        cmocka_unit_test(a_user_comes_with_a_key_that_nobody_gets_back),
        cmocka_unit_test(chains_go_to_trusted_and_issuers),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
