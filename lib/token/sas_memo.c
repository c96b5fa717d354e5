#include "token/sas_memo.h"

#include "crypto/digest.h"

/* In the same time wherever the two differ: the token that is remembered is a secret. */
static bool is_known(const struct sas_memo_entry *e, uint64_t hash, struct slice token,
                     struct slice key)
{
    return e->key_len > 0 && e->hash == hash &&
           crypto_equal(slice_from(e->token, e->token_len), token) &&
           crypto_equal(slice_from(e->key, e->key_len), key);
}

static void remember(struct sas_memo_entry *e, uint64_t hash, struct slice token, struct slice key)
{
    e->hash = hash;
    memcpy(e->token, token.at, token.len);
    memcpy(e->key, key.at, key.len);
    e->token_len = token.len;
    e->key_len = key.len;
}

enum status sas_memo_verify(struct sas_memo *m, struct slice token, const struct sas *t,
                            struct slice key)
{
    if (m == NULL || token.len > SAS_MEMO_TOKEN_MAX || key.len > SAS_MEMO_KEY_MAX)
        return sas_verify(t, key);
    uint64_t hash = slice_hash(token);
    struct sas_memo_entry *e = &m->at[hash % SAS_MEMO_COUNT];
    if (is_known(e, hash, token, key))
        return OK;
    enum status s = sas_verify(t, key);
    if (s == OK)
        remember(e, hash, token, key);
    return s;
}
