/* What jwk.c and jwt.c share of cjose. */
#pragma once

#include <cjose/cjose.h>

#include "token/jwk.h"

struct jwk {
    cjose_jwk_t *key;
    enum jwk_algorithm algorithm;
};

struct jwk_set {
    struct jwk keys[JWK_SET_KEYS_MAX];
    size_t count;
};

static inline const char *jwk_algorithm_name(enum jwk_algorithm a)
{
    return a == JWK_ES256 ? "ES256" : "RS256";
}

/* Whether cjose may be given this text: what it decodes must be base64url without padding. */
bool jwk_is_base64url(struct slice text);
