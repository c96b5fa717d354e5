/*
 * Keys that sign tokens: the issuer's own (private), and the set that an issuer publishes (public,
 * RFC 7517). RSA of 2048 to 8192 bits for RS256, P-256 for ES256; other keys in a set are passed
 * over.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define JWK_SET_KEYS_MAX 64
#define JWK_SET_TEXT_MAX (256u << 10)
#define JWK_RSA_BITS_MIN 2048
#define JWK_RSA_BITS_MAX 8192 /* longer ones cost the verifier too much */

enum jwk_algorithm { JWK_RS256, JWK_ES256 };

/* ---- a private key ---- */

struct jwk;

/* With a random key id. IO_FAILED when the machine cannot make one. */
CHECKED enum status jwk_make(enum jwk_algorithm algorithm, struct jwk **out);
void jwk_free(struct jwk **k);
const char *jwk_id(const struct jwk *k);

/* As it is kept in a file that only its user can read. BAD_FORMAT: no private key that can sign. */
void jwk_print_private(const struct jwk *k, struct buffer *out);
CHECKED enum status jwk_parse_private(struct slice json, struct jwk **out);

/* {"keys":[…]}: the public halves, as an issuer publishes them. */
void jwk_print_set(const struct jwk *const *keys, size_t count, struct buffer *out);

/* ---- a set of public keys ---- */

struct jwk_set; /* immutable: may be used from any thread */

/* BAD_FORMAT; TOO_LARGE past JWK_SET_TEXT_MAX or JWK_SET_KEYS_MAX. A set without a usable key is
 * OK. */
CHECKED enum status jwk_set_parse(struct slice json, struct jwk_set **out);
void jwk_set_free(struct jwk_set **s);
size_t jwk_set_count(const struct jwk_set *s);
