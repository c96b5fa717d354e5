#include "publisher/pki_operations.h"

#include "base/encoding.h"
#include "opcua/certificate_json.h"
#include "json/write.h"

static enum status find_store(struct slice name, enum opcua_pki_store *out, const char **detail)
{
    enum status s = opcua_pki_store_of(name, out);
    if (s == OK)
        return OK;
    *detail = "no such store: Application, Trusted, Issuer, Rejected, User, UserIssuer, Https or "
              "HttpsIssuer";
    return BAD_ARGUMENT;
}

/* ---- listing ---- */

static void put_certificate(void *arg, struct slice der, bool has_key)
{
    struct json_writer *w = arg;
    if (!opcua_certificate_begin(w, der))
        return;
    opcua_certificate_put_pfx(w, der);
    json_name(w, "hasPrivateKey"), json_put_bool(w, has_key);
    json_end_object(w);
}

static enum status list_certificates(struct opcua_pki *pki, const struct pki_ask *ask,
                                     struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    enum status s = find_store(ask->store, &store, detail);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(json);
    json_array(&w);
    opcua_pki_certificates(pki, store, put_certificate, &w);
    json_end_array(&w);
    return OK;
}

static void put_revocation(void *arg, struct slice der)
{
    struct buffer text = {0};
    base64_encode(der, &text);
    json_put_string(arg, buffer_slice(&text));
    buffer_clear(&text);
}

static enum status list_revocations(struct opcua_pki *pki, const struct pki_ask *ask,
                                    struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    enum status s = find_store(ask->store, &store, detail);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(json);
    json_array(&w);
    opcua_pki_revocations(pki, store, put_revocation, &w);
    json_end_array(&w);
    return OK;
}

/* ---- adding ---- */

static enum status explain(enum status s, const char *what, const char **detail)
{
    switch (s) {
    case BAD_FORMAT:
        *detail = what;
        break;
    case UNAUTHORIZED:
        *detail = "the password does not open the key: give the right one with the certificate";
        break;
    case TOO_LARGE:
        *detail = "more than 64 KB: give certificates one by one";
        break;
    case FULL:
        *detail = "the store is full: remove certificates from it";
        break;
    default:
        break;
    }
    return s;
}

static const char no_certificate[] =
    "not a certificate: give it as DER, PEM or PKCS #12 (in base64 in JSON)";
static const char no_list[] = "not a revocation list: give it as DER or PEM (in base64 in JSON)";

static enum status add_certificate(struct opcua_pki *pki, const struct pki_ask *ask,
                                   struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    (void)json;
    enum status s = find_store(ask->store, &store, detail);
    if (s != OK)
        return s;
    return explain(opcua_pki_add(pki, store, ask->bytes, ask->password), no_certificate, detail);
}

static enum status add_revocation(struct opcua_pki *pki, const struct pki_ask *ask,
                                  struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    (void)json;
    enum status s = find_store(ask->store, &store, detail);
    if (s == OK)
        s = explain(opcua_pki_add_revocation(pki, store, ask->bytes), no_list, detail);
    if (s == BAD_ARGUMENT && *detail == NULL)
        *detail = "that store has no revocation lists";
    return s;
}

static enum status add_chain(struct opcua_pki *pki, const struct pki_ask *ask, struct buffer *json,
                             const char **detail)
{
    (void)json;
    return explain(opcua_pki_add_chain(pki, OPCUA_PKI_TRUSTED, ask->bytes), no_certificate, detail);
}

static enum status add_https(struct opcua_pki *pki, const struct pki_ask *ask, struct buffer *json,
                             const char **detail)
{
    (void)json;
    return explain(opcua_pki_add_chain(pki, OPCUA_PKI_HTTPS, ask->bytes), no_certificate, detail);
}

static enum status approve(struct opcua_pki *pki, const struct pki_ask *ask, struct buffer *json,
                           const char **detail)
{
    (void)json;
    enum status s = opcua_pki_approve(pki, ask->thumbprint);
    if (s == NOT_FOUND)
        *detail = "no rejected certificate has this thumbprint: list those of the store Rejected";
    return s;
}

/* ---- removing ---- */

static enum status remove_certificate(struct opcua_pki *pki, const struct pki_ask *ask,
                                      struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    (void)json;
    enum status s = find_store(ask->store, &store, detail);
    if (s == OK)
        s = opcua_pki_remove(pki, store, ask->thumbprint);
    if (s == NOT_FOUND)
        *detail = "no certificate in this store has this thumbprint";
    if (s == FORBIDDEN)
        *detail = "the own certificate is in use: add another one first";
    return s;
}

static enum status remove_revocation(struct opcua_pki *pki, const struct pki_ask *ask,
                                     struct buffer *json, const char **detail)
{
    enum opcua_pki_store store;
    (void)json;
    enum status s = find_store(ask->store, &store, detail);
    if (s == OK)
        s = explain(opcua_pki_remove_revocation(pki, store, ask->bytes), no_list, detail);
    if (s == NOT_FOUND)
        *detail = "this revocation list is not in the store";
    return s;
}

static enum status remove_all(struct opcua_pki *pki, const struct pki_ask *ask, struct buffer *json,
                              const char **detail)
{
    enum opcua_pki_store store;
    (void)json;
    enum status s = find_store(ask->store, &store, detail);
    if (s == OK)
        s = opcua_pki_remove_all(pki, store);
    if (s == FORBIDDEN)
        *detail = "the own certificate is in use";
    return s;
}

/* clang-format off */
const struct pki_operation pki_operations[] = {
    {"ListCertificates",                "store", list_certificates},
    {"ListCertificateRevocationLists",  "store", list_revocations},
    {"AddCertificate",                  NULL, add_certificate},
    {"AddCertificateRevocationList",    NULL, add_revocation},
    {"AddCertificateChain",             "certificateChain", add_chain},
    {"AddTrustedHttpsCertificate",      "certificateChain", add_https},
    {"ApproveRejectedCertificate",      "thumbprint", approve},
    {"RemoveCertificate",               NULL, remove_certificate},
    {"RemoveCertificateRevocationList", NULL, remove_revocation},
    {"RemoveAll",                       "store", remove_all},
};
/* clang-format on */

const size_t pki_operation_count = sizeof pki_operations / sizeof pki_operations[0];

/* ---- payloads of direct methods ---- */

static const char *const byte_names[] = {"certificateChain", "pfxBlob", "crl", "certificate"};

/* A text, or an array of numbers, as some serializers write bytes. */
static enum status read_bytes(const struct json *v, struct buffer *out)
{
    if (json_is(v, JSON_STRING))
        return base64_decode(json_string(v), out);
    struct json_walk walk = json_walk(v);
    uint64_t byte;
    if (!json_is(v, JSON_ARRAY))
        return BAD_FORMAT;
    while (json_next(&walk)) {
        if (!json_u64(walk.value, &byte) || byte > 255)
            return BAD_FORMAT;
        buffer_u8(out, (uint8_t)byte);
    }
    return OK;
}

static const struct json *find_bytes(const struct json *payload)
{
    for (size_t i = 0; i < sizeof byte_names / sizeof byte_names[0]; i++) {
        const struct json *v = json_get_nocase(payload, byte_names[i]);
        if (v)
            return v;
    }
    return NULL;
}

enum status pki_ask_read(const struct pki_operation *o, const struct json *payload,
                         struct buffer *bytes, struct buffer *password, struct pki_ask *ask)
{
    *ask = (struct pki_ask){0};
    bool alone = o->parameter && !json_is(payload, JSON_OBJECT);
    const struct json *blob = find_bytes(payload);
    if (alone && strcmp(o->parameter, "store") == 0)
        ask->store = json_string(payload);
    else if (alone && strcmp(o->parameter, "thumbprint") == 0)
        ask->thumbprint = json_string(payload);
    else if (alone)
        blob = payload;
    else {
        ask->store = json_string(json_get_nocase(payload, "store"));
        ask->thumbprint = json_string(json_get_nocase(payload, "thumbprint"));
        struct slice text = json_string(json_get_nocase(payload, "password"));
        if (text.len) {
            buffer_put(password, text);
            ask->password = buffer_cstr(password);
        }
    }
    if (blob == NULL)
        return OK;
    enum status s = read_bytes(blob, bytes);
    ask->bytes = buffer_slice(bytes);
    return s;
}
