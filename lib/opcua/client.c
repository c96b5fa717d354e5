/* The stack's client of a session: how it is set up, and how it goes. */
#include <stdio.h>
#include <stdlib.h>

#include "opcua/log.h"
#include "opcua/pki.h"
#include "opcua/session_priv.h"

#define POLICY_PREFIX "http://opcfoundation.org/UA/SecurityPolicy#"
#define POLICY_MAX 256
#define SESSION_TIMEOUT_MS 120000
#define CHANNEL_LIFE_MS 3600000
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

/* What is asked of the endpoint; INVALID is the stack's word for "the best". NotNone tries the
 * better one first. */
static UA_MessageSecurityMode mode_of(const struct opcua_session *s)
{
    switch (s->security) {
    case OPCUA_SECURITY_NONE:
        return UA_MESSAGESECURITYMODE_NONE;
    case OPCUA_SECURITY_SIGN:
        return UA_MESSAGESECURITYMODE_SIGN;
    case OPCUA_SECURITY_SIGN_AND_ENCRYPT:
        return UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    case OPCUA_SECURITY_NOT_NONE:
        return s->failures % 2 ? UA_MESSAGESECURITYMODE_SIGN
                               : UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    case OPCUA_SECURITY_BEST:
        break;
    }
    return UA_MESSAGESECURITYMODE_INVALID;
}

static UA_String policy_of(const struct opcua_session *s)
{
    char uri[POLICY_MAX];
    if (!s->policy[0])
        return UA_STRING_NULL;
    snprintf(uri, sizeof uri, "%s%s", strchr(s->policy, ':') ? "" : POLICY_PREFIX, s->policy);
    return UA_STRING_ALLOC(uri);
}

static void set_up(struct opcua_session *s, UA_ClientConfig *config)
{
    config->clientContext = s;
    config->stateCallback = on_state;
    config->timeout = 0; /* the stack's own: see call.c */
    config->secureChannelLifeTime = CHANNEL_LIFE_MS;
    config->requestedSessionTimeout = SESSION_TIMEOUT_MS;
    config->outStandingPublishRequests = 0;
    config->localConnectionConfig.localMaxMessageSize = MESSAGE_MAX;
    config->localConnectionConfig.localMaxChunkCount = CHUNKS_MAX;
    config->securityMode = mode_of(s);
    config->securityPolicyUri = policy_of(s);
    config->sessionName = UA_STRING_ALLOC("millrace");
    if (s->user[0])
        UA_ClientConfig_setAuthenticationUsername(config, s->user, s->password);
}

UA_Client *session_client_new(struct opcua_session *s)
{
    if (s->security != OPCUA_SECURITY_NONE && s->security != OPCUA_SECURITY_BEST &&
        !s->thread->pki) {
        session_explain(s, UA_STATUSCODE_BADSECURITYMODEREJECTED,
                        "there is no own certificate: name a directory for certificates");
        return NULL;
    }
    UA_ClientConfig config = {
        .logging = opcua_logger(),
        .eventLoop = s->thread->event_loop,
        .externalEventLoop = true,
        .localConnectionConfig = {.recvBufferSize = BUFFER_BYTES, .sendBufferSize = BUFFER_BYTES},
    };
    UA_StatusCode status = opcua_pki_set_up_client(s->thread->pki, &config);
    if (status == UA_STATUSCODE_GOOD)
        set_up(s, &config);
    UA_Client *client = status == UA_STATUSCODE_GOOD ? UA_Client_newWithConfig(&config) : NULL;
    if (!client) {
        UA_ClientConfig_clear(&config);
        session_explain(s, status, "the client could not be set up");
    }
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
