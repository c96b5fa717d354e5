/*
 * Who this program is to OPC UA servers, and whom it trusts: a directory that people can read and
 * change.
 *
 *     own/certs/own.der  own/private/own.der   made at the first start; the key is for its user
 * only trusted/certs/     trusted/crl/          servers (or their issuers) that are trusted
 *     issuer/certs/      issuer/crl/           issuers that complete a chain, not trusted by
 * themselves rejected/certs/                          what servers showed and nobody trusted yet,
 * by thumbprint
 *
 * Files are DER or PEM. Nothing is trusted by itself, unless `trust_all` says so. Moving a file
 * from rejected/certs to trusted/certs trusts it; the next try to connect sees it.
 *
 * Immutable after it was opened; may be shared by threads.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "opcua/stack.h"

struct opcua_pki;

struct opcua_pki_config {
    const char *directory;        /* made when it is not there */
    const char *application_uri;  /* NULL: urn:HOSTNAME:millrace */
    const char *application_name; /* the certificate's common name; NULL: "millrace" */
    bool trust_all; /* servers' certificates are accepted and kept in trusted/certs; for tests and
                       first tries */
};

/* IO_FAILED or NOT_FOUND with the reason in the log line. Makes the own certificate when there is
 * none, or when it has run out. */
CHECKED enum status opcua_pki_open(const struct opcua_pki_config *config, struct opcua_pki **out);
void opcua_pki_close(struct opcua_pki **pki);

const char *opcua_pki_application_uri(const struct opcua_pki *pki);
struct slice opcua_pki_certificate(const struct opcua_pki *pki); /* DER */
struct slice opcua_pki_key(const struct opcua_pki *pki); /* DER, secret; for opcua/server.c */

/* Good, or why the stack rejects the peer's certificate chain (DER). Then it is in rejected/certs,
 * and the log says what to do. */
UA_StatusCode opcua_pki_verify(const struct opcua_pki *pki, struct slice certificate);

/* What a client speaks beside the policy None: URIs, empty for none. */
struct opcua_pki_policies {
    UA_String channel;
    UA_String user;        /* that its user is encrypted or signed with */
    struct slice certificate, key; /* of the user, DER; empty: a user without, the own ones are taken */
};

/* The security policies, the identity and the verification for a client; `config` may use `pki`
 * until it is cleared. None alone when `pki` or `policies` is NULL. BadSecurityPolicyRejected for one
 * that is not spoken, BadCertificateInvalid for a certificate and key that are of no use. */
UA_StatusCode opcua_pki_set_up_client(struct opcua_pki *pki,
                                      const struct opcua_pki_policies *policies,
                                      UA_ClientConfig *config);
/* The verification alone, for a server. */
void opcua_pki_set_up_verification(struct opcua_pki *pki, UA_CertificateVerification *v);
