#include "crypto/key.h"

#include <openssl/pem.h>

#include "crypto/openssl.h"

void key_new(enum key_kind kind, struct buffer *pem)
{
    EVP_PKEY *key = openssl_key_new(kind);
    openssl_put_key(key, pem);
    EVP_PKEY_free(key);
}

enum status key_public(struct slice private_pem, struct buffer *pem)
{
    EVP_PKEY *key = openssl_key(private_pem);
    if (key == NULL)
        return BAD_FORMAT;
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key);
    openssl_take(bio, pem);
    EVP_PKEY_free(key);
    return OK;
}

enum status key_der(struct slice pem, struct buffer *der)
{
    EVP_PKEY *key = openssl_key(pem);
    if (key == NULL)
        return BAD_FORMAT;
    BIO *bio = BIO_new(BIO_s_secmem());
    i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL);
    openssl_take(bio, der);
    EVP_PKEY_free(key);
    return OK;
}
