/* The inside of a pki, for its files: pki.c (what the stack gets), pki_own.c (the own certificate),
 * pki_store.c (the folders), pki_trust.c (whom to trust), pki_user.c (who we are to servers). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "crypto/certificate.h"
#include "opcua/pki.h"

#define PKI_PATH_MAX 4096
#define PKI_FILES_MAX 1000 /* in one folder; more are not looked at, and that is logged */

enum pki_part { PKI_CERTS, PKI_CRL, PKI_PRIVATE };

struct pki_folder {
    char *path;
    bool flat;
};

/* One that was in use; later ones go before it. */
struct pki_identity {
    struct pki_identity *before;
    struct buffer certificate, key; /* DER */
    struct certificate_facts facts;
};

struct opcua_pki {
    struct pki_folder folders[OPCUA_PKI_STORES];
    char *application_uri; /* settled when it was opened */
    char *application_name;
    char *own_password; /* NULL: none */
    bool uri_given, adopt;
    bool trust_all, trust_self, accept_unknown_revocation, accept_sha1;
    unsigned key_bits_min;

    pthread_mutex_t lock; /* of the two below */
    struct pki_identity *identity;
    uint64_t stamp; /* of the own files when they were read */

    _Atomic uint64_t rejected, renewed;
};

/* ---- pki_store.c ---- */

void pki_path(const struct opcua_pki *pki, enum opcua_pki_store store, enum pki_part part,
              char out[PKI_PATH_MAX]);
enum status pki_make_folders(const struct opcua_pki *pki);

/* Each file of a folder with its bytes; `fn` returns false to end. */
typedef bool pki_file_fn(void *arg, const char *path, struct slice bytes);
void pki_files(const struct opcua_pki *pki, enum opcua_pki_store store, enum pki_part part,
               pki_file_fn *fn, void *arg);

/* All certificates of a store, or all revocation lists: DER, one behind the other. Appends. */
void pki_certificates(const struct opcua_pki *pki, enum opcua_pki_store store, struct buffer *ders);
void pki_revocations(const struct opcua_pki *pki, enum opcua_pki_store store, struct buffer *ders);

/* Keeps it by its thumbprint. *anew: it was not there. */
enum status pki_keep(const struct opcua_pki *pki, enum opcua_pki_store store, struct slice der,
                     bool *anew);
/* Makes room when a folder has `most` files: the oldest go. */
void pki_drop_oldest(const struct opcua_pki *pki, enum opcua_pki_store store, size_t most);

/* ---- pki_own.c ---- */

enum status pki_own_open(struct opcua_pki *pki);
void pki_own_clear(struct opcua_pki *pki);

/* ---- pki_trust.c ---- */

UA_StatusCode pki_verify_user(struct opcua_pki *pki, struct slice chain);
