#include "dps/enrollment.h"

#include <ctype.h>
#include <stdio.h>

#include "base/encoding.h"
#include "crypto/certificate.h"
#include "crypto/certificate_names.h"
#include "crypto/random.h"
#include "iot/identity.h"
#include "iot/twin.h"

#define KEY_BYTES 64
#define KEY_BYTES_MIN 16

/* ---- ids ---- */

bool dps_id_ok(struct slice id)
{
    if (id.len == 0 || id.len > DPS_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum(id.at[i]) && !memchr("-._:", id.at[i], 4))
            return false;
    uint8_t last = id.at[id.len - 1];
    return isalnum(last) || last == '-';
}

struct slice dps_id_key(struct arena *a, struct slice id)
{
    uint8_t *key = arena_take(a, id.len + 1);
    for (size_t i = 0; i < id.len; i++)
        key[i] = (uint8_t)tolower(id.at[i]);
    return slice_from(key, id.len);
}

/* ---- reading ---- */

struct reading {
    struct arena *arena;
    struct dps_enrollment *e;
    const struct dps_enrollment *before;
    const char *why; /* the first thing that is wrong */
};

static bool wrong(struct reading *r, const char *path, const char *rule)
{
    if (r->why == NULL)
        r->why = arena_printf(r->arena, "%s: %s", path, rule);
    return false;
}

/* A member that may be missing or null; of another type it is an error. */
static const struct json *member(struct reading *r, const struct json *of, const char *name,
                                 enum json_type type, const char *path)
{
    static const char *const words[] = {[JSON_BOOL] = "must be true or false",
                                        [JSON_STRING] = "must be a text",
                                        [JSON_ARRAY] = "must be an array",
                                        [JSON_OBJECT] = "must be an object"};
    const struct json *v = json_get(of, name);
    if (v == NULL || json_is(v, JSON_NULL))
        return NULL;
    if (json_is(v, type))
        return v;
    wrong(r, path, words[type]);
    return NULL;
}

static struct slice text(struct reading *r, const struct json *of, const char *name,
                         const char *path)
{
    return json_string(member(r, of, name, JSON_STRING, path));
}

static bool flag(struct reading *r, const struct json *of, const char *name, bool otherwise,
                 const char *path)
{
    return json_bool(member(r, of, name, JSON_BOOL, path), otherwise);
}

static struct slice raw(struct arena *a, const struct json *v)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    json_put_value(&w, v);
    struct slice copy = arena_copy(a, buffer_slice(&b));
    buffer_clear(&b);
    return copy;
}

/* ---- attestation by key ---- */

static struct slice new_key(struct arena *a)
{
    uint8_t bytes[KEY_BYTES];
    struct buffer b = {0};
    crypto_random(bytes, sizeof bytes);
    base64_encode(slice_from(bytes, sizeof bytes), &b);
    struct slice key = arena_copy(a, buffer_slice(&b));
    buffer_clear(&b);
    return key;
}

static bool key_ok(struct slice key)
{
    struct buffer bytes = {0};
    bool ok =
        base64_decode(key, &bytes) == OK && bytes.len >= KEY_BYTES_MIN && bytes.len <= KEY_BYTES;
    buffer_clear(&bytes);
    return ok;
}

static struct slice one_key(struct reading *r, const struct json *keys, const char *name,
                            const char *path, struct slice before)
{
    struct slice key = text(r, keys, name, path);
    if (key.len == 0)
        return before.len ? before : new_key(r->arena);
    if (!key_ok(key))
        wrong(r, path, "must be base64 of 16 to 64 bytes");
    return key;
}

static void read_keys(struct reading *r, const struct json *attestation)
{
    struct dps_pair before = {0};
    if (r->before && r->before->proof == DPS_SYMMETRIC_KEY)
        before = r->before->keys;
    const struct json *keys =
        member(r, attestation, "symmetricKey", JSON_OBJECT, "attestation.symmetricKey");
    r->e->proof = DPS_SYMMETRIC_KEY;
    r->e->keys.primary =
        one_key(r, keys, "primaryKey", "attestation.symmetricKey.primaryKey", before.primary);
    r->e->keys.secondary =
        one_key(r, keys, "secondaryKey", "attestation.symmetricKey.secondaryKey", before.secondary);
}

/* ---- attestation by certificate ---- */

static struct slice one_certificate(struct reading *r, const struct json *pair, const char *name,
                                    const char *path, struct slice before)
{
    const struct json *one = member(r, pair, name, JSON_OBJECT, path);
    struct slice given = text(r, one, "certificate", path);
    if (one == NULL)
        return (struct slice){0};
    if (given.len == 0) { /* as it is read from the service: what it says of itself alone */
        if (before.len == 0)
            wrong(r, path, "has no member 'certificate'");
        return before;
    }
    struct buffer der = {0};
    struct slice found = {0};
    if (given.len > DPS_CERTIFICATES_MAX || certificate_read_any(given, &der) != OK)
        wrong(r, path, "is no certificate: PEM, or base64 of PEM or DER, is expected");
    else
        found = arena_copy(r->arena, buffer_slice(&der));
    buffer_clear(&der);
    return found;
}

static void read_certificates(struct reading *r, const struct json *pair, enum dps_proof proof,
                              const char *path)
{
    struct dps_pair before = {0};
    if (r->before && r->before->proof == proof)
        before = r->before->certificates;
    const char *primary = arena_printf(r->arena, "%s.primary", path);
    const char *secondary = arena_printf(r->arena, "%s.secondary", path);
    r->e->proof = proof;
    r->e->certificates.primary = one_certificate(r, pair, "primary", primary, before.primary);
    r->e->certificates.secondary =
        one_certificate(r, pair, "secondary", secondary, before.secondary);
    if (r->e->certificates.primary.len == 0 && r->e->certificates.secondary.len == 0)
        wrong(r, path, "a primary or a secondary certificate is required");
}

static void read_references(struct reading *r, const struct json *pair)
{
    r->e->proof = DPS_CA_REFERENCES;
    r->e->certificates.primary = text(r, pair, "primary", "attestation.x509.caReferences.primary");
    r->e->certificates.secondary =
        text(r, pair, "secondary", "attestation.x509.caReferences.secondary");
    if (r->e->certificates.primary.len == 0 && r->e->certificates.secondary.len == 0)
        wrong(r, "attestation.x509.caReferences", "a primary or a secondary name is required");
}

static void read_x509(struct reading *r, const struct json *attestation)
{
    const struct json *x509 = member(r, attestation, "x509", JSON_OBJECT, "attestation.x509");
    const struct json *client =
        member(r, x509, "clientCertificates", JSON_OBJECT, "attestation.x509.clientCertificates");
    const struct json *signing =
        member(r, x509, "signingCertificates", JSON_OBJECT, "attestation.x509.signingCertificates");
    const struct json *references =
        member(r, x509, "caReferences", JSON_OBJECT, "attestation.x509.caReferences");
    if ((client != NULL) + (signing != NULL) + (references != NULL) != 1)
        wrong(r, "attestation.x509",
              "one of clientCertificates, signingCertificates and caReferences is required");
    else if (client && r->e->kind == DPS_GROUP)
        wrong(r, "attestation.x509.clientCertificates",
              "is for individual enrollments; a group has signingCertificates or caReferences");
    else if (signing && r->e->kind == DPS_INDIVIDUAL)
        wrong(r, "attestation.x509.signingCertificates",
              "is for groups; an individual enrollment has clientCertificates or caReferences");
    else if (client)
        read_certificates(r, client, DPS_CLIENT_CERTIFICATES,
                          "attestation.x509.clientCertificates");
    else if (signing)
        read_certificates(r, signing, DPS_SIGNING_CERTIFICATES,
                          "attestation.x509.signingCertificates");
    else
        read_references(r, references);
}

static enum status read_attestation(struct reading *r, const struct json *document)
{
    const struct json *attestation = member(r, document, "attestation", JSON_OBJECT, "attestation");
    struct slice type = text(r, attestation, "type", "attestation.type");
    if (slice_eq_nocase(type, SLICE("tpm"))) {
        wrong(r, "attestation.type",
              "attestation by TPM is not supported here: use symmetricKey or x509");
        return UNSUPPORTED;
    }
    if (slice_eq_nocase(type, SLICE("symmetricKey")))
        read_keys(r, attestation);
    else if (slice_eq_nocase(type, SLICE("x509")))
        read_x509(r, attestation);
    else
        wrong(r, "attestation.type", "must be symmetricKey or x509");
    return OK;
}

/* ---- the rest ---- */

static const char *const allocations[] = {"hashed", "geoLatency", "static", "custom"};

static void read_hubs(struct reading *r, const struct json *document)
{
    struct dps_enrollment *e = r->e;
    e->host_name = text(r, document, "iotHubHostName", "iotHubHostName");
    const struct json *hubs = member(r, document, "iotHubs", JSON_ARRAY, "iotHubs");
    for (struct json_walk w = json_walk(hubs); json_next(&w);) {
        struct slice name = json_string(w.value);
        if (name.len == 0)
            wrong(r, "iotHubs", "must be host names of linked hubs");
        else if (e->hub_count == DPS_HUBS_MAX)
            wrong(r, "iotHubs", "there are more than 50");
        else
            e->hubs[e->hub_count++] = name;
    }
    if (e->hub_count == 0 && e->host_name.len)
        e->hubs[e->hub_count++] = e->host_name;
}

static void read_allocation(struct reading *r, const struct json *document)
{
    struct dps_enrollment *e = r->e;
    struct slice word = text(r, document, "allocationPolicy", "allocationPolicy");
    const struct json *custom = member(r, document, "customAllocationDefinition", JSON_OBJECT,
                                       "customAllocationDefinition");
    e->webhook_url = text(r, custom, "webhookUrl", "customAllocationDefinition.webhookUrl");
    e->webhook_version = text(r, custom, "apiVersion", "customAllocationDefinition.apiVersion");
    read_hubs(r, document);
    e->allocation = e->host_name.len ? DPS_STATIC : DPS_HASHED;
    size_t at = 0;
    while (word.len && at < 4 && !slice_eq_nocase(word, slice_of(allocations[at])))
        at++;
    if (at == 4)
        wrong(r, "allocationPolicy", "must be hashed, geoLatency, static or custom");
    else if (word.len)
        e->allocation = (enum dps_allocation)at;
    bool http = slice_starts(e->webhook_url, SLICE("https://")) ||
                slice_starts(e->webhook_url, SLICE("http://"));
    if (e->allocation == DPS_STATIC && e->hub_count == 0)
        wrong(r, "iotHubs", "the allocation policy static requires the hub that is meant");
    if (e->allocation == DPS_CUSTOM && !http)
        wrong(r, "customAllocationDefinition.webhookUrl",
              "the allocation policy custom requires an http or https URL");
}

static void read_twin(struct reading *r, const struct json *document)
{
    const struct json *twin = member(r, document, "initialTwin", JSON_OBJECT, "initialTwin");
    if (twin == NULL)
        return;
    struct iot_twin_change change;
    struct iot_twin probe = iot_twin_new(r->arena, 0);
    const char *why = NULL;
    if (iot_twin_update(&probe, &iot_twin_limits_azure, r->arena, twin, IOT_TWIN_MERGE, 0, &change,
                        &why) != OK)
        wrong(r, "initialTwin", why ? why : "is no twin");
    r->e->initial_twin = raw(r->arena, twin);
}

static void read_status(struct reading *r, const struct json *document)
{
    struct slice status = text(r, document, "provisioningStatus", "provisioningStatus");
    r->e->enabled = status.len == 0 || slice_eq_nocase(status, SLICE("enabled"));
    if (!r->e->enabled && !slice_eq_nocase(status, SLICE("disabled")))
        wrong(r, "provisioningStatus", "must be enabled or disabled");
}

static void read_policies(struct reading *r, const struct json *document)
{
    const struct json *capabilities =
        member(r, document, "capabilities", JSON_OBJECT, "capabilities");
    const struct json *reprovision =
        member(r, document, "reprovisionPolicy", JSON_OBJECT, "reprovisionPolicy");
    const struct json *information =
        member(r, document, "optionalDeviceInformation", JSON_OBJECT, "optionalDeviceInformation");
    r->e->edge = flag(r, capabilities, "iotEdge", false, "capabilities.iotEdge");
    r->e->update_hub =
        flag(r, reprovision, "updateHubAssignment", true, "reprovisionPolicy.updateHubAssignment");
    r->e->migrate =
        flag(r, reprovision, "migrateDeviceData", true, "reprovisionPolicy.migrateDeviceData");
    if (information)
        r->e->information = raw(r->arena, information);
}

static void read_names(struct reading *r, const struct json *document)
{
    struct dps_enrollment *e = r->e;
    const char *name = e->kind == DPS_GROUP ? "enrollmentGroupId" : "registrationId";
    e->id = text(r, document, name, name);
    if (!dps_id_ok(e->id))
        wrong(r, name,
              "must be up to 128 letters, digits and - . _ : that end in a letter, a digit or -");
    if (e->kind == DPS_GROUP)
        return;
    e->device_id = text(r, document, "deviceId", "deviceId");
    if (e->device_id.len && !iot_id_name_ok(e->device_id))
        wrong(r, "deviceId", "is no name that a device can have");
}

enum status dps_enrollment_read(enum dps_kind kind, const struct json *document,
                                const struct dps_enrollment *before, struct arena *a,
                                struct dps_enrollment *out, const char **why)
{
    struct dps_enrollment e = {.kind = kind};
    struct reading r = {a, &e, before, NULL};
    *why = NULL;
    if (!json_is(document, JSON_OBJECT)) {
        *why = "the body must be a JSON object";
        return BAD_ARGUMENT;
    }
    read_names(&r, document);
    enum status s = read_attestation(&r, document);
    read_status(&r, document);
    read_policies(&r, document);
    read_allocation(&r, document);
    read_twin(&r, document);
    *why = r.why;
    if (s != OK || r.why)
        return s != OK ? s : BAD_ARGUMENT;
    *out = e;
    return OK;
}

enum status dps_enrollment_check_hubs(const struct dps_enrollment *e, const struct slice *linked,
                                      size_t count, struct arena *a, const char **why)
{
    for (size_t i = 0; i < e->hub_count; i++) {
        size_t n = 0;
        while (n < count && !slice_eq_nocase(e->hubs[i], linked[n]))
            n++;
        if (n == count) {
            *why = arena_printf(a, "iotHubs: '%.*s' is not linked to this provisioning service",
                                SLICE_FMT(slice_first(e->hubs[i], 256)));
            return BAD_ARGUMENT;
        }
    }
    return OK;
}

/* ---- writing ---- */

static void put_utc(struct json_writer *w, const char *name, uint64_t ms)
{
    json_name(w, name), json_put_time(w, ms);
}

void dps_certificate_put(struct slice ders, struct json_writer *w)
{
    struct certificate_facts facts = {0};
    struct certificate_names names = {0};
    struct slice rest = ders, first;
    json_object(w);
    if (certificate_next(&rest, &first) && certificate_read(first, &facts) == OK &&
        certificate_names(first, &names) == OK) {
        json_name(w, "subjectName"), json_put_text(w, names.subject);
        json_name(w, "sha1Thumbprint"), json_put_text(w, facts.sha1);
        json_name(w, "sha256Thumbprint"), json_put_text(w, facts.sha256);
        json_name(w, "issuerName"), json_put_text(w, names.issuer);
        put_utc(w, "notBeforeUtc", facts.not_before_ms);
        put_utc(w, "notAfterUtc", facts.not_after_ms);
        json_name(w, "serialNumber"), json_put_text(w, names.serial);
        json_name(w, "version"), json_put_i64(w, names.version);
    }
    json_end_object(w);
}

/* All of it in PEM: it may be a chain. */
static void put_pem(struct slice ders, struct json_writer *w)
{
    struct buffer pem = {0};
    struct slice der;
    while (certificate_next(&ders, &der))
        if (certificate_pem(der, &pem) != OK)
            break;
    json_name(w, "certificate"), json_put_string(w, buffer_slice(&pem));
    buffer_clear(&pem);
}

static void put_certificate(const char *name, struct slice der, bool secrets, struct json_writer *w)
{
    if (der.len == 0)
        return;
    json_name(w, name), json_object(w);
    if (secrets)
        put_pem(der, w);
    json_name(w, "info"), dps_certificate_put(der, w);
    json_end_object(w);
}

static void put_x509(const struct dps_enrollment *e, bool secrets, struct json_writer *w)
{
    static const char *const names[] = {[DPS_CLIENT_CERTIFICATES] = "clientCertificates",
                                        [DPS_SIGNING_CERTIFICATES] = "signingCertificates",
                                        [DPS_CA_REFERENCES] = "caReferences"};
    json_name(w, "x509"), json_object(w);
    json_name(w, names[e->proof]), json_object(w);
    if (e->proof == DPS_CA_REFERENCES) {
        json_member(w, "primary", e->certificates.primary);
        json_member(w, "secondary", e->certificates.secondary);
    } else {
        put_certificate("primary", e->certificates.primary, secrets, w);
        put_certificate("secondary", e->certificates.secondary, secrets, w);
    }
    json_end_object(w);
    json_end_object(w);
}

void dps_enrollment_put_mechanism(const struct dps_enrollment *e, bool secrets,
                                  struct json_writer *w)
{
    json_object(w);
    json_name(w, "type");
    json_put_text(w, e->proof == DPS_SYMMETRIC_KEY ? "symmetricKey" : "x509");
    if (e->proof != DPS_SYMMETRIC_KEY) {
        put_x509(e, secrets, w);
    } else if (secrets) {
        json_name(w, "symmetricKey"), json_object(w);
        json_member(w, "primaryKey", e->keys.primary);
        json_member(w, "secondaryKey", e->keys.secondary);
        json_end_object(w);
    }
    json_end_object(w);
}

static void put_allocation(const struct dps_enrollment *e, struct json_writer *w)
{
    json_name(w, "allocationPolicy"), json_put_text(w, allocations[e->allocation]);
    if (e->hub_count) {
        json_name(w, "iotHubs"), json_array(w);
        for (size_t i = 0; i < e->hub_count; i++)
            json_put_string(w, e->hubs[i]);
        json_end_array(w);
    }
    if (e->webhook_url.len) {
        json_name(w, "customAllocationDefinition"), json_object(w);
        json_member(w, "webhookUrl", e->webhook_url);
        json_member(w, "apiVersion", e->webhook_version);
        json_end_object(w);
    }
}

void dps_enrollment_put(const struct dps_enrollment *e, bool secrets, struct json_writer *w)
{
    json_member(w, e->kind == DPS_GROUP ? "enrollmentGroupId" : "registrationId", e->id);
    json_member(w, "deviceId", e->device_id);
    if (e->information.len)
        json_name(w, "optionalDeviceInformation"), json_put_raw(w, e->information);
    json_name(w, "attestation"), dps_enrollment_put_mechanism(e, secrets, w);
    json_name(w, "capabilities"), json_object(w);
    json_name(w, "iotEdge"), json_put_bool(w, e->edge);
    json_end_object(w);
    json_member(w, "iotHubHostName", e->host_name);
    if (e->initial_twin.len)
        json_name(w, "initialTwin"), json_put_raw(w, e->initial_twin);
    json_member(w, "etag", e->etag);
    json_name(w, "provisioningStatus"), json_put_text(w, e->enabled ? "enabled" : "disabled");
    json_name(w, "reprovisionPolicy"), json_object(w);
    json_name(w, "updateHubAssignment"), json_put_bool(w, e->update_hub);
    json_name(w, "migrateDeviceData"), json_put_bool(w, e->migrate);
    json_end_object(w);
    if (e->created_ms) {
        put_utc(w, "createdDateTimeUtc", e->created_ms);
        put_utc(w, "lastUpdatedDateTimeUtc", e->updated_ms);
    }
    put_allocation(e, w);
}
