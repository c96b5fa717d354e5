/*
 * What is in the folders of a pki (opcua/pki.h): listing, adding, approving, removing. Blocks on
 * the disk: folders of people have few files. From any thread.
 */
#pragma once

#include "opcua/pki.h"

#define OPCUA_PKI_FILE_MAX                                                                         \
    (64u << 10) /* of a certificate or a revocation list; larger is refused */

/* The store's name in OPC Publisher's API: Application, Trusted, Issuer, Rejected, User,
 * UserIssuer, Https, HttpsIssuer, with or without "Trusted" before it, in any case. NOT_FOUND. */
CHECKED enum status opcua_pki_store_of(struct slice name, enum opcua_pki_store *out);

typedef void opcua_pki_certificate_fn(void *arg, struct slice der, bool has_key);
typedef void opcua_pki_revocation_fn(void *arg, struct slice der);

void opcua_pki_certificates(const struct opcua_pki *pki, enum opcua_pki_store store,
                            opcua_pki_certificate_fn *fn, void *arg);
void opcua_pki_revocations(const struct opcua_pki *pki, enum opcua_pki_store store,
                           opcua_pki_revocation_fn *fn, void *arg);

/* DER, PEM or PKCS #12 with a key, which is kept with its password. BAD_FORMAT, UNAUTHORIZED (the
 * password), TOO_LARGE, FULL, IO_FAILED. */
CHECKED enum status opcua_pki_add(struct opcua_pki *pki, enum opcua_pki_store store,
                                  struct slice bytes, const char *password);

/* The first goes to `leaf`, its issuers to the store of issuers beside it. */
CHECKED enum status opcua_pki_add_chain(struct opcua_pki *pki, enum opcua_pki_store leaf,
                                        struct slice bytes);
CHECKED enum status opcua_pki_add_revocation(struct opcua_pki *pki, enum opcua_pki_store store,
                                             struct slice bytes);

/* From rejected to trusted. NOT_FOUND. */
CHECKED enum status opcua_pki_approve(struct opcua_pki *pki, struct slice thumbprint);

/* With its key. NOT_FOUND; FORBIDDEN: the own certificate that is in use. */
CHECKED enum status opcua_pki_remove(struct opcua_pki *pki, enum opcua_pki_store store,
                                     struct slice thumbprint);

/* `bytes` empty: all lists of the store. NOT_FOUND. */
CHECKED enum status opcua_pki_remove_revocation(struct opcua_pki *pki, enum opcua_pki_store store,
                                                struct slice bytes);

/* All certificates and lists. FORBIDDEN for the own ones. */
CHECKED enum status opcua_pki_remove_all(struct opcua_pki *pki, enum opcua_pki_store store);
