#include "opcua/endpoint.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"

#define BINARY_TRANSPORT "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"

/* ---- policies ---- */

/* The stronger, the further behind; what is not here is not spoken. */
static const char *const policies[] = {"None", "Aes128_Sha256_RsaOaep", "Basic256Sha256",
                                       "Aes256_Sha256_RsaPss"};

#define POLICY_COUNT (int)(sizeof policies / sizeof policies[0])

struct slice opcua_policy_name(struct slice uri)
{
    if (uri.len == 0)
        return SLICE("None");
    struct slice prefix = SLICE(OPCUA_POLICY_PREFIX);
    return slice_starts(uri, prefix) ? slice_skip(uri, prefix.len) : uri;
}

/* -1: not spoken. */
static int policy_rank(struct slice uri)
{
    for (int i = 0; i < POLICY_COUNT; i++)
        if (slice_eq(opcua_policy_name(uri), slice_of(policies[i])))
            return i;
    return -1;
}

static struct slice text_of(const UA_String *s)
{
    return slice_from(s->data, s->length);
}

/* ---- the user ---- */

static UA_UserTokenType token_type(enum opcua_user_kind user)
{
    switch (user) {
    case OPCUA_USER_NAME:
        return UA_USERTOKENTYPE_USERNAME;
    case OPCUA_USER_CERTIFICATE:
        return UA_USERTOKENTYPE_CERTIFICATE;
    case OPCUA_USER_ANONYMOUS:
        break;
    }
    return UA_USERTOKENTYPE_ANONYMOUS;
}

/* A token without a policy has the endpoint's (Part 4, 7.41). */
static const UA_String *token_policy(const UA_EndpointDescription *e, const UA_UserTokenPolicy *t)
{
    return t->securityPolicyUri.length > 0 ? &t->securityPolicyUri : &e->securityPolicyUri;
}

/* How well the user is kept; 0: not at all usable. */
static int token_score(const UA_EndpointDescription *e, const UA_UserTokenPolicy *t,
                       const struct opcua_endpoint_wish *wish)
{
    if (t->tokenType != token_type(wish->user))
        return 0;
    int rank = policy_rank(text_of(token_policy(e, t)));
    bool can = rank > 0 && wish->has_certificate && e->serverCertificate.length > 0;
    switch (wish->user) {
    case OPCUA_USER_ANONYMOUS:
        return 1; /* nothing to keep */
    case OPCUA_USER_NAME:
        return can ? 1 + rank : rank == 0 ? 1 : 0;
    case OPCUA_USER_CERTIFICATE:
        return can ? 1 + rank : 0; /* without a policy there is nothing to prove the key with */
    }
    return 0;
}

/* The index of the best token; *score 0: none. */
static size_t best_token(const UA_EndpointDescription *e, const struct opcua_endpoint_wish *wish,
                         int *score)
{
    size_t best = 0;
    *score = 0;
    for (size_t i = 0; i < e->userIdentityTokensSize; i++) {
        int s = token_score(e, &e->userIdentityTokens[i], wish);
        if (s > *score) {
            *score = s;
            best = i;
        }
    }
    return best;
}

/* ---- the endpoint ---- */

static bool mode_fits(const UA_EndpointDescription *e, enum opcua_security security)
{
    switch (security) {
    case OPCUA_SECURITY_NONE:
        return e->securityMode == UA_MESSAGESECURITYMODE_NONE;
    case OPCUA_SECURITY_SIGN:
        return e->securityMode == UA_MESSAGESECURITYMODE_SIGN;
    case OPCUA_SECURITY_SIGN_AND_ENCRYPT:
        return e->securityMode == UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    case OPCUA_SECURITY_NOT_NONE:
        return e->securityMode > UA_MESSAGESECURITYMODE_NONE;
    case OPCUA_SECURITY_BEST:
        break;
    }
    return true;
}

static bool policy_fits(const UA_EndpointDescription *e, struct slice wanted)
{
    return wanted.len == 0 || slice_eq_nocase(opcua_policy_name(text_of(&e->securityPolicyUri)),
                                              opcua_policy_name(wanted));
}

/* Siemens leaves the transport empty. */
static bool is_spoken(const UA_EndpointDescription *e, bool has_certificate)
{
    struct slice transport = text_of(&e->transportProfileUri);
    if (transport.len > 0 && !slice_eq(transport, SLICE(BINARY_TRANSPORT)))
        return false;
    int rank = policy_rank(text_of(&e->securityPolicyUri));
    if (e->securityMode == UA_MESSAGESECURITYMODE_NONE)
        return rank == 0;
    return (e->securityMode == UA_MESSAGESECURITYMODE_SIGN ||
            e->securityMode == UA_MESSAGESECURITYMODE_SIGNANDENCRYPT) &&
           rank > 0 && has_certificate && e->serverCertificate.length > 0;
}

/* Mode, the server's own ranking, policy, user: the one before outweighs all behind it. */
static long score_of(const UA_EndpointDescription *e, int token)
{
    return ((long)e->securityMode << 24) + ((long)e->securityLevel << 16) +
           ((long)policy_rank(text_of(&e->securityPolicyUri)) << 8) + token;
}

/* ---- why not ---- */

static const char *mode_name(UA_MessageSecurityMode mode)
{
    static const char *const names[] = {"Invalid", "None", "Sign", "SignAndEncrypt"};
    return names[mode >= UA_MESSAGESECURITYMODE_NONE &&
                         mode <= UA_MESSAGESECURITYMODE_SIGNANDENCRYPT
                     ? mode
                     : UA_MESSAGESECURITYMODE_INVALID];
}

static void put_offers(struct buffer *b, const UA_EndpointDescription *endpoints, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(b, "%s%s %.*s", i ? ", " : "", mode_name(endpoints[i].securityMode),
                      SLICE_FMT(opcua_policy_name(text_of(&endpoints[i].securityPolicyUri))));
    if (count == 0)
        buffer_printf(b, "no endpoint at all");
}

static const char *security_name(enum opcua_security security)
{
    static const char *const names[] = {[OPCUA_SECURITY_NONE] = "mode None",
                                        [OPCUA_SECURITY_SIGN] = "mode Sign",
                                        [OPCUA_SECURITY_SIGN_AND_ENCRYPT] = "mode SignAndEncrypt",
                                        [OPCUA_SECURITY_NOT_NONE] = "a secure mode",
                                        [OPCUA_SECURITY_BEST] = "any mode"};
    return names[security];
}

static const char *user_name(enum opcua_user_kind user)
{
    static const char *const names[] = {[OPCUA_USER_ANONYMOUS] = "anonymous users",
                                        [OPCUA_USER_NAME] = "user names",
                                        [OPCUA_USER_CERTIFICATE] = "user certificates"};
    return names[user];
}

static void keep_reason(struct buffer *b, char reason[OPCUA_ENDPOINT_REASON_MAX])
{
    snprintf(reason, OPCUA_ENDPOINT_REASON_MAX, "%s", buffer_cstr(b));
    buffer_clear(b);
}

static UA_StatusCode explain(const UA_EndpointDescription *endpoints, size_t count,
                             const struct opcua_endpoint_wish *wish, bool fits_without_user,
                             bool fits_without_certificate, char reason[OPCUA_ENDPOINT_REASON_MAX])
{
    struct buffer b = {0};
    if (fits_without_user) {
        buffer_printf(&b, "the server does not accept %s there%s", user_name(wish->user),
                      wish->user == OPCUA_USER_CERTIFICATE
                          ? "; a user certificate needs a policy other than None"
                          : "");
        keep_reason(&b, reason);
        return UA_STATUSCODE_BADIDENTITYTOKENREJECTED;
    }
    if (fits_without_certificate) {
        buffer_printf(&b, "there is no own certificate: name a directory for certificates");
        keep_reason(&b, reason);
        return UA_STATUSCODE_BADSECURITYMODEREJECTED;
    }
    if (wish->policy.len > 0 && policy_rank(wish->policy) < 0) {
        buffer_printf(&b, "the policy %.*s is not spoken here; there are",
                      SLICE_FMT(opcua_policy_name(wish->policy)));
        for (int i = 0; i < POLICY_COUNT; i++)
            buffer_printf(&b, "%s %s", i ? "," : "", policies[i]);
        keep_reason(&b, reason);
        return UA_STATUSCODE_BADSECURITYPOLICYREJECTED;
    }
    buffer_printf(&b, "the server does not offer %s%s%.*s; it offers ",
                  security_name(wish->security), wish->policy.len ? " with " : "",
                  SLICE_FMT(wish->policy.len ? opcua_policy_name(wish->policy) : wish->policy));
    put_offers(&b, endpoints, count);
    keep_reason(&b, reason);
    return wish->policy.len ? UA_STATUSCODE_BADSECURITYPOLICYREJECTED
                            : UA_STATUSCODE_BADSECURITYMODEREJECTED;
}

UA_StatusCode opcua_endpoint_choose(const UA_EndpointDescription *endpoints, size_t count,
                                    const struct opcua_endpoint_wish *wish,
                                    struct opcua_endpoint_choice *out,
                                    char reason[OPCUA_ENDPOINT_REASON_MAX])
{
    long best = -1;
    bool without_user = false, without_certificate = false;
    for (size_t i = 0; i < count; i++) {
        const UA_EndpointDescription *e = &endpoints[i];
        if (!mode_fits(e, wish->security) || !policy_fits(e, wish->policy))
            continue;
        if (!is_spoken(e, wish->has_certificate)) {
            without_certificate |= is_spoken(e, true);
            continue;
        }
        int score;
        size_t token = best_token(e, wish, &score);
        without_user |= score == 0;
        if (score == 0 || score_of(e, score) <= best)
            continue;
        best = score_of(e, score);
        out->endpoint = i;
        out->token = token;
    }
    if (best < 0)
        return explain(endpoints, count, wish, without_user, without_certificate, reason);
    const UA_EndpointDescription *e = &endpoints[out->endpoint];
    const UA_String *policy = token_policy(e, &e->userIdentityTokens[out->token]);
    bool plain = policy_rank(text_of(policy)) == 0;
    out->user_policy = plain || wish->user == OPCUA_USER_ANONYMOUS ? UA_STRING_NULL : *policy;
    out->plain_password = plain && wish->user == OPCUA_USER_NAME &&
                          e->securityMode != UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    return UA_STATUSCODE_GOOD;
}

/* ---- where ---- */

/* Where the path of "opc.tcp://host:port/path" begins. */
static size_t path_of(struct slice url)
{
    size_t scheme = slice_find_slice(url, SLICE("://"));
    size_t start = scheme < url.len ? scheme + 3 : 0;
    return start + slice_find(slice_skip(url, start), '/');
}

char *opcua_endpoint_url(struct slice found_at, struct slice offered)
{
    struct slice host = slice_first(found_at, path_of(found_at));
    struct slice path = slice_skip(offered, path_of(offered));
    struct buffer b = {0};
    buffer_put(&b, host);
    buffer_put(&b, path);
    char *url = slice_dup(buffer_slice(&b));
    buffer_clear(&b);
    return url;
}
