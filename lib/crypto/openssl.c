#include "crypto/openssl.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/certificate.h"

static BIO *bio_of(struct slice s)
{
    return BIO_new_mem_buf(s.at ? s.at : (const void *)"", (int)s.len);
}

/* A key with a password is refused instead of asking on the terminal. */
static int no_password(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

EVP_PKEY *openssl_key(struct slice pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

X509 *openssl_certificate_pem(struct slice pem)
{
    BIO *bio = bio_of(pem);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

X509 *openssl_certificate_der(struct slice der)
{
    const unsigned char *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (certificate && at != der.at + der.len) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

STACK_OF(X509) * openssl_chain(struct slice ders, int most)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    struct slice der;
    while (all && certificate_next(&ders, &der)) {
        X509 *x = sk_X509_num(all) < most ? openssl_certificate_der(der) : NULL;
        if (x && sk_X509_push(all, x) > 0)
            continue;
        X509_free(x);
        sk_X509_pop_free(all, X509_free);
        all = NULL;
    }
    if (all && ders.len) {
        sk_X509_pop_free(all, X509_free);
        all = NULL;
    }
    return all;
}

EVP_PKEY *openssl_key_new(enum key_kind kind)
{
    EVP_PKEY *key = kind == KEY_EC_P256    ? EVP_EC_gen("P-256")
                    : kind == KEY_RSA_2048 ? EVP_RSA_gen((unsigned)2048)
                                           : EVP_RSA_gen((unsigned)3072);
    if (key == NULL) {
        fprintf(stderr, "a key cannot be made: %s\n", openssl_reason());
        abort();
    }
    return key;
}

void openssl_take(BIO *bio, struct buffer *out)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    buffer_put(out, slice_from(at, (size_t)len));
    BIO_free(bio);
}

void openssl_put_key(EVP_PKEY *key, struct buffer *pem)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    openssl_take(bio, pem);
}

void openssl_put_der(X509 *certificate, struct buffer *der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    i2d_X509_bio(bio, certificate);
    openssl_take(bio, der);
}

void openssl_put_certificate(X509 *certificate, struct buffer *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    openssl_take(bio, pem);
}

const char *openssl_reason(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    return reason ? reason : "unknown";
}
