#include "opcua/registry_id.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "crypto/digest.h"

const char *opcua_application_type_name(UA_ApplicationType type)
{
    static const char *const names[] = {"Server", "Client", "ClientAndServer", "DiscoveryServer"};
    return (unsigned)type < 4 ? names[type] : names[0];
}

const char *opcua_security_mode_name(UA_MessageSecurityMode mode)
{
    static const char *const names[] = {"Best", "None", "Sign", "SignAndEncrypt"};
    return (unsigned)mode < 4 ? names[mode] : names[0];
}

static void put_lower(struct slice s, struct buffer *out)
{
    for (size_t i = 0; i < s.len; i++)
        buffer_u8(out, s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] + 32 : s.at[i]);
}

/* Hashes the key's text and frees it. */
static void put_hash(struct buffer *text, struct buffer *out)
{
    uint8_t digest[CRYPTO_SHA1_LEN];
    crypto_sha1(buffer_slice(text), digest);
    hex_encode(slice_from(digest, sizeof(digest)), out);
    buffer_clear(text);
}

void opcua_registry_application_id(const struct opcua_application_key *key, struct buffer *out)
{
    struct buffer text = {0};
    buffer_put(&text, key->site_or_gateway);
    buffer_printf(&text, "-%s-", opcua_application_type_name(key->type));
    put_lower(key->uri, &text);
    buffer_text(out, key->type == UA_APPLICATIONTYPE_CLIENT ? "uac" : "uas");
    put_hash(&text, out);
}

void opcua_registry_endpoint_id(const struct opcua_endpoint_key *key, struct buffer *out)
{
    /* The published formula takes None for "not set", and that for the best. */
    bool unset = key->mode == UA_MESSAGESECURITYMODE_NONE;
    struct buffer text = {0};
    put_lower(key->url, &text);
    buffer_printf(&text, "-%.*s-%s-", SLICE_FMT(key->application_id),
                  unset ? "Best" : opcua_security_mode_name(key->mode));
    put_lower(key->policy, &text);
    buffer_text(out, "uat");
    put_hash(&text, out);
}

/* The first element of what stands there in DER: a chain is one certificate behind the other. */
static struct slice first_certificate(struct slice chain)
{
    struct reader r = reader_of(chain);
    uint8_t tag = reader_u8(&r), size = reader_u8(&r);
    size_t len = size;
    if (size & 0x80) {
        len = 0;
        for (int i = size & 0x7f; i > 0 && i <= 4; i--)
            len = len << 8 | reader_u8(&r);
    }
    struct slice body = reader_bytes(&r, len);
    if (!reader_ok(&r) || tag != 0x30)
        return chain;
    return slice_first(chain, (size_t)(body.at - chain.at) + body.len);
}

void opcua_registry_thumbprint(struct slice chain, struct buffer *out)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t digest[CRYPTO_SHA1_LEN];
    if (chain.len == 0)
        return;
    crypto_sha1(first_certificate(chain), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        buffer_u8(out, (uint8_t)digits[digest[i] >> 4]);
        buffer_u8(out, (uint8_t)digits[digest[i] & 15]);
    }
}
