#include "crypto/identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs12err.h>

#include "crypto/openssl.h"

#define DER_SEQUENCE 0x30

void identity_clear(struct identity *i)
{
    buffer_wipe(&i->key);
    buffer_clear(&i->certificate);
    buffer_clear(&i->issuers);
}

static void put_key_der(EVP_PKEY *key, struct buffer *der)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL);
    openssl_take(bio, der);
}

/* ---- PKCS #12 ---- */

static enum status take_pfx(PKCS12 *pfx, const char *password, struct identity *out)
{
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *issuers = NULL;
    int done =
        PKCS12_parse(pfx, password, &key, &certificate, &issuers); /* NULL and "" are the same */
    bool known = done || ERR_GET_REASON(ERR_peek_last_error()) != PKCS12_R_MAC_VERIFY_FAILURE;
    bool whole = done && key && certificate;
    if (whole) {
        openssl_put_der(certificate, &out->certificate);
        put_key_der(key, &out->key);
        for (int i = 0; i < sk_X509_num(issuers); i++)
            openssl_put_der(sk_X509_value(issuers, i), &out->issuers);
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    sk_X509_pop_free(issuers, X509_free);
    return whole ? OK : known ? BAD_FORMAT : UNAUTHORIZED;
}

/* ---- PEM ---- */

static int give_password(char *out, int size, int writing, void *arg)
{
    const char *password = arg;
    (void)writing;
    size_t len = password ? strlen(password) : 0;
    if (password == NULL || len > (size_t)size)
        return -1;
    memcpy(out, password, len);
    return (int)len;
}

static enum status take_pem(struct slice text, const char *password, struct identity *out)
{
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    BIO_free(bio);
    if (key == NULL)
        return slice_find_slice(text, SLICE("ENCRYPTED")) < text.len ? UNAUTHORIZED : BAD_FORMAT;
    put_key_der(key, &out->key);
    EVP_PKEY_free(key);
    bio = BIO_new_mem_buf(text.at, (int)text.len);
    for (X509 *x; (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(x))
        openssl_put_der(x, out->certificate.len ? &out->issuers : &out->certificate);
    BIO_free(bio);
    return OK;
}

/* ---- any ---- */

static enum status take_der(struct slice der, const char *password, struct identity *out)
{
    const unsigned char *at = der.at;
    PKCS12 *pfx = d2i_PKCS12(NULL, &at, (long)der.len);
    if (pfx) {
        enum status s = take_pfx(pfx, password, out);
        PKCS12_free(pfx);
        return s;
    }
    at = der.at;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    if (key == NULL)
        return BAD_FORMAT;
    put_key_der(key, &out->key);
    EVP_PKEY_free(key);
    return OK;
}

enum status identity_read(struct slice bytes, const char *password, struct identity *out)
{
    struct identity found = {0};
    enum status s = bytes.len && bytes.at[0] == DER_SEQUENCE ? take_der(bytes, password, &found)
                                                             : take_pem(bytes, password, &found);
    if (s == OK && found.certificate.len &&
        !identity_fits(buffer_slice(&found.certificate), buffer_slice(&found.key)))
        s = BAD_FORMAT;
    if (s == OK)
        *out = found;
    else
        identity_clear(&found);
    ERR_clear_error();
    return s;
}

static EVP_PKEY *key_of(struct slice der)
{
    const unsigned char *at = der.at;
    return d2i_AutoPrivateKey(NULL, &at, (long)der.len);
}

bool identity_fits(struct slice certificate, struct slice key)
{
    X509 *x = openssl_certificate_der(certificate);
    EVP_PKEY *k = key_of(key);
    bool fits = x && k && X509_check_private_key(x, k) == 1;
    X509_free(x);
    EVP_PKEY_free(k);
    ERR_clear_error();
    return fits;
}

enum status identity_pfx(struct slice certificate, struct slice key, const char *password,
                         struct buffer *out)
{
    X509 *x = openssl_certificate_der(certificate);
    EVP_PKEY *k = key.len ? key_of(key) : NULL;
    if (x == NULL || (key.len && k == NULL)) {
        X509_free(x);
        EVP_PKEY_free(k);
        return BAD_FORMAT;
    }
    int encryption = password ? 0 : -1; /* OpenSSL's: 0 the usual one, -1 none */
    PKCS12 *pfx = PKCS12_create(password, NULL, k, x, NULL, encryption, encryption, 0, 0, 0);
    BIO *bio = BIO_new(BIO_s_secmem());
    bool made = pfx && i2d_PKCS12_bio(bio, pfx);
    openssl_take(bio, out);
    PKCS12_free(pfx);
    X509_free(x);
    EVP_PKEY_free(k);
    ERR_clear_error();
    return made ? OK : BAD_ARGUMENT;
}
