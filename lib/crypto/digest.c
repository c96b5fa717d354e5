#include "crypto/digest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* Looked up by name once: that costs more than hashing a token. Kept until the end. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *md5, *sha1, *sha256;
static EVP_MAC_CTX *hmac; /* of SHA-256, without a key: each one begins as its copy */

static void must(int ok)
{
    if (!ok) {
        fprintf(stderr, "OpenSSL has no MD5, SHA-1, SHA-256 or HMAC\n");
        abort();
    }
}

static void fetch(void)
{
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    must(md5 && sha1 && sha256 && hmac && EVP_MAC_CTX_set_params(hmac, params));
    EVP_MAC_free(mac);
}

static void digest(EVP_MD *const *kind, struct slice bytes, uint8_t *out)
{
    pthread_once(&fetched, fetch);
    must(EVP_Digest(bytes.at, bytes.len, out, NULL, *kind, NULL));
}

void crypto_sha1(struct slice bytes, uint8_t out[CRYPTO_SHA1_LEN])
{
    digest(&sha1, bytes, out);
}

void crypto_sha256(struct slice bytes, uint8_t out[CRYPTO_SHA256_LEN])
{
    digest(&sha256, bytes, out);
}

void crypto_hmac_sha256(struct slice key, struct slice message, uint8_t out[CRYPTO_SHA256_LEN])
{
    pthread_once(&fetched, fetch);
    const uint8_t *key_at = key.at ? key.at : (const uint8_t *)""; /* NULL would mean: as before */
    size_t len;
    EVP_MAC_CTX *c = EVP_MAC_CTX_dup(hmac);
    must(c && EVP_MAC_init(c, key_at, key.len, NULL) &&
         EVP_MAC_update(c, message.at, message.len) &&
         EVP_MAC_final(c, out, &len, CRYPTO_SHA256_LEN));
    EVP_MAC_CTX_free(c);
}

/* The struct is a name for OpenSSL's context. */
struct crypto_md5 *crypto_md5_new(void)
{
    pthread_once(&fetched, fetch);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    must(c && EVP_DigestInit_ex2(c, md5, NULL));
    return (struct crypto_md5 *)c;
}

void crypto_md5_add(struct crypto_md5 *m, struct slice bytes)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)m, bytes.at, bytes.len));
}

void crypto_md5_end(struct crypto_md5 **m, uint8_t out[CRYPTO_MD5_LEN])
{
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)*m, out, NULL));
    EVP_MD_CTX_free((EVP_MD_CTX *)*m);
    *m = NULL;
}

bool crypto_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}
