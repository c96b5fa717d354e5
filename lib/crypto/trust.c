#include "crypto/trust.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/openssl.h"

#define LIST_MAX 1000 /* certificates in one list */

const char *trust_verdict_text(enum trust_verdict v)
{
    static const char *const texts[] = {
        [TRUST_GOOD] = "good",
        [TRUST_UNTRUSTED] = "not trusted",
        [TRUST_INCOMPLETE] = "an issuer is missing",
        [TRUST_ISSUER_REVOCATION_UNKNOWN] = "no valid revocation list of an issuer's issuer",
        [TRUST_REVOCATION_UNKNOWN] = "no valid revocation list of its issuer",
        [TRUST_WEAK] = "SHA-1 or a short key",
        [TRUST_ISSUER_WRONG_USE] = "its issuer may not sign others",
        [TRUST_WRONG_USE] = "an authority's certificate, not an application's",
        [TRUST_ISSUER_EXPIRED] = "an issuer's time is over or has not begun",
        [TRUST_EXPIRED] = "its time is over or has not begun",
        [TRUST_ISSUER_REVOKED] = "an issuer was revoked",
        [TRUST_REVOKED] = "revoked",
        [TRUST_INVALID] = "no valid certificate",
    };
    return texts[v];
}

/* ---- what one certificate says ---- */

static bool signs_itself(const X509 *x)
{
    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

static bool is_weak(X509 *x, const struct trust_rules *rules)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key == NULL)
        return true;
    if (EVP_PKEY_is_a(key, "RSA") && (unsigned)EVP_PKEY_get_bits(key) < rules->key_bits_min)
        return true;
    int hash = NID_undef;
    if (!X509_get_signature_info(x, &hash, NULL, NULL, NULL))
        return true;
    return hash == NID_md5 || hash == NID_md4 || (hash == NID_sha1 && !rules->accept_sha1);
}

/* An application's certificate that signed itself has keyCertSign, too (Part 6, 6.2.2). */
static bool is_authority(X509 *x)
{
    uint32_t usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    return (X509_get_extension_flags(x) & EXFLAG_CA) &&
           (X509_get_extension_flags(x) & EXFLAG_KUSAGE) &&
           (X509_get_key_usage(x) & usage) == usage;
}

static bool is_in(STACK_OF(X509) * list, X509 *x)
{
    for (int i = 0; i < sk_X509_num(list); i++)
        if (X509_cmp(sk_X509_value(list, i), x) == 0)
            return true;
    return false;
}

/* ---- the chain ---- */

struct judgement {
    const struct trust_rules *rules;
    enum trust_verdict worst;
};

static void note(struct judgement *j, enum trust_verdict v)
{
    j->worst = v > j->worst ? v : j->worst;
}

static enum trust_verdict verdict_of(int error, bool leaf)
{
    switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return TRUST_UNTRUSTED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return TRUST_INCOMPLETE;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        return leaf ? TRUST_REVOCATION_UNKNOWN : TRUST_ISSUER_REVOCATION_UNKNOWN;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return leaf ? TRUST_EXPIRED : TRUST_ISSUER_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return leaf ? TRUST_REVOKED : TRUST_ISSUER_REVOKED;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        return TRUST_ISSUER_WRONG_USE;
    default:
        return TRUST_INVALID;
    }
}

/* Called for each thing that is not as it should be; all are looked at, none ends it. */
static int on_verified(int fine, X509_STORE_CTX *c)
{
    if (fine)
        return 1;
    struct judgement *j = X509_STORE_CTX_get_app_data(c);
    enum trust_verdict v =
        verdict_of(X509_STORE_CTX_get_error(c), X509_STORE_CTX_get_error_depth(c) == 0);
    X509 *x = X509_STORE_CTX_get_current_cert(c);
    bool unknown = v == TRUST_REVOCATION_UNKNOWN || v == TRUST_ISSUER_REVOCATION_UNKNOWN;
    if (unknown && (j->rules->accept_unknown_revocation || (x && signs_itself(x))))
        return 1; /* who signed himself is revoked by taking him out of the list */
    note(j, v);
    return 1;
}

static void verify(X509_STORE *store, STACK_OF(X509) * shown, STACK_OF(X509) * trusted,
                   struct judgement *j)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509_STORE_CTX_init(c, store, sk_X509_value(shown, 0), shown);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(c);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                                           X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_time(param, (time_t)(j->rules->wall_ms / 1000));
    X509_VERIFY_PARAM_set_depth(param, CERTIFICATE_CHAIN_MAX);
    X509_STORE_CTX_set_app_data(c, j);
    X509_STORE_CTX_set_verify_cb(c, on_verified);
    int ended = X509_verify_cert(c);
    if (ended != 1 && j->worst == TRUST_GOOD)
        note(j, TRUST_INVALID); /* it could not even begin */
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c);
    bool by_somebody = false;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);
        by_somebody |= is_in(trusted, x);
        if (is_weak(x, j->rules))
            note(j, TRUST_WEAK);
    }
    if (!by_somebody)
        note(j, TRUST_UNTRUSTED);
    X509_STORE_CTX_free(c);
}

static void add_lists(X509_STORE *store, struct slice revoked)
{
    for (struct slice der; certificate_next(&revoked, &der);) {
        const unsigned char *at = der.at;
        X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.len);
        if (list)
            X509_STORE_add_crl(store, list);
        X509_CRL_free(list);
    }
}

static void add_all(X509_STORE *store, STACK_OF(X509) * list)
{
    for (int i = 0; i < sk_X509_num(list); i++)
        X509_STORE_add_cert(store, sk_X509_value(list, i));
}

enum trust_verdict trust_judge(struct slice chain, const struct trust_lists *lists,
                               const struct trust_rules *rules, bool *by_name)
{
    struct judgement j = {.rules = rules};
    STACK_OF(X509) *shown = openssl_chain(chain, CERTIFICATE_CHAIN_MAX);
    STACK_OF(X509) *trusted = openssl_chain(lists->trusted, LIST_MAX);
    STACK_OF(X509) *issuers = openssl_chain(lists->issuers, LIST_MAX);
    X509_STORE *store = X509_STORE_new();
    if (by_name)
        *by_name = false;
    if (store && shown && sk_X509_num(shown) > 0) {
        add_all(store, trusted);
        add_all(store, issuers);
        add_lists(store, lists->revoked);
        verify(store, shown, trusted, &j);
        X509 *leaf = sk_X509_value(shown, 0);
        if (is_authority(leaf))
            note(&j, TRUST_WRONG_USE);
        if (by_name)
            *by_name = is_in(trusted, leaf);
    } else {
        note(&j, TRUST_INVALID);
    }
    X509_STORE_free(store);
    sk_X509_pop_free(shown, X509_free);
    sk_X509_pop_free(trusted, X509_free);
    sk_X509_pop_free(issuers, X509_free);
    ERR_clear_error();
    return j.worst;
}

/* ---- names ---- */

bool trust_is_for_host(struct slice der, const char *host)
{
    X509 *x = openssl_certificate_der(der);
    if (x == NULL)
        return false;
    bool is =
        X509_check_ip_asc(x, host, 0) == 1 ||
        X509_check_host(x, host, strlen(host), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
    X509_free(x);
    ERR_clear_error();
    return is;
}
