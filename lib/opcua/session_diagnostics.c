#include "opcua/session_diagnostics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/event_loop.h"
#include "opcua/session_priv.h"
#include "opcua/tcp.h"

enum { SESSIONS, SUBSCRIPTIONS, NODES };

struct opcua_session_diagnostics {
    struct opcua_session *session;
    struct opcua_call *call;
    opcua_session_diagnostics_fn *fn;
    void *arg;
};

bool opcua_session_channel(const struct opcua_session *s, struct opcua_channel *out)
{
    struct opcua_tcp_channel c;
    if (!s->client || !opcua_tcp_channel(opcua_event_loop_tcp(s->thread->event_loop), s->client, &c))
        return false;
    *out = (struct opcua_channel){.id = c.id,
                                  .token_id = c.token_id,
                                  .since_ms = c.since_ms,
                                  .lifetime_ms = s->thread->tuning.token_ms};
    snprintf(out->peer, sizeof out->peer, "%s", c.peer);
    return true;
}

/* The i-th of a value's elements when it is of that type, in an extension object or out of it. */
static const void *element(const UA_Variant *v, size_t i, const UA_DataType *type)
{
    if (v->type == type)
        return (const char *)v->data + i * type->memSize;
    const UA_ExtensionObject *o = v->data;
    bool is = v->type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] &&
              o[i].encoding >= UA_EXTENSIONOBJECT_DECODED && o[i].content.decoded.type == type;
    return is ? o[i].content.decoded.data : NULL;
}

static const UA_SessionDiagnosticsDataType *find(const struct opcua_session *s, const UA_Variant *v)
{
    for (size_t i = 0; v->type && i < v->arrayLength; i++) {
        const UA_SessionDiagnosticsDataType *d =
            element(v, i, &UA_TYPES[UA_TYPES_SESSIONDIAGNOSTICSDATATYPE]);
        if (d && slice_eq(opcua_slice(d->sessionName), slice_of(s->name)))
            return d;
    }
    return NULL;
}

/* Those of the session, shallow copies one after the other. */
static UA_SubscriptionDiagnosticsDataType *take_subscriptions(const UA_NodeId *session,
                                                              const UA_Variant *v, size_t *count)
{
    UA_SubscriptionDiagnosticsDataType *of = memory_new((v->arrayLength + 1) * sizeof *of);
    *count = 0;
    for (size_t i = 0; v->type && i < v->arrayLength; i++) {
        const UA_SubscriptionDiagnosticsDataType *d =
            element(v, i, &UA_TYPES[UA_TYPES_SUBSCRIPTIONDIAGNOSTICSDATATYPE]);
        if (d && UA_NodeId_equal(&d->sessionId, session))
            of[(*count)++] = *d;
    }
    return of;
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_session_diagnostics *d = arg;
    const UA_ReadResponse *r = response;
    bool answered = r && r->resultsSize == NODES;
    const UA_SessionDiagnosticsDataType *of =
        answered ? find(d->session, &r->results[SESSIONS].value) : NULL;
    if (of) {
        size_t count;
        UA_SubscriptionDiagnosticsDataType *subscriptions =
            take_subscriptions(&of->sessionId, &r->results[SUBSCRIPTIONS].value, &count);
        d->fn(d->arg, UA_STATUSCODE_GOOD, of, subscriptions, count);
        free(subscriptions);
    } else {
        d->fn(d->arg, UA_StatusCode_isBad(status) ? status : UA_STATUSCODE_BADNOTFOUND, NULL, NULL,
              0);
    }
    free(d);
}

struct opcua_session_diagnostics *opcua_session_diagnostics(struct opcua_session *s,
                                                            opcua_session_diagnostics_fn *fn,
                                                            void *arg, uint32_t timeout_ms)
{
    static const UA_UInt32 nodes[NODES] = {
        [SESSIONS] =
            UA_NS0ID_SERVER_SERVERDIAGNOSTICS_SESSIONSDIAGNOSTICSSUMMARY_SESSIONDIAGNOSTICSARRAY,
        [SUBSCRIPTIONS] = UA_NS0ID_SERVER_SERVERDIAGNOSTICS_SUBSCRIPTIONDIAGNOSTICSARRAY};
    struct opcua_session_diagnostics *d = MEMORY_NEW(struct opcua_session_diagnostics);
    *d = (struct opcua_session_diagnostics){.session = s, .fn = fn, .arg = arg};
    UA_ReadValueId ids[NODES];
    for (size_t i = 0; i < NODES; i++)
        ids[i] = (UA_ReadValueId){.nodeId = UA_NODEID_NUMERIC(0, nodes[i]),
                                  .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToRead = ids,
                              .nodesToReadSize = NODES,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    d->call = OPCUA_CALL(s, OPCUA_CALL_NOW, READ, &request, on_read, d, timeout_ms);
    return d;
}

void opcua_session_diagnostics_cancel(struct opcua_session_diagnostics **diagnostics)
{
    struct opcua_session_diagnostics *d = *diagnostics;
    if (!d)
        return;
    opcua_call_cancel(d->call);
    free(d);
    *diagnostics = NULL;
}
