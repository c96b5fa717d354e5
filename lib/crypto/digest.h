/* Digests and signatures with a shared key. Safe from any thread. */
#pragma once

#include "base/slice.h"

#define CRYPTO_SHA1_LEN 20
#define CRYPTO_SHA256_LEN 32

void crypto_sha1(struct slice bytes,
                 uint8_t out[CRYPTO_SHA1_LEN]); /* for thumbprints, not for safety */
void crypto_sha256(struct slice bytes, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hmac_sha256(struct slice key, struct slice message, uint8_t out[CRYPTO_SHA256_LEN]);

#define CRYPTO_MD5_LEN 16

/* MD5 of bytes that come in pieces: where a wire asks for it, never for safety. */
struct crypto_md5;

struct crypto_md5 *crypto_md5_new(void);
void crypto_md5_add(struct crypto_md5 *m, struct slice bytes);
void crypto_md5_end(struct crypto_md5 **m, uint8_t out[CRYPTO_MD5_LEN]); /* frees it */

/* Takes as long for a wrong answer as for a right one, whatever differs; the lengths are no secret.
 */
bool crypto_equal(struct slice a, struct slice b);
