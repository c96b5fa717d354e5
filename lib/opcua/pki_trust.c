/* Whom to trust, by what lies in the folders at that moment. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/trust.h"
#include "opcua/pki_priv.h"

#define REJECTED_MAX 64 /* files kept in rejected/certs; the oldest make room */
#define HOST_MAX 256

static UA_StatusCode code_of(enum trust_verdict v)
{
    static const UA_StatusCode codes[] = {
        [TRUST_GOOD] = UA_STATUSCODE_GOOD,
        [TRUST_UNTRUSTED] = UA_STATUSCODE_BADCERTIFICATEUNTRUSTED,
        [TRUST_INCOMPLETE] = UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE,
        [TRUST_ISSUER_REVOCATION_UNKNOWN] = UA_STATUSCODE_BADCERTIFICATEISSUERREVOCATIONUNKNOWN,
        [TRUST_REVOCATION_UNKNOWN] = UA_STATUSCODE_BADCERTIFICATEREVOCATIONUNKNOWN,
        [TRUST_WEAK] = UA_STATUSCODE_BADCERTIFICATEPOLICYCHECKFAILED,
        [TRUST_ISSUER_WRONG_USE] = UA_STATUSCODE_BADCERTIFICATEISSUERUSENOTALLOWED,
        [TRUST_WRONG_USE] = UA_STATUSCODE_BADCERTIFICATEUSENOTALLOWED,
        [TRUST_ISSUER_EXPIRED] = UA_STATUSCODE_BADCERTIFICATEISSUERTIMEINVALID,
        [TRUST_EXPIRED] = UA_STATUSCODE_BADCERTIFICATETIMEINVALID,
        [TRUST_ISSUER_REVOKED] = UA_STATUSCODE_BADCERTIFICATEISSUERREVOKED,
        [TRUST_REVOKED] = UA_STATUSCODE_BADCERTIFICATEREVOKED,
        [TRUST_INVALID] = UA_STATUSCODE_BADCERTIFICATEINVALID,
    };
    return codes[v];
}

/* What a person can do about it. */
static const char *advice(UA_StatusCode code)
{
    switch (code) {
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
        return "approve it, or move the file to trusted/certs";
    case UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE:
        return "put the certificates of its issuers into issuer/certs, and one of them, or this "
               "one, "
               "into trusted/certs";
    case UA_STATUSCODE_BADCERTIFICATEREVOCATIONUNKNOWN:
    case UA_STATUSCODE_BADCERTIFICATEISSUERREVOCATIONUNKNOWN:
        return "put the issuers' revocation lists into trusted/crl or issuer/crl, or allow unknown "
               "revocation";
    case UA_STATUSCODE_BADCERTIFICATEPOLICYCHECKFAILED:
        return "give the peer a certificate with SHA-256 and a longer key, or allow this one";
    case UA_STATUSCODE_BADCERTIFICATETIMEINVALID:
    case UA_STATUSCODE_BADCERTIFICATEISSUERTIMEINVALID:
        return "renew the certificate there, and look at the clocks";
    case UA_STATUSCODE_BADCERTIFICATEHOSTNAMEINVALID:
        return "connect by a name that stands in the certificate, or put this very certificate "
               "into "
               "trusted/certs";
    case UA_STATUSCODE_BADCERTIFICATEURIINVALID:
        return "give the server a certificate for its own application URI";
    case UA_STATUSCODE_BADCERTIFICATEREVOKED:
    case UA_STATUSCODE_BADCERTIFICATEISSUERREVOKED:
        return "give the peer another certificate: this one is revoked";
    default:
        return "give the peer a valid certificate for an application";
    }
}

static struct slice leaf_of(struct slice chain)
{
    struct slice rest = chain, leaf;
    return certificate_next(&rest, &leaf) ? leaf : chain;
}

/* ---- judging ---- */

/* Users have stores of their own. */
static enum trust_verdict judge(const struct opcua_pki *pki, struct slice chain, bool user,
                                bool *by_name)
{
    enum opcua_pki_store who = user ? OPCUA_PKI_USERS : OPCUA_PKI_TRUSTED;
    enum opcua_pki_store whose = user ? OPCUA_PKI_USERS_ISSUER : OPCUA_PKI_ISSUER;
    struct buffer trusted = {0}, issuers = {0}, revoked = {0};
    pki_certificates(pki, who, &trusted);
    pki_certificates(pki, whose, &issuers);
    pki_revocations(pki, who, &revoked);
    pki_revocations(pki, whose, &revoked);
    struct trust_lists lists = {.trusted = buffer_slice(&trusted),
                                .issuers = buffer_slice(&issuers),
                                .revoked = buffer_slice(&revoked)};
    struct trust_rules rules = {.wall_ms = clock_wall_ms(),
                                .key_bits_min = pki->key_bits_min,
                                .accept_sha1 = pki->accept_sha1,
                                .accept_unknown_revocation = pki->accept_unknown_revocation};
    enum trust_verdict v = trust_judge(chain, &lists, &rules, by_name);
    buffer_clear(&trusted);
    buffer_clear(&issuers);
    buffer_clear(&revoked);
    return v;
}

/* Each try to connect shows it again: what is kept already is not told again. */
static UA_StatusCode reject(struct opcua_pki *pki, struct slice leaf, UA_StatusCode why)
{
    struct certificate_facts facts;
    bool anew = true;
    atomic_fetch_add(&pki->rejected, 1);
    if (certificate_read(leaf, &facts) != OK) {
        log_warn("opcua certificate rejected reason=%s", UA_StatusCode_name(why));
        return why;
    }
    pki_drop_oldest(pki, OPCUA_PKI_REJECTED, REJECTED_MAX - 1);
    if (pki_keep(pki, OPCUA_PKI_REJECTED, leaf, &anew) != OK)
        log_warn("opcua certificate not kept folder=%s", pki->folders[OPCUA_PKI_REJECTED].path);
    log_line(anew ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
             "opcua certificate rejected reason=%s subject=\"%s\" thumbprint=%s "
             "file=%s%s/%s.der do=\"%s\"",
             UA_StatusCode_name(why), facts.common_name, facts.sha1,
             pki->folders[OPCUA_PKI_REJECTED].path,
             pki->folders[OPCUA_PKI_REJECTED].flat ? "" : "/certs", facts.sha1, advice(why));
    return why;
}

static UA_StatusCode verify(struct opcua_pki *pki, struct slice chain, bool user, bool *by_name)
{
    enum trust_verdict v = judge(pki, chain, user, by_name);
    struct slice leaf = leaf_of(chain);
    if (v == TRUST_UNTRUSTED && pki->trust_all && !user) {
        bool anew = false;
        if (pki_keep(pki, OPCUA_PKI_TRUSTED, leaf, &anew) == OK && anew)
            log_warn("opcua certificate trusted unseen folder=%s",
                     pki->folders[OPCUA_PKI_TRUSTED].path);
        *by_name = true;
        return UA_STATUSCODE_GOOD;
    }
    return v == TRUST_GOOD ? UA_STATUSCODE_GOOD : reject(pki, leaf, code_of(v));
}

UA_StatusCode opcua_pki_verify(struct opcua_pki *pki, struct slice chain)
{
    bool by_name;
    return verify(pki, chain, false, &by_name);
}

UA_StatusCode pki_verify_user(struct opcua_pki *pki, struct slice chain)
{
    bool by_name;
    return verify(pki, chain, true, &by_name);
}

/* ---- servers ---- */

/* Of "opc.tcp://host:port/path", without the brackets of an IPv6 address. */
static void host_of(struct slice url, char out[HOST_MAX])
{
    size_t scheme = slice_find_slice(url, SLICE("://"));
    struct slice host = scheme < url.len ? slice_skip(url, scheme + 3) : url;
    if (host.len && host.at[0] == '[') {
        host = slice_skip(host, 1);
        host = slice_first(host, slice_find(host, ']'));
    } else {
        host = slice_first(host, slice_find(host, '/'));
        host = slice_first(host, slice_find(host, ':'));
    }
    snprintf(out, HOST_MAX, "%.*s", SLICE_FMT(host));
}

UA_StatusCode opcua_pki_verify_server(struct opcua_pki *pki, struct slice chain, struct slice url,
                                      struct slice application_uri)
{
    bool by_name;
    UA_StatusCode status = verify(pki, chain, false, &by_name);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    struct slice leaf = leaf_of(chain);
    struct certificate_facts facts;
    if (certificate_read(leaf, &facts) != OK)
        return reject(pki, leaf, UA_STATUSCODE_BADCERTIFICATEINVALID);
    if (!slice_eq(slice_of(facts.uri), application_uri))
        return reject(pki, leaf, UA_STATUSCODE_BADCERTIFICATEURIINVALID);
    char host[HOST_MAX];
    host_of(url, host);
    if (!by_name && !trust_is_for_host(leaf, host))
        return reject(pki, leaf, UA_STATUSCODE_BADCERTIFICATEHOSTNAMEINVALID);
    return UA_STATUSCODE_GOOD;
}

struct opcua_pki_counts opcua_pki_counts(const struct opcua_pki *pki)
{
    return (struct opcua_pki_counts){.rejected = atomic_load(&pki->rejected),
                                     .renewed = atomic_load(&pki->renewed)};
}
