#include "crypto/certificate.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/encoding.h"
#include "crypto/openssl.h"

/* A zero inside would let "good.example\0.bad.example" pass for good.example. */
static bool copy_text(const unsigned char *at, int len, char out[CERTIFICATE_TEXT_MAX])
{
    if (len < 0 || len >= CERTIFICATE_TEXT_MAX || memchr(at, 0, (size_t)len))
        return false;
    memcpy(out, at, (size_t)len);
    out[len] = 0;
    return true;
}

static bool read_common_name(X509 *certificate, char out[CERTIFICATE_TEXT_MAX])
{
    out[0] = 0;
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return true;
    unsigned char *text;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len < 0)
        return false;
    bool fits = copy_text(text, len, out);
    OPENSSL_free(text);
    return fits;
}

static bool read_uri(X509 *certificate, char out[CERTIFICATE_TEXT_MAX])
{
    out[0] = 0;
    bool fits = true;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        fits = copy_text(ASN1_STRING_get0_data(uri), ASN1_STRING_length(uri), out);
        break;
    }
    GENERAL_NAMES_free(names);
    return fits;
}

static bool read_time(const ASN1_TIME *time, uint64_t *ms)
{
    struct tm parts;
    if (time == NULL || !ASN1_TIME_to_tm(time, &parts))
        return false;
    time_t s = timegm(&parts);
    *ms = s > 0 ? (uint64_t)s * 1000 : 0;
    return true;
}

static void put_hex(const uint8_t *bytes, size_t len, char *out)
{
    struct buffer hex = {0};
    hex_encode(slice_from(bytes, len), &hex);
    memcpy(out, hex.at, hex.len);
    out[hex.len] = 0;
    buffer_clear(&hex);
}

enum status certificate_read(struct slice der, struct certificate_facts *out)
{
    X509 *certificate = openssl_certificate_der(der);
    if (certificate == NULL)
        return BAD_FORMAT;
    struct certificate_facts facts;
    bool fine = read_common_name(certificate, facts.common_name) &&
                read_uri(certificate, facts.uri) &&
                read_time(X509_get0_notBefore(certificate), &facts.not_before_ms) &&
                read_time(X509_get0_notAfter(certificate), &facts.not_after_ms);
    facts.self_signed =
        X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
    facts.authority = X509_check_ca(certificate) != 0;
    X509_free(certificate);
    ERR_clear_error();
    if (!fine)
        return BAD_FORMAT;
    uint8_t digest[CRYPTO_SHA256_LEN];
    crypto_sha1(der, digest);
    put_hex(digest, CRYPTO_SHA1_LEN, facts.sha1);
    crypto_sha256(der, digest);
    put_hex(digest, CRYPTO_SHA256_LEN, facts.sha256);
    *out = facts;
    return OK;
}

enum status certificate_der(struct slice pem, struct buffer *der)
{
    X509 *certificate = openssl_certificate_pem(pem);
    if (certificate == NULL)
        return BAD_FORMAT;
    openssl_put_der(certificate, der);
    X509_free(certificate);
    return OK;
}

enum status certificate_pem(struct slice der, struct buffer *pem)
{
    X509 *certificate = openssl_certificate_der(der);
    if (certificate == NULL)
        return BAD_FORMAT;
    openssl_put_certificate(certificate, pem);
    X509_free(certificate);
    return OK;
}

