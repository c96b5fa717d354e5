/* Between OpenSSL's objects and our bytes. Only for the files of this folder. */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buffer.h"
#include "base/status.h"
#include "crypto/key.h"

/* NULL when the text is not what it should be. The caller frees. */
EVP_PKEY *openssl_key(struct slice pem);
X509 *openssl_certificate_pem(struct slice pem);
X509 *openssl_certificate_der(struct slice der);

/* Certificates that stand one behind the other. NULL when one is unreadable, or there are more than
 * `most`. */
STACK_OF(X509) * openssl_chain(struct slice ders, int most);

EVP_PKEY *openssl_key_new(enum key_kind kind);

/* Appends what `bio` holds, and frees it. */
void openssl_take(BIO *bio, struct buffer *out);

void openssl_put_key(EVP_PKEY *key, struct buffer *pem);
void openssl_put_der(X509 *certificate, struct buffer *der);
void openssl_put_certificate(X509 *certificate, struct buffer *pem);

/* The newest reason in OpenSSL's error queue, which is emptied. Never NULL. */
const char *openssl_reason(void);
