#include "opcua/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <open62541/plugin/pki_default.h>
#include <open62541/plugin/securitypolicy_default.h>

#include "base/memory.h"
#include "crypto/certificate.h"
#include "opcua/endpoint.h"
#include "opcua/log.h"
#include "opcua/pki_priv.h"

#define KEY_BITS_MIN 1024 /* as OPC Publisher has it */

/* ---- the stack's plugin ---- */

static UA_StatusCode plugin_verify(const UA_CertificateVerification *v,
                                   const UA_ByteString *certificate)
{
    return opcua_pki_verify(v->context, slice_from(certificate->data, certificate->length));
}

static UA_StatusCode plugin_verify_user(const UA_CertificateVerification *v,
                                        const UA_ByteString *certificate)
{
    return pki_verify_user(v->context, slice_from(certificate->data, certificate->length));
}

static UA_StatusCode plugin_verify_uri(const UA_CertificateVerification *v,
                                       const UA_ByteString *certificate, const UA_String *uri)
{
    (void)v;
    struct slice rest = slice_from(certificate->data, certificate->length), leaf;
    struct certificate_facts facts;
    return certificate_next(&rest, &leaf) && certificate_read(leaf, &facts) == OK &&
                   slice_eq(slice_of(facts.uri), slice_from(uri->data, uri->length))
               ? UA_STATUSCODE_GOOD
               : UA_STATUSCODE_BADCERTIFICATEURIINVALID;
}

static void plugin_clear(UA_CertificateVerification *v)
{
    v->context = NULL; /* the pki is not the stack's */
}

typedef UA_StatusCode verify_fn(const UA_CertificateVerification *v,
                                const UA_ByteString *certificate);

static void set_up(struct opcua_pki *pki, verify_fn *verify, UA_CertificateVerification *v)
{
    if (v->clear)
        v->clear(v);
    *v = (UA_CertificateVerification){.context = pki,
                                      .verifyCertificate = verify,
                                      .verifyApplicationURI = plugin_verify_uri,
                                      .clear = plugin_clear,
                                      .logging = opcua_logger()};
}

void opcua_pki_set_up_verification(struct opcua_pki *pki, UA_CertificateVerification *v)
{
    set_up(pki, plugin_verify, v);
}

void opcua_pki_set_up_users(struct opcua_pki *pki, UA_CertificateVerification *v)
{
    set_up(pki, plugin_verify_user, v);
}

/* ---- policies ---- */

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
static UA_StatusCode add_policies(struct opcua_pki *pki, const struct opcua_pki_policies *p,
                                  UA_ClientConfig *config)
{
    UA_StatusCode status = UA_STATUSCODE_GOOD;
    struct opcua_pki_own mine = opcua_pki_own(pki);
    struct slice certificate = mine.certificate, key = mine.key;
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

/* ---- start and end ---- */

static const char *const folder_names[] = {
    [OPCUA_PKI_OWN] = "own",       [OPCUA_PKI_TRUSTED] = "trusted",
    [OPCUA_PKI_ISSUER] = "issuer", [OPCUA_PKI_REJECTED] = "rejected",
    [OPCUA_PKI_USERS] = "users",   [OPCUA_PKI_USERS_ISSUER] = "users/issuer",
    [OPCUA_PKI_HTTPS] = "https",   [OPCUA_PKI_HTTPS_ISSUER] = "https/issuer",
};

/* OPC Publisher 2.8 called the folder of issuers so. */
#define OLD_ISSUERS "issuers"

static void set_folders(struct opcua_pki *pki, const struct opcua_pki_config *config)
{
    for (int i = 0; i < OPCUA_PKI_STORES; i++) {
        const struct opcua_pki_folder *f = &config->folders[i];
        char path[PKI_PATH_MAX], old[PKI_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", config->directory, folder_names[i]);
        snprintf(old, sizeof old, "%s/%s", config->directory, OLD_ISSUERS);
        if (i == OPCUA_PKI_ISSUER && access(path, F_OK) != 0 && access(old, F_OK) == 0)
            snprintf(path, sizeof path, "%s", old);
        pki->folders[i].path = memory_text(f->path && f->path[0] ? f->path : path);
        pki->folders[i].flat = f->flat;
    }
}

static char *own_uri(void)
{
    char host[256] = "localhost", uri[300];
    gethostname(host, sizeof host - 1);
    snprintf(uri, sizeof uri, "urn:%s:millrace", host);
    return memory_text(uri);
}

static bool is_given(const char *text)
{
    return text && text[0];
}

enum status opcua_pki_open(const struct opcua_pki_config *config, struct opcua_pki **out)
{
    struct opcua_pki *pki = MEMORY_NEW(struct opcua_pki);
    pthread_mutex_init(&pki->lock, NULL);
    set_folders(pki, config);
    pki->uri_given = is_given(config->application_uri);
    pki->application_uri = pki->uri_given ? memory_text(config->application_uri) : own_uri();
    pki->application_name =
        memory_text(is_given(config->application_name) ? config->application_name : "millrace");
    pki->own_password = is_given(config->own_password) ? memory_text(config->own_password) : NULL;
    pki->adopt = config->adopt;
    pki->trust_all = config->trust_all;
    pki->trust_self = config->trust_self;
    pki->accept_unknown_revocation = config->accept_unknown_revocation;
    pki->accept_sha1 = config->accept_sha1;
    pki->key_bits_min = config->key_bits_min ? config->key_bits_min : KEY_BITS_MIN;
    enum status s = pki_make_folders(pki);
    if (s == OK)
        s = pki_own_open(pki);
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
    pki_own_clear(p);
    for (int i = 0; i < OPCUA_PKI_STORES; i++)
        free(p->folders[i].path);
    if (p->own_password)
        explicit_bzero(p->own_password, strlen(p->own_password));
    free(p->own_password);
    free(p->application_uri);
    free(p->application_name);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pki = NULL;
}

const char *opcua_pki_application_uri(const struct opcua_pki *pki)
{
    return pki->application_uri;
}
