/*
 * Signatures that were found right lately. A client sends the same token with each request, and to
 * compute its HMAC again is a fifth of what a small request costs. Only the signature is remembered:
 * time, resource and rights are looked at each time. `{0}` is empty; for one thread.
 */
#pragma once

#include "token/sas.h"

#define SAS_MEMO_COUNT 8       /* by the token's hash: a newer one takes the place of an older one */
#define SAS_MEMO_TOKEN_MAX 384 /* bytes; longer ones are verified each time */
#define SAS_MEMO_KEY_MAX 96

struct sas_memo {
    struct sas_memo_entry {
        uint64_t hash;
        size_t token_len, key_len; /* 0: nothing here */
        uint8_t token[SAS_MEMO_TOKEN_MAX], key[SAS_MEMO_KEY_MAX];
    } at[SAS_MEMO_COUNT];
};

/* sas_verify() for *t, which sas_parse() made of `token`. `m` may be NULL: nothing is remembered. */
CHECKED enum status sas_memo_verify(struct sas_memo *m, struct slice token, const struct sas *t,
                                    struct slice key);
