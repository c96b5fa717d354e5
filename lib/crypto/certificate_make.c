#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/certificate.h"
#include "crypto/openssl.h"

#define BACKDATE_S 3600 /* for peers whose clock is behind */

/* What kind of certificate: its extensions, as OpenSSL's configuration words them. */
struct shape {
    const char *basic, *usage, *extended;
};

static const struct shape ca = {"critical,CA:TRUE", "critical,keyCertSign,cRLSign,digitalSignature",
                                NULL};

static const struct shape shapes[] = {
    [CERTIFICATE_SERVER] = {"critical,CA:FALSE", "critical,digitalSignature,keyEncipherment",
                            "serverAuth"},
    [CERTIFICATE_CLIENT] = {"critical,CA:FALSE", "critical,digitalSignature", "clientAuth"},
    [CERTIFICATE_BOTH] = {"critical,CA:FALSE", "critical,digitalSignature,keyEncipherment",
                          "serverAuth,clientAuth"},
    [CERTIFICATE_AUTHORITY] = {"critical,CA:TRUE,pathlen:0",
                               "critical,keyCertSign,cRLSign,digitalSignature", NULL},
};

/* OPC UA Part 6, 6.2.2: these usages all; keyCertSign because it signs itself. */
static const struct shape application = {
    "critical,CA:FALSE",
    "critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign",
    "serverAuth,clientAuth"};

static bool put_name(X509_NAME *subject, const char *field, const char *text)
{
    return text == NULL || X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                                      (const unsigned char *)text, -1, -1, 0);
}

static bool put_times(X509 *x, const struct certificate_ask *ask, X509 *issuer)
{
    time_t now = (time_t)(ask->wall_ms / 1000);
    if (!ASN1_TIME_set(X509_getm_notBefore(x), now - BACKDATE_S) ||
        !ASN1_TIME_adj(X509_getm_notAfter(x), now, (int)ask->days, 0))
        return false;
    const ASN1_TIME *last = issuer ? X509_get0_notAfter(issuer) : NULL;
    if (last && ASN1_TIME_compare(X509_get0_notAfter(x), last) > 0)
        return X509_set1_notAfter(x, last);
    return true;
}

/* RFC 5280 4.1.2.2: positive, 20 bytes at most, not to be guessed. */
static bool put_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool done = BN_rand(n, 159, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
                BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return done;
}

static bool put_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    if (value == NULL)
        return true;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool done = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return done;
}

/* Built as objects, not as configuration text: a comma in a name must not become another name. */
static bool push_text(GENERAL_NAMES *names, int type, const char *text)
{
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    for (const char *c = text; *c; c++) {
        if (*c <= 0x20 || *c > 0x7e) {
            ASN1_IA5STRING_free(s);
            GENERAL_NAME_free(name);
            return false;
        }
    }
    ASN1_STRING_set(s, text, -1);
    GENERAL_NAME_set0_value(name, type, s);
    sk_GENERAL_NAME_push(names, name);
    return *text != 0;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    if (address == NULL) {
        ERR_clear_error();
        return push_text(names, GEN_DNS, host);
    }
    GENERAL_NAME *name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    sk_GENERAL_NAME_push(names, name);
    return true;
}

static bool put_alternative_names(X509 *x, const struct certificate_ask *ask)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool fine = ask->uri == NULL || push_text(names, GEN_URI, ask->uri);
    for (const char *const *host = ask->names; fine && host && *host; host++)
        fine = push_host(names, *host);
    if (fine && sk_GENERAL_NAME_num(names))
        fine = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    return fine;
}

static bool fill(X509 *x, const struct certificate_ask *ask, const struct shape *shape,
                 X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(x);
    return X509_set_version(x, X509_VERSION_3) && put_serial(x) && put_times(x, ask, issuer) &&
           put_name(subject, "CN", ask->common_name) && put_name(subject, "O", ask->organization) &&
           X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject) &&
           put_extension(x, issuer, NID_basic_constraints, shape->basic) &&
           put_extension(x, issuer, NID_key_usage, shape->usage) &&
           put_extension(x, issuer, NID_ext_key_usage, shape->extended) &&
           put_extension(x, issuer, NID_subject_key_identifier, "hash") &&
           put_extension(x, issuer, NID_authority_key_identifier, "keyid:always") &&
           put_alternative_names(x, ask);
}

/* Without issuer it signs itself. */
static enum status make(const struct certificate_ask *ask, const struct shape *shape, X509 *issuer,
                        EVP_PKEY *issuer_key, struct buffer *pem, struct buffer *key_pem)
{
    EVP_PKEY *key = openssl_key_new(ask->key);
    X509 *x = X509_new();
    bool fine = X509_set_pubkey(x, key) && fill(x, ask, shape, issuer) &&
                X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256());
    if (fine) {
        openssl_put_certificate(x, pem);
        openssl_put_key(key, key_pem);
    }
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return fine ? OK : BAD_ARGUMENT;
}

enum status certificate_make_ca(const struct certificate_ask *ask, struct buffer *pem,
                                struct buffer *key_pem)
{
    return make(ask, &ca, NULL, NULL, pem, key_pem);
}

enum status certificate_make_application(const struct certificate_ask *ask, struct buffer *pem,
                                         struct buffer *key_pem)
{
    if (ask->uri == NULL)
        return BAD_ARGUMENT;
    return make(ask, &application, NULL, NULL, pem, key_pem);
}

/* Certificates only: an authority's key that stands in the same text must not go out with them. */
static void put_chain(struct slice issuer_pem, struct buffer *pem)
{
    BIO *bio = BIO_new_mem_buf(issuer_pem.at, (int)issuer_pem.len);
    for (X509 *x; (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(x))
        openssl_put_certificate(x, pem);
    BIO_free(bio);
}

enum status certificate_issue(const struct certificate_ask *ask, enum certificate_use use,
                              struct certificate_issuer issuer, struct buffer *pem,
                              struct buffer *key_pem)
{
    X509 *issuer_certificate = openssl_certificate_pem(issuer.pem);
    EVP_PKEY *issuer_key = openssl_key(issuer.key_pem);
    enum status status = BAD_ARGUMENT;
    if (issuer_certificate && issuer_key && X509_check_private_key(issuer_certificate, issuer_key))
        status = make(ask, &shapes[use], issuer_certificate, issuer_key, pem, key_pem);
    if (status == OK)
        put_chain(issuer.pem, pem);
    X509_free(issuer_certificate);
    EVP_PKEY_free(issuer_key);
    ERR_clear_error();
    return status;
}
