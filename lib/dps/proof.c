#include "dps/proof.h"

#include "base/encoding.h"
#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "token/sas.h"

static enum status no(const char **why, const char *reason)
{
    *why = reason;
    return UNAUTHORIZED;
}

/* ---- by key ---- */

enum status dps_derive_key(struct slice group_key, struct slice registration_id, struct arena *a,
                           struct slice *out)
{
    struct buffer secret = {0}, text = {0};
    uint8_t digest[CRYPTO_SHA256_LEN];
    enum status s = base64_decode(group_key, &secret) == OK && secret.len ? OK : BAD_ARGUMENT;
    if (s == OK) {
        crypto_hmac_sha256(buffer_slice(&secret), registration_id, digest);
        base64_encode(slice_from(digest, sizeof digest), &text);
        *out = arena_copy(a, buffer_slice(&text));
    }
    buffer_clear(&secret);
    buffer_clear(&text);
    return s;
}

static struct slice device_key(const struct dps_enrollment *e, struct slice key,
                               struct slice registration_id, struct arena *a)
{
    struct slice derived = {0};
    if (e->kind == DPS_INDIVIDUAL || key.len == 0)
        return key;
    return dps_derive_key(key, registration_id, a, &derived) == OK ? derived : (struct slice){0};
}

static enum status by_key(const struct dps_enrollment *e, const struct dps_credentials *shown,
                          uint64_t now_ms, struct arena *a, struct dps_proven *out,
                          const char **why)
{
    struct sas token;
    if (shown->sas.len == 0)
        return no(why, "no token was given");
    if (sas_parse(shown->sas, &token) != OK)
        return no(why, "the password is no SharedAccessSignature");
    if (!slice_eq(token.policy, SLICE("registration")))
        return no(why, "the token has not skn=registration");
    out->keys.primary = device_key(e, e->keys.primary, shown->registration_id, a);
    out->keys.secondary = device_key(e, e->keys.secondary, shown->registration_id, a);
    if (sas_verify(&token, out->keys.primary) != OK &&
        sas_verify(&token, out->keys.secondary) != OK)
        return no(why, "the token was made with another key");
    if (sas_expired(&token, now_ms))
        return no(why, "the token has expired; look at both clocks");
    const char *const hosts[] = {arena_text(a, shown->id_scope), NULL};
    const char *path = arena_printf(a, "/registrations/%.*s", SLICE_FMT(shown->registration_id));
    if (!sas_covers(&token, hosts, slice_of(path)))
        return no(why, "the token is for another registration or ID scope");
    out->expires_ms = sas_until_ms(&token, now_ms);
    return OK;
}

/* ---- by certificate ---- */

static struct slice first_of(struct slice ders)
{
    struct slice first = {0};
    return certificate_next(&ders, &first) ? first : (struct slice){0};
}

static struct slice thumbprint(struct arena *a, struct slice der)
{
    struct certificate_facts facts;
    if (certificate_read(der, &facts) != OK)
        return (struct slice){0};
    return arena_copy(a, slice_of(facts.sha256));
}

static struct slice authority(const struct dps_authorities *authorities, struct slice name)
{
    for (size_t i = 0; name.len && i < authorities->count; i++)
        if (slice_eq(authorities->at[i].name, name))
            return authorities->at[i].der;
    return (struct slice){0};
}

static enum status is_the_one(const struct dps_enrollment *e, struct slice leaf, struct arena *a,
                              struct dps_proven *out, const char **why)
{
    struct slice primary = first_of(e->certificates.primary);
    struct slice secondary = first_of(e->certificates.secondary);
    if (!slice_eq(leaf, primary) && !slice_eq(leaf, secondary))
        return no(why, "the certificate is another than the enrollment's");
    out->thumbprints.primary = thumbprint(a, leaf);
    struct slice other = slice_eq(leaf, primary) ? secondary : primary;
    out->thumbprints.secondary = other.len ? thumbprint(a, other) : out->thumbprints.primary;
    return OK;
}

static enum status is_signed(const struct dps_enrollment *e,
                             const struct dps_authorities *authorities, struct slice chain,
                             uint64_t now_ms, struct arena *a, struct dps_proven *out,
                             const char **why)
{
    bool names = e->proof == DPS_CA_REFERENCES;
    struct slice each[] = {
        names ? authority(authorities, e->certificates.primary) : e->certificates.primary,
        names ? authority(authorities, e->certificates.secondary) : e->certificates.secondary,
    };
    struct slice leaf = first_of(chain);
    struct buffer trusted = {0}; /* of each the one that is enrolled, not what stands behind it */
    for (size_t i = 0; i < 2; i++)
        buffer_put(&trusted, first_of(each[i]));
    enum status s = UNAUTHORIZED;
    if (trusted.len == 0)
        *why = "the authority that the enrollment names is not known here";
    else if (slice_eq(leaf, first_of(each[0])) || slice_eq(leaf, first_of(each[1])))
        *why = "the certificate is the authority's, not a device's";
    else
        s = certificate_verify(chain, buffer_slice(&trusted), CERTIFICATE_FOR_CLIENT, now_ms, why);
    buffer_clear(&trusted);
    out->thumbprints.primary = out->thumbprints.secondary = thumbprint(a, leaf);
    return s == OK ? OK : UNAUTHORIZED;
}

static enum status by_certificate(const struct dps_enrollment *e,
                                  const struct dps_authorities *authorities,
                                  const struct dps_credentials *shown, uint64_t now_ms,
                                  struct arena *a, struct dps_proven *out, const char **why)
{
    struct certificate_facts facts;
    struct slice leaf = first_of(shown->certificate);
    if (leaf.len == 0)
        return no(why, "no certificate was shown");
    if (certificate_read(leaf, &facts) != OK)
        return no(why, "the certificate cannot be read");
    if (!slice_eq_nocase(slice_of(facts.common_name), shown->registration_id))
        return no(why, "the certificate's common name is not the registration's id");
    if (now_ms < facts.not_before_ms || now_ms > facts.not_after_ms)
        return no(why, "the certificate has expired, or is not valid yet");
    out->expires_ms = UINT64_MAX;
    if (e->proof == DPS_CLIENT_CERTIFICATES)
        return is_the_one(e, leaf, a, out, why);
    return is_signed(e, authorities, shown->certificate, now_ms, a, out, why);
}

enum status dps_prove(const struct dps_enrollment *e, const struct dps_authorities *authorities,
                      const struct dps_credentials *shown, uint64_t now_ms, struct arena *a,
                      struct dps_proven *out, const char **why)
{
    struct dps_proven proven = {0};
    enum status s = e->proof == DPS_SYMMETRIC_KEY
                        ? by_key(e, shown, now_ms, a, &proven, why)
                        : by_certificate(e, authorities, shown, now_ms, a, &proven, why);
    if (s == OK)
        *out = proven;
    return s;
}
