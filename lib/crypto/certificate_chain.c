#include "crypto/certificate.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/encoding.h"
#include "crypto/openssl.h"

/* ---- several, one behind the other ---- */

#define DER_SEQUENCE 0x30

/* X.690 8.1.3: the length of a SEQUENCE with its head, in one to four bytes; 0: there is none. */
static size_t sequence_length(struct slice s)
{
    if (s.len < 2 || s.at[0] != DER_SEQUENCE)
        return 0;
    size_t bytes = s.at[1] & 0x80 ? s.at[1] & 0x7f : 0, len = s.at[1];
    if (bytes > 4 || s.len < 2 + bytes || s.at[1] == 0x80)
        return 0;
    if (bytes) {
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | s.at[2 + i];
    }
    return len <= s.len - 2 - bytes ? 2 + bytes + len : 0;
}

bool certificate_next(struct slice *rest, struct slice *der)
{
    size_t len = sequence_length(*rest);
    if (len == 0)
        return false;
    *der = slice_first(*rest, len);
    *rest = slice_skip(*rest, len);
    return true;
}

static int take_pem(struct slice text, struct buffer *ders)
{
    int count = 0;
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    for (X509 *x; bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(x), count++)
        openssl_put_der(x, ders);
    BIO_free(bio);
    ERR_clear_error();
    return count;
}

static bool take_der(struct slice der, struct buffer *ders)
{
    X509 *certificate = openssl_certificate_der(der);
    if (certificate == NULL)
        return false;
    X509_free(certificate);
    buffer_put(ders, der);
    return true;
}

static bool take(struct slice text, struct buffer *ders)
{
    if (slice_find_slice(text, SLICE("-----BEGIN ")) < text.len)
        return take_pem(text, ders) > 0;
    return text.len && text.at[0] == DER_SEQUENCE && take_der(text, ders);
}

enum status certificate_read_any(struct slice text, struct buffer *ders)
{
    struct buffer raw = {0}, tight = {0};
    if (take(text, ders) || take(slice_trim(text), ders)) /* DER may well end like white space */
        return OK;
    for (size_t i = 0; i < text.len; i++) /* base64 may be broken into lines */
        if (text.at[i] > ' ')
            buffer_u8(&tight, text.at[i]);
    bool taken = tight.len && base64_decode(buffer_slice(&tight), &raw) == OK &&
                 take(buffer_slice(&raw), ders);
    buffer_clear(&raw);
    buffer_clear(&tight);
    return taken ? OK : BAD_FORMAT;
}

/* ---- does it lead to an authority? ---- */

static const char *reason(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the certificate, or one on the way to its authority, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "the certificate, or one on the way to its authority, is not valid yet";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "the certificate does not lead to an authority that is known and verified; a chain "
               "with every certificate in between must be sent";
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        return "a certificate on the way to the authority may not sign others";
    case X509_V_ERR_INVALID_PURPOSE:
        return "the certificate is not for TLS clients";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return "the chain is too long";
    default:
        return X509_verify_cert_error_string(error);
    }
}

/* What `store` holds is trusted, whether it signed itself or not. */
static enum status verify(X509_STORE *store, STACK_OF(X509) * chain,
                          enum certificate_purpose purpose, uint64_t wall_ms, const char **why)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509_STORE_CTX_init(c, store, sk_X509_value(chain, 0), chain);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(c);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
    X509_VERIFY_PARAM_set_depth(param, CERTIFICATE_CHAIN_MAX);
    if (purpose == CERTIFICATE_FOR_CLIENT)
        X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    bool leads = X509_verify_cert(c) == 1;
    if (!leads && why)
        *why = reason(X509_STORE_CTX_get_error(c));
    X509_STORE_CTX_free(c);
    return leads ? OK : UNAUTHORIZED;
}

#define AUTHORITIES_MAX 1000

enum status certificate_verify(struct slice chain, struct slice authorities,
                               enum certificate_purpose purpose, uint64_t wall_ms, const char **why)
{
    STACK_OF(X509) *shown = openssl_chain(chain, CERTIFICATE_CHAIN_MAX);
    STACK_OF(X509) *trusted = openssl_chain(authorities, AUTHORITIES_MAX);
    X509_STORE *store = X509_STORE_new();
    enum status status = BAD_FORMAT;
    if (why)
        *why = "a certificate cannot be read, or there are too many";
    if (store && shown && trusted && sk_X509_num(shown)) {
        for (int i = 0; i < sk_X509_num(trusted); i++)
            X509_STORE_add_cert(store, sk_X509_value(trusted, i));
        status = verify(store, shown, purpose, wall_ms, why);
    }
    sk_X509_pop_free(shown, X509_free);
    sk_X509_pop_free(trusted, X509_free);
    X509_STORE_free(store);
    ERR_clear_error();
    return status;
}
