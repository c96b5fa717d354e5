#include "crypto/certificate_names.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/openssl.h"

static bool take(BIO *bio, char *out, size_t max)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    bool fits = len >= 0 && (size_t)len < max && memchr(text, 0, (size_t)len) == NULL;
    if (fits) {
        memcpy(out, text, (size_t)len);
        out[len] = 0;
    }
    BIO_free(bio);
    return fits;
}

static bool put_name(const X509_NAME *name, char out[CERTIFICATE_NAME_MAX])
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    return take(bio, out, CERTIFICATE_NAME_MAX);
}

static bool put_serial(const X509 *certificate, char out[CERTIFICATE_SERIAL_MAX])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    if (number)
        BN_print(bio, number);
    BN_free(number);
    return take(bio, out, CERTIFICATE_SERIAL_MAX);
}

enum status certificate_names(struct slice der, struct certificate_names *out)
{
    X509 *certificate = openssl_certificate_der(der);
    if (certificate == NULL)
        return BAD_FORMAT;
    struct certificate_names names = {.version = (int)X509_get_version(certificate) + 1};
    bool fine = put_name(X509_get_subject_name(certificate), names.subject) &&
                put_name(X509_get_issuer_name(certificate), names.issuer) &&
                put_serial(certificate, names.serial);
    X509_free(certificate);
    ERR_clear_error();
    if (fine)
        *out = names;
    return fine ? OK : BAD_FORMAT;
}
