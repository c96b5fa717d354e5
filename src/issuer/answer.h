/* What the token endpoint and its kin answer: tokens (RFC 6749, 5.1), or a refusal (5.2). */
#pragma once

#include "issuer/grant.h"
#include "rest/route.h"

struct issuer_tokens {
    struct slice access, id, refresh; /* empty: none */
    struct slice scope;               /* of a person's; empty: not told */
    struct slice client_info;         /* JSON that MSAL reads; empty: none */
    uint64_t life_ms;
};

void issuer_answer_tokens(struct rest_request *r, const struct issuer_tokens *t);
void issuer_refuse(struct rest_request *r, const struct issuer_refusal *no);
