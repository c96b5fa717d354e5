/* An access token for a program, in the shape of Entra's version 2 tokens. */
#pragma once

#include "issuer/clients.h"
#include "token/jwk.h"

struct issuer_token {
    const char *issuer;   /* iss */
    const char *tenant;   /* tid */
    const char *audience; /* aud */
    const struct issuer_client *client;
    uint64_t now_ms, life_ms;
};

CHECKED enum status issuer_token_make(const struct issuer_token *t, const struct jwk *key,
                                      struct buffer *out);
