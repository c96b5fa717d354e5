#include "opcua/pki_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "crypto/identity.h"
#include "crypto/trust.h"
#include "opcua/pki_priv.h"

#define NAME_MAX_ 300 /* of a file that is ours or a person's */

/* ---- names ---- */

static const struct store_name {
    const char *name;
    enum opcua_pki_store store;
} names[] = {
    {"Application", OPCUA_PKI_OWN},          {"Rejected", OPCUA_PKI_REJECTED},
    {"Trusted", OPCUA_PKI_TRUSTED},          {"Https", OPCUA_PKI_HTTPS},
    {"TrustedHttps", OPCUA_PKI_HTTPS},       {"User", OPCUA_PKI_USERS},
    {"TrustedUser", OPCUA_PKI_USERS},        {"Issuer", OPCUA_PKI_ISSUER},
    {"TrustedIssuer", OPCUA_PKI_ISSUER},     {"UserIssuer", OPCUA_PKI_USERS_ISSUER},
    {"HttpsIssuer", OPCUA_PKI_HTTPS_ISSUER},
};

enum status opcua_pki_store_of(struct slice name, enum opcua_pki_store *out)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!slice_eq_nocase(name, slice_of(names[i].name)))
            continue;
        *out = names[i].store;
        return OK;
    }
    return NOT_FOUND;
}

/* ---- folders ---- */

void pki_path(const struct opcua_pki *pki, enum opcua_pki_store store, enum pki_part part,
              char out[PKI_PATH_MAX])
{
    static const char *const parts[] = {
        [PKI_CERTS] = "certs", [PKI_CRL] = "crl", [PKI_PRIVATE] = "private"};
    const struct pki_folder *f = &pki->folders[store];
    if (f->flat)
        snprintf(out, PKI_PATH_MAX, "%s", f->path);
    else
        snprintf(out, PKI_PATH_MAX, "%s/%s", f->path, parts[part]);
}

enum status pki_make_folders(const struct opcua_pki *pki)
{
    for (int store = 0; store < OPCUA_PKI_STORES; store++) {
        for (int part = PKI_CERTS; part <= PKI_PRIVATE; part++) {
            bool keys = store == OPCUA_PKI_OWN || store == OPCUA_PKI_USERS;
            if (part == PKI_PRIVATE ? !keys : part == PKI_CRL && store == OPCUA_PKI_REJECTED)
                continue;
            char path[PKI_PATH_MAX];
            pki_path(pki, (enum opcua_pki_store)store, (enum pki_part)part, path);
            if (pki->folders[store].flat && access(path, F_OK) == 0)
                continue; /* may be mounted read-only */
            enum status s = file_make_directory(path);
            if (s != OK)
                return s;
        }
    }
    return OK;
}

static bool is_regular(const char *path, struct stat *s)
{
    return stat(path, s) == 0 && S_ISREG(s->st_mode);
}

/* Hidden ones are not ours: mounted secrets have such folders, and writing a file makes one. */
void pki_files(const struct opcua_pki *pki, enum opcua_pki_store store, enum pki_part part,
               pki_file_fn *fn, void *arg)
{
    char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + NAME_MAX_];
    pki_path(pki, store, part, folder);
    DIR *d = opendir(folder);
    size_t count = 0;
    bool more = true;
    for (struct dirent *entry; d && more && (entry = readdir(d));) {
        struct stat s;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || !is_regular(path, &s) || s.st_size == 0)
            continue;
        if (++count > PKI_FILES_MAX) {
            log_warn("opcua pki folder has too many files folder=%s most=%d", folder,
                     PKI_FILES_MAX);
            break;
        }
        struct buffer bytes = {0};
        if (s.st_size <= OPCUA_PKI_FILE_MAX && file_read(path, &bytes) == OK)
            more = fn(arg, path, buffer_slice(&bytes));
        if (bytes.len)
            explicit_bzero(bytes.at, bytes.len); /* may be a key */
        buffer_clear(&bytes);
    }
    if (d)
        closedir(d);
}

/* ---- reading ---- */

struct reading {
    struct buffer *ders;
    bool flat, lists;
};

static bool read_one(void *arg, const char *path, struct slice bytes)
{
    struct reading *r = arg;
    enum status s =
        r->lists ? revocation_read_any(bytes, r->ders) : certificate_read_any(bytes, r->ders);
    if (s != OK && !r->flat) /* one broken file must not make all others useless */
        log_warn("opcua pki file unreadable file=%s", path);
    return true;
}

void pki_certificates(const struct opcua_pki *pki, enum opcua_pki_store store, struct buffer *ders)
{
    struct reading r = {.ders = ders, .flat = pki->folders[store].flat};
    pki_files(pki, store, PKI_CERTS, read_one, &r);
}

void pki_revocations(const struct opcua_pki *pki, enum opcua_pki_store store, struct buffer *ders)
{
    struct reading r = {.ders = ders, .flat = pki->folders[store].flat, .lists = true};
    pki_files(pki, store, PKI_CRL, read_one, &r);
}

/* The thumbprint, as all OPC UA tools call it. */
static void thumbprint_of(struct slice der, char out[2 * CRYPTO_SHA1_LEN + 1])
{
    uint8_t digest[CRYPTO_SHA1_LEN];
    struct buffer hex = {0};
    crypto_sha1(der, digest);
    hex_encode(slice_from(digest, sizeof digest), &hex);
    snprintf(out, 2 * CRYPTO_SHA1_LEN + 1, "%s", buffer_cstr(&hex));
    buffer_clear(&hex);
}

/* ---- listing ---- */

struct key_search {
    struct slice certificate;
    const char *thumbprint;
    bool found;
    char path[PKI_PATH_MAX + NAME_MAX_];
};

/* A key belongs to a certificate when it fits, or, when its password is not known here, when its
 * file is called after the thumbprint. */
static bool is_its_key(void *arg, const char *path, struct slice bytes)
{
    struct key_search *k = arg;
    struct identity i = {0};
    enum status s = identity_read(bytes, NULL, &i);
    bool fits = s == OK ? identity_fits(k->certificate, buffer_slice(&i.key))
                        : s == UNAUTHORIZED && strstr(path, k->thumbprint) != NULL;
    identity_clear(&i);
    if (!fits)
        return true;
    k->found = true;
    snprintf(k->path, sizeof k->path, "%s", path);
    return false;
}

static bool find_key(const struct opcua_pki *pki, enum opcua_pki_store store, struct slice der,
                     struct key_search *out)
{
    char thumbprint[2 * CRYPTO_SHA1_LEN + 1];
    if (store != OPCUA_PKI_OWN && store != OPCUA_PKI_USERS)
        return false;
    thumbprint_of(der, thumbprint);
    out->certificate = der;
    out->thumbprint = thumbprint;
    pki_files(pki, store, PKI_PRIVATE, is_its_key, out);
    return out->found;
}

void opcua_pki_certificates(const struct opcua_pki *pki, enum opcua_pki_store store,
                            opcua_pki_certificate_fn *fn, void *arg)
{
    struct buffer ders = {0};
    pki_certificates(pki, store, &ders);
    struct slice rest = buffer_slice(&ders), der;
    while (certificate_next(&rest, &der)) {
        struct key_search k = {0};
        fn(arg, der, find_key(pki, store, der, &k));
    }
    buffer_clear(&ders);
}

void opcua_pki_revocations(const struct opcua_pki *pki, enum opcua_pki_store store,
                           opcua_pki_revocation_fn *fn, void *arg)
{
    struct buffer ders = {0};
    pki_revocations(pki, store, &ders);
    struct slice rest = buffer_slice(&ders), der;
    while (certificate_next(&rest, &der))
        fn(arg, der);
    buffer_clear(&ders);
}

/* ---- adding ---- */

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

static enum status write_new(const struct opcua_pki *pki, enum opcua_pki_store store,
                             enum pki_part part, const char *name, struct slice bytes, bool *anew)
{
    char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + NAME_MAX_];
    pki_path(pki, store, part, folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *anew = access(path, F_OK) != 0;
    if (!*anew)
        return OK;
    return files_in(folder) < PKI_FILES_MAX ? file_write(path, bytes) : FULL;
}

enum status pki_keep(const struct opcua_pki *pki, enum opcua_pki_store store, struct slice der,
                     bool *anew)
{
    char thumbprint[2 * CRYPTO_SHA1_LEN + 1], name[64];
    if (der.len > OPCUA_PKI_FILE_MAX)
        return TOO_LARGE;
    thumbprint_of(der, thumbprint);
    snprintf(name, sizeof name, "%s.der", thumbprint);
    return write_new(pki, store, PKI_CERTS, name, der, anew);
}

static bool oldest_in(const char *folder, char path[PKI_PATH_MAX + NAME_MAX_])
{
    time_t oldest = 0;
    bool found = false;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char one[PKI_PATH_MAX + NAME_MAX_];
        struct stat s;
        snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || !is_regular(one, &s) || (found && s.st_mtime >= oldest))
            continue;
        found = true;
        oldest = s.st_mtime;
        snprintf(path, PKI_PATH_MAX + NAME_MAX_, "%s", one);
    }
    if (d)
        closedir(d);
    return found;
}

void pki_drop_oldest(const struct opcua_pki *pki, enum opcua_pki_store store, size_t most)
{
    char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + NAME_MAX_];
    pki_path(pki, store, PKI_CERTS, folder);
    while (files_in(folder) > most && oldest_in(folder, path) && remove(path) == 0)
        ;
}

static enum status keep_each(struct opcua_pki *pki, enum opcua_pki_store store,
                             enum opcua_pki_store others, struct slice ders)
{
    bool anew;
    enum status s = OK;
    struct slice der;
    for (enum opcua_pki_store to = store; s == OK && certificate_next(&ders, &der); to = others) {
        s = pki_keep(pki, to, der, &anew);
        if (s == OK && anew)
            log_info("opcua certificate added store=%s", pki->folders[to].path);
    }
    return s;
}

/* As it came: its password stays what keeps it. */
static enum status add_identity(struct opcua_pki *pki, enum opcua_pki_store store,
                                struct slice bytes, const struct identity *i)
{
    char thumbprint[2 * CRYPTO_SHA1_LEN + 1], name[64];
    bool anew;
    if (store != OPCUA_PKI_OWN && store != OPCUA_PKI_USERS)
        return keep_each(pki, store, store,
                         buffer_slice(&i->certificate)); /* the key is of no use */
    thumbprint_of(buffer_slice(&i->certificate), thumbprint);
    snprintf(name, sizeof name, "%s.%s", thumbprint, bytes.at[0] == '-' ? "pem" : "pfx");
    enum status s = write_new(pki, store, PKI_PRIVATE, name, bytes, &anew);
    return s == OK ? keep_each(pki, store, store, buffer_slice(&i->certificate)) : s;
}

enum status opcua_pki_add(struct opcua_pki *pki, enum opcua_pki_store store, struct slice bytes,
                          const char *password)
{
    if (bytes.len > OPCUA_PKI_FILE_MAX)
        return TOO_LARGE;
    struct buffer ders = {0};
    struct identity i = {0};
    enum status s = bytes.len ? identity_read(bytes, password, &i) : BAD_FORMAT;
    if (s == OK && i.certificate.len)
        s = add_identity(pki, store, bytes, &i);
    else if (s != UNAUTHORIZED && (s = certificate_read_any(bytes, &ders)) == OK)
        s = keep_each(pki, store, store, buffer_slice(&ders));
    identity_clear(&i);
    buffer_clear(&ders);
    return s;
}

enum status opcua_pki_add_chain(struct opcua_pki *pki, enum opcua_pki_store leaf,
                                struct slice bytes)
{
    if (bytes.len > OPCUA_PKI_FILE_MAX)
        return TOO_LARGE;
    enum opcua_pki_store issuers = leaf == OPCUA_PKI_HTTPS   ? OPCUA_PKI_HTTPS_ISSUER
                                   : leaf == OPCUA_PKI_USERS ? OPCUA_PKI_USERS_ISSUER
                                                             : OPCUA_PKI_ISSUER;
    struct buffer ders = {0};
    enum status s = OK;
    struct slice rest = bytes, der;
    while (s == OK && certificate_next(&rest, &der)) /* DER, one behind the other */
        s = certificate_read_any(der, &ders);
    if (rest.len == bytes.len) /* or PEM */
        s = certificate_read_any(bytes, &ders);
    else if (rest.len)
        s = BAD_FORMAT;
    if (s == OK && ders.len == 0)
        s = BAD_FORMAT;
    if (s == OK)
        s = keep_each(pki, leaf, issuers, buffer_slice(&ders));
    buffer_clear(&ders);
    return s;
}

enum status opcua_pki_add_revocation(struct opcua_pki *pki, enum opcua_pki_store store,
                                     struct slice bytes)
{
    if (bytes.len > OPCUA_PKI_FILE_MAX)
        return TOO_LARGE;
    struct buffer ders = {0};
    enum status s = store == OPCUA_PKI_REJECTED ? BAD_ARGUMENT : revocation_read_any(bytes, &ders);
    struct slice rest = buffer_slice(&ders), der;
    while (s == OK && certificate_next(&rest, &der)) {
        char thumbprint[2 * CRYPTO_SHA1_LEN + 1], name[64];
        bool anew;
        thumbprint_of(der, thumbprint);
        snprintf(name, sizeof name, "%s.crl", thumbprint);
        s = write_new(pki, store, PKI_CRL, name, der, &anew);
    }
    buffer_clear(&ders);
    return s;
}

/* ---- removing ---- */

struct removal {
    struct slice thumbprint; /* empty: all */
    bool lists;
    size_t removed;
    struct buffer *der; /* of what was removed; NULL: nobody asks */
};

static bool remove_one(void *arg, const char *path, struct slice bytes)
{
    struct removal *r = arg;
    struct buffer ders = {0};
    enum status s =
        r->lists ? revocation_read_any(bytes, &ders) : certificate_read_any(bytes, &ders);
    struct slice rest = buffer_slice(&ders), der;
    bool is = s == OK && r->thumbprint.len == 0;
    while (s == OK && !is && certificate_next(&rest, &der)) {
        char thumbprint[2 * CRYPTO_SHA1_LEN + 1];
        thumbprint_of(der, thumbprint);
        is = slice_eq_nocase(slice_of(thumbprint), r->thumbprint);
    }
    if (is && r->der)
        buffer_put(r->der, buffer_slice(&ders));
    if (is && remove(path) == 0)
        r->removed++;
    buffer_clear(&ders);
    return true;
}

enum status opcua_pki_approve(struct opcua_pki *pki, struct slice thumbprint)
{
    struct buffer der = {0};
    struct removal r = {.thumbprint = thumbprint, .der = &der};
    if (thumbprint.len)
        pki_files(pki, OPCUA_PKI_REJECTED, PKI_CERTS, remove_one, &r);
    enum status s =
        r.removed ? opcua_pki_add(pki, OPCUA_PKI_TRUSTED, buffer_slice(&der), NULL) : NOT_FOUND;
    if (s == OK)
        log_info("opcua certificate approved thumbprint=%.*s", SLICE_FMT(thumbprint));
    buffer_clear(&der);
    return s;
}

static bool is_in_use(struct opcua_pki *pki, struct slice thumbprint)
{
    char own[2 * CRYPTO_SHA1_LEN + 1];
    thumbprint_of(opcua_pki_own(pki).certificate, own);
    return slice_eq_nocase(slice_of(own), thumbprint);
}

enum status opcua_pki_remove(struct opcua_pki *pki, enum opcua_pki_store store,
                             struct slice thumbprint)
{
    if (store == OPCUA_PKI_OWN && is_in_use(pki, thumbprint))
        return FORBIDDEN;
    struct buffer der = {0};
    struct removal r = {.thumbprint = thumbprint, .der = &der};
    if (thumbprint.len)
        pki_files(pki, store, PKI_CERTS, remove_one, &r);
    struct key_search k = {0};
    if (r.removed && find_key(pki, store, buffer_slice(&der), &k))
        remove(k.path);
    buffer_clear(&der);
    return r.removed ? OK : NOT_FOUND;
}

enum status opcua_pki_remove_revocation(struct opcua_pki *pki, enum opcua_pki_store store,
                                        struct slice bytes)
{
    struct removal r = {.lists = true};
    char thumbprint[2 * CRYPTO_SHA1_LEN + 1];
    struct buffer ders = {0};
    if (bytes.len && revocation_read_any(bytes, &ders) != OK)
        return BAD_FORMAT;
    if (bytes.len) {
        thumbprint_of(buffer_slice(&ders), thumbprint);
        r.thumbprint = slice_of(thumbprint);
    }
    buffer_clear(&ders);
    pki_files(pki, store, PKI_CRL, remove_one, &r);
    return r.removed || bytes.len == 0 ? OK : NOT_FOUND;
}

static bool remove_file(void *arg, const char *path, struct slice bytes)
{
    (void)arg, (void)bytes;
    remove(path);
    return true;
}

enum status opcua_pki_remove_all(struct opcua_pki *pki, enum opcua_pki_store store)
{
    if (store == OPCUA_PKI_OWN)
        return FORBIDDEN;
    pki_files(pki, store, PKI_CERTS, remove_file, NULL);
    pki_files(pki, store, PKI_CRL, remove_file, NULL);
    if (store == OPCUA_PKI_USERS)
        pki_files(pki, store, PKI_PRIVATE, remove_file, NULL);
    return OK;
}
