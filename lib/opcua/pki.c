#include "opcua/pki.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <open62541/plugin/create_certificate.h>
#include <open62541/plugin/pki_default.h>
#include <open62541/plugin/securitypolicy_default.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/file.h"
#include "opcua/log.h"

#define PATH_MAX_BYTES 4096
#define FILES_MAX 256 /* in one folder; more are not looked at */
#define CERTIFICATE_MAX (64u << 10)
#define REJECTED_MAX 64 /* files kept in rejected/certs; more are only logged */
#define LIFE_DAYS 3650
#define KEY_BITS 2048

struct opcua_pki {
    char *directory;
    char *application_uri;
    char *application_name;
    bool trust_all;
    UA_ByteString certificate, key;
};

static void path_of(const struct opcua_pki *pki, const char *name, char out[PATH_MAX_BYTES])
{
    snprintf(out, PATH_MAX_BYTES, "%s/%s", pki->directory, name);
}

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
    if (file_read(path, &bytes) == OK && bytes.len > 0 && bytes.len <= CERTIFICATE_MAX) {
        UA_ByteString borrowed = {bytes.len, bytes.at};
        if (UA_ByteString_copy(&borrowed, &out->at[out->count]) == UA_STATUSCODE_GOOD)
            out->count++;
    }
    buffer_clear(&bytes);
}

static void read_folder(const struct opcua_pki *pki, const char *name, struct blobs *out)
{
    char folder[PATH_MAX_BYTES];
    path_of(pki, name, folder);
    out->count = 0;
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && out->count < FILES_MAX && (entry = readdir(d))) {
        char path[PATH_MAX_BYTES + 256];
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

static void file_name(struct slice certificate, char out[32])
{
    snprintf(out, 32, "%016llx.der", (unsigned long long)slice_hash(certificate));
}

static bool keep(const struct opcua_pki *pki, const char *folder_name, struct slice certificate,
                 char name[32])
{
    char folder[PATH_MAX_BYTES], path[PATH_MAX_BYTES + 64];
    path_of(pki, folder_name, folder);
    file_name(certificate, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, F_OK) == 0)
        return true;
    return certificate.len <= CERTIFICATE_MAX && files_in(folder) < REJECTED_MAX &&
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
    char name[32];
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

/* ---- the stack's plugin ---- */

static UA_StatusCode plugin_verify(const UA_CertificateVerification *v,
                                   const UA_ByteString *certificate)
{
    return opcua_pki_verify(v->context, slice_from(certificate->data, certificate->length));
}

/* The stack's own makes do with a search for the text in the certificate; so do we, for all are
 * self-made. */
static UA_StatusCode plugin_verify_uri(const UA_CertificateVerification *v,
                                       const UA_ByteString *certificate, const UA_String *uri)
{
    (void)v;
    struct slice whole = slice_from(certificate->data, certificate->length);
    struct slice part = slice_from(uri->data, uri->length);
    return uri->length > 0 && slice_find_slice(whole, part) < whole.len
               ? UA_STATUSCODE_GOOD
               : UA_STATUSCODE_BADCERTIFICATEURIINVALID;
}

static void plugin_clear(UA_CertificateVerification *v)
{
    v->context = NULL; /* the pki is not the client's */
}

void opcua_pki_set_up_verification(struct opcua_pki *pki, UA_CertificateVerification *v)
{
    if (v->clear)
        v->clear(v);
    *v = (UA_CertificateVerification){.context = pki,
                                      .verifyCertificate = plugin_verify,
                                      .verifyApplicationURI = plugin_verify_uri,
                                      .clear = plugin_clear,
                                      .logging = opcua_logger()};
}

typedef UA_StatusCode policy_fn(UA_SecurityPolicy *policy, const UA_ByteString certificate,
                                const UA_ByteString key, const UA_Logger *logger);

static policy_fn *const policies[] = {UA_SecurityPolicy_Aes256Sha256RsaPss,
                                      UA_SecurityPolicy_Basic256Sha256,
                                      UA_SecurityPolicy_Aes128Sha256RsaOaep};

#define POLICY_COUNT (sizeof policies / sizeof policies[0])

static UA_StatusCode add_policies(const struct opcua_pki *pki, UA_SecurityPolicy *to, size_t *count)
{
    for (size_t i = 0; pki && i < POLICY_COUNT; i++) {
        UA_StatusCode status = policies[i](&to[*count], pki->certificate, pki->key, opcua_logger());
        if (status != UA_STATUSCODE_GOOD)
            return status;
        (*count)++;
    }
    return UA_STATUSCODE_GOOD;
}

UA_StatusCode opcua_pki_set_up_client(struct opcua_pki *pki, UA_ClientConfig *config)
{
    config->securityPolicies = calloc(1 + POLICY_COUNT, sizeof *config->securityPolicies);
    config->authSecurityPolicies = calloc(POLICY_COUNT, sizeof *config->authSecurityPolicies);
    UA_StatusCode status =
        UA_SecurityPolicy_None(config->securityPolicies, UA_BYTESTRING_NULL, opcua_logger());
    if (status != UA_STATUSCODE_GOOD)
        return status;
    config->securityPoliciesSize = 1;
    status = add_policies(pki, config->securityPolicies, &config->securityPoliciesSize);
    if (status == UA_STATUSCODE_GOOD)
        status = add_policies(pki, config->authSecurityPolicies, &config->authSecurityPoliciesSize);
    if (pki)
        opcua_pki_set_up_verification(pki, &config->certificateVerification);
    else
        UA_CertificateVerification_AcceptAll(
            &config->certificateVerification); /* none is ever shown */
    config->clientDescription.applicationUri =
        UA_STRING_ALLOC(pki ? pki->application_uri : "urn:millrace");
    config->clientDescription.applicationName =
        UA_LOCALIZEDTEXT_ALLOC("en", pki ? pki->application_name : "millrace");
    config->clientDescription.applicationType = UA_APPLICATIONTYPE_CLIENT;
    return status;
}

/* ---- the own certificate ---- */

static bool has_run_out(const UA_ByteString *certificate)
{
    UA_CertificateVerification v = {.logging = opcua_logger()};
    UA_DateTime until = 0;
    if (UA_CertificateVerification_Trustlist(&v, NULL, 0, NULL, 0, NULL, 0) != UA_STATUSCODE_GOOD)
        return false;
    UA_StatusCode status = v.getExpirationDate(&until, (UA_ByteString *)(uintptr_t)certificate);
    v.clear(&v);
    return status != UA_STATUSCODE_GOOD || until <= UA_DateTime_now();
}

static bool load(const char *path, UA_ByteString *out)
{
    struct blobs one = {0};
    if (access(path, F_OK) != 0)
        return false;
    read_blob(path, &one);
    if (one.count)
        *out = one.at[0];
    return one.count > 0;
}

static bool load_own(struct opcua_pki *pki, const char *certificate_path, const char *key_path)
{
    if (!load(certificate_path, &pki->certificate) || !load(key_path, &pki->key))
        return false;
    struct slice whole = slice_from(pki->certificate.data, pki->certificate.length);
    if (slice_find_slice(whole, slice_of(pki->application_uri)) == whole.len)
        log_warn("opcua certificate has another application uri wanted=%s file=%s",
                 pki->application_uri, certificate_path);
    if (!has_run_out(&pki->certificate))
        return true;
    log_warn("opcua certificate has run out file=%s", certificate_path);
    return false;
}

static UA_StatusCode make(struct opcua_pki *pki)
{
    char host[256] = "localhost", name[512], uri[1024], dns[300];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "CN=%s", pki->application_name);
    snprintf(uri, sizeof uri, "URI:%s", pki->application_uri);
    snprintf(dns, sizeof dns, "DNS:%s", host);
    UA_String subject[] = {UA_STRING(name), UA_STRING("O=Millrace")};
    UA_String names[] = {UA_STRING(dns), UA_STRING(uri)};
    UA_UInt16 days = LIFE_DAYS, bits = KEY_BITS;
    UA_KeyValuePair pairs[2] = {{.key = UA_QUALIFIEDNAME(0, "expires-in-days")},
                                {.key = UA_QUALIFIEDNAME(0, "key-size-bits")}};
    UA_Variant_setScalar(&pairs[0].value, &days, &UA_TYPES[UA_TYPES_UINT16]);
    UA_Variant_setScalar(&pairs[1].value, &bits, &UA_TYPES[UA_TYPES_UINT16]);
    UA_KeyValueMap params = {2, pairs};
    UA_ByteString_clear(&pki->certificate);
    UA_ByteString_clear(&pki->key);
    return UA_CreateCertificate(opcua_logger(), subject, 2, names, 2, UA_CERTIFICATEFORMAT_DER,
                                &params, &pki->key, &pki->certificate);
}

static enum status make_and_keep(struct opcua_pki *pki, const char *certificate_path,
                                 const char *key_path)
{
    UA_StatusCode made = make(pki);
    if (made != UA_STATUSCODE_GOOD) {
        log_error("opcua certificate not made status=%s", UA_StatusCode_name(made));
        return IO_FAILED;
    }
    enum status s = file_write(key_path, slice_from(pki->key.data, pki->key.length));
    if (s == OK)
        s = file_write(certificate_path, opcua_pki_certificate(pki));
    if (s == OK)
        log_info("opcua certificate made file=%s uri=%s", certificate_path, pki->application_uri);
    return s;
}

static enum status make_folders(const struct opcua_pki *pki)
{
    static const char *folders[] = {"own/certs",    "own/private", "trusted/certs", "trusted/crl",
                                    "issuer/certs", "issuer/crl",  "rejected/certs"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PATH_MAX_BYTES];
        path_of(pki, folders[i], path);
        enum status s = file_make_directory(path);
        if (s != OK)
            return s;
    }
    return OK;
}

static char *own_uri(void)
{
    char host[256] = "localhost", uri[300];
    gethostname(host, sizeof host - 1);
    snprintf(uri, sizeof uri, "urn:%s:millrace", host);
    return memory_text(uri);
}

enum status opcua_pki_open(const struct opcua_pki_config *config, struct opcua_pki **out)
{
    struct opcua_pki *pki = MEMORY_NEW(struct opcua_pki);
    pki->directory = memory_text(config->directory);
    pki->application_uri =
        config->application_uri ? memory_text(config->application_uri) : own_uri();
    pki->application_name =
        memory_text(config->application_name ? config->application_name : "millrace");
    pki->trust_all = config->trust_all;
    enum status s = make_folders(pki);
    if (s == OK) {
        char certificate[PATH_MAX_BYTES], key[PATH_MAX_BYTES];
        path_of(pki, "own/certs/own.der", certificate);
        path_of(pki, "own/private/own.der", key);
        if (!load_own(pki, certificate, key))
            s = make_and_keep(pki, certificate, key);
    }
    if (s != OK)
        opcua_pki_close(&pki);
    else
        *out = pki;
    return s;
}

void opcua_pki_close(struct opcua_pki **pki)
{
    struct opcua_pki *p = *pki;
    if (!p)
        return;
    if (p->key.length)
        explicit_bzero(p->key.data, p->key.length);
    UA_ByteString_clear(&p->key);
    UA_ByteString_clear(&p->certificate);
    free(p->directory);
    free(p->application_uri);
    free(p->application_name);
    free(p);
    *pki = NULL;
}

const char *opcua_pki_application_uri(const struct opcua_pki *pki)
{
    return pki->application_uri;
}

struct slice opcua_pki_certificate(const struct opcua_pki *pki)
{
    return slice_from(pki->certificate.data, pki->certificate.length);
}

struct slice opcua_pki_key(const struct opcua_pki *pki)
{
    return slice_from(pki->key.data, pki->key.length);
}
