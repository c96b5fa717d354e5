/* The own certificate: taken over from the files that are there, made, renewed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/identity.h"
#include "opcua/pki_priv.h"
#include "opcua/pki_store.h"

#define LIFE_DAYS 3650
#define RENEW_DAYS 30
#define DAY_MS (24ull * 3600 * 1000)
#define OWN_NAME "own.der" /* of what is made here, under certs and private */

/* ---- identities ---- */

static void identity_free(struct pki_identity *i)
{
    if (i->key.len)
        explicit_bzero(i->key.at, i->key.len);
    buffer_clear(&i->key);
    buffer_clear(&i->certificate);
    free(i);
}

static struct pki_identity *identity_new(struct slice certificate, struct slice key)
{
    struct pki_identity *i = MEMORY_NEW(struct pki_identity);
    buffer_put(&i->certificate, certificate);
    buffer_put(&i->key, key);
    if (certificate_read(certificate, &i->facts) == OK)
        return i;
    identity_free(i);
    return NULL;
}

/* ---- what is there ---- */

struct search {
    const struct opcua_pki *pki;
    struct buffer certificates; /* of own/certs */
    struct pki_identity *best;
    uint64_t now_ms;
};

static bool has_wanted_uri(const struct opcua_pki *pki, const struct pki_identity *i)
{
    return strcmp(i->facts.uri, pki->application_uri) == 0;
}

/* The wanted application URI first, then the one that lasts longer. */
static bool is_better(const struct opcua_pki *pki, const struct pki_identity *a,
                      const struct pki_identity *b)
{
    if (b == NULL || has_wanted_uri(pki, a) != has_wanted_uri(pki, b))
        return b == NULL || has_wanted_uri(pki, a);
    return a->facts.not_after_ms > b->facts.not_after_ms;
}

static void consider(struct search *s, struct slice certificate, struct slice key, const char *path)
{
    struct pki_identity *i = identity_new(certificate, key);
    if (i == NULL)
        return;
    bool fits = has_wanted_uri(s->pki, i) || !s->pki->uri_given || s->pki->adopt;
    if (i->facts.not_after_ms <= s->now_ms)
        log_warn("opcua certificate has run out file=%s", path);
    else if (!fits)
        log_warn("opcua certificate has another application uri wanted=%s has=%s file=%s",
                 s->pki->application_uri, i->facts.uri, path);
    else if (is_better(s->pki, i, s->best)) {
        if (s->best)
            identity_free(s->best);
        s->best = i;
        return;
    }
    identity_free(i);
}

static bool look_at(void *arg, const char *path, struct slice bytes)
{
    struct search *s = arg;
    struct identity i = {0};
    enum status why = identity_read(bytes, s->pki->own_password, &i);
    if (why == UNAUTHORIZED)
        log_warn("opcua key needs another password file=%s", path);
    if (why == OK && i.certificate.len)
        consider(s, buffer_slice(&i.certificate), buffer_slice(&i.key), path);
    struct slice rest = buffer_slice(&s->certificates), der;
    while (why == OK && i.certificate.len == 0 && certificate_next(&rest, &der))
        if (identity_fits(der, buffer_slice(&i.key)))
            consider(s, der, buffer_slice(&i.key), path);
    identity_clear(&i);
    return true;
}

static struct pki_identity *take_over(const struct opcua_pki *pki)
{
    struct search s = {.pki = pki, .now_ms = clock_wall_ms()};
    pki_certificates(pki, OPCUA_PKI_OWN, &s.certificates);
    pki_files(pki, OPCUA_PKI_OWN, PKI_PRIVATE, look_at, &s);
    buffer_clear(&s.certificates);
    return s.best;
}

/* ---- making ---- */

static enum status make(const struct opcua_pki *pki, struct pki_identity **out)
{
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    const char *names[] = {host, NULL};
    struct certificate_ask ask = {.common_name = pki->application_name,
                                  .organization = "Millrace",
                                  .names = names,
                                  .uri = pki->application_uri,
                                  .wall_ms = clock_wall_ms(),
                                  .days = LIFE_DAYS,
                                  .key = KEY_RSA_2048};
    struct buffer pem = {0}, key_pem = {0}, der = {0}, key = {0};
    enum status s = certificate_make_application(&ask, &pem, &key_pem);
    if (s == OK)
        s = certificate_der(buffer_slice(&pem), &der);
    if (s == OK)
        s = key_der(buffer_slice(&key_pem), &key);
    if (s == OK)
        *out = identity_new(buffer_slice(&der), buffer_slice(&key));
    struct buffer *secret[] = {&key_pem, &key};
    for (int i = 0; i < 2; i++) {
        if (secret[i]->len)
            explicit_bzero(secret[i]->at, secret[i]->len);
        buffer_clear(secret[i]);
    }
    buffer_clear(&pem);
    buffer_clear(&der);
    return s;
}

static enum status write_own(const struct opcua_pki *pki, enum pki_part part, struct slice bytes)
{
    char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + 32];
    bool flat = pki->folders[OPCUA_PKI_OWN].flat;
    pki_path(pki, OPCUA_PKI_OWN, part, folder);
    snprintf(path, sizeof path, "%s/%s", folder,
             flat && part == PKI_PRIVATE ? "own.key" : OWN_NAME);
    return file_write(path, bytes);
}

static enum status make_and_keep(const struct opcua_pki *pki, struct pki_identity **out)
{
    struct pki_identity *i = NULL;
    enum status s = make(pki, &i);
    if (s == OK)
        s = write_own(pki, PKI_PRIVATE, buffer_slice(&i->key));
    if (s == OK)
        s = write_own(pki, PKI_CERTS, buffer_slice(&i->certificate));
    if (s != OK) {
        log_error("opcua certificate not made status=%s folder=%s", status_name(s),
                  pki->folders[OPCUA_PKI_OWN].path);
        if (i)
            identity_free(i);
        return s;
    }
    log_info("opcua certificate made folder=%s uri=%s do=\"servers must trust it\"",
             pki->folders[OPCUA_PKI_OWN].path, pki->application_uri);
    *out = i;
    return OK;
}

/* ---- changes ---- */

static void add_to_stamp(uint64_t *stamp, const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0)
        *stamp = *stamp * 31 + (uint64_t)s.st_mtim.tv_nsec + (uint64_t)s.st_mtim.tv_sec * 7 +
                 (uint64_t)s.st_size + (uint64_t)s.st_ino;
}

/* Files are replaced by renaming, which the folder shows; those that people write over show it
 * themselves at the usual name. */
static uint64_t stamp_of(const struct opcua_pki *pki)
{
    uint64_t stamp = 1;
    for (int part = PKI_CERTS; part <= PKI_PRIVATE; part++) {
        char folder[PKI_PATH_MAX], path[PKI_PATH_MAX + 32];
        pki_path(pki, OPCUA_PKI_OWN, (enum pki_part)part, folder);
        snprintf(path, sizeof path, "%s/%s", folder, OWN_NAME);
        add_to_stamp(&stamp, folder);
        add_to_stamp(&stamp, path);
    }
    return stamp;
}

static void use(struct opcua_pki *pki, struct pki_identity *i)
{
    i->before = pki->identity;
    pki->identity = i;
    pki->stamp = stamp_of(pki);
    bool anew;
    if (pki->trust_self &&
        pki_keep(pki, OPCUA_PKI_TRUSTED, buffer_slice(&i->certificate), &anew) != OK)
        log_warn("opcua certificate of our own not kept in folder=%s",
                 pki->folders[OPCUA_PKI_TRUSTED].path);
}

static bool is_same(const struct pki_identity *a, const struct pki_identity *b)
{
    return slice_eq(buffer_slice(&a->certificate), buffer_slice(&b->certificate));
}

static void look_again(struct opcua_pki *pki)
{
    uint64_t stamp = stamp_of(pki);
    if (stamp == pki->stamp)
        return;
    pki->stamp = stamp;
    struct pki_identity *i = take_over(pki);
    if (i && !is_same(i, pki->identity)) {
        log_info("opcua certificate of our own has changed subject=%s", i->facts.common_name);
        use(pki, i);
    } else if (i) {
        identity_free(i);
    }
}

/* One that an authority signed is its people's to renew. */
static void renew(struct opcua_pki *pki)
{
    const struct certificate_facts *f = &pki->identity->facts;
    uint64_t now = clock_wall_ms();
    if (f->not_after_ms > now + RENEW_DAYS * DAY_MS || (!f->self_signed && f->not_after_ms > now))
        return;
    struct pki_identity *i;
    log_warn(
        "opcua certificate of our own ends soon and is made anew do=\"servers must trust the new "
        "one\"");
    if (make_and_keep(pki, &i) != OK)
        return;
    use(pki, i);
    atomic_fetch_add(&pki->renewed, 1);
}

/* ---- what the header promised ---- */

/* The application's names are those of the certificate, where nobody gave others. */
static void adopt_names(struct opcua_pki *pki)
{
    const struct certificate_facts *f = &pki->identity->facts;
    if (f->uri[0] == 0 || has_wanted_uri(pki, pki->identity))
        return;
    free(pki->application_uri);
    pki->application_uri = memory_text(f->uri);
    log_info("opcua application uri is the certificate's uri=%s", f->uri);
}

enum status pki_own_open(struct opcua_pki *pki)
{
    struct pki_identity *i = take_over(pki);
    enum status s = i ? OK : make_and_keep(pki, &i);
    if (s != OK)
        return s;
    use(pki, i);
    adopt_names(pki);
    renew(pki);
    return OK;
}

struct opcua_pki_own opcua_pki_own(struct opcua_pki *pki)
{
    pthread_mutex_lock(&pki->lock);
    look_again(pki);
    renew(pki);
    struct opcua_pki_own own = {buffer_slice(&pki->identity->certificate),
                                buffer_slice(&pki->identity->key)};
    pthread_mutex_unlock(&pki->lock);
    return own;
}

void pki_own_clear(struct opcua_pki *pki)
{
    while (pki->identity) {
        struct pki_identity *i = pki->identity;
        pki->identity = i->before;
        identity_free(i);
    }
}
