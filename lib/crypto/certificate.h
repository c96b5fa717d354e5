/* X.509 certificates: what they say, and making them. DER is what TLS and OPC UA carry, PEM what
 * files hold. */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "crypto/digest.h"
#include "crypto/key.h"

/* ---- reading ---- */

#define CERTIFICATE_TEXT_MAX 256

struct certificate_facts {
    char common_name[CERTIFICATE_TEXT_MAX]; /* of the subject; "" when none */
    char uri[CERTIFICATE_TEXT_MAX]; /* the first URI among its names: OPC UA's application URI */
    char sha1[2 * CRYPTO_SHA1_LEN + 1]; /* thumbprints of the DER, lower-case hex */
    char sha256[2 * CRYPTO_SHA256_LEN + 1];
    uint64_t not_before_ms, not_after_ms; /* since 1970 */
    bool self_signed;                     /* subject and issuer are the same */
    bool authority;                       /* it may sign others */
};

/* BAD_FORMAT when it is no certificate, has bytes behind it, or a text that is too long or has a
 * zero in it. */
CHECKED enum status certificate_read(struct slice der, struct certificate_facts *out);

/* The first certificate in a PEM text. Appends. */
CHECKED enum status certificate_der(struct slice pem, struct buffer *der);
CHECKED enum status certificate_pem(struct slice der, struct buffer *pem);

/* Several: DER, one behind the other, as a peer shows its certificate and those that lead to an
 * authority. False at the end, and where no certificate can begin; then *rest is not empty. */
bool certificate_next(struct slice *rest, struct slice *der);

#define CERTIFICATE_CHAIN_MAX 8 /* a certificate, and those that lead from it to the authority */

/* All certificates in a PEM text, or the only one as DER, as PEM in base64 or DER in base64: the
 * forms in which people hand one over. Appends. BAD_FORMAT when there is none. */
CHECKED enum status certificate_read_any(struct slice text, struct buffer *ders);

enum certificate_purpose {
    CERTIFICATE_FOR_CLIENT, /* a TLS client's */
    CERTIFICATE_FOR_PROOF,  /* whatever it is for: that its issuer has its key is all that is asked */
};

/* Whether the first of `chain` leads over the others to one of `authorities`, which need not be
 * self-signed and which alone are trusted, and all on the way are valid at that time. Both are
 * certificates one behind the other. UNAUTHORIZED when not, and *why (may be NULL) is a constant text
 * that names the reason; BAD_FORMAT when one is unreadable. */
CHECKED enum status certificate_verify(struct slice chain, struct slice authorities,
                                       enum certificate_purpose purpose, uint64_t wall_ms,
                                       const char **why);

/* ---- making ---- */

struct certificate_ask {
    const char *common_name;
    const char *organization; /* NULL: none */
    const char *const *names; /* host names and literal addresses, NULL at the end; NULL: none */
    const char *uri;          /* NULL: none */
    uint64_t wall_ms;         /* now */
    unsigned days;            /* valid from an hour ago for so long */
    enum key_kind key;
};

enum certificate_use {
    CERTIFICATE_SERVER,
    CERTIFICATE_CLIENT,
    CERTIFICATE_BOTH,
    CERTIFICATE_AUTHORITY, /* one that signs servers and clients, but no further authority */
};

#define CERTIFICATE_CA_DAYS 3650

/* A certificate authority that signs itself and others. Appends PEM to both. */
CHECKED enum status certificate_make_ca(const struct certificate_ask *ask, struct buffer *pem,
                                        struct buffer *key_pem);

struct certificate_issuer {
    struct slice pem, key_pem;
};

/* A new key, and a certificate for it that the authority signs. It never outlives its issuer.
 * BAD_ARGUMENT when a name is not allowed or issuer and key do not fit. Appends PEM: the
 * certificate, then its issuer's. */
CHECKED enum status certificate_issue(const struct certificate_ask *ask, enum certificate_use use,
                                      struct certificate_issuer issuer, struct buffer *pem,
                                      struct buffer *key_pem);

/* An OPC UA application instance certificate, signed by itself (Part 6, 6.2.2). `uri` is the
 * application's. */
CHECKED enum status certificate_make_application(const struct certificate_ask *ask,
                                                 struct buffer *pem, struct buffer *key_pem);
