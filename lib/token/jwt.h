/*
 * JSON Web Tokens (RFC 7519) as OAuth2 bearer tokens: verified against a set of keys, and made by
 * an issuer. RS256 and ES256, nothing else: a token cannot choose to be unsigned or signed with a
 * public key as a secret. Pure, apart from the randomness of ES256.
 */
#pragma once

#include "token/jwk.h"
#include "json/json.h"

#define JWT_MAX (16u << 10)

struct jwt_expect {
    const char *const *issuers;   /* any of them, exactly; ends with NULL */
    const char *const *audiences; /* any of them is one of the token's; ends with NULL */
    uint64_t now_ms;
    uint64_t skew_ms; /* how far the issuer's clock may be off */
    const char *const *tenants;   /* its "tid" is one of them; ends with NULL. NULL: not looked at */
};

struct jwt {
    struct json_doc *doc;
    const struct json *claims;
    uint64_t expires_ms; /* exp, without the skew */
};

/*
 * BAD_FORMAT: no such token. NOT_FOUND: signed with a key that is not in the set, which may be out
 * of date. UNAUTHORIZED: everything else; *why says what, for the log and for WWW-Authenticate. The
 * token has no expiry: UNAUTHORIZED. After OK, jwt_clear().
 */
CHECKED enum status jwt_verify(struct slice token, const struct jwk_set *keys,
                               const struct jwt_expect *expect, struct jwt *out, const char **why);
void jwt_clear(struct jwt *t);

/* A member of "roles", and a word of "scp" or "scope". */
bool jwt_has_role(const struct json *claims, const char *role);
bool jwt_has_scope(const struct json *claims, const char *scope);

/* Appends the signed token for a claims object. */
CHECKED enum status jwt_make(const struct jwk *key, struct slice claims, struct buffer *out);
