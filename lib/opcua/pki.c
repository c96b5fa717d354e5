#include "opcua/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <open62541/plugin/pki_default.h>
#include <open62541/plugin/securitypolicy_default.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/certificate.h"
#include "opcua/endpoint.h"
#include "opcua/log.h"
#include "opcua/pki_priv.h"

#define LIFE_DAYS 3650

/* ---- the stack's plugin ---- */

static UA_StatusCode plugin_verify(const UA_CertificateVerification *v,
                                   const UA_ByteString *certificate)
{
    return opcua_pki_verify(v->context, slice_from(certificate->data, certificate->length));
}

/* The stack's own makes do with a search for the text in the certificate; so do we, for all are
 * self-made. */
static UA_StatusCode plugin_verify_uri(const UA_CertificateVerification *v,
                                       const UA_ByteString *certificate, const UA_String *uri)
{
    (void)v;
    struct slice whole = slice_from(certificate->data, certificate->length);
    struct slice part = slice_from(uri->data, uri->length);
    return uri->length > 0 && slice_find_slice(whole, part) < whole.len
               ? UA_STATUSCODE_GOOD
               : UA_STATUSCODE_BADCERTIFICATEURIINVALID;
}

static void plugin_clear(UA_CertificateVerification *v)
{
    v->context = NULL; /* the pki is not the client's */
}

void opcua_pki_set_up_verification(struct opcua_pki *pki, UA_CertificateVerification *v)
{
    if (v->clear)
        v->clear(v);
    *v = (UA_CertificateVerification){.context = pki,
                                      .verifyCertificate = plugin_verify,
                                      .verifyApplicationURI = plugin_verify_uri,
                                      .clear = plugin_clear,
                                      .logging = opcua_logger()};
}

typedef UA_StatusCode policy_fn(UA_SecurityPolicy *policy, const UA_ByteString certificate,
                                const UA_ByteString key, const UA_Logger *logger);

static const struct policy {
    const char *uri;
    policy_fn *make;
} policies[] = {
    {OPCUA_POLICY_PREFIX "Aes256_Sha256_RsaPss", UA_SecurityPolicy_Aes256Sha256RsaPss},
    {OPCUA_POLICY_PREFIX "Basic256Sha256", UA_SecurityPolicy_Basic256Sha256},
    {OPCUA_POLICY_PREFIX "Aes128_Sha256_RsaOaep", UA_SecurityPolicy_Aes128Sha256RsaOaep},
};

static UA_ByteString bytes_of(struct slice s)
{
    return (UA_ByteString){s.len, (UA_Byte *)(uintptr_t)s.at};
}

static UA_StatusCode make_policy(const UA_String *uri, struct slice certificate, struct slice key,
                                 UA_SecurityPolicy *out)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (slice_eq(slice_from(uri->data, uri->length), slice_of(policies[i].uri)))
            return policies[i].make(out, bytes_of(certificate), bytes_of(key), opcua_logger()) ==
                           UA_STATUSCODE_GOOD
                       ? UA_STATUSCODE_GOOD
                       : UA_STATUSCODE_BADCERTIFICATEINVALID;
    return UA_STATUSCODE_BADSECURITYPOLICYREJECTED;
}

static bool is_none(const UA_String *uri)
{
    return uri->length == 0 ||
           slice_eq(slice_from(uri->data, uri->length), SLICE(OPCUA_POLICY_PREFIX "None"));
}

/* The stack looks for the policy of the user among those of channels, too. */
static UA_StatusCode add_policies(const struct opcua_pki *pki, const struct opcua_pki_policies *p,
                                  UA_ClientConfig *config)
{
    UA_StatusCode status = UA_STATUSCODE_GOOD;
    struct slice certificate = opcua_pki_certificate(pki), key = opcua_pki_key(pki);
    if (!is_none(&p->channel)) {
        status = make_policy(&p->channel, certificate, key,
                             &config->securityPolicies[config->securityPoliciesSize]);
        config->securityPoliciesSize += status == UA_STATUSCODE_GOOD;
    }
    if (status != UA_STATUSCODE_GOOD || is_none(&p->user))
        return status;
    if (!UA_String_equal(&p->user, &p->channel)) {
        status = make_policy(&p->user, certificate, key,
                             &config->securityPolicies[config->securityPoliciesSize]);
        config->securityPoliciesSize += status == UA_STATUSCODE_GOOD;
    }
    if (status != UA_STATUSCODE_GOOD)
        return status;
    bool own = p->certificate.len == 0;
    status = make_policy(&p->user, own ? certificate : p->certificate, own ? key : p->key,
                         config->authSecurityPolicies);
    config->authSecurityPoliciesSize += status == UA_STATUSCODE_GOOD;
    return status;
}

UA_StatusCode opcua_pki_set_up_client(struct opcua_pki *pki, const struct opcua_pki_policies *p,
                                      UA_ClientConfig *config)
{
    config->securityPolicies = calloc(3, sizeof *config->securityPolicies);
    config->authSecurityPolicies = calloc(1, sizeof *config->authSecurityPolicies);
    UA_StatusCode status =
        UA_SecurityPolicy_None(config->securityPolicies, UA_BYTESTRING_NULL, opcua_logger());
    if (status != UA_STATUSCODE_GOOD)
        return status;
    config->securityPoliciesSize = 1;
    if (pki && p)
        status = add_policies(pki, p, config);
    if (pki)
        opcua_pki_set_up_verification(pki, &config->certificateVerification);
    else
        UA_CertificateVerification_AcceptAll(
            &config->certificateVerification); /* none is ever shown */
    config->clientDescription.applicationUri =
        UA_STRING_ALLOC(pki ? pki->application_uri : "urn:millrace");
    config->clientDescription.applicationName =
        UA_LOCALIZEDTEXT_ALLOC("en", pki ? pki->application_name : "millrace");
    config->clientDescription.applicationType = UA_APPLICATIONTYPE_CLIENT;
    return status;
}

/* ---- the own certificate ---- */

static bool load(const char *path, struct buffer *out)
{
    return access(path, F_OK) == 0 && file_read(path, out) == OK && out->len > 0 &&
           out->len <= PKI_FILE_MAX;
}

static bool load_own(struct opcua_pki *pki, const char *certificate_path, const char *key_path)
{
    if (!load(certificate_path, &pki->certificate) || !load(key_path, &pki->key))
        return false;
    struct certificate_facts facts;
    if (certificate_read(buffer_slice(&pki->certificate), &facts) != OK) {
        log_warn("opcua certificate unreadable file=%s", certificate_path);
        return false;
    }
    if (strcmp(facts.uri, pki->application_uri) != 0)
        log_warn("opcua certificate has another application uri wanted=%s has=%s file=%s",
                 pki->application_uri, facts.uri, certificate_path);
    if (facts.not_after_ms > clock_wall_ms())
        return true;
    log_warn("opcua certificate has run out file=%s", certificate_path);
    return false;
}

static enum status make(struct opcua_pki *pki)
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
    struct buffer pem = {0}, key_pem = {0};
    buffer_reset(&pki->certificate);
    buffer_reset(&pki->key);
    enum status s = certificate_make_application(&ask, &pem, &key_pem);
    if (s == OK)
        s = certificate_der(buffer_slice(&pem), &pki->certificate);
    if (s == OK)
        s = key_der(buffer_slice(&key_pem), &pki->key);
    if (key_pem.len)
        explicit_bzero(key_pem.at, key_pem.len);
    buffer_clear(&key_pem);
    buffer_clear(&pem);
    return s;
}

static enum status make_and_keep(struct opcua_pki *pki, const char *certificate_path,
                                 const char *key_path)
{
    enum status s = make(pki);
    if (s != OK) {
        log_error("opcua certificate not made status=%s", status_name(s));
        return s;
    }
    s = file_write(key_path, opcua_pki_key(pki));
    if (s == OK)
        s = file_write(certificate_path, opcua_pki_certificate(pki));
    if (s == OK)
        log_info("opcua certificate made file=%s uri=%s", certificate_path, pki->application_uri);
    return s;
}

static enum status make_folders(const struct opcua_pki *pki)
{
    static const char *folders[] = {"own/certs",    "own/private", "trusted/certs", "trusted/crl",
                                    "issuer/certs", "issuer/crl",  "rejected/certs"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PKI_PATH_MAX];
        pki_path(pki, folders[i], path);
        enum status s = file_make_directory(path);
        if (s != OK)
            return s;
    }
    return OK;
}

static char *own_uri(void)
{
    char host[256] = "localhost", uri[300];
    gethostname(host, sizeof host - 1);
    snprintf(uri, sizeof uri, "urn:%s:millrace", host);
    return memory_text(uri);
}

enum status opcua_pki_open(const struct opcua_pki_config *config, struct opcua_pki **out)
{
    struct opcua_pki *pki = MEMORY_NEW(struct opcua_pki);
    pki->directory = memory_text(config->directory);
    pki->application_uri =
        config->application_uri ? memory_text(config->application_uri) : own_uri();
    pki->application_name =
        memory_text(config->application_name ? config->application_name : "millrace");
    pki->trust_all = config->trust_all;
    enum status s = make_folders(pki);
    if (s == OK) {
        char certificate[PKI_PATH_MAX], key[PKI_PATH_MAX];
        pki_path(pki, "own/certs/own.der", certificate);
        pki_path(pki, "own/private/own.der", key);
        if (!load_own(pki, certificate, key))
            s = make_and_keep(pki, certificate, key);
    }
    if (s != OK)
        opcua_pki_close(&pki);
    else
        *out = pki;
    return s;
}

void opcua_pki_close(struct opcua_pki **pki)
{
    struct opcua_pki *p = *pki;
    if (!p)
        return;
    if (p->key.len)
        explicit_bzero(p->key.at, p->key.len);
    buffer_clear(&p->key);
    buffer_clear(&p->certificate);
    free(p->directory);
    free(p->application_uri);
    free(p->application_name);
    free(p);
    *pki = NULL;
}

const char *opcua_pki_application_uri(const struct opcua_pki *pki)
{
    return pki->application_uri;
}

struct slice opcua_pki_certificate(const struct opcua_pki *pki)
{
    return buffer_slice(&pki->certificate);
}

struct slice opcua_pki_key(const struct opcua_pki *pki)
{
    return buffer_slice(&pki->key);
}
