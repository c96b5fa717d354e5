#include "token/sas.h"

#include "base/encoding.h"
#include "crypto/digest.h"

static const char prefix[] = "SharedAccessSignature ";

/* ---- the text ---- */

static struct slice *field_of(struct sas *t, struct slice name)
{
    if (slice_eq(name, SLICE("sr")))
        return &t->resource;
    if (slice_eq(name, SLICE("sig")))
        return &t->signature;
    if (slice_eq(name, SLICE("se")))
        return &t->expiry;
    if (slice_eq(name, SLICE("skn")))
        return &t->policy;
    return NULL;
}

static enum status take_field(struct slice part, struct sas *t)
{
    size_t equals = slice_find(part, '=');
    struct slice *field = field_of(t, slice_first(part, equals));
    if (!field)
        return OK; /* names that later versions may add are signed by nobody and mean nothing */
    if (field->len || equals == part.len)
        return BAD_FORMAT; /* twice, or without a value */
    *field = slice_skip(part, equals + 1);
    return OK;
}

enum status sas_parse(struct slice token, struct sas *out)
{
    struct sas t = {0};
    uint64_t seconds;
    if (token.len > SAS_TOKEN_MAX)
        return TOO_LARGE;
    struct slice rest = slice_skip(token, sizeof(prefix) - 1), part;
    if (!slice_eq_nocase(slice_first(token, sizeof(prefix) - 1), slice_of(prefix)))
        return BAD_FORMAT;
    rest = slice_trim(rest);
    while (slice_split(&rest, '&', &part))
        if (take_field(part, &t) != OK)
            return BAD_FORMAT;
    if (t.resource.len == 0 || t.signature.len == 0 || !slice_to_u64(t.expiry, &seconds) ||
        seconds > UINT64_MAX / 1000)
        return BAD_FORMAT;
    t.expires_ms = seconds * 1000;
    *out = t;
    return OK;
}

static uint64_t taken_until_ms(const struct sas *t)
{
    return t->expires_ms < UINT64_MAX - SAS_SKEW_MS ? t->expires_ms + SAS_SKEW_MS : UINT64_MAX;
}

bool sas_expired(const struct sas *t, uint64_t now_ms)
{
    return now_ms > taken_until_ms(t);
}

uint64_t sas_until_ms(const struct sas *t, uint64_t now_ms)
{
    return t->expires_ms > now_ms ? t->expires_ms : taken_until_ms(t);
}

/* ---- the signature ---- */

static void sign(struct slice resource, struct slice expiry, struct slice key,
                 uint8_t out[CRYPTO_SHA256_LEN])
{
    struct buffer text = {0};
    buffer_put(&text, resource);
    buffer_u8(&text, '\n');
    buffer_put(&text, expiry);
    crypto_hmac_sha256(key, buffer_slice(&text), out);
    buffer_clear(&text);
}

/* The signature's bytes, from percent-encoded base64; Node leaves '+' and '/' encoded, others do
 * not. */
static bool decode_signature(struct slice text, struct buffer *out)
{
    struct buffer base64 = {0};
    percent_decode(text, &base64);
    bool ok = base64_decode(buffer_slice(&base64), out) == OK && out->len == CRYPTO_SHA256_LEN;
    buffer_clear(&base64);
    return ok;
}

enum status sas_verify(const struct sas *t, struct slice key)
{
    struct buffer secret = {0}, got = {0};
    uint8_t want[CRYPTO_SHA256_LEN];
    bool ok = key.len && base64_decode(key, &secret) == OK && secret.len &&
              decode_signature(t->signature, &got);
    if (ok) {
        sign(t->resource, t->expiry, buffer_slice(&secret), want);
        ok = crypto_equal(slice_from(want, sizeof(want)), buffer_slice(&got));
    }
    buffer_clear(&secret);
    buffer_clear(&got);
    return ok ? OK : UNAUTHORIZED;
}

enum status sas_make(struct slice resource, struct slice key, struct slice policy,
                     uint64_t expires_ms, struct buffer *out)
{
    struct buffer secret = {0}, base64 = {0}, expiry = {0};
    enum status s = base64_decode(key, &secret) == OK && secret.len ? OK : BAD_ARGUMENT;
    if (s == OK) {
        uint8_t signature[CRYPTO_SHA256_LEN];
        buffer_printf(&expiry, "%llu", (unsigned long long)(expires_ms / 1000));
        sign(resource, buffer_slice(&expiry), buffer_slice(&secret), signature);
        base64_encode(slice_from(signature, sizeof(signature)), &base64);
        buffer_printf(out, "%ssr=%.*s&sig=", prefix, SLICE_FMT(resource));
        percent_encode(buffer_slice(&base64), out);
        buffer_printf(out, "&se=%s", buffer_cstr(&expiry));
        if (policy.len)
            buffer_printf(out, "&skn=%.*s", SLICE_FMT(policy));
    }
    buffer_clear(&secret);
    buffer_clear(&base64);
    buffer_clear(&expiry);
    return s;
}

/* ---- the resource ---- */

static struct slice without_scheme(struct slice resource)
{
    size_t at = slice_find_slice(resource, SLICE("://"));
    return at < slice_find(resource, '/') ? slice_skip(resource, at + 3) : resource;
}

static struct slice without_port(struct slice host)
{
    size_t name =
        host.len && host.at[0] == '[' ? slice_find(host, ']') : 0; /* an IPv6 address has colons */
    return slice_first(host, name + slice_find(slice_skip(host, name), ':'));
}

static bool is_host(struct slice host, const char *const *hosts)
{
    for (; *hosts; hosts++) {
        struct slice known = slice_of(*hosts);
        if (slice_eq_nocase(host, known) ||
            slice_eq_nocase(without_port(host), without_port(known)))
            return true;
    }
    return false;
}

/* Takes the next segment that is not empty. */
static bool next_segment(struct slice *rest, struct slice *segment)
{
    while (rest->len && slice_split(rest, '/', segment))
        if (segment->len)
            return true;
    return false;
}

static bool is_above(struct slice resource, struct slice path)
{
    struct slice want, has;
    while (next_segment(&resource, &want))
        if (!next_segment(&path, &has) || !slice_eq(want, has))
            return false;
    return true;
}

static bool covers(struct slice resource, const char *const *hosts, struct slice path)
{
    resource = without_scheme(resource);
    size_t host = slice_find(resource, '/');
    return host > 0 && is_host(slice_first(resource, host), hosts) &&
           is_above(slice_skip(resource, host), path);
}

bool sas_covers(const struct sas *t, const char *const *hosts, struct slice path)
{
    if (covers(t->resource, hosts, path)) /* as the C SDK has it */
        return true;
    struct buffer decoded = {0};
    percent_decode(t->resource, &decoded);
    bool does = covers(buffer_slice(&decoded), hosts, path);
    buffer_clear(&decoded);
    return does;
}
