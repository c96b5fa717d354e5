/*
 * What a body asks an identity to be: IoT Hub's rules for each member. What is not said stays as it
 * is; keys that are empty are made.
 */
#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "registry/tables.h"

#define STATUS_REASON_MAX 128 /* characters */
#define KEY_BYTES 32
#define KEY_BYTES_MIN 16
#define KEY_BYTES_MAX 64

struct slice registry_new_key(struct arena *a)
{
    uint8_t bytes[KEY_BYTES];
    struct buffer text = {0};
    crypto_random(bytes, sizeof(bytes));
    base64_encode(slice_from(bytes, sizeof(bytes)), &text);
    struct slice key = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    return key;
}

static struct slice text_of(struct registry_errand *e, const struct json *v, struct slice otherwise)
{
    return v && !json_is(v, JSON_NULL) ? arena_copy(&e->arena, json_string(v)) : otherwise;
}

/* The same where null takes away what is there. */
static struct slice text_or_none(struct registry_errand *e, const struct json *v,
                                 struct slice otherwise)
{
    return json_is(v, JSON_NULL) ? (struct slice){0} : text_of(e, v, otherwise);
}

/* A member of another type than IoT Hub's is a mistake to be told of, not one to be passed over. */
static enum status check_types(struct registry_errand *e, const struct json *body)
{
    static const struct {
        const char *parent, *name, *type_name;
        enum json_type type;
    } members[] = {
        {NULL, "deviceId", "a text", JSON_STRING},
        {NULL, "moduleId", "a text", JSON_STRING},
        {NULL, "status", "a text", JSON_STRING},
        {NULL, "statusReason", "a text", JSON_STRING},
        {NULL, "managedBy", "a text", JSON_STRING},
        {NULL, "deviceScope", "a text", JSON_STRING},
        {NULL, "parentScopes", "an array", JSON_ARRAY},
        {NULL, "authentication", "an object", JSON_OBJECT},
        {NULL, "capabilities", "an object", JSON_OBJECT},
        {"authentication", "type", "a text", JSON_STRING},
        {"authentication", "symmetricKey", "an object", JSON_OBJECT},
        {"authentication", "x509Thumbprint", "an object", JSON_OBJECT},
        {"capabilities", "iotEdge", "true or false", JSON_BOOL},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *parent = members[i].parent;
        const struct json *v = json_get(parent ? json_get(body, parent) : body, members[i].name);
        if (v && !json_is(v, JSON_NULL) && !json_is(v, members[i].type))
            return registry_refuse(e, BAD_ARGUMENT,
                                   arena_printf(&e->arena, "%s%s%s must be %s",
                                                parent ? parent : "", parent ? "." : "",
                                                members[i].name, members[i].type_name));
    }
    return OK;
}

/* ---- authentication ---- */

/* Without a type it is what the credentials are for. */
static enum status want_type(struct registry_errand *e, const struct json *authentication,
                             struct heads_identity *i)
{
    static const char *const types[] = {"sas", "selfSigned", "certificateAuthority", "none"};
    struct slice type = json_string(json_get(authentication, "type"));
    const struct json *thumbprints = json_get(authentication, "x509Thumbprint");
    if (type.len == 0 && (json_string(json_get(thumbprints, "primaryThumbprint")).len ||
                          json_string(json_get(thumbprints, "secondaryThumbprint")).len))
        i->auth = HEADS_AUTH_SELF_SIGNED;
    if (type.len == 0)
        return OK;
    for (int n = 0; n < 4; n++)
        if (slice_eq_nocase(type, slice_of(types[n]))) {
            i->auth = (enum heads_auth)n;
            return OK;
        }
    return registry_refuse(
        e, BAD_ARGUMENT,
        "authentication.type must be sas, selfSigned, certificateAuthority or none");
}

static bool key_ok(struct slice key)
{
    struct buffer raw = {0};
    bool ok =
        base64_decode(key, &raw) == OK && raw.len >= KEY_BYTES_MIN && raw.len <= KEY_BYTES_MAX;
    buffer_clear(&raw);
    return ok;
}

static enum status want_keys(struct registry_errand *e, const struct json *keys,
                             struct heads_identity *i)
{
    if (i->auth != HEADS_AUTH_SAS) {
        i->primary_key = i->secondary_key = (struct slice){0};
        return OK;
    }
    i->primary_key = text_of(e, json_get(keys, "primaryKey"), i->primary_key);
    i->secondary_key = text_of(e, json_get(keys, "secondaryKey"), i->secondary_key);
    if (i->primary_key.len == 0)
        i->primary_key = registry_new_key(&e->arena);
    if (i->secondary_key.len == 0)
        i->secondary_key = registry_new_key(&e->arena);
    return key_ok(i->primary_key) && key_ok(i->secondary_key)
               ? OK
               : registry_refuse(e, BAD_ARGUMENT,
                                 "authentication.symmetricKey: keys are base64 of 16 to 64 bytes");
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* As tools print it, "AB:CD:…" or with blanks, and as it is compared. False when it is none. */
static bool thumbprint_of(struct registry_errand *e, struct slice given, struct slice *out)
{
    struct buffer hex = {0};
    for (size_t n = 0; n < given.len; n++) {
        if (is_hex(given.at[n]))
            buffer_u8(&hex, given.at[n]);
        else if (given.at[n] != ':' && given.at[n] != ' ')
            break;
        if (n + 1 == given.len &&
            (hex.len == 2 * CRYPTO_SHA1_LEN || hex.len == 2 * CRYPTO_SHA256_LEN)) {
            *out = arena_copy(&e->arena, buffer_slice(&hex));
            buffer_clear(&hex);
            return true;
        }
    }
    buffer_clear(&hex);
    *out = (struct slice){0};
    return given.len == 0;
}

static enum status want_thumbprints(struct registry_errand *e, const struct json *thumbprints,
                                    struct heads_identity *i)
{
    if (i->auth != HEADS_AUTH_SELF_SIGNED) {
        i->primary_thumbprint = i->secondary_thumbprint = (struct slice){0};
        return OK;
    }
    struct slice first =
        text_of(e, json_get(thumbprints, "primaryThumbprint"), i->primary_thumbprint);
    struct slice second =
        text_of(e, json_get(thumbprints, "secondaryThumbprint"), i->secondary_thumbprint);
    if (!thumbprint_of(e, first, &i->primary_thumbprint) ||
        !thumbprint_of(e, second, &i->secondary_thumbprint))
        return registry_refuse(
            e, BAD_ARGUMENT,
            "authentication.x509Thumbprint: a thumbprint is the SHA-1 or SHA-256 of "
            "the certificate, 40 or 64 hexadecimal digits");
    return i->primary_thumbprint.len + i->secondary_thumbprint.len
               ? OK
               : registry_refuse(e, BAD_ARGUMENT,
                                 "authentication.x509Thumbprint: selfSigned needs a thumbprint");
}

static enum status want_authentication(struct registry_errand *e, const struct json *authentication,
                                       struct heads_identity *i)
{
    enum status s = want_type(e, authentication, i);
    if (s == OK)
        s = want_keys(e, json_get(authentication, "symmetricKey"), i);
    return s == OK ? want_thumbprints(e, json_get(authentication, "x509Thumbprint"), i) : s;
}

/* ---- the rest ---- */

static size_t characters(struct slice utf8)
{
    size_t n = 0;
    for (size_t i = 0; i < utf8.len; i++)
        n += (utf8.at[i] & 0xc0) != 0x80;
    return n;
}

static enum status want_device(struct registry_errand *e, const struct json *body,
                               struct registry_row *row)
{
    struct slice status = json_string(json_get(body, "status"));
    bool was = row->i.enabled;
    if (status.len && !slice_eq_nocase(status, SLICE("enabled")) &&
        !slice_eq_nocase(status, SLICE("disabled")))
        return registry_refuse(e, BAD_ARGUMENT, "status must be enabled or disabled");
    if (status.len)
        row->i.enabled = slice_eq_nocase(status, SLICE("enabled"));
    if (row->i.enabled != was)
        row->status_ms = (int64_t)e->now_ms;
    row->status_reason = text_or_none(e, json_get(body, "statusReason"), row->status_reason);
    if (characters(row->status_reason) > STATUS_REASON_MAX)
        return registry_refuse(e, BAD_ARGUMENT, "statusReason is longer than 128 characters");
    row->i.edge = json_bool(json_get(json_get(body, "capabilities"), "iotEdge"), row->i.edge);
    return OK;
}

enum status registry_want(struct store_table *t, struct registry_errand *e, const struct json *body,
                          struct registry_row *row)
{
    struct slice device = json_string(json_get(body, "deviceId")),
                 module = json_string(json_get(body, "moduleId"));
    enum status s = check_types(e, body);
    if (s != OK)
        return s;
    if (device.len && !slice_eq(device, row->i.id.device))
        return registry_refuse(e, BAD_ARGUMENT, "deviceId in the body is not the one in the path");
    if (module.len && !slice_eq(module, row->i.id.module))
        return registry_refuse(e, BAD_ARGUMENT, "moduleId in the body is not the one in the path");
    s = want_authentication(e, json_get(body, "authentication"), &row->i);
    if (row->i.id.module.len) {
        row->managed_by = text_or_none(e, json_get(body, "managedBy"), row->managed_by);
        return s;
    }
    if (s == OK)
        s = want_device(e, body, row);
    return s == OK ? registry_scope_want(t, e, body, row) : s;
}
