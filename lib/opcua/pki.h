/*
 * Who this program is to OPC UA servers, and whom it trusts: folders that people can read and
 * change.
 *
 *     own/certs, own/private            made at the first start; keys are for their user only
 *     trusted/certs, trusted/crl        servers, or their issuers, that are trusted
 *     issuer/certs, issuer/crl          issuers that complete a chain, not trusted by themselves
 *     rejected/certs                    what servers showed and nobody trusted yet, by thumbprint
 *     users/certs, users/private        who we may be to servers, and whom our own server lets in
 *     users/issuer, https, https/issuer as trusted and issuer, for users and for web servers
 *
 * Files are DER, PEM or, with a key, PKCS #12. Nothing is trusted by itself, unless `trust_all`
 * says so. The folders are read each time: what changes there holds from the next connection on,
 * without a restart. pki_store.h lists and changes what is in them.
 *
 * May be shared by threads.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "opcua/stack.h"

struct opcua_pki;

enum opcua_pki_store {
    OPCUA_PKI_OWN,
    OPCUA_PKI_TRUSTED,
    OPCUA_PKI_ISSUER,
    OPCUA_PKI_REJECTED,
    OPCUA_PKI_USERS,
    OPCUA_PKI_USERS_ISSUER,
    OPCUA_PKI_HTTPS,
    OPCUA_PKI_HTTPS_ISSUER,
    OPCUA_PKI_STORES,
};

struct opcua_pki_folder {
    const char *path; /* NULL: below the directory, see above */
    bool flat;        /* certificates, lists and keys lie in it directly, as mounted secrets do */
};

struct opcua_pki_config {
    const char *directory; /* made when it is not there */
    struct opcua_pki_folder folders[OPCUA_PKI_STORES];
    const char *application_uri;  /* NULL: the own certificate's, or urn:HOSTNAME:millrace */
    const char *application_name; /* the certificate's common name; NULL: "millrace" */
    const char *own_password;     /* of the own key; NULL: none */
    bool adopt;      /* a certificate that is there is taken whatever its application URI is */
    bool trust_all;  /* servers that nobody trusts are accepted and kept in trusted/certs; for tests
                        and  first tries */
    bool trust_self; /* the own certificate is kept in trusted/certs */
    bool accept_unknown_revocation; /* of issuers without a valid revocation list */
    bool accept_sha1;
    unsigned key_bits_min; /* 0: 1024 */
};

/* IO_FAILED or NOT_FOUND with the reason in the log line. Makes the own certificate when there is
 * none that fits. */
CHECKED enum status opcua_pki_open(const struct opcua_pki_config *config, struct opcua_pki **out);
void opcua_pki_close(struct opcua_pki **pki);

const char *opcua_pki_application_uri(const struct opcua_pki *pki);

/* The own certificate and its key, DER; good until `pki` is closed. Looks whether the files have
 * changed, and renews a certificate of our own making 30 days before its end. */
struct opcua_pki_own {
    struct slice certificate, key;
};
struct opcua_pki_own opcua_pki_own(struct opcua_pki *pki);

/* ---- whom to trust ---- */

/* Good, or why the peer's certificate chain (DER) is rejected. Then it is in rejected/certs, and
 * the log says what to do. */
UA_StatusCode opcua_pki_verify(struct opcua_pki *pki, struct slice chain);

/* The same for a server: its certificate must be for its application, and for the host in `url`
 * unless somebody trusted this very certificate. */
UA_StatusCode opcua_pki_verify_server(struct opcua_pki *pki, struct slice chain, struct slice url,
                                      struct slice application_uri);

struct opcua_pki_counts {
    uint64_t rejected, renewed;
};
struct opcua_pki_counts opcua_pki_counts(const struct opcua_pki *pki);

/* ---- users ---- */

struct opcua_pki_user {
    uint8_t *certificate, *key; /* DER; the key is secret */
    size_t certificate_len, key_len;
};

/* The certificate with its key from users/, by its thumbprint (SHA-1, hex) or its subject:
 * "CN=a,O=b" in any order, or the common name alone. NOT_FOUND; UNAUTHORIZED: the password does not
 * open its key. To be cleared. */
CHECKED enum status opcua_pki_user(const struct opcua_pki *pki, struct slice subject_or_thumbprint,
                                   const char *password, struct opcua_pki_user *out);
void opcua_pki_user_clear(struct opcua_pki_user *u);

/* ---- for the stack ---- */

/* What a client speaks beside the policy None: URIs, empty for none. */
struct opcua_pki_policies {
    UA_String channel;
    UA_String user; /* that its user is encrypted or signed with */
    struct slice certificate,
        key; /* of the user, DER; empty: a user without, the own ones are taken */
};

/* The security policies, the identity and the verification for a client; `config` may use `pki`
 * until it is cleared. None alone when `pki` or `policies` is NULL. BadSecurityPolicyRejected for
 * one that is not spoken, BadCertificateInvalid for a certificate and key that are of no use. */
UA_StatusCode opcua_pki_set_up_client(struct opcua_pki *pki,
                                      const struct opcua_pki_policies *policies,
                                      UA_ClientConfig *config);

/* The verification alone, for a server: of clients, and of users with certificates. */
void opcua_pki_set_up_verification(struct opcua_pki *pki, UA_CertificateVerification *v);
void opcua_pki_set_up_users(struct opcua_pki *pki, UA_CertificateVerification *v);
