/* Digests and signatures with a shared key. Safe from any thread. */
#pragma once

#include "base/slice.h"

#define CRYPTO_SHA1_LEN 20
#define CRYPTO_SHA256_LEN 32

void crypto_sha1(struct slice bytes,
                 uint8_t out[CRYPTO_SHA1_LEN]); /* for thumbprints, not for safety */
void crypto_sha256(struct slice bytes, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hmac_sha256(struct slice key, struct slice message, uint8_t out[CRYPTO_SHA256_LEN]);

/* Takes as long for a wrong answer as for a right one, whatever differs; the lengths are no secret.
 */
bool crypto_equal(struct slice a, struct slice b);
