/* Who we are to servers: a certificate with its key from users/. */
#include <stdlib.h>

#include "base/memory.h"
#include "crypto/certificate_names.h"
#include "crypto/identity.h"
#include "opcua/pki_priv.h"

#define PARTS_MAX 32 /* of a subject */

/* ---- subjects ---- */

/* S is Windows' word for ST. */
static bool same_part(struct slice a, struct slice b)
{
    struct slice state = SLICE("ST="), s = SLICE("S=");
    a = slice_trim(a);
    b = slice_trim(b);
    if (slice_starts(a, s))
        a = slice_skip(a, s.len);
    else if (slice_starts(a, state))
        a = slice_skip(a, state.len);
    else
        return slice_eq_nocase(a, b);
    if (!slice_starts(b, s) && !slice_starts(b, state))
        return false;
    return slice_eq_nocase(a, slice_skip(b, slice_starts(b, s) ? s.len : state.len));
}

static size_t split(struct slice subject, struct slice parts[PARTS_MAX])
{
    size_t n = 0;
    while (n < PARTS_MAX && slice_split(&subject, ',', &parts[n]))
        n++;
    return n;
}

static bool has_part(const struct slice *parts, size_t count, struct slice part)
{
    for (size_t i = 0; i < count; i++)
        if (same_part(part, parts[i]))
            return true;
    return false;
}

/* In any order: some write the subject from its end. */
static bool is_subject(struct slice wanted, struct slice has)
{
    struct slice a[PARTS_MAX], b[PARTS_MAX];
    size_t n = split(wanted, a), m = split(has, b);
    for (size_t i = 0; i < n; i++)
        if (!has_part(b, m, a[i]))
            return false;
    return n == m;
}

static bool is_wanted(struct slice wanted, struct slice der)
{
    struct certificate_facts facts;
    struct certificate_names names;
    if (certificate_read(der, &facts) != OK || certificate_names(der, &names) != OK)
        return false;
    return slice_eq_nocase(wanted, slice_of(facts.sha1)) ||
           slice_eq(wanted, slice_of(facts.common_name)) ||
           (slice_find(wanted, '=') < wanted.len && is_subject(wanted, slice_of(names.subject)));
}

/* ---- the search ---- */

struct search {
    struct slice wanted;
    const char *password;
    struct buffer certificate; /* the wanted one, from certs */
    struct identity found;
    enum status status;
};

static bool look_at(void *arg, const char *path, struct slice bytes)
{
    struct search *s = arg;
    struct identity i = {0};
    (void)path;
    enum status why = identity_read(bytes, s->password, &i);
    if (why != OK) {
        s->status = why == UNAUTHORIZED ? UNAUTHORIZED : s->status;
        return true;
    }
    struct slice own = buffer_slice(&i.certificate), other = buffer_slice(&s->certificate);
    if (own.len == 0 && other.len && identity_fits(other, buffer_slice(&i.key)))
        buffer_put(&i.certificate, other);
    own = buffer_slice(&i.certificate);
    if (own.len && is_wanted(s->wanted, own)) {
        s->found = i;
        s->status = OK;
        return false;
    }
    identity_clear(&i);
    return true;
}

static uint8_t *copy(const struct buffer *b, size_t *len)
{
    uint8_t *at = memory_new(b->len ? b->len : 1);
    memcpy(at, b->at, b->len);
    *len = b->len;
    return at;
}

enum status opcua_pki_user(const struct opcua_pki *pki, struct slice subject_or_thumbprint,
                           const char *password, struct opcua_pki_user *out)
{
    struct search s = {.wanted = subject_or_thumbprint,
                       .password = password && password[0] ? password : NULL,
                       .status = NOT_FOUND};
    struct buffer ders = {0};
    pki_certificates(pki, OPCUA_PKI_USERS, &ders);
    struct slice rest = buffer_slice(&ders), der;
    while (s.certificate.len == 0 && certificate_next(&rest, &der))
        if (is_wanted(s.wanted, der))
            buffer_put(&s.certificate, der);
    pki_files(pki, OPCUA_PKI_USERS, PKI_PRIVATE, look_at, &s);
    if (s.status == OK) {
        out->certificate = copy(&s.found.certificate, &out->certificate_len);
        out->key = copy(&s.found.key, &out->key_len);
    }
    identity_clear(&s.found);
    buffer_clear(&s.certificate);
    buffer_clear(&ders);
    return s.status;
}

void opcua_pki_user_clear(struct opcua_pki_user *u)
{
    if (u->key)
        explicit_bzero(u->key, u->key_len);
    free(u->key);
    free(u->certificate);
    *u = (struct opcua_pki_user){0};
}
