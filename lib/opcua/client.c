/* The stack's client of a session: how it is set up, and how it goes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/certificate.h"
#include "opcua/endpoint.h"
#include "opcua/log.h"
#include "opcua/pki.h"
#include "opcua/session_priv.h"

#define BUFFER_BYTES (64u << 10)
#define MESSAGE_MAX (64u << 20) /* of an answer, all chunks together */
#define CHUNKS_MAX 8192

static void on_state(UA_Client *client, UA_SecureChannelState channel, UA_SessionState state,
                     UA_StatusCode status)
{
    (void)status;
    struct opcua_session *s = UA_Client_getContext(client);
    if (s->client == client)
        session_note(s, channel, state);
}

/* ---- who the user is ---- */

static enum opcua_user_kind user_kind(const struct opcua_session *s)
{
    if (!s->user[0])
        return OPCUA_USER_ANONYMOUS;
    return s->certificate_user ? OPCUA_USER_CERTIFICATE : OPCUA_USER_NAME;
}

/* Upstream's word for a user whose certificate is missing. */
static bool find_user(struct opcua_session *s, struct opcua_pki_user *out)
{
    enum status status = opcua_pki_user(s->thread->pki, slice_of(s->user), s->password, out);
    if (status == OK)
        return true;
    session_explain(s, UA_STATUSCODE_BADCERTIFICATEINVALID,
                    status == UNAUTHORIZED
                        ? "the password does not open the key of the user's certificate"
                        : "no certificate with its key in users/certs and users/private has this "
                          "subject or thumbprint");
    return false;
}

static UA_StatusCode set_user(struct opcua_session *s, const struct opcua_pki_policies *p,
                              UA_ClientConfig *config)
{
    switch (user_kind(s)) {
    case OPCUA_USER_ANONYMOUS:
        break;
    case OPCUA_USER_NAME:
        return UA_ClientConfig_setAuthenticationUsername(config, s->user, s->password);
    case OPCUA_USER_CERTIFICATE: {
        UA_X509IdentityToken *token = UA_X509IdentityToken_new();
        UA_ByteString certificate = {p->certificate.len, (UA_Byte *)(uintptr_t)p->certificate.at};
        UA_ExtensionObject_setValue(&config->userIdentityToken, token,
                                    &UA_TYPES[UA_TYPES_X509IDENTITYTOKEN]);
        return UA_ByteString_copy(&certificate, &token->certificateData);
    }
    }
    return UA_STATUSCODE_GOOD;
}

/* ---- which endpoint ---- */

static UA_StatusCode choose(struct opcua_session *s, const UA_EndpointDescription *endpoints,
                            size_t count, struct opcua_endpoint_choice *choice)
{
    struct opcua_endpoint_wish wish = {.security = s->security,
                                       .policy = slice_of(s->policy),
                                       .user = user_kind(s),
                                       .has_certificate = s->thread->pki != NULL};
    char reason[OPCUA_ENDPOINT_REASON_MAX];
    UA_StatusCode status = opcua_endpoint_choose(endpoints, count, &wish, choice, reason);
    if (status != UA_STATUSCODE_GOOD)
        session_explain(s, status, reason);
    else if (choice->plain_password && s->failures == 0)
        log_warn("opcua password goes out unencrypted, the server offers nothing better url=%s",
                 session_redundancy_url(s));
    return status;
}

/* A server may show a whole chain; the stack compares the first alone. */
static void keep_leaf(UA_ByteString *chain)
{
    struct slice rest = slice_from(chain->data, chain->length), leaf;
    if (certificate_next(&rest, &leaf))
        chain->length = leaf.len;
}

static UA_StatusCode set_endpoint(struct opcua_session *s, const UA_EndpointDescription *e,
                                  const struct opcua_endpoint_choice *choice,
                                  UA_ClientConfig *config)
{
    UA_StatusCode status = UA_EndpointDescription_copy(e, &config->endpoint);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    UA_UserTokenPolicy *token = &config->endpoint.userIdentityTokens[choice->token];
    if (choice->user_policy.length == 0) { /* the stack would want a policy even for nobody */
        UA_String_clear(&token->securityPolicyUri);
        token->securityPolicyUri = UA_STRING_ALLOC(OPCUA_POLICY_PREFIX "None");
    }
    status = UA_UserTokenPolicy_copy(token, &config->userTokenPolicy);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    keep_leaf(&config->endpoint.serverCertificate);
    free(s->endpoint_url);
    s->endpoint_url = opcua_endpoint_url(slice_of(session_redundancy_url(s)),
                                         slice_from(e->endpointUrl.data, e->endpointUrl.length));
    UA_String_clear(&config->endpoint.endpointUrl);
    config->endpoint.endpointUrl = UA_STRING_ALLOC(s->endpoint_url);
    config->securityMode = e->securityMode;
    return UA_String_copy(&e->securityPolicyUri, &config->securityPolicyUri);
}

/* ---- the client ---- */

static void set_locales(struct slice locales, UA_ClientConfig *config)
{
    struct slice one;
    size_t count = 0;
    if (locales.len == 0)
        return;
    for (struct slice left = locales; slice_split(&left, ',', &one);)
        count++;
    config->sessionLocaleIds = UA_Array_new(count, &UA_TYPES[UA_TYPES_LOCALEID]);
    while (slice_split(&locales, ',', &one)) {
        UA_String borrowed = opcua_string_of(one);
        UA_String_copy(&borrowed, &config->sessionLocaleIds[config->sessionLocaleIdsSize++]);
    }
}

static void set_up(struct opcua_session *s, UA_ClientConfig *config)
{
    config->clientContext = s;
    config->stateCallback = on_state;
    config->timeout = 0; /* the stack's own: see call.c */
    config->secureChannelLifeTime = s->thread->tuning.token_ms;
    config->requestedSessionTimeout = s->thread->tuning.session_timeout_ms;
    config->outStandingPublishRequests = 0;
    config->localConnectionConfig.localMaxMessageSize = MESSAGE_MAX;
    config->localConnectionConfig.localMaxChunkCount = CHUNKS_MAX;
    config->sessionName = UA_STRING_ALLOC(s->name);
    set_locales(slice_of(s->locales), config);
}

/* Before anything is encrypted for it, it is known whose certificate that is. */
static UA_StatusCode verify(struct opcua_session *s, const UA_EndpointDescription *e,
                            const struct opcua_endpoint_choice *choice)
{
    if (e->securityMode == UA_MESSAGESECURITYMODE_NONE && choice->user_policy.length == 0)
        return UA_STATUSCODE_GOOD;
    const UA_String *uri = &e->server.applicationUri;
    UA_StatusCode status = opcua_pki_verify_server(
        s->thread->pki, slice_from(e->serverCertificate.data, e->serverCertificate.length),
        slice_of(session_redundancy_url(s)), slice_from(uri->data, uri->length));
    if (status != UA_STATUSCODE_GOOD)
        session_explain(s, status, session_advice(status));
    return status;
}

static UA_Client *client_new(struct opcua_session *s, const UA_EndpointDescription *e,
                             const struct opcua_endpoint_choice *choice,
                             const struct opcua_pki_policies *policies)
{
    UA_ClientConfig config = {
        .logging = opcua_logger(),
        .eventLoop = s->thread->event_loop,
        .externalEventLoop = true,
        .localConnectionConfig = {.recvBufferSize = BUFFER_BYTES, .sendBufferSize = BUFFER_BYTES},
    };
    UA_StatusCode status = opcua_pki_set_up_client(s->thread->pki, policies, &config);
    set_up(s, &config);
    if (status == UA_STATUSCODE_GOOD)
        status = set_endpoint(s, e, choice, &config);
    if (status == UA_STATUSCODE_GOOD)
        status = set_user(s, policies, &config);
    UA_Client *client = status == UA_STATUSCODE_GOOD ? UA_Client_newWithConfig(&config) : NULL;
    if (!client) {
        UA_ClientConfig_clear(&config);
        session_explain(s, status, "the client could not be set up");
    }
    return client;
}

UA_Client *session_client_new(struct opcua_session *s, const UA_EndpointDescription *endpoints,
                              size_t count)
{
    struct opcua_endpoint_choice choice;
    if (choose(s, endpoints, count, &choice) != UA_STATUSCODE_GOOD)
        return NULL;
    const UA_EndpointDescription *e = &endpoints[choice.endpoint];
    if (verify(s, e, &choice) != UA_STATUSCODE_GOOD)
        return NULL;
    struct opcua_pki_policies policies = {.channel = e->securityPolicyUri,
                                          .user = choice.user_policy};
    struct opcua_pki_user user = {0};
    if (user_kind(s) == OPCUA_USER_CERTIFICATE) {
        if (!find_user(s, &user))
            return NULL;
        policies.certificate = slice_from(user.certificate, user.certificate_len);
        policies.key = slice_from(user.key, user.key_len);
    }
    UA_Client *client = client_new(s, e, &choice, &policies);
    opcua_pki_user_clear(&user);
    return client;
}

void session_client_cut(struct opcua_session *s)
{
    if (s->client)
        UA_Client_disconnectSecureChannelAsync(s->client);
}

void session_client_drop(struct opcua_session *s)
{
    UA_Client *client = s->client;
    if (!client)
        return;
    s->client = NULL; /* on_state() is deaf from here on */
    UA_Client_delete(client);
}
