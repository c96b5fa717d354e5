/*
 * Whether a peer's certificate may be trusted by lists that people keep, as OPC UA asks (Part 4,
 * 6.1.3): it leads over issuers that are known to one that signed itself, somebody on the way is
 * trusted by name, and none was revoked. For a TLS authority's clients see certificate_verify().
 */
#pragma once

#include "crypto/certificate.h"

/* The worse, the further down: of several the worst is told. */
enum trust_verdict {
    TRUST_GOOD,
    TRUST_UNTRUSTED, /* all is in order, but nobody on the way is trusted */
    TRUST_ISSUER_REVOCATION_UNKNOWN,
    TRUST_REVOCATION_UNKNOWN, /* no list of its issuer is there that is valid now */
    TRUST_INCOMPLETE,         /* an issuer is missing */
    TRUST_WEAK,               /* SHA-1, or a short key */
    TRUST_ISSUER_WRONG_USE,   /* it may not sign others */
    TRUST_WRONG_USE,          /* an authority is no application */
    TRUST_ISSUER_EXPIRED,
    TRUST_EXPIRED, /* or not valid yet */
    TRUST_ISSUER_REVOKED,
    TRUST_REVOKED,
    TRUST_INVALID, /* unreadable, too long a chain, or a signature that is wrong */
};

struct trust_lists { /* DER, one behind the other; what is unreadable is left out by the caller */
    struct slice trusted;
    struct slice issuers; /* complete a chain, are not trusted by themselves */
    struct slice revoked; /* revocation lists */
};

struct trust_rules {
    uint64_t wall_ms;
    unsigned key_bits_min;          /* of RSA keys */
    bool accept_sha1;               /* as the signature's hash; MD5 never is */
    bool accept_unknown_revocation; /* where no list is there; what a list says holds */
};

/* `chain` begins with the peer's. *by_name (may be NULL): the peer's own certificate is in the
 * trusted list, not only one of its issuers. */
enum trust_verdict trust_judge(struct slice chain, const struct trust_lists *lists,
                               const struct trust_rules *rules, bool *by_name);

/* "expired"; never NULL. */
const char *trust_verdict_text(enum trust_verdict v);

/* ---- names ---- */

/* Whether the certificate is for this host: a name (with one * at the left) or an address among its
 * alternative names, or its common name where it has none of them. */
bool trust_is_for_host(struct slice der, const char *host);

/* ---- revocation lists ---- */

/* All revocation lists in a PEM text, or one as DER, or either in base64. Appends DER. BAD_FORMAT
 * when there is none. */
CHECKED enum status revocation_read_any(struct slice text, struct buffer *ders);
