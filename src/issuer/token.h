/* Tokens in the shape of Entra's version 2: for a program in its own name, or in that of a person. */
#pragma once

#include "issuer/clients.h"
#include "issuer/users.h"
#include "token/jwk.h"

struct issuer_token {
    const char *issuer;   /* iss */
    const char *tenant;   /* tid */
    const char *audience; /* aud */
    const struct issuer_client *client;
    const struct issuer_user *user; /* NULL: the client acts for itself, with its own roles */
    struct slice scopes;            /* scp; of a user's token */
    uint64_t now_ms, life_ms;
};

CHECKED enum status issuer_token_make(const struct issuer_token *t, const struct jwk *key,
                                      struct buffer *out);

/* OpenID Connect Core 1.0, section 2: who signed in, for the client. `nonce` may be empty. */
CHECKED enum status issuer_id_token_make(const struct issuer_token *t, struct slice nonce, const struct jwk *key,
                                         struct buffer *out);
