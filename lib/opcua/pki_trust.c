/* Whom to trust, by what lies in the folders at that moment. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <open62541/plugin/pki_default.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "opcua/log.h"
#include "opcua/pki_priv.h"

#define FILES_MAX 256   /* in one folder; more are not looked at */
#define REJECTED_MAX 64 /* files kept in rejected/certs; more are only logged */
#define FILE_NAME_MAX 64

/* ---- folders of certificates ---- */

struct blobs {
    UA_ByteString at[FILES_MAX];
    size_t count;
};

static void blobs_clear(struct blobs *b)
{
    for (size_t i = 0; i < b->count; i++)
        UA_ByteString_clear(&b->at[i]);
    b->count = 0;
}

static void read_blob(const char *path, struct blobs *out)
{
    struct buffer bytes = {0};
    if (file_read(path, &bytes) == OK && bytes.len > 0 && bytes.len <= PKI_FILE_MAX) {
        UA_ByteString borrowed = {bytes.len, bytes.at};
        if (UA_ByteString_copy(&borrowed, &out->at[out->count]) == UA_STATUSCODE_GOOD)
            out->count++;
    }
    buffer_clear(&bytes);
}

static void read_folder(const struct opcua_pki *pki, const char *name, struct blobs *out)
{
    char folder[PKI_PATH_MAX];
    pki_path(pki, name, folder);
    out->count = 0;
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && out->count < FILES_MAX && (entry = readdir(d))) {
        char path[PKI_PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            read_blob(path, out);
    }
    if (d)
        closedir(d);
}

/* One broken file must not make all others useless: the stack refuses a list with one in it. */
static void drop_broken(struct blobs *b, bool revocations, const char *folder)
{
    for (size_t i = 0; i < b->count;) {
        UA_CertificateVerification one = {.logging = opcua_logger()};
        UA_StatusCode status = UA_CertificateVerification_Trustlist(
            &one, revocations ? NULL : &b->at[i], revocations ? 0 : 1, NULL, 0,
            revocations ? &b->at[i] : NULL, revocations ? 1 : 0);
        if (one.clear)
            one.clear(&one);
        if (status == UA_STATUSCODE_GOOD) {
            i++;
            continue;
        }
        log_warn("opcua pki file unreadable folder=%s bytes=%zu", folder, b->at[i].length);
        UA_ByteString_clear(&b->at[i]);
        b->at[i] = b->at[--b->count];
    }
}

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* ---- whom to trust ---- */

struct lists {
    struct blobs trusted, issuers, trusted_revoked, issuers_revoked;
};

static UA_StatusCode verify_against(const struct lists *l, const UA_ByteString *certificate)
{
    UA_ByteString revoked[2 * FILES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < l->trusted_revoked.count; i++)
        revoked[n++] = l->trusted_revoked.at[i];
    for (size_t i = 0; i < l->issuers_revoked.count; i++)
        revoked[n++] = l->issuers_revoked.at[i];
    UA_CertificateVerification v = {.logging = opcua_logger()};
    UA_StatusCode status = UA_CertificateVerification_Trustlist(
        &v, l->trusted.at, l->trusted.count, l->issuers.at, l->issuers.count, revoked, n);
    if (status == UA_STATUSCODE_GOOD)
        status = v.verifyCertificate(&v, certificate);
    if (v.clear)
        v.clear(&v);
    return status;
}

static UA_StatusCode verify_now(const struct opcua_pki *pki, const UA_ByteString *certificate)
{
    struct lists *l = MEMORY_NEW(struct lists);
    read_folder(pki, "trusted/certs", &l->trusted);
    read_folder(pki, "issuer/certs", &l->issuers);
    read_folder(pki, "trusted/crl", &l->trusted_revoked);
    read_folder(pki, "issuer/crl", &l->issuers_revoked);
    drop_broken(&l->trusted, false, "trusted/certs");
    drop_broken(&l->issuers, false, "issuer/certs");
    drop_broken(&l->trusted_revoked, true, "trusted/crl");
    drop_broken(&l->issuers_revoked, true, "issuer/crl");
    UA_StatusCode status = verify_against(l, certificate);
    blobs_clear(&l->trusted);
    blobs_clear(&l->issuers);
    blobs_clear(&l->trusted_revoked);
    blobs_clear(&l->issuers_revoked);
    free(l);
    return status;
}

/* A chain stands with its leaf first. The leaf's length is in its own DER header. */
static struct slice leaf_of(struct slice chain)
{
    if (chain.len < 4 || chain.at[0] != 0x30 || chain.at[1] != 0x82)
        return chain;
    return slice_first(chain, 4u + ((size_t)chain.at[2] << 8 | chain.at[3]));
}

/* The thumbprint, as all OPC UA tools call it. */
static void file_name(struct slice certificate, char out[FILE_NAME_MAX])
{
    uint8_t digest[CRYPTO_SHA1_LEN];
    struct buffer hex = {0};
    crypto_sha1(certificate, digest);
    hex_encode(slice_from(digest, sizeof digest), &hex);
    snprintf(out, FILE_NAME_MAX, "%s.der", buffer_cstr(&hex));
    buffer_clear(&hex);
}

static bool keep(const struct opcua_pki *pki, const char *folder_name, struct slice certificate,
                 char name[FILE_NAME_MAX])
{
    char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + 64];
    pki_path(pki, folder_name, folder);
    file_name(certificate, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, F_OK) == 0)
        return true;
    return certificate.len <= PKI_FILE_MAX && files_in(folder) < REJECTED_MAX &&
           file_write(path, certificate) == OK;
}

static void explain(const struct opcua_pki *pki, const char *name, UA_StatusCode why)
{
    log_warn("opcua certificate rejected reason=%s file=%s/rejected/certs/%s do=\"move the file to "
             "%s/trusted/certs to "
             "trust the server\"",
             UA_StatusCode_name(why), pki->directory, name, pki->directory);
}

UA_StatusCode opcua_pki_verify(const struct opcua_pki *pki, struct slice chain)
{
    UA_ByteString certificate = {chain.len, (UA_Byte *)(uintptr_t)chain.at};
    UA_StatusCode status = verify_now(pki, &certificate);
    char name[FILE_NAME_MAX];
    if (status == UA_STATUSCODE_GOOD)
        return status;
    if (pki->trust_all && (status == UA_STATUSCODE_BADCERTIFICATEUNTRUSTED ||
                           status == UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE)) {
        if (keep(pki, "trusted/certs", leaf_of(chain), name))
            log_warn("opcua certificate trusted unseen file=%s/trusted/certs/%s", pki->directory,
                     name);
        return UA_STATUSCODE_GOOD;
    }
    if (keep(pki, "rejected/certs", leaf_of(chain), name))
        explain(pki, name, status);
    return status;
}
